"""What a workspace publishes of its jobs, as Azure's Event Grid source for machine learning does."""

from __future__ import annotations

from typing import Any

import pytest

from local.azure.machine_learning import job_event
from local.azure.resource_type import Record

PREFIX = "Microsoft.MachineLearningServices"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.mark.parametrize(
    ("status", "types"),
    [
        ("Running", ["RunStatusChanged"]),
        ("Failed", ["RunStatusChanged"]),
        ("Completed", ["RunStatusChanged", "RunCompleted"]),
    ],
)
def test_each_new_status_is_an_event_and_completion_one_more(
    monkeypatch: pytest.MonkeyPatch, status: str, types: list[str]
) -> None:
    published: list[tuple[str, str, dict[str, Any]]] = []

    def publish(_azure: object, source: str, kind: str, subject: str, data: dict[str, Any]) -> int:
        assert source == WORKSPACE
        published.append((kind.removeprefix(f"{PREFIX}."), subject, data))
        return 1

    monkeypatch.setattr("local.azure.event_grid.publish", publish)
    logged: list[tuple[str, str]] = []
    counted: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(
        "local.azure.logs.sink.run_status", lambda _azure, _of, job, status: logged.append((job.name, status))
    )
    monkeypatch.setattr(
        "local.azure.machine_learning.run_metric.count",
        lambda _azure, _of, status, **by: counted.append((status, by)),
    )
    properties = {
        "jobType": "Pipeline",
        "experimentName": "drift",
        "status": status,
        "tags": {"azureml_modelmonitor_threshold_breached": "Signal 'm_data_drift' has failed"},
        "properties": {"a": "b"},
    }
    record = Record(f"{WORKSPACE}/jobs/j", "", "j", {"properties": properties}, "", "", "", "")
    azure: Any = object()
    job_event.publish(azure, WORKSPACE, record)
    assert [kind for kind, _, _ in published] == types
    assert logged == [("j", status)]
    assert counted == [(status, {"run_type": "azureml.PipelineRun", "experiment": "drift"})]
    (_, subject, data), *others = published
    assert subject == f"experiments/{data['ExperimentId']}/runs/j"
    assert data["RunStatus"] == status
    assert (data["RunId"], data["ExperimentName"], data["RunType"]) == ("j", "drift", "azureml.PipelineRun")
    assert data["RunTags"] == properties["tags"]
    assert all("RunStatus" not in other for _, _, other in others)
