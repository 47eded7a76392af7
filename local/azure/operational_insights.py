"""Microsoft.OperationalInsights: Log Analytics workspaces.

Scope: workspaces with their customer id and shared keys. Omitted: ingestion and queries (no logs are kept), tables, linked
services, and the 14 days in which a deleted workspace can be recovered: here it is gone.
"""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure

TYPE = "Microsoft.OperationalInsights/workspaces"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]")
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
    before: Json = old.body["properties"] if old is not None else {}
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
        "features": {"legacy": 0, "searchVersion": 1, "enableLogAccessUsingOnlyResourcePermissions": True},
        "workspaceCapping": {
            "dailyQuotaGb": -1.0,
            "dataIngestionStatus": "RespectQuota",
            "quotaNextResetTime": now,
        },
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
        **before,
        **given,
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


def _view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    return {**body, "etag": f'"{record.etag}"'}


TYPES = (
    ResourceType(TYPE, prepare=_prepare, settle=_settle, view=_view, actions={"sharedKeys": _shared_keys}),
)
