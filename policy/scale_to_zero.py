"""Clusters cost nothing while nothing runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Resource, ResourceRule, at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


def check(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """No node is kept, idle ones go soon, and an instance stops when nobody works on it."""
    if resource.type != azure.COMPUTE:
        return
    kind = at(resource.props, "properties.computeType")
    if kind == "AmlCompute":
        scale = "properties.properties.scaleSettings"
        least = at(resource.props, f"{scale}.minNodeCount")
        if least is not UNKNOWN and (least or 0) > 0:
            yield f"minNodeCount is {least:g}; it must be 0"
        yield from _idle(at(resource.props, f"{scale}.nodeIdleTimeBeforeScaleDown"), settings)
    if kind == "ComputeInstance":
        path = "properties.properties.idleTimeBeforeShutdown"
        if at(resource.props, path) is None:
            yield "idleTimeBeforeShutdown is not set, so it runs all night"
        yield from _idle(at(resource.props, path), settings)


def _idle(duration: Any, settings: Mapping[str, Any]) -> Iterator[str]:
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if found is None:
        return
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    idle = days * 1440 + hours * 60 + minutes + seconds / 60
    if idle > settings["idleMinutes"]:
        yield f"idle nodes are kept for {idle:g} minutes; at most {settings['idleMinutes']:g} are allowed"


RULE = ResourceRule(
    name="scale-to-zero",
    title="Scale to zero",
    reason="A node that waits for work costs as much as one that works.",
    fix="Write `mlops:compute: {clusters: [{name: cpu-cluster, vmSize: Standard_DS3_v2, idleSeconds: 300}]}`; without minNodes a cluster keeps no node.",
    link="https://learn.microsoft.com/azure/machine-learning/how-to-manage-optimize-cost",
    severity="medium",
    settings={"idleMinutes": {"type": "number", "minimum": 1, "default": 60}},
    check=check,
)
