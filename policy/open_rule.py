"""No rule of a security group lets the internet in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Resource, ResourceRule, at, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EVERYBODY = frozenset({"*", "internet", "0.0.0.0/0", "any", "::/0"})


def check(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """Neither in a group's own rules nor in one by itself; ``allowed`` names exceptions, a bastion's own among them."""
    rules: list[Any] = []
    if resource.type == azure.SECURITY_GROUP:
        rules = items(resource.props, "securityRules")
    elif resource.type == azure.SECURITY_RULE:
        rules = [{**resource.props, "name": at(resource.props, "securityRuleName") or resource.name}]
    for rule in rules:
        if (str(at(rule, "direction")).lower(), str(at(rule, "access")).lower()) != ("inbound", "allow"):
            continue
        if at(rule, "name") in settings["allowed"]:
            continue
        sources = [at(rule, "sourceAddressPrefix"), *items(rule, "sourceAddressPrefixes")]
        if any(source is not UNKNOWN and str(source).lower() in _EVERYBODY for source in sources):
            yield f"the rule {at(rule, 'name')} lets everybody in from the internet"


RULE = ResourceRule(
    name="open-inbound-rules",
    title="No way in from the internet",
    category="network",
    controls=("NS-1", "CIS 6.1", "CIS 6.2"),
    severity="critical",
    reason="One rule for everybody makes every service behind it one of the internet's.",
    fix="Name the source: a range, or the service tag VirtualNetwork; people come in through Azure Bastion or a VPN.",
    link="https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview",
    settings={
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "names of rules that may, such as the one Azure Bastion's subnet needs",
        }
    },
    check=check,
)
