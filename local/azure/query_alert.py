"""Rules on logs (``scheduledQueryRules``) fire: by the clock, or at once (``python -m local alerts run``).

Scope: rules on one Log Analytics workspace with one condition, on the number of rows or on a column; three checks in a row that
don't find it met resolve an alert. Left unevaluated, with the reason: dimensions, several failing periods, muted actions, dynamic
thresholds, and queries that aren't understood or whose table isn't filled here.

Source: Microsoft Learn, "Create a log search alert rule"; "Common alert schema", section "Log alerts V2".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import eq, ge, gt, le, lt
from statistics import fmean
from typing import TYPE_CHECKING, Any

from local.azure import alert_record
from local.azure.alert_record import Signal
from local.azure.alert_rule import UnevaluatedError
from local.azure.errors import ArmError
from local.azure.insights import QUERY_RULE
from local.azure.logs import kusto, query
from local.azure.machine_learning.duration import seconds
from local.azure.metric_alert import ALERT
from local.azure.operational_insights.name import WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record

_SIGNAL = Signal("Log", "Log Alerts V2", "Microsoft.Insights_scheduledQueryRules")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "greaterthan": gt, "greaterthanorequal": ge, "lessthan": lt, "lessthanorequal": le, "equals": eq, "equal": eq,
}  # fmt: skip
_AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "average": fmean, "minimum": min, "maximum": max, "total": sum,
}  # fmt: skip
#: How many checks in a row that don't find the condition met resolve an alert.
_HEALTHY = 3
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Rule:
    """A rule, read."""

    workspace: str
    query: str
    column: str
    aggregation: str
    operator: str
    threshold: float
    window: timedelta
    frequency: timedelta
    auto_mitigate: bool
    severity: int


def read(azure: Azure, properties: Json) -> Rule:
    """A rule's properties, read.

    Raises:
        UnevaluatedError: it is of a kind that isn't evaluated.
    """
    conditions: list[Json] = (properties.get("criteria") or {}).get("allOf") or []
    scopes: list[str] = properties.get("scopes") or []
    if len(conditions) != 1 or len(scopes) != 1:
        raise UnevaluatedError("only rules with one condition on one scope are evaluated")
    (one,), (scope,) = conditions, scopes
    if azure.parse(scope).type.lower() != WORKSPACE.lower():
        raise UnevaluatedError(f"its scope is no Log Analytics workspace: {scope}")
    periods: Json = one.get("failingPeriods") or {}
    for what, given in (
        ("dimensions", one.get("dimensions")),
        ("several periods", int(periods.get("numberOfEvaluationPeriods") or 1) > 1),
        ("dynamic thresholds", str(one.get("criterionType") or "").startswith("Dynamic")),
        ("muted actions", properties.get("muteActionsDuration")),
    ):
        if given:
            raise UnevaluatedError(f"{what} aren't evaluated")
    aggregation, operator = str(one.get("timeAggregation")).lower(), str(one.get("operator")).lower()
    column = str(one.get("metricMeasureColumn") or "")
    if (
        operator not in _OPERATORS
        or (column and aggregation not in _AGGREGATIONS)
        or one.get("threshold") is None
    ):
        raise UnevaluatedError(f"'{one.get('timeAggregation')}' with '{one.get('operator')}' isn't evaluated")
    try:
        kusto.table_of(str(one.get("query")))
        window = seconds(str(properties.get("overrideQueryTimeRange") or properties["windowSize"]))
        frequency = seconds(str(properties["evaluationFrequency"]))
    except (ArmError, KeyError) as error:
        raise UnevaluatedError(
            error.message if isinstance(error, ArmError) else f"it has no {error}"
        ) from None
    return Rule(
        workspace=scope,
        query=str(one["query"]),
        column=column,
        aggregation=aggregation,
        operator=operator,
        threshold=float(one["threshold"]),
        window=timedelta(seconds=window),
        frequency=timedelta(seconds=frequency),
        auto_mitigate=bool(properties.get("autoMitigate", True)),
        severity=int(properties.get("severity") or 0),
    )


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
    for record in azure.store.of_type(QUERY_RULE):
        if not record.body["properties"].get("enabled", True):
            found.append({"rule": record.id, "evaluated": False, "reason": "it is disabled"})
            continue
        try:
            rule = read(azure, record.body["properties"])
            if wanted(rule):
                found.append(
                    {
                        "rule": record.id,
                        "evaluated": True,
                        "observations": [_check(azure, record, rule, end)],
                    }
                )
        except (UnevaluatedError, ArmError) as error:
            reason = error.message if isinstance(error, ArmError) else str(error)
            found.append({"rule": record.id, "evaluated": False, "reason": reason})
    return found


def _check(azure: Azure, record: Record, rule: Rule, end: datetime) -> Json:
    answer = query.ask(azure, rule.workspace, rule.query, end - rule.window, end)
    value = float(len(answer.rows))
    if rule.column:
        values = [float(one) for one in answer.column(rule.column) if one is not None]
        value = float(_AGGREGATIONS[rule.aggregation](values)) if values else None
    met = value is not None and _OPERATORS[rule.operator](value, rule.threshold)
    fired = next(
        (
            alert
            for alert in azure.store.of_type(ALERT)
            if alert.body["local"]["rule"] == record.id.lower()
            and alert.body["properties"]["essentials"]["monitorCondition"] == "Fired"
        ),
        None,
    )
    change = None
    alert = fired.id if fired is not None else None
    context = _context(rule, value, end)
    if met and (fired is None or not rule.auto_mitigate):
        change = "Fired"
        alert = alert_record.fire(
            azure, record, _SIGNAL, severity=rule.severity, target=rule.workspace, context=context
        ).id
    elif fired is not None and rule.auto_mitigate:
        healthy = 0 if met else int(fired.body["local"]["healthy"]) + 1
        if healthy >= _HEALTHY:
            change = "Resolved"
            alert_record.resolve(azure, fired, context)
        else:
            azure.store.put(fired.id, {**fired.body, "local": {**fired.body["local"], "healthy": healthy}})
    values = {rule.column or "rows": value}
    return {"target": rule.workspace, "dimensions": {}, "values": values, "met": met, "change": change, "alert": alert}  # fmt: skip


def _context(rule: Rule, value: float | None, end: datetime) -> Json:
    condition: dict[str, Any] = {
        "searchQuery": rule.query,
        "metricMeasureColumn": rule.column or None,
        "targetResourceTypes": f"['{WORKSPACE}']",
        "operator": rule.operator,
        "threshold": f"{rule.threshold:g}",
        "timeAggregation": rule.aggregation,
        "dimensions": [],
        "metricValue": value,
        "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
    }
    return {
        "conditionType": "LogQueryCriteria",
        "condition": {
            "windowSize": f"PT{int(rule.window.total_seconds() // 60)}M",
            "allOf": [condition],
            "windowStartTime": (end - rule.window).isoformat(),
            "windowEndTime": end.isoformat(),
        },
    }


async def _watch(azure: Azure) -> None:
    """Checks rules by the clock, at the multiples of their frequency."""
    before = azure.now()
    while True:
        await asyncio.sleep(60 - azure.now().timestamp() % 60 + 0.1)
        after, before = before, azure.now()
        evaluate(
            azure,
            end=before,
            wanted=lambda rule, after=after, until=before: (
                after.timestamp() // rule.frequency.total_seconds()
                < until.timestamp() // rule.frequency.total_seconds()
            ),
        )


async def start(azure: Azure) -> None:
    """Begins to check rules by the clock."""
    azure.spawn("log alerts", _watch(azure))
