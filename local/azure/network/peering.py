"""Microsoft.Network: peerings of virtual networks.

Scope: both directions with Azure's states (Initiated until the other side has one too, Connected, Disconnected when the other
side is gone), address spaces that overlap, gateway transit. Omitted: nothing is routed; peerings of single subnets
are 501.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.network.name import PEERING
from local.azure.network.record import given, kept
from local.azure.network.reference import check_reference, networks, prefixes_of, same
from local.azure.resource_id import parse

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_DEFAULTS = {
    "allowVirtualNetworkAccess": True,
    "allowForwardedTraffic": False,
    "allowGatewayTransit": False,
    "useRemoteGateways": False,
    "doNotVerifyRemoteGateways": False,
    "peerCompleteVnets": True,
}
_READ_ONLY = (
    "peeringState",
    "peeringSyncLevel",
    "remoteAddressSpace",
    "remoteVirtualNetworkAddressSpace",
    "remoteBgpCommunities",
    "remoteVirtualNetworkEncryption",
    "localAddressSpace",
    "localVirtualNetworkAddressSpace",
)


def _write(azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, old: Record | None) -> Json:
    network = azure.store.get(resource_id.parent)
    space: Json = network.body["properties"]["addressSpace"] if network is not None else {}
    return _checked(azure, resource_id, space, properties, old)


def _checked(
    azure: Azure, resource_id: ResourceId, space: Json, properties: Json, old: Record | None
) -> Json:
    network_id, name = resource_id.parent, resource_id.name
    remote: Any = properties.get("remoteVirtualNetwork")
    if not remote:
        raise bad_request(f"Peering '{name}' needs remoteVirtualNetwork.", code="InvalidRequestFormat")
    check_reference(azure, remote)
    if properties.get("peerCompleteVnets") is False:
        raise unsupported("A peering of single subnets (peerCompleteVnets: false)")
    if same(remote, network_id):
        raise bad_request(
            f"Cannot create or update peering {name}: a virtual network cannot be peered with itself.",
            code="VnetCannotBePeeredWithSelf",
        )
    if old is not None and not same(remote, str(old.body["properties"]["remoteVirtualNetwork"]["id"])):
        raise bad_request(
            f"The remote virtual network of peering {name} cannot be changed.",
            code="ChangingRemoteVirtualNetworkIsNotAllowed",
        )
    for other in azure.store.below(network_id, PEERING):
        if other.name.lower() != name.lower() and same(
            other.body["properties"]["remoteVirtualNetwork"], str(remote["id"])
        ):
            raise bad_request(
                f"Peering {other.id} already references remote virtual network {remote['id']}.",
                code="VnetPeeringToSameVnetAlreadyExists",
            )
    found = azure.store.get(str(remote["id"]))
    theirs = (
        networks(prefixes_of(found.body["properties"]["addressSpace"]), "the remote network") if found else []
    )
    for one in networks(prefixes_of(space), "the network"):
        for other in theirs:
            if one.overlaps(other):
                raise bad_request(
                    f"Cannot create or update peering {name}. Virtual networks {network_id} and {remote['id']} cannot be "
                    f"peered because their address spaces overlap. Overlapping address prefixes: {one}, {other}.",
                    code="VnetAddressSpacesOverlap",
                )
    return {**_DEFAULTS, **{key: value for key, value in properties.items() if key not in _READ_ONLY}}


def _back(azure: Azure, network_id: str, remote_id: str) -> Record | None:
    """The remote network's peering to this one."""
    return next(
        (
            other
            for other in azure.store.below(remote_id, PEERING)
            if same(other.body["properties"].get("remoteVirtualNetwork"), network_id)
        ),
        None,
    )


def read(azure: Azure, record: Record, properties: Json) -> Json:
    """Adds the state, which depends on the other side, and the address spaces."""
    network_id = parse(record.id).parent
    network = azure.store.get(network_id)
    remote_id = str(properties["remoteVirtualNetwork"]["id"])
    remote = azure.store.get(remote_id)
    own: Json = network.body["properties"]["addressSpace"] if network is not None else {}
    theirs: Json = remote.body["properties"]["addressSpace"] if remote is not None else {}
    shown = {
        **properties,
        "peeringState": "Disconnected"
        if remote is None
        else "Connected"
        if _back(azure, network_id, remote_id)
        else "Initiated",
        "peeringSyncLevel": "FullyInSync",
        "remoteAddressSpace": theirs,
        "remoteVirtualNetworkAddressSpace": theirs,
        "localAddressSpace": own,
        "localVirtualNetworkAddressSpace": own,
    }
    more: Json = remote.body["properties"] if remote is not None else {}
    if more.get("encryption"):
        shown["remoteVirtualNetworkEncryption"] = more["encryption"]
    if more.get("bgpCommunities"):
        shown["remoteBgpCommunities"] = more["bgpCommunities"]
    return shown


def prepare_listed(azure: Azure, network_id: ResourceId, network: Json, items: list[Json]) -> list[Json]:
    """The peerings written with their network."""
    shown: list[Json] = []
    for item in items:
        resource_id = parse(f"{network_id.text}/virtualNetworkPeerings/{item['name']}")
        old = azure.store.get(resource_id.text)
        checked = _checked(azure, resource_id, network.get("addressSpace") or {}, given(item), old)
        shown.append({"name": item["name"], "properties": {**checked, "provisioningState": "Succeeded"}})
    return shown


TYPES = (kept(PEERING, write=_write, read=read, located=False, patch=False),)
