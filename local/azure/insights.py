"""Microsoft.Insights, besides Application Insights: what watches other resources.

Scope: diagnostic settings (on any resource), action groups, metric alerts, scheduled query rules, activity log alerts, with
the checks that catch mistakes early. Omitted: no alert fires. Metrics are their resources' business (``metric_query.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.resource_type import Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.azure.azure import Azure

_SINKS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")


def _prepare_setting(azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    if not any(given.get(key) for key in _SINKS):
        raise bad_request(
            "At least one data sink needs to be specified.", code="BadRequest", target="properties"
        )
    for key in ("workspaceId", "storageAccountId"):
        if given.get(key) and azure.store.get(given[key]) is None:
            raise bad_request(f"Resource '{given[key]}' of '{key}' was not found.", code="ResourceNotFound")
    return {"properties": {"logs": [], "metrics": [], **given}}


def _needs(*keys: str, located: bool = True) -> Callable[[Azure, ResourceId, Json, Record | None], Json]:
    def prepare(azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
        if located:
            check_location(body)
        given: Json = {
            key: value for key, value in (body.get("properties") or {}).items() if value is not None
        }
        for key in keys:
            if given.get(key) in (None, "", []):
                raise bad_request(
                    f"The property '{key}' is required.",
                    code="InvalidRequestContent",
                    target=f"properties.{key}",
                )
        for reference in given.get("scopes") or []:
            if str(reference).lower().count("/") > 4 and azure.store.get(reference) is None:
                raise bad_request(f"The scope '{reference}' was not found.", code="ResourceNotFoundError")
        return {**body, "tags": body.get("tags") or {}, "properties": {"enabled": True, **given}}

    return prepare


def _prepare_action_group(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    prepared = _needs("groupShortName")(azure, resource_id, body, old)
    short = prepared["properties"]["groupShortName"]
    if not 1 <= len(short) <= 12:
        raise bad_request(
            f"groupShortName '{short}' must have 1 to 12 characters.", code="InvalidRequestContent"
        )
    return prepared


def _plain(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return body


TYPES = (
    ResourceType(
        "Microsoft.Insights/diagnosticSettings",
        prepare=_prepare_setting,
        view=_plain,
        created=200,
        patch=False,
    ),
    ResourceType("Microsoft.Insights/actionGroups", prepare=_prepare_action_group, view=_plain),
    ResourceType(
        "Microsoft.Insights/metricAlerts",
        prepare=_needs("severity", "scopes", "evaluationFrequency", "windowSize", "criteria"),
        view=_plain,
        created=200,
    ),
    ResourceType("Microsoft.Insights/scheduledQueryRules", prepare=_needs("scopes", "criteria")),
    ResourceType(
        "Microsoft.Insights/activityLogAlerts", prepare=_needs("scopes", "condition", "actions"), view=_plain
    ),
)
