"""Online deployments through ``MLClient`` and plain HTTP: real servers in a real environment."""

import json
import os
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml._artifacts._artifact_utilities import download_artifact_from_aml_uri
from azure.ai.ml.entities import (
    CodeConfiguration,
    DataCollector,
    DeploymentCollection,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
)
from azure.core.exceptions import HttpResponseError
from azure.identity import EnvironmentCredential
from azure.mgmt.monitor import MonitorManagementClient

# What these tests set up costs seconds: one worker does it, once.

CONDA = """\
dependencies:
- python=3.11
- pip:
  - azureml-inference-server-http
  - azureml-ai-monitoring
"""
SCORE = """\
import json, os, pathlib, time
import pandas
from azureml.ai.monitoring import Collector

def init():
    global model, inputs
    model = next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("model.json"))
    inputs = Collector(name="model_inputs", on_error=print)

def run(raw):
    rows = json.loads(raw)["data"]
    inputs.collect(pandas.DataFrame(rows))
    if rows[0].get("fail"):
        raise ValueError("asked to fail")
    time.sleep(rows[0].get("seconds", 0))
    told = {"version": json.loads(model.read_text())["version"], "who": os.environ["WHO"], "n": len(rows)}
    return {**told, "process": os.getpid()}
"""


def server(
    ml_client: MLClient, folder: Path, environment: str, name: str, *, version: int = 1, score: str = SCORE
):
    """A deployment of a model that answers its version."""
    files = folder / f"{name}-{version}"
    for inside, text in (("src/score.py", score), ("model/model.json", json.dumps({"version": version}))):
        (files / inside).parent.mkdir(parents=True, exist_ok=True)
        (files / inside).write_text(text)
    model = ml_client.models.create_or_update(
        Model(name="versions", path=str(files / "model"), type="custom_model")
    )
    return ManagedOnlineDeployment(
        name=name,
        endpoint_name="served",
        model=f"azureml:{model.name}:{model.version}",
        environment=environment,
        code_configuration=CodeConfiguration(code=str(files / "src"), scoring_script="score.py"),
        instance_type="Standard_DS3_v2",
        instance_count=1,
        environment_variables={"WHO": name},
        request_settings=OnlineRequestSettings(request_timeout_ms=2000),
        data_collector=DataCollector(collections={"model_inputs": DeploymentCollection(enabled="true")}),
    )


