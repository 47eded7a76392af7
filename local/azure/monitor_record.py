"""Microsoft.Insights and Microsoft.Monitor: what Azure Monitor keeps for its portal and agents.

Scope, all kept as sent with Azure's read-only fields: data collection rules, endpoints and
associations (nothing is collected), log profiles, private link scopes and what is in them, workbooks, web tests (none runs),
Azure Monitor workspaces. Omitted: predictive metrics, revisions of workbooks, private endpoint connections of scopes.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from local.azure.errors import ArmError
from local.azure.kept import check_served, kept
from local.azure.operation import present
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure

_RULE, _ENDPOINT = "Microsoft.Insights/dataCollectionRules", "Microsoft.Insights/dataCollectionEndpoints"
_ASSOCIATION = "Microsoft.Insights/dataCollectionRuleAssociations"
_SCOPE = "Microsoft.Insights/privateLinkScopes"
_WEB_TEST = "Microsoft.Insights/webtests"
_GROUPS = {
    "groupId": "azuremonitor",
    "requiredMembers": [
        "api",
        "global.in.ai",
        "profiler",
        "live",
        "snapshot",
        "agentsolutionpackstore",
        "dce-global",
    ],
    "requiredZoneNames": [
        "privatelink.monitor.azure.com",
        "privatelink.oms.opinsights.azure.com",
        "privatelink.ods.opinsights.azure.com",
        "privatelink.agentsvc.azure-automation.net",
        "privatelink.blob.core.windows.net",
    ],
}


def _immutable(prefix: str, before: Json) -> str:
    return str(before.get("immutableId") or f"{prefix}-{uuid.uuid4().hex}")


def _rule(azure: Azure, _resource_id: ResourceId, properties: Json, before: Json) -> Json:
    """Its immutable id and, of workspaces it writes to, theirs."""
    found: Json = {"immutableId": _immutable("dcr", before)}
    destinations: Json = properties.get("destinations") or {}
    if destinations.get("logAnalytics"):
        written = [_with_workspace(azure, one) for one in destinations["logAnalytics"]]
        found["destinations"] = {**destinations, "logAnalytics": written}
    return found


def _with_workspace(azure: Azure, destination: Json) -> Json:
    record = azure.store.get(str(destination.get("workspaceResourceId") or ""))
    if record is None:
        return destination
    return {**destination, "workspaceId": record.body["properties"].get("customerId")}


def _endpoint(_azure: Azure, resource_id: ResourceId, properties: Json, before: Json) -> Json:
    if before:
        return {
            key: before[key]
            for key in ("immutableId", "configurationAccess", "logsIngestion", "metricsIngestion")
        }
    host = f"{resource_id.name.lower()}-{uuid.uuid4().hex[:4]}.westeurope-1"
    return {
        "networkAcls": properties.get("networkAcls") or {"publicNetworkAccess": "Enabled"},
        "immutableId": _immutable("dce", before),
        "configurationAccess": {"endpoint": f"https://{host}.handler.control.monitor.azure.com"},
        "logsIngestion": {"endpoint": f"https://{host}.ingest.monitor.azure.com"},
        "metricsIngestion": {"endpoint": f"https://{host}.metrics.ingest.monitor.azure.com"},
    }


def _check_association(azure: Azure, _resource_id: ResourceId, properties: Json) -> None:
    for key in ("dataCollectionRuleId", "dataCollectionEndpointId"):
        if properties.get(key):
            check_served(azure, str(properties[key]), what=f"resource of '{key}'")


def _workspace(_azure: Azure, resource_id: ResourceId, _properties: Json, before: Json) -> Json:
    if before:
        return {key: before[key] for key in ("accountId", "metrics", "defaultIngestionSettings")}
    account = str(uuid.uuid4())
    managed = f"/subscriptions/{resource_id.subscription_id}/resourceGroups/MA_{resource_id.name}_westeurope_managed"
    return {
        "accountId": account,
        "publicNetworkAccess": "Enabled",
        "metrics": {
            "internalId": f"mac_{account}",
            "prometheusQueryEndpoint": f"https://{resource_id.name}-{account[:4]}.westeurope.prometheus.monitor.azure.com",
        },
        "defaultIngestionSettings": {
            "dataCollectionEndpointResourceId": f"{managed}/providers/{_ENDPOINT}/{resource_id.name}",
            "dataCollectionRuleResourceId": f"{managed}/providers/{_RULE}/{resource_id.name}",
        },
    }


def _workbook(azure: Azure, resource_id: ResourceId, properties: Json, _before: Json) -> Json:
    return {
        "version": properties.get("version") or "Notebook/1.0",
        "timeModified": azure.now().isoformat(),
        "userId": properties.get("userId") or str(uuid.uuid5(uuid.NAMESPACE_URL, resource_id.key)),
        "revision": uuid.uuid4().hex,
    }


def _web_test(_azure: Azure, resource_id: ResourceId, properties: Json, _before: Json) -> Json:
    return {"Name": properties.get("Name") or resource_id.name}


async def _associations(azure: Azure, call: Call) -> Answer:
    """The associations of a rule or an endpoint, wherever they are."""
    resource = call.captured["resource"]
    if azure.store.get(resource) is None:
        raise ArmError(404, "ResourceNotFound", f"The resource '{resource}' was not found.")
    found = [
        present(azure, _kind_of_association(), record, call.api_version)
        for record in azure.store.of_type(_ASSOCIATION)
        if resource.lower()
        in {
            str(record.body["properties"].get(key, "")).lower()
            for key in ("dataCollectionRuleId", "dataCollectionEndpointId")
        }
    ]
    return Answer(200, {"value": found})


async def _web_tests(azure: Azure, call: Call) -> Answer:
    """The web tests that a component's hidden link names."""
    component = call.captured["component"]
    if azure.store.get(component) is None:
        raise ArmError(404, "ResourceNotFound", f"The resource '{component}' was not found.")
    link = f"hidden-link:{component}".lower()
    kind = next(kind for kind in TYPES if kind.name == _WEB_TEST)
    found = [
        present(azure, kind, record, call.api_version)
        for record in azure.store.of_type(_WEB_TEST)
        if link in {name.lower() for name in record.body.get("tags") or {}}
    ]
    return Answer(200, {"value": found})


