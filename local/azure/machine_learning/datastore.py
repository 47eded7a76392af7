"""Datastores: how a workspace reaches storage. Those of the workspace itself come with it.

Kept for blobs, ADLS Gen1 and Gen2, file shares and OneLake; content is read and written through blobs and Gen2 only. Secrets that were
given are answered by ``listSecrets`` alone; for the workspace's own account it is the account's key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

DATASTORE = f"{WORKSPACE}/datastores"
DEFAULT = "workspaceblobstore"
#: What each type of datastore needs, and what of it never changes.
_REQUIRED = {
    "AzureBlob": ("accountName", "containerName"),
    "AzureDataLakeGen2": ("accountName", "filesystem"),
    "AzureFile": ("accountName", "fileShareName"),
    "AzureDataLakeGen1": ("storeName",),
    "OneLake": ("artifact", "oneLakeWorkspaceName"),
}
_FIXED = (
    "datastoreType",
    "accountName",
    "containerName",
    "filesystem",
    "fileShareName",
    "endpoint",
    "protocol",
    "storeName",
    "artifact",
    "oneLakeWorkspaceName",
)
_OF_ACCOUNTS = ("AzureBlob", "AzureDataLakeGen2", "AzureFile")
_ACCOUNT = {"endpoint": "core.windows.net", "protocol": "https"}
_CREDENTIALS = ("None", "AccountKey", "Sas", "ServicePrincipal", "Certificate")


def _prepare(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    kind = str(given.get("datastoreType", ""))
    if kind not in _REQUIRED:
        raise unsupported(f"A datastore of type '{kind}'")
    for name in _REQUIRED[kind]:
        if not given.get(name):
            raise bad_request(f"A datastore of type {kind} needs {name}.", target=f"properties.{name}")
    credentials: Json = given.get("credentials") or {"credentialsType": "None"}
    if credentials.get("credentialsType") not in _CREDENTIALS:
        raise bad_request(
            f"'{credentials.get('credentialsType')}' is no type of credentials.",
            target="properties.credentials",
        )
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    secrets = credentials.get("secrets") or {}
    secret = {key: value for key, value in secrets.items() if value is not None and key != "secretsType"}
    properties = {
        "description": None,
        "tags": {},
        "properties": {},
        **(_ACCOUNT if kind in _OF_ACCOUNTS else {}),
        "serviceDataAccessAuthIdentity": "None",
        **given,
        "subscriptionId": given.get("subscriptionId") or resource_id.subscription_id,
        "resourceGroup": given.get("resourceGroup") or resource_id.resource_group,
        "credentials": {key: value for key, value in credentials.items() if key != "secrets"},
        "isDefault": bool(before.get("isDefault")),
    }
    for name in _FIXED:
        if old is not None and properties.get(name) != before.get(name):
            raise bad_request(
                f"The {name} of the datastore '{resource_id.name}' can't be changed; make another datastore.",
                target=f"properties.{name}",
            )
    kept = old.body.get("secrets") if old else None
    return {"properties": properties, "secrets": secret or kept or {}}


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    """Without the secrets: of them only the type is shown."""
    shown = {key: value for key, value in body.items() if key != "secrets"}
    credentials: Json = body["properties"]["credentials"]
    kind = credentials["credentialsType"]
    if kind == "None":
        return shown
    told = {**credentials, "secrets": {"secretsType": kind}}
    return {**shown, "properties": {**body["properties"], "credentials": told}}


def _guard_delete(_azure: Azure, record: Record) -> None:
    if record.body["properties"]["isDefault"]:
        raise ArmError(400, "UserError", "The default datastore of a workspace can't be deleted.")


async def _list_secrets(azure: Azure, _call: Call, record: Record) -> Answer:
    properties: Mapping[str, Any] = record.body["properties"]
    kind = properties["credentials"]["credentialsType"]
    secrets: Json = record.body.get("secrets") or {}
    if kind == "None":
        raise ArmError(400, "UserError", f"The datastore '{record.name}' holds no credentials.")
    if kind == "AccountKey" and not secrets:
        secrets = {"key": await azure.blobs.key(properties["accountName"])}
    return Answer(200, {"secretsType": kind, **secrets})


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    query = {name.lower(): value for name, value in call.query.items()}
    default, names, text = query.get("isdefault"), query.get("names"), query.get("searchtext")

    def shown(record: Record) -> bool:
        return (
            (default is None or record.body["properties"]["isDefault"] == (default.lower() == "true"))
            and (names is None or record.name in names.split(","))
            and (text is None or text.lower() in record.name.lower())
        )

    found = list(filter(shown, records))
    count = query.get("count", "")
    return found[: int(count)] if count.isdigit() else found


def of_workspace(workspace_id: str, account: str, *, identity: bool) -> dict[str, Json]:
    """The datastores that come with a workspace, by name.

    Args:
        workspace_id: the GUID in the names of containers.
        account: the workspace's storage account.
        identity: whether callers' identities open them (``systemDatastoresAuthMode``), not the account's key.
    """

    def made(kind: str, place: Json, *, default: bool = False) -> Json:
        return {
            "properties": {
                "description": None,
                "tags": {},
                "properties": {},
                "isDefault": default,
                "credentials": {"credentialsType": "None" if identity else "AccountKey"},
                "datastoreType": kind,
                "accountName": account,
                "endpoint": "core.windows.net",
                "protocol": "https",
                "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity" if identity else "None",
                **place,
            },
            "secrets": {},
        }

    return {
        DEFAULT: made("AzureBlob", {"containerName": f"azureml-blobstore-{workspace_id}"}, default=True),
        "workspaceartifactstore": made("AzureBlob", {"containerName": "azureml"}),
        "workspaceworkingdirectory": made(
            "AzureFile", {"fileShareName": f"code-{workspace_id.replace('-', '')[:32]}"}
        ),
        "workspacefilestore": made("AzureFile", {"fileShareName": f"azureml-filestore-{workspace_id}"}),
    }


TYPES = (
    ResourceType(
        DATASTORE,
        prepare=_prepare,
        view=_view,
        guard_delete=_guard_delete,
        actions={"listSecrets": _list_secrets},
        listing=_listing,
        patch=False,
    ),
)
