"""Schedules of jobs and monitors, through ``MLClient``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, load_job
from azure.ai.ml.constants import MonitorDatasetContext
from azure.ai.ml.entities import (
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
    RecurrencePattern,
    RecurrenceTrigger,
    ReferenceData,
    ServerlessSparkCompute,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from running_azure import unique

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient
    from conftest import Workspace
    from running_azure import LocalAzure

VERSION = "2025-12-01"
PIPELINE = """\
type: pipeline
settings: {{default_compute: azureml:serverless}}
jobs:
  greet:
    type: command
    command: echo hello
    environment: {environment}
"""
DAILY = RecurrenceTrigger(frequency="day", interval=1, schedule=RecurrencePattern(hours=6, minutes=0))


@pytest.fixture(scope="module")
def reference(ml_client: MLClient) -> str:
    path = "azureml://datastores/workspaceblobstore/paths/reference/"
    made = ml_client.data.create_or_update(Data(name="reference", path=path, type="uri_folder"))
    return f"azureml:reference:{made.version}"


def monitor(name: str, reference: str, **more: Any) -> MonitorSchedule:
    signal = DataDriftSignal(
        reference_data=ReferenceData(
            input_data=Input(type="uri_folder", path=reference), data_context=MonitorDatasetContext.TRAINING
        ),
        production_data=ProductionData(
            input_data=Input(type="uri_folder", path=reference),
            data_context=MonitorDatasetContext.MODEL_INPUTS,
        ),
        features=["distance"],
        metric_thresholds=DataDriftMetricThreshold(
            numerical=NumericalDriftMetrics(normalized_wasserstein_distance=0.1)
        ),
        alert_enabled=True,
    )
    return MonitorSchedule(
        name=name,
        trigger=DAILY,
        create_monitor=MonitorDefinition(
            compute=ServerlessSparkCompute(runtime_version="3.4", instance_type="standard_e4s_v3"),
            monitoring_target=MonitoringTarget(ml_task="classification"),
            monitoring_signals={"drift": signal},
            alert_notification="azmonitoring",
        ),
        **more,
    )


def made(ml_client: MLClient, schedule: Any) -> Any:
    return ml_client.schedules.begin_create_or_update(schedule).result()


def test_a_monitor_is_made_and_read_back(ml_client: MLClient, reference: str) -> None:
    name = unique("monitor-")
    made(ml_client, monitor(name, reference, tags={"a": "b"}, description="said"))
    found = ml_client.schedules.get(name)
    assert isinstance(found, MonitorSchedule)
    assert found.is_enabled
    assert found.provisioning_state == "Succeeded"
    assert (found.tags, found.description) == ({"a": "b"}, "said")
    assert (found.trigger.frequency, found.trigger.interval, found.trigger.schedule.hours) == ("day", 1, [6])
    signal = found.create_monitor.monitoring_signals["drift"]
    assert signal.features == ["distance"]
    assert signal.metric_thresholds.numerical.normalized_wasserstein_distance == 0.1
    assert signal.reference_data.input_data.path.endswith("/data/reference/versions/1")


def definition(reference: str) -> dict[str, Any]:
    """A monitor as it is on the wire."""
    data = {
        "jobInputType": "uri_folder",
        "uri": reference,
        "inputDataType": "Fixed",
        "dataContext": "Training",
    }
    signal = {
        "signalType": "DataDrift",
        "referenceData": data,
        "productionData": {**data, "dataContext": "ModelInputs"},
        "features": {"filterType": "FeatureSubset", "features": ["distance"]},
        "metricThresholds": [
            {"dataType": "Numerical", "metric": "NormalizedWassersteinDistance", "threshold": {"value": 0.1}}
        ],
    }
    compute = {
        "computeType": "ServerlessSpark",
        "runtimeVersion": "3.4",
        "instanceType": "standard_e4s_v3",
        "computeIdentity": {"computeIdentityType": "AmlToken"},
    }
    action = {
        "actionType": "CreateMonitor",
        "monitorDefinition": {"computeConfiguration": compute, "signals": {"drift": signal}},
    }
    trigger = {"triggerType": "Recurrence", "frequency": "day", "interval": 1}
    return {"action": action, "trigger": trigger}


@pytest.fixture
def schedule(ml_client: MLClient, tmp_path: Path) -> JobSchedule:
    """A schedule of a pipeline, by the clock."""
    image = "mcr.microsoft.com/azureml/inference:latest"
    environment = ml_client.environments.create_or_update(Environment(name=unique("env-"), image=image))
    source = tmp_path / "pipeline.yml"
    source.write_text(PIPELINE.format(environment=f"azureml:{environment.name}:{environment.version}"))
    job = load_job(source)
    trigger = CronTrigger(expression="0 6 * * 1", time_zone="UTC")
    return made(ml_client, JobSchedule(name=unique("weekly-"), trigger=trigger, create_job=job))


def test_a_job_schedule_is_made_and_read_back(ml_client: MLClient, schedule: JobSchedule) -> None:
    found = ml_client.schedules.get(schedule.name)
    assert found.is_enabled
    assert found.trigger.expression == "0 6 * * 1"
    assert set(found.create_job.jobs) == {"greet"}


def test_a_schedule_is_switched_off_and_on_and_listed_accordingly(
    ml_client: MLClient, schedule: JobSchedule
) -> None:
    ml_client.schedules.begin_disable(schedule.name).result()
    assert not ml_client.schedules.get(schedule.name).is_enabled
    assert schedule.name not in {one.name for one in ml_client.schedules.list()}
    assert schedule.name in {one.name for one in ml_client.schedules.list(list_view_type="DisabledOnly")}
    ml_client.schedules.begin_enable(schedule.name).result()
    assert schedule.name in {one.name for one in ml_client.schedules.list()}


def test_a_schedule_that_is_on_cannot_be_deleted(ml_client: MLClient, schedule: JobSchedule) -> None:
    with pytest.raises(HttpResponseError, match="Disable it before deleting"):
        ml_client.schedules.begin_delete(schedule.name)
    ml_client.schedules.begin_disable(schedule.name).result()
    ml_client.schedules.begin_delete(schedule.name).result()
    with pytest.raises(ResourceNotFoundError):
        ml_client.schedules.get(schedule.name)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trigger": {"triggerType": "Cron", "expression": "sometimes"}}, "no cron expression"),
        ({"trigger": {"triggerType": "Recurrence", "frequency": "blue moon", "interval": 1}}, "frequency"),
        ({"action": {"actionType": "InvokeBatchEndpoint"}}, "needs a endpointInvocationDefinition"),
        ({"action": {"actionType": "ImportData"}}, "not supported by local Azure"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    local_azure: LocalAzure, workspace: Workspace, reference: str, changed: dict[str, Any], said: str
) -> None:
    body = {"properties": {**definition(reference), **changed}}
    status, _, refused = local_azure.arm("PUT", f"{workspace.id}/schedules/wrong", body, api_version=VERSION)
    assert status in (400, 501)
    assert said in refused["error"]["message"]
