"""Microsoft.OperationalInsights: query packs and their queries.

Scope: packs (one made without a name gets Azure's), queries, searching them by tags and categories. Running a query is
another thing, and 501: no logs are kept.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from local.azure.errors import bad_request, not_found
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure

PACK = "Microsoft.OperationalInsights/queryPacks"
_QUERY = f"{PACK}/queries"


def _prepare_pack(azure: Azure, _resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_location(body)
    before: Json = old.body["properties"] if old is not None else {}
    now = azure.now().isoformat()
    properties = {
        "queryPackId": before.get("queryPackId") or str(uuid.uuid4()),
        "timeCreated": before.get("timeCreated") or now,
        "timeModified": now,
        "provisioningState": "Succeeded",
    }
    return {"location": body["location"], "tags": body.get("tags") or {}, "properties": properties}


def _prepare_query(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    before: Json = old.body["properties"] if old is not None else {}
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    properties: Json = {**before, **given}
    for key in ("displayName", "body"):
        if not properties.get(key):
            raise bad_request(f"A query needs {key}.", code="InvalidParameter", target=f"properties.{key}")
    now = azure.now().isoformat()
    return {
        "properties": {
            "description": "",
            "related": {},
            "tags": {},
            **properties,
            "id": resource_id.name,
            "timeCreated": before.get("timeCreated") or now,
            "timeModified": now,
        }
    }


def _view_query(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    return {**body, "properties": {"author": record.created_by, **body["properties"]}}


def _shown(record: Record, *, with_body: bool) -> Json:
    properties: Json = {"author": record.created_by, **record.body["properties"]}
    if not with_body:
        properties.pop("body", None)
    system = {
        "createdBy": record.created_by,
        "createdByType": "Application",
        "createdAt": record.created_at,
        "lastModifiedBy": record.modified_by or record.created_by,
        "lastModifiedByType": "Application",
        "lastModifiedAt": record.modified_at,
    }
    return {
        "id": record.id,
        "name": record.name,
        "type": record.type,
        "systemData": system,
        "properties": properties,
    }


def matches(properties: Json, wanted: Json) -> bool:
    """Whether a query has all the tags, and one of the categories and so on, that a search names. Pure."""
    tags: Json = properties.get("tags") or {}
    for label, values in (wanted.get("tags") or {}).items():
        if values and not set(values) & set(tags.get(label) or []):
            return False
    related: Json = properties.get("related") or {}
    return all(
        not values or bool(set(values) & set(related.get(kind) or []))
        for kind, values in (wanted.get("related") or {}).items()
    )


async def _search(azure: Azure, call: Call) -> Answer:
    if azure.store.get(call.captured["pack"]) is None:
        raise not_found(call.captured["pack"])
    with_body = call.query.get("includeBody", "").lower() == "true"
    found = [
        record
        for record in azure.store.below(call.captured["pack"], _QUERY)
        if matches(record.body["properties"], call.body or {})
    ]
    top = int(call.query.get("$top") or len(found))
    return Answer(200, {"value": [_shown(record, with_body=with_body) for record in found[:top]]})


async def _make_pack(azure: Azure, call: Call) -> Answer:
    """A pack that is made without a name gets one."""
    if azure.store.get(call.captured["group"]) is None:
        raise not_found(call.captured["group"])
    group = call.captured["group"]
    path = f"{group}/providers/{PACK.replace('/queryPacks', '')}/queryPacks/{uuid.uuid4()}"
    given: Json = call.body or {}
    location = str(given.get("location") or "").replace(" ", "").lower()
    body = _prepare_pack(azure, parse(path), {**given, "location": location}, None)
    record = azure.store.put(path, body, by=call.principal_id or "")
    return Answer(201, {"id": record.id, "name": record.name, "type": PACK, **record.body})


_HOST = re.compile(r"management\.azure\.com")
_GROUP = r"/subscriptions/[^/]+/resourceGroups/[^/]+"
_PROVIDER = r"/providers/Microsoft\.OperationalInsights/queryPacks"
TYPES = (
    ResourceType(PACK, prepare=_prepare_pack, created=200),
    ResourceType(_QUERY, prepare=_prepare_query, view=_view_query, created=200),
)
ROUTES = (
    Route(_HOST, re.compile(rf"(?P<group>{_GROUP}){_PROVIDER}", re.IGNORECASE), _make_pack, ("PUT",)),
    Route(
        _HOST,
        re.compile(rf"(?P<pack>{_GROUP}{_PROVIDER}/[^/]+)/queries/search", re.IGNORECASE),
        _search,
        ("POST",),
    ),
)
