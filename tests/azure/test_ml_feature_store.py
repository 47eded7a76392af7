"""A feature store's entities, feature sets and features, through ``MLClient`` and plain ARM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    DataColumn,
    DataColumnType,
    FeatureSet,
    FeatureSetSpecification,
    FeatureStoreEntity,
)
from azure.core.exceptions import HttpResponseError
from azure.identity import EnvironmentCredential
from running_azure import unique

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workspace
    from running_azure import LocalAzure

VERSION = "2025-12-01"
SPECIFICATION = """$schema: http://azureml/sdk-2-0/FeatureSetSpec.json
source:
  type: parquet
  path: flights
  timestamp_column: {name: at}
features:
  - {name: delay, type: float, description: minutes}
  - {name: carrier, type: string}
index_columns:
  - {name: flight, type: string}
"""


@pytest.fixture(scope="module")
def store_client(local_azure: LocalAzure, ml_client: MLClient, workspace: Workspace) -> MLClient:
    """A client of a feature store."""
    del ml_client  # points the environment at local Azure
    given = workspace.body["properties"]
    name = unique("fs-")
    body = {
        "location": "westeurope",
        "kind": "FeatureStore",
        "properties": {key: given[key] for key in ("storageAccount", "keyVault")},
    }
    local_azure.put(f"{workspace.id.rsplit('/', 1)[0]}/{name}", body, api_version=VERSION)
    return MLClient(EnvironmentCredential(), local_azure.subscription_id, workspace.resource_group, name)


def test_a_feature_set_shows_the_features_of_its_specification(
    local_azure: LocalAzure, store_client: MLClient, workspace: Workspace, tmp_path: Path
) -> None:
    store = store_client.feature_stores.get(store_client.workspace_name)
    assert store.compute_runtime.spark_runtime_version
    column = DataColumn(name="flight", type=DataColumnType.STRING)
    entity = FeatureStoreEntity(name="flight", version="1", index_columns=[column], stage="Development")
    store_client.feature_store_entities.begin_create_or_update(entity).result()
    assert store_client.feature_store_entities.get("flight", "1").index_columns[0].name == "flight"
    (tmp_path / "FeatureSetSpec.yaml").write_text(SPECIFICATION)
    given = FeatureSet(
        name="delays",
        version="1",
        description="by flight",
        entities=["azureml:flight:1"],
        specification=FeatureSetSpecification(path=str(tmp_path)),
    )
    store_client.feature_sets.begin_create_or_update(given).result()
    assert store_client.feature_sets.get("delays", "1").entities[0].endswith("flight:1")
    assert [one.name for one in store_client.feature_sets.list()] == ["delays"]
    features = store_client.feature_sets.list_features("delays", "1")
    assert {one.name: one.data_type for one in features} == {"delay": "Float", "carrier": "String"}
    assert store_client.feature_sets.get_feature("delays", "1", feature_name="delay").description == "minutes"
    path = f"{workspace.id.rsplit('/', 1)[0]}/{store_client.workspace_name}/featuresets/delays/versions/1"
    window = {"featureWindow": {"featureWindowStart": "2024-01-01", "featureWindowEnd": "2024-02-01"}}
    assert local_azure.arm("POST", f"{path}/backfill", window, api_version=VERSION)[0] == 501


def test_a_feature_set_needs_entities_that_exist(store_client: MLClient, tmp_path: Path) -> None:
    (tmp_path / "FeatureSetSpec.yaml").write_text(SPECIFICATION)
    given = FeatureSet(
        name="lost",
        version="1",
        entities=["azureml:nobody:1"],
        specification=FeatureSetSpecification(path=str(tmp_path)),
    )
    with pytest.raises(HttpResponseError, match="does not exist"):
        store_client.feature_sets.begin_create_or_update(given)
