"""Microsoft.Insights/components: Application Insights.

Scope: components linked to a Log Analytics workspace, with their keys and connection string. Omitted: ingestion and queries
(no telemetry is kept). What a component holds besides is in ``application_insights_part.py``.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.operational_insights.name import WORKSPACE as LOG_ANALYTICS
from local.azure.resource_type import Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

TYPE = "Microsoft.Insights/components"


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if len(resource_id.name) > 260 or set(resource_id.name) & set("%&\\?/"):
        raise bad_request(
            f"The name '{resource_id.name}' is invalid: up to 260 characters without %&\\?/.",
            code="InvalidResourceName",
        )
    check_location(body)
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    if not body.get("kind"):
        raise bad_request(
            "A component needs a kind, such as 'web'.", code="InvalidRequestPropertyValue", target="kind"
        )
    if given.get("Application_Type") not in ("web", "other"):
        raise bad_request(
            "Application_Type must be 'web' or 'other'.",
            code="InvalidRequestPropertyValue",
            target="properties.Application_Type",
        )
    linked = given.get("WorkspaceResourceId")
    if linked is not None:
        record = azure.store.get(linked)
        if record is None or record.type != LOG_ANALYTICS:
            raise bad_request(
                f"The Log Analytics workspace '{linked}' was not found.", code="InvalidWorkspaceResourceId"
            )
    before: Json = old.body["properties"] if old is not None else {}
    key = before.get("InstrumentationKey") or str(uuid.uuid4())
    app = before.get("AppId") or str(uuid.uuid4())
    place = body["location"]
    ingestion = f"https://{place}-0.in.applicationinsights.azure.com/"
    live = f"https://{place}.livediagnostics.monitor.azure.com/"
    properties = {
        "RetentionInDays": 90,
        "SamplingPercentage": 100.0,
        "HockeyAppId": "",
        "HockeyAppToken": "",
        "DisableIpMasking": False,
        "DisableLocalAuth": False,
        "ImmediatePurgeDataOn30Days": None,
        "Flow_Type": "Bluefield",
        "Request_Source": "rest",
        "IngestionMode": "LogAnalytics" if linked else "ApplicationInsights",
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
        **before,
        **given,
        "ApplicationId": resource_id.name,
        "AppId": app,
        "Name": resource_id.name,
        "InstrumentationKey": key,
        "ConnectionString": f"InstrumentationKey={key};IngestionEndpoint={ingestion};LiveEndpoint={live};ApplicationId={app}",
        "CreationDate": before.get("CreationDate", azure.now().isoformat()),
        "TenantId": TENANT_ID,
        "provisioningState": "Succeeded",
    }
    return {**body, "tags": body.get("tags") or {}, "properties": properties}


def _view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return {**body, "etag": f'"{record.etag}"'}


TYPES = (ResourceType(TYPE, prepare=_prepare, view=_view, created=200),)
