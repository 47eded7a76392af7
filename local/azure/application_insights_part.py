"""Microsoft.Insights/components/…: what Application Insights keeps within a component.

Scope, all kept as sent, in the shapes of Azure's old API (no ``properties``): API keys (shown once, never again), annotations,
favorites, analytics items, smart detection configurations, billing features, quota and capabilities, locations
of web tests. Omitted: continuous export, work items, pricing plans, purges: 501; nothing is detected, exported or measured.

Source: Microsoft Learn, "Application Insights REST API reference".
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from local.azure.application_insights import TYPE
from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.resource_type import Answer, Call, Json, Record, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.azure.azure import Azure

_BILLING: Json = {
    "CurrentBillingFeatures": ["Basic"],
    "DataVolumeCap": {
        "Cap": 100.0,
        "ResetTime": 0,
        "WarningThreshold": 90,
        "StopSendNotificationWhenHitThreshold": False,
        "StopSendNotificationWhenHitCap": False,
        "MaxHistoryCap": 500.0,
    },
}
_CAPABILITIES: Json = {
    "SupportExportData": False,
    "BurstThrottlePolicy": "B2",
    "MetadataClass": None,
    "LiveStreamMetrics": False,
    "ApplicationMap": False,
    "WorkItemIntegration": False,
    "PowerBIIntegration": False,
    "OpenSchema": False,
    "ProactiveDetection": False,
    "AnalyticsIntegration": False,
    "MultipleStepWebTest": False,
    "ApiAccessLevel": "Basic",
    "TrackingType": "Basic",
    "DailyCap": 100.0,
    "DailyCapResetTime": 0.0,
    "ThrottleRate": 0.0,
}
#: Smart detection's rules, and what each is called.
_DETECTION = {
    "slowpageloadtime": "Slow page load time",
    "slowserverresponsetime": "Slow server response time",
    "longdependencyduration": "Long dependency duration",
    "degradationinserverresponsetime": "Degradation in server response time",
    "degradationindependencyduration": "Degradation in dependency duration",
    "extension_traceseveritydetector": "Degradation in trace severity ratio (preview)",
    "extension_exceptionchangeextension": "Abnormal rise in exception volume (preview)",
    "extension_memoryleakextension": "Potential memory leak detected (preview)",
    "extension_securityextensionspackage": "Potential security issue detected (preview)",
    "extension_billingdatavolumedailyspikeextension": "Abnormal rise in daily data volume (preview)",
}


async def _answer(azure: Azure, call: Call) -> Answer:
    component = azure.store.get(call.captured["component"])
    if component is None:
        raise ArmError(404, "ResourceNotFound", f"The resource '{call.captured['component']}' was not found.")
    part, name = call.captured["part"].lower(), call.captured["name"] or None
    return await _PARTS[part](azure, call, component, name)


def _held(azure: Azure, component: Record, part: str) -> list[Record]:
    return azure.store.below(component.id, f"{TYPE}/{part}")


def _one(azure: Azure, component: Record, part: str, name: str) -> Record:
    record = azure.store.get(f"{component.id}/{part}/{name}")
    if record is None:
        raise ArmError(404, "NotFound", f"'{component.name}' has no {part} of the name '{name}'.")
    return record


def _body(call: Call) -> Json:
    if not isinstance(call.body, dict):
        raise bad_request("The request body must be a JSON object.", code="InvalidRequestContent")
    return call.body


async def _annotations(azure: Azure, call: Call, component: Record, name: str | None) -> Answer:
    if name is None and call.method == "GET":
        return Answer(200, {"value": [record.body for record in _held(azure, component, "annotations")]})
    if name is None and call.method == "PUT":
        given = _body(call)
        identifier = str(given.get("Id") or uuid.uuid4())
        made: Json = {**given, "Id": identifier}
        azure.store.put(f"{component.id}/annotations/{identifier}", made, by=call.principal_id or "")
        return Answer(200, [made])
    if name is not None and call.method in ("GET", "DELETE"):
        if call.method == "DELETE":
            azure.store.delete(f"{component.id}/annotations/{name}")
            return Answer(200, {})
        return Answer(200, [_one(azure, component, "annotations", name).body])
    raise _not_allowed(call)


async def _favorites(azure: Azure, call: Call, component: Record, name: str | None) -> Answer:
    if name is None:
        if call.method != "GET":
            raise _not_allowed(call)
        return Answer(200, [record.body for record in _held(azure, component, "favorites")])
    if call.method in ("PUT", "PATCH"):
        before = azure.store.get(f"{component.id}/favorites/{name}")
        if call.method == "PATCH" and before is None:
            raise ArmError(404, "NotFound", f"'{component.name}' has no favorite '{name}'.")
        made: Json = {
            "FavoriteType": "shared",
            "IsGeneratedFromTemplate": False,
            "TimeModified": azure.now().isoformat(),
            **(before.body if before is not None and call.method == "PATCH" else {}),
            **_body(call),
            "FavoriteId": name,
        }
        azure.store.put(f"{component.id}/favorites/{name}", made, by=call.principal_id or "")
        return Answer(200, made)
    if call.method == "DELETE":
        azure.store.delete(f"{component.id}/favorites/{name}")
        return Answer(200)
    return Answer(200, _one(azure, component, "favorites", name).body)


def _detection(azure: Azure, component: Record, name: str) -> Json:
    record = azure.store.get(f"{component.id}/proactivedetectionconfigs/{name}")
    if record is not None:
        return record.body
    shown = _DETECTION[name.lower()]
    return {
        "Name": name.lower(),
        "Enabled": True,
        "SendEmailsToSubscriptionOwners": True,
        "CustomEmails": [],
        "RuleDefinitions": {
            "Name": name.lower(),
            "DisplayName": shown,
            "Description": "Smart Detection rules notify you of performance anomaly issues.",
            "HelpUrl": "https://docs.microsoft.com/en-us/azure/application-insights/app-insights-proactive-performance-diagnostics",
            "IsHidden": False,
            "IsEnabledByDefault": True,
            "IsInPreview": "preview" in shown,
            "SupportsEmailNotifications": "preview" not in shown,
        },
    }


async def _detections(azure: Azure, call: Call, component: Record, name: str | None) -> Answer:
    if name is None:
        return Answer(200, [_detection(azure, component, one) for one in _DETECTION])
    if name.lower() not in _DETECTION:
        raise ArmError(404, "NotFound", f"There is no smart detection rule '{name}'.")
    if call.method == "PUT":
        made: Json = {
            **_detection(azure, component, name),
            **_body(call),
            "LastUpdatedTime": azure.now().isoformat(),
        }
        azure.store.put(f"{component.id}/proactivedetectionconfigs/{name}", made, by=call.principal_id or "")
    return Answer(200, _detection(azure, component, name))


async def _billing(azure: Azure, call: Call, component: Record, _name: str | None) -> Answer:
    path = f"{component.id}/currentbillingfeatures/default"
    record = azure.store.get(path)
    before: Json = record.body if record is not None else _BILLING
    if call.method != "PUT":
        return Answer(200, before)
    given = _body(call)
    made: Json = {
        "CurrentBillingFeatures": given.get("CurrentBillingFeatures") or before["CurrentBillingFeatures"],
        "DataVolumeCap": {**before["DataVolumeCap"], **(given.get("DataVolumeCap") or {})},
    }
    azure.store.put(path, made, by=call.principal_id or "")
    return Answer(200, made)


async def _capabilities(_azure: Azure, _call: Call, _component: Record, _name: str | None) -> Answer:
    return Answer(200, _CAPABILITIES)


async def _quota(azure: Azure, _call: Call, component: Record, _name: str | None) -> Answer:
    app = component.body["properties"]["AppId"]
    # When the day's volume begins anew.
    reset = (azure.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return Answer(200, {"AppId": app, "ShouldBeThrottled": False, "ExpirationTime": reset.isoformat()})


async def _locations(_azure: Azure, _call: Call, _component: Record, _name: str | None) -> Answer:
    found = [{"DisplayName": shown, "Tag": tag} for tag, shown in _TEST_LOCATIONS.items()]
    return Answer(200, {"value": found})


#: Where web tests run. Source: Microsoft Learn, "Application Insights availability tests", "Location population tags".
_TEST_LOCATIONS = {
    "emea-nl-ams-azr": "West Europe",
    "emea-gb-db3-azr": "North Europe",
    "emea-ru-msa-edge": "UK South",
    "emea-se-sto-edge": "UK West",
    "emea-fr-pra-edge": "France Central",
    "us-va-ash-azr": "East US",
    "us-ca-sjc-azr": "West US",
    "us-fl-mia-edge": "Central US",
    "us-il-ch1-azr": "North Central US",
    "us-tx-sn1-azr": "South Central US",
    "apac-sg-sin-azr": "Southeast Asia",
    "apac-hk-hkn-azr": "East Asia",
    "apac-jp-kaw-edge": "Japan East",
    "emea-au-syd-edge": "Australia East",
    "latam-br-gru-edge": "Brazil South",
}


async def _refused(_azure: Azure, call: Call, _component: Record, _name: str | None) -> Answer:
    raise unsupported(f"'{call.captured['part']}' of Application Insights")


def _not_allowed(call: Call) -> ArmError:
    return ArmError(405, "MethodNotAllowed", f"{call.method} is not allowed for '{call.path}'.")


_PARTS: dict[str, Callable[[Azure, Call, Record, str | None], Awaitable[Answer]]] = {
    "apikeys": _refused,
    "annotations": _annotations,
    "favorites": _favorites,
    "analyticsitems": _refused,
    "myanalyticsitems": _refused,
    "proactivedetectionconfigs": _detections,
    "currentbillingfeatures": _billing,
    "featurecapabilities": _capabilities,
    "quotastatus": _quota,
    "syntheticmonitorlocations": _locations,
    "exportconfiguration": _refused,
    "workitemconfigs": _refused,
    "defaultworkitemconfig": _refused,
    "pricingplans": _refused,
    "purge": _refused,
    "operations": _refused,
}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            r"(?P<component>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Insights/components/[^/]+)"
            rf"/(?P<part>{'|'.join(_PARTS)})(?:/(?P<name>[^/]+))?(?:/status)?",
            re.IGNORECASE,
        ),
        _answer,
        _METHODS,
    ),
)
