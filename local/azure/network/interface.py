"""Microsoft.Network: network interfaces: those that users make, and those of private endpoints.

Scope: addresses out of the subnet, references, who uses what. Omitted: nothing is attached (there are no virtual machines);
effective rules and routes, taps and the interfaces of scale sets are 501.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.network.name import INTERFACE
from local.azure.network.record import Part, kept, named, parts_of, view_of
from local.azure.network.reference import check_reference
from local.azure.network.subnet import free_addresses

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

#: what makes interfaces of its own
OWNERS = ("privateEndpoint", "privateLinkService")
_PARTS = (
    Part(
        "ipConfigurations",
        {"privateIPAddressVersion": "IPv4", "privateIPAllocationMethod": "Dynamic"},
    ),
)


def placed(
    azure: Azure,
    resource_id: ResourceId,
    configurations: list[Json],
    old: Record | None,
    segment: str = "ipConfigurations",
) -> list[Json]:
    """IP configurations with an address of their subnet each: the one they ask for, the one they had, or a free one.

    Raises:
        ArmError: 400, a reference leads nowhere, or an address can't be had.
    """
    before: dict[str, Json] = {}
    if old is not None:
        found: Any = old.body["properties"].get(segment) or []
        before = {str(one.get("name")): one.get("properties") or {} for one in found if isinstance(one, dict)}
    chosen: dict[str, list[str]] = {}
    shown: list[Json] = []
    for one in configurations:
        properties: Json = dict(one.get("properties") or {})
        for key in ("publicIPAddress", "subnet", "publicIPPrefix"):
            check_reference(azure, properties.get(key))
        subnet_id = str((properties.get("subnet") or {}).get("id") or "")
        subnet = azure.store.get(subnet_id)
        block = "/" in str(properties.get("privateIPAddress")) or properties.get(
            "privateIPAddressPrefixLength"
        )
        if subnet is not None and not block:
            known = before.get(str(one.get("name"))) or {}
            wanted = properties.get("privateIPAddress") or (
                known.get("privateIPAddress")
                if str((known.get("subnet") or {}).get("id")).lower() == subnet_id.lower()
                else None
            )
            taken = chosen.setdefault(subnet.id.lower(), [])
            fixed = [*taken, *([wanted] if wanted else [])]
            address = free_addresses(azure, subnet, len(taken) + 1, but=resource_id.text, wanted=fixed)[-1]
            taken.append(address)
            properties["privateIPAddress"] = address
        shown.append({**one, "properties": properties})
    return shown


def _write(azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, old: Record | None) -> Json:
    if old is not None and (owner := owner_of(old.body["properties"])) is not None:
        raise bad_request(
            f"Network interface {resource_id.text} belongs to {owner} and cannot be updated; change its tags by PATCH.",
            code="CannotModifyNicAttachedToPrivateEndpoint",
        )
    configurations = named(properties.get("ipConfigurations") or [], "ipConfigurations")
    if not configurations:
        raise bad_request(
            f"Network interface {resource_id.text} needs one or more ipConfigurations.",
            code="NicWithoutIpConfiguration",
        )
    check_reference(azure, properties.get("networkSecurityGroup"))
    for one in configurations:
        if not (one.get("properties") or {}).get("subnet"):
            raise bad_request(
                f"IP configuration {one['name']} of {resource_id.text} needs a subnet.",
                code="SubnetIsRequired",
            )
    shown = placed(azure, resource_id, configurations, old)
    for at, one in enumerate(shown):
        one["properties"].setdefault("primary", at == 0)
    return {**properties, **_filled(resource_id.text), "ipConfigurations": shown, **_settings(properties)}


def _filled(resource_id: str) -> Json:
    digest = hashlib.sha256(resource_id.lower().encode()).hexdigest()[:6].upper()
    return {
        "macAddress": "-".join(("00", "0D", "3A", digest[:2], digest[2:4], digest[4:])),
        "vnetEncryptionSupported": False,
        "hostedWorkloads": [],
        "nicType": "Standard",
    }


def _settings(properties: Json) -> Json:
    given: Json = properties.get("dnsSettings") or {}
    return {
        "dnsSettings": {
            "dnsServers": [],
            "internalDomainNameSuffix": "local.internal.cloudapp.net",
            **given,
            "appliedDnsServers": given.get("dnsServers") or [],
        },
        "enableAcceleratedNetworking": properties.get("enableAcceleratedNetworking", False),
        "enableIPForwarding": properties.get("enableIPForwarding", False),
        "disableTcpStateTracking": properties.get("disableTcpStateTracking", False),
    }


def make_of_owner(azure: Azure, owner: Record, key: str, configurations: list[Json]) -> None:
    """Writes the interface that Azure makes for a private endpoint or a private link service (``key``), if it changed."""
    nic = azure.parse(str(owner.body["properties"]["networkInterfaces"][0]["id"]))
    body = _of_owner(owner, key, nic.name, configurations)
    old = azure.store.get(nic.text)
    if old is None or old.body != body:
        azure.store.put(nic.text, body)


async def remove_of_owner(azure: Azure, owner: Record) -> None:
    """Removes the interfaces of a private endpoint or a private link service that goes."""
    for nic in owner.body["properties"].get("networkInterfaces") or []:
        azure.store.delete(str(nic["id"]))


def _of_owner(owner: Record, key: str, name: str, configurations: list[Json]) -> Json:
    return {
        "location": owner.body["location"],
        "tags": owner.body.get("tags") or {},
        "properties": {
            "resourceGuid": name.rsplit(".", 1)[-1],
            **_filled(f"{owner.id}/{name}"),
            "ipConfigurations": [
                {
                    **one,
                    "properties": {
                        "primary": at == 0,
                        "privateIPAddressVersion": "IPv4",
                        **one["properties"],
                    },
                }
                for at, one in enumerate(configurations)
            ],
            **_settings({}),
            key: {"id": owner.id},
            "provisioningState": "Succeeded",
        },
    }


def owner_of(properties: Json) -> str | None:
    """The id of the private endpoint or private link service that an interface belongs to."""
    for key in OWNERS:
        if properties.get(key):
            return str(properties[key]["id"])
    return None


def _keep_used(_azure: Azure, record: Record) -> None:
    owner = owner_of(record.body["properties"])
    if owner is not None:
        raise bad_request(
            f"Network interface {record.id} cannot be deleted because it belongs to {owner}.",
            code="NicInUseWithPrivateEndpoint" if "/privateendpoints/" in owner.lower() else "NicInUse",
        )


TYPES = (
    kept(
        INTERFACE,
        write=_write,
        parts=_PARTS,
        guard=_keep_used,
        has_guid=True,
        read_only=(
            "macAddress",
            "virtualMachine",
            *OWNERS,
            "hostedWorkloads",
            "vnetEncryptionSupported",
        ),
    ),
    view_of(f"{INTERFACE}/ipConfigurations", parts_of("ipConfigurations", _PARTS)),
)