@pytest.fixture(scope="module")
def environment(ml_client: MLClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    conda = tmp_path_factory.mktemp("conda") / "conda.yml"
    conda.write_text(CONDA)
    image = "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py311-cpu-inference:latest"
    made = ml_client.environments.create_or_update(Environment(name="serving", image=image, conda_file=conda))
    return f"azureml:{made.name}:{made.version}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="module")
def served(ml_client: MLClient, environment: str, folder: Path):
    """An endpoint with two deployments: blue has 30 % of the traffic, green 70 %."""
    endpoint = ManagedOnlineEndpoint(name="served", auth_mode="key")
    ml_client.online_endpoints.begin_create_or_update(endpoint).result()
    pollers = [
        ml_client.online_deployments.begin_create_or_update(server(ml_client, folder, environment, name))
        for name in ("blue", "green")
    ]
    for poller in pollers:
        poller.result()
    endpoint = ml_client.online_endpoints.get("served")
    endpoint.traffic = {"blue": 30, "green": 70}
    return ml_client.online_endpoints.begin_create_or_update(endpoint).result()


@pytest.fixture
def post(ml_client: MLClient, served):
    """Scores over plain HTTP."""
    key = ml_client.online_endpoints.get_keys("served").primary_key
    session = requests.Session()

    def post(*rows: dict, key: str = key, deployment: str | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if deployment:
            headers["azureml-model-deployment"] = deployment
        body = {"data": rows or ({"a": 1},)}
        return session.post(served.scoring_uri, json=body, headers=headers, timeout=60)

    yield post
    session.close()


def test_a_deployment_answers_through_the_client(ml_client: MLClient, served, tmp_path: Path):
    request = tmp_path / "request.json"
    request.write_text('{"data": [{"a": 1}, {"a": 2}]}')
    answer = json.loads(
        ml_client.online_endpoints.invoke("served", request_file=request, deployment_name="blue")
    )
    assert answer == {"version": 1, "who": "blue", "n": 2, "process": answer["process"]}


def test_an_answer_says_which_deployment_gave_it(post):
    answer = post(deployment="green")
    assert answer.status_code == 200
    assert answer.headers["azureml-model-deployment"] == "green"
    assert len(answer.headers["x-request-id"]) == 36


def test_requests_are_split_by_traffic(post):
    who = Counter(post().json()["who"] for _ in range(100))
    # 30 expected; 100 draws leave [12, 48] once in 10,000 runs.
    assert 12 <= who["blue"] <= 48
    assert sum(who.values()) == 100


@pytest.mark.parametrize(
    ("key", "said"), [("", "key_auth_bad_header_forbidden"), ("wrong", "key_auth_access_denied")]
)
def test_a_request_without_the_right_key_is_refused(post, key: str, said: str):
    answer = post(key=key)
    assert (answer.status_code, answer.text) == (401, said)


def test_an_error_of_the_model_is_a_424_with_its_own_status(post):
    answer = post({"fail": True})
    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "500"


def test_a_model_that_is_too_slow_is_a_408(post):
    assert post({"seconds": 2.5}, deployment="blue").status_code == 408


def test_requests_are_counted_by_deployment_and_status(local_azure, ml_client: MLClient, served, post):
    def counted() -> dict[tuple[str, ...], float]:
        """Requests so far by deployment, status and the model's own status."""
        client = MonitorManagementClient(EnvironmentCredential(), local_azure.subscription_id)
        answer = client.metrics.list(
            served.id,
            metricnames="RequestsPerMinute",
            filter="deployment eq '*' and statusCode eq '*' and modelStatusCode eq '*'",
            top=100,
        )
        return {
            tuple(one.value for one in series.metadatavalues): sum(
                point.average or 0 for point in series.data
            )
            for series in answer.value[0].timeseries
        }

    before = counted()
    for _ in range(3):
        post(deployment="green")
    post({"fail": True}, deployment="green")
    post({"seconds": 2.5}, deployment="blue")
    post(key="wrong")
    added = {key: number - before.get(key, 0) for key, number in counted().items()}
    assert {key: number for key, number in added.items() if number} == {
        ("green", "200", "200"): 3,
        ("green", "424", "500"): 1,
        ("blue", "408", ""): 1,
        ("", "401", ""): 1,
    }


def test_an_unknown_deployment_is_a_404(post):
    assert post(deployment="red").status_code == 404


def test_the_schema_of_the_endpoint_can_be_read(ml_client: MLClient, served):
    key = ml_client.online_endpoints.get_keys("served").primary_key
    uri = served.scoring_uri.replace("/score", "/swagger.json")
    answer = requests.get(uri, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    assert answer.json()["swagger"] == "2.0"


def collected(ml_client: MLClient, deployment: str, folder: Path) -> list[dict]:
    """The lines that a deployment's collector wrote so far."""
    folder.mkdir()
    uri = (
        f"azureml://datastores/workspaceblobstore/paths/modelDataCollector/served/{deployment}/model_inputs/"
    )
    download_artifact_from_aml_uri(uri, str(folder), ml_client.datastores)
    return [json.loads(line) for file in folder.rglob("*.jsonl") for line in file.read_text().splitlines()]


def test_what_is_collected_is_in_blob_storage_a_second_later(ml_client: MLClient, post, tmp_path: Path):
    for number in range(5):
        post({"mark": "collected", "number": number}, deployment="blue")
    rows, lines = [], []
    until, wait = time.monotonic() + 10, threading.Event()
    while len(rows) < 5 and time.monotonic() < until:
        wait.wait(0.2)
        lines = collected(ml_client, "blue", tmp_path / str(time.monotonic()))
        rows = [row for line in lines for row in line["data"] if row.get("mark") == "collected"]
    assert [row["number"] for row in rows] == list(range(5))
    assert {line["type"] for line in lines} == {"azureml.inference.model_inputs"}
    assert lines[0]["source"].endswith("/onlineEndpoints/served/deployments/blue")


def test_an_update_answers_without_a_gap_and_then_with_the_new_model(
    ml_client: MLClient, environment: str, folder: Path, post
):
    update = server(ml_client, folder, environment, "blue", version=2)
    answers, done = [], threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(post(deployment="blue"))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        ml_client.online_deployments.begin_create_or_update(update).result()
    finally:
        done.set()
        asking.join()
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json()["version"] == 1
    assert post(deployment="blue").json()["version"] == 2


def test_a_scoring_script_that_fails_fails_its_deployment_with_the_log(
    ml_client: MLClient, environment: str, folder: Path, served
):
    broken = "def init():\n    raise RuntimeError('the model is not here')\ndef run(raw):\n    return 1\n"
    deployment = server(ml_client, folder, environment, "broken", score=broken)
    with pytest.raises(HttpResponseError, match="the model is not here"):
        ml_client.online_deployments.begin_create_or_update(deployment).result()
    assert ml_client.online_deployments.get("broken", "served").provisioning_state == "Failed"
    ml_client.online_deployments.begin_delete("broken", "served").result()


def test_autoscale_starts_and_ends_instances(local_azure, ml_client: MLClient, workspace, served, post):
    monitor = MonitorManagementClient(EnvironmentCredential(), local_azure.subscription_id)
    green = ml_client.online_deployments.get("green", "served")
    busy = {
        "metricTrigger": {
            "metricName": "RequestsPerMinute",
            "metricResourceUri": green.id,
            "timeGrain": "PT1M",
            "statistic": "Average",
            "timeWindow": "PT5M",
            "timeAggregation": "Total",
            "operator": "GreaterThan",
            "threshold": 0,
        },
        "scaleAction": {"direction": "Increase", "type": "ChangeCount", "value": "1", "cooldown": "PT1M"},
    }

    def scaled(maximum: int) -> tuple[int, int]:
        """How many instances there were and how many there are to be, with a setting evaluated now."""
        limits = {"minimum": "1", "maximum": str(maximum), "default": "1"}
        profiles = [{"name": "usual", "capacity": limits, "rules": [busy]}]
        properties = {"enabled": True, "profiles": profiles, "targetResourceUri": green.id}
        body = {"location": "westeurope", "properties": properties}
        monitor.autoscale_settings.create_or_update(workspace.resource_group, "green", body)
        path = f"/subscriptions/{local_azure.subscription_id}/providers/Local.Azure/evaluateAutoscaleSettings"
        status, _, found = local_azure.arm("POST", path, {}, api_version="2024-01-01")
        assert status == 200
        (told,) = [one for one in found["value"] if one["setting"].endswith("/green")]
        return told["capacity"], told["wanted"]

    def processes(wanted: int) -> set[int]:
        """Which processes answer, once that many do."""
        until = time.monotonic() + 30
        while len(seen := {post(deployment="green").json()["process"] for _ in range(6)}) != wanted:
            assert time.monotonic() < until, seen
        return seen

    (first,) = processes(1)
    assert scaled(2) == (1, 2)
    # As many processes as this machine has processors for.
    instances = processes(min(2, os.cpu_count() or 1))
    assert first in instances
    assert ml_client.online_deployments.get("green", "served").instance_count == 2
    assert scaled(1) == (2, 1)
    assert processes(1) == {first}
    assert ml_client.online_deployments.get("green", "served").instance_count == 1
    monitor.autoscale_settings.delete(workspace.resource_group, "green")

    answer = monitor.metrics.list(
        green.id, metricnames="CpuUtilizationPercentage", filter="instanceId eq '*'"
    )
    used = [point.average for series in answer.value[0].timeseries for point in series.data if point.average]
    assert used
    assert all(0 < percent <= 100 for percent in used)
    requested = monitor.metrics.list(green.id, metricnames="RequestsPerMinute").value[0].timeseries[0].data
    assert sum(point.average or 0 for point in requested) >= 18


def test_a_dead_server_is_started_again(local_azure, post):
    import psutil

    post(deployment="green")
    home = str(local_azure.dir.deployments / "served" / "green")
    masters = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(home in part for part in process.info["cmdline"] or [])
        and "leash" not in str(process.info["cmdline"])
    ]
    assert masters
    for process in masters:
        process.kill()
    psutil.wait_procs(masters, timeout=10)
    until = time.monotonic() + 30
    answer = post(deployment="green")
    while answer.status_code == 503 and time.monotonic() < until:
        answer = post(deployment="green")
    assert answer.json()["who"] == "green"


def test_a_share_of_the_requests_is_mirrored_and_answered_by_the_other(
    ml_client: MLClient, served, post, tmp_path: Path
):
    served.traffic, served.mirror_traffic = {"blue": 100, "green": 0}, {"green": 50}
    ml_client.online_endpoints.begin_create_or_update(served).result()
    assert {post({"mark": "mirrored"}).json()["who"] for _ in range(40)} == {"blue"}
    copies, last = -1, -2
    until, wait = time.monotonic() + 20, threading.Event()
    while copies != last and time.monotonic() < until:
        wait.wait(1.2)
        lines = collected(ml_client, "green", tmp_path / str(time.monotonic()))
        last, copies = copies, sum(row.get("mark") == "mirrored" for line in lines for row in line["data"])
    # 20 expected; 40 draws leave [7, 33] once in 10,000 runs.
    assert 7 <= copies <= 33
