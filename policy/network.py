"""Network: nothing answers on the internet, and what goes out is asked for.

Rules that take more than a property to check are in modules of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import open_rule, private_dns, private_endpoint, subnet
from policy import resource_type as azure
from policy.rule import UNKNOWN, Demand, Resource, ResourceRule, at, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INTERNET = "What answers on the internet can be attacked from anywhere; stolen credentials then work from everywhere."
_CLOSE = "Write `mlops:network: {mode: private}`, with `mlops:registry: {sku: Premium}`."
_NODES = ("AmlCompute", "ComputeInstance")


def _isolated(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """A workspace with a managed network lets out only what is approved."""
    path = "managedNetwork.isolationMode"
    mode = at(resource.props, path) if resource.type == azure.WORKSPACE else None
    if isinstance(mode, str) and mode.lower() not in {one.lower() for one in settings["allowed"]}:
        yield f"{path} is {mode}; allowed are {', '.join(settings['allowed'])}"


def _hidden(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """Nodes have no addresses of the internet; those of a managed network never have."""
    if resource.type != azure.COMPUTE or at(resource.props, "properties.computeType") not in _NODES:
        return
    path = "properties.properties.enableNodePublicIp"
    value = at(resource.props, path)
    if value is not UNKNOWN and value is not False:
        yield f"{path} is {'not set' if value is None else 'true'}; it must be false"


RULES = (
    rule_of(
        "workspace-public-access",
        "Workspaces closed to the internet",
        "network",
        Demand(azure.WORKSPACE, "publicNetworkAccess", ("Disabled",)),
        controls=("NS-2",),
        severity="critical",
        reason=_INTERNET,
        fix=_CLOSE,
        link="https://learn.microsoft.com/azure/machine-learning/how-to-secure-workspace-vnet",
    ),
    rule_of(
        "storage-public-access",
        "Storage closed to the internet",
        "network",
        Demand(azure.STORAGE_ACCOUNT, "publicNetworkAccess", ("Disabled",)),
        Demand(azure.STORAGE_ACCOUNT, "networkRuleSet.defaultAction", ("Deny",)),
        controls=("NS-2", "CIS 3.8"),
        severity="critical",
        reason=_INTERNET,
        fix=_CLOSE,
        link="https://learn.microsoft.com/azure/storage/common/storage-network-security",
    ),
    rule_of(
        "vault-public-access",
        "Vaults closed to the internet",
        "network",
        Demand(azure.VAULT, "properties.publicNetworkAccess", ("Disabled",)),
        Demand(azure.VAULT, "properties.networkAcls.defaultAction", ("Deny",)),
        controls=("NS-2",),
        severity="critical",
        reason=_INTERNET,
        fix=_CLOSE,
        link="https://learn.microsoft.com/azure/key-vault/general/network-security",
    ),
    rule_of(
        "registry-public-access",
        "Registries closed to the internet",
        "network",
        Demand(azure.REGISTRY, "publicNetworkAccess", ("Disabled",)),
        controls=("NS-2",),
        severity="critical",
        reason=_INTERNET,
        fix=_CLOSE,
        link="https://learn.microsoft.com/azure/container-registry/container-registry-access-selected-networks",
    ),
    rule_of(
        "endpoint-public-access",
        "Online endpoints closed to the internet",
        "network",
        Demand(azure.ONLINE_ENDPOINT, "public_access", (False,)),
        Demand(azure.NATIVE_ONLINE_ENDPOINT, "properties.publicNetworkAccess", ("Disabled",)),
        controls=("NS-2",),
        severity="critical",
        reason="An endpoint on the internet can be asked, probed and overloaded by anybody.",
        fix=_CLOSE,
        link="https://learn.microsoft.com/azure/machine-learning/concept-secure-online-endpoint",
    ),
    rule_of(
        "messaging-public-access",
        "Event topics and caches closed to the internet",
        "network",
        Demand(azure.TOPIC, "publicNetworkAccess", ("Disabled",)),
        Demand(azure.REDIS, "publicNetworkAccess", ("Disabled",)),
        controls=("NS-2",),
        reason="Whoever can send an event can start what listens to it; whoever reaches a cache reads its features.",
        fix="Give the topic or cache a private endpoint, and set its publicNetworkAccess to Disabled.",
        link="https://learn.microsoft.com/azure/event-grid/network-security",
    ),
    ResourceRule(
        name="node-public-addresses",
        title="Nodes without public addresses",
        category="network",
        controls=("NS-2",),
        reason="A node with an address of its own can be reached past the network's rules, and sends past its firewall.",
        fix=_CLOSE,
        link="https://learn.microsoft.com/azure/machine-learning/how-to-secure-training-vnet",
        check=_hidden,
    ),
    private_endpoint.RULE,
    private_dns.RULE,
    open_rule.RULE,
    subnet.SECURITY_GROUPS,
    subnet.OUTBOUND,
    ResourceRule(
        name="managed-network-isolation",
        title="Approved outbound traffic only",
        category="network",
        controls=("NS-2",),
        reason="Code that may reach the whole internet may carry the data there.",
        fix="Write `mlops:network: {mode: managed, managed: {isolation: AllowOnlyApprovedOutbound}}`; it can't be lowered again.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-managed-network",
        settings={
            "allowed": {
                "type": "array",
                "items": {"type": "string"},
                "default": ["AllowOnlyApprovedOutbound", "Disabled"],
            }
        },
        check=_isolated,
    ),
)
