"""What holds data or models is reached through private endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Resource, StackRule, at, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The part of each resource that has to be reachable.
_GROUPS: Mapping[str, str] = {
    azure.WORKSPACE: "amlworkspace",
    azure.STORAGE_ACCOUNT: "blob",
    azure.VAULT: "vault",
    azure.REGISTRY: "registry",
}
_CONNECTIONS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")


def check(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Every such resource is what some private endpoint of the stack leads to."""
    endpoints = [resource for resource in resources if resource.type == azure.PRIVATE_ENDPOINT]
    for resource in resources:
        group = _GROUPS.get(resource.type)
        if group is not None and not any(_leads_to(endpoint, resource, group) for endpoint in endpoints):
            yield resource, f"no private endpoint leads to it (group {group})"


def _leads_to(endpoint: Resource, target: Resource, group: str) -> bool:
    for key in _CONNECTIONS:
        if target.urn not in endpoint.uses.get(key, frozenset()):
            continue
        if at(endpoint.props, key) is UNKNOWN:
            return True
        for connection in items(endpoint.props, key):
            groups = at(connection, "groupIds")
            if groups is UNKNOWN or group in items(connection, "groupIds"):
                return True
    return False


RULE = StackRule(
    name="private-endpoints",
    title="Private endpoints",
    category="network",
    controls=("NS-2", "CIS 3.10", "CIS 8.7"),
    reason="Without one, the resource is reached over the internet, or not at all once that is closed.",
    fix="Write `mlops:network: {mode: private, addressSpace: 10.0.0.0/16}`; the platform makes them.",
    link="https://learn.microsoft.com/azure/machine-learning/how-to-configure-private-link",
    check=check,
)
