"""Data, models, environments, code and components, through ``MLClient``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.ai.ml import command, load_component
from azure.ai.ml.entities import BuildContext, Data, Environment, Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from running_azure import unique

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient
    from conftest import Workspace
    from running_azure import LocalAzure

# azure-ai-ml passes azure-storage-blob what that calls deprecated when it downloads.
pytestmark = pytest.mark.filterwarnings("ignore:The use of a 'BlobProperties':DeprecationWarning")
VERSION = "2025-12-01"
LAKE = "azureml://datastores/workspaceblobstore/paths"
COMPONENT = """\
type: command
name: {name}
version: "1"
command: echo ${{{{inputs.text}}}}
environment: {environment}
inputs:
  text: {{type: string}}
"""


def folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def environment(ml_client: MLClient, name: str) -> Environment:
    return ml_client.environments.create_or_update(
        Environment(
            name=name, image="mcr.microsoft.com/azureml/inference:latest", conda_file={"dependencies": []}
        )
    )


def test_a_data_asset_keeps_its_path_type_tags_and_description(ml_client: MLClient) -> None:
    name = unique("data-")
    made = ml_client.data.create_or_update(
        Data(
            name=name,
            version="2013.1",
            path=f"{LAKE}/flights/",
            type="uri_folder",
            description="d",
            tags={"a": "b"},
        )
    )
    found = ml_client.data.get(name, version="2013.1")
    assert (found.id, found.type, found.description, found.tags) == (made.id, "uri_folder", "d", {"a": "b"})
    assert str(found.path).endswith("/datastores/workspaceblobstore/paths/flights/")
    assert found.creation_context.created_at is not None


def test_local_files_of_a_data_asset_are_uploaded(ml_client: MLClient, tmp_path: Path) -> None:
    source = folder(tmp_path / "rows", **{"rows.csv": "a,b\n1,2\n"})
    made = ml_client.data.create_or_update(Data(name=unique("data-"), path=source, type="uri_folder"))
    store = ml_client.datastores.get_default()
    assert "/LocalUpload/" in made.path
    assert store.container_name.startswith("azureml-blobstore-")


def test_versions_without_a_number_count_up_and_the_newest_is_the_latest(ml_client: MLClient) -> None:
    name = unique("data-")
    paths = [f"{LAKE}/{number}/" for number in range(3)]
    versions = [ml_client.data.create_or_update(Data(name=name, path=path)).version for path in paths]
    assert versions == ["1", "2", "3"]
    assert ml_client.data.get(name, label="latest").version == "3"
    assert [one.version for one in ml_client.data.list(name)] == ["3", "2", "1"]
    container = next(one for one in ml_client.data.list() if one.name == name)
    assert container.latest_version == "3"


def test_the_path_of_a_data_version_cannot_be_changed(ml_client: MLClient) -> None:
    name = unique("data-")
    ml_client.data.create_or_update(Data(name=name, version="1", path=f"{LAKE}/one/"))
    with pytest.raises(HttpResponseError, match="already exists") as refused:
        ml_client.data.create_or_update(Data(name=name, version="1", path=f"{LAKE}/two/"))
    assert refused.value.status_code == 409


def test_the_tags_of_a_version_can_be_changed(ml_client: MLClient) -> None:
    name = unique("data-")
    made = ml_client.data.create_or_update(Data(name=name, version="1", path=f"{LAKE}/one/", tags={"a": "1"}))
    made.tags = {"b": "2"}
    made.description = "said later"
    ml_client.data.create_or_update(made)
    found = ml_client.data.get(name, version="1")
    assert (found.tags, found.description) == ({"b": "2"}, "said later")


def test_an_asset_that_does_not_exist_is_404(ml_client: MLClient) -> None:
    for operations in (ml_client.data, ml_client.models, ml_client.environments, ml_client.components):
        with pytest.raises(ResourceNotFoundError):
            operations.get("there-is-none", version="1")


def test_a_datastore_that_does_not_exist_is_refused(ml_client: MLClient) -> None:
    with pytest.raises(HttpResponseError, match="no datastore 'nowhere'"):
        ml_client.data.create_or_update(
            Data(name=unique("data-"), path="azureml://datastores/nowhere/paths/a/")
        )


def test_archived_versions_and_assets_are_not_listed_until_restored(ml_client: MLClient) -> None:
    name = unique("data-")
    for version in ("1", "2"):
        ml_client.data.create_or_update(Data(name=name, version=version, path=f"{LAKE}/{version}/"))
    ml_client.data.archive(name, version="1")
    assert [one.version for one in ml_client.data.list(name)] == ["2"]
    assert [one.version for one in ml_client.data.list(name, list_view_type="ArchivedOnly")] == ["1"]
    assert len(list(ml_client.data.list(name, list_view_type="All"))) == 2
    ml_client.data.restore(name, version="1")
    assert len(list(ml_client.data.list(name))) == 2
    ml_client.data.archive(name)
    assert name not in {one.name for one in ml_client.data.list()}
    assert name in {one.name for one in ml_client.data.list(list_view_type="ArchivedOnly")}


def test_a_model_is_uploaded_registered_and_read_back(ml_client: MLClient, tmp_path: Path) -> None:
    name = unique("model-")
    source = folder(tmp_path / "model", **{"model.json": "{}"})
    made = ml_client.models.create_or_update(
        Model(name=name, path=source, type="custom_model", tags={"Framework": "none"}, properties={"p": "q"})
    )
    again = ml_client.models.create_or_update(Model(name=name, path=source, type="custom_model"))
    assert (made.version, again.version) == ("1", "2")
    found = ml_client.models.get(name, label="latest")
    assert (found.version, found.type) == ("2", "custom_model")
    first = ml_client.models.get(name, "1")
    assert (first.tags, first.properties) == ({"Framework": "none"}, {"p": "q"})
    ml_client.models.download(name, "1", download_path=tmp_path / "download")
    assert list((tmp_path / "download").rglob("model.json"))


def test_the_path_of_a_model_cannot_be_changed(ml_client: MLClient) -> None:
    name = unique("model-")
    ml_client.models.create_or_update(Model(name=name, version="1", path=f"{LAKE}/one/", type="custom_model"))
    with pytest.raises(HttpResponseError, match="Asset paths cannot be updated") as refused:
        ml_client.models.create_or_update(
            Model(name=name, version="1", path=f"{LAKE}/two/", type="custom_model")
        )
    assert refused.value.status_code == 400


def test_a_model_of_a_missing_job_is_refused(ml_client: MLClient) -> None:
    path = "azureml://jobs/there-is-none/outputs/model"
    with pytest.raises(HttpResponseError, match="no job 'there-is-none'") as refused:
        ml_client.models.create_or_update(Model(name=unique("model-"), path=path, type="custom_model"))
    assert refused.value.status_code == 404


def test_models_are_listed_by_name_and_tags_of_their_versions(
    ml_client: MLClient, local_azure: LocalAzure, workspace: Workspace
) -> None:
    name = unique("model-")
    for version, tag in (("1", "old"), ("2", "new")):
        ml_client.models.create_or_update(
            Model(
                name=name, version=version, path=f"{LAKE}/{version}/", type="custom_model", tags={"age": tag}
            )
        )
    assert [one.version for one in ml_client.models.list(name)] == ["2", "1"]
    url = f"{workspace.id}/models/{name}/versions"
    _, _, tagged = local_azure.arm("GET", f"{url}?tags=age=old", api_version=VERSION)
    assert [one["name"] for one in tagged["value"]] == ["1"]
    _, _, newest = local_azure.arm("GET", f"{url}?$orderBy=createdtime desc&$top=1", api_version=VERSION)
    assert [one["name"] for one in newest["value"]] == ["2"]
    assert "nextLink" not in newest


def test_an_environment_keeps_its_image_and_conda_file(ml_client: MLClient) -> None:
    name = unique("env-")
    made = environment(ml_client, name)
    found = ml_client.environments.get(name, version=made.version)
    assert (found.version, found.image, found.conda_file) == (
        "1",
        "mcr.microsoft.com/azureml/inference:latest",
        {"dependencies": []},
    )
    assert found.os_type == "Linux"
    assert [one.version for one in ml_client.environments.list(name)] == ["1"]


def test_the_content_of_an_environment_version_cannot_be_changed(ml_client: MLClient) -> None:
    name = unique("env-")
    environment(ml_client, name)
    changed = Environment(name=name, version="1", image="mcr.microsoft.com/azureml/other:latest")
    with pytest.raises(HttpResponseError) as refused:
        ml_client.environments.create_or_update(changed)
    assert refused.value.status_code == 409


def test_an_environment_of_a_docker_file_is_kept(ml_client: MLClient, tmp_path: Path) -> None:
    context = folder(tmp_path / "context", Dockerfile="FROM scratch\n")
    made = ml_client.environments.create_or_update(
        Environment(name=unique("env-"), build=BuildContext(path=context))
    )
    assert made.build.dockerfile_path == "Dockerfile"
    assert "blob.core.windows.net" in made.build.path


def test_code_is_uploaded_once_and_found_by_its_hash(ml_client: MLClient, tmp_path: Path) -> None:
    name = unique("env-")
    environment(ml_client, name)
    ids = []
    for attempt in ("first", "second"):
        source = folder(tmp_path / attempt / "src", **{"main.py": "print('hello')\n"})
        job = command(command="python main.py", code=str(source), environment=f"azureml:{name}:1")
        component = ml_client.components.create_or_update(job.component, version=attempt)
        ids.append(str(component.code))
    assert ids[0] == ids[1]
    code = ids[0].removeprefix("azureml:")
    parts = code.split("/")
    found = ml_client._code.get(name=parts[-3], version=parts[-1])
    assert ".blob.core.windows.net/" in found.path
    ml_client._code.download(name=parts[-3], version=parts[-1], download_path=tmp_path / "download")
    assert (tmp_path / "download" / "main.py").read_text() == "print('hello')\n"


def test_a_component_is_registered_and_loaded_again(ml_client: MLClient, tmp_path: Path) -> None:
    name, step = unique("env-"), unique("step")
    environment(ml_client, name)
    source = tmp_path / "component.yml"
    source.write_text(COMPONENT.format(name=step, environment=f"azureml:{name}:1"))
    made = ml_client.components.create_or_update(load_component(source))
    found = ml_client.components.get(step, version="1")
    assert found.id == made.id
    assert found.command == "echo ${{inputs.text}}"
    assert set(found.inputs) == {"text"}
    assert step in {one.name for one in ml_client.components.list()}


def test_a_version_is_made_with_its_container_and_goes_with_it(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    container = f"{workspace.id}/data/{unique('data-')}"
    properties = {"dataType": "uri_file", "dataUri": f"{LAKE}/a.csv"}
    status, _, _ = local_azure.arm("GET", container, api_version=VERSION)
    assert status == 404
    status, _, empty = local_azure.arm("GET", f"{container}/versions", api_version=VERSION)
    assert (status, empty) == (200, {"value": []})
    status, _, _ = local_azure.arm(
        "PUT", f"{container}/versions/7", {"properties": properties}, api_version=VERSION
    )
    assert status == 201
    _, _, found = local_azure.arm("GET", container, api_version=VERSION)
    assert found["properties"]["dataType"] == "uri_file"
    assert (found["properties"]["latestVersion"], found["properties"]["nextVersion"]) == ("7", "8")
    folder_ = {"properties": {**properties, "dataType": "uri_folder"}}
    status, _, refused = local_azure.arm("PUT", f"{container}/versions/8", folder_, api_version=VERSION)
    assert status == 400, refused
    status, _, _ = local_azure.arm("DELETE", container, api_version=VERSION)
    assert status == 200
    status, _, _ = local_azure.arm("GET", f"{container}/versions/7", api_version=VERSION)
    assert status == 404


def test_a_version_in_a_missing_workspace_is_refused(local_azure: LocalAzure, workspace: Workspace) -> None:
    missing = (
        f"{workspace.group_id}/providers/Microsoft.MachineLearningServices/workspaces/none/data/a/versions/1"
    )
    body = {"properties": {"dataType": "uri_file", "dataUri": f"{LAKE}/a.csv"}}
    status, _, refused = local_azure.arm("PUT", missing, body, api_version=VERSION)
    assert (status, refused["error"]["code"]) == (404, "ParentResourceNotFound")
