"""Customer-managed keys by Azure's rules, and what Microsoft grants a workspace's own identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import unique

from local.settings import TENANT_ID

if TYPE_CHECKING:
    from conftest import Workspace
    from running_azure import LocalAzure

VAULT, STORAGE, ML, REGISTRY, IDENTITY = "2023-07-01", "2024-01-01", "2025-12-01", "2023-07-01", "2023-01-31"
USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"


@dataclass(frozen=True)
class Keys:
    """A protected vault with a key, and an identity that may use it or not."""

    vault: str
    url: str
    allowed: str
    other: str


@pytest.fixture(scope="module")
def keys(local_azure: LocalAzure, workspace: Workspace) -> Keys:
    group = workspace.id.split("/providers/")[0]
    name = unique("kv")
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
    body = {
        "location": "westeurope",
        "properties": {
            "tenantId": TENANT_ID,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "enablePurgeProtection": True,
        },
    }
    local_azure.put(vault, body, api_version=VAULT)
    made = local_azure.put(f"{vault}/keys/own", {"properties": {"kty": "RSA"}}, api_version=VAULT)
    ids: list[str] = []
    for _ in range(2):
        path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
        found = local_azure.put(path, {"location": "westeurope"}, api_version=IDENTITY)
        ids.append(found["id"])
        if len(ids) == 1:
            local_azure.assign(vault, USER, found["properties"]["principalId"])
    return Keys(vault, made["properties"]["keyUriWithVersion"], *ids)


def account(keys: Keys, identity: str) -> tuple[str, dict[str, Any]]:
    group = keys.vault.split("/providers/")[0]
    encryption = {
        "keySource": "Microsoft.Keyvault",
        "identity": {"userAssignedIdentity": identity},
        "keyvaultproperties": {"keyname": "own", "keyvaulturi": keys.url.split("/keys/")[0]},
        "services": {"queue": {"keyType": "Account"}},
    }
    body = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "properties": {"encryption": encryption},
    }
    return f"{group}/providers/Microsoft.Storage/storageAccounts/{unique('st')}", body


def test_an_identity_without_the_role_cannot_encrypt(local_azure: LocalAzure, keys: Keys) -> None:
    path, body = account(keys, keys.other)
    status, _, answer = local_azure.arm("PUT", path, body, api_version=STORAGE)
    assert (status, answer["error"]["code"]) == (403, "KeyVaultAuthenticationFailure")
    path, body = account(keys, keys.allowed)
    found = local_azure.put(path, body, api_version=STORAGE)["properties"]["encryption"]
    assert found["keyvaultproperties"]["currentVersionedKeyIdentifier"] == keys.url


def test_queues_are_encrypted_with_the_accounts_key_from_the_beginning_or_never(
    local_azure: LocalAzure, keys: Keys
) -> None:
    path, body = account(keys, keys.allowed)
    local_azure.put(path, body, api_version=STORAGE)
    services = {"queue": {"keyType": "Service"}}
    change = {"properties": {"encryption": {**body["properties"]["encryption"], "services": services}}}
    status, _, answer = local_azure.arm("PATCH", path, change, api_version=STORAGE)
    assert (status, answer["error"]["code"]) == (409, "PropertyCannotBeUpdated")


def test_only_a_premium_registry_takes_a_key(local_azure: LocalAzure, keys: Keys) -> None:
    group = keys.vault.split("/providers/")[0]
    client = local_azure.arm("GET", keys.allowed, api_version=IDENTITY)[2]["properties"]["clientId"]
    body: dict[str, Any] = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {keys.allowed: {}}},
        "properties": {
            "encryption": {
                "status": "enabled",
                "keyVaultProperties": {"keyIdentifier": keys.url.rsplit("/", 1)[0], "identity": client},
            }
        },
    }
    path = f"{group}/providers/Microsoft.ContainerRegistry/registries/{unique('cr')}"
    status, _, answer = local_azure.arm("PUT", path, body, api_version=REGISTRY)
    assert (status, answer["error"]["code"]) == (400, "EncryptionNotSupported")
    body["sku"] = {"name": "Premium"}
    found = local_azure.put(path, body, api_version=REGISTRY)["properties"]["encryption"][
        "keyVaultProperties"
    ]
    assert (found["versionedKeyIdentifier"], found["keyRotationEnabled"]) == (keys.url, True)


def test_a_workspace_stays_with_its_vault_and_its_vaults_region(
    local_azure: LocalAzure, workspace: Workspace, keys: Keys
) -> None:
    given = workspace.body["properties"]
    encryption = {
        "status": "Enabled",
        "identity": {"userAssignedIdentity": keys.allowed},
        "keyVaultProperties": {"keyVaultArmId": keys.vault, "keyIdentifier": keys.url},
    }
    body: dict[str, Any] = {
        "location": "northeurope",
        "identity": {
            "type": "SystemAssigned,UserAssigned",
            "userAssignedIdentities": {keys.allowed: {}},
        },
        "properties": {
            "storageAccount": given["storageAccount"],
            "keyVault": given["keyVault"],
            "encryption": encryption,
        },
    }
    path = f"{workspace.id.rsplit('/', 1)[0]}/{unique('mlw-')}"
    status, _, answer = local_azure.arm("PUT", path, body, api_version=ML)
    assert (status, "must be in the region" in answer["error"]["message"]) == (400, True)
    body["location"] = "westeurope"
    made = local_azure.put(path, body, api_version=ML)
    # Microsoft grants the system-assigned identity what it needs, and nothing to the other one.
    principal = made["identity"]["principalId"]
    listed = f"{workspace.id.split('/providers/')[0]}/providers/Microsoft.Authorization/roleAssignments"
    query = f"{listed}?$filter=principalId eq '{principal}'"
    roles = local_azure.arm("GET", query, api_version="2022-04-01")[2]["value"]
    assert {one["properties"]["roleDefinitionId"].rsplit("/", 1)[1] for one in roles} >= {
        "b78c5d69-af96-48a3-bf8d-a8b4d589de94"
    }
    elsewhere = keys.url.replace(keys.vault.rsplit("/", 1)[1], "kv-elsewhere")
    moved = {
        **encryption,
        "keyVaultProperties": {"keyVaultArmId": given["keyVault"], "keyIdentifier": elsewhere},
    }
    change = {**body, "properties": {**body["properties"], "encryption": moved}}
    status, _, answer = local_azure.arm("PUT", path, change, api_version=ML)
    assert (status, answer["error"]["code"]) == (400, "ValidationError")
    _, headers, _ = local_azure.arm("DELETE", f"{path}?forceToPurge=true", api_version=ML)
    local_azure.wait(headers, api_version=ML)
