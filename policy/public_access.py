"""Nothing answers on the internet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Demand, Resource, ResourceRule, at, demanding, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EVERYBODY = frozenset({"*", "internet", "0.0.0.0/0", "any"})
_disabled = demanding(
    Demand(azure.WORKSPACE, "publicNetworkAccess", ("Disabled",)),
    Demand(azure.STORAGE_ACCOUNT, "publicNetworkAccess", ("Disabled",)),
    Demand(azure.STORAGE_ACCOUNT, "allowBlobPublicAccess", (False,), unset=True),
    Demand(azure.BLOB_CONTAINER, "publicAccess", ("None",), unset=True),
    Demand(azure.VAULT, "properties.publicNetworkAccess", ("Disabled",)),
    Demand(azure.REGISTRY, "publicNetworkAccess", ("Disabled",)),
    Demand(azure.REGISTRY, "anonymousPullEnabled", (False,), unset=True),
    Demand(azure.TOPIC, "publicNetworkAccess", ("Disabled",)),
    Demand(azure.ONLINE_ENDPOINT, "public_access", (False,)),
    Demand(azure.NATIVE_ONLINE_ENDPOINT, "properties.publicNetworkAccess", ("Disabled",)),
    Demand(azure.COMPUTE, "properties.properties.remoteLoginPortPublicAccess", ("Disabled",), unset=True),
    Demand(azure.COMPUTE, "properties.properties.enableNodePublicIp", (False,)),
)


def check(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """Closed services, nodes without public addresses, no rule that lets the internet in."""
    if resource.type == azure.COMPUTE and at(resource.props, "properties.computeType") not in (
        "AmlCompute",
        "ComputeInstance",
    ):
        return
    yield from _disabled(resource, settings)
    if resource.type == azure.SECURITY_GROUP:
        yield from _open_rules(resource)


def _open_rules(resource: Resource) -> Iterator[str]:
    for rule in items(resource.props, "securityRules"):
        if (str(at(rule, "direction")).lower(), str(at(rule, "access")).lower()) != ("inbound", "allow"):
            continue
        sources = [at(rule, "sourceAddressPrefix"), *items(rule, "sourceAddressPrefixes")]
        if any(source is not UNKNOWN and str(source).lower() in _EVERYBODY for source in sources):
            yield f"the rule {at(rule, 'name')} lets everybody in from the internet"


RULE = ResourceRule(
    name="public-access",
    title="Public access",
    reason="What answers on the internet can be attacked from anywhere; stolen credentials then work from everywhere.",
    fix="Write `mlops:network: {mode: private}`, with `mlops:registry: {sku: Premium}`.",
    link="https://learn.microsoft.com/azure/machine-learning/how-to-secure-workspace-vnet",
    severity="critical",
    check=check,
)
