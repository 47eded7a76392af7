"""Schedules that are triggered through ``MLClient``."""

import io
import json
import re
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.ai.ml import Input, MLClient, load_job
from azure.ai.ml.entities import (
    BaselineDataRange,
    CategoricalDriftMetrics,
    CronTrigger,
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
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError

BREACH = "azureml_modelmonitor_threshold_breached"
ROWS = 200
PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
outputs:
  said: {type: uri_folder}
jobs:
  say:
    type: command
    environment: azureml:scheduled@latest
    command: echo hello > ${{outputs.said}}/said.txt
    outputs:
      said: ${{parent.outputs.said}}
"""


def collected(folder: Path, hours_ago: int, shift: int) -> None:
    """An hour of collected data whose column ``delay`` is moved by ``shift``."""
    time = datetime.now(UTC) - timedelta(hours=hours_ago)
    file = folder / f"{time:%Y/%m/%d/%H}" / "instance.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"delay": number % 50 + shift, "carrier": "AB"[number % 2]} for number in range(ROWS)]
    lines = [
        {"id": f"{hours_ago}-{number}", "time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "data": [row]}
        for number, row in enumerate(rows)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def monitor(ml_client: MLClient, folder: Path, name: str, shift: int | None) -> str:
    """Makes a monitor whose last day has the shift (None: no data); the name of its triggered job."""
    reference = folder / "reference"
    reference.mkdir(parents=True)
    text = "delay,carrier\n" + "".join(f"{number % 50},{'AB'[number % 2]}\n" for number in range(ROWS))
    (reference / "reference.csv").write_text(text)
    if shift is not None:
        collected(folder / "inputs", hours_ago=1, shift=shift)
    collected(folder / "inputs", hours_ago=72, shift=1000)
    for kind in ("reference", "inputs"):
        ml_client.data.create_or_update(
            Data(name=f"{name}-{kind}", version="1", path=folder / kind, type="uri_folder")
        )
    signal = DataDriftSignal(
        reference_data=ReferenceData(
            input_data=Input(type="uri_folder", path=f"azureml:{name}-reference:1"), data_context="training"
        ),
        production_data=ProductionData(
            input_data=Input(type="uri_folder", path=f"azureml:{name}-inputs:1"),
            data_context="model_inputs",
            data_window=BaselineDataRange(lookback_window_size="P1D", lookback_window_offset="P0D"),
        ),
        features=["delay", "carrier"],
        metric_thresholds=DataDriftMetricThreshold(
            numerical=NumericalDriftMetrics(normalized_wasserstein_distance=0.1),
            categorical=CategoricalDriftMetrics(jensen_shannon_distance=0.1),
        ),
    )
    definition = MonitorDefinition(
        compute=ServerlessSparkCompute(instance_type="standard_e4s_v3", runtime_version="3.4"),
        monitoring_target=MonitoringTarget(ml_task="classification"),
        monitoring_signals={"inputs": signal},
    )
    schedule = MonitorSchedule(
        name=name, trigger=RecurrenceTrigger(frequency="day", interval=1), create_monitor=definition
    )
    ml_client.schedules.begin_create_or_update(schedule).result()
    return ml_client.schedules.trigger(name).job_name


def follow(ml_client: MLClient, name: str):
    """The job, once it has ended."""
    with redirect_stdout(io.StringIO()):
        ml_client.jobs.stream(name)
    return ml_client.jobs.get(name)


def test_drift_breaches_the_monitor_and_is_in_its_report(ml_client: MLClient, tmp_path: Path):
    job = follow(ml_client, monitor(ml_client, tmp_path / "data", "drifting", shift=30))
    assert job.status == "Completed"
    assert "has failed due to one or more features violating metric thresholds" in job.tags[BREACH]
    ml_client.jobs.download(job.name, download_path=tmp_path, output_name="drift")
    report = json.loads((tmp_path / "named-outputs" / "drift" / "report.json").read_text())
    assert report["drifted"] == ["delay"]
    # The day of the window alone: what was collected three days ago is not part of it.
    assert report["currentRows"] == ROWS


def test_data_that_did_not_move_breaches_nothing(ml_client: MLClient, tmp_path: Path):
    job = follow(ml_client, monitor(ml_client, tmp_path / "data", "steady", shift=0))
    assert job.status == "Completed"
    assert BREACH not in job.tags


def test_a_monitor_without_collected_data_fails_with_one_clear_error_and_breaches_nothing(
    ml_client: MLClient, tmp_path: Path
):
    name = monitor(ml_client, tmp_path / "data", "silent", shift=None)
    with pytest.raises(JobException) as error:
        follow(ml_client, name)
    said = re.findall(r"There is no data at '.*?silent-inputs.*?' between .*? UTC\.", str(error.value))
    assert len(said) == 1
    job = ml_client.jobs.get(name)
    assert (job.status, BREACH in job.tags) == ("Failed", False)


def test_a_job_schedule_runs_its_job_again(ml_client: MLClient, tmp_path: Path):
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies: [python=3.11]\n")
    ml_client.environments.create_or_update(Environment(name="scheduled", image="ubuntu", conda_file=conda))
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    first = follow(ml_client, ml_client.jobs.create_or_update(load_job(tmp_path / "pipeline.yml")).name)
    schedule = JobSchedule(name="nightly", trigger=CronTrigger(expression="0 3 * * *"), create_job=first.id)
    ml_client.schedules.begin_create_or_update(schedule).result()
    second = follow(ml_client, ml_client.schedules.trigger("nightly").job_name)
    assert second.status == "Completed"
    for job in (first, second):
        ml_client.jobs.download(job.name, download_path=tmp_path / job.name, output_name="said")
        assert next((tmp_path / job.name).rglob("said.txt")).read_text() == "hello\n"


def test_a_schedule_that_is_not_there_can_not_be_triggered(ml_client: MLClient):
    with pytest.raises(HttpResponseError) as refusal:
        ml_client.schedules.trigger("nowhere")
    assert refusal.value.status_code == 404
