"""Jobs: command, pipeline and sweep jobs as ``MLClient.jobs`` submits, follows, cancels, archives and deletes them.

Statuses: NotStarted → Preparing → Queued → Running → Finalizing → Completed, or Failed, or CancelRequested → Canceled;
a pipeline: NotStarted → Running → Completed, Failed or Canceled. Children of a pipeline show nothing but their name
through ARM, as on Azure; run history shows them. A job that ran when local Azure was killed is Failed at the next
start and says so; submit it again. AutoML, Spark and the like, distributed commands and schedules are refused.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, conflict, unsupported
from local.azure.machine_learning import job_run, job_state, pipeline, run_identity, sweep, tracking_store
from local.azure.machine_learning.asset import has
from local.azure.machine_learning.job_state import JOB, Job
from local.azure.machine_learning.pipeline_run import PipelineRun
from local.azure.machine_learning.sweep_run import SweepRun
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_INTERRUPTED = "Local Azure was stopped while the job ran; submit it again."
#: What may change after a job was submitted (Azure refuses the rest by ignoring it).
_CHANGEABLE = ("tags", "properties", "displayName", "description", "isArchived")

#: What is said of an endpoint that a job was to open to people (SSH, Jupyter): it isn't there.
_NO_SERVICE = {"status": "Failed", "errorMessage": "Local Azure opens no services of jobs."}

_log = logging.getLogger(__name__)
#: What was submitted and has not ended, and the tasks of what runs.
_submitted: set[str] = set()
_running: dict[str, asyncio.Task[None]] = {}
_cancelled: set[str] = set()


def _prepare(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    given: Json = body.get("properties") or {}
    if old is None:
        return _new(resource_id.name, given)
    merged = copy.deepcopy(old.body)
    for name in _CHANGEABLE:
        if given.get(name) is not None:
            merged["properties"][name] = given[name]
    return merged


def _new(job_name: str, given: Json) -> Json:
    """What is stored of a new job; refuses what can't be run."""
    kind = str(given.get("jobType", ""))
    if kind not in {"Command", "Pipeline", "Sweep"}:
        raise unsupported(f"A job of type '{kind}'")
    trial: Mapping[str, Any] = given.get("trial") or {}
    if given.get("distribution") or trial.get("distribution"):
        raise unsupported("A distributed command")
    for name in () if kind == "Pipeline" else ("command", "environmentId"):
        if not (trial if kind == "Sweep" else given).get(name):
            raise bad_request(f"The job has no {name}.", target=f"properties.{name}")
    if kind == "Sweep":
        sweep.check(given)
    if kind == "Pipeline":
        # One without steps is done at once.
        given = {**given, "jobs": given.get("jobs") or {}}
        pipeline.order(given["jobs"])
    outputs: Json = {
        name: {**(one or {}), "jobOutputType": wanted.type, "uri": wanted.uri}
        for name, one in (given.get("outputs") or {}).items()
        for wanted in job_run.outputs(job_name, {name: one}).values()
    }
    outputs["default"] = {
        "jobOutputType": "uri_folder",
        "mode": "ReadWriteMount",
        "uri": job_state.artifacts(job_name),
    }
    return {
        "properties": {
            "displayName": job_name,
            "experimentName": "Default",
            "isArchived": False,
            **{name: value for name, value in given.items() if value is not None},
            "tags": given.get("tags") or {},
            "properties": given.get("properties") or {},
            "inputs": given.get("inputs") or {},
            "outputs": outputs,
            "services": {
                name: {**(one or {}), **_NO_SERVICE} for name, one in (given.get("services") or {}).items()
            },
            "status": job_state.NOT_STARTED,
        },
        "run": {},
    }


def create(azure: Azure, job_id: str, body: Json, by: str) -> None:
    """Submits a job from within local Azure (a schedule's), as a PUT would."""
    record = azure.store.put(job_id, _new(job_id.rsplit("/", 1)[-1], body["properties"]), by=by)
    submit(Job(azure, record.id), _execution(record))


def again(record: Record) -> Json:
    """What to submit to run a job once more: what it was submitted with, its outputs at places of their own."""
    given = copy.deepcopy(record.body["properties"])
    for name in (
        "status",
        "services",
        "isArchived",
        "provisioningState",
        "tags",
        "properties",
        "displayName",
    ):
        given.pop(name, None)
    for name, output in given["outputs"].items():
        if output.get("uri") == job_state.output(record.name, name, str(output.get("jobOutputType"))):
            del output["uri"]
    return given


async def _settle(azure: Azure, record: Record) -> None:
    """Starts a job that was just submitted."""
    if record.body["properties"]["status"] == job_state.NOT_STARTED and record.id.lower() not in _submitted:
        submit(Job(azure, record.id), _execution(record))


def submit(job: Job, execution: Callable[[Job], Awaitable[None]]) -> None:
    """Runs ``execution`` in the background as the job; what it raises is the job's failure."""
    _submitted.add(job.id.lower())
    job.azure.spawn(f"job {job.name}", _run(job, execution))


def _execution(record: Record) -> Callable[[Job], Awaitable[None]]:
    return {"Pipeline": _pipeline, "Sweep": _sweep}.get(record.body["properties"]["jobType"], _command)


async def _pipeline(job: Job) -> None:
    await PipelineRun(job, job.azure.directory.jobs / job.name).run()


async def _sweep(job: Job) -> None:
    await SweepRun(job, job.azure.directory.jobs / job.name).run()


