"""``python -m ops score`` against a batch endpoint of local Azure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import MLClient
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
from azure.identity import EnvironmentCredential
from running_azure import unique

from ml import client
from ops import cli
from ops.engine import EMBEDDED

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from conftest import Workspace
    from running_azure import LocalAzure

SCRIPT = """\
import pathlib

def run(mini_batch):
    lines = []
    for name in mini_batch:
        path = pathlib.Path(name)
        lines += [f"{path.name},{float(line) * 2}" for line in path.read_text().splitlines()]
    return lines
"""
#: A program that is nothing but its outputs.
PROGRAM = """\
import json, pathlib, pulumi
for name, value in json.loads(pathlib.Path("outputs.json").read_text()).items():
    pulumi.export(name, value)
"""


@pytest.fixture(scope="module")
def ml_client(local_azure: LocalAzure, workspace: Workspace) -> Generator[MLClient]:
    """A client of the workspace, and an environment in which the command finds it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AZURE_", "ARM_", "PULUMI_")):
                patch.delenv(name)
        for name, value in local_azure.env.items():
            if name.startswith("AZURE_") or name.lower().endswith(("_proxy", "_bundle", "_cert_file")):
                patch.setenv(name, value)
        patch.setenv("AZURE_RESOURCE_GROUP", workspace.resource_group)
        patch.setenv("AZURE_WORKSPACE_NAME", workspace.name)
        client._clients.clear()
        client.credential.cache_clear()
        yield MLClient(
            EnvironmentCredential(), local_azure.subscription_id, workspace.resource_group, workspace.name
        )
        client._clients.clear()
        client.credential.cache_clear()


