"""Microsoft.OperationalInsights: Log Analytics workspaces.

Scope: workspaces with their customer id and shared keys; a deleted one is kept for 14 days and comes back, with its id, when it
is made again (``force=true`` deletes it for good); usages, service tiers, solutions switched on and off (kept). Omitted:
ingestion and queries (no logs are kept), so purging, schemas, summary rules, failover, and clusters: 501.
"""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.azure.computed_resource import computed
from local.azure.errors import ArmError, bad_request, not_found
from local.azure.operational_insights.name import DELETED, WORKSPACE
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.azure.resources import check_location

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.azure.azure import Azure

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]")
_HOST = re.compile(r"management\.azure\.com")
_KEPT = timedelta(days=14)
_FEATURES: Json = {"legacy": 0, "searchVersion": 1, "enableLogAccessUsingOnlyResourcePermissions": True}
#: Solutions that a workspace can have, as Azure names them.
_PACKS = {
    "LogManagement": "Log Management",
    "Security": "Security and Audit",
    "ChangeTracking": "Change Tracking",
    "CapacityPerformance": "Capacity and Performance",
    "AzureActivity": "Azure Activity Log",
    "AgentHealthAssessment": "Agent Health",
    "ContainerInsights": "Container Insights",
    "KeyVaultAnalytics": "Azure Key Vault Analytics",
    "ServiceMap": "Service Map",
    "Updates": "Update Management",
}
_SKUS = (
    "Free",
    "Standard",
    "Premium",
    "PerNode",
    "PerGB2018",
    "Standalone",
    "CapacityReservation",
    "LACluster",
)


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if not _NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"The workspace name '{resource_id.name}' is invalid: 4 to 63 letters, digits and hyphens, no hyphen at the ends.",
            code="InvalidResourceName",
        )
    check_location(body)
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    before: Json = old.body["properties"] if old is not None else _deleted(azure, resource_id, body)
    sku = {"name": "PerGB2018", **(given.get("sku") or before.get("sku") or {})}
    named = {known.lower(): known for known in _SKUS}.get(str(sku["name"]).lower())
    if named is None:
        raise bad_request(
            f"The sku '{sku['name']}' is none of {', '.join(_SKUS)}.", code="InvalidSku", target="sku"
        )
    retention = int(given.get("retentionInDays") or before.get("retentionInDays") or 30)
    if named != "Free" and not 30 <= retention <= 730:
        raise bad_request(
            f"retentionInDays is {retention}; for the sku {named} it must be from 30 to 730.",
            code="InvalidParameter",
        )
    now = azure.now().isoformat()
    properties = {
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
        **before,
        **given,
        "features": {**_FEATURES, **(before.get("features") or {}), **(given.get("features") or {})},
        "workspaceCapping": _capping(azure, before.get("workspaceCapping"), given.get("workspaceCapping")),
        "sku": {**sku, "name": named, "lastSkuUpdate": now},
        "retentionInDays": retention,
        "customerId": before.get("customerId") or str(uuid.uuid4()),
        "provisioningState": "Succeeded",
        "createdDate": before.get("createdDate", now),
        "modifiedDate": now,
    }
    return {**body, "tags": body.get("tags") or {}, "properties": properties}


async def _settle(azure: Azure, record: Record) -> Json | None:
    for name in ("primarySharedKey", "secondarySharedKey"):
        if azure.store.secret(f"{record.id}/{name}") is None:
            azure.store.put_secret(f"{record.id}/{name}", base64.b64encode(secrets.token_bytes(64)).decode())
    return None


async def _shared_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    names = ("primarySharedKey", "secondarySharedKey")
    return Answer(200, {name: azure.store.secret(f"{record.id}/{name}") for name in names})


async def _regenerate_keys(azure: Azure, call: Call, record: Record) -> Answer:
    for name in ("primarySharedKey", "secondarySharedKey"):
        azure.store.put_secret(f"{record.id}/{name}", base64.b64encode(secrets.token_bytes(64)).decode())
    return await _shared_keys(azure, call, record)


def _capping(azure: Azure, before: Json | None, given: Json | None) -> Json:
    reset = (azure.now() + timedelta(days=1)).strftime("%a, %d %b %Y 00:00:00 GMT")
    defaults: Json = {"dailyQuotaGb": -1.0, "dataIngestionStatus": "RespectQuota"}
    return {**defaults, **(before or {}), **(given or {}), "quotaNextResetTime": reset}


# --- deleted workspaces


def _place_of_deleted(resource_id: ResourceId) -> str:
    return f"{resource_id.parent}/providers/{DELETED}/{resource_id.name}"


def _deleted(azure: Azure, resource_id: ResourceId, body: Json) -> Json:
    """What a deleted workspace of this name was, if it can be had again here: same group, same region, in time."""
    found = azure.store.get(_place_of_deleted(resource_id))
    if found is None or found.body["location"] != body["location"] or not _in_time(azure, found):
        return {}
    return found.body["properties"]


def _in_time(azure: Azure, deleted: Record) -> bool:
    return datetime.fromisoformat(deleted.created_at) + _KEPT > azure.now()


