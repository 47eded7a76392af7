"""Microsoft.Network: subnets, and who has addresses in them.

Scope: ranges inside the network and apart from each other, references, delegations, service endpoints, what is in use.
Omitted: the intent policies of managed services (``prepareNetworkPolicies``), navigation and association links: 501.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.network.delegation import actions
from local.azure.network.name import (
    BASTION,
    CLUSTER,
    COMPUTE,
    ENDPOINT,
    FIREWALL,
    INTERFACE,
    LINK_SERVICE,
    LOAD_BALANCER,
    POOL,
    PROFILE,
    SUBNET,
)
from local.azure.network.record import Part, given, kept
from local.azure.network.reference import (
    check_reference,
    in_use,
    mentions,
    networks,
    prefixes_of,
    users,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.azure.azure import Azure
    from local.azure.network.reference import IpNetwork
    from local.azure.resource_type import Json, Record, ResourceId

#: what has addresses in subnets
_TENANTS = (INTERFACE, FIREWALL, BASTION, LOAD_BALANCER, LINK_SERVICE, ENDPOINT, PROFILE)
#: what is put into a subnet and has no addresses here
_GUESTS = (COMPUTE, CLUSTER, POOL)
_SMALLEST = 29
#: Azure keeps the first four addresses of a subnet, and the last.
_KEPT = 4
PARTS = (Part("delegations", {"actions": []}),)
_READ_ONLY = (
    "ipConfigurations",
    "ipConfigurationProfiles",
    "privateEndpoints",
    "purpose",
    "resourceNavigationLinks",
    "serviceAssociationLinks",
)
_REFERENCES = ("networkSecurityGroup", "natGateway", "routeTable")


def ranges(subnet: Json, name: str) -> list[IpNetwork]:
    """The ranges of a subnet's properties."""
    return networks(prefixes_of(subnet), f"'{name}'")


def check_ranges(
    name: str, properties: Json, space: Sequence[IpNetwork], others: Sequence[tuple[str, Json]]
) -> None:
    """Refuses a subnet outside its network, of fewer than 8 addresses, or one that overlaps with another (400)."""
    if properties.get("ipamPoolPrefixAllocations"):
        raise unsupported("A subnet out of a network manager's pool (ipamPoolPrefixAllocations)")
    own = ranges(properties, name)
    if not own:
        raise bad_request(
            f"Subnet '{name}' needs an addressPrefix or addressPrefixes.", code="NetcfgInvalidSubnet"
        )
    for prefix in own:
        if not any(within(prefix, outer) for outer in space):
            raise bad_request(
                f"Subnet '{name}' is not valid because its IP address range is outside the IP address range of its virtual "
                "network.",
                code="NetcfgInvalidSubnet",
            )
        if prefix.version == 4 and prefix.prefixlen > _SMALLEST:
            raise bad_request(
                f"Subnet '{name}' is not valid: the smallest IPv4 subnet is /{_SMALLEST}, it has {prefix}.",
                code="NetcfgInvalidSubnet",
            )
        for other, found in others:
            if other.lower() != name.lower() and any(prefix.overlaps(one) for one in ranges(found, other)):
                raise bad_request(
                    f"Subnet '{name}' is not valid because its IP address range overlaps with that of an existing subnet "
                    f"'{other}' in the virtual network.",
                    code="NetcfgSubnetRangesOverlap",
                )


def completed(azure: Azure, properties: Json) -> Json:
    """A subnet's properties with Azure's defaults, references checked."""
    for key in _REFERENCES:
        check_reference(azure, properties.get(key))
    for policy in properties.get("serviceEndpointPolicies") or []:
        check_reference(azure, policy)
    shown: Json = {
        "delegations": [],
        "privateEndpointNetworkPolicies": "Disabled",
        "privateLinkServiceNetworkPolicies": "Enabled",
        **properties,
    }
    for key in _READ_ONLY:
        shown.pop(key, None)
    shown["delegations"] = [_delegated(one) for one in shown["delegations"]]
    if "serviceEndpoints" in shown:
        shown["serviceEndpoints"] = [
            {"locations": ["*"], **one, "provisioningState": "Succeeded"} for one in shown["serviceEndpoints"]
        ]
    return {**shown, "provisioningState": "Succeeded"}


def _delegated(delegation: Json) -> Json:
    properties: Json = delegation.get("properties") or {}
    service = str(properties.get("serviceName") or "")
    return {
        **delegation,
        "properties": {**properties, "actions": properties.get("actions") or actions(service)},
    }


def _write(azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, old: Record | None) -> Json:
    network = azure.store.get(resource_id.parent)
    space = (
        networks(prefixes_of(network.body["properties"]["addressSpace"]), "the network")
        if network is not None
        else []
    )
    others = [
        (other.name, other.body["properties"]) for other in azure.store.below(resource_id.parent, SUBNET)
    ]
    check_ranges(resource_id.name, properties, space, others)
    if old is not None:
        check_kept_ranges(azure, old, properties)
    return completed(azure, properties)


