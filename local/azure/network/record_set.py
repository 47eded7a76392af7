"""Microsoft.Network: the record sets of private DNS zones.

Scope: A, AAAA, CNAME, MX, PTR, SOA, SRV and TXT, written, merged, listed by type and together, with etags. Omitted: nothing is
resolved.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, conflict, parent_not_found
from local.azure.network.name import ZONE
from local.azure.network.record import given
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure

#: type → the property with its records
_FIELDS = {
    "A": "aRecords",
    "AAAA": "aaaaRecords",
    "CNAME": "cnameRecord",
    "MX": "mxRecords",
    "PTR": "ptrRecords",
    "SOA": "soaRecord",
    "SRV": "srvRecords",
    "TXT": "txtRecords",
}
COUNTED = tuple(f"{ZONE}/{kind}" for kind in _FIELDS)
_TTL = 3600
_NAME = re.compile(r"@|\*|(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def plain_etag(record: Record) -> str:
    """The etag in a body of private DNS: a bare GUID."""
    return str(uuid.UUID(record.etag))


def soa(zone: str) -> Json:
    """The body of the start of authority that Azure gives a new zone."""
    properties = {
        "fqdn": f"{zone.lower()}.",
        "isAutoRegistered": False,
        "metadata": {},
        "soaRecord": {
            "email": "azureprivatedns-host.microsoft.com",
            "expireTime": 2419200,
            "host": "azureprivatedns.net",
            "minimumTtl": 10,
            "refreshTime": 3600,
            "retryTime": 300,
            "serialNumber": 1,
        },
        "ttl": _TTL,
    }
    return {"properties": properties}


def address_set(zone: str, name: str, addresses: list[str], *, ttl: int, metadata: Json) -> Json:
    """The body of an A record set."""
    properties = {
        "fqdn": _fqdn(name, zone),
        "isAutoRegistered": False,
        "metadata": metadata,
        "ttl": ttl,
        "aRecords": [{"ipv4Address": address} for address in addresses],
    }
    return {"properties": properties}


def _fqdn(name: str, zone: str) -> str:
    return f"{zone}.".lower() if name == "@" else f"{name}.{zone}.".lower()


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    kind = resource_id.type.rsplit("/", 1)[1].upper()
    zone, name = resource_id.names
    if not _NAME.fullmatch(name):
        raise bad_request(f"The record set name '{name}' is invalid.", code="BadRequest")
    properties = given(body)
    for key in ("fqdn", "isAutoRegistered", "provisioningState"):
        properties.pop(key, None)
    if (kind == "SOA" and name != "@") or (kind == "CNAME" and name == "@"):
        raise bad_request(f"A record set of type {kind} can't have the name '{name}'.", code="BadRequest")
    field = _FIELDS[kind]
    if unknown := [other for other in _FIELDS.values() if other != field and other in properties]:
        raise bad_request(f"A record set of type {kind} has no {unknown[0]}.", code="BadRequest")
    records: Any = properties.get(field)
    if records is None:
        records = old.body["properties"].get(field) if kind == "SOA" and old is not None else None
    if kind == "SOA" and records is not None:
        known: Json = (
            old.body["properties"]["soaRecord"] if old is not None else soa(zone)["properties"]["soaRecord"]
        )
        records = {**known, **records}
    if records is not None:
        _check(kind, records)
        properties[field] = records
    ttl = properties.get("ttl", _TTL)
    if not isinstance(ttl, int) or not 1 <= ttl <= 2147483647:
        raise bad_request(f"The ttl {ttl} must be from 1 to 2147483647 seconds.", code="BadRequest")
    if old is None:
        _check_alone(azure, resource_id, kind)
    shown = {"metadata": {}, **properties, "ttl": ttl, "fqdn": _fqdn(name, zone), "isAutoRegistered": False}
    return {"properties": shown}


def _check(kind: str, records: Any) -> None:
    """Refuses addresses that are none (400)."""
    if kind not in ("A", "AAAA"):
        return
    key, version = ("ipv4Address", 4) if kind == "A" else ("ipv6Address", 6)
    for one in records:
        try:
            right = ipaddress.ip_address(str(one.get(key))).version == version
        except ValueError:
            right = False
        if not right:
            raise bad_request(f"The record '{one.get(key)}' is no IPv{version} address.", code="BadRequest")


def _check_alone(azure: Azure, resource_id: ResourceId, kind: str) -> None:
    """A CNAME is the only record set of its name (409)."""
    for other in _FIELDS:
        if "CNAME" in (kind, other) and kind != other:
            found = azure.store.get(f"{resource_id.parent}/{other}/{resource_id.name}")
            if found is not None:
                raise conflict(
                    f"The record set '{resource_id.name}' of type {kind} can't be beside one of type {other}.",
                    code="Conflict",
                )


def _view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    start, _, name = record.id.rpartition("/")
    shown = {**body, "id": f"{start}/{name.lower()}", "name": name.lower()}
    return {**shown, "etag": plain_etag(record)}


def _keep_soa(_azure: Azure, record: Record) -> None:
    if record.type.upper().endswith("/SOA"):
        raise bad_request(
            "The record set of type SOA can't be deleted; it goes with its zone.", code="BadRequest"
        )


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    suffix = (call.query.get("$recordsetnamesuffix") or "").lower()
    return [record for record in records if record.name.lower().endswith(suffix)]


async def _every(azure: Azure, call: Call) -> Answer:
    """GET …/ALL: the record sets of all types."""
    zone = call.captured["zone"]
    if azure.store.get(zone) is None:
        raise parent_not_found(zone)
    records = [record for kind in COUNTED for record in azure.store.below(zone, kind)]
    found = sorted(_listing(azure, call, records), key=lambda record: record.name.lower())
    top = int(call.query.get("$top") or len(found) or 1)
    shown = [
        _view(azure, record, {"id": record.id, "name": record.name, "type": record.type, **record.body}, "")
        for record in found
    ]
    skip = int(call.query.get("$skiptoken") or 0)
    body: Json = {"value": shown[skip : skip + top]}
    if len(shown) > skip + top:
        query = f"api-version={call.api_version}&$top={top}&$skiptoken={skip + top}"
        body["nextLink"] = f"https://{call.host}{call.path}?{query}"
    return Answer(200, body)


TYPES = tuple(
    ResourceType(kind, prepare=_prepare, guard_delete=_keep_soa, view=_view, listing=_listing)
    for kind in COUNTED
)
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            rf"(?P<zone>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/{ZONE}/[^/]+)/ALL", re.IGNORECASE
        ),
        _every,
        ("GET",),
    ),
)
