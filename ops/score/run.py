"""Uploads files, has a batch endpoint score them, waits, and downloads what came out."""

from __future__ import annotations

import hashlib
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ml.client import FINISHED, Door, Settings, last_words, subscription, word
from ops.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Generator

    from azure.storage.blob import ContainerClient
    from rich.console import Console

    from ops.score.target import Target

#: Where files are uploaded to, below the workspace's own datastore.
_DATASTORE = "workspaceblobstore"
_AT_ONCE = 8
#: What was deployed a while ago needs no waiting for permissions.
_PERMISSION_SECONDS = 20.0
#: The output of every batch job.
_SCORE = "score"
#: Where a failed step's own words are: the script's errors, else what it all printed.
_LOGS = ("logs/user/error.txt", "user_logs/std_log*.txt")


class Show(Protocol):
    """How a run tells what is going on."""

    def __call__(self, text: str, *, passing: bool = False) -> None:
        """Says it; what is ``passing`` only in a terminal."""
        ...


@dataclass(frozen=True)
class Wanted:
    """What to score: files below a folder, and where the predictions go."""

    model: str
    folder: Path
    files: tuple[Path, ...]
    output: Path


@dataclass(frozen=True)
class Scored:
    """What was scored, and where it is now. ``rows`` counts lines."""

    job: str
    endpoint: str
    workspace: str
    resource_group: str
    files: int
    rows: int
    output: str
    seconds: float


def run(console: Console, target: Target, wanted: Wanted) -> Scored:
    """Uploads, invokes, waits, downloads."""
    began = time.monotonic()
    settings = Settings(subscription(target.subscription), permission_timeout=_PERMISSION_SECONDS)
    door = Door(settings, target.resource_group, target.workspace, say=console.print)
    with _showing(console) as show:
        show("Connecting", passing=True)
        name = _endpoint(door, target.endpoint, wanted.model)
        data = _upload(door, wanted, show)
        job = _invoke(door, name, data)
        try:
            state = _wait(door, job, show)
        except KeyboardInterrupt:
            place = f"--resource-group {door.resource_group} --workspace-name {door.workspace}"
            raise Failure(
                f"interrupted; job {job} goes on: `az ml job cancel --name {job} {place}` ends it", code=130
            ) from None
        if state != "completed":
            raise Failure(f"batch endpoint {name}: job {job} ended as {state}{_why(door, job)}")
        show("Downloading")
        rows = _download(door, job, wanted.output)
    return Scored(
        job=job,
        endpoint=name,
        workspace=door.workspace,
        resource_group=door.resource_group,
        files=len(wanted.files),
        rows=rows,
        output=str(wanted.output),
        seconds=round(time.monotonic() - began, 1),
    )


@contextmanager
def _showing(console: Console) -> Generator[Show]:
    """Shows what is going on: in a terminal one line with the time it takes, elsewhere a line each."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def show(text: str, *, passing: bool = False) -> None:
            progress.update(task, description=text)
            if not (console.is_terminal or passing):
                console.print(text)

        yield show


def _endpoint(door: Door, name: str | None, model: str) -> str:
    """The endpoint's name; it exists and has a default deployment."""
    endpoints = door.client.batch_endpoints
    found: Any = name and door.find(f"batch endpoint {name}", lambda: endpoints.get(name))
    if not found:
        there = sorted(
            door.do(f"workspace {door.workspace}", lambda: [str(one.name) for one in endpoints.list()])
        )
        known = f"workspace {door.workspace} has {', '.join(there) or 'none'}"
        if name is not None:
            raise Failure(f"there is no batch endpoint {name}; {known}", code=2)
        # As the platform names them: MODEL-b-SUFFIX.
        own = [one for one in there if one.startswith(f"{model.replace('_', '-')}-b-")]
        if len(own) != 1:
            raise Failure(f"--endpoint: which is {model}'s? {known}", code=2)
        return _endpoint(door, own[0], model)
    if not getattr(found.defaults, "deployment_name", None):
        raise Failure(
            f"batch endpoint {name} has no default deployment, so it can't score; deploy the model", code=2
        )
    return str(found.name)


