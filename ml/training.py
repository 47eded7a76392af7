"""The training job of a model version: named after its lineage, so that whoever comes next finds it.

A job's name is ``{model}-{lineage[:12]}-{attempt}``. Submitting is therefore idempotent: a run that was interrupted
finds its job and waits for it; a failed or cancelled one makes the next attempt.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import yaml

from ml.client import FINISHED, AzureMLError, last_words, word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ml.client import Door

#: Where outputs go: their place must be known to register and read them.
DATASTORE = "workspaceblobstore"
#: Where Azure ML keeps what jobs wrote to their consoles.
_LOG_DATASTORE = "workspaceartifactstore"
_ATTEMPTS = 1000


class Phase(StrEnum):
    """How far the training of a lineage is."""

    ABSENT = "no job"
    RUNNING = "running"
    COMPLETED = "completed"


@dataclass(frozen=True)
class Attempt:
    """A training job: its name, and how far it is."""

    job: str
    phase: Phase


@dataclass(frozen=True)
class Plan:
    """What a training job is made from."""

    model: str
    lineage: str
    pipeline: Path
    #: ``azureml:ASSET:VERSION``
    data: str
    #: ``azureml:NAME:VERSION``
    environment: str
    compute: str
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]


def job_name(model: str, lineage: str, attempt: int) -> str:
    """The name of a lineage's n-th job."""
    return f"{model}-{lineage[:12]}-{attempt}"


def output_path(job: str, output: str) -> str:
    """The folder of a job's output, as a datastore URI."""
    return f"azureml://datastores/{DATASTORE}/paths/azureml/{job}/{output}/"


def _number(value: Any) -> Any:
    """Every number comes out of a resource's properties as a float; a step that takes ``7`` refuses ``7.0``."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def overrides(plan: Plan, job: str, steps: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is written over the pipeline's file, as ``load_job`` takes it. ``steps`` are the file's ``jobs``."""
    written: list[dict[str, Any]] = [
        {"name": job},
        {"display_name": job},
        {"experiment_name": plan.model},
        {"tags": dict(plan.tags)},
        {"settings.default_compute": f"azureml:{plan.compute}"},
        {"inputs.data": {"type": "uri_folder", "path": plan.data}},
    ]
    written += [{f"inputs.{name}": _number(value)} for name, value in plan.parameters.items()]
    written += [
        {f"outputs.{output}": {"type": "uri_folder", "path": output_path(job, output)}}
        for output in ("model", "reference")
    ]
    for name, step in steps.items():
        inline = step.get("component")
        if "command" in step:
            written.append({f"jobs.{name}.environment": plan.environment})
        elif isinstance(inline, dict):
            written.append({f"jobs.{name}.component.environment": plan.environment})
    return written


def latest(door: Door, model: str, lineage: str) -> Attempt:
    """The job that trains, or trained, this lineage; else the name that the next one gets."""
    job = job_name(model, lineage, 1)
    for attempt in range(1, _ATTEMPTS):
        job = job_name(model, lineage, attempt)
        found = door.find(f"job {job}", lambda job=job: door.client.jobs.get(job))
        if found is None:
            break
        state = word(found.status)
        if state == "completed":
            return Attempt(job, Phase.COMPLETED)
        if state not in FINISHED:
            return Attempt(job, Phase.RUNNING)
    return Attempt(job, Phase.ABSENT)


def run(door: Door, plan: Plan) -> str:
    """Trains, or waits for who does, or uses who did. Returns the name of the completed job.

    Raises:
        AzureMLError: the job failed; the line names the failed step, its last words and where all of them are.
    """
    attempt = latest(door, plan.model, plan.lineage)
    if attempt.phase is Phase.COMPLETED:
        return attempt.job
    if attempt.phase is Phase.ABSENT:
        _submit(door, plan, attempt.job)
        door.say(f"{plan.model}: training job {attempt.job} submitted")
    else:
        door.say(f"{plan.model}: waiting for training job {attempt.job}")
    _wait(door, plan.model, attempt.job)
    return attempt.job


def metrics(door: Door, job: str) -> dict[str, float]:
    """The numbers in ``metrics.json`` of the job's output ``model``.

    Raises:
        AzureMLError: it isn't there, or holds something else.
    """
    name = f"azureml/{job}/model/metrics.json"
    container = door.datastore(DATASTORE)
    text = door.find(name, lambda: container.download_blob(name).readall(), patient=True)
    if text is None:
        raise AzureMLError(f"job {job}: its output `model` has no metrics.json; let the pipeline write one")
    try:
        document = json.loads(text)
    except ValueError as error:
        raise AzureMLError(f"job {job}: metrics.json isn't JSON: {error}") from None
    if not isinstance(document, dict):
        raise AzureMLError(f"job {job}: metrics.json must map names to numbers")
    wrong = [
        key
        for key, value in cast("dict[str, Any]", document).items()
        if isinstance(value, bool) or not isinstance(value, (int, float))
    ]
    if wrong:
        raise AzureMLError(
            f"job {job}: metrics.json: {', '.join(wrong)} isn't a number; write names and numbers"
        )
    return {key: float(value) for key, value in cast("dict[str, Any]", document).items()}


def _submit(door: Door, plan: Plan, job: str) -> None:
    from azure.ai.ml import load_job  # noqa: PLC0415

    steps = yaml.safe_load(plan.pipeline.read_text(encoding="utf-8")).get("jobs") or {}
    what = f"{plan.model}: training job {job}"
    pipeline = door.do(what, lambda: load_job(plan.pipeline, params_override=overrides(plan, job, steps)))
    door.do(what, lambda: door.client.jobs.create_or_update(pipeline))


def _wait(door: Door, model: str, job: str) -> None:
    said = ""

    def look() -> str:
        nonlocal said
        state = word(door.do(f"job {job}", lambda: door.client.jobs.get(job)).status)
        if state != said:
            said = state
            door.say(f"{model}: training job {job} is {state}")
        return state

    state = door.until(
        f"{model}: training job {job}",
        look,
        lambda seen: seen in FINISHED,
        door.settings.training_timeout,
    )
    if state != "completed":
        raise AzureMLError(
            f"{model}: training job {job} ended as {state}{_last_words(door, job)}; all of it: "
            f"`az ml job stream --name {job} --resource-group {door.resource_group} "
            f"--workspace-name {door.workspace}`; the next `up` trains again"
        )


def _last_words(door: Door, job: str) -> str:
    """The failed step and the end of its log, as far as they can be had."""
    try:
        children = list(door.client.jobs.list(parent_job_name=job))
        failed = next((child for child in children if word(child.status) == "failed"), None)
        step = str(failed.name) if failed is not None else job
        text = _log(door, step)
    except Exception:  # noqa: BLE001 - the failure itself matters more than why its log can't be read
        return ""
    shown = f" in step {failed.display_name or step}" if failed is not None else ""
    words = last_words(text)
    return f"{shown}: {words}" if words else shown


def _log(door: Door, step: str) -> str:
    container = door.datastore(_LOG_DATASTORE)
    blob = container.download_blob(f"ExperimentRun/dcid.{step}/user_logs/std_log.txt")
    return blob.readall().decode(errors="replace")
