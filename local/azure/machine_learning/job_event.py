"""What a workspace publishes of its jobs: ``RunStatusChanged`` at each new status, ``RunCompleted`` besides when one has.

Source: Microsoft Learn, "Azure Machine Learning as an Event Grid source".
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from local.azure import event_grid
from local.azure.logs import sink
from local.azure.machine_learning import run_metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record

#: What run history calls kinds of jobs; others are commands.
RUN_TYPES = {"Pipeline": "azureml.PipelineRun", "Sweep": "hyperdrive"}
_PREFIX = "Microsoft.MachineLearningServices"


def experiment_id(workspace: str, experiment: str) -> str:
    """The id of an experiment, by its name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{workspace}/{experiment}".lower()))


def publish(azure: Azure, workspace: str, job: Record) -> None:
    """Publishes the status that a job has just got."""
    properties: Mapping[str, Any] = job.body["properties"]
    experiment = str(properties.get("experimentName"))
    number = experiment_id(workspace, experiment)
    data: Json = {
        "ExperimentId": number,
        "ExperimentName": experiment,
        "RunId": job.name,
        "RunType": RUN_TYPES.get(properties["jobType"], "azureml.scriptrun"),
        "RunTags": dict(properties.get("tags") or {}),
        "RunProperties": dict(properties.get("properties") or {}),
    }
    subject = f"experiments/{number}/runs/{job.name}"
    status = str(properties["status"])
    run_metric.count(azure, workspace, status, run_type=data["RunType"], experiment=experiment)
    sink.run_status(azure, workspace, job, status)
    changed = {**data, "RunStatus": status}
    event_grid.publish(azure, workspace, f"{_PREFIX}.RunStatusChanged", subject, changed)
    if status == "Completed":
        event_grid.publish(azure, workspace, f"{_PREFIX}.RunCompleted", subject, data)