def _upload(door: Door, wanted: Wanted, show: Show) -> str:
    """Sends the files that aren't there yet; where they are. The same files are sent once, also by interrupted runs."""
    names = {path: path.relative_to(wanted.folder).as_posix() for path in wanted.files}
    whole = hashlib.sha256()
    for path, name in names.items():
        try:
            with path.open("rb") as stream:
                whole.update(f"{name}\n{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise Failure(f"{path}: can't be read ({error.strerror}); mend or remove it", code=2) from None
    prefix = f"batch-input/{wanted.model}/{whole.hexdigest()[:16]}/"
    container = door.datastore(_DATASTORE)
    there = door.do("uploaded files", lambda: {blob.name for blob in container.list_blobs(prefix)})
    missing = [path for path, name in names.items() if f"{prefix}{name}" not in there]
    show(f"Uploading {len(missing):,} files")
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        sending = [threads.submit(_send, door, container, f"{prefix}{names[path]}", path) for path in missing]
        for number, sent in enumerate(sending, 1):
            sent.result()
            show(f"Uploading: {number:,} of {len(missing):,} files", passing=True)
    return f"azureml://datastores/{_DATASTORE}/paths/{prefix}"


def _send(door: Door, container: ContainerClient, blob: str, path: Path) -> None:
    def send() -> None:
        with path.open("rb") as stream:
            container.upload_blob(blob, stream, overwrite=True)

    door.do(f"upload of {path}", send)


def _invoke(door: Door, endpoint: str, data: str) -> str:
    from azure.ai.ml import Input  # noqa: PLC0415 (takes seconds)
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields  # noqa: PLC0415

    # azure-ai-ml 1.35 keeps the deployment that a process named in one call for its next ones.
    EndpointInvokeFields.DEFAULT_HEADER.pop(EndpointInvokeFields.MODEL_DEPLOYMENT, None)
    given = Input(type="uri_folder", path=data)
    started: Any = door.do(
        f"batch endpoint {endpoint}", lambda: door.client.batch_endpoints.invoke(endpoint, input=given)
    )
    return str(started.name)


def _wait(door: Door, job: str, show: Show) -> str:
    said = ""

    def look() -> str:
        nonlocal said
        state = word(door.do(f"job {job}", lambda: door.client.jobs.get(job)).status)
        if state != said:
            said = state
            show(f"Job {job} is {state}")
        return state

    return door.until(f"job {job}", look, lambda state: state in FINISHED, door.settings.training_timeout)


def _why(door: Door, job: str) -> str:
    """The last words of the step that scored, as far as they can be had."""
    try:
        with tempfile.TemporaryDirectory(prefix="mlops-score-") as scratch:
            for step in list(door.client.jobs.list(parent_job_name=job)):
                door.client.jobs.download(str(step.name), download_path=scratch)
            for pattern in _LOGS:
                for log in sorted(Path(scratch).glob(f"artifacts/{pattern}")):
                    if words := last_words(log.read_text(errors="replace")):
                        return f": {words}"
    except Exception:  # noqa: BLE001 - the failure itself matters more than why its log can't be read
        return ""
    return ""


def _download(door: Door, job: str, output: Path) -> int:
    """Puts the one file that a job wrote at ``output``, at once; its lines."""
    # Beside it: a rename within one file system replaces all or nothing.
    with tempfile.TemporaryDirectory(prefix=".score-", dir=output.absolute().parent) as scratch:
        jobs = door.client.jobs
        door.do(f"job {job}", lambda: jobs.download(job, download_path=scratch, output_name=_SCORE))
        written = [path for path in Path(scratch).rglob("*") if path.is_file()]
        if len(written) != 1:
            names = ", ".join(sorted(path.name for path in written)) or "none"
            raise Failure(
                f"job {job} wrote {len(written)} files ({names}), not one; get them with `az ml job download --name {job} "
                f"--output-name {_SCORE}`"
            )
        with written[0].open("rb") as stream:
            rows = sum(1 for _ in stream)
        written[0].replace(output)
    return rows
