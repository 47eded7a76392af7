"""MLflow tracking: requests as MLflow's REST store and ``azureml-mlflow`` send them, and a job's process that logs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import MLClient, command
from azure.ai.ml.entities import Environment
from running_azure import unique

from local.azure.access import run_token
from local.azure.errors import ArmError
from local.azure.identity import load
from local.azure.machine_learning import run_search

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workspace
    from running_azure import LocalAzure

HOST = "https://westeurope.api.azureml.ms"
#: What ``mlflow.log_metric`` does, without the package: its installation would take a minute.
LOGGING = """\
import json, os, urllib.request
base = os.environ["MLFLOW_TRACKING_URI"].replace("azureml:", "https:")
def post(operation, **body):
    request = urllib.request.Request(f"{base}/api/2.0/mlflow/{operation}", json.dumps(body).encode())
    request.add_header("Authorization", "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"])
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request).read()
run = os.environ["MLFLOW_RUN_ID"]
post("runs/log-metric", run_id=run, key="loss", value=0.25, timestamp=1, step=1)
post("runs/log-parameter", run_id=run, key="depth", value="3")
post("runs/update", run_id=run, status="KILLED")
"""


@dataclass(frozen=True)
class Tracking:
    """A workspace's tracking server."""

    azure: LocalAzure
    workspace: str
    token: str

    def send(self, method: str, url: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.azure.session.request(method, url, params=query, json=body, headers=headers, timeout=60)
        return answer.status_code, answer.json()

    def get(self, operation: str, **query: Any) -> tuple[int, Any]:
        return self.send("GET", f"{HOST}/mlflow/v2.0{self.workspace}/api/2.0/mlflow/{operation}", **query)

    def post(self, operation: str, **body: Any) -> tuple[int, Any]:
        return self.send("POST", f"{HOST}/mlflow/v2.0{self.workspace}/api/2.0/mlflow/{operation}", body)

    def run(self, **body: Any) -> str:
        status, made = self.post("runs/create", **body)
        assert status == 200, made
        return made["run"]["info"]["run_id"]


@pytest.fixture(scope="module")
def tracking(local_azure: LocalAzure, workspace: Workspace) -> Tracking:
    return Tracking(local_azure, workspace.id, local_azure.token())


@pytest.fixture(scope="module")
def experiment(tracking: Tracking) -> str:
    status, made = tracking.post("experiments/create", name="flights")
    assert status == 200, made
    return made["experiment_id"]


def test_a_run_keeps_what_is_logged(tracking: Tracking, experiment: str, ml_client: MLClient) -> None:
    run = tracking.run(experiment_id=experiment, run_name="first", start_time=1767225600000)
    metrics = [{"key": "loss", "value": 1 / (step + 1), "timestamp": step, "step": step} for step in range(3)]
    strange = {"key": "odd", "value": "NaN", "timestamp": 1, "step": 0}
    params = [{"key": "depth", "value": "3"}]
    tags = [{"key": "who", "value": "me"}]
    assert tracking.post(
        "runs/log-batch", run_id=run, metrics=[*metrics, strange], params=params, tags=tags
    ) == (200, {})
    assert tracking.post("runs/update", run_id=run, status="FINISHED")[0] == 200
    found = tracking.get("runs/get", run_id=run)[1]["run"]
    assert (found["info"]["status"], found["info"]["run_name"]) == ("FINISHED", "first")
    assert found["info"]["start_time"] == 1767225600000
    assert found["info"]["end_time"] > found["info"]["start_time"]
    assert {one["key"]: one["value"] for one in found["data"]["metrics"]} == {"loss": 1 / 3, "odd": "NaN"}
    assert found["data"]["params"] == params
    history = tracking.get("metrics/get-history", run_id=run, metric_key="loss")[1]["metrics"]
    assert history == metrics
    status, refused = tracking.post("runs/log-parameter", run_id=run, key="depth", value="4")
    assert (status, refused["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    job = ml_client.jobs.get(run)
    assert (job.status, job.display_name, job.experiment_name) == ("Completed", "first", "flights")
    assert job.tags["who"] == "me"


def test_experiments_are_found_by_name_and_id(tracking: Tracking, experiment: str) -> None:
    named = tracking.get("experiments/get-by-name", experiment_name="flights")[1]["experiment"]
    assert named["experiment_id"] == experiment
    assert tracking.get("experiments/get", experiment_id=experiment)[1]["experiment"] == named
    status, missing = tracking.get("experiments/get-by-name", experiment_name="trains")
    # What MLflow makes an experiment upon.
    assert (status, missing["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert tracking.post("experiments/create", name="flights")[1]["error_code"] == "RESOURCE_ALREADY_EXISTS"
    names = {one["name"] for one in tracking.post("experiments/search")[1]["experiments"]}
    assert {"Default", "flights"} <= names


def test_runs_are_searched_and_paged(tracking: Tracking) -> None:
    number = tracking.post("experiments/create", name=unique("searched-"))[1]["experiment_id"]
    runs = [tracking.run(experiment_id=number, run_name=f"run {count}") for count in range(3)]
    for count, run in enumerate(runs):
        tracking.post("runs/log-metric", run_id=run, key="loss", value=count, timestamp=1, step=0)
    asked = {"experiment_ids": [number], "order_by": ["metrics.loss DESC"], "max_results": 1}
    status, first = tracking.post("runs/search", filter="metrics.loss < 2", **asked)
    assert status == 200, first
    assert [one["info"]["run_id"] for one in first["runs"]] == [runs[1]]
    rest = tracking.post(
        "runs/search", filter="metrics.loss < 2", page_token=first["next_page_token"], **asked
    )[1]
    assert [one["info"]["run_id"] for one in rest["runs"]] == [runs[0]]
    assert "next_page_token" not in rest


def test_artifacts_are_written_and_read_by_links(tracking: Tracking, experiment: str) -> None:
    run = tracking.run(experiment_id=experiment)
    artifacts = f"{HOST}/history/v1.0{tracking.workspace}/experiments/{experiment}/runs/{run}/artifacts"
    status, made = tracking.send(
        "POST", f"{artifacts}/batch/metadata", {"paths": [{"path": "model/note.txt"}]}
    )
    assert status == 200, made
    link = made["artifactContentInformation"]["model/note.txt"]["contentUri"]
    blob = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-12-02"}
    assert tracking.azure.session.put(link, data=b"hello", headers=blob, timeout=60).status_code == 201
    assert [one["path"] for one in tracking.send("GET", artifacts)[1]["value"]] == ["model/note.txt"]
    content = tracking.send("GET", f"{artifacts}/contentinfo", path="model/note.txt")[1]["contentUri"]
    assert tracking.azure.session.get(content, timeout=60).content == b"hello"
    assert tracking.get("artifacts/list", run_id=run)[1]["files"] == [{"path": "model", "is_dir": True}]
    assert tracking.send("GET", f"{artifacts}/contentinfo", path="none")[0] == 404


def test_what_is_not_served_says_so(tracking: Tracking) -> None:
    status, refused = tracking.post("runs/delete", run_id="x")
    assert (status, refused["error_code"]) == (501, "NOT_IMPLEMENTED")
    assert tracking.get("runs/get", run_id="none")[1]["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_a_jobs_process_logs_to_its_run_and_does_not_end_it(
    tracking: Tracking, ml_client: MLClient, tmp_path: Path
) -> None:
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies: [python=3.11]\n")
    ml_client.environments.create_or_update(
        Environment(name="tracked", version="1", image="ubuntu", conda_file=conda)
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text(LOGGING)
    job = ml_client.jobs.create_or_update(
        command(command="python train.py", code=tmp_path / "src", environment="azureml:tracked:1")
    )
    ml_client.jobs.stream(job.name)
    assert ml_client.jobs.get(job.name).status == "Completed"
    found = tracking.get("runs/get", run_id=job.name)[1]["run"]
    assert [(one["key"], one["value"]) for one in found["data"]["metrics"]] == [("loss", 0.25)]
    assert found["data"]["params"] == [{"key": "depth", "value": "3"}]


def test_a_jobs_token_is_good_for_the_runs_of_its_workspace_alone(
    tracking: Tracking, local_azure: LocalAzure, empty_workspace: Workspace
) -> None:
    token = run_token.issue(load(local_azure.dir.identity), tracking.workspace)
    own = Tracking(local_azure, tracking.workspace, token)
    assert own.post("experiments/search")[0] == 200
    assert Tracking(local_azure, empty_workspace.id, token).post("experiments/search")[0] == 403
    assert own.send("GET", f"{HOST}/local/v1.0{tracking.workspace}/schedules")[0] == 403
    assert (
        own.send("GET", f"https://management.azure.com{tracking.workspace}?api-version=2025-12-01")[0] == 401
    )
    nobody = Tracking(local_azure, tracking.workspace, "none")
    assert nobody.post("experiments/search")[0] == 401


RUN = {
    "info": {"status": "FINISHED", "run_name": "a b", "start_time": 5},
    "data": {
        "metrics": [{"key": "loss", "value": 0.5}, {"key": "odd", "value": "NaN"}],
        "params": [{"key": "model", "value": "tree"}],
        "tags": [{"key": "x y", "value": "Some Text"}],
    },
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("metrics.loss <= 0.5 and params.model = 'tree'", True),
        ("metrics.loss < 0.5", False),
        ("metrics.missing != 1", False),
        ("params.model != 'tree'", False),
        ("tags.`x y` LIKE 'Some%'", True),
        ("tags.`x y` LIKE 'some%'", False),
        ("tags.`x y` ILIKE 'some%' AND attributes.status = \"FINISHED\"", True),
        ("status = 'FAILED'", False),
        ("attributes.start_time > 4", True),
    ],
)
def test_a_filter_means_what_mlflow_says(text: str, expected: bool) -> None:
    assert run_search.matches(RUN, text) is expected


@pytest.mark.parametrize("text", ["metrics.loss", "params.a = 'b' or params.a = 'c'", "tags.a IN ('b')"])
def test_a_filter_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ArmError, match="not supported"):
        run_search.matches(RUN, text)


def test_runs_that_lack_what_they_are_ordered_by_come_last() -> None:
    def run(name: str, *values: Any) -> dict[str, Any]:
        metrics = [{"key": "loss", "value": value} for value in values]
        return {"info": {"run_name": name, "start_time": 1}, "data": {"metrics": metrics}}

    runs = [run("none"), run("odd", math.nan), run("high", 2.0), run("low", json.loads("1"))]
    for order, expected in (("metrics.loss", "low high"), ("metrics.loss DESC", "high low")):
        names = [one["info"]["run_name"] for one in run_search.ordered(runs, [order])]
        assert names[:2] == expected.split()
