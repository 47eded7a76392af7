"""Microsoft.Network: network security groups with their rules and Azure's default rules; application security groups.

Scope: names, priorities and directions, address and port formats, what uses a group. Omitted: nothing is filtered; effective
rules and flow logs' contents are 501.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.network.name import (
    APPLICATION_GROUP,
    ENDPOINT,
    INTERFACE,
    SECURITY_GROUP,
    SECURITY_RULE,
    SUBNET,
)
from local.azure.network.record import Children, etag_of, given, kept, view_of
from local.azure.network.reference import check_reference, in_use, users

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_PORTS = re.compile(r"\*|\d{1,5}(-\d{1,5})?")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9.]*")
_ALLOWED = {
    "access": ("Allow", "Deny"),
    "direction": ("Inbound", "Outbound"),
    "protocol": ("*", "Tcp", "Udp", "Icmp", "Esp", "Ah"),
}
#: name → description, direction, priority, access, source, destination
_DEFAULT = {
    "AllowVnetInBound": (
        "Allow inbound traffic from all VMs in VNET",
        "Inbound",
        65000,
        "Allow",
        "VirtualNetwork",
        "VirtualNetwork",
    ),
    "AllowAzureLoadBalancerInBound": (
        "Allow inbound traffic from azure load balancer",
        "Inbound",
        65001,
        "Allow",
        "AzureLoadBalancer",
        "*",
    ),
    "DenyAllInBound": ("Deny all inbound traffic", "Inbound", 65500, "Deny", "*", "*"),
    "AllowVnetOutBound": (
        "Allow outbound traffic from all VMs to all VMs in VNET",
        "Outbound",
        65000,
        "Allow",
        "VirtualNetwork",
        "VirtualNetwork",
    ),
    "AllowInternetOutBound": (
        "Allow outbound traffic from all VMs to Internet",
        "Outbound",
        65001,
        "Allow",
        "*",
        "Internet",
    ),
    "DenyAllOutBound": ("Deny all outbound traffic", "Outbound", 65500, "Deny", "*", "*"),
}


def _default_rule(name: str) -> Json:
    description, direction, priority, access, source, destination = _DEFAULT[name]
    return {
        "provisioningState": "Succeeded",
        "description": description,
        "protocol": "*",
        "sourcePortRange": "*",
        "destinationPortRange": "*",
        "sourceAddressPrefix": source,
        "destinationAddressPrefix": destination,
        "access": access,
        "priority": priority,
        "direction": direction,
        "sourcePortRanges": [],
        "destinationPortRanges": [],
        "sourceAddressPrefixes": [],
        "destinationAddressPrefixes": [],
    }


def _check_address(rule: str, value: Any) -> None:
    text = str(value)
    if text == "*" or _TAG.fullmatch(text):
        return
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise bad_request(
            f"Security rule {rule} has invalid Address prefix. Value provided: {text}",
            code="SecurityRuleInvalidAddressPrefix",
        ) from None


def _check_ports(rule: str, value: Any) -> None:
    text = str(value)
    numbers = [int(one) for one in text.split("-") if one.isdecimal()]
    if not _PORTS.fullmatch(text) or any(one > 65535 for one in numbers) or numbers != sorted(numbers):
        raise bad_request(
            f"Security rule {rule} has invalid Port range. Value provided: {text}. Value should be an integer OR integer "
            "range with '-' delimiter. Valid range 0-65535.",
            code="SecurityRuleInvalidPortRange",
        )


def _check_rule(azure: Azure, name: str, rule: Json) -> None:
    missing = [key for key in ("access", "direction", "priority", "protocol") if rule.get(key) is None]
    if missing:
        raise bad_request(f"Security rule '{name}' has no {missing[0]}.", code="InvalidRequestFormat")
    for key, allowed in _ALLOWED.items():
        if str(rule[key]).lower() not in [one.lower() for one in allowed]:
            raise bad_request(
                f"Security rule '{name}' has the {key} '{rule[key]}'; it must be one of {', '.join(allowed)}.",
                code=f"SecurityRuleInvalid{key.capitalize()}",
            )
    if not 100 <= int(rule["priority"]) <= 4096:
        raise bad_request(
            f"Security rule '{name}' has the priority {rule['priority']}; it must be from 100 to 4096.",
            code="SecurityRuleInvalidPriority",
        )
    for end in ("source", "destination"):
        for value in rule.get(f"{end}AddressPrefixes") or [rule.get(f"{end}AddressPrefix") or "*"]:
            _check_address(name, value)
        for value in rule.get(f"{end}PortRanges") or [rule.get(f"{end}PortRange") or "*"]:
            _check_ports(name, value)
        for group in rule.get(f"{end}ApplicationSecurityGroups") or []:
            check_reference(azure, group)


def check_rules(azure: Azure, rules: list[tuple[str, Json]]) -> None:
    """Checks rules one by one, and that no two have the same priority and direction (400)."""
    taken: dict[tuple[str, int], str] = {}
    for name, rule in rules:
        _check_rule(azure, name, rule)
        other = taken.setdefault((str(rule["direction"]).lower(), int(rule["priority"])), name)
        if other.lower() != name.lower():
            raise bad_request(
                f"Security rule {name} conflicts with rule {other}. Rules cannot have the same Priority and Direction.",
                code="SecurityRuleConflict",
            )


_LISTS: Json = {
    "sourcePortRanges": [],
    "destinationPortRanges": [],
    "sourceAddressPrefixes": [],
    "destinationAddressPrefixes": [],
}


def _listed(azure: Azure, _group: ResourceId, _properties: Json, items: list[Json]) -> list[Json]:
    check_rules(azure, [(str(item["name"]), given(item)) for item in items])
    return [
        {"name": item["name"], "properties": {**_LISTS, **given(item), "provisioningState": "Succeeded"}}
        for item in items
    ]


def _write_rule(
    azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None
) -> Json:
    others = [
        (other.name, other.body["properties"])
        for other in azure.store.below(resource_id.parent, SECURITY_RULE)
        if other.id.lower() != resource_id.key
    ]
    check_rules(azure, [*others, (resource_id.name, properties)])
    return properties


def _default_rules(_azure: Azure, record: Record) -> list[Json]:
    etag = etag_of(record)
    return [
        {
            "name": name,
            "id": f"{record.id}/defaultSecurityRules/{name}",
            "etag": etag,
            "type": f"{SECURITY_GROUP}/defaultSecurityRules",
            "properties": _default_rule(name),
        }
        for name in _DEFAULT
    ]


def _read_group(azure: Azure, record: Record, properties: Json) -> Json:
    shown = {**properties, "defaultSecurityRules": _default_rules(azure, record)}
    for key, kind in (("subnets", SUBNET), ("networkInterfaces", INTERFACE)):
        if found := users(azure, record.id, (kind,)):
            shown[key] = [{"id": user.id} for user in found]
    return shown


def _keep_used_group(azure: Azure, record: Record) -> None:
    for user in users(azure, record.id, (SUBNET, INTERFACE)):
        raise in_use("NetworkSecurityGroup", record, user.id)


def _keep_used_application(azure: Azure, record: Record) -> None:
    for user in users(azure, record.id, (SECURITY_RULE, INTERFACE, ENDPOINT)):
        raise in_use("ApplicationSecurityGroup", record, user.id)


TYPES = (
    kept(
        SECURITY_GROUP,
        read=_read_group,
        read_only=("defaultSecurityRules", "subnets", "networkInterfaces", "flowLogs"),
        guard=_keep_used_group,
        has_guid=True,
        children=(Children("securityRules", SECURITY_RULE, _listed),),
    ),
    kept(SECURITY_RULE, write=_write_rule, defaults=_LISTS, located=False, patch=False),
    view_of(f"{SECURITY_GROUP}/defaultSecurityRules", _default_rules),
    kept(APPLICATION_GROUP, guard=_keep_used_application, has_guid=True),
)
