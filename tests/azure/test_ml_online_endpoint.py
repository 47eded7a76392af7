"""Online endpoints and deployments, through ``MLClient`` and plain ARM. What a deployment serves: test_run_serving."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml.entities import (
    CodeConfiguration,
    DataCollector,
    DeploymentCollection,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from running_azure import unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient
    from conftest import Workspace
    from running_azure import LocalAzure

VERSION = "2025-12-01"


@pytest.fixture(scope="module")
def assets(ml_client: MLClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A model, code, and an environment that can't be built: deployments of it exist, and show Failed."""
    folder = tmp_path_factory.mktemp("assets")
    (folder / "score.py").write_text("def init(): ...\ndef run(data): ...\n")
    model = ml_client.models.create_or_update(Model(name="m", path=folder / "score.py", type="custom_model"))
    conda = {"dependencies": ["python=3.11", "nodejs"]}
    image = "mcr.microsoft.com/azureml/inference:latest"
    environment = ml_client.environments.create_or_update(
        Environment(name="e", image=image, conda_file=conda)
    )
    code = CodeConfiguration(code=str(folder), scoring_script="score.py")
    return {"model": model.id, "environment": environment.id, "code_configuration": code}


@pytest.fixture
def endpoint(ml_client: MLClient) -> ManagedOnlineEndpoint:
    return made(ml_client, unique("ep-"))


def made(ml_client: MLClient, name: str, **more: Any) -> ManagedOnlineEndpoint:
    return ml_client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name=name, **more)
    ).result()


def failed(
    ml_client: MLClient, assets: dict[str, Any], endpoint: str, name: str, **more: Any
) -> HttpResponseError:
    """Makes a deployment that can't come up; returns why."""
    deployment = ManagedOnlineDeployment(
        name=name, endpoint_name=endpoint, instance_type="Standard_DS3_v2", instance_count=1, **assets, **more
    )
    with pytest.raises(HttpResponseError) as refused:
        ml_client.online_deployments.begin_create_or_update(deployment).result()
    return refused.value


@pytest.fixture
def deploy(
    ml_client: MLClient, assets: dict[str, Any], endpoint: ManagedOnlineEndpoint
) -> Callable[..., Any]:
    return lambda name, **more: failed(ml_client, assets, endpoint.name, name, **more)


def test_an_endpoint_is_made_with_its_uris_identity_and_tags(ml_client: MLClient) -> None:
    name = unique("ep-")
    made(ml_client, name, description="said", tags={"a": "b"})
    found = ml_client.online_endpoints.get(name)
    assert found.scoring_uri == f"https://{name}.westeurope.inference.ml.azure.com/score"
    assert found.openapi_uri == f"https://{name}.westeurope.inference.ml.azure.com/swagger.json"
    assert (found.auth_mode, found.provisioning_state) == ("key", "Succeeded")
    assert (found.description, found.tags, found.traffic, found.mirror_traffic) == (
        "said",
        {"a": "b"},
        {},
        {},
    )
    assert found.identity.type == "system_assigned"
    assert found.identity.principal_id
    assert name in {one.name for one in ml_client.online_endpoints.list()}
    ml_client.online_endpoints.begin_delete(name).result()
    with pytest.raises(ResourceNotFoundError):
        ml_client.online_endpoints.get(name)


def test_an_operation_looks_like_azures(local_azure: LocalAzure, workspace: Workspace) -> None:
    path = f"{workspace.id}/onlineEndpoints/{unique('ep-')}"
    body = {"location": "westeurope", "properties": {"authMode": "Key"}}
    status, headers, answer = local_azure.arm("PUT", path, body, api_version="2022-02-01-preview")
    assert status == 201
    assert answer["properties"]["provisioningState"] == "Creating"
    operation = headers["Azure-AsyncOperation"]
    workspace_id = workspace.body["properties"]["workspaceId"]
    assert f"/locations/westeurope/mfeOperationsStatus/oe:{workspace_id}:" in operation
    assert headers["Location"].split("?")[0].endswith(path)
    local_azure.wait(headers, api_version=VERSION)
    status, headers, _ = local_azure.arm("DELETE", path, api_version=VERSION)
    assert status == 202
    assert "/mfeOperationResults/oe:" in headers["Location"]
    local_azure.wait(headers, api_version=VERSION)


def test_keys_open_an_endpoint_until_they_are_regenerated(
    ml_client: MLClient, endpoint: ManagedOnlineEndpoint
) -> None:
    before = ml_client.online_endpoints.get_keys(endpoint.name)
    assert before.primary_key != before.secondary_key
    ml_client.online_endpoints.begin_regenerate_keys(endpoint.name, key_type="secondary").result()
    after = ml_client.online_endpoints.get_keys(endpoint.name)
    assert after.primary_key == before.primary_key
    assert after.secondary_key != before.secondary_key


