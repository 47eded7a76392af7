"""Runs one command: its environment, code and inputs are brought, its process runs, its outputs and logs are taken.

At most ``PLACES`` processes of jobs run at a time; others are ``Queued``. The working folder is removed at the end: what
remains of a job is its record, its outputs and, under its artifacts, ``user_logs/std_log.txt`` and what the process
wrote to ``outputs/`` and ``logs/``.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.machine_learning import (
    asset_download,
    asset_location,
    environment_build,
    job_state,
    run_identity,
    tracking,
)
from local.azure.machine_learning.duration import seconds
from local.azure.machine_learning.model_server import tail
from local.azure.machine_learning.pipeline import check_name, fill_command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from local.azure.azure import Azure
    from local.azure.machine_learning.job_state import Job

PLACES = 2
_LOG_SECONDS = 1.0
_ERROR_LINES = 20
STANDARD_LOG = "user_logs/std_log.txt"

_places: dict[int, asyncio.Semaphore] = {}


@dataclass(frozen=True)
class Output:
    """An output to produce: a folder unless ``type`` is ``uri_file``; ``uri`` is where it goes."""

    type: str
    uri: str


@dataclass(frozen=True)
class Work:
    """A command to run. ``inputs`` are literal values and paths on this machine, as text."""

    command: str
    code: str | None
    environment: str
    inputs: Callable[[], Awaitable[Mapping[str, str]]]
    outputs: Mapping[str, Output]
    variables: Mapping[str, str]
    root: str
    experiment: str
    timeout: float | None = None


@dataclass
class Staging:
    """Downloads inputs, each once, for all commands of a job."""

    azure: Azure
    workspace: str
    folder: Path
    #: who reads: the principal whose roles count for datastores without keys
    reader: str | None = None
    _tasks: dict[str, asyncio.Task[Path]] = field(default_factory=dict)

    async def path(self, reference: str) -> Path:
        """The local copy of what a reference points to."""
        if reference not in self._tasks:
            place = await asset_location.locate(self.azure, self.workspace, reference)
            run_identity.check_data(self.azure, self.reader, place)
            target = self.folder / uuid.uuid4().hex[:8]
            target.mkdir(parents=True)
            download = asset_download.fetch(self.azure, self.workspace, reference, target)
            self._tasks[reference] = asyncio.create_task(download)
        return await asyncio.shield(self._tasks[reference])

    async def close(self) -> None:
        """Ends what is still being downloaded."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def value(self, given: Mapping[str, Any]) -> str:
        """A literal's value, else the local path of data (its URI where its mode is ``Direct``)."""
        kind = str(given.get("jobInputType") or given.get("job_input_type") or "literal")
        if kind == "literal":
            return str(given.get("value", ""))
        uri = str(given.get("uri") or "")
        return uri if str(given.get("mode", "")).lower() == "direct" else str(await self.path(uri))


def outputs(name: str, given: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Output]:
    """The outputs that a job's body asks for; ``default`` is its artifacts, not a folder of its own."""
    found: dict[str, Output] = {}
    for output_name, one in given.items():
        if output_name != "default":
            item = one or {}
            kind = str(item.get("jobOutputType") or item.get("job_output_type") or "uri_folder")
            found[output_name] = Output(
                kind, str(item.get("uri") or job_state.output(name, output_name, kind))
            )
    return found


async def perform(job: Job, work: Work, folder: Path) -> Mapping[str, Path]:
    """Runs a command and returns its outputs on this machine; the job's statuses follow. ``ArmError``: it failed."""
    azure = job.azure
    holder = run_identity.of_job(azure, job.record, job.properties)
    place = run_identity.place_of_job(azure, job, job.properties)
    job.update(status=job_state.PREPARING)
    code, made = folder / "code", {name: folder / "outputs" / name for name in work.outputs}
    code.mkdir(parents=True)
    for name, path in made.items():
        check_name(name)
        (path.parent if work.outputs[name].type == "uri_file" else path).mkdir(parents=True, exist_ok=True)
    environment, inputs = await _bring(job, work, code)
    job.update(status=job_state.QUEUED)
    if id(azure) not in _places:
        _places[id(azure)] = asyncio.Semaphore(PLACES)
    async with _places[id(azure)]:
        job.update(status=job_state.RUNNING)
        places = {name: str(path) for name, path in made.items()}
        command = fill_command(work.command, inputs, places, job.name)
        env = environment_build.variables(azure, environment, holder, place) | _variables(
            job, work, inputs, places
        )
        await _process(job, command, code, env, work.timeout)
    job.update(status=job_state.FINALIZING)
    await _upload(job, work.outputs, made, run_identity.principal(holder, job.record))
    return made


