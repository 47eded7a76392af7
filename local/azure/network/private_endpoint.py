"""Microsoft.Network: private endpoints.

Scope: endpoints to the types in ``private_link.TARGETS`` and to private link services, approved at once or by hand; addresses out of
the subnet, static ones too; the network interface that Azure makes. Omitted: nothing is connected: clients reach everything with
or without an endpoint.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network import interface
from local.azure.network.name import ENDPOINT, INTERFACE
from local.azure.network.private_link import LISTS, first_state, members, target_of
from local.azure.network.record import Part, before, kept
from local.azure.network.reference import check_reference
from local.azure.network.subnet import free_addresses

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_PARTS = tuple(Part(segment, typed=True) for segment in LISTS)


def _write(azure: Azure, resource_id: ResourceId, body: Json, properties: Json, old: Record | None) -> Json:
    known = before(old)
    subnet = _subnet(azure, resource_id, properties, known)
    segment, connection = _only(resource_id, properties)
    record, target = target_of(azure, connection)
    for group in properties.get("applicationSecurityGroups") or []:
        # Azure's own example misspells such an id ("/provders/"): what is no id at all isn't looked up.
        if "/providers/" in str(group.get("id")).lower():
            check_reference(azure, group)
    name = str(connection.get("name") or resource_id.name)
    inner: Json = connection["properties"]
    state = _known_state(known, segment, inner) or first_state(azure, connection, manual=segment == LISTS[1])
    shown_connection: Json = {
        "name": name,
        "properties": {**inner, "privateLinkServiceConnectionState": state},
    }
    guid = properties.get("resourceGuid") or str(uuid.uuid4())
    nic = _interface_id(resource_id, properties, known, guid)
    groups: list[str] = inner.get("groupIds") or [""]
    wanted = members(record, target, str(body["location"]), groups[0])
    static = _static(resource_id, properties, wanted, strict=target is not None)
    had = {str(one["member"]): str(one["address"]) for one in known.get("members") or []}
    fixed = {member: had[member] for member in wanted if member in had}
    fixed |= {member: str(one["address"]) for member, one in static.items()}
    addresses = _addresses(
        wanted, fixed, free_addresses(azure, subnet, len(wanted), but=nic, wanted=list(fixed.values()))
    )
    held = [
        {
            "name": (static.get(member) or {}).get("name") or f"privateEndpointIpConfig.{at}",
            "address": addresses[member],
            "method": "Static" if member in static else "Dynamic",
            "group": groups[0],
            "member": member,
            "fqdns": names,
        }
        for at, (member, names) in enumerate(wanted.items())
    ]
    return {
        "applicationSecurityGroups": [],
        "ipConfigurations": [],
        "customNetworkInterfaceName": "",
        **properties,
        LISTS[0]: [],
        LISTS[1]: [],
        segment: [shown_connection],
        "customDnsConfigs": [
            {"fqdn": fqdn, "ipAddresses": [member["address"]]} for member in held for fqdn in member["fqdns"]
        ],
        "members": held,
        "networkInterfaces": [{"id": nic}],
    }


def _subnet(azure: Azure, resource_id: ResourceId, properties: Json, known: Json) -> Record:
    subnet = azure.store.get(str((properties.get("subnet") or {}).get("id")))
    if subnet is None or not subnet.type.lower().endswith("/subnets"):
        raise bad_request("A private endpoint needs a subnet that exists.", code="InvalidResourceReference")
    if known and str(known["subnet"]["id"]).lower() != subnet.id.lower():
        raise bad_request(
            "The subnet of a private endpoint can't be changed.", code="PrivateEndpointSubnetChanged"
        )
    if subnet.body["properties"].get("delegations"):
        raise bad_request(
            f"Private endpoint {resource_id.text} cannot be created as subnet {subnet.id} is delegated.",
            code="PrivateEndpointCreationNotAllowedAsSubnetIsDelegated",
        )
    return subnet


def _only(resource_id: ResourceId, properties: Json) -> tuple[str, Json]:
    """The one connection of an endpoint, and the list it is in."""
    found: list[tuple[str, Json]] = [
        (segment, one) for segment in LISTS for one in properties.get(segment) or []
    ]
    if len(found) != 1:
        raise bad_request(
            f"A private endpoint has one connection; '{resource_id.name}' has {len(found)}.",
            code="InvalidRequestFormat",
        )
    return found[0]


def _known_state(known: Json, segment: str, inner: Json) -> Json | None:
    """What was decided about the connection before."""
    for one in known.get(segment) or []:
        if (
            str(one["properties"]["privateLinkServiceId"]).lower()
            == str(inner["privateLinkServiceId"]).lower()
        ):
            return one["properties"]["privateLinkServiceConnectionState"]
    return None


def _interface_id(resource_id: ResourceId, properties: Json, known: Json, guid: str) -> str:
    if known.get("networkInterfaces"):
        return str(known["networkInterfaces"][0]["id"])
    name = properties.get("customNetworkInterfaceName") or f"{resource_id.name}.nic.{guid}"
    return f"{resource_id.parent}/providers/{INTERFACE}/{name}"


def _static(
    resource_id: ResourceId, properties: Json, wanted: dict[str, list[str]], *, strict: bool
) -> dict[str, Json]:
    """Member → the static address given for it. A private link service's members have no names of their own."""
    found: dict[str, Json] = {}
    for one in properties.get("ipConfigurations") or []:
        inner: Json = one.get("properties") or {}
        member = str(inner.get("memberName"))
        if strict and member not in wanted:
            raise bad_request(
                f"IP configuration '{one.get('name')}' of {resource_id.text} names the member '{member}'; there are "
                f"{', '.join(wanted)}.",
                code="InvalidPrivateEndpointIpConfiguration",
            )
        if not strict:
            member = next((name for name in wanted if name not in found), "")
        if member:
            found[member] = {"name": one.get("name"), "address": inner.get("privateIPAddress")}
    return found


