"""Metric alerts fire: rules are checked by the clock, alerts kept and listed, action groups told.

Scope: rules whose metrics local Azure measures (``alert_rule``), on one resource, several, a group or the subscription;
``Microsoft.AlertsManagement/alerts`` (list by scope, get, change state). Rules are checked at the multiples of their frequency
over the full minutes before, and at once, with the current minute, by ``POST {subscription}/providers/Local.Azure/evaluateMetricAlerts``
(``python -m local alerts run``), which Azure doesn't have. Omitted: history, summary, smart groups, processing rules, filters by
time.

An alert is written down, with what is to be told of it, before anybody is told; what wasn't told before a stop is told after
it, so a receiver may be told twice.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.azure import alert_notification, alert_rule
from local.azure.alert_rule import Change, Observation, Rule, Series, UnevaluatedError
from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.insights import METRIC_ALERT
from local.azure.machine_learning import request_metric, run_metric
from local.azure.metric_query import stamp
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

ALERT = "Microsoft.AlertsManagement/alerts"
_STATES = ("New", "Acknowledged", "Closed")
#: Filters of a list, and the essentials they compare.
_FILTERS = {
    "monitorcondition": "monitorCondition",
    "severity": "severity",
    "alertstate": "alertState",
    "alertrule": "alertRule",
    "targetresource": "targetResource",
    "targetresourcegroup": "targetResourceGroup",
    "targetresourcetype": "targetResourceType",
}
_IGNORED = frozenset({"api-version", "includecontext", "includeegressconfig"})


@dataclass(frozen=True)
class _Check:
    """A check of a rule at one resource."""

    record: Record
    rule: Rule
    target: str
    #: where the window ends
    end: datetime


def evaluate(
    azure: Azure, *, end: datetime, wanted: Callable[[Rule], bool] = lambda _rule: True
) -> list[Json]:
    """Checks all rules that are switched on, and says what was found and what became of alerts.

    Args:
        azure: local Azure.
        end: where the windows end.
        wanted: which rules to check.
    """
    found: list[Json] = []
    for record in azure.store.of_type(METRIC_ALERT):
        properties: Json = record.body["properties"]
        if not properties.get("enabled", True):
            found.append({"rule": record.id, "evaluated": False, "reason": "it is disabled"})
            continue
        try:
            rule = alert_rule.read(properties)
        except UnevaluatedError as error:
            found.append({"rule": record.id, "evaluated": False, "reason": str(error)})
            continue
        if wanted(rule):
            observations = [
                one
                for target in _targets(azure, properties)
                for one in _checked(azure, _Check(record, rule, target, end))
            ]
            found.append({"rule": record.id, "evaluated": True, "observations": observations})
    return found


def _targets(azure: Azure, properties: Json) -> list[str]:
    """The online endpoints that a rule is about."""
    found: dict[str, str] = {}
    for scope in properties.get("scopes") or []:
        resource_id = azure.parse(str(scope))
        if resource_id.type.lower() in alert_rule.MEASURED:
            record = azure.store.get(resource_id.text)
            found |= {record.id.lower(): record.id} if record is not None else {}
        elif resource_id.type.startswith("Microsoft.Resources/"):
            below = azure.store.below(resource_id.text, request_metric.NAMESPACE)
            found |= {record.id.lower(): record.id for record in below}
    return list(found.values())


def _checked(azure: Azure, check: _Check) -> list[Json]:
    """Checks a rule at one resource."""
    record, rule, target = check.record, check.rule, check.target
    fired = {
        alert_rule.folded(_series(alert)): alert
        for alert in azure.store.of_type(ALERT)
        if alert.body["local"]["rule"] == record.id.lower()
        and alert.body["local"]["target"] == target.lower()
        and alert.body["properties"]["essentials"]["monitorCondition"] == Change.FIRED
    }
    samples = (
        request_metric.of(azure).samples(target)
        if azure.parse(target).type.lower() == request_metric.NAMESPACE.lower()
        else run_metric.samples(azure, target)
    )
    found: list[Json] = []
    for one in alert_rule.observe(rule, samples, check.end, [_series(alert) for alert in fired.values()]):
        before = fired.get(alert_rule.folded(one.series))
        healthy = int(before.body["local"]["healthy"]) if before is not None else 0
        change, healthy = alert_rule.advance(
            fired=before is not None, healthy=healthy, met=one.met, auto_mitigate=rule.auto_mitigate
        )
        alert = before.id if before is not None else None
        if change is Change.FIRED:
            alert = _fire(azure, check, one)
        elif before is not None:
            _update(azure, check, before, one, (change, healthy))
        found.append(
            {
                "target": target,
                "dimensions": dict(one.series),
                "values": {part.criterion.metric.name: part.value for part in one.parts},
                "met": one.met,
                "change": change,
                "alert": alert,
            }
        )
    return found


def _series(alert: Record) -> Series:
    return tuple((name, value) for name, value in alert.body["local"]["series"])


def _fire(azure: Azure, check: _Check, found: Observation) -> str:
    """Writes down a new alert, and has it told; returns its id."""
    record, target = check.record, check.target
    rule_id, target_id, now = azure.parse(record.id), azure.parse(target), azure.now().isoformat()
    path = f"/subscriptions/{rule_id.subscription_id}/providers/{ALERT}/{uuid.uuid4()}"
    properties: Json = record.body["properties"]
    context = _context(check.rule, found, check.end)
    origin = "_".join(
        (
            rule_id.subscription_id,
            rule_id.resource_group or "",
            "Microsoft.Insights_metricAlerts",
            rule_id.name,
        )
    )
    essentials: Json = {
        "severity": f"Sev{properties['severity']}",
        "signalType": "Metric",
        "alertState": "New",
        "monitorCondition": Change.FIRED,
        "monitorService": "Platform",
        "targetResource": target,
        "targetResourceName": target_id.name,
        "targetResourceGroup": target_id.resource_group,
        "targetResourceType": target_id.type,
        "sourceCreatedId": f"{origin}_{uuid.uuid5(uuid.NAMESPACE_URL, f'{target}{found.series}'.lower())}",
        "alertRule": record.id,
        "description": properties.get("description") or "",
        "startDateTime": now,
        "lastModifiedDateTime": now,
        "lastModifiedUserName": "System",
        "actionStatus": {"isSuppressed": False},
    }
    local: Json = {
        "rule": record.id.lower(),
        "target": target.lower(),
        "series": [list(pair) for pair in found.series],
        "healthy": 0,
        "notices": [{"condition": Change.FIRED, "id": path, "time": now, "context": context}],
    }
    azure.store.put(path, {"properties": {"essentials": essentials, "context": context}, "local": local})
    azure.spawn(f"alert {record.name}", tell_waiting(azure, path))
    return path


def _update(
    azure: Azure, check: _Check, alert: Record, found: Observation, made: tuple[Change | None, int]
) -> None:
    """Writes down what a check made of an alert that has fired; a resolved one is told."""
    change, healthy = made
    local: Json = {**alert.body["local"], "healthy": healthy}
    if change is None:
        if local != alert.body["local"]:
            azure.store.put(alert.id, {**alert.body, "local": local})
        return
    now, context = azure.now().isoformat(), _context(check.rule, found, check.end)
    local["notices"] = [
        *local["notices"],
        {"condition": change, "id": alert.id, "time": now, "context": context},
    ]
    essentials: Json = {
        **alert.body["properties"]["essentials"],
        "monitorCondition": change,
        "monitorConditionResolvedDateTime": now,
        "lastModifiedDateTime": now,
    }
    azure.store.put(alert.id, {"properties": {"essentials": essentials, "context": context}, "local": local})
    if not alert.body["local"]["notices"]:
        azure.spawn(f"alert {alert.name}", tell_waiting(azure, alert.id))


def _context(rule: Rule, found: Observation, end: datetime) -> Json:
    """The ``alertContext``: what was measured."""
    return {
        "conditionType": rule.kind,
        "condition": {
            "windowSize": _duration(rule.window),
            "allOf": [
                {
                    "metricName": part.criterion.metric.name,
                    "metricNamespace": part.criterion.namespace,
                    "operator": part.criterion.operator,
                    "threshold": f"{part.criterion.threshold:g}",
                    "timeAggregation": part.criterion.aggregation,
                    "dimensions": [{"name": name, "value": value} for name, value in part.series],
                    "metricValue": part.value,
                    "webTestName": None,
                }
                for part in found.parts
            ],
            "windowStartTime": stamp(end - rule.window),
            "windowEndTime": stamp(end),
        },
    }


def _duration(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    if minutes % 1440 == 0:
        return f"P{minutes // 1440}D"
    return f"PT{minutes // 60}H" if minutes % 60 == 0 else f"PT{minutes}M"


async def tell_waiting(azure: Azure, path: str) -> None:
    """Tells what of an alert hasn't been told."""
    while (alert := azure.store.get(path)) is not None and alert.body["local"]["notices"]:
        notice: Json = alert.body["local"]["notices"][0]
        essentials: Json = alert.body["properties"]["essentials"]
        rule = azure.store.get(str(essentials["alertRule"]))
        if rule is not None:
            await alert_notification.tell(
                azure, azure.parse(rule.id), rule.body["properties"], essentials, notice
            )
        now = azure.store.get(path)
        if now is None or notice not in now.body["local"]["notices"]:
            return
        left = [one for one in now.body["local"]["notices"] if one != notice]
        azure.store.put(path, {**now.body, "local": {**now.body["local"], "notices": left}})


