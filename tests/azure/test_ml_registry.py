"""Registries and what is shared through them, through ``MLClient`` and plain ARM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    Data,
    Environment,
    Model,
    Registry,
    RegistryRegionDetails,
    SystemCreatedAcrAccount,
    SystemCreatedStorageAccount,
)
from azure.ai.ml.entities._assets._artifacts.code import Code
from azure.identity import EnvironmentCredential
from running_azure import unique

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workspace
    from running_azure import LocalAzure

VERSION = "2025-12-01"


@pytest.fixture(scope="module")
def registry(local_azure: LocalAzure, workspace: Workspace, ml_client: MLClient) -> dict[str, Any]:
    """A registry in one region."""
    del ml_client  # points the environment at local Azure
    path = f"{workspace.id.rsplit('/workspaces/', 1)[0]}/registries/{unique('mlr-')}"
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {"regionDetails": [{"location": "westeurope", "acrDetails": [{}]}]},
    }
    return local_azure.put(path, body, api_version=VERSION)


@pytest.fixture(scope="module")
def registry_client(registry: dict[str, Any]) -> MLClient:
    """A client of the registry, which finds all but its name by discovery."""
    return MLClient(EnvironmentCredential(), registry_name=registry["name"])


def test_a_registry_makes_its_storage_and_takes_it_along(
    local_azure: LocalAzure, ml_client: MLClient
) -> None:
    name = unique("mlr-")
    region = RegistryRegionDetails(
        location="westeurope",
        acr_config=[SystemCreatedAcrAccount(acr_account_sku="Premium")],
        storage_config=SystemCreatedStorageAccount(
            storage_account_hns=False, storage_account_type="standard_lrs"
        ),
    )
    made = Registry(name=name, location="westeurope", tags={"team": "a"}, replication_locations=[region])
    made = ml_client.registries.begin_create(made).result()
    assert made.discovery_url.endswith(f"/registrymanagement/v1.0/registries/{name}/discovery")
    details = made.replication_locations[0]
    group = made.managed_resource_group["resourceId"]
    account = details.storage_config.arm_resource_id
    acr = details.acr_config[0].arm_resource_id
    for one in (account, acr):
        assert one.startswith(group)
        assert local_azure.arm("GET", one, api_version="2023-01-01")[0] == 200
    assert name in {one.name for one in ml_client.registries.list()}
    ml_client.registries.begin_delete(name=name).result()
    assert local_azure.arm("GET", account, api_version="2023-01-01")[0] == 404
    assert local_azure.arm("GET", group, api_version="2024-03-01")[0] == 404


def test_assets_are_made_in_a_registry(registry_client: MLClient, tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("weights")
    model = registry_client.models.create_or_update(
        Model(name="tree", version="1", path=str(tmp_path), description="first")
    )
    assert (model.name, model.version) == ("tree", "1")
    assert registry_client.models.get("tree", "1").description == "first"
    assert [one.version for one in registry_client.models.list("tree")] == ["1"]
    assert [one.name for one in registry_client.models.list()] == ["tree"]
    data = registry_client.data.create_or_update(
        Data(name="flights", version="2", path=str(tmp_path / "model.txt"), type="uri_file")
    )
    assert registry_client.data.get("flights", "2").path == data.path
    environment = Environment(name="plain", version="1", image="mcr.microsoft.com/azureml/minimal")
    registry_client.environments.create_or_update(environment)
    assert registry_client.environments.get("plain", "1").image == environment.image
    code = registry_client._code.create_or_update(Code(name="steps", version="1", path=str(tmp_path)))
    assert code.name == "steps"


def test_a_shared_model_is_a_copy(
    ml_client: MLClient, registry: dict[str, Any], registry_client: MLClient, tmp_path: Path
) -> None:
    (tmp_path / "weights.bin").write_text("0123")
    ml_client.models.create_or_update(Model(name="shared", version="1", path=str(tmp_path / "weights.bin")))
    ml_client.models.share(
        "shared", "1", share_with_name="shared", share_with_version="7", registry_name=registry["name"]
    )
    model = registry_client.models.get("shared", "7")
    account = registry["properties"]["regionDetails"][0]["storageAccountDetails"][0]
    assert account["systemCreatedStorageAccount"]["storageAccountName"] in model.path
    registry_client.models.download("shared", "7", download_path=str(tmp_path / "down"))
    assert [one.read_text() for one in (tmp_path / "down").rglob("*.bin")] == ["0123"]


def test_versions_of_a_registry_are_long_operations_and_immutable(
    local_azure: LocalAzure, registry: dict[str, Any]
) -> None:
    path = f"{registry['id']}/environments/base/versions/1"
    body = {"properties": {"image": "mcr.microsoft.com/a"}}
    status, headers, _ = local_azure.arm("PUT", path, body, api_version=VERSION)
    assert status == 201
    assert "Azure-AsyncOperation" in headers
    local_azure.wait(headers, api_version=VERSION)
    changed = {"properties": {"image": "mcr.microsoft.com/b"}}
    assert local_azure.arm("PUT", path, changed, api_version=VERSION)[0] == 409
    status, headers, _ = local_azure.arm("DELETE", path, api_version=VERSION)
    assert status == 202
    local_azure.wait(headers, api_version=VERSION)
    assert local_azure.arm("GET", path, api_version=VERSION)[0] == 404


def test_another_registry_cannot_have_the_name(
    local_azure: LocalAzure, workspace: Workspace, registry: dict[str, Any]
) -> None:
    del workspace
    other = registry["id"].replace(registry["id"].split("/")[4], local_azure.group().rsplit("/", 1)[1])
    status, _, answer = local_azure.arm("PUT", other, {"location": "westeurope"}, api_version=VERSION)
    assert (status, answer["error"]["code"]) == (409, "RegistryNameNotAvailable")
