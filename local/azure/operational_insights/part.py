"""Microsoft.OperationalInsights: what belongs to a Log Analytics workspace and is kept as Azure keeps it.

Scope: saved searches, linked services and storage accounts, data exports, data sources, storage insights. Omitted: nothing
is exported or collected, as no logs are taken in; keys of storage accounts are dropped.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from local.azure.computed_resource import plain
from local.azure.errors import bad_request
from local.azure.operational_insights.name import WORKSPACE
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_DATA_SOURCE_TYPES = ("CustomLogs", "AzureWatson", "Query", "Ingestion", "Alerts")
_DESTINATIONS = {
    "microsoft.storage/storageaccounts": "StorageAccount",
    "microsoft.eventhub/namespaces": "EventHub",
}


def _given(body: Json) -> Json:
    return {key: value for key, value in (body.get("properties") or {}).items() if value is not None}


def _need(properties: Json, *keys: str) -> None:
    missing = [key for key in keys if properties.get(key) in (None, "", [])]
    if missing:
        raise bad_request(
            f"The property '{missing[0]}' is needed.",
            code="InvalidParameter",
            target=f"properties.{missing[0]}",
        )


def _saved_search(_azure: Azure, _resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    properties = {**(old.body["properties"] if old is not None else {}), **_given(body)}
    _need(properties, "category", "displayName", "query")
    return {"properties": {"version": 2, **properties}}


def _linked_service(_azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    properties = _given(body)
    if not (properties.get("resourceId") or properties.get("writeAccessResourceId")):
        raise bad_request(
            "A linked service needs resourceId or writeAccessResourceId.", code="InvalidParameter"
        )
    return {"tags": body.get("tags") or {}, "properties": {**properties, "provisioningState": "Succeeded"}}


def _unlink(azure: Azure, _call: Call, _resource_id: ResourceId, record: Record | None) -> Answer | None:
    """Azure answers with what is being deleted."""
    if record is None:
        return None
    azure.store.delete(record.id)
    properties = {**record.body["properties"], "provisioningState": "Deleting"}
    return Answer(
        200,
        {"id": record.id, "name": record.name, "type": record.type, **record.body, "properties": properties},
    )


def _linked_accounts(_azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    known = {name.lower(): name for name in _DATA_SOURCE_TYPES}
    kind = known.get(resource_id.name.lower())
    if kind is None:
        raise bad_request(
            f"'{resource_id.name}' is none of {', '.join(_DATA_SOURCE_TYPES)}.", code="InvalidParameter"
        )
    properties = _given(body)
    _need(properties, "storageAccountIds")
    return {"properties": {**properties, "dataSourceType": kind}}


def _data_export(azure: Azure, _resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    properties = _given(body)
    _need(properties, "tableNames", "destination")
    destination: Json = properties["destination"]
    target = re.match(r".*/providers/([^/]+/[^/]+)/[^/]+", str(destination.get("resourceId")))
    kind = _DESTINATIONS.get(target[1].lower()) if target is not None else None
    if kind is None:
        raise bad_request(
            "Data is exported to a storage account or an Event Hubs namespace (destination.resourceId).",
            code="InvalidParameter",
        )
    before: Json = old.body["properties"] if old is not None else {}
    now = azure.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
    return {
        "properties": {
            "enable": True,
            **properties,
            "destination": {**destination, "type": kind},
            "dataExportId": before.get("dataExportId") or str(uuid.uuid4()),
            "createdDate": before.get("createdDate") or now,
            "lastModifiedDate": now,
        }
    }


def _data_source(_azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if not body.get("kind"):
        raise bad_request("A data source needs kind.", code="InvalidParameter", target="kind")
    # Azure writes the keys of what it knows in camel case, whatever was sent.
    properties = {key[:1].lower() + key[1:]: value for key, value in _given(body).items()}
    return {"kind": body["kind"], "tags": body.get("tags") or {}, "properties": properties}


def _storage_insight(_azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    properties = _given(body)
    _need(properties, "storageAccount")
    account: Json = {**properties["storageAccount"], "key": "Storage Account Key"}
    kept = {**properties, "storageAccount": account, "status": {"state": "OK"}}
    return {"tags": body.get("tags") or {}, "properties": kept}


def _with_etag(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return {**body, "etag": f'W/"{record.etag}"'}


def _kept(
    name: str, prepare: Callable[[Azure, ResourceId, Json, Record | None], Json], *, etag: bool = False
) -> ResourceType:
    return ResourceType(
        f"{WORKSPACE}/{name}", prepare=prepare, created=200, view=_with_etag if etag else plain, patch=False
    )


TYPES = (
    _kept("savedSearches", _saved_search, etag=True),
    ResourceType(
        f"{WORKSPACE}/linkedServices",
        prepare=_linked_service,
        created=200,
        view=plain,
        patch=False,
        on_delete=_unlink,
    ),
    _kept("linkedStorageAccounts", _linked_accounts),
    _kept("dataExports", _data_export),
    _kept("dataSources", _data_source, etag=True),
    _kept("storageInsightConfigs", _storage_insight, etag=True),
)