async def _watch(azure: Azure) -> None:
    """Checks rules by the clock."""
    before = azure.now()
    while True:
        now = azure.now()
        until = alert_rule.window_end(now, early=True)
        await asyncio.sleep(max(0.0, (until - now).total_seconds()) + 0.05)
        after, before = before, azure.now()
        evaluate(
            azure,
            end=alert_rule.window_end(before, early=False),
            wanted=lambda rule, after=after, until=before: alert_rule.due(rule, after, until),
        )


async def start(azure: Azure) -> None:
    """Begins to check rules by the clock, and tells what wasn't told before a stop."""
    for alert in azure.store.of_type(ALERT):
        if alert.body["local"]["notices"]:
            azure.spawn(f"alert {alert.name}", tell_waiting(azure, alert.id))
    azure.spawn("metric alerts", _watch(azure))


def _shown(alert: Record) -> Json:
    return {"id": alert.id, "type": ALERT, "name": alert.name, "properties": alert.body["properties"]}


async def _list(azure: Azure, call: Call) -> Answer:
    """The alerts of the resources in a scope, the newest first."""
    filters = {name.lower(): value for name, value in call.query.items() if name.lower() not in _IGNORED}
    for name in filters:
        if name not in _FILTERS:
            raise unsupported(f"The parameter '{name}' of a list of alerts")
    scope = call.captured["scope"].lower()
    found = [
        alert
        for alert in azure.store.of_type(ALERT)
        if f"{alert.body['local']['target']}/".startswith(f"{scope}/")
        and all(
            str(alert.body["properties"]["essentials"][_FILTERS[name]]).lower() == value.lower()
            for name, value in filters.items()
        )
    ]
    found.sort(key=lambda alert: alert.body["properties"]["essentials"]["startDateTime"], reverse=True)
    return Answer(200, {"value": [_shown(alert) for alert in found]})