async def _link_resources(azure: Azure, call: Call) -> Answer:
    scope = call.captured["scope"]
    if azure.store.get(scope) is None:
        raise ArmError(404, "ResourceNotFound", f"The resource '{scope}' was not found.")
    one: Json = {
        "id": f"{scope}/privateLinkResources/azuremonitor",
        "name": "azuremonitor",
        "type": f"{_SCOPE}/privateLinkResources",
        "properties": _GROUPS,
    }
    name = call.captured["name"]
    if not name:
        return Answer(200, {"value": [one]})
    if name.lower() != "azuremonitor":
        raise ArmError(404, "ResourceNotFound", f"'{scope}' has no private link resource '{name}'.")
    return Answer(200, one)


def _kind_of_association() -> ResourceType:
    return next(kind for kind in TYPES if kind.name == _ASSOCIATION)


def _at_scope(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """Those of the resource itself."""
    start = call.path.lower().rindex("/providers/microsoft.insights/")
    scope = call.path[:start].lower()
    return [
        record for record in records if record.id[: record.id.lower().rindex("/providers/")].lower() == scope
    ]


def _workbooks(name: str) -> ResourceType:
    patched = 201 if name.endswith("myWorkbooks") else 200
    return kept(
        name,
        computed=_workbook,
        required=("serializedData",),
        system_data=False,
        patched=patched,
        deleted=204,
    )


async def _settled(_azure: Azure, _record: Record) -> Json | None:
    return None


async def _gone(_azure: Azure, _record: Record) -> None:
    return None


TYPES = (
    kept(_RULE, computed=_rule, etag=True, state=True),
    kept(_ENDPOINT, computed=_endpoint, etag=True, state=True),
    kept(
        _ASSOCIATION,
        check=_check_association,
        located=False,
        etag=True,
        state=True,
        listing=_at_scope,
        patch=False,
    ),
    kept(
        "Microsoft.Insights/logProfiles",
        defaults={"serviceBusRuleId": "", "storageAccountId": ""},
        required=("locations", "categories", "retentionPolicy"),
        located=False,
        system_data=False,
        created=200,
    ),
    kept(
        _SCOPE,
        defaults={
            "accessModeSettings": {
                "queryAccessMode": "Open",
                "ingestionAccessMode": "Open",
                "exclusions": [],
            }
        },
        state=True,
        vanish=_gone,
    ),
    kept(
        f"{_SCOPE}/scopedResources",
        required=("linkedResourceId",),
        located=False,
        state=True,
        patch=False,
        settle=_settled,
        vanish=_gone,
    ),
    _workbooks("Microsoft.Insights/workbooks"),
    _workbooks("Microsoft.Insights/myWorkbooks"),
    kept(
        _WEB_TEST,
        defaults={
            "Description": "",
            "Enabled": False,
            "RetryEnabled": False,
            "Frequency": 300,
            "Timeout": 30,
        },
        required=("SyntheticMonitorId", "Kind"),
        computed=_web_test,
        system_data=False,
        state=True,
        created=200,
    ),
    kept("Microsoft.Monitor/accounts", computed=_workspace, etag=True, state=True, vanish=_gone),
)
_ARM = re.compile(r"management\.azure\.com")
_GROUP = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Insights"
ROUTES = (
    Route(
        _ARM,
        re.compile(
            rf"(?P<resource>{_GROUP}/dataCollection(?:Rules|Endpoints)/[^/]+)/associations", re.IGNORECASE
        ),
        _associations,
        ("GET",),
    ),
    Route(
        _ARM,
        re.compile(rf"(?P<component>{_GROUP}/components/[^/]+)/webtests", re.IGNORECASE),
        _web_tests,
        ("GET",),
    ),
    Route(
        _ARM,
        re.compile(
            rf"(?P<scope>{_GROUP}/privateLinkScopes/[^/]+)/privateLinkResources(?:/(?P<name>[^/]+))?",
            re.IGNORECASE,
        ),
        _link_resources,
        ("GET",),
    ),
)
