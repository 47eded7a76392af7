"""The stored state of a job: its statuses, its error, its times.

What Azure keeps in run history and doesn't show through ARM (parent, times, error) is kept below ``run`` of the stored
body and left out of what ARM answers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.azure.machine_learning import job_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record

JOB = "Microsoft.MachineLearningServices/workspaces/jobs"

NOT_STARTED = "NotStarted"
#: The environment is built, code and data are downloaded.
PREPARING = "Preparing"
#: Ready, and waiting for one of the places for processes.
QUEUED = "Queued"
RUNNING = "Running"
#: The process has ended well; its outputs are uploaded.
FINALIZING = "Finalizing"
CANCEL_REQUESTED = "CancelRequested"
COMPLETED = "Completed"
FAILED = "Failed"
CANCELED = "Canceled"
TERMINAL = frozenset({COMPLETED, FAILED, CANCELED})


@dataclass(frozen=True)
class Job:
    """Reads and writes one job's record."""

    azure: Azure
    id: str

    @property
    def name(self) -> str:
        """The job's name, run history's run id."""
        return self.id.rsplit("/", 1)[-1]

    @property
    def workspace(self) -> str:
        """The ARM id of the job's workspace."""
        return self.id[: self.id.lower().rindex("/jobs/")]

    @property
    def record(self) -> Record:
        """The stored record; it must exist."""
        record = self.azure.store.get(self.id)
        if record is None:
            raise LookupError(f"The job {self.id} is gone.")
        return record

    @property
    def properties(self) -> Mapping[str, Any]:
        """The job as ARM shows it."""
        return self.record.body["properties"]

    @property
    def status(self) -> str:
        """The current status."""
        return str(self.properties["status"])

    @property
    def artifacts(self) -> str:
        """Where its logs and other artifacts are; of a step that was reused: those of the run that it reuses."""
        return artifacts(str((self.record.body.get("run") or {}).get("reused") or self.name))

    def keep(self, **history: Any) -> None:
        """Writes down what Azure keeps of a run and doesn't show through ARM."""
        record = self.record
        run = {**(record.body.get("run") or {}), **history}
        self.azure.store.put(self.id, {**record.body, "run": run}, by=record.created_by)

    def update(self, *, status: str | None = None, error: str | None = None, **properties: Any) -> None:
        """Sets a status (a terminal one stays), an error and other properties; keeps the times."""
        body: Json = copy.deepcopy(self.record.body)
        current: Json = body["properties"]
        run: Json = body.setdefault("run", {})
        if current["status"] in TERMINAL:
            return
        current.update(properties)
        if error is not None:
            run["error"] = error
        if status is not None:
            current["status"] = status
            now = self.azure.now().isoformat()
            own: Json = current.setdefault("properties", {})
            if status == RUNNING and "started" not in run:
                run["started"] = own["StartTimeUtc"] = now
            if status in TERMINAL:
                run["ended"] = own["EndTimeUtc"] = now
        record = self.azure.store.put(self.id, body, by=self.record.created_by)
        if status is not None:
            job_event.publish(self.azure, self.workspace, record)


def artifacts(name: str) -> str:
    """Where a job's logs and other artifacts go."""
    return f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{name}"


def output(name: str, output_name: str, kind: str = "uri_folder") -> str:
    """Where a job's output goes unless the job says otherwise: a folder, or one file."""
    end = "" if kind == "uri_file" else "/"
    return f"azureml://datastores/workspaceblobstore/paths/azureml/{name}/{output_name}{end}"