def _alert(azure: Azure, call: Call) -> Record:
    subscription = azure.parse(call.captured["scope"]).subscription_id
    alert = azure.store.get(f"/subscriptions/{subscription}/providers/{ALERT}/{call.captured['name']}")
    if alert is None:
        raise ArmError(404, "NotFound", f"The alert '{call.captured['name']}' was not found.")
    return alert


async def _get(azure: Azure, call: Call) -> Answer:
    return Answer(200, _shown(_alert(azure, call)))


async def _change_state(azure: Azure, call: Call) -> Answer:
    alert = _alert(azure, call)
    wanted = next((text for name, text in call.query.items() if name.lower() == "newstate"), "")
    if wanted not in _STATES:
        raise bad_request(f"newState is '{wanted}'; it is one of {', '.join(_STATES)}.", target="newState")
    essentials: Json = {
        **alert.body["properties"]["essentials"],
        "alertState": wanted,
        "lastModifiedDateTime": azure.now().isoformat(),
        "lastModifiedUserName": call.principal_id or "",
    }
    body: Json = {**alert.body, "properties": {**alert.body["properties"], "essentials": essentials}}
    return Answer(200, _shown(azure.store.put(alert.id, body)))


_ARM = re.compile(r"management\.azure\.com")
_ALERTS = r"(?P<scope>/subscriptions/.+?)/providers/Microsoft\.AlertsManagement/alerts"
ROUTES = (
    Route(_ARM, re.compile(_ALERTS, re.IGNORECASE), _list, ("GET",)),
    Route(_ARM, re.compile(rf"{_ALERTS}/(?P<name>[^/]+)", re.IGNORECASE), _get, ("GET",)),
    Route(
        _ARM, re.compile(rf"{_ALERTS}/(?P<name>[^/]+)/changestate", re.IGNORECASE), _change_state, ("POST",)
    ),
)
