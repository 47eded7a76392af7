"""``python -m ops score``: scores a folder of files through a model's batch endpoint, into one file.

The folder is uploaded, the endpoint's default deployment scores it as a job on the platform's cluster, and what the job
wrote is downloaded as it is. Where the endpoint is, the outputs of a stack say, or options, or the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ml.client import FINISHED, AzureMLError, Door, Settings, last_words, subscription, word
from ops.engine import REPOSITORY, EngineError, choose
from ops.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The output of every batch job.
_SCORE = "score"
#: Where a failed step's own words are: the script's errors, else what it all printed.
_LOGS = ("logs/user/error.txt", "user_logs/std_log*.txt")


@dataclass(frozen=True)
class Target:
    """A batch endpoint. No name: the one of the model."""

    subscription: str | None
    resource_group: str
    workspace: str
    endpoint: str | None


@dataclass(frozen=True)
class Wanted:
    """What to score: a folder with so many files, and where the predictions go."""

    model: str
    folder: Path
    files: int
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


def score(
    model: Annotated[str, typer.Argument(help="The model, as its folder is called.")],
    folder: Annotated[Path, typer.Argument(help="The files to score.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the predictions go.")] = Path(
        "predictions.csv"
    ),
    stack: Annotated[
        str | None,
        typer.Option(
            help="Where the model is deployed; the selected stack unless a workspace is named here or in the environment."
        ),
    ] = None,
    subscription_id: Annotated[
        str | None, typer.Option("--subscription", envvar="AZURE_SUBSCRIPTION_ID", help="Its subscription.")
    ] = None,
    resource_group: Annotated[
        str | None, typer.Option(envvar="AZURE_RESOURCE_GROUP", help="The workspace's resource group.")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(envvar="AZURE_WORKSPACE_NAME", help="The workspace, without a stack.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="The batch endpoint; the model's unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
) -> None:
    """Score a folder of files through a model's batch endpoint, into one file."""
    count = _check(folder, output)
    if stack is None and resource_group and workspace:
        target = Target(subscription_id, resource_group, workspace, endpoint)
    else:
        target = _deployed(stack, model, subscription_id, endpoint)
    console = Console(stderr=True, highlight=False)
    try:
        done = _run(console, target, Wanted(model, folder, count, output))
    except AzureMLError as error:
        raise Failure(str(error)) from None
    if as_json:
        sys.stdout.write(json.dumps(asdict(done), indent=2) + "\n")
    else:
        sys.stdout.write(
            f"{done.output}: {done.rows:,} rows from {done.files:,} files in {done.seconds:.0f} s (job {done.job})\n"
        )


def _check(folder: Path, output: Path) -> int:
    """How many files there are to score; refuses what can't end well before anything is sent."""
    if not folder.is_dir():
        raise Failure(f"{folder}: is no folder, so there is nothing to score; name one with files", code=2)
    count = sum(1 for path in folder.rglob("*") if path.is_file())
    if not count:
        raise Failure(f"{folder}: has no files, so there is nothing to score; put some into it", code=2)
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise Failure(f"{output}: can't be written; name a file in a folder that is there", code=2)
    return count


def _deployed(stack: str | None, model: str, subscription_id: str | None, endpoint: str | None) -> Target:
    """Where a stack says that a model is deployed."""
    outputs = json.loads(_engine("stack", "output", "--json", stack=stack) or "{}")
    called = f"stack {stack}" if stack else "the selected stack"
    if not outputs.get("workspace"):
        raise Failure(
            f"{called} has deployed no workspace, so there is nothing to score with; run `up` first, or name one with "
            "--resource-group and --workspace",
            code=2,
        )
    models: Mapping[str, Any] = outputs.get("models") or {}
    if endpoint is None and model not in models:
        raise Failure(
            f"{called} has no model {model}; write one of: {', '.join(sorted(models)) or 'none yet'}", code=2
        )
    if subscription_id is None:
        subscription_id = _engine("config", "get", "azure-native:subscriptionId", stack=stack, optional=True)
    return Target(
        subscription_id or None,
        outputs["resourceGroup"],
        outputs["workspace"],
        endpoint or models[model]["batchEndpoint"],
    )


def _engine(*words: str, stack: str | None, optional: bool = False) -> str:
    """What an engine's command prints; empty where an ``optional`` one fails."""
    try:
        engine = choose(os.environ)
    except EngineError as error:
        raise Failure(str(error), code=2) from None
    place = Path.cwd() if (Path.cwd() / "Pulumi.yaml").is_file() else REPOSITORY
    chosen = ["--stack", stack] if stack else []
    command = [str(engine.executable), *words, "--non-interactive", *chosen]
    ran = subprocess.run(  # noqa: S603 (the engine, our own arguments)
        command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if ran.returncode and not optional:
        said = [" ".join(line.split()) for line in ran.stderr.splitlines() if line.strip()]
        reason = (said or ["the engine ended without a word"])[-1].removeprefix("error: ")
        raise Failure(
            f"`pulumi {' '.join(words)}` failed: {reason}; name a stack with --stack, or a workspace with --resource-group "
            "and --workspace",
            code=2,
        )
    return "" if ran.returncode else ran.stdout.strip()


def _run(console: Console, target: Target, wanted: Wanted) -> Scored:
    """Uploads, invokes, waits, downloads."""
    began = time.monotonic()
    settings = Settings(subscription(target.subscription))
    door = Door(settings, target.resource_group, target.workspace, say=console.print)
    with console.status("Connecting") as status:

        def show(text: str) -> None:
            status.update(text) if console.is_terminal else console.print(text)

        name = _endpoint(door, target.endpoint, wanted.model)
        show(f"Uploading {wanted.files:,} files")
        job = _invoke(door, name, wanted.folder)
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
        files=wanted.files,
        rows=rows,
        output=str(wanted.output),
        seconds=round(time.monotonic() - began, 1),
    )


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


def _invoke(door: Door, endpoint: str, folder: Path) -> str:
    from azure.ai.ml import Input  # noqa: PLC0415 (takes seconds)

    # Absolute: a relative path with a colon or an @ in it would be taken for a data asset.
    data = Input(type="uri_folder", path=str(folder.resolve()))
    started: Any = door.do(
        f"batch endpoint {endpoint}", lambda: door.client.batch_endpoints.invoke(endpoint, input=data)
    )
    return str(started.name)


def _wait(door: Door, job: str, show: Callable[[str], None]) -> str:
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
