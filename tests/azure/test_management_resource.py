"""azure-mgmt-resource, unmodified: groups, resources of any type, providers, templates, tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient
from running_azure import unique

if TYPE_CHECKING:
    from conftest import Management

IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"


@pytest.fixture(scope="module")
def client(management: Management) -> ResourceManagementClient:
    return management.client(ResourceManagementClient)


def test_a_group_is_made_changed_listed_and_deleted(client: ResourceManagementClient):
    name = unique("rg-")
    made = client.resource_groups.create_or_update(name, {"location": "westeurope", "tags": {"a": "1"}})
    assert (made.name, made.properties.provisioning_state) == (name, "Succeeded")
    assert client.resource_groups.check_existence(name)
    assert client.resource_groups.update(name, {"tags": {"b": "2"}}).tags == {"b": "2"}
    filtered = client.resource_groups.list(filter="tagName eq 'b' and tagValue eq '2'")
    assert name in [one.name for one in filtered]
    client.resource_groups.begin_delete(name).result()
    assert not client.resource_groups.check_existence(name)
    with pytest.raises(ResourceNotFoundError, match=name):
        client.resource_groups.get(name)


def test_a_resource_is_managed_by_its_type(client: ResourceManagementClient, management: Management):
    name = unique("id-")
    where = (management.group, "Microsoft.ManagedIdentity", "", "userAssignedIdentities", name)
    version = {"api_version": "2023-01-31"}
    body = {"location": "westeurope"}
    made = client.resources.begin_create_or_update(*where, body, **version).result()
    assert client.resources.get_by_id(made.id, **version).name == name
    listed = client.resources.list_by_resource_group(
        management.group, filter=f"resourceType eq '{IDENTITY}'", expand="createdTime"
    )
    assert name in [one.name for one in listed]
    client.resources.begin_update_by_id(made.id, {"tags": {"x": "y"}}, **version).result()
    assert client.tags.get_at_scope(made.id).properties.tags == {"x": "y"}
    client.tags.begin_update_at_scope(
        made.id, {"operation": "Merge", "properties": {"tags": {"z": "w"}}}
    ).result()
    assert client.resources.get(*where, **version).tags == {"x": "y", "z": "w"}
    client.resources.begin_delete(*where, **version).result()
    assert not client.resources.check_existence(*where, **version)


def test_a_provider_says_its_types_and_registers(client: ResourceManagementClient):
    found = client.providers.get("Microsoft.MachineLearningServices")
    assert "workspaces" in [one.resource_type for one in found.resource_types]
    assert client.providers.register("Microsoft.EventGrid").registration_state == "Registered"
    assert "Microsoft.Storage" in [one.namespace for one in client.providers.list()]


def test_a_group_that_is_not_there_has_no_resources(client: ResourceManagementClient):
    with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
        client.resources.list_by_resource_group("no-such-group").next()
