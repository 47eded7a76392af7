"""azure-mgmt-keyvault, unmodified: vaults, keys, deleted vaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.keyvault import KeyVaultManagementClient
from running_azure import unique

from local.settings import PRINCIPAL_ID, TENANT_ID

if TYPE_CHECKING:
    from conftest import Management


@pytest.fixture(scope="module")
def client(management: Management) -> KeyVaultManagementClient:
    return management.client(KeyVaultManagementClient)


def vault(**properties: object) -> dict:
    sku = {"family": "A", "name": "standard"}
    return {"location": "westeurope", "properties": {"tenantId": TENANT_ID, "sku": sku, **properties}}


def test_a_vault_is_made_deleted_and_purged(client: KeyVaultManagementClient, management: Management):
    name = unique("kv-")
    assert client.vaults.check_name_availability(
        {"name": name, "type": "Microsoft.KeyVault/vaults"}
    ).name_available
    made = client.vaults.begin_create_or_update(
        management.group, name, vault(enableRbacAuthorization=True)
    ).result()
    assert made.properties.vault_uri == f"https://{name}.vault.azure.net/"
    key = client.keys.create_if_not_exist(
        management.group, name, "signing", {"properties": {"kty": "RSA", "keySize": 2048}}
    )
    assert (key.kty, key.key_uri) == ("RSA", f"https://{name}.vault.azure.net/keys/signing")
    secret = client.secrets.create_or_update(
        management.group, name, "word", {"properties": {"value": "hidden"}}
    )
    assert secret.properties.value is None
    assert name in [one.name for one in client.vaults.list_by_resource_group(management.group)]
    client.vaults.delete(management.group, name)
    assert name in [one.name for one in client.vaults.list_deleted()]
    with pytest.raises(HttpResponseError, match=r"purge|recover"):
        client.vaults.begin_create_or_update(management.group, name, vault(accessPolicies=[])).result()
    client.vaults.begin_purge_deleted(name, "westeurope").result()
    with pytest.raises(ResourceNotFoundError):
        client.vaults.get_deleted(name, "westeurope")


def test_access_policies_are_added(client: KeyVaultManagementClient, management: Management):
    name = unique("kv-")
    client.vaults.begin_create_or_update(management.group, name, vault(accessPolicies=[])).result()
    policy = {"tenantId": TENANT_ID, "objectId": PRINCIPAL_ID, "permissions": {"secrets": ["get"]}}
    client.vaults.update_access_policy(
        management.group, name, "add", {"properties": {"accessPolicies": [policy]}}
    )
    (kept,) = client.vaults.get(management.group, name).properties.access_policies
    assert kept.permissions.secrets == ["get"]
    updated = client.vaults.update(management.group, name, {"properties": {"enablePurgeProtection": True}})
    assert updated.properties.enable_purge_protection