@pytest.fixture(scope="module")
def endpoint(ml_client: MLClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A batch endpoint of the model ``twice_it``, named as the platform names them."""
    folder = tmp_path_factory.mktemp("twice")
    (folder / "batch.py").write_text(SCRIPT)
    conda = folder / "conda.yml"
    conda.write_text("dependencies:\n- python=3.11\n")
    model = ml_client.models.create_or_update(
        Model(name="twice", path=str(folder / "batch.py"), type="custom_model")
    )
    environment = ml_client.environments.create_or_update(
        Environment(name="twice", image="mcr.microsoft.com/azureml/base:1", conda_file=conda)
    )
    cluster = AmlCompute(name="twice", size="Standard_DS3_v2", max_instances=1)
    ml_client.compute.begin_create_or_update(cluster).result()
    given = BatchEndpoint(name=unique("twice-it-b-"))
    ml_client.batch_endpoints.begin_create_or_update(given).result()
    deployment = ModelBatchDeployment(
        name="default",
        endpoint_name=given.name,
        model=f"azureml:{model.name}:{model.version}",
        environment=f"azureml:{environment.name}:{environment.version}",
        compute="twice",
        code_configuration=CodeConfiguration(code=str(folder), scoring_script="batch.py"),
        resources=ResourceConfiguration(instance_count=1),
        settings=ModelBatchDeploymentSettings(
            mini_batch_size=1, output_file_name="predictions.csv", error_threshold=0
        ),
    )
    ml_client.batch_deployments.begin_create_or_update(deployment).result()
    given.defaults = {"deployment_name": "default"}
    ml_client.batch_endpoints.begin_create_or_update(given).result()
    return str(given.name)


@pytest.fixture
def score(ml_client: MLClient, monkeypatch, capfd) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process: exit code, standard output, standard error."""

    def score(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mlops", "score", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return score


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    folder = tmp_path / "numbers: @home"
    folder.mkdir()
    for name, text in (("a", "1\n2\n"), ("b", "3\n"), ("c", "4\n5\n6\n")):
        (folder / f"{name}.txt").write_text(text)
    return folder


ROWS = ["a.txt,2.0", "a.txt,4.0", "b.txt,6.0", "c.txt,8.0", "c.txt,10.0", "c.txt,12.0"]


def test_a_folder_becomes_one_file_of_predictions(score, endpoint: str, numbers: Path, tmp_path: Path):
    file = tmp_path / "out.csv"
    file.write_text("what was there before")
    code, out, err = score("twice_it", numbers, "-o", file, "--json")
    assert code == 0, err
    assert sorted(file.read_text().splitlines()) == sorted(ROWS)
    told: dict[str, Any] = json.loads(out)
    assert (told["files"], told["rows"], told["endpoint"]) == (3, 6, endpoint)
    assert told["output"] == str(file)
    assert f"Job {told['job']} is completed" in err
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_stack_says_where_its_model_is(
    score, endpoint: str, workspace: Workspace, numbers: Path, monkeypatch
):
    tmp_path = numbers.parent
    outputs = {
        "resourceGroup": workspace.resource_group,
        "workspace": workspace.name,
        "models": {"twice_it": {"batchEndpoint": endpoint}},
    }
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text(
        "name: tiny\nruntime:\n  name: python\n  options: {typechecker: none}\n"
    )
    (project / "__main__.py").write_text(PROGRAM)
    (project / "outputs.json").write_text(json.dumps(outputs))
    (tmp_path / "state").mkdir()
    monkeypatch.chdir(project)
    monkeypatch.delenv("AZURE_RESOURCE_GROUP")
    monkeypatch.setenv("MLOPS_ENGINE", "embedded")
    monkeypatch.setenv("PULUMI_BACKEND_URL", (tmp_path / "state").as_uri())
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "x")
    for words in (["stack", "init", "dev"], ["up", "--yes", "--skip-preview", "--stack", "dev"]):
        ran = subprocess.run([EMBEDDED, *words], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    code, out, err = score("twice_it", numbers, "-o", tmp_path / "out.csv", "--stack", "dev")
    assert code == 0, err
    assert out.startswith(f"{tmp_path / 'out.csv'}: 6 rows from 3 files in ")
    code, _, err = score("other", numbers, "--stack", "dev")
    assert (code, err) == (2, "error: stack dev has no model other; write one of: twice_it\n")
    code, _, err = score("twice_it", numbers, "--stack", "prod")
    assert code == 2
    assert "`pulumi stack output --json` failed" in err


def test_a_file_that_cannot_be_scored_fails_with_the_scripts_last_words(
    score, endpoint: str, numbers: Path, tmp_path: Path
):
    (numbers / "b.txt").write_text("three\n")
    code, out, err = score("twice_it", numbers, "-o", tmp_path / "out.csv")
    assert (code, out) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith(f"error: batch endpoint {endpoint}: job batchjob-")
    assert last.endswith("ended as failed: ValueError: could not convert string to float: 'three'")
    assert not (tmp_path / "out.csv").exists()


def test_what_cannot_be_scored_is_said_before_anything_is_sent(
    score, endpoint: str, numbers: Path, tmp_path: Path, ml_client: MLClient
):
    (tmp_path / "empty").mkdir()
    before = len(ml_client.batch_endpoints.list_jobs(endpoint))
    for words, said in (
        (["twice_it", tmp_path / "none"], "is no folder"),
        (["twice_it", tmp_path / "empty"], "has no files"),
        (["twice_it", numbers, "-o", tmp_path], "can't be written"),
        (["twice_it", numbers, "-o", tmp_path / "no" / "out.csv"], "can't be written"),
        (["thrice", numbers], f"--endpoint: which is thrice's? workspace {ml_client.workspace_name} has "),
        (["twice_it", numbers, "--endpoint", "gone"], "there is no batch endpoint gone; workspace"),
    ):
        code, _, err = score(*words)
        assert code == 2, (words, err)
        last = err.splitlines()[-1]
        assert last.startswith("error: ")
        assert said in last
    assert len(ml_client.batch_endpoints.list_jobs(endpoint)) == before


def test_an_endpoint_without_a_deployment_is_said_so(score, numbers: Path, ml_client: MLClient):
    given = BatchEndpoint(name=unique("bare-"))
    ml_client.batch_endpoints.begin_create_or_update(given).result()
    code, _, err = score("twice_it", numbers, "--endpoint", given.name)
    assert code == 2
    assert f"batch endpoint {given.name} has no default deployment" in err