def _addresses(wanted: dict[str, list[str]], fixed: dict[str, str], chosen: list[str]) -> dict[str, str]:
    """Member → address: the fixed ones, which come first in ``chosen``, and the rest in order."""
    rest = iter(chosen[len(fixed) :])
    return {member: fixed.get(member) or next(rest) for member in wanted}


async def _settle(azure: Azure, record: Record) -> Json | None:
    """Makes the network interface."""
    properties: Json = record.body["properties"]
    configurations = [
        {
            "name": member["name"],
            "properties": {
                "privateIPAddress": member["address"],
                "privateIPAllocationMethod": member["method"],
                "subnet": {"id": properties["subnet"]["id"]},
                "privateLinkConnectionProperties": {
                    "groupId": member["group"],
                    "requiredMemberName": member["member"],
                    "fqdns": member["fqdns"],
                },
            },
        }
        for member in properties["members"]
    ]
    interface.make_of_owner(azure, record, "privateEndpoint", configurations)
    return None


def _read(azure: Azure, _record: Record, properties: Json) -> Json:
    shown = {key: value for key, value in properties.items() if key != "members"}
    for segment in LISTS:
        shown[segment] = [_shown(azure, one) for one in properties.get(segment) or []]
    return shown


def _shown(azure: Azure, connection: Json) -> Json:
    shown: Json = {key: value for key, value in connection.items() if key != "disconnected"}
    inner: Json = dict(shown["properties"])
    if azure.store.get(str(inner["privateLinkServiceId"])) is None:
        # What it led to was deleted: Azure keeps the endpoint and says so.
        inner["privateLinkServiceConnectionState"] = {
            "status": "Disconnected",
            "description": "The resource that the private endpoint led to was deleted.",
            "actionsRequired": "None",
        }
    return {**shown, "properties": inner}


TYPES = (
    kept(
        ENDPOINT,
        write=_write,
        read=_read,
        read_only=("members", "networkInterfaces", "customDnsConfigs"),
        parts=_PARTS,
        has_guid=True,
        settle=_settle,
        vanish=interface.remove_of_owner,
        patch=False,
    ),
)
