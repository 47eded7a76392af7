"""What a workspace answers besides itself: keys, diagnosis, notebooks' host, the hosts it needs, private link resources.

Notebooks aren't served: where they would be is shown, their keys are kept, a token for them is refused.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from local.azure.errors import not_found, unsupported
from local.azure.machine_learning import managed_network
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

DEPENDENCIES = ("storageAccount", "keyVault", "applicationInsights", "containerRegistry")
#: Azure docs, "Configure inbound and outbound network traffic": what every workspace reaches, by category.
_NEEDED = {
    "Azure Active Directory": ("login.microsoftonline.com",),
    "Azure portal": ("management.azure.com",),
    "Azure Machine Learning": (
        "ml.azure.com",
        "{location}.api.azureml.ms",
        "{workspace}.workspace.{location}.api.azureml.ms",
        "{workspace}.workspace.{location}.cert.api.azureml.ms",
        "ml-{name}-{location}-{workspace}.{location}.notebooks.azure.net",
    ),
    "Azure Storage": ("{account}.blob.core.windows.net", "{account}.file.core.windows.net"),
    "Azure Container Registry": ("mcr.microsoft.com", "*.data.mcr.microsoft.com"),
}


def _properties(record: Record) -> Mapping[str, Any]:
    return record.body["properties"]


def _account(record: Record) -> str:
    return str(_properties(record)["storageAccount"]).rsplit("/", 1)[-1]


async def _list_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    properties = _properties(record)
    insights = azure.store.get(str(properties.get("applicationInsights") or ""))
    return Answer(
        200,
        {
            "userStorageKey": await azure.blobs.key(_account(record)),
            "userStorageResourceId": properties["storageAccount"],
            "userStorageArmId": properties["storageAccount"],
            "appInsightsInstrumentationKey": (
                (insights.body.get("properties") or {}).get("InstrumentationKey") if insights else None
            ),
            "containerRegistryCredentials": _registry(azure, properties),
            "notebookAccessKeys": _notebook_keys(azure, record),
        },
    )


def _registry(azure: Azure, properties: Mapping[str, Any]) -> Json | None:
    """The admin user of the workspace's container registry, if it has one."""
    registry = azure.store.get(str(properties.get("containerRegistry") or ""))
    if registry is None or not registry.body["properties"].get("adminUserEnabled"):
        return None
    passwords = [
        {"name": name, "value": azure.store.secret(f"{registry.id}/password{number}")}
        for number, name in ((1, "password"), (2, "password2"))
    ]
    return {"location": registry.body.get("location"), "username": registry.name, "passwords": passwords}


def _notebook_keys(azure: Azure, record: Record) -> Json:
    keys: Json = {}
    for which in ("primary", "secondary"):
        name = f"{record.id}/notebook/{which}"
        if azure.store.secret(name) is None:
            azure.store.put_secret(name, secrets.token_hex(32))
        keys[f"{which}AccessKey"] = azure.store.secret(name)
    return keys


async def _list_notebook_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    return Answer(200, _notebook_keys(azure, record))


async def _prepare_notebook(_azure: Azure, _call: Call, record: Record) -> Answer:
    shown: Mapping[str, Any] = _properties(record)["notebookInfo"]
    return Answer(200, {key: shown[key] for key in ("resourceId", "fqdn", "notebookPreparationError")})


async def _notebook_token(_azure: Azure, _call: Call, _record: Record) -> Answer:
    raise unsupported("A token for notebooks, which aren't served here,")


async def _list_storage_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    return Answer(200, {"userStorageKey": await azure.blobs.key(_account(record))})


async def _resync_keys(_azure: Azure, _call: Call, _record: Record) -> Answer:
    """Nothing to do: keys are read from the account each time."""
    return Answer(200)


async def _diagnose(azure: Azure, _call: Call, record: Record) -> Answer:
    """Whether what the workspace stands on is still there. Nothing here is on a network, or locked."""
    names = (
        "userDefinedRouteResults networkSecurityRuleResults resourceLockResults dnsResolutionResults "
        "storageAccountResults keyVaultResults containerRegistryResults applicationInsightsResults otherResults"
    )
    found: dict[str, list[Json]] = {name: [] for name in names.split()}
    for name in DEPENDENCIES:
        needed = _properties(record).get(name)
        if needed and azure.store.get(needed) is None:
            problem = {"code": "ResourceNotFound", "level": "Error", "message": f"'{needed}' does not exist."}
            found[f"{name}Results"].append(problem)
    return Answer(200, {"value": found})


def _workspace(azure: Azure, call: Call) -> Record:
    found = azure.store.get(call.captured["workspace"])
    if found is None:
        raise not_found(call.captured["workspace"])
    return found


async def _outbound(azure: Azure, call: Call) -> Answer:
    record = _workspace(azure, call)
    values = {
        "location": record.body["location"],
        "name": record.name,
        "workspace": _properties(record)["workspaceId"],
        "account": _account(record),
    }
    value: list[Json] = [
        {
            "properties": {
                "category": category,
                "endpoints": [
                    {"domainName": host.format(**values), "endpointDetails": [{"port": 443}]}
                    for host in hosts
                ],
            }
        }
        for category, hosts in _NEEDED.items()
    ]
    return Answer(200, {"value": value})


async def _private_links(azure: Azure, call: Call) -> Answer:
    """The one group that private endpoints to a workspace can have."""
    record = _workspace(azure, call)
    values = {
        "location": record.body["location"],
        "name": record.name,
        "workspace": _properties(record)["workspaceId"],
    }
    members = (
        "{workspace}.workspace.{location}.api.azureml.ms",
        "{workspace}.workspace.{location}.cert.api.azureml.ms",
        "ml-{name}-{location}-{workspace}.{location}.notebooks.azure.net",
        "*.{workspace}.inference.{location}.api.azureml.ms",
    )
    link: Json = {
        "id": f"{record.id}/privateLinkResources/amlworkspace",
        "name": "amlworkspace",
        "type": f"{record.type}/privateLinkResources",
        "location": record.body["location"],
        "tags": {},
        "properties": {
            "groupId": "amlworkspace",
            "requiredMembers": [one.format(**values) for one in members],
            "requiredZoneNames": ["privatelink.api.azureml.ms", "privatelink.notebooks.azure.net"],
        },
    }
    return Answer(200, {"value": [link]})


ACTIONS = {
    "listKeys": _list_keys,
    "listStorageAccountKeys": _list_storage_keys,
    "resyncKeys": _resync_keys,
    "diagnose": _diagnose,
    "prepareNotebook": _prepare_notebook,
    "listNotebookKeys": _list_notebook_keys,
    "listNotebookAccessToken": _notebook_token,
    "provisionManagedNetwork": managed_network.provision,
}


def _route(path: str, handle: Any) -> Route:
    return Route(
        re.compile(r"management\.azure\.com", re.IGNORECASE),
        re.compile(
            r"(?P<workspace>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices"
            r"/workspaces/[^/]+)/" + path,
            re.IGNORECASE,
        ),
        handle,
        methods=("GET",),
    )


ROUTES = (
    _route("outboundNetworkDependenciesEndpoints", _outbound),
    _route("privateLinkResources", _private_links),
)
