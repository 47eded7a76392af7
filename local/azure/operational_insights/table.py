"""Microsoft.OperationalInsights: tables of a workspace.

Scope: custom tables (``NAME_CL``) with their columns and retention, retention and added columns of Azure's tables. Omitted:
rows, and so tables of search results and restored logs (501), and migration.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import bad_request, unsupported
from local.azure.operational_insights.name import WORKSPACE
from local.azure.resource_type import ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_TYPES = ("string", "int", "long", "real", "boolean", "dateTime", "guid", "dynamic")
_PLANS = ("Analytics", "Basic", "Auxiliary")
_LONGEST = 4383
_STANDARD = [
    {"name": "TenantId", "type": "guid", "isDefaultDisplay": False, "isHidden": True},
    {"name": "TimeGenerated", "type": "dateTime", "isDefaultDisplay": True, "isHidden": False},
]


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    name = resource_id.name
    if not _NAME.fullmatch(name):
        raise bad_request(f"The table name '{name}' is invalid.", code="InvalidParameter")
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    if given.get("searchResults") or given.get("restoredLogs") or name.endswith(("_SRCH", "_RST")):
        raise unsupported("A table of search results or restored logs (no logs are kept)")
    before: Json = old.body["properties"] if old is not None else {}
    plan = given.get("plan") or before.get("plan") or "Analytics"
    if plan not in _PLANS:
        raise bad_request(f"The plan '{plan}' is none of {', '.join(_PLANS)}.", code="InvalidParameter")
    own: Json = {key: before[key] for key in ("retentionInDays", "totalRetentionInDays") if key in before}
    wanted: Json = {
        **own,
        **{key: given[key] for key in ("retentionInDays", "totalRetentionInDays") if key in given},
    }
    workspace = azure.store.get(resource_id.parent)
    default = workspace.body["properties"]["retentionInDays"] if workspace is not None else 30
    retention = wanted.get("retentionInDays", -1)
    retention = default if retention == -1 else retention
    total = wanted.get("totalRetentionInDays", -1)
    total = retention if total == -1 else total
    if not 4 <= retention <= 730 or not retention <= total <= _LONGEST:
        raise bad_request(
            f"retentionInDays must be from 4 to 730, totalRetentionInDays from there to {_LONGEST}.",
            code="InvalidParameter",
        )
    return {
        "properties": {
            "totalRetentionInDays": total,
            "archiveRetentionInDays": total - retention,
            "plan": plan,
            "retentionInDays": retention,
            "retentionInDaysAsDefault": wanted.get("retentionInDays", -1) == -1,
            "totalRetentionInDaysAsDefault": wanted.get("totalRetentionInDays", -1) == -1,
            "schema": _schema(name, given.get("schema") or {}, before.get("schema") or {}),
            "provisioningState": "Succeeded",
        }
    }


def _schema(name: str, given: Json, before: Json) -> Json:
    columns: list[Json] = given.get("columns") or before.get("columns") or []
    custom = name.endswith("_CL")
    if custom and not columns:
        raise bad_request(
            f"The custom table '{name}' needs columns (schema.columns).", code="InvalidParameter"
        )
    for column in columns:
        if column.get("type") not in _TYPES:
            raise bad_request(
                f"The type of the column '{column.get('name')}' is none of {', '.join(_TYPES)}.",
                code="InvalidParameter",
            )
    return {
        **before,
        **given,
        "name": name,
        "columns": [{"isDefaultDisplay": False, "isHidden": False, **column} for column in columns],
        "standardColumns": _STANDARD,
        "solutions": ["LogManagement"],
        "tableType": "CustomLog" if custom else "Microsoft",
        "tableSubType": "DataCollectionRuleBased",
    }


async def _settle(_azure: Azure, _record: Record) -> Json | None:
    return None


TYPES = (ResourceType(f"{WORKSPACE}/tables", prepare=_prepare, settle=_settle, created=200),)
