"""Microsoft.Network: public IP addresses and prefixes, NAT gateways.

Scope: addresses out of ranges kept for documentation (RFC 5737), allocation methods, DNS labels (unique per region), what uses
what. Omitted: nothing answers at the addresses; DDoS protection's status is 501.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import uuid
from itertools import islice
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network.name import (
    BASTION,
    FIREWALL,
    GATEWAY,
    INTERFACE,
    LOAD_BALANCER,
    PUBLIC_ADDRESS,
    PUBLIC_PREFIX,
    SUBNET,
)
from local.azure.network.record import before, kept
from local.azure.network.reference import check_reference, in_use, mentions, users
from local.settings import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_ADDRESSES = ipaddress.ip_network("203.0.113.0/24")
_ADDRESSES_6 = ipaddress.ip_network("2001:db8::/112")
_PREFIXES = ipaddress.ip_network("198.51.100.0/24")
_PREFIXES_6 = ipaddress.ip_network("2001:db8:1::/112")
_LABEL = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")
#: DNS hashes of Azure are letters.
_LETTERS = str.maketrans("0123456789", "ghjkmnpqrs")
#: what can use a public address, with the lists its IP configurations are in
_USERS = {
    INTERFACE: ("ipConfigurations",),
    FIREWALL: ("ipConfigurations", "managementIpConfiguration"),
    BASTION: ("ipConfigurations",),
    LOAD_BALANCER: ("frontendIPConfigurations",),
}


def _method(body: Json, properties: Json) -> str:
    standard = (body.get("sku") or {}).get("name") in ("Standard", "StandardV2")
    method = properties.get("publicIPAllocationMethod") or ("Static" if standard else "Dynamic")
    if standard and method != "Static":
        raise bad_request(
            "Standard sku publicIp must have AllocationMethod set to Static.",
            code="PublicIPAddressCannotHaveStandardSkuDynamicAllocation",
        )
    return method


def _write_address(
    azure: Azure, resource_id: ResourceId, body: Json, properties: Json, old: Record | None
) -> Json:
    body.setdefault("sku", {"name": "Basic"})
    body["sku"] = {"name": "Basic", "tier": "Regional", **body["sku"]}
    method = _method(body, properties)
    check_reference(azure, properties.get("publicIPPrefix"))
    if settings := properties.get("dnsSettings"):
        properties["dnsSettings"] = _dns(azure, resource_id, str(body["location"]), settings, old)
    shown = {
        "publicIPAddressVersion": "IPv4",
        "idleTimeoutInMinutes": 4,
        "ipTags": [],
        "ddosSettings": {"protectionMode": "VirtualNetworkInherited"},
        **properties,
        "publicIPAllocationMethod": method,
    }
    shown.pop("ipConfiguration", None)
    address = before(old).get("ipAddress") or _free_address(azure, shown)
    # A dynamic address exists while something uses it; it is kept here from the start, as for Static.
    return {**shown, "ipAddress": address} if address else shown


def _free_address(azure: Azure, properties: Json) -> str | None:
    taken = {record.body["properties"].get("ipAddress") for record in azure.store.of_type(PUBLIC_ADDRESS)}
    prefix = azure.store.get(str((properties.get("publicIPPrefix") or {}).get("id")))
    if prefix is not None:
        pool = ipaddress.ip_network(str(prefix.body["properties"]["ipPrefix"]))
        free = next((str(one) for one in pool if str(one) not in taken), None)
        if free is None:
            raise bad_request(
                f"The public IP prefix {prefix.id} has no addresses left.", code="PublicIPPrefixOutOfCapacity"
            )
        return free
    pool = _ADDRESSES_6 if properties["publicIPAddressVersion"] == "IPv6" else _ADDRESSES
    return next((str(one) for one in pool.hosts() if str(one) not in taken), None)


def domain(label: str, location: str, scope: str = "", owner: str = "") -> str:
    """The name in Azure's DNS of a public address with a label.

    With a scope that names may be used again in, a hash tells the label from others' (``owner``: the group's id).
    """
    if not scope:
        return f"{label}.{location}.cloudapp.azure.com"
    reuse = {"TenantReuse": TENANT_ID, "SubscriptionReuse": SUBSCRIPTION_ID, "ResourceGroupReuse": owner}
    digest = hashlib.sha256(f"{scope}/{reuse.get(scope) or uuid.uuid4()}".lower().encode()).hexdigest()[:16]
    return f"{label}.{digest.translate(_LETTERS)}.{location}.sysgen.cloudapp.azure.com"


def label_taken(azure: Azure, name: str) -> Record | None:
    """The public address that has a name in Azure's DNS."""
    for record in azure.store.of_type(PUBLIC_ADDRESS):
        settings: Json = record.body["properties"].get("dnsSettings") or {}
        if str(settings.get("fqdn")).lower() == name.lower():
            return record
    return None


