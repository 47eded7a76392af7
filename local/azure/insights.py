"""Microsoft.Insights: the rules that watch other resources.

Scope: metric alerts, scheduled query rules, activity log alerts and classic alert rules, with the checks that catch mistakes
early. All but the classic ones fire (``metric_alert``, ``query_alert``, ``activity_alert``). Omitted: smart groups, alert
processing rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.kept import check_served, kept
from local.azure.resource_type import Json, Record, ResourceId, ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure

METRIC_ALERT = "Microsoft.Insights/metricAlerts"
QUERY_RULE = "Microsoft.Insights/scheduledQueryRules"
ACTIVITY_LOG_ALERT = "Microsoft.Insights/activityLogAlerts"


def _check_scopes(azure: Azure, _resource_id: ResourceId, properties: Json) -> None:
    for reference in properties.get("scopes") or []:
        check_served(azure, str(reference), what="scope")


def _metric_alert(azure: Azure, _resource_id: ResourceId, properties: Json, _before: Json) -> Json:
    """What a rule on one resource is about, and when it was written."""
    target = azure.parse(str(properties["scopes"][0]))
    found: Json = {"lastUpdatedTime": azure.now().isoformat(), "isMigrated": False}
    if target.type.startswith("Microsoft.Resources/"):
        return found
    record = azure.store.get(target.text)
    region = record.body.get("location") if record is not None else None
    return {
        **found,
        "targetResourceType": properties.get("targetResourceType") or target.type,
        "targetResourceRegion": properties.get("targetResourceRegion") or region or "global",
    }


def _query_rule(_azure: Azure, _resource_id: ResourceId, _properties: Json, before: Json) -> Json:
    return {
        "isWorkspaceAlertsStorageConfigured": False,
        "isLegacyLogAnalyticsRule": False,
        "createdWithApiVersion": before.get("createdWithApiVersion") or "2023-03-15-preview",
    }


def _classic(azure: Azure, resource_id: ResourceId, properties: Json, _before: Json) -> Json:
    return {"name": properties.get("name") or resource_id.name, "lastUpdatedTime": azure.now().isoformat()}


def _merge_activity_log_alert(stored: Json, patch: Json) -> Json:
    """A PATCH changes tags and ``enabled`` alone."""
    properties: Json = {**stored["properties"]}
    wanted: Json = patch.get("properties") or {}
    if wanted.get("enabled") is not None:
        properties["enabled"] = wanted["enabled"]
    return {**stored, **({"tags": patch["tags"]} if "tags" in patch else {}), "properties": properties}


def _query_rule_type() -> ResourceType:
    kind = kept(
        QUERY_RULE,
        defaults={
            "enabled": True,
            "checkWorkspaceAlertsStorageConfigured": False,
            "skipQueryValidation": False,
        },
        required=("scopes", "criteria"),
        computed=_query_rule,
        check=_check_scopes,
        etag=True,
    )
    completed = kind.prepare
    assert completed is not None  # noqa: S101 (kept sees to it)

    def prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
        return completed(azure, resource_id, {**body, "kind": body.get("kind") or "LogAlert"}, old)

    return ResourceType(kind.name, prepare=prepare, view=kind.view)


TYPES = (
    kept(
        METRIC_ALERT,
        defaults={"enabled": True, "autoMitigate": True, "actions": []},
        required=("severity", "scopes", "evaluationFrequency", "windowSize", "criteria"),
        computed=_metric_alert,
        check=_check_scopes,
        system_data=False,
        created=200,
    ),
    _query_rule_type(),
    kept(
        ACTIVITY_LOG_ALERT,
        defaults={"enabled": True},
        required=("scopes", "condition", "actions"),
        check=_check_scopes,
        system_data=False,
        merge=_merge_activity_log_alert,
    ),
    kept(
        "Microsoft.Insights/alertRules",
        defaults={"actions": []},
        required=("condition",),
        computed=_classic,
        system_data=False,
    ),
)
