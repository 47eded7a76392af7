"""The loop, whole: collected data drifts, the monitor breaches, the event arrives, the retraining really runs."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, MLClient, load_job
from azure.ai.ml.entities import (
    BaselineDataRange,
    Data,
    DataDriftMetricThreshold,
    DataDriftSignal,
    Environment,
    JobSchedule,
    MonitorDefinition,
    MonitoringTarget,
    MonitorSchedule,
    NumericalDriftMetrics,
    ProductionData,
    RecurrenceTrigger,
    ReferenceData,
    ServerlessSparkCompute,
)
from azure.identity import EnvironmentCredential
from retraining_loop import LINEAGE, Scene, scene

from infra.events.retraining_workflow import BREACH_TAG, BREACH_TEXT
from ml.monitor import signal_name

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workspace
    from running_azure import LocalAzure

EVENTS, ML = "2025-02-15", "2025-12-01"
PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
outputs:
  model: {type: uri_folder}
jobs:
  train:
    type: command
    environment: azureml:retraining@latest
    command: echo trained > ${{outputs.model}}/model.txt
    outputs:
      model: ${{parent.outputs.model}}
"""
VARIABLES = (
    "HTTPS_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
)


@pytest.fixture
def client(local_azure: LocalAzure, empty_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    """A client of a workspace of the test's own."""
    for name in VARIABLES:
        monkeypatch.setenv(name, local_azure.env[name])
        monkeypatch.setenv(name.lower(), local_azure.env[name])
    place = (empty_workspace.resource_group, empty_workspace.name)
    return MLClient(EnvironmentCredential(), local_azure.subscription_id, *place)


def make_schedule(client: MLClient, one: Scene, folder: Path) -> None:
    """The schedule whose job retrains, as a client makes it."""
    (folder / "conda.yml").write_text("dependencies: [python=3.11]\n")
    client.environments.create_or_update(
        Environment(name="retraining", image="ubuntu", conda_file=folder / "conda.yml")
    )
    (folder / "pipeline.yml").write_text(PIPELINE)
    job = load_job(folder / "pipeline.yml", params_override=[{"tags": {"Lineage": LINEAGE}}])
    schedule = JobSchedule(
        name=f"{one.model}-retraining",
        trigger=RecurrenceTrigger(frequency="week", interval=1),
        create_job=job,
    )
    schedule._is_enabled = False
    client.schedules.begin_create_or_update(schedule).result()


def make_monitor(client: MLClient, one: Scene, folder: Path) -> str:
    """A monitor, and collected data that drifted; the monitor's name."""
    reference, collected = folder / "reference", folder / "inputs"
    reference.mkdir()
    (reference / "reference.csv").write_text("delay\n" + "".join(f"{n % 50}\n" for n in range(200)))
    hour = datetime.now(UTC) - timedelta(hours=1)
    file = collected / f"{hour:%Y/%m/%d/%H}" / "instance.jsonl"
    file.parent.mkdir(parents=True)
    rows = [
        {"id": str(n), "time": f"{hour:%Y-%m-%dT%H:%M:%SZ}", "data": [{"delay": n % 50 + 30}]}
        for n in range(200)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, path in (("reference", reference), ("inputs", collected)):
        client.data.create_or_update(Data(name=name, version="1", path=path, type="uri_folder"))
    signal = DataDriftSignal(
        reference_data=ReferenceData(
            input_data=Input(type="uri_folder", path="azureml:reference:1"), data_context="training"
        ),
        production_data=ProductionData(
            input_data=Input(type="uri_folder", path="azureml:inputs:1"),
            data_context="model_inputs",
            data_window=BaselineDataRange(lookback_window_size="P1D", lookback_window_offset="P0D"),
        ),
        features=["delay"],
        metric_thresholds=DataDriftMetricThreshold(
            numerical=NumericalDriftMetrics(normalized_wasserstein_distance=0.1)
        ),
    )
    name = f"{one.model}-monitor"
    definition = MonitorDefinition(
        compute=ServerlessSparkCompute(instance_type="standard_e4s_v3", runtime_version="3.4"),
        monitoring_target=MonitoringTarget(ml_task="classification"),
        monitoring_signals={signal_name(name): signal},
    )
    schedule = MonitorSchedule(
        name=name, trigger=RecurrenceTrigger(frequency="day", interval=1), create_monitor=definition
    )
    client.schedules.begin_create_or_update(schedule).result()
    return name


def subscribe(one: Scene) -> None:
    """Event Grid delivers the breaches of the workspace's monitors to the Logic App, as the stack has it."""
    group = one.workspace.group_id
    topic = f"{group}/providers/Microsoft.EventGrid/systemTopics/evgt-{one.model}"
    source = {"source": one.workspace.id, "topicType": "Microsoft.MachineLearningServices.Workspaces"}
    one.azure.put(topic, {"location": "westeurope", "properties": source}, api_version=EVENTS)
    chosen = {
        "includedEventTypes": ["Microsoft.MachineLearningServices.RunStatusChanged"],
        "advancedFilters": [
            {"operatorType": "StringContains", "key": f"data.RunTags.{BREACH_TAG}", "values": [BREACH_TEXT]}
        ],
    }
    hook = {"endpointType": "WebHook", "properties": {"endpointUrl": one.app.url()}}
    body = {"properties": {"destination": hook, "filter": chosen}}
    one.azure.put(f"{topic}/eventSubscriptions/retraining", body, api_version=EVENTS)


def until(what: str, look: Any) -> Any:
    deadline = time.monotonic() + 120
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


def test_a_monitors_breach_becomes_a_retraining_that_really_runs(
    local_azure: LocalAzure, empty_workspace: Workspace, client: MLClient, tmp_path: Path
) -> None:
    one = scene(local_azure, empty_workspace)
    make_schedule(client, one, tmp_path)
    monitor = make_monitor(client, one, tmp_path)
    subscribe(one)
    handshake = one.app.ended()
    assert handshake["status"] == "Succeeded"
    run = client.schedules.trigger(monitor).job_name
    (name,) = until("no retraining was submitted", one.jobs_of_retraining)
    until("the retraining hasn't ended", lambda: client.jobs.get(name).status in ("Completed", "Failed"))
    job = client.jobs.get(name)
    assert job.status == "Completed"
    assert job.tags["StartedBy"] == run
    client.jobs.download(name, download_path=tmp_path / "made", output_name="model")
    assert next((tmp_path / "made").rglob("model.txt")).read_text() == "trained\n"
    # One run for the handshake, one for the breach: other changes of status passed by.
    until("the Logic App hasn't ended", lambda: one.app.ended()["status"] == "Succeeded")
    newest, *others = one.app.runs()
    assert [other["name"] for other in others] == [handshake["name"]]
    (event,) = one.app.content(newest["trigger"]["outputsLink"])["body"]
    assert event["data"]["RunId"] == run
    assert event["data"]["RunStatus"] == "Completed"
    assert event["subject"].endswith(f"/runs/{run}")
    assert event["data"]["RunTags"][BREACH_TAG].startswith(f"Signal '{monitor}_data_drift' has failed")
