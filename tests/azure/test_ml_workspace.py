"""Workspaces, their datastores and computes, through ``MLClient`` and plain ARM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import AmlCompute, AzureBlobDatastore, AzureDataLakeGen2Datastore
from azure.ai.ml.entities._credentials import AccountKeyConfiguration
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import EnvironmentCredential
from azure.storage.blob import ContainerClient
from running_azure import unique

from local.azure.machine_learning import vm_size

if TYPE_CHECKING:
    from conftest import Workspace
    from running_azure import LocalAzure

VERSION = "2025-12-01"


def another(workspace: Workspace, name: str = "", **properties: Any) -> tuple[str, dict[str, Any]]:
    """The id and the body of another workspace on the same account and vault."""
    given = workspace.body["properties"]
    path = f"{workspace.id.rsplit('/', 1)[0]}/{name or unique('mlw-')}"
    needed = {key: given[key] for key in ("storageAccount", "keyVault")}
    return path, {"location": "westeurope", "properties": {**needed, "v1LegacyMode": False, **properties}}


def delete(local_azure: LocalAzure, path: str) -> None:
    status, headers, answer = local_azure.arm("DELETE", path, api_version=VERSION)
    assert status in (200, 202), answer
    if status == 202:
        local_azure.wait(headers, api_version=VERSION)


def test_a_workspace_shows_what_clients_need(ml_client: MLClient, workspace: Workspace) -> None:
    found = ml_client.workspaces.get(workspace.name)
    assert found.location == "westeurope"
    assert found.discovery_url == "https://westeurope.api.azureml.ms/discovery"
    assert found.mlflow_tracking_uri.startswith(
        "azureml://westeurope.api.azureml.ms/mlflow/v1.0/subscriptions/"
    )
    assert found.storage_account.endswith(workspace.storage_account)
    assert found.identity.principal_id
    assert workspace.name in {one.name for one in ml_client.workspaces.list()}


def test_discovery_names_the_data_planes(ml_client: MLClient, workspace: Workspace) -> None:
    url = ml_client.workspaces.get(workspace.name).discovery_url
    services = requests.get(url, timeout=10).json()
    assert services["api"] == services["history"] == "https://westeurope.api.azureml.ms"


def test_the_keys_of_a_workspace_are_its_accounts(ml_client: MLClient, workspace: Workspace) -> None:
    keys = ml_client.workspaces.get_keys(workspace.name)
    assert keys.user_storage_key
    assert keys.user_storage_resource_id.endswith(workspace.storage_account)


def test_a_workspace_can_be_described_and_tagged(ml_client: MLClient, workspace: Workspace) -> None:
    found = ml_client.workspaces.get(workspace.name)
    found.description = "said"
    found.tags = {"team": "a"}
    ml_client.workspaces.begin_update(found).result()
    again = ml_client.workspaces.get(workspace.name)
    assert (again.description, again.tags, again.discovery_url) == (
        "said",
        {"team": "a"},
        found.discovery_url,
    )


def test_a_diagnosis_finds_nothing_wrong_where_everything_is_there(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    status, _, answer = local_azure.arm("POST", f"{workspace.id}/diagnose", {}, api_version=VERSION)
    assert status == 200
    assert answer["value"]["storageAccountResults"] == []


def test_a_deleted_workspace_keeps_its_name_until_it_is_purged(
    local_azure: LocalAzure, ml_client: MLClient, workspace: Workspace
) -> None:
    path, body = another(workspace)
    local_azure.put(path, body, api_version=VERSION)
    name = path.rsplit("/", 1)[1]
    ml_client.workspaces.begin_delete(name, delete_dependent_resources=False).result()
    with pytest.raises(ResourceNotFoundError):
        ml_client.workspaces.get(name)
    status, _, refused = local_azure.arm("PUT", path, body, api_version=VERSION)
    assert status == 409
    assert "Soft-deleted workspace" in refused["error"]["message"]
    status, _, _ = local_azure.arm("DELETE", f"{path}?forceToPurge=true", api_version=VERSION)
    assert status == 200
    local_azure.put(path, body, api_version=VERSION)
    ml_client.workspaces.begin_delete(
        name, delete_dependent_resources=False, permanently_delete=True
    ).result()
    local_azure.put(path, body, api_version=VERSION)
    delete(local_azure, f"{path}?forceToPurge=true")


def test_a_workspace_whose_group_went_first_is_only_soft_deleted(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    group = local_azure.group()
    _, body = another(workspace)
    path = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{unique('mlw-')}"
    local_azure.put(path, body, api_version=VERSION)
    delete(local_azure, group)
    local_azure.group(group.rsplit("/", 1)[1])
    status, _, _ = local_azure.arm("PUT", path, body, api_version=VERSION)
    assert status == 409
    status, _, _ = local_azure.arm("DELETE", f"{path}?forceToPurge=true", api_version=VERSION)
    assert status == 200
    local_azure.put(path, body, api_version=VERSION)


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"storageAccount": None}, "needs a storageAccount"),
        (
            {"keyVault": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"},
            "does not exist",
        ),
        ({"managedNetwork": {"isolationMode": "Sometimes"}}, "must be one of"),
        ({"encryption": {"keyVaultProperties": {"keyIdentifier": "k"}}}, "is no key"),
        ({"hubResourceId": "/subscriptions/s"}, "has no hub"),
    ],
)
def test_a_workspace_that_cannot_be_is_refused(
    local_azure: LocalAzure, workspace: Workspace, properties: dict[str, Any], said: str
) -> None:
    path, body = another(workspace, **properties)
    status, _, refused = local_azure.arm("PUT", path, body, api_version=VERSION)
    assert status == 400
    assert said in refused["error"]["message"]


def test_an_account_with_a_hierarchical_namespace_cannot_be_a_workspaces_default(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    lake = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{unique('st')}"
    account = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    local_azure.put(lake, {**account, "properties": {"isHnsEnabled": True}}, api_version="2024-01-01")
    path, body = another(workspace, storageAccount=lake)
    status, _, refused = local_azure.arm("PUT", path, body, api_version=VERSION)
    assert status == 400
    assert "hierarchical namespace" in refused["error"]["message"]


def test_what_a_workspace_stands_on_cannot_be_changed(local_azure: LocalAzure, workspace: Workspace) -> None:
    other = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{unique('st')}"
    account = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {},
    }
    local_azure.put(other, account, api_version="2024-01-01")
    patch = {"properties": {"storageAccount": other}}
    status, _, refused = local_azure.arm("PATCH", workspace.id, patch, api_version=VERSION)
    assert status == 400
    assert "can't be changed" in refused["error"]["message"]


def test_default_datastores_come_with_a_workspace(ml_client: MLClient, workspace: Workspace) -> None:
    stores = {one.name: one for one in ml_client.datastores.list()}
    assert {"workspaceblobstore", "workspaceartifactstore", "workspacefilestore"} <= set(stores)
    default = ml_client.datastores.get_default(include_secrets=True)
    assert default.name == "workspaceblobstore"
    assert default.container_name == f"azureml-blobstore-{workspace.body['properties']['workspaceId']}"
    assert default.account_name == workspace.storage_account
    url = f"https://{default.account_name}.blob.core.windows.net"
    with ContainerClient(
        url, default.container_name, credential=default.credentials.account_key
    ) as container:
        assert container.exists()


def test_the_default_datastore_stays(ml_client: MLClient) -> None:
    with pytest.raises(HttpResponseError, match="default datastore"):
        ml_client.datastores.delete("workspaceblobstore")


def test_a_datastores_secret_is_shown_to_who_asks_for_it_only(
    ml_client: MLClient, local_azure: LocalAzure, workspace: Workspace
) -> None:
    name = unique("ds_")
    given = AzureBlobDatastore(
        name=name,
        account_name=workspace.storage_account,
        container_name="things",
        credentials=AccountKeyConfiguration(account_key="c2VjcmV0"),
        description="said",
        tags={"a": "b"},
    )
    ml_client.datastores.create_or_update(given)
    _, _, shown = local_azure.arm("GET", f"{workspace.id}/datastores/{name}", api_version=VERSION)
    assert "c2VjcmV0" not in str(shown)
    found = ml_client.datastores.get(name, include_secrets=True)
    assert (found.container_name, found.description, found.tags) == ("things", "said", {"a": "b"})
    assert found.credentials.account_key == "c2VjcmV0"
    given.container_name = "others"
    with pytest.raises(HttpResponseError, match="containerName"):
        ml_client.datastores.create_or_update(given)
    ml_client.datastores.delete(name)
    with pytest.raises(ResourceNotFoundError):
        ml_client.datastores.get(name)


def test_a_datastore_without_credentials_has_no_secrets(ml_client: MLClient, workspace: Workspace) -> None:
    name = unique("lake_")
    ml_client.datastores.create_or_update(
        AzureDataLakeGen2Datastore(name=name, account_name=workspace.storage_account, filesystem="data")
    )
    assert ml_client.datastores.get(name, include_secrets=True).filesystem == "data"
    with pytest.raises(HttpResponseError, match="holds no credentials"):
        ml_client.datastores._list_secrets(name)


def test_a_workspace_whose_stores_open_to_identities_holds_no_keys(
    local_azure: LocalAzure, ml_client: MLClient, workspace: Workspace
) -> None:
    path, body = another(workspace, systemDatastoresAuthMode="Identity")
    local_azure.put(path, body, api_version=VERSION)
    client = MLClient(
        EnvironmentCredential(),
        local_azure.subscription_id,
        workspace.resource_group,
        path.rsplit("/", 1)[1],
    )
    store = client.datastores.get_default(include_secrets=True)
    assert store.credentials.type is None or str(store.credentials.type).lower().endswith("none")
    url = f"https://{store.account_name}.blob.core.windows.net"
    with ContainerClient(url, store.container_name, credential=EnvironmentCredential()) as container:
        assert container.exists()
    delete(local_azure, f"{path}?forceToPurge=true")


def test_a_cluster_is_made_scaled_and_deleted(ml_client: MLClient) -> None:
    cluster = AmlCompute(
        name="cpu-cluster",
        size="Standard_DS3_v2",
        min_instances=0,
        max_instances=2,
        idle_time_before_scale_down=300,
        tier="low_priority",
    )
    ml_client.compute.begin_create_or_update(cluster).result()
    found = ml_client.compute.get("cpu-cluster")
    assert (found.size.lower(), found.min_instances, found.max_instances) == ("standard_ds3_v2", 0, 2)
    assert (found.idle_time_before_scale_down, found.tier) == (300, "low_priority")
    assert found.provisioning_state == "Succeeded"
    found.max_instances = 4
    ml_client.compute.begin_update(found).result()
    assert ml_client.compute.get("cpu-cluster").max_instances == 4
    assert "cpu-cluster" in {one.name for one in ml_client.compute.list()}
    assert list(ml_client.compute.list_nodes("cpu-cluster")) == []
    cluster.size = "Standard_DS4_v2"
    with pytest.raises(HttpResponseError, match="vmSize of a cluster can't be changed"):
        ml_client.compute.begin_create_or_update(cluster)
    ml_client.compute.begin_delete("cpu-cluster").result()
    with pytest.raises(ResourceNotFoundError):
        ml_client.compute.get("cpu-cluster")


def test_a_clusters_scale_can_be_patched(local_azure: LocalAzure, workspace: Workspace) -> None:
    path = f"{workspace.id}/computes/patched"
    scale = {"minNodeCount": 0, "maxNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT5M"}
    inner = {"vmSize": "Standard_DS3_v2", "scaleSettings": scale}
    body = {"location": "westeurope", "properties": {"computeType": "AmlCompute", "properties": inner}}
    local_azure.put(path, body, api_version=VERSION)
    patch = {"properties": {"properties": {"scaleSettings": {"maxNodeCount": 6}}}}
    status, headers, _ = local_azure.arm("PATCH", path, patch, api_version=VERSION)
    assert status == 200
    local_azure.wait(headers, api_version=VERSION)
    _, _, found = local_azure.arm("GET", path, api_version=VERSION)
    assert found["properties"]["properties"]["scaleSettings"] == {**scale, "maxNodeCount": 6}
    assert found["properties"]["properties"]["vmSize"] == "Standard_DS3_v2"


@pytest.mark.parametrize(
    ("name", "inner", "said"),
    [
        ("a", {}, "no name of a compute"),
        ("ok", {"vmSize": "Big"}, "no size of a virtual machine"),
        ("ok", {"scaleSettings": {"minNodeCount": 3, "maxNodeCount": 2}}, "must be in order"),
        ("ok", {"scaleSettings": {"maxNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "soon"}}, "duration"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(
    local_azure: LocalAzure, workspace: Workspace, name: str, inner: dict[str, Any], said: str
) -> None:
    inner = {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 1}, **inner}
    body = {"location": "westeurope", "properties": {"computeType": "AmlCompute", "properties": inner}}
    status, _, refused = local_azure.arm("PUT", f"{workspace.id}/computes/{name}", body, api_version=VERSION)
    assert status == 400
    assert said in refused["error"]["message"]


def test_sizes_are_listed(ml_client: MLClient) -> None:
    found = {one.name: one for one in ml_client.compute.list_sizes()}
    assert vars(found["Standard_DS3_v2"])["vCPUs"] == 4
    assert len(found) == len(vm_size.SIZES)


def test_a_workspace_has_the_user_assigned_identity_it_was_given(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    identity = (
        f"{workspace.group_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    )
    path, body = another(workspace)
    body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    status, _, refused = local_azure.arm("PUT", path, body, api_version=VERSION)
    assert (status, refused["error"]["code"]) == (400, "FailedIdentityOperation")
    made = local_azure.put(identity, {"location": "westeurope"}, api_version="2024-11-30")
    status, _, refused = local_azure.arm("PUT", path, body, api_version=VERSION)
    assert status == 400
    assert "primaryUserAssignedIdentity" in refused["error"]["message"]
    body["properties"]["primaryUserAssignedIdentity"] = identity
    found = local_azure.put(path, body, api_version=VERSION)
    assert found["identity"]["type"] == "UserAssigned"
    users = found["identity"]["userAssignedIdentities"]
    assert users[identity]["principalId"] == made["properties"]["principalId"]
    delete(local_azure, f"{path}?forceToPurge=true")


def test_a_cluster_has_one_kind_of_identity(local_azure: LocalAzure, workspace: Workspace) -> None:
    inner = {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 1}}
    user = f"{workspace.group_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u"
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {user: {}}},
        "properties": {"computeType": "AmlCompute", "properties": inner},
    }
    status, _, refused = local_azure.arm("PUT", f"{workspace.id}/computes/both", body, api_version=VERSION)
    assert status == 400
    assert "not both" in refused["error"]["message"]
