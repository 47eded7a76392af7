"""Microsoft.Network: types that Azure keeps and that do nothing by themselves.

Scope: DDoS protection plans, network profiles, virtual network taps, local network gateways: references, states, what uses them.
Omitted: protection, containers' interfaces, mirrored traffic, VPN connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network.name import DDOS_PLAN, PROFILE, PUBLIC_ADDRESS, TAP, VIRTUAL_NETWORK
from local.azure.network.record import Part, kept
from local.azure.network.reference import check_reference, in_use, networks, users

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_CONFIGURATION = Part(
    "containerNetworkInterfaceConfigurations", parts=(Part("ipConfigurations", typed=True),), typed=True
)


def _read_plan(azure: Azure, record: Record, properties: Json) -> Json:
    return {
        **properties,
        "publicIPAddresses": [{"id": user.id} for user in users(azure, record.id, (PUBLIC_ADDRESS,))],
        "virtualNetworks": [{"id": user.id} for user in users(azure, record.id, (VIRTUAL_NETWORK,))],
    }


def _keep_used_plan(azure: Azure, record: Record) -> None:
    for user in users(azure, record.id, (VIRTUAL_NETWORK, PUBLIC_ADDRESS)):
        raise in_use("DdosProtectionPlan", record, user.id)


def _write_profile(azure: Azure, _id: ResourceId, _body: Json, properties: Json, _old: Record | None) -> Json:
    for interface in properties.get("containerNetworkInterfaceConfigurations") or []:
        for one in (interface.get("properties") or {}).get("ipConfigurations") or []:
            check_reference(azure, (one.get("properties") or {}).get("subnet"))
    return properties


def _write_tap(
    azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None
) -> Json:
    ends = ("destinationNetworkInterfaceIPConfiguration", "destinationLoadBalancerFrontEndIPConfiguration")
    if sum(bool(properties.get(end)) for end in ends) != 1:
        raise bad_request(
            f"Virtual network tap {resource_id.text} needs one of {' and '.join(ends)}.",
            code="InvalidRequestFormat",
        )
    for end in ends:
        check_reference(azure, properties.get(end))
    return properties


def _write_local_gateway(
    _azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None
) -> Json:
    if not properties.get("gatewayIpAddress") and not properties.get("fqdn"):
        raise bad_request(
            f"Local network gateway {resource_id.text} needs a gatewayIpAddress or a fqdn.",
            code="InvalidRequestFormat",
        )
    networks(
        (properties.get("localNetworkAddressSpace") or {}).get("addressPrefixes") or [], resource_id.name
    )
    return properties


TYPES = (
    kept(
        DDOS_PLAN,
        read=_read_plan,
        read_only=("publicIPAddresses", "virtualNetworks"),
        guard=_keep_used_plan,
        has_guid=True,
    ),
    kept(
        PROFILE,
        write=_write_profile,
        defaults={"containerNetworkInterfaces": []},
        parts=(_CONFIGURATION,),
        has_guid=True,
    ),
    kept(
        TAP,
        write=_write_tap,
        defaults={"destinationPort": 4789, "networkInterfaceTapConfigurations": []},
        has_guid=True,
    ),
    kept("Microsoft.Network/localNetworkGateways", write=_write_local_gateway, has_guid=True),
)