def _dns(azure: Azure, resource_id: ResourceId, location: str, settings: Json, old: Record | None) -> Json:
    label, scope = str(settings.get("domainNameLabel") or ""), str(settings.get("domainNameLabelScope") or "")
    if not label:
        return {key: value for key, value in settings.items() if key != "fqdn"}
    if not _LABEL.fullmatch(label):
        raise bad_request(
            f"The domain name label {label} is invalid. It must conform to the following regular expression: "
            f"^{_LABEL.pattern}$.",
            code="InvalidDomainNameLabel",
        )
    known: Json = before(old).get("dnsSettings") or {}
    if known.get("domainNameLabel") == label and known.get("domainNameLabelScope", "") == scope:
        return {**settings, "fqdn": known["fqdn"]}
    name = domain(label, location, scope, resource_id.parent)
    other = label_taken(azure, name)
    if other is not None and other.id.lower() != resource_id.key:
        raise bad_request(f"DNS record {name} is already used by another public IP.", code="DnsRecordInUse")
    return {**settings, "fqdn": name}


def address_users(azure: Azure, address_id: str) -> Iterator[str]:
    """The ids of the IP configurations, or the NAT gateway, that use a public address."""
    key = address_id.lower()
    for kind, segments in _USERS.items():
        for record in azure.store.of_type(kind):
            for segment in segments:
                found = record.body["properties"].get(segment) or []
                for one in found if isinstance(found, list) else [found]:
                    if mentions((one.get("properties") or {}).get("publicIPAddress"), key):
                        yield f"{record.id}/{segment}/{one.get('name')}"


def _read_address(azure: Azure, record: Record, properties: Json) -> Json:
    shown = dict(properties)
    if (user := next(address_users(azure, record.id), None)) is not None:
        shown["ipConfiguration"] = {"id": user}
    if found := users(azure, record.id, (GATEWAY,)):
        shown["natGateway"] = {"id": found[0].id}
    return shown


def _keep_used_address(azure: Azure, record: Record) -> None:
    by = next(address_users(azure, record.id), None) or next(
        (user.id for user in users(azure, record.id, (GATEWAY,))), None
    )
    if by is not None:
        raise bad_request(
            f"Public IP address {record.id} can not be deleted since it is still allocated to resource {by}.",
            code="PublicIPAddressCannotBeDeleted",
        )


