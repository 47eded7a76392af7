"""What Microsoft grants a workspace's system-assigned identity when it comes to be; a user-assigned one gets nothing.

Source: Microsoft Learn, "Set up service authentication" and "Manage access to Azure Machine Learning workspaces": Azure AI
Administrator on the workspace's resource group, the data of its storage account and of its vault. The grants are made by the
service, so whoever makes the workspace needs no right to make any. They stay when the workspace is deleted, as Azure's do.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from local.azure.authorization import ASSIGNMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Record

_AI_ADMINISTRATOR = "b78c5d69-af96-48a3-bf8d-a8b4d589de94"
_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
_VAULT_ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
_SERVICE = "Azure Machine Learning"


def grant(azure: Azure, workspace: Record) -> None:
    """Gives the system-assigned identity its roles, each once."""
    principal = str((workspace.body.get("identity") or {}).get("principalId") or "")
    if not principal:
        return
    properties: Mapping[str, Any] = workspace.body["properties"]
    group = workspace.id.split("/providers/")[0]
    wanted = {
        group: _AI_ADMINISTRATOR,
        str(properties["storageAccount"]): _BLOB_DATA_CONTRIBUTOR,
        str(properties["keyVault"]): _VAULT_ADMINISTRATOR,
    }
    subscription = "/".join(group.split("/")[:3])
    for scope, role in wanted.items():
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}|{principal}|{role}".lower())
        path = f"{scope}/providers/{ASSIGNMENT}/{name}"
        if azure.store.get(path) is not None:
            continue
        body = {
            "properties": {
                "roleDefinitionId": f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}",
                "principalId": principal,
                "principalType": "ServicePrincipal",
                "scope": scope,
                "condition": None,
                "conditionVersion": None,
                "description": None,
                "delegatedManagedIdentityResourceId": None,
            }
        }
        azure.store.put(path, body, by=_SERVICE)
