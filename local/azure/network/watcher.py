"""Microsoft.Network: network watchers and flow logs.

Scope: watchers (one per region), flow logs with their target and storage. Omitted: nothing is logged, as nothing flows; checks,
captures, connection monitors and topologies are 501.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network.name import WATCHER
from local.azure.network.record import kept
from local.azure.network.reference import exists

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_LOG_DEFAULTS = {
    "enabled": True,
    "flowAnalyticsConfiguration": {},
    "retentionPolicy": {"days": 0, "enabled": False},
}


def _write(azure: Azure, resource_id: ResourceId, body: Json, properties: Json, _old: Record | None) -> Json:
    for other in azure.store.of_type(WATCHER):
        if other.id.lower() != resource_id.key and other.body["location"] == body["location"]:
            raise bad_request(
                f"Cannot create more than 1 network watchers for this subscription in this region: {other.id} is there.",
                code="NetworkWatcherCountLimitReached",
            )
    return properties


def _write_log(
    azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None
) -> Json:
    for key in ("targetResourceId", "storageId"):
        value = str(properties.get(key) or "")
        if not value:
            raise bad_request(f"Flow log '{resource_id.name}' needs {key}.", code="InvalidRequestFormat")
        if not exists(azure, value):
            raise bad_request(
                f"Resource {value} referenced by resource {resource_id.text} was not found.",
                code="InvalidResourceReference",
            )
    return {"format": {"type": "JSON", "version": 1}, **properties}


def _read_log(azure: Azure, _record: Record, properties: Json) -> Json:
    target = azure.store.get(str(properties["targetResourceId"]))
    guid = (target.body.get("properties") or {}).get("resourceGuid", "") if target is not None else ""
    return {**properties, "targetResourceGuid": guid}


TYPES = (
    kept(WATCHER, write=_write),
    kept(
        f"{WATCHER}/flowLogs",
        write=_write_log,
        read=_read_log,
        defaults=_LOG_DEFAULTS,
        read_only=("targetResourceGuid",),
    ),
)