def test_an_endpoint_with_tokens_gives_one_that_expires(ml_client: MLClient) -> None:
    name = unique("ep-")
    made(ml_client, name, auth_mode="aml_token")
    token = ml_client.online_endpoints.get_keys(name)
    claims = json.loads(base64.urlsafe_b64decode(token.access_token.split(".")[1] + "=="))
    assert (claims["aud"], claims["endpointName"], claims["exp"]) == ("azureml", name, token.expiry_time_utc)
    assert token.refresh_after_time_utc < token.expiry_time_utc


@pytest.mark.parametrize("name", ["ab", "1abc", "abc-", "a" * 33, "a_bc"])
def test_a_name_that_is_no_endpoints_is_refused(
    local_azure: LocalAzure, workspace: Workspace, name: str
) -> None:
    body = {"location": "westeurope", "properties": {"authMode": "Key"}}
    status, _, refused = local_azure.arm(
        "PUT", f"{workspace.id}/onlineEndpoints/{name}", body, api_version=VERSION
    )
    assert status == 400
    assert "no name of an endpoint" in refused["error"]["message"]


def test_a_deployment_that_cannot_come_up_shows_failed_and_says_why(
    ml_client: MLClient, endpoint: ManagedOnlineEndpoint, deploy: Callable[..., HttpResponseError]
) -> None:
    error = deploy("blue", tags={"a": "b"})
    assert "nodejs" in str(error)
    found = ml_client.online_deployments.get("blue", endpoint.name)
    assert found.provisioning_state == "Failed"
    assert (found.tags, found.instance_count, found.instance_type) == ({"a": "b"}, 1, "Standard_DS3_v2")
    assert found.scale_settings.type == "default"
    assert (found.request_settings.request_timeout_ms, found.liveness_probe.failure_threshold) == (5000, 30)
    assert isinstance(ml_client.online_deployments.get_logs("blue", endpoint.name, lines=10), str)
    assert [one.name for one in ml_client.online_deployments.list(endpoint.name)] == ["blue"]


def test_a_deployments_collections_are_registered_as_data(
    ml_client: MLClient, endpoint: ManagedOnlineEndpoint, deploy: Callable[..., HttpResponseError]
) -> None:
    deploy(
        "blue",
        data_collector=DataCollector(collections={"model_inputs": DeploymentCollection(enabled="true")}),
    )
    collected = ml_client.online_deployments.get("blue", endpoint.name).data_collector.collections[
        "model_inputs"
    ]
    assert str(collected.enabled).lower() in ("true", "enabled")
    asset = ml_client.data.get(f"{endpoint.name}-blue-model_inputs", label="latest")
    assert asset.path.endswith(f"modelDataCollector/{endpoint.name}/blue/model_inputs")


def test_a_deployment_of_a_missing_model_is_refused(
    local_azure: LocalAzure, workspace: Workspace, endpoint: ManagedOnlineEndpoint
) -> None:
    properties = {
        "endpointComputeType": "Managed",
        "instanceType": "Standard_DS3_v2",
        "model": "azureml:none:1",
    }
    path = f"{workspace.id}/onlineEndpoints/{endpoint.name}/deployments/blue"
    body = {"location": "westeurope", "properties": properties}
    status, _, refused = local_azure.arm("PUT", path, body, api_version=VERSION)
    assert status == 400
    assert "'azureml:none:1' does not exist" in refused["error"]["message"]


def put_traffic(
    local_azure: LocalAzure, workspace: Workspace, name: str, **properties: Any
) -> tuple[int, Any]:
    path = f"{workspace.id}/onlineEndpoints/{name}"
    body = {"location": "westeurope", "properties": {"authMode": "Key", **properties}}
    status, headers, answer = local_azure.arm("PUT", path, body, api_version=VERSION)
    if status == 200:
        local_azure.wait(headers, api_version=VERSION)
        _, _, answer = local_azure.arm("GET", path, api_version=VERSION)
    return status, answer