async def _command(job: Job) -> None:
    given = job.properties
    folder = job.azure.directory.jobs / job.name
    staging = job_run.Staging(job.azure, job.workspace, folder / "inputs", run_identity.reader(job, given))

    async def inputs() -> Mapping[str, str]:
        return {name: await staging.value(one) for name, one in (given.get("inputs") or {}).items()}

    work = job_run.Work(
        command=given["command"],
        code=given.get("codeId"),
        environment=given["environmentId"],
        inputs=inputs,
        outputs=job_run.outputs(job.name, given.get("outputs") or {}),
        variables={
            str(name): str(value) for name, value in (given.get("environmentVariables") or {}).items()
        },
        root=job.name,
        experiment=str(given.get("experimentName")),
        timeout=job_run.limit(given),
    )
    try:
        await job_run.perform(job, work, folder)
    finally:
        await staging.close()


async def _run(job: Job, execution: Callable[[Job], Awaitable[None]]) -> None:
    key = job.id.lower()
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("A job runs in a task.")
    _running[key] = task
    try:
        await execution(job)
        job.update(status=job_state.COMPLETED)
    except ArmError as error:
        job.update(status=job_state.FAILED, error=error.message)
    except asyncio.CancelledError:
        if key not in _cancelled:
            raise  # local Azure stops; its next start tells
        for child in descendants(job.azure, job.record):
            Job(job.azure, child.id).update(status=job_state.CANCELED)
        job.update(status=job_state.CANCELED)
    except LookupError:
        _log.info("The job %s was deleted while it ran.", job.id)
    except Exception as error:  # noqa: BLE001 # whatever went wrong, the job has to end
        _log.exception("The job %s failed within local Azure.", job.id)
        job.update(status=job_state.FAILED, error=f"Local Azure itself failed: {error!r}")
    finally:
        _cancelled.discard(key)
        _running.pop(key, None)
        _submitted.discard(key)
        await job_run.clean(job.azure.directory.jobs / job.name)


async def _cancel(azure: Azure, _call: Call, record: Record) -> Answer:
    key = record.id.lower()
    task = _running.get(key)
    if task is not None:
        Job(azure, record.id).update(status=job_state.CANCEL_REQUESTED)
        _cancelled.add(key)
        task.cancel()
        await asyncio.wait([task])
    elif key not in _submitted:
        Job(azure, record.id).update(status=job_state.CANCELED)
    return Answer(200)


def _guard_delete(_azure: Azure, record: Record) -> None:
    if record.body["properties"]["status"] not in job_state.TERMINAL:
        raise conflict(
            f"The job '{record.name}' has not ended; cancel it first.", code="JobNotInTerminalState"
        )


async def _vanish(azure: Azure, record: Record) -> None:
    tracking_store.of(azure).forget(record.id)
    for child in descendants(azure, record):
        azure.store.delete(child.id)
        tracking_store.of(azure).forget(child.id)
        job_run.log_path(azure, child.name).unlink(missing_ok=True)
    job_run.log_path(azure, record.name).unlink(missing_ok=True)


def children(azure: Azure, record: Record) -> list[Record]:
    """The jobs of a pipeline's steps, in the order they were started."""
    workspace = Job(azure, record.id).workspace
    below = azure.store.below(workspace, JOB)
    return sorted(
        (one for one in below if (one.body.get("run") or {}).get("parent") == record.name),
        key=lambda one: one.created_at,
    )


def descendants(azure: Azure, record: Record) -> list[Record]:
    """The jobs below a job, those of steps that are pipelines too."""
    found = children(azure, record)
    return found + [below for child in found for below in descendants(azure, child)]


def _view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    shown = {name: value for name, value in body.items() if name != "run"}
    if (record.body.get("run") or {}).get("parent"):
        return {**shown, "properties": None}
    properties = {name: value for name, value in shown["properties"].items() if name != "provisioningState"}
    return {**shown, "properties": properties}


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    query = {name.lower(): value for name, value in call.query.items()}
    wanted = query.get("listviewtype", "ActiveOnly").lower()
    archived = {"activeonly": (False,), "archivedonly": (True,)}.get(wanted, (False, True))

    def shown(record: Record) -> bool:
        properties: Mapping[str, Any] = record.body["properties"]
        if (record.body.get("run") or {}).get("parent") or bool(properties.get("isArchived")) not in archived:
            return False
        kind, tag = query.get("jobtype"), query.get("tag")
        key, _, value = (tag or "").partition("=")
        tags = properties.get("tags") or {}
        return (
            (kind is None or kind == properties["jobType"])
            and has(properties.get("properties"), query.get("properties"))
            and (tag is None or (key in tags and (not value or tags[key] == value)))
        )

    return sorted(filter(shown, records), key=lambda record: record.created_at, reverse=True)


async def start(azure: Azure) -> None:
    """Ends the records of jobs that a stop interrupted."""
    for record in azure.store.of_type(JOB):
        # A run that a client tracks goes on wherever that client runs.
        tracked = (record.body.get("run") or {}).get("tracked")
        ended = tracked or record.body["properties"]["status"] in job_state.TERMINAL
        if not ended and record.id.lower() not in _submitted:
            Job(azure, record.id).update(status=job_state.FAILED, error=_INTERRUPTED)
            await job_run.clean(azure.directory.jobs / record.name)


TYPES = (
    ResourceType(
        JOB,
        prepare=_prepare,
        settle=_settle,
        guard_delete=_guard_delete,
        vanish=_vanish,
        view=_view,
        actions={"cancel": _cancel},
        listing=_listing,
    ),
)
