"""Autoscale acts: settings on online deployments are evaluated by the clock, and instances are started and ended.

Scope: settings whose target is an online deployment, with rules on the metrics of online deployments and endpoints that local
Azure measures (``deployment_metric``, ``request_metric``). They are evaluated at each full minute over the full minutes before,
and at once, with the current minute, by ``POST {subscription}/providers/Local.Azure/evaluateAutoscaleSettings`` (``python -m local
autoscale run``), which Azure doesn't have. A minute without a request counts as 0 requests; other metrics of nothing can't be
read. A scaling sets the deployment's capacity, as a PATCH would, within its quota. Left alone, with the reason: other targets,
rules on other metrics. Omitted: notifications, history, events in the activity log.

When a setting scaled last is kept with it, below ``local``; what was scaled to is kept by the deployment.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from local.azure import alert_rule, autoscale_rule
from local.azure.autoscale_setting import SETTING
from local.azure.errors import ArmError
from local.azure.machine_learning import deployment_metric, quota, request_metric, serving
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.autoscale_rule import Profile, Trigger
    from local.azure.azure import Azure
    from local.azure.machine_learning.request_metric import Metric
    from local.azure.resource_type import Call, Json, Record

_MINUTE = timedelta(minutes=1)


class UnevaluatedError(Exception):
    """A setting is kept and not acted upon; the message says why."""


def evaluate(azure: Azure, *, end: datetime) -> list[Json]:
    """Evaluates all settings and scales what they are about; what was found, by setting."""
    found: list[Json] = []
    for setting in azure.store.of_type(SETTING):
        try:
            told = _evaluate(azure, setting, end)
        except UnevaluatedError as error:
            told = {"evaluated": False, "reason": str(error)}
        except ArmError as error:
            told = {"evaluated": False, "reason": error.message}
        found.append({"setting": setting.id, **told})
    return found


def _evaluate(azure: Azure, setting: Record, end: datetime) -> Json:
    properties: Json = setting.body["properties"]
    if not properties.get("enabled"):
        raise UnevaluatedError("it is disabled")
    target = str(properties.get("targetResourceUri") or "")
    if not target:
        raise UnevaluatedError("it has no target")
    deployment = azure.store.get(target)
    if azure.parse(target).type.lower() != deployment_metric.NAMESPACE.lower():
        raise UnevaluatedError("only online deployments are scaled here")
    if deployment is None:
        raise UnevaluatedError("its deployment isn't there")
    profiles = [autoscale_rule.read(one) for one in properties["profiles"]]
    profile = autoscale_rule.profile_at(profiles, azure.now())
    if profile is None:
        raise UnevaluatedError("none of its profiles holds now, and it has no default one")
    capacity = int((deployment.body.get("sku") or {}).get("capacity") or 1)
    values = _values(azure, profile, capacity, end)
    kept: Json = setting.body.get("local") or {}
    scaled = datetime.fromisoformat(kept["scaled"]) if kept.get("scaled") else None
    decision = autoscale_rule.decide(profile, capacity, values, now=azure.now(), scaled=scaled)
    told: Json = {
        "evaluated": True,
        "target": deployment.id,
        "profile": profile.name,
        "values": {trigger.metric: value for trigger, value in values.items()},
        "capacity": capacity,
        "wanted": decision.capacity,
        "reason": decision.reason,
    }
    if decision.capacity != capacity:
        try:
            _scale(azure, deployment, decision.capacity)
        except ArmError as error:
            return {**told, "error": error.message}
        now = azure.store.get(setting.id)
        if now is not None:
            azure.store.put(setting.id, {**now.body, "local": {"scaled": azure.now().isoformat()}})
    return told


def _values(azure: Azure, profile: Profile, capacity: int, end: datetime) -> dict[Trigger, float | None]:
    """What the triggers of a profile come to.

    Raises:
        UnevaluatedError: a metric isn't measured here.
    """
    return {
        rule.trigger: rule.trigger.value(_minutes(azure, rule.trigger, end), end, capacity)
        for rule in profile.rules
    }


def _minutes(azure: Azure, trigger: Trigger, end: datetime) -> dict[datetime, float]:
    record = azure.store.get(trigger.resource)
    kinds = {one.namespace.lower(): one for one in (request_metric.ENDPOINT, deployment_metric.DEPLOYMENT)}
    kind = kinds.get(record.type.lower()) if record is not None else None
    metric = _metric(kind.metrics if kind is not None else (), trigger.metric)
    if record is None or kind is None or metric is None:
        raise UnevaluatedError(f"the metric {trigger.metric} of '{trigger.resource}' isn't measured here")
    samples = [one for one in kind.samples(azure, record, metric) if end - trigger.window <= one.minute < end]
    found: dict[datetime, float] = {}
    if metric.name == deployment_metric.REQUESTS:
        found = {end - _MINUTE * number: 0.0 for number in range(1, int(trigger.window / _MINUTE) + 1)}
    for minute in {one.minute for one in samples}:
        found[minute] = metric.value([one for one in samples if one.minute == minute])
    return found


def _metric(metrics: tuple[Metric, ...], name: str) -> Metric | None:
    return next((one for one in metrics if one.name.lower() == name.lower()), None)


def _scale(azure: Azure, deployment: Record, capacity: int) -> None:
    """Gives a deployment another number of instances; they start and end in the background."""
    size, location = str(deployment.body["properties"].get("instanceType")), str(deployment.body["location"])
    quota.check_deployment(azure, location, size, capacity, of=deployment.id)
    sku = {**(deployment.body.get("sku") or {}), "capacity": capacity}
    record = azure.store.put(deployment.id, {**deployment.body, "sku": sku})
    azure.spawn(f"scale {deployment.name} to {capacity}", serving.deploy(azure, record))


async def _watch(azure: Azure) -> None:
    """Evaluates by the clock."""
    while True:
        now = azure.now()
        until = alert_rule.window_end(now, early=True)
        await asyncio.sleep(max(0.0, (until - now).total_seconds()) + 0.1)
        evaluate(azure, end=alert_rule.window_end(azure.now(), early=False))


async def start(azure: Azure) -> None:
    """Begins to evaluate by the clock."""
    azure.spawn("autoscale", _watch(azure))


async def _now(azure: Azure, _call: Call) -> Answer:
    deployment_metric.look(azure)
    return Answer(200, {"value": evaluate(azure, end=alert_rule.window_end(azure.now(), early=True))})


ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(r"/subscriptions/[^/]+/providers/Local\.Azure/evaluateAutoscaleSettings", re.IGNORECASE),
        _now,
        ("POST",),
    ),
)
