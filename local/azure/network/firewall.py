"""Microsoft.Network: Azure Firewall, with its own rules or a policy, and IP groups.

Scope: the subnet it must be in, its public addresses, rule collections (priorities, names), what uses what. Omitted: nothing is
filtered; firewalls in virtual hubs, packet captures and learned prefixes are
501.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.network.interface import placed
from local.azure.network.name import ADDRESS_GROUP, FIREWALL, POLICY
from local.azure.network.record import Part, kept, named
from local.azure.network.reference import check_reference, in_use, mentions, networks, prefixes_of, users

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_COLLECTIONS = ("applicationRuleCollections", "natRuleCollections", "networkRuleCollections")
_PARTS = (
    Part("ipConfigurations"),
    Part("managementIpConfiguration", segment="ipConfigurations"),
    *(Part(name) for name in _COLLECTIONS),
)
_SUBNET = "AzureFirewallSubnet"
_MANAGEMENT = "AzureFirewallManagementSubnet"
_LARGEST_PREFIX = 26


def check_subnet(azure: Azure, configuration: Json, names: tuple[str, ...], code: str, what: str) -> None:
    """Refuses a subnet with another name than a service needs, or with fewer than 64 addresses (400)."""
    reference: Any = (configuration.get("properties") or {}).get("subnet")
    if not reference:
        return
    check_reference(azure, reference)
    name = str(reference["id"]).rsplit("/", 1)[1]
    if name.lower() not in [one.lower() for one in names]:
        raise bad_request(
            f"Subnet name {reference['id']} is invalid for {what}. {what} can only be created in subnet with name "
            f"'{names[0]}'.",
            code=code,
        )
    subnet = azure.store.get(str(reference["id"]))
    ranges = networks(prefixes_of(subnet.body["properties"]), name) if subnet is not None else []
    if ranges and all(one.version == 4 and one.prefixlen > _LARGEST_PREFIX for one in ranges):
        raise bad_request(
            f"The subnet {reference['id']} is too small for {what}: it has {ranges[0]} and needs /{_LARGEST_PREFIX}.",
            code="InvalidSubnetPrefixLength",
        )


def _write(azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, old: Record | None) -> Json:
    if properties.get("virtualHub"):
        raise unsupported("An Azure Firewall in a virtual hub")
    shown: Json = {
        "threatIntelMode": "Alert",
        "additionalProperties": {},
        **properties,
        "sku": {"name": "AZFW_VNet", "tier": "Standard", **(properties.get("sku") or {})},
    }
    configurations = named(shown.get("ipConfigurations") or [], "ipConfigurations")
    management: Any = shown.get("managementIpConfiguration")
    for one in configurations:
        check_subnet(azure, one, (_SUBNET,), "SubnetNameMustBeAzureFirewallSubnet", "Azure Firewall")
        if not (one.get("properties") or {}).get("publicIPAddress") and not management:
            raise bad_request(
                f"IP configuration {one['name']} of {resource_id.text} needs a publicIPAddress.",
                code="AzureFirewallIpConfigurationWithoutPublicIp",
            )
    if management:
        check_subnet(
            azure,
            management,
            (_MANAGEMENT,),
            "SubnetNameMustBeAzureFirewallManagementSubnet",
            "Azure Firewall",
        )
    # All configurations of a firewall share the address of the first one, which is in its subnet.
    placed_ones = placed(azure, resource_id, configurations, old)
    shown["ipConfigurations"] = placed_ones
    if management:
        check_reference(azure, (management.get("properties") or {}).get("publicIPAddress"))
    check_reference(azure, shown.get("firewallPolicy"))
    for segment in _COLLECTIONS:
        shown[segment] = named(shown.get(segment) or [], segment)
        _check_priorities(segment, shown[segment])
    if shown.get("firewallPolicy") and any(shown[segment] for segment in _COLLECTIONS):
        raise bad_request(
            f"Azure Firewall {resource_id.text} has a firewall policy; its rules are written there, not in the firewall.",
            code="AzureFirewallPolicyAndRuleCollectionsConflict",
        )
    shown.pop("ipGroups", None)
    return shown


def _check_priorities(segment: str, collections: list[Json]) -> None:
    taken: dict[int, str] = {}
    for collection in collections:
        priority = int((collection.get("properties") or {}).get("priority") or 0)
        if not 100 <= priority <= 65000:
            raise bad_request(
                f"The priority {priority} of {segment} '{collection['name']}' must be from 100 to 65000.",
                code="AzureFirewallRuleCollectionInvalidPriority",
            )
        other = taken.setdefault(priority, str(collection["name"]))
        if other != collection["name"]:
            raise bad_request(
                f"{segment} '{collection['name']}' and '{other}' have the same priority {priority}.",
                code="AzureFirewallRuleCollectionPriorityConflict",
            )


def _read(azure: Azure, _record: Record, properties: Json) -> Json:
    groups = [
        {"id": group.id, "changeNumber": "1"}
        for group in azure.store.of_type(ADDRESS_GROUP)
        if mentions(properties, group.id.lower())
    ]
    return {**properties, "ipGroups": groups}


def _check_group(
    _azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None
) -> Json:
    for address in properties.get("ipAddresses") or []:
        ends = str(address).split("-")
        networks(ends, f"'{resource_id.name}'")
    return {"ipAddresses": [], **properties}


def _read_group(azure: Azure, record: Record, properties: Json) -> Json:
    policies = {
        user.id if user.type.lower() == POLICY.lower() else user.id.rsplit("/", 2)[0]
        for user in users(azure, record.id, (POLICY, f"{POLICY}/ruleCollectionGroups"))
    }
    return {
        **properties,
        "firewalls": [{"id": user.id} for user in users(azure, record.id, (FIREWALL,))],
        "firewallPolicies": [{"id": one} for one in sorted(policies)],
    }


def _keep_used_group(azure: Azure, record: Record) -> None:
    for user in users(azure, record.id, (FIREWALL, POLICY, f"{POLICY}/ruleCollectionGroups")):
        raise in_use("IpGroup", record, user.id)


TYPES = (
    kept(FIREWALL, write=_write, read=_read, parts=_PARTS),
    kept(
        ADDRESS_GROUP,
        write=_check_group,
        read=_read_group,
        read_only=("firewalls", "firewallPolicies"),
        guard=_keep_used_group,
    ),
)
