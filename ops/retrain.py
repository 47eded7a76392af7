"""``python -m ops retrain``: trains a model anew on what has come in since, and says what the gate thinks of it.

It submits what the schedule ``MODEL-retraining`` would: the job definition is read from it, so the clock, the Logic App
and this command all make the same job. Its name follows from the lineage: run twice, or after a kill, it finds its job
and waits for it. A version that passes is served by the next ``up``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml import outcome, resource_manager, training
from ml.client import AzureMLError, Door, Settings, subscription
from ops.failure import Failure
from ops.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

_API = "2024-10-01"


@dataclass(frozen=True)
class _Retraining:
    """What the schedule would run: a lineage of a model."""

    model: str
    lineage: str
    definition: Mapping[str, Any]


def retrain(
    model: Annotated[str, typer.Argument(help="The model's name, as in its model.yaml.")],
    *,
    stack: Annotated[str, typer.Option(help="The stack whose workspace trains it.")],
) -> None:
    """Train a model anew, as its retraining schedule would, and print the gate's verdict; 1 if it is refused."""
    try:
        door = _door(stack)
        wanted = _wanted(door, model)
        job = _job(door, wanted)
        found = outcome.read(door, job)
        page = outcome.page(door, job)
    except AzureMLError as error:
        raise Failure(str(error)) from None
    _say(page.strip() or f"{model}: {found.verdict}")
    _say(f"\nJob {job}: {found.verdict}, compared with {found.champion}. The next `up` of {stack} serves it.")


def _door(stack: str) -> Door:
    """The stack's workspace."""
    found = Stack(stack)
    outputs = found.outputs()
    missing = [name for name in ("resourceGroup", "workspace") if not isinstance(outputs.get(name), str)]
    if missing:
        raise Failure(
            f"stack {stack}: has no output {', '.join(missing)}, so there is no workspace to train in; run `pulumi up -s {stack}`"
        )
    settings = Settings(subscription(found.setting("azure-native:subscriptionId")), poll_interval=5.0)
    return Door(settings, outputs["resourceGroup"], outputs["workspace"], _say)


def _wanted(door: Door, model: str) -> _Retraining:
    name = f"{model}-retraining"
    path = door.arm_id("schedules", name)
    found = door.find(f"schedule {name}", lambda: resource_manager.request("GET", path, api_version=_API))
    if found is None:
        raise Failure(
            f"{model}: there is no schedule {name} in workspace {door.workspace}, so nobody knows how to retrain it; write a "
            "section `retraining` into its model.yaml, and run `up`",
            code=2,
        )
    definition: Mapping[str, Any] = (found["properties"].get("action") or {}).get("jobDefinition") or {}
    lineage = str((definition.get("tags") or {}).get(training.LINEAGE) or "")
    if not lineage:
        raise Failure(
            f"{model}: schedule {name} starts no job with a tag {training.LINEAGE}, so its version could not be found "
            "again; run `up`, which writes the schedule anew",
            code=2,
        )
    return _Retraining(model, lineage, definition)


def _job(door: Door, wanted: _Retraining) -> str:
    """The lineage's completed job; submits it where there is none, and waits for it."""
    attempt = training.latest(door, wanted.model, wanted.lineage)
    if attempt.phase is training.Phase.COMPLETED:
        _say(f"{wanted.model}: job {attempt.job} has retrained it already; nothing new to train on")
        return attempt.job
    if attempt.phase is training.Phase.ABSENT:
        path = door.arm_id("jobs", attempt.job)
        body = {"properties": dict(wanted.definition)}
        door.do(
            f"job {attempt.job}",
            lambda: resource_manager.request("PUT", path, api_version=_API, body=body),
        )
        _say(f"{wanted.model}: job {attempt.job} submitted")
    training.wait(door, wanted.model, attempt.job)
    return attempt.job


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