def _write_prefix(azure: Azure, _id: ResourceId, body: Json, properties: Json, old: Record | None) -> Json:
    body["sku"] = {"name": "Standard", "tier": "Regional", **(body.get("sku") or {})}
    shown: Json = {"publicIPAddressVersion": "IPv4", "ipTags": [], **properties}
    for key in ("publicIPAddresses", "ipPrefix", "loadBalancerFrontendIpConfiguration"):
        shown.pop(key, None)
    # Zone-redundant unless asked otherwise, as of Azure's regions with zones.
    body.setdefault("zones", ["1", "2", "3"])
    six = shown["publicIPAddressVersion"] == "IPv6"
    longest, shortest = (127, 124) if six else (31, 28)
    length = int(shown.get("prefixLength") or 0)
    if not shortest <= length <= longest:
        raise bad_request(
            f"The prefix length {length} of a public IP prefix must be from {shortest} to {longest}.",
            code="InvalidPublicIpPrefixLength",
        )
    known = before(old)
    if known and known["prefixLength"] != length:
        raise bad_request(
            "The prefixLength of a public IP prefix can't be changed.",
            code="PublicIpPrefixLengthCannotBeChanged",
        )
    taken = [
        ipaddress.ip_network(str(other.body["properties"]["ipPrefix"]))
        for other in azure.store.of_type(PUBLIC_PREFIX)
    ]
    pool = (_PREFIXES_6 if six else _PREFIXES).subnets(new_prefix=length)
    free = next(
        (str(one) for one in islice(pool, 4096) if not any(one.overlaps(other) for other in taken)), None
    )
    if not known and free is None:
        raise bad_request(
            f"There is no range of /{length} left in local Azure's {_PREFIXES}.",
            code="PublicIPPrefixOutOfCapacity",
        )
    return {**shown, "prefixLength": length, "ipPrefix": known.get("ipPrefix") or free}


def _read_prefix(azure: Azure, record: Record, properties: Json) -> Json:
    found = users(azure, record.id, (PUBLIC_ADDRESS,))
    shown = (
        {**properties, "publicIPAddresses": [{"id": user.id} for user in found]}
        if found
        else dict(properties)
    )
    for balancer in azure.store.of_type(LOAD_BALANCER):
        for one in balancer.body["properties"].get("frontendIPConfigurations") or []:
            if mentions((one.get("properties") or {}).get("publicIPPrefix"), record.id.lower()):
                frontend = f"{balancer.id}/frontendIPConfigurations/{one['name']}"
                shown["loadBalancerFrontendIpConfiguration"] = {"id": frontend}
    return shown


def _keep_used_prefix(azure: Azure, record: Record) -> None:
    for user in users(azure, record.id, (PUBLIC_ADDRESS, GATEWAY, LOAD_BALANCER)):
        raise in_use("PublicIpPrefix", record, user.id)


def _write_gateway(azure: Azure, _id: ResourceId, body: Json, properties: Json, _old: Record | None) -> Json:
    body["sku"] = {"name": "Standard", **(body.get("sku") or {})}
    for address in [
        *(properties.get("publicIpAddresses") or []),
        *(properties.get("publicIpPrefixes") or []),
    ]:
        check_reference(azure, address)
    minutes = properties.get("idleTimeoutInMinutes", 4)
    if not 4 <= int(minutes) <= 120:
        raise bad_request(
            f"The idleTimeoutInMinutes {minutes} of a NAT gateway must be from 4 to 120.",
            code="InvalidIdleTimeoutInMinutes",
        )
    return {**properties, "idleTimeoutInMinutes": minutes}


def _read_gateway(azure: Azure, record: Record, properties: Json) -> Json:
    found = users(azure, record.id, (SUBNET,))
    return {**properties, "subnets": [{"id": user.id} for user in found]} if found else properties


def _keep_used_gateway(azure: Azure, record: Record) -> None:
    for user in users(azure, record.id, (SUBNET,)):
        raise in_use("NatGateway", record, user.id)


TYPES = (
    kept(PUBLIC_ADDRESS, write=_write_address, read=_read_address, guard=_keep_used_address, has_guid=True),
    kept(PUBLIC_PREFIX, write=_write_prefix, read=_read_prefix, guard=_keep_used_prefix, has_guid=True),
    kept(
        GATEWAY,
        write=_write_gateway,
        read=_read_gateway,
        read_only=("subnets",),
        guard=_keep_used_gateway,
        has_guid=True,
    ),
)
