"""Microsoft.Insights/diagnosticSettings: which logs and metrics of a resource go where, and which it has.

Scope: settings on any resource, checked against Azure's rules (a sink, no two settings with one category for one sink, known
categories), the categories of the resource types that local Azure serves. What is logged, and
where, is in ``logs/sink``. Omitted: all other logs, metrics and sinks.

Source: Microsoft Learn, "Diagnostic settings in Azure Monitor", "Supported Resource log categories for Azure Monitor".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import ArmError, bad_request, conflict
from local.azure.kept import check_served, given
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure

TYPE = "Microsoft.Insights/diagnosticSettings"
_SINKS = (
    "workspaceId",
    "storageAccountId",
    "eventHubAuthorizationRuleId",
    "serviceBusRuleId",
    "marketplacePartnerId",
)
_ML = (
    "AmlComputeClusterEvent", "AmlComputeClusterNodeEvent", "AmlComputeJobEvent", "AmlComputeCpuGpuUtilization",
    "AmlRunStatusChangedEvent", "ModelsChangeEvent", "ModelsReadEvent", "ModelsActionEvent", "DeploymentReadEvent",
    "DeploymentEventACI", "DeploymentEventAKS", "InferencingOperationAKS", "InferencingOperationACI",
    "EnvironmentChangeEvent", "EnvironmentReadEvent", "DataLabelChangeEvent", "DataLabelReadEvent", "ComputeInstanceEvent",
    "DataStoreChangeEvent", "DataStoreReadEvent", "DataSetChangeEvent", "DataSetReadEvent", "PipelineChangeEvent",
    "PipelineReadEvent", "RunEvent", "RunReadEvent",
)  # fmt: skip
_STORAGE = ("StorageRead", "StorageWrite", "StorageDelete")
#: Log categories, and the name of the one of metrics, by resource type in lower case.
_CATEGORIES: dict[str, tuple[tuple[str, ...], str]] = {
    "microsoft.machinelearningservices/workspaces": (_ML, "AllMetrics"),
    "microsoft.machinelearningservices/workspaces/onlineendpoints": (
        ("AmlOnlineEndpointTrafficLog", "AmlOnlineEndpointConsoleLog", "AmlOnlineEndpointEventLog"),
        "AllMetrics",
    ),
    "microsoft.machinelearningservices/registries": (
        ("RegistryAssetReadEvent", "RegistryAssetWriteEvent"),
        "",
    ),
    "microsoft.keyvault/vaults": (("AuditEvent", "AzurePolicyEvaluationDetails"), "AllMetrics"),
    "microsoft.storage/storageaccounts": ((), "Transaction"),
    "microsoft.storage/storageaccounts/blobservices": (_STORAGE, "Transaction"),
    "microsoft.storage/storageaccounts/fileservices": (_STORAGE, "Transaction"),
    "microsoft.storage/storageaccounts/queueservices": (_STORAGE, "Transaction"),
    "microsoft.storage/storageaccounts/tableservices": (_STORAGE, "Transaction"),
    "microsoft.containerregistry/registries": (
        ("ContainerRegistryRepositoryEvents", "ContainerRegistryLoginEvents"),
        "AllMetrics",
    ),
    "microsoft.network/bastionhosts": (("BastionAuditLogs",), "AllMetrics"),
    "microsoft.servicebus/namespaces": (
        ("OperationalLogs", "VNetAndIPFilteringLogs", "RuntimeAuditLogs", "ApplicationMetricsLogs"),
        "AllMetrics",
    ),
    "microsoft.cache/redis": (("ConnectedClientList", "MSEntraAuthenticationAuditLog"), "AllMetrics"),
    "microsoft.logic/workflows": (("WorkflowRuntime",), "AllMetrics"),
    "microsoft.eventgrid/topics": (
        ("DeliveryFailures", "PublishFailures", "DataPlaneRequests"),
        "AllMetrics",
    ),
    "microsoft.eventgrid/domains": (
        ("DeliveryFailures", "PublishFailures", "DataPlaneRequests"),
        "AllMetrics",
    ),
    "microsoft.eventgrid/systemtopics": (("DeliveryFailures",), "AllMetrics"),
    "microsoft.insights/components": (
        (
            "AppAvailabilityResults", "AppBrowserTimings", "AppDependencies", "AppEvents", "AppExceptions", "AppMetrics",
            "AppPageViews", "AppPerformanceCounters", "AppRequests", "AppSystemEvents", "AppTraces",
        ),
        "AllMetrics",
    ),
    "microsoft.insights/autoscalesettings": (
        ("AutoscaleEvaluations", "AutoscaleScaleActions"),
        "AllMetrics",
    ),
    "microsoft.operationalinsights/workspaces": (("Audit", "SummaryLogs"), "AllMetrics"),
    "microsoft.network/networksecuritygroups": (
        ("NetworkSecurityGroupEvent", "NetworkSecurityGroupRuleCounter"),
        "",
    ),
    "microsoft.network/virtualnetworks": (("VMProtectionAlerts",), "AllMetrics"),
    "microsoft.network/publicipaddresses": (
        ("DDoSProtectionNotifications", "DDoSMitigationFlowLogs", "DDoSMitigationReports"),
        "AllMetrics",
    ),
    "microsoft.network/natgateways": ((), "AllMetrics"),
    "microsoft.network/azurefirewalls": (
        (
            "AzureFirewallApplicationRule", "AzureFirewallNetworkRule", "AzureFirewallDnsProxy", "AZFWNetworkRule",
            "AZFWApplicationRule", "AZFWNatRule", "AZFWThreatIntel", "AZFWIdpsSignature", "AZFWDnsQuery",
            "AZFWFqdnResolveFailure", "AZFWFatFlow", "AZFWFlowTrace", "AZFWApplicationRuleAggregation",
            "AZFWNetworkRuleAggregation", "AZFWNatRuleAggregation",
        ),
        "AllMetrics",
    ),
    "microsoft.resources/subscriptions": (
        ("Administrative", "Security", "ServiceHealth", "Alert", "Recommendation", "Policy", "Autoscale", "ResourceHealth"),
        "",
    ),
}  # fmt: skip
_CATEGORY_TYPE = "microsoft.insights/diagnosticSettingsCategories"


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    properties = given(body)
    if not any(properties.get(key) for key in _SINKS):
        raise bad_request(
            "At least one data sink needs to be specified.", code="BadRequest", target="properties"
        )
    for key in ("workspaceId", "storageAccountId"):
        if properties.get(key):
            check_served(azure, str(properties[key]), what=f"resource of '{key}'")
    kept: Json = {"logs": [], "metrics": [], **properties}
    for key in ("logs", "metrics"):
        kept[key] = [
            {"retentionPolicy": {"enabled": False, "days": 0}, **one}
            if one.get("enabled") is not None
            else one
            for one in kept[key] or []
        ]
    _check_categories(resource_id, kept)
    for other in azure.store.below(resource_id.scope, TYPE):
        if other.id.lower() != resource_id.key and parse(other.id).scope.lower() == resource_id.scope.lower():
            _check_sinks(other, kept)
    return {"properties": kept}


def _check_categories(resource_id: ResourceId, kept: Json) -> None:
    found = _CATEGORIES.get(parse(resource_id.scope).type.lower())
    if found is None:
        return
    kind = parse(resource_id.scope).type
    logs = {name.lower() for name in found[0]}
    if kept["metrics"] and not found[1]:
        raise bad_request(
            f"Metric category 'AllMetrics' is not supported: {kind} has no metrics.", code="BadRequest"
        )
    if kept["logs"] and not logs:
        raise bad_request(
            f"Category group 'allLogs' is not supported: {kind} has no logs.", code="BadRequest"
        )
    for one in kept["logs"]:
        category, group = one.get("category"), one.get("categoryGroup")
        if category is not None and str(category).lower() not in logs:
            raise bad_request(
                f"Category '{category}' is not supported for {parse(resource_id.scope).type}; it has: "
                f"{', '.join(found[0]) or 'none'}.",
                code="BadRequest",
            )
        if category is None and str(group).lower() not in ("alllogs", "audit"):
            raise bad_request(
                f"Category group '{group}' is not supported; use allLogs or audit.", code="BadRequest"
            )


def _check_sinks(other: Record, kept: Json) -> None:
    """Azure takes one setting only for each pair of category and sink."""
    theirs: Json = other.body["properties"]
    for sink in _SINKS:
        if not kept.get(sink) or str(kept[sink]).lower() != str(theirs.get(sink)).lower():
            continue
        for kind in ("logs", "metrics"):
            both = _chosen(kept[kind]) & _chosen(theirs.get(kind) or [])
            if both:
                raise conflict(
                    f"Data sink '{kept[sink]}' is already used in diagnostic setting '{other.name}' for category "
                    f"'{min(both)}'. Data sinks can't be reused in different settings on the same category for the same resource.",
                    code="Conflict",
                )


def _chosen(entries: list[Json]) -> set[str]:
    return {
        str(one.get("category") or one.get("categoryGroup")).lower() for one in entries if one.get("enabled")
    }


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return body


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """Those of the resource itself, not of what is below it."""
    scope = call.path[: call.path.lower().rindex("/providers/microsoft.insights/")].lower()
    return [record for record in records if parse(record.id).scope.lower() == scope]


async def _categories(azure: Azure, call: Call) -> Answer:
    scope = call.captured["scope"]
    resource_id = parse(scope)
    if azure.store.get(scope) is None and resource_id.type.lower() not in _CATEGORIES:
        raise ArmError(404, "ResourceNotFound", f"The resource '{scope}' was not found.")
    logs, metrics = _CATEGORIES.get(resource_id.type.lower(), ((), "AllMetrics"))
    found = [_category(scope, name, "Logs", ["allLogs"]) for name in logs]
    if metrics:
        found.append(_category(scope, metrics, "Metrics", []))
    name = call.captured["name"]
    if not name:
        return Answer(200, {"value": found})
    one = next((category for category in found if category["name"].lower() == name.lower()), None)
    if one is None:
        raise ArmError(404, "CategoryNotFound", f"'{scope}' has no diagnostic setting category '{name}'.")
    return Answer(200, one)


def _category(scope: str, name: str, kind: str, groups: list[str]) -> Json:
    return {
        "id": f"{scope}/providers/{_CATEGORY_TYPE}/{name}",
        "name": name,
        "type": _CATEGORY_TYPE,
        "properties": {"categoryType": kind, "categoryGroups": groups},
    }


TYPES = (ResourceType(TYPE, prepare=_prepare, view=_view, listing=_listing, created=200, patch=False),)
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            r"(?P<scope>/.+)/providers/microsoft\.insights/diagnosticSettingsCategories(?:/(?P<name>[^/]+))?",
            re.IGNORECASE,
        ),
        _categories,
        ("GET",),
    ),
)
