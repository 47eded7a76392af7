"""Who did what is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import Resource, StackRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WATCHED = frozenset(
    {azure.WORKSPACE, azure.STORAGE_ACCOUNT, azure.VAULT, azure.REGISTRY, azure.SYSTEM_TOPIC}
)


def check(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Every such resource is what some diagnostic setting of the stack is on."""
    watched = {
        urn
        for resource in resources
        if resource.type == azure.DIAGNOSTIC_SETTING
        for urn in resource.uses.get("resourceUri", frozenset())
    }
    for resource in resources:
        if resource.type in _WATCHED and resource.urn not in watched:
            yield resource, "it has no diagnostic setting"


RULE = StackRule(
    name="diagnostic-settings",
    title="Diagnostic settings",
    category="governance",
    controls=("LT-3", "CIS 5.4"),
    reason="Without them nobody can say afterwards who read which data or changed what.",
    fix="Write `mlops:observability: {diagnostics: true}`.",
    link="https://learn.microsoft.com/azure/machine-learning/monitor-azure-machine-learning",
    severity="medium",
    check=check,
)
