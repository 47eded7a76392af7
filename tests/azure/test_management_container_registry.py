"""azure-mgmt-containerregistry, unmodified: registries and what belongs to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from running_azure import unique

if TYPE_CHECKING:
    from conftest import Management


@pytest.fixture(scope="module")
def client(management: Management) -> ContainerRegistryManagementClient:
    return management.client(ContainerRegistryManagementClient)


def test_a_registry_is_made_upgraded_and_deleted(
    client: ContainerRegistryManagementClient, management: Management
):
    name = unique("cr")
    available = {"name": name, "type": "Microsoft.ContainerRegistry/registries"}
    assert client.registries.check_name_availability(available).name_available
    made = client.registries.begin_create(
        management.group, name, {"location": "westeurope", "sku": {"name": "Basic"}}
    ).result()
    assert (made.login_server, made.sku.tier) == (f"{name}.azurecr.io", "Basic")
    assert not client.registries.check_name_availability(available).name_available
    changed = client.registries.begin_update(
        management.group, name, {"sku": {"name": "Premium"}, "properties": {"adminUserEnabled": True}}
    ).result()
    assert (changed.sku.name, changed.admin_user_enabled) == ("Premium", True)
    before = client.registries.list_credentials(management.group, name)
    after = client.registries.regenerate_credential(management.group, name, {"name": "password"})
    assert before.username == name
    assert [one.value for one in before.passwords] != [one.value for one in after.passwords]
    assert {one.name for one in client.registries.list_usages(management.group, name).value} >= {"Size"}
    client.replications.begin_create(
        management.group, name, "northeurope", {"location": "northeurope"}
    ).result()
    assert {one.name for one in client.replications.list(management.group, name)} >= {"northeurope"}
    client.registries.begin_delete(management.group, name).result()
    assert name not in [one.name for one in client.registries.list_by_resource_group(management.group)]