async def _bring(job: Job, work: Work, code: Path) -> tuple[Path, Mapping[str, str]]:
    """Environment, inputs and code, at the same time."""

    async def built() -> Path:
        version = job.azure.store.get(
            asset_location.asset_id(job.azure, job.workspace, work.environment, "environments")
        )
        if version is None:
            raise bad_request(f"The environment '{work.environment}' does not exist.")
        described = environment_build.read_version(work.environment, version.body.get("properties") or {})
        return await environment_build.build(job.azure, described)

    async def downloaded() -> None:
        if work.code is not None:
            await asset_download.fetch_into(job.azure, job.workspace, work.code, code)

    environment, inputs, _ = await asyncio.gather(built(), work.inputs(), downloaded())
    return environment, inputs


def _variables(job: Job, work: Work, inputs: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """What Azure ML tells a job about itself."""
    workspace = job.azure.parse(job.workspace)
    return {
        "AZUREML_RUN_ID": job.name,
        "AZUREML_JOB_NAME": job.name,
        "AZUREML_ROOT_RUN_ID": work.root,
        "AZUREML_EXPERIMENT_NAME": work.experiment,
        "AZUREML_ARM_SUBSCRIPTION": workspace.subscription_id,
        "AZUREML_ARM_RESOURCEGROUP": workspace.resource_group or "",
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
        "AZUREML_ARM_PROJECT_NAME": work.experiment,
        **tracking.variables(job),
        **{f"AZURE_ML_INPUT_{name}": value for name, value in inputs.items()},
        **{f"AZURE_ML_OUTPUT_{name}": value for name, value in places.items()},
        **work.variables,
    }


async def _process(
    job: Job, command: str, code: Path, env: Mapping[str, str], seconds_allowed: float | None
) -> None:
    """Runs the command in a shell, as Azure does; ``ArmError`` with its last lines where it fails."""
    azure = job.azure
    log = log_path(azure, job.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    child = await azure.children.start(f"job-{job.name}", ["bash", "-c", command], cwd=code, env=env, log=log)
    following = asyncio.create_task(_follow(job, log))
    try:
        async with asyncio.timeout(seconds_allowed):
            status = await child.wait()
    except TimeoutError:
        await child.stop()
        raise ArmError(
            400, "JobTimeout", f"The job took longer than its limit of {seconds_allowed:g} s."
        ) from None
    except asyncio.CancelledError:
        await asyncio.shield(child.stop())
        raise
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        # A process that failed has artifacts too, and they are what explains it.
        with contextlib.suppress(ArmError):
            await _artifacts(job, code, log)
    if status != 0:
        said = tail(log, _ERROR_LINES)
        raise ArmError(
            400, "UserError", f"The command ended with exit code {status}. Its last lines:\n{said}"
        )


async def _follow(job: Job, log: Path) -> None:
    """Uploads the log while it grows, so that ``jobs.stream`` has something to show."""
    size = -1
    while True:
        content = await asyncio.to_thread(_read, log)
        if len(content) != size:
            size = len(content)
            await put_artifact(job, STANDARD_LOG, content)
        await asyncio.sleep(_LOG_SECONDS)


async def put_artifact(job: Job, name: str, content: bytes) -> None:
    """Writes one artifact of a job."""
    place = await asset_location.locate(job.azure, job.workspace, job_state.artifacts(job.name))
    await job.azure.blobs.upload(place.account, place.container, f"{place.path.rstrip('/')}/{name}", content)


async def _artifacts(job: Job, code: Path, log: Path) -> None:
    place = await asset_location.locate(job.azure, job.workspace, job_state.artifacts(job.name))
    await put_artifact(job, STANDARD_LOG, await asyncio.to_thread(_read, log))
    for name in ("outputs", "logs"):
        if (code / name).is_dir():
            prefix = f"{place.path.rstrip('/')}/{name}"
            await job.azure.blobs.upload_folder(code / name, place.account, place.container, prefix)


async def _upload(
    job: Job, wanted: Mapping[str, Output], made: Mapping[str, Path], writer: str | None
) -> None:
    for name, path in made.items():
        place = await asset_location.locate(job.azure, job.workspace, wanted[name].uri)
        run_identity.check_data(job.azure, writer, place, write=True)
        where = place.path.rstrip("/")
        if path.is_dir():
            await job.azure.blobs.upload_folder(path, place.account, place.container, where)
        elif path.is_file():
            content = await asyncio.to_thread(path.read_bytes)
            await job.azure.blobs.upload(place.account, place.container, where, content)
        else:
            raise ArmError(400, "UserError", f"The command did not write its output '{name}' ({path.name}).")


def log_path(azure: Azure, name: str) -> Path:
    """What a job's process says, while it runs and after."""
    return azure.directory.logs / f"job-{name}.log"


def limit(given: Mapping[str, Any]) -> float | None:
    """The time limit of a job or step in seconds, if it has one."""
    text = (given.get("limits") or {}).get("timeout")
    return seconds(text) if text else None


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


async def clean(folder: Path) -> None:
    """Removes a working folder."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
