"""What came of a training job: its metrics, its gate's verdict, its model card; or why it failed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ml import resource_manager
from ml.client import AzureMLError, last_words, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door

#: What a version needs beside the model itself.
METRICS, VERDICT, CARD = "metrics.json", "gate.json", "model_card.md"
#: The verdict for people.
_PAGE = "verdict.md"
_API = "2024-10-01"
#: Where Azure ML keeps what jobs wrote to their consoles.
_LOG_DATASTORE = "workspaceartifactstore"
_LOG = "std_log.txt"
#: The last line of a gate that refuses.
_REFUSAL = re.compile(r"^gate: refused: (?P<why>.+)$", re.MULTILINE)
_IN_DATASTORE = re.compile(
    r"azureml:/{1,2}(?:.*/)?datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)", re.IGNORECASE
)
_MODEL = re.compile(r"(?:.*/models/|azureml:)?(?P<name>[^/:]+)(?:/versions/|:)(?P<version>[^/:]+)")


@dataclass(frozen=True)
class Outcome:
    """A completed job whose model may be registered."""

    job: str
    metrics: Mapping[str, float]
    #: how the gate decided, e.g. ``passed`` or ``passed without a champion``
    verdict: str
    #: what the model was compared with, ``NAME:VERSION`` or ``none``
    champion: str
    #: whether there is a model card beside the model
    has_card: bool
    #: the job's own tags
    tags: Mapping[str, str]


class _Files:
    """What is in a folder of a datastore."""

    def __init__(self, door: Door, uri: str) -> None:
        place = _IN_DATASTORE.fullmatch(uri)
        if place is None:
            raise AzureMLError(f"{uri} is in no datastore")
        self._door, self._path = door, place["path"]
        self._container = door.datastore(place["datastore"])

    def command(self, name: str) -> str:
        """What shows a file on a console. `az ml job stream` shows no steps of pipelines."""
        return (
            f"az storage blob download --auth-mode login --account-name {self._container.account_name} "
            f"--container-name {self._container.container_name} --name {self._path}{name}"
        )

    def content(self, name: str) -> bytes | None:
        """A file's content; None where there is none."""
        path = f"{self._path}{name}"
        return self._door.find(path, lambda: self._container.download_blob(path).readall(), patient=True)


def read(door: Door, job: str) -> Outcome:
    """What a completed job has left.

    Raises:
        AzureMLError: something a version needs isn't there, or the gate hasn't passed the model.
    """
    properties = _properties(door, job)
    found = folder(door, job, "model", properties)
    files = _Files(door, found)
    verdict = _document(job, files, VERDICT, "let gate.py be the pipeline's last step")
    if verdict.get("passed") is not True:
        reason = verdict.get("reason") or "it doesn't say `passed: true`"
        raise AzureMLError(f"job {job}: its gate has refused the model: {reason}; all of it: {found}{_PAGE}")
    return Outcome(
        job=job,
        metrics=_numbers(job, _document(job, files, METRICS, "let the pipeline write one")),
        verdict=str(verdict.get("outcome", "passed")),
        champion=_champion(properties),
        has_card=files.content(CARD) is not None,
        tags=properties.get("tags") or {},
    )


def page(door: Door, job: str) -> str:
    """The gate's verdict on a job's model as Markdown; empty where it wrote none."""
    content = _Files(door, folder(door, job, "model")).content(_PAGE)
    return (content or b"").decode(errors="replace")


def folder(door: Door, job: str, output: str, properties: Mapping[str, Any] | None = None) -> str:
    """The folder of a job's output, as a datastore URI that ends with a slash."""
    outputs = (properties or _properties(door, job)).get("outputs") or {}
    path = str((outputs.get(output) or {}).get("uri") or "")
    if _IN_DATASTORE.fullmatch(path) is None or "${{" in path:
        # Azure chose the place: it has registered it under a name made from the job's.
        asset = f"azureml_{job}_output_data_{output}"
        path = str(door.do(f"output {output} of job {job}", lambda: door.client.data.get(asset, "1")).path)
    return f"{path.rstrip('/')}/"


def model_name(reference: str) -> str | None:
    """``NAME:VERSION`` of a reference to a model version (ARM id, ``azureml:NAME:VERSION``); None for anything else."""
    found = _MODEL.fullmatch(reference)
    return f"{found['name']}:{found['version']}" if found else None


def failure(door: Door, model: str, job: str, state: str) -> str:
    """Why a job failed, in one line: the failed step and its last words, as far as they can be had."""
    what, place = (
        f"{model}: training job {job}",
        f"--resource-group {door.resource_group} --workspace-name {door.workspace}",
    )
    try:
        children = list(door.client.jobs.list(parent_job_name=job))
        failed = next((child for child in children if word(child.status) == "failed"), None)
        step = str(failed.name) if failed is not None else job
        logs = _Files(
            door, f"azureml://datastores/{_LOG_DATASTORE}/paths/ExperimentRun/dcid.{step}/user_logs/"
        )
        text = (logs.content(_LOG) or b"").decode(errors="replace")
        command = logs.command(_LOG)
    except Exception:  # noqa: BLE001 - the failure itself matters more than why its log can't be read
        failed, step, text, command = None, job, "", ""
    if refused := _REFUSAL.search(text):
        return (
            f"{what}: the gate refused the model: {refused['why']}; the whole verdict: `{command}`; "
            "change the model or the criteria, the next `up` trains again"
        )
    shown = f" in step {failed.display_name or step}" if failed is not None else ""
    words = last_words(text)
    return (
        f"{what} ended as {state}{shown}{f': {words}' if words else ''}; all of it: `az ml job stream --name {job} "
        f"{place}`; the next `up` trains again"
    )


def _properties(door: Door, job: str) -> Mapping[str, Any]:
    path = door.arm_id("jobs", job)
    found = door.do(f"job {job}", lambda: resource_manager.request("GET", path, api_version=_API))
    return found["properties"]


def _champion(properties: Mapping[str, Any]) -> str:
    given = (properties.get("inputs") or {}).get("champion") or {}
    return model_name(str(given.get("uri") or "")) or "none"


def _document(job: str, files: _Files, name: str, remedy: str) -> Mapping[str, Any]:
    content = files.content(name)
    if content is None:
        raise AzureMLError(f"job {job}: its output `model` has no {name}; {remedy}")
    try:
        document = json.loads(content)
    except ValueError as error:
        raise AzureMLError(f"job {job}: {name} isn't JSON: {error}") from None
    if not isinstance(document, dict):
        raise AzureMLError(f"job {job}: {name} must map names to values")
    return cast("dict[str, Any]", document)


def _numbers(job: str, document: Mapping[str, Any]) -> dict[str, float]:
    wrong = [
        key
        for key, value in document.items()
        if isinstance(value, bool) or not isinstance(value, (int, float))
    ]
    if wrong:
        raise AzureMLError(
            f"job {job}: {METRICS}: {', '.join(wrong)} isn't a number; write names and numbers"
        )
    return {key: float(value) for key, value in document.items()}
