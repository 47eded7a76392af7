"""Names lead to private endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import Resource, StackRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def check(resources: Sequence[Resource], settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Every private endpoint is what some zone group of the stack is for, unless a hub's policy writes the records."""
    if settings["recordsByHub"]:
        return
    named = {
        urn
        for resource in resources
        if resource.type == azure.ZONE_GROUP
        for urn in resource.uses.get("privateEndpointName", frozenset())
    }
    for resource in resources:
        if resource.type == azure.PRIVATE_ENDPOINT and resource.urn not in named:
            yield resource, "no private DNS zone names it"


RULE = StackRule(
    name="private-dns",
    title="Private DNS",
    category="network",
    controls=("NS-2",),
    severity="medium",
    reason="Without a record the name leads to the public address, which is closed: nothing works, or it is opened again.",
    fix="Write `mlops:network: {dns: {zones: created}}`, or set `recordsByHub` of this policy where a hub's policy writes them.",
    link="https://learn.microsoft.com/azure/private-link/private-endpoint-dns",
    settings={"recordsByHub": {"type": "boolean", "default": False}},
    check=check,
)
