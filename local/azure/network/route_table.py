"""Microsoft.Network: route tables with their routes.

Scope: prefixes, next hops, what uses a table. Omitted: nothing is routed; effective routes are 501.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network.name import ROUTE_TABLE, SUBNET
from local.azure.network.record import Children, given, kept
from local.azure.network.reference import in_use, networks, users

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_HOPS = ("VirtualNetworkGateway", "VnetLocal", "Internet", "VirtualAppliance", "None")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9.]*")
_DEFAULTS = {"hasBgpOverride": False}


def _check(name: str, route: Json) -> None:
    prefix = str(route.get("addressPrefix") or "")
    if not _TAG.fullmatch(prefix):
        networks([prefix], f"route '{name}'")
    if route.get("nextHopType") not in _HOPS:
        raise bad_request(
            f"Route '{name}' has the nextHopType '{route.get('nextHopType')}'; it must be one of {', '.join(_HOPS)}.",
            code="InvalidRequestFormat",
        )
    if route["nextHopType"] == "VirtualAppliance" and not route.get("nextHopIpAddress"):
        raise bad_request(
            f"NextHopIpAddress is required for VirtualAppliance in Route {name}.",
            code="NextHopIpAddressIsRequiredForVirtualApplianceRoute",
        )


def _check_apart(routes: list[tuple[str, Json]]) -> None:
    taken: dict[str, str] = {}
    for name, route in routes:
        other = taken.setdefault(str(route.get("addressPrefix")), name)
        if other.lower() != name.lower():
            raise bad_request(
                f"Route {name} conflicts with route {other}: routes cannot have the same address prefix.",
                code="RouteConflict",
            )


def _listed(_azure: Azure, _table: ResourceId, _properties: Json, items: list[Json]) -> list[Json]:
    for item in items:
        _check(str(item["name"]), given(item))
    _check_apart([(str(item["name"]), given(item)) for item in items])
    return [
        {"name": item["name"], "properties": {**_DEFAULTS, **given(item), "provisioningState": "Succeeded"}}
        for item in items
    ]


def _write(azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None) -> Json:
    _check(resource_id.name, properties)
    others = [
        (other.name, other.body["properties"])
        for other in azure.store.below(resource_id.parent, f"{ROUTE_TABLE}/routes")
        if other.id.lower() != resource_id.key
    ]
    _check_apart([*others, (resource_id.name, properties)])
    return properties


def _read(azure: Azure, record: Record, properties: Json) -> Json:
    found = users(azure, record.id, (SUBNET,))
    return {**properties, "subnets": [{"id": user.id} for user in found]} if found else properties


def _keep_used(azure: Azure, record: Record) -> None:
    for user in users(azure, record.id, (SUBNET,)):
        raise in_use("RouteTable", record, user.id)


TYPES = (
    kept(
        ROUTE_TABLE,
        defaults={"disableBgpRoutePropagation": False},
        read=_read,
        read_only=("subnets",),
        guard=_keep_used,
        has_guid=True,
        children=(Children("routes", f"{ROUTE_TABLE}/routes", _listed),),
    ),
    kept(f"{ROUTE_TABLE}/routes", write=_write, defaults=_DEFAULTS, located=False, patch=False),
)