def _on_delete(azure: Azure, call: Call, resource_id: ResourceId, record: Record | None) -> None:
    """Notes what is being deleted, unless it is deleted for good."""
    azure.store.delete(_place_of_deleted(resource_id))
    if record is not None and call.query.get("force", "").lower() != "true":
        azure.store.put(_place_of_deleted(parse(record.id)), {**record.body, "workspace": record.id})


async def _list_deleted(azure: Azure, call: Call) -> Answer:
    scope = call.captured["scope"]
    if "resourcegroups" in scope.lower() and azure.store.get(scope) is None:
        raise not_found(scope)
    value = [
        {
            **{key: value for key, value in record.body.items() if key != "workspace"},
            "id": record.body["workspace"],
            "name": record.name,
            "type": WORKSPACE,
        }
        for record in azure.store.below(scope, DELETED)
        if _in_time(azure, record)
    ]
    return Answer(200, {"value": value})


# --- what Azure says of a workspace


def _workspace(azure: Azure, call: Call) -> Record:
    record = azure.store.get(call.captured["workspace"])
    if record is None:
        raise not_found(call.captured["workspace"])
    return record


async def _usages(azure: Azure, call: Call) -> Answer:
    _workspace(azure, call)
    usage = {
        "name": {"value": "DataAnalyzed", "localizedValue": "Data Analyzed"},
        "unit": "Bytes",
        "currentValue": 0,
        "limit": -1,
        "nextResetTime": (azure.now() + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z"),
        "quotaPeriod": "P1D",
    }
    return Answer(200, {"value": [usage]})


async def _tiers(azure: Azure, call: Call) -> Answer:
    _workspace(azure, call)
    tiers = [
        {
            "serviceTier": name,
            "enabled": name in ("PerGB2018", "CapacityReservation"),
            "minimumRetention": 7 if name == "Free" else 30,
            "maximumRetention": 7 if name == "Free" else 730,
            "defaultRetention": 7 if name == "Free" else 30,
            "capacityReservationLevel": 100 if name == "CapacityReservation" else 0,
            "lastSkuUpdate": azure.now().isoformat(),
        }
        for name in _SKUS
    ]
    return Answer(200, tiers)


def _view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    return {**body, "etag": f'"{record.etag}"'}


# --- solutions


def _pack(azure: Azure, resource_id: ResourceId) -> Json | None:
    shown = {name.lower(): text for name, text in _PACKS.items()}.get(resource_id.name.lower())
    if shown is None or azure.store.get(resource_id.parent) is None:
        return None
    return {"properties": {"displayName": shown, "enabled": resource_id.name.lower() == "logmanagement"}}


async def _packs(azure: Azure, call: Call) -> Answer:
    workspace = _workspace(azure, call)
    shown: list[Json] = []
    for name in _PACKS:
        resource_id = parse(f"{workspace.id}/intelligencePacks/{name}")
        record = azure.store.get(resource_id.text)
        body = record.body if record is not None else _pack(azure, resource_id)
        assert body is not None  # noqa: S101 (all of them are known)
        shown.append({"name": name, **body["properties"]})
    return Answer(200, shown)


def _switch(*, enabled: bool) -> Callable[[Azure, Call, Record], Awaitable[Answer]]:
    async def switch(azure: Azure, _call: Call, record: Record) -> Answer:
        azure.store.put(record.id, {"properties": {**record.body["properties"], "enabled": enabled}})
        return Answer(200)

    return switch


def _refuse_put(_azure: Azure, resource_id: ResourceId, _body: Json, _old: Record | None) -> Json:
    raise ArmError(405, "MethodNotAllowed", f"'{resource_id.text}' is switched with Enable and Disable.")


def _none(_azure: Azure, _parent: ResourceId) -> dict[str, Json]:
    """No System Center is connected to a workspace here."""
    return {}


def _route(path: str, handle: Any) -> Route:
    workspace = (
        r"(?P<workspace>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.OperationalInsights"
        r"/workspaces/[^/]+)"
    )
    return Route(_HOST, re.compile(f"{workspace}/{path}", re.IGNORECASE), handle, ("GET",))


TYPES = (
    ResourceType(
        WORKSPACE,
        prepare=_prepare,
        settle=_settle,
        settle_updates=False,
        view=_view,
        on_delete=_on_delete,
        actions={"sharedKeys": _shared_keys, "regenerateSharedKey": _regenerate_keys},
    ),
    ResourceType(
        f"{WORKSPACE}/intelligencePacks",
        prepare=_refuse_put,
        implicit=_pack,
        patch=False,
        actions={"Enable": _switch(enabled=True), "Disable": _switch(enabled=False)},
    ),
    computed(f"{WORKSPACE}/managementGroups", _none),
)
ROUTES = (
    Route(
        _HOST,
        re.compile(
            r"(?P<scope>/subscriptions/[^/]+(/resourceGroups/[^/]+)?)/providers/Microsoft\.OperationalInsights/deletedWorkspaces",
            re.IGNORECASE,
        ),
        _list_deleted,
        ("GET",),
    ),
    _route("usages", _usages),
    _route("availableServiceTiers", _tiers),
    _route("intelligencePacks", _packs),
)
