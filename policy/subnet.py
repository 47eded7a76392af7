"""Subnets have a security group, and no way out that nobody chose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Resource, ResourceRule, at, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Subnets of Azure's own names: a firewall's and a gateway's take no security group, and a bastion's brings its rules.
_AZURES = frozenset(
    {"azurefirewallsubnet", "azurefirewallmanagementsubnet", "gatewaysubnet", "azurebastionsubnet"}
)


def _subnets(resource: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each subnet with its name: a resource of its own, or a part of its network."""
    if resource.type == azure.SUBNET:
        yield str(at(resource.props, "subnetName") or resource.name), resource.props
    elif resource.type == azure.VIRTUAL_NETWORK:
        for one in items(resource.props, "subnets"):
            yield str(at(one, "name")), one


def _guarded(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    for name, subnet in _subnets(resource):
        if name.lower() not in _AZURES and at(subnet, "networkSecurityGroup") is None:
            yield f"the subnet {name} has no security group"


def _closed(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    for name, subnet in _subnets(resource):
        way = at(subnet, "defaultOutboundAccess")
        if name.lower() not in _AZURES and way is not UNKNOWN and way is not False:
            yield f"defaultOutboundAccess of the subnet {name} is {'not set' if way is None else 'true'}; it must be false"


SECURITY_GROUPS = ResourceRule(
    name="subnet-security-groups",
    title="Security groups on subnets",
    category="network",
    controls=("NS-1",),
    reason="Without one, everything in the network and in networks joined to it reaches everything in the subnet.",
    fix="Give the subnet a `network_security_group`; those that the platform makes have one.",
    link="https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works",
    check=_guarded,
)
OUTBOUND = ResourceRule(
    name="default-outbound-access",
    title="No default way out",
    category="network",
    controls=("NS-1",),
    severity="medium",
    reason="Azure's default way out has an address that is nobody's, and passes the firewall by.",
    fix="Set `default_outbound_access=False`, and send what must go out through a NAT gateway or a firewall.",
    link="https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access",
    check=_closed,
)
