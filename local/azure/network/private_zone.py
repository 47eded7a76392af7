"""Microsoft.Network: private DNS zones and their links to virtual networks.

Scope: zones with the SOA record that Azure makes, counts and limits, links with registration, overlapping zones of one network.
Omitted: nothing is resolved or registered.
"""

from __future__ import annotations

import base64
import re
import uuid
from typing import TYPE_CHECKING

from local.azure.errors import bad_request, conflict
from local.azure.network.name import ZONE, ZONE_LINK
from local.azure.network.record import before, given
from local.azure.network.record_set import COUNTED, plain_etag, soa
from local.azure.network.reference import check_reference, same
from local.azure.resource_id import parse
from local.azure.resource_type import Json, Record, ResourceId, ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MOST_LABELS = 34


def _check_global(body: Json) -> None:
    if str(body.get("location", "")).lower() != "global":
        raise bad_request(
            "The location of a private DNS zone, and of its links, is 'global'.",
            code="LocationNotAvailableForResourceType",
        )


def _prepare_zone(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    _check_global(body)
    labels = resource_id.name.split(".")
    if not 2 <= len(labels) <= _MOST_LABELS or not all(_LABEL.fullmatch(label) for label in labels):
        raise bad_request(
            f"The zone '{resource_id.name}' needs 2 to {_MOST_LABELS} labels of letters, digits, '-' and '_'.",
            code="BadRequest",
        )
    made = f"Immutable;{uuid.uuid4()};0".encode()
    properties = {
        "internalId": before(old).get("internalId") or base64.b64encode(made).decode(),
        "maxNumberOfRecordSets": 25000,
        "maxNumberOfVirtualNetworkLinks": 1000,
        "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
        "provisioningState": "Succeeded",
    }
    return {"location": "global", "tags": body.get("tags") or {}, "properties": properties}


async def _settle_zone(azure: Azure, record: Record) -> Json | None:
    """A new zone has a start of authority."""
    path = f"{record.id}/SOA/@"
    if azure.store.get(path) is None:
        azure.store.put(path, soa(record.name))
    return None


def _view_zone(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    links = azure.store.below(record.id, ZONE_LINK)
    sets = sum(len(azure.store.below(record.id, kind)) for kind in COUNTED)
    properties = {
        **body["properties"],
        "numberOfRecordSets": max(sets, 1),
        "numberOfVirtualNetworkLinks": len(links),
        "numberOfVirtualNetworkLinksWithRegistration": sum(
            bool(link.body["properties"].get("registrationEnabled")) for link in links
        ),
    }
    return {**body, "etag": plain_etag(record), "properties": properties}


def _keep_linked_zone(azure: Azure, record: Record) -> None:
    if azure.store.below(record.id, ZONE_LINK):
        raise conflict(
            f"Can not delete resource before nested resources are deleted: the zone {record.name} still has links to virtual "
            "networks.",
            code="CannotDeleteResource",
        )


def _prepare_link(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    _check_global(body)
    properties = given(body)
    network = properties.get("virtualNetwork")
    if not network:
        raise bad_request("A link needs properties.virtualNetwork.", code="BadRequest")
    check_reference(azure, network)
    known = before(old)
    if known and not same(network, str(known["virtualNetwork"]["id"])):
        raise bad_request("The virtual network of a link can't be changed.", code="BadRequest")
    zone = parse(resource_id.parent).name
    _check_apart(azure, resource_id, zone, properties)
    return {
        "location": "global",
        "tags": body.get("tags") or {},
        "properties": {
            "registrationEnabled": False,
            **({"resolutionPolicy": "Default"} if zone.lower().startswith("privatelink.") else {}),
            **properties,
            "virtualNetworkLinkState": "Completed",
            "provisioningState": "Succeeded",
        },
    }


def _check_apart(azure: Azure, resource_id: ResourceId, zone: str, properties: Json) -> None:
    """A network is linked to a zone once, and registers its machines in one zone (400)."""
    for other in azure.store.of_type(ZONE_LINK):
        theirs = parse(parse(other.id).parent).name
        if other.id.lower() == resource_id.key or not same(
            other.body["properties"]["virtualNetwork"], str(properties["virtualNetwork"]["id"])
        ):
            continue
        if theirs.lower() == zone.lower():
            raise bad_request(
                "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link virtual "
                f"network with '{zone}' and '{theirs}' zones.",
                code="BadRequest",
            )
        if properties.get("registrationEnabled") and other.body["properties"].get("registrationEnabled"):
            raise bad_request(
                f"A virtual network can only be linked to one zone with registration enabled; it registers in '{theirs}'.",
                code="BadRequest",
            )


def _view_link(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return {**body, "etag": plain_etag(record)}


async def _nothing_left(_azure: Azure, _record: Record) -> None:
    """Deletions are long operations in Azure."""


async def _settle_link(_azure: Azure, _record: Record) -> Json | None:
    return None


TYPES = (
    ResourceType(
        ZONE,
        prepare=_prepare_zone,
        settle=_settle_zone,
        vanish=_nothing_left,
        guard_delete=_keep_linked_zone,
        view=_view_zone,
    ),
    ResourceType(
        ZONE_LINK, prepare=_prepare_link, settle=_settle_link, vanish=_nothing_left, view=_view_link
    ),
)
