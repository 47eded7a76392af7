"""Where the content behind a reference is: pure, on a store of its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from local.azure.errors import ArmError
from local.azure.machine_learning import asset_location, data, datastore, model
from local.azure.machine_learning.asset_location import Place
from local.azure.resource_id import parse
from local.azure.store import open_store

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

GROUP = "/subscriptions/s/resourceGroups/g"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/w"
BLOBS = "azureml-blobstore-123"
LONG = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths"


@pytest.fixture
def azure(tmp_path: Path) -> Generator[Any]:
    store = open_store(tmp_path / "azure.db")
    for name, body in datastore.of_workspace("123", "account", identity=False).items():
        store.put(f"{WORKSPACE}/datastores/{name}", body)
    lake = {"datastoreType": "AzureDataLakeGen2", "accountName": "lake", "filesystem": "data"}
    store.put(f"{WORKSPACE}/datastores/lake", {"properties": lake})
    store.put(
        f"{WORKSPACE}/data/flights/versions/2013.1",
        {"properties": {"dataUri": "azureml://datastores/lake/paths/a/"}},
    )
    store.put(f"{WORKSPACE}/models/m/versions/1", {"properties": {"modelUri": f"{LONG}/models/m"}})
    store.put(
        f"{WORKSPACE}/codes/c/versions/1",
        {"properties": {"codeUri": "https://account.blob.core.windows.net/c0de"}},
    )
    outputs = {
        "model": {"uri": "azureml://datastores/workspaceblobstore/paths/azureml/j/model/"},
        "default": {"uri": "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.j"},
    }
    store.put(f"{WORKSPACE}/jobs/j", {"properties": {"outputs": outputs}})
    yield SimpleNamespace(store=store)
    store.close()


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        ("azureml://datastores/workspaceblobstore/paths/a/b.csv", Place("account", BLOBS, "a/b.csv")),
        (f"{LONG}/a/", Place("account", BLOBS, "a/")),
        ("azureml://datastores/lake/paths/flights/1/", Place("lake", "data", "flights/1/")),
        (
            "azureml://datastores/workspaceartifactstore/ExperimentRun/x",
            Place("account", "azureml", "ExperimentRun/x"),
        ),
        ("azureml:flights:2013.1", Place("lake", "data", "a/")),
        (f"{WORKSPACE}/data/flights/versions/2013.1", Place("lake", "data", "a/")),
        (f"azureml:{WORKSPACE}/models/m/versions/1", Place("account", BLOBS, "models/m")),
        (
            "azureml://locations/westeurope/workspaces/123/models/m/versions/1",
            Place("account", BLOBS, "models/m"),
        ),
        (f"{WORKSPACE}/codes/c/versions/1", Place("account", "c0de", "")),
        ("azureml://jobs/j/outputs/model", Place("account", BLOBS, "azureml/j/model/")),
        (
            "azureml://jobs/j/outputs/model/paths/metrics.json",
            Place("account", BLOBS, "azureml/j/model/metrics.json"),
        ),
        (
            "azureml://jobs/j/outputs/artifacts/paths/model",
            Place("account", "azureml", "ExperimentRun/dcid.j/model"),
        ),
        ("https://account.blob.core.windows.net/c/a%20b?sv=1", Place("account", "c", "a b")),
        ("https://lake.dfs.core.windows.net/data/a", Place("lake", "data", "a")),
        ("wasbs://c@account.blob.core.windows.net/a/b", Place("account", "c", "a/b")),
        ("abfss://data@lake.dfs.core.windows.net/a", Place("lake", "data", "a")),
    ],
)
def test_every_form_of_reference_leads_to_its_blobs(azure: Any, reference: str, place: Place) -> None:
    assert asset_location.find(azure, WORKSPACE, reference) == place


@pytest.mark.parametrize(
    ("reference", "status", "said"),
    [
        ("azureml://datastores/none/paths/a", 404, "no datastore 'none'"),
        ("azureml:none:1", 404, "no asset"),
        ("azureml://jobs/none/outputs/model", 404, "no job 'none'"),
        ("azureml://jobs/j/outputs/none", 404, "no output 'none'"),
        ("azureml://datastores/workspacefilestore/paths/a", 501, "AzureFile"),
        ("azureml://registries/r/models/m/versions/1", 404, "registry"),
        ("https://example.com/file.csv", 501, "only blob storage"),
        ("nonsense", 400, "names no asset"),
    ],
)
def test_a_reference_to_nothing_is_refused(azure: Any, reference: str, status: int, said: str) -> None:
    with pytest.raises(ArmError, match=said) as refused:
        asset_location.find(azure, WORKSPACE, reference)
    assert refused.value.status == status


def test_an_asset_that_refers_to_itself_is_refused(azure: Any) -> None:
    azure.store.put(f"{WORKSPACE}/data/loop/versions/1", {"properties": {"dataUri": "azureml:loop:1"}})
    with pytest.raises(ArmError, match="refers to itself"):
        asset_location.find(azure, WORKSPACE, "azureml:loop:1")


def test_a_model_from_a_jobs_output_is_where_the_job_put_it(azure: Any) -> None:
    resource = parse(f"{WORKSPACE}/models/trained/versions/1")
    given = {"properties": {"modelUri": "azureml://jobs/j/outputs/model", "modelType": "custom_model"}}
    made = model.MODEL._prepare_version(azure, resource, given, None)["properties"]
    assert (made["modelUri"], made["jobName"]) == (f"{LONG}/azureml/j/model/", "j")


def test_putting_a_version_again_with_the_long_form_of_its_path_changes_nothing(azure: Any) -> None:
    resource = parse(f"{WORKSPACE}/data/flights/versions/2")
    short = {"dataUri": "azureml://datastores/workspaceblobstore/paths/a/", "dataType": "uri_folder"}
    made = data.DATA._prepare_version(azure, resource, {"properties": short}, None)
    old = azure.store.put(resource.text, made)
    again = data.DATA._prepare_version(
        azure, resource, {"properties": {**short, "dataUri": f"{LONG}/a/"}}, old
    )
    assert again == made
