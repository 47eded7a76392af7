"""The training job of a model version: named after its lineage, so that whoever comes next finds it.

A job's name is ``{model}-{lineage[:12]}-{attempt}``. Submitting is therefore idempotent: a run that was interrupted
finds its job and waits for it; a failed or cancelled one makes the next attempt. Jobs that a schedule's clock started
have names of Azure's; they are found by their tag. The pipeline's gate fails the job of a model that isn't good enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from ml import outcome, resource_manager
from ml.client import FINISHED, AzureMLError, word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ml.client import Door

#: Where outputs go: their place must be known to register and read them.
DATASTORE = "workspaceblobstore"
#: The tag of jobs and versions with the lineage that they are of.
LINEAGE = "Lineage"
#: The pipeline's input with what is served now; its file says that there is none.
CHAMPION, NO_CHAMPION = "champion", "none"
_API = "2024-10-01"
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
    #: what is served now, as ``azureml:NAME:VERSION`` or ARM id
    champion: str | None = None


def job_name(model: str, lineage: str, attempt: int) -> str:
    """The name of a lineage's n-th job."""
    return f"{model}-{lineage[:12]}-{attempt}"


def output_path(job: str, output: str) -> str:
    """Where a job that is submitted here puts an output, as a datastore URI."""
    return f"azureml://datastores/{DATASTORE}/paths/azureml/{job}/{output}/"


def tags(inputs: Mapping[str, Any], lineage: str) -> dict[str, str]:
    """The tags of a job that trains ``lineage``: what its model comes from."""
    return {
        LINEAGE: lineage,
        "GitCommit": inputs["git_commit"],
        "TargetEnvironment": inputs["target_environment"],
        "DataLineageVersion": inputs["data"],
    }


def _number(value: Any) -> Any:
    """Every number comes out of a resource's properties as a float; a step that takes ``7`` refuses ``7.0``."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def overrides(plan: Plan, job: str | None, steps: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is written over the pipeline's file, as ``load_job`` takes it. ``steps`` are the file's ``jobs``.

    Without the name of a ``job`` (a schedule makes one up) outputs go where Azure ML puts them.
    """
    written: list[dict[str, Any]] = [
        {"display_name": job or f"{plan.model}-retraining"},
        {"experiment_name": plan.model},
        {"tags": dict(plan.tags)},
        {"settings.default_compute": f"azureml:{plan.compute}"},
        {"inputs.data": {"type": "uri_folder", "path": plan.data}},
    ]
    written += [{f"inputs.{name}": _number(value)} for name, value in plan.parameters.items()]
    if plan.champion:
        written.append({f"inputs.{CHAMPION}": {"type": "custom_model", "path": plan.champion}})
    if job:
        written.append({"name": job})
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


def load(plan: Plan, job: str | None) -> Any:
    """The pipeline with everything written over its file, as azure-ai-ml's entity."""
    from azure.ai.ml import load_job  # noqa: PLC0415

    steps = yaml.safe_load(plan.pipeline.read_text(encoding="utf-8")).get("jobs") or {}
    return load_job(plan.pipeline, params_override=overrides(plan, job, steps))


def latest(door: Door, model: str, lineage: str) -> Attempt:
    """The job that trains, or trained, this lineage; else the name that the next one gets. Without azure-ai-ml."""
    job = job_name(model, lineage, 1)
    for attempt in range(1, _ATTEMPTS):
        job = job_name(model, lineage, attempt)
        found = door.find(f"job {job}", lambda job=job: _page(door.arm_id("jobs", job), {}))
        if found is None:
            break
        state = word(found["properties"]["status"])
        if state == "completed":
            return Attempt(job, Phase.COMPLETED)
        if state not in FINISHED:
            return Attempt(job, Phase.RUNNING)
    by_clock = _by_clock(door, model, lineage)
    return Attempt(by_clock, Phase.COMPLETED) if by_clock else Attempt(job, Phase.ABSENT)


def _by_clock(door: Door, model: str, lineage: str) -> str | None:
    """The completed job with this lineage's tag that ended last."""
    what, path, query = f"jobs of {model}", door.arm_id("jobs"), {"jobType": "Pipeline", "tag": LINEAGE}
    while path:
        found = door.find(what, lambda path=path, query=query: _page(path, query)) or {}
        for one in found.get("value") or ():
            seen = one.get("properties") or {}
            if (seen.get("tags") or {}).get(LINEAGE) == lineage and word(seen.get("status")) == "completed":
                return str(one["name"])
        link = urlsplit(found.get("nextLink") or "")
        path, query = link.path, dict(parse_qsl(link.query))
    return None


def _page(path: str, query: Mapping[str, str]) -> Any:
    return resource_manager.request("GET", path, api_version=_API, query=query)


def run(door: Door, plan: Plan) -> str:
    """Trains, or waits for who does, or uses who did. Returns the name of the completed job.

    Raises:
        AzureMLError: the job failed, or its gate refused the model; the line says why and where all of it is.
    """
    attempt = latest(door, plan.model, plan.lineage)
    if attempt.phase is Phase.COMPLETED:
        return attempt.job
    if attempt.phase is Phase.ABSENT:
        _submit(door, plan, attempt.job)
        door.say(f"{plan.model}: training job {attempt.job} submitted")
    else:
        door.say(f"{plan.model}: waiting for training job {attempt.job}")
    wait(door, plan.model, attempt.job)
    return attempt.job


def _submit(door: Door, plan: Plan, job: str) -> None:
    what = f"{plan.model}: training job {job}"
    pipeline = door.do(what, lambda: load(plan, job))
    door.do(what, lambda: door.client.jobs.create_or_update(pipeline))


def wait(door: Door, model: str, job: str) -> None:
    """Waits for a job to complete, saying how far it is.

    Raises:
        AzureMLError: the job failed, or its gate refused the model; the line says why and where all of it is.
    """
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
        raise AzureMLError(outcome.failure(door, model, job, state))
