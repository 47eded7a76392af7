"""Microsoft.Network: virtual networks, with their subnets and peerings.

Scope: address spaces, subnets and peerings written with the network or by themselves, how many addresses are left.
Omitted: DDoS protection's status, network managers' configurations and address pools: 501.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, not_found, unsupported
from local.azure.network import peering, subnet
from local.azure.network.delegation import COMMUNITIES
from local.azure.network.name import PEERING, SUBNET, VIRTUAL_NETWORK
from local.azure.network.record import Children, kept
from local.azure.network.reference import check_reference, networks, prefixes_of, within
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.network.reference import IpNetwork

_HOST = re.compile(r"management\.azure\.com")


def _space(resource_id: ResourceId, properties: Json) -> list[IpNetwork]:
    """The address space of a PUT, checked."""
    if (properties.get("addressSpace") or {}).get("ipamPoolPrefixAllocations"):
        raise unsupported("An address space out of a network manager's pool (ipamPoolPrefixAllocations)")
    space = prefixes_of(properties.get("addressSpace") or {})
    if not space:
        raise bad_request(
            f"AddressSpace of the virtual network {resource_id.text} does not have any address prefixes in addressPrefixes "
            "array. AddressSpace and prefixes must be specified within properties object.",
            code="AddressSpaceNotSpecified",
        )
    ranges = networks(space, f"'{resource_id.name}'")
    for at, one in enumerate(ranges):
        if any(one.overlaps(other) for other in ranges[:at]):
            raise bad_request(
                f"Virtual network '{resource_id.name}' has overlapping address prefixes.",
                code="NetcfgInvalidVirtualNetworkSite",
            )
    return ranges


def _write(azure: Azure, resource_id: ResourceId, body: Json, properties: Json, _old: Record | None) -> Json:
    ranges = _space(resource_id, properties)
    check_reference(azure, properties.get("ddosProtectionPlan"))
    if properties.get("enableDdosProtection") and not properties.get("ddosProtectionPlan"):
        raise bad_request(
            f"DDoS protection of {resource_id.text} is enabled and no plan is given (properties.ddosProtectionPlan).",
            code="DdosProtectionPlanNotSpecified",
        )
    if "subnets" not in properties:
        for found in azure.store.below(resource_id.text, SUBNET):
            for prefix in subnet.ranges(found.body["properties"], found.name):
                if not any(within(prefix, outer) for outer in ranges):
                    raise bad_request(
                        f"The address space of '{resource_id.name}' does not hold its subnet '{found.name}' ({prefix}).",
                        code="NetcfgInvalidSubnet",
                    )
    if communities := properties.get("bgpCommunities"):
        region = COMMUNITIES.get(str(body["location"]))
        properties["bgpCommunities"] = {**communities, **({"regionalCommunity": region} if region else {})}
    return {"enableDdosProtection": False, **properties}


def _keep_used(azure: Azure, record: Record) -> None:
    for found in azure.store.below(record.id, SUBNET):
        subnet.keep_used(azure, found)


async def _check_address(azure: Azure, call: Call) -> Answer:
    """GET …/CheckIPAddressAvailability?ipAddress=: whether an address is free, and some that are."""
    network = _network(azure, call)
    address = call.query.get("ipAddress", "")
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        raise bad_request(f"'{address}' is no IP address.", code="InvalidIPAddress") from None
    for found in azure.store.below(network.id, SUBNET):
        held = [prefix for prefix in subnet.ranges(found.body["properties"], found.name) if wanted in prefix]
        if held:
            taken = {one for _, one in subnet.allocations(azure, found.id)}
            reserved = int(wanted) - int(held[0].network_address) < 4 or wanted == held[0].broadcast_address
            if address not in taken and not reserved:
                return Answer(200, {"available": True, "isPlatformReserved": False})
            free = [str(held[0][at]) for at in range(4, min(held[0].num_addresses - 1, 260))]
            body: Json = {
                "available": False,
                "availableIPAddresses": [one for one in free if one not in taken][:5],
                "isPlatformReserved": reserved,
            }
            return Answer(200, body)
    return Answer(200, {"available": False, "availableIPAddresses": [], "isPlatformReserved": False})


async def _usages(azure: Azure, call: Call) -> Answer:
    """GET …/usages: how many addresses of each subnet are taken."""
    network = _network(azure, call)
    value: list[Json] = []
    for found in azure.store.below(network.id, SUBNET):
        count = sum(
            max(prefix.num_addresses - 5, 0) for prefix in subnet.ranges(found.body["properties"], found.name)
        )
        usage = {
            "currentValue": float(sum(1 for _ in subnet.allocations(azure, found.id))),
            "id": found.id,
            "limit": float(count),
            "name": {"localizedValue": "Subnet size and usage", "value": "SubnetSpace"},
            "unit": "Count",
        }
        value.append(usage)
    return Answer(200, {"value": value})


def _network(azure: Azure, call: Call) -> Record:
    record = azure.store.get(call.captured["network"])
    if record is None:
        raise not_found(call.captured["network"])
    return record


def _route(action: str, handle: Any) -> Route:
    path = (
        rf"(?P<network>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/{VIRTUAL_NETWORK}/[^/]+)/{action}"
    )
    return Route(_HOST, re.compile(path, re.IGNORECASE), handle, ("GET",))


TYPES = (
    kept(
        VIRTUAL_NETWORK,
        write=_write,
        guard=_keep_used,
        has_guid=True,
        children=(
            Children(
                "subnets", SUBNET, subnet.prepare_listed, stay=True, parts=subnet.PARTS, read=subnet.read
            ),
            Children("virtualNetworkPeerings", PEERING, peering.prepare_listed, stay=True, read=peering.read),
        ),
    ),
)
ROUTES = (_route("CheckIPAddressAvailability", _check_address), _route("usages", _usages))