def test_traffic_sums_to_nothing_or_all_and_goes_to_deployments_that_exist(
    local_azure: LocalAzure,
    workspace: Workspace,
    endpoint: ManagedOnlineEndpoint,
    deploy: Callable[..., Any],
) -> None:
    deploy("blue")
    deploy("green")
    name = endpoint.name
    status, refused = put_traffic(local_azure, workspace, name, traffic={"blue": 50})
    assert (status, refused["error"]["code"]) == (400, "BadArgument")
    assert "sums to 50" in refused["error"]["message"]
    status, refused = put_traffic(local_azure, workspace, name, traffic={"red": 100})
    assert status == 400
    assert "no deployment 'red'" in refused["error"]["message"]
    status, answer = put_traffic(local_azure, workspace, name, traffic={"blue": 90, "green": 10})
    assert (status, answer["properties"]["traffic"]) == (200, {"blue": 90, "green": 10})
    status, answer = put_traffic(local_azure, workspace, name)
    assert answer["properties"]["traffic"] == {}, "a PUT that leaves traffic out resets it"


def test_traffic_is_mirrored_to_one_deployment_without_live_traffic_at_most_half(
    local_azure: LocalAzure,
    workspace: Workspace,
    endpoint: ManagedOnlineEndpoint,
    deploy: Callable[..., Any],
) -> None:
    deploy("blue")
    deploy("green")
    live = {"traffic": {"blue": 100}}
    for mirror, said in (
        ({"green": 51}, "At most 50"),
        ({"blue": 10}, "live traffic"),
        ({"red": 10}, "no deployment"),
    ):
        status, refused = put_traffic(local_azure, workspace, endpoint.name, **live, mirrorTraffic=mirror)
        assert status == 400
        assert said in refused["error"]["message"]
    both = {"blue": 10, "green": 10}
    status, refused = put_traffic(local_azure, workspace, endpoint.name, mirrorTraffic=both)
    assert status == 400
    assert "one deployment only" in refused["error"]["message"]
    status, answer = put_traffic(local_azure, workspace, endpoint.name, **live, mirrorTraffic={"green": 50})
    assert (status, answer["properties"]["mirrorTraffic"]) == (200, {"green": 50})


def test_a_deployment_with_traffic_cannot_be_deleted_until_it_has_none(
    ml_client: MLClient, endpoint: ManagedOnlineEndpoint, deploy: Callable[..., Any]
) -> None:
    deploy("blue")
    endpoint.traffic = {"blue": 100}
    endpoint = ml_client.online_endpoints.begin_create_or_update(endpoint).result()
    assert endpoint.traffic == {"blue": 100}
    with pytest.raises(HttpResponseError, match="Set its traffic to 0"):
        ml_client.online_deployments.begin_delete("blue", endpoint.name)
    endpoint.traffic = {"blue": 0}
    ml_client.online_endpoints.begin_create_or_update(endpoint).result()
    ml_client.online_deployments.begin_delete("blue", endpoint.name).result()
    with pytest.raises(ResourceNotFoundError):
        ml_client.online_deployments.get("blue", endpoint.name)
    assert ml_client.online_endpoints.get(endpoint.name).traffic == {}


def test_a_patch_changes_tags_and_leaves_traffic(
    local_azure: LocalAzure,
    workspace: Workspace,
    endpoint: ManagedOnlineEndpoint,
    deploy: Callable[..., Any],
) -> None:
    deploy("blue")
    put_traffic(local_azure, workspace, endpoint.name, traffic={"blue": 100})
    path = f"{workspace.id}/onlineEndpoints/{endpoint.name}"
    patch = {"tags": {"phase": "canary"}, "properties": {"traffic": {}}}
    status, headers, _ = local_azure.arm("PATCH", path, patch, api_version=VERSION)
    assert status in (200, 202)
    local_azure.wait(headers, api_version=VERSION)
    _, _, found = local_azure.arm("GET", path, api_version=VERSION)
    assert (found["tags"], found["properties"]["traffic"]) == ({"phase": "canary"}, {"blue": 100})


def test_the_properties_of_an_endpoint_can_only_be_added_to(
    local_azure: LocalAzure, workspace: Workspace, endpoint: ManagedOnlineEndpoint
) -> None:
    put_traffic(local_azure, workspace, endpoint.name, properties={"a": "1"})
    _, found = put_traffic(local_azure, workspace, endpoint.name, properties={"b": "2"})
    assert {"a": "1", "b": "2"}.items() <= found["properties"]["properties"].items()
    assert found["properties"]["keys"] is None


def test_an_endpoint_goes_with_its_deployments(
    ml_client: MLClient, endpoint: ManagedOnlineEndpoint, deploy: Callable[..., Any]
) -> None:
    deploy("blue")
    ml_client.online_endpoints.begin_delete(endpoint.name).result()
    with pytest.raises(ResourceNotFoundError):
        ml_client.online_deployments.get("blue", endpoint.name)
    again = made(ml_client, endpoint.name)
    assert list(ml_client.online_deployments.list(again.name)) == []
