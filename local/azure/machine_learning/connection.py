"""Connections of a workspace to other services: targets, and the credentials for them.

Credentials are kept as secrets and answered by ``listsecrets`` alone. A hub's connections that are shared to all show in
its projects' lists too. Nothing is connected: ``testconnection`` is refused, and so are datastores as connections.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.machine_learning.record_type import given
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

CONNECTION = f"{WORKSPACE}/connections"
#: The REST API's pattern ends at 33 characters; ``azure-ai-ml`` makes feature stores' connections with 35.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,63}")
#: azure-rest-api-specs, machinelearningservices 2025-12-01, ``ConnectionAuthType``.
_AUTH_TYPES = (
    "AAD", "AccessKey", "AccountKey", "ApiKey", "CustomKeys", "ManagedIdentity", "None", "OAuth2", "PAT", "SAS",
    "ServicePrincipal", "UsernamePassword",
)  # fmt: skip


def _prepare(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if _NAME.fullmatch(resource_id.name) is None:
        raise bad_request(
            f"'{resource_id.name}' is no name of a connection: 3 to 64 letters, digits, '-' and '_'.",
            code="ValidationError",
        )
    properties = given(body)
    before: Json = old.body["properties"] if old else {}
    kind = {one.lower(): one for one in _AUTH_TYPES}.get(str(properties.get("authType", "")).lower())
    if kind is None:
        raise bad_request(
            f"authType is '{properties.get('authType')}'; it must be one of {', '.join(_AUTH_TYPES)}.",
            code="ValidationError",
            target="properties.authType",
        )
    if not properties.get("category"):
        raise bad_request(
            "A connection needs a category.", code="ValidationError", target="properties.category"
        )
    credentials = properties.pop("credentials", None)
    prepared: Json = {
        "properties": {
            "target": None,
            "isSharedToAll": False,
            "metadata": {},
            "useWorkspaceManagedIdentity": False,
            **properties,
            "authType": kind,
            "group": before.get("group") or _group(str(properties["category"])),
            "createdByWorkspaceArmId": before.get("createdByWorkspaceArmId") or resource_id.parent,
        }
    }
    if credentials:
        prepared["credentials"] = credentials
    return prepared


def _group(category: str) -> str:
    """The group that a category belongs to (azure-rest-api-specs, ``ConnectionGroup``), as far as it is documented."""
    if category in (
        "AzureOpenAI",
        "CognitiveSearch",
        "CognitiveService",
        "AIServices",
        "OpenAI",
        "Serverless",
    ):
        return "AzureAI"
    if category in (
        "ContainerRegistry",
        "PythonFeed",
        "Git",
        "Redis",
        "FeatureStore",
        "ApiKey",
        "CustomKeys",
    ):
        return "GenericProtocol"
    if category in ("Snowflake", "AzureSqlDb", "AzureSynapseAnalytics", "AzureMySqlDb", "AzurePostgresDb"):
        return "Database"
    return "ServicesAndApps" if category != "S3" else "File"


async def _settle(azure: Azure, record: Record) -> Json:
    """Puts the credentials where secrets are."""
    body = dict(record.body)
    credentials = body.pop("credentials", None)
    if credentials:
        azure.store.put_secret(_secret(record), json.dumps(credentials))
    return body


def _secret(record: Record) -> str:
    return f"{record.id}/credentials"


async def _vanish(azure: Azure, record: Record) -> None:
    azure.store.delete_secrets(_secret(record))


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    return {key: value for key, value in body.items() if key != "credentials"}


def merge(stored: Json, patch: Json) -> Json:
    """PATCH changes what it gives of the properties."""
    return {**stored, "properties": {**stored["properties"], **given(patch)}}


async def _list_secrets(azure: Azure, _call: Call, record: Record) -> Answer:
    kept = azure.store.secret(_secret(record))
    properties = {**record.body["properties"], "credentials": json.loads(kept) if kept else None}
    shown = {
        "id": record.id,
        "name": record.name,
        "type": record.type,
        "systemData": {
            "createdAt": record.created_at,
            "createdBy": record.created_by,
            "createdByType": "Application",
            "lastModifiedAt": record.modified_at,
            "lastModifiedBy": record.modified_by or record.created_by,
            "lastModifiedByType": "Application",
        },
        "properties": properties,
    }
    return Answer(200, shown)


async def _test(_azure: Azure, _call: Call, _record: Record) -> Answer:
    raise unsupported("Testing a connection: nothing leaves this machine, so it")


def _listing(azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    query = {name.lower(): value for name, value in call.query.items()}
    if query.get("includeall", "").lower() == "true":
        raise unsupported("Listing datastores as connections (includeAll)")
    category, target = query.get("category"), query.get("target")

    def shown(record: Record) -> bool:
        properties: Json = record.body["properties"]
        return (category is None or str(properties["category"]).lower() == category.lower()) and (
            target is None or properties.get("target") == target
        )

    return list(filter(shown, [*records, *_shared(azure, call)]))


def _shared(azure: Azure, call: Call) -> list[Record]:
    """The connections that a project's hub shares with it."""
    project = azure.store.get(call.path.rsplit("/", 1)[0])
    hub: Any = (project.body["properties"] if project else {}).get("hubResourceId")
    return [
        one
        for one in (azure.store.below(str(hub), CONNECTION) if hub else [])
        if one.body["properties"].get("isSharedToAll")
    ]


TYPES = (
    ResourceType(
        CONNECTION,
        prepare=_prepare,
        settle=_settle,
        settle_now=True,
        vanish=_vanish,
        vanish_now=True,
        view=_view,
        merge=merge,
        created=200,
        listing=_listing,
        actions={"listSecrets": _list_secrets, "testConnection": _test},
    ),
)
