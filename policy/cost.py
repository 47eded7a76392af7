"""Cost: nothing runs that nobody uses, and somebody hears of it before the bill."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.compute import kind
from policy.rule import UNKNOWN, Resource, ResourceRule, StackRule, at, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_INNER = "properties.properties"
#: Sizes with graphics processors: the families NC, ND, NG and NV.
_GPU = re.compile(r"standard_n[cdgv]", re.IGNORECASE)


def minutes(duration: Any) -> float | None:
    """An ISO 8601 duration in minutes; None for what is none."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if found is None:
        return None
    days, hours, whole, seconds = (int(part or 0) for part in found.groups())
    return days * 1440 + hours * 60 + whole + seconds / 60


def _zero(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    least = (
        at(resource.props, f"{_INNER}.scaleSettings.minNodeCount")
        if kind(resource) == "AmlCompute"
        else UNKNOWN
    )
    if isinstance(least, (int, float)) and least > 0:
        yield f"minNodeCount is {least:g}; it must be 0"


def _idle(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    if kind(resource) == "AmlCompute":
        idle = minutes(at(resource.props, f"{_INNER}.scaleSettings.nodeIdleTimeBeforeScaleDown"))
        if idle is not None and idle > settings["idleMinutes"]:
            yield f"idle nodes are kept for {idle:g} minutes; at most {settings['idleMinutes']:g} are allowed"


def _shutdown(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    if kind(resource) != "ComputeInstance":
        return
    value = at(resource.props, f"{_INNER}.idleTimeBeforeShutdown")
    idle = minutes(value)
    if value is None:
        yield "idleTimeBeforeShutdown is not set, so it runs all night"
    elif idle is not None and idle > settings["idleMinutes"]:
        yield f"it runs for {idle:g} minutes without anybody; at most {settings['idleMinutes']:g} are allowed"


def _stops(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """A stop by the clock: what computes all night isn't idle."""
    if kind(resource) != "ComputeInstance" or at(resource.props, f"{_INNER}.schedules") is UNKNOWN:
        return
    schedules = items(resource.props, f"{_INNER}.schedules.computeStartStop")
    if at(resource.props, f"{_INNER}.schedules.computeStartStop") is UNKNOWN:
        return
    if not any(
        str(at(one, "action")).lower() in ("stop", "a value that isn't known yet") for one in schedules
    ):
        yield "no schedule stops it"


def _small(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    if kind(resource) != "AmlCompute":
        return
    most, size = (at(resource.props, f"{_INNER}.{path}") for path in ("scaleSettings.maxNodeCount", "vmSize"))
    limit = settings["gpuNodes" if _GPU.match(str(size)) else "cpuNodes"]
    if isinstance(most, (int, float)) and size is not UNKNOWN and most > limit:
        yield f"it may have {most:g} nodes of {size}; at most {limit:g} are allowed"


def _low_priority(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    size, priority = (at(resource.props, f"{_INNER}.{path}") for path in ("vmSize", "vmPriority"))
    known = kind(resource) == "AmlCompute" and isinstance(size, str) and priority is not UNKNOWN
    if known and _GPU.match(size) and str(priority).lower() != "lowpriority":
        yield f"its nodes of {size} are dedicated"


def _budgeted(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    if any(one.type == azure.BUDGET for one in resources):
        return
    for one in resources:
        if one.type == azure.RESOURCE_GROUP:
            yield one, "no budget of the stack watches its costs"


def _forecast(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    notifications = at(resource.props, "notifications") if resource.type == azure.BUDGET else UNKNOWN
    if notifications is UNKNOWN:
        return
    told: list[Any] = list(notifications.values()) if isinstance(notifications, dict) else []
    kinds = [at(one, "thresholdType") for one in told if one is not UNKNOWN]
    if UNKNOWN not in (*kinds, *told) and not any(str(one).lower() == "forecasted" for one in kinds):
        yield "nobody is told before the money is spent: no notification is Forecasted"


RULES = (
    ResourceRule(
        name="scale-to-zero",
        title="Scale to zero",
        category="cost",
        severity="medium",
        reason="A node that waits for work costs as much as one that works.",
        fix="Leave `minNodes` out of `mlops:compute: {clusters: […]}`: a cluster then keeps no node.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-manage-optimize-cost",
        check=_zero,
    ),
    ResourceRule(
        name="idle-nodes",
        title="Idle nodes go soon",
        category="cost",
        severity="medium",
        reason="A node that a job left behind is paid for until it is released.",
        fix="Write `idleSeconds: 300` at the cluster.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-manage-optimize-cost",
        settings={"idleMinutes": {"type": "number", "minimum": 1, "default": 60}},
        check=_idle,
    ),
    ResourceRule(
        name="idle-instances",
        title="Idle instances stop",
        category="cost",
        severity="medium",
        reason="Somebody goes home and the machine stays on.",
        fix="Write `idleMinutes: 60` at the instance.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance",
        settings={"idleMinutes": {"type": "number", "minimum": 15, "maximum": 4320, "default": 180}},
        check=_shutdown,
    ),
    ResourceRule(
        name="instance-schedules",
        title="Instances stop by the clock",
        category="cost",
        severity="low",
        levels={"dev": "advisory", "prod": "advisory"},
        reason="A kernel that is still open keeps an instance from being idle.",
        fix="Write a schedule with `action: stop` at the instance.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance",
        check=_stops,
    ),
    ResourceRule(
        name="cluster-sizes",
        title="Clusters have a limit",
        category="cost",
        severity="medium",
        reason="One wrong number in a sweep starts as many nodes as it may.",
        fix="Write a smaller `maxNodes`, or raise this policy's limit.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas",
        settings={
            "cpuNodes": {"type": "integer", "minimum": 1, "default": 20},
            "gpuNodes": {"type": "integer", "minimum": 1, "default": 8},
        },
        check=_small,
    ),
    ResourceRule(
        name="gpu-priority",
        title="Graphics processors at low priority",
        category="cost",
        severity="low",
        # Training that can't be interrupted has a reason.
        levels={"dev": "advisory", "prod": "advisory"},
        reason="Low-priority nodes cost a fraction, and a job that writes checkpoints goes on where it was.",
        fix="Write `lowPriority: true` at the cluster.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-manage-optimize-cost",
        check=_low_priority,
    ),
    StackRule(
        name="budgets",
        title="A budget",
        category="cost",
        severity="medium",
        # Nobody but the team knows its amount and whom to tell.
        levels={"dev": "advisory", "prod": "advisory"},
        reason="The bill comes a month later.",
        fix="Write `mlops:budget: {…}` with an amount and whom to tell.",
        link="https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-acm-create-budgets",
        check=_budgeted,
    ),
    ResourceRule(
        name="budget-forecasts",
        title="Budgets look ahead",
        category="cost",
        severity="low",
        reason="Told that the money is spent, nobody can save any more.",
        fix="Give the budget a notification of the type Forecasted.",
        link="https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-acm-create-budgets",
        check=_forecast,
    ),
)
