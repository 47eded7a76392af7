"""Batch endpoints and deployments, through ``MLClient``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    CodeConfiguration,
    Environment,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
    ResourceConfiguration,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from running_azure import unique

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


@pytest.fixture(scope="module")
def assets(ml_client: MLClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("batch")
    (folder / "batch.py").write_text("def init(): ...\ndef run(files): return []\n")
    model = ml_client.models.create_or_update(Model(name="b", path=folder / "batch.py", type="custom_model"))
    image = "mcr.microsoft.com/azureml/inference:latest"
    environment = ml_client.environments.create_or_update(Environment(name="b", image=image))
    cluster = AmlCompute(name="batch-cluster", size="Standard_DS3_v2", max_instances=1)
    ml_client.compute.begin_create_or_update(cluster).result()
    code = CodeConfiguration(code=str(folder), scoring_script="batch.py")
    return {
        "model": model.id,
        "environment": environment.id,
        "code_configuration": code,
        "compute": "batch-cluster",
    }


@pytest.fixture
def endpoint(ml_client: MLClient) -> BatchEndpoint:
    given = BatchEndpoint(name=unique("be-"), description="said", tags={"a": "b"})
    return ml_client.batch_endpoints.begin_create_or_update(given).result()


def deployment(endpoint: str, **more: Any) -> ModelBatchDeployment:
    return ModelBatchDeployment(
        name="nightly",
        endpoint_name=endpoint,
        resources=ResourceConfiguration(instance_count=1),
        settings=ModelBatchDeploymentSettings(mini_batch_size=1, output_file_name="predictions.csv"),
        **more,
    )


def test_a_batch_endpoint_is_made_read_listed_and_deleted(
    ml_client: MLClient, endpoint: BatchEndpoint
) -> None:
    found = ml_client.batch_endpoints.get(endpoint.name)
    assert found.scoring_uri == f"https://{endpoint.name}.westeurope.inference.ml.azure.com/jobs"
    assert (found.description, found.tags, found.provisioning_state) == ("said", {"a": "b"}, "Succeeded")
    assert endpoint.name in {one.name for one in ml_client.batch_endpoints.list()}
    ml_client.batch_endpoints.begin_delete(endpoint.name).result()
    with pytest.raises(ResourceNotFoundError):
        ml_client.batch_endpoints.get(endpoint.name)


def test_a_batch_deployment_is_made_becomes_the_default_and_goes(
    ml_client: MLClient, endpoint: BatchEndpoint, assets: dict[str, Any]
) -> None:
    endpoint.defaults = {"deployment_name": "nightly"}
    with pytest.raises(HttpResponseError, match="only an existing one"):
        ml_client.batch_endpoints.begin_create_or_update(endpoint).result()
    ml_client.batch_deployments.begin_create_or_update(deployment(endpoint.name, **assets)).result()
    found = ml_client.batch_deployments.get("nightly", endpoint.name)
    assert found.model == assets["model"]
    assert (int(found.mini_batch_size), found.output_file_name) == (1, "predictions.csv")
    assert (found.resources.instance_count, found.retry_settings.max_retries) == (1, 3)
    ml_client.batch_endpoints.begin_create_or_update(endpoint).result()
    assert ml_client.batch_endpoints.get(endpoint.name).defaults.deployment_name == "nightly"
    assert [one.name for one in ml_client.batch_deployments.list(endpoint.name)] == ["nightly"]
    ml_client.batch_deployments.begin_delete("nightly", endpoint.name).result()
    assert not ml_client.batch_endpoints.get(endpoint.name).defaults.deployment_name


def test_a_batch_deployment_on_a_missing_cluster_is_refused(
    ml_client: MLClient, endpoint: BatchEndpoint, assets: dict[str, Any]
) -> None:
    with pytest.raises(HttpResponseError, match=r"'.*none' does not exist"):
        ml_client.batch_deployments.begin_create_or_update(
            deployment(endpoint.name, **{**assets, "compute": "none"})
        ).result()