def check_kept_ranges(azure: Azure, old: Record, properties: Json) -> None:
    """Refuses to take a range away from a subnet whose addresses are in use (400)."""
    wanted = ranges(properties, old.name)
    for gone in ranges(old.body["properties"], old.name):
        if gone in wanted:
            continue
        taken = [address for _, address in allocations(azure, old.id)]
        if any(
            ipaddress.ip_address(one) in gone
            and not any(ipaddress.ip_address(one) in kept_ for kept_ in wanted)
            for one in taken
        ):
            raise bad_request(
                f"IpPrefix {gone} on Subnet {old.name} has active allocations and cannot be deleted.",
                code="InUsePrefixCannotBeDeleted",
            )


def allocations(azure: Azure, subnet_id: str) -> Iterator[tuple[str, str]]:
    """What has an address in a subnet: the id of the IP configuration, and the address."""
    key = subnet_id.lower()
    for endpoint in azure.store.of_type(ENDPOINT):
        held: Json = endpoint.body["properties"]
        if mentions(held.get("subnet"), key):
            for member in held["members"]:
                yield (
                    f"{held['networkInterfaces'][0]['id']}/ipConfigurations/{member['name']}",
                    member["address"],
                )
    for kind in (INTERFACE, FIREWALL, BASTION, LOAD_BALANCER, LINK_SERVICE):
        for record in azure.store.of_type(kind):
            properties: Json = record.body["properties"]
            if properties.get("privateEndpoint") or properties.get("privateLinkService"):
                continue
            for segment in ("ipConfigurations", "managementIpConfiguration", "frontendIPConfigurations"):
                found: Any = properties.get(segment) or []
                for one in found if isinstance(found, list) else [found]:
                    inner: Json = one.get("properties") or {}
                    if mentions(inner.get("subnet"), key) and inner.get("privateIPAddress"):
                        yield f"{record.id}/{segment}/{one.get('name')}", str(inner["privateIPAddress"])


def free_addresses(
    azure: Azure, subnet: Record, count: int, *, but: str = "", wanted: Sequence[str] = ()
) -> list[str]:
    """Addresses of a subnet for ``count`` IP configurations: the ``wanted`` ones first, then the lowest free ones.

    ``but``: the id of a resource whose own addresses count as free.

    Raises:
        ArmError: 400, a wanted one is outside or taken, or the subnet is full.
    """
    network = ranges(subnet.body["properties"], subnet.name)[0]
    taken = {
        address
        for owner, address in allocations(azure, subnet.id)
        if not but or not owner.lower().startswith(f"{but.lower()}/")
    }
    for address in wanted:
        if ipaddress.ip_address(address) not in network:
            raise bad_request(
                f"Private static IP address {address} does not belong to the range of subnet prefix {network}.",
                code="PrivateIPAddressNotInSubnet",
            )
        if address in taken:
            raise bad_request(
                f"Private IP address {address} is already allocated.", code="PrivateIPAddressIsAllocated"
            )
    chosen = [*wanted]
    for at in range(_KEPT, network.num_addresses - 1):
        if len(chosen) >= count:
            break
        address = str(network[at])
        if address not in taken and address not in chosen:
            chosen.append(address)
    if len(chosen) < count:
        raise bad_request(
            f"Subnet {subnet.name} with address prefix {network} does not have enough capacity for {count} IP addresses.",
            code="SubnetIsFull",
        )
    return chosen[:count]


def keep_used(azure: Azure, record: Record) -> None:
    """Refuses to delete a subnet that something is in (400)."""
    for user in users(azure, record.id, (*_TENANTS, *_GUESTS)):
        raise in_use("Subnet", record, user.id)


def read(azure: Azure, record: Record, properties: Json) -> Json:
    """Adds who has addresses in a subnet."""
    shown = {
        **properties,
        "ipConfigurations": [{"id": owner} for owner, _ in allocations(azure, record.id)],
        "resourceNavigationLinks": [],
        "serviceAssociationLinks": [],
    }
    endpoints = [
        {"id": endpoint.id}
        for endpoint in azure.store.of_type(ENDPOINT)
        if mentions(endpoint.body["properties"].get("subnet"), record.id.lower())
    ]
    if endpoints:
        shown["privateEndpoints"] = endpoints
    if shown.get("delegations") or endpoints:
        shown["purpose"] = "PrivateEndpoints" if endpoints else ""
    return shown


def prepare_listed(azure: Azure, network_id: ResourceId, network: Json, items: list[Json]) -> list[Json]:
    """The subnets written with their network, checked among themselves and against what is in those left out."""
    space = networks(prefixes_of(network.get("addressSpace") or {}), "the network")
    listed = [(str(item["name"]), given(item)) for item in items]
    names = {name.lower() for name, _ in listed}
    for old in azure.store.below(network_id.text, SUBNET):
        if old.name.lower() not in names:
            keep_used(azure, old)
    for at, (name, properties) in enumerate(listed):
        check_ranges(name, properties, space, listed[:at])
        old = azure.store.get(f"{network_id.text}/subnets/{name}")
        if old is not None:
            check_kept_ranges(azure, old, properties)
    return [{"name": name, "properties": completed(azure, properties)} for name, properties in listed]


TYPES = (kept(SUBNET, write=_write, read=read, parts=PARTS, guard=keep_used, located=False, patch=False),)
