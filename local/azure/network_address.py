"""Microsoft.Network: public addresses and NAT gateways, as recorded facts with Azure's references checked.

Addresses are of the range for documentation (RFC 5737), as nobody can be reached at them. Omitted: prefixes, IPv6, DNS
labels; nothing is translated.
"""

from __future__ import annotations

import ipaddress
import uuid
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network import GATEWAY, PUBLIC_ADDRESS, SUBNET, check_reference, in_use, plain, settled
from local.azure.resource_type import Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure

_ADDRESSES = ipaddress.ip_network("203.0.113.0/24")


def _prepare_address(azure: Azure, _resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_location(body)
    sku = {"name": "Standard", "tier": "Regional", **(body.get("sku") or {})}
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    method = given.get("publicIPAllocationMethod") or "Dynamic"
    if sku["name"] == "Standard" and method != "Static":
        raise bad_request(
            "Standard sku publicIp must have AllocationMethod set to Static.",
            code="PublicIPAddressCannotHaveStandardSkuDynamicAllocation",
        )
    before: Json = old.body["properties"] if old is not None else {}
    taken = {record.body["properties"]["ipAddress"] for record in azure.store.of_type(PUBLIC_ADDRESS)}
    free = (str(address) for address in _ADDRESSES.hosts() if str(address) not in taken)
    properties = {
        "publicIPAddressVersion": "IPv4",
        "idleTimeoutInMinutes": 4,
        "ipTags": [],
        **given,
        "publicIPAllocationMethod": method,
        "ipAddress": before.get("ipAddress") or next(free, None),
        "resourceGuid": before.get("resourceGuid") or str(uuid.uuid4()),
        "provisioningState": "Succeeded",
    }
    return {**body, "sku": sku, "tags": body.get("tags") or {}, "properties": properties}


def _keep_used_address(azure: Azure, record: Record) -> None:
    for gateway in azure.store.of_type(GATEWAY):
        used = gateway.body["properties"].get("publicIpAddresses") or []
        if any(str(one.get("id")).lower() == record.id.lower() for one in used):
            raise bad_request(
                f"Public IP address {record.id} can not be deleted since it is still allocated to resource {gateway.id}.",
                code="PublicIPAddressCannotBeDeleted",
            )


def _prepare_gateway(azure: Azure, _resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_location(body)
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    for address in given.get("publicIpAddresses") or []:
        check_reference(azure, address)
    before: Json = old.body["properties"] if old is not None else {}
    properties = {
        "idleTimeoutInMinutes": 4,
        **given,
        "resourceGuid": before.get("resourceGuid") or str(uuid.uuid4()),
        "provisioningState": "Succeeded",
    }
    return {**body, "tags": body.get("tags") or {}, "properties": properties}


def _keep_used_gateway(azure: Azure, record: Record) -> None:
    for subnet in azure.store.of_type(SUBNET):
        used = subnet.body["properties"].get("natGateway") or {}
        if str(used.get("id")).lower() == record.id.lower():
            raise in_use("NatGateway", record, subnet.id)


TYPES = (
    ResourceType(
        PUBLIC_ADDRESS,
        prepare=_prepare_address,
        settle=settled,
        guard_delete=_keep_used_address,
        view=plain,
    ),
    ResourceType(
        GATEWAY, prepare=_prepare_gateway, settle=settled, guard_delete=_keep_used_gateway, view=plain
    ),
)
