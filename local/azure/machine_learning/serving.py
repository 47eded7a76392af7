"""Online deployments as processes: ``azureml-inference-server-http`` in the deployment's own environment.

The control plane calls ``deploy`` while a deployment is being created or updated and ``remove`` when it goes. An update
starts the new servers first, then requests go to them, then the old ones end; another number of instances only starts or
ends some (``instance_pool``). When local Azure starts, every deployment that had succeeded is started again, and requests
wait until it is up.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.machine_learning import (
    asset_download,
    asset_location,
    data_collection,
    environment_build,
    run_identity,
)
from local.azure.machine_learning.instance_pool import Instances, served_by
from local.azure.machine_learning.model_server import Launch, tail

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Record

DEPLOYMENT = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
#: How long a request waits for a deployment that is started again with local Azure, and for one that died.
_RESUME_SECONDS = 120.0
_RECOVERY_SECONDS = 30.0
#: The longest request that Azure allows.
_REQUEST_SECONDS = 180.0
_LAUNCHER = Path(__file__).with_name("inference_server.py")


@dataclass(frozen=True)
class Plan:
    """What a deployment's record asks for."""

    id: str
    workspace: str
    endpoint: str
    deployment: str
    model: str | None
    code: str
    script: str
    environment: str
    variables: Mapping[str, str]
    collector: Mapping[str, Any]
    instances: int

    @property
    def digest(self) -> str:
        """Names the folder of what is downloaded for it: assets are immutable."""
        return hashlib.sha256(json.dumps([self.model, self.code]).encode()).hexdigest()[:12]


def plan(resource_id: str, names: tuple[str, ...], body: Mapping[str, Any]) -> Plan:
    """What to run for a deployment; refuses what needs Docker or Azure's own images."""
    properties: Mapping[str, Any] = body.get("properties") or {}
    code = properties.get("codeConfiguration") or {}
    if not code.get("codeId") or not code.get("scoringScript"):
        raise unsupported(
            "An online deployment without a code configuration (MLflow models, custom containers)"
        )
    environment = properties.get("environmentId")
    if not environment:
        raise bad_request("The deployment has no environment.", target="properties.environmentId")
    _, endpoint, deployment = names
    return Plan(
        id=resource_id,
        workspace=resource_id[: resource_id.lower().rindex("/onlineendpoints/")],
        endpoint=endpoint,
        deployment=deployment,
        model=properties.get("model"),
        code=code["codeId"],
        script=code["scoringScript"],
        environment=environment,
        variables={
            str(name): str(value) for name, value in (properties.get("environmentVariables") or {}).items()
        },
        collector=properties.get("dataCollector") or {},
        instances=int((body.get("sku") or {}).get("capacity") or 1),
    )


@dataclass
class Running:
    """A deployment that is served: its servers, where its collected data goes, and what it was asked to be."""

    instances: Instances
    sink: data_collection.Sink
    plan: Plan


class Serving:
    """All deployments of one local Azure."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self.collection = data_collection.Collection(azure.blobs)
        self._running: dict[str, Running] = {}
        self._starting: dict[str, asyncio.Event] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._started = asyncio.Event()

    async def deploy(self, wanted: Plan) -> None:
        """Starts a deployment's servers; those they replace end once the new ones are live."""
        await self._started.wait()
        async with self._locks.setdefault(wanted.id.lower(), asyncio.Lock()):
            self._say(wanted)
            running = self._running.get(wanted.id.lower())
            if running is not None and _scales(running.plan, wanted):
                await running.instances.resize(served_by(wanted.instances), _REQUEST_SECONDS)
                running.plan = wanted
            else:
                await self._deploy(wanted)

    def processes(self) -> dict[str, dict[int, int]]:
        """The processes that serve, by their deployment's id and their instance's number."""
        return {running.plan.id: running.instances.processes for running in self._running.values()}

    def _say(self, wanted: Plan) -> None:
        log = log_path(self._azure, wanted.endpoint, wanted.deployment)
        log.parent.mkdir(parents=True, exist_ok=True)
        served = served_by(wanted.instances)
        with log.open("a") as stream:
            stream.write(
                f"{self._azure.now():%Y-%m-%dT%H:%M:%SZ} Deploying {wanted.endpoint}/{wanted.deployment}.\n"
            )
            if served < wanted.instances:
                stream.write(
                    f"instanceCount is {wanted.instances}; local Azure serves with {served} processes, one for each of "
                    "this machine's processors.\n"
                )

    async def _deploy(self, wanted: Plan) -> None:
        home = self._azure.directory.deployments / wanted.endpoint / wanted.deployment
        folder, environment = await asyncio.gather(self._download(wanted, home), self._environment(wanted))
        sink = await self._sink(wanted)
        run = home / f"run-{uuid.uuid4().hex[:8]}"
        run.mkdir()
        launch = self._launch(wanted, folder, environment, run, sink)
        instances = Instances(self._azure, lambda number: _of_instance(launch, number))
        try:
            await instances.resize(served_by(wanted.instances), _REQUEST_SECONDS)
        except BaseException:
            self.collection.dismiss(sink)
            shutil.rmtree(run, ignore_errors=True)
            raise
        old = self._running.get(wanted.id.lower())
        self._running[wanted.id.lower()] = Running(instances, sink, wanted)
        if old is not None:
            # What the old servers were asked before the switch, they still answer.
            await old.instances.retire(_REQUEST_SECONDS)
            self.collection.dismiss(old.sink)
        for left in home.iterdir():
            if left not in {folder, run}:
                await asyncio.to_thread(shutil.rmtree, left, ignore_errors=True)

    async def remove(self, resource_id: str, endpoint: str, deployment: str) -> None:
        """Ends a deployment's server and removes its files; nothing to do is fine."""
        async with self._locks.setdefault(resource_id.lower(), asyncio.Lock()):
            running = self._running.pop(resource_id.lower(), None)
            if running is not None:
                await running.instances.stop()
                self.collection.dismiss(running.sink)
        home = self._azure.directory.deployments / endpoint / deployment
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
        with contextlib.suppress(OSError):
            home.parent.rmdir()

    @contextlib.asynccontextmanager
    async def lease(self, resource_id: str) -> AsyncGenerator[str | None]:
        """Where a deployment answers; waits while it is being started. None: it isn't, or not soon enough."""
        key = resource_id.lower()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RESUME_SECONDS):
                await self._started.wait()
                if key in self._starting:
                    await self._starting[key].wait()
        running = self._running.get(key)
        if running is None:
            yield None
            return
        async with running.instances.lease(_RECOVERY_SECONDS) as address:
            yield address

    def record(self, resource_id: str, collection: str, request: str, kind: str, content: bytes) -> None:
        """Collects what Azure's own side of an endpoint collects: ``request`` and ``response``, where enabled."""
        running = self._running.get(resource_id.lower())
        if running is None or collection not in running.sink.folders:
            return
        with contextlib.suppress(ValueError):
            json.loads(content)
            kind = "application/json"
        self.collection.take(
            running.sink,
            {
                "ce-type": f"azureml.inference.{collection}",
                "ce-time": str(self._azure.now().timestamp()),
                "ce-x-request-id": request,
                "trace-id": str(uuid.uuid4()),
                "content-type": kind,
            },
            content,
        )

    async def start(self) -> None:
        """Listens for collected data, and starts what had succeeded before local Azure stopped, in the background."""
        await self.collection.start()
        self._azure.spawn("write collected data", self.collection.run())
        for record in self._azure.store.of_type(DEPLOYMENT):
            if (record.body.get("properties") or {}).get("provisioningState") == "Succeeded":
                self._starting[record.id.lower()] = asyncio.Event()
                self._azure.spawn(f"resume {record.name}", self._resume(record))
        self._started.set()

    async def stop(self) -> None:
        """Ends all servers and writes what was collected."""
        await asyncio.gather(
            *(running.instances.stop() for running in self._running.values()), return_exceptions=True
        )
        self._running.clear()
        await self.collection.stop()

    async def _resume(self, record: Record) -> None:
        key = record.id.lower()
        try:
            await self.deploy(plan(record.id, self._azure.parse(record.id).names, record.body))
        except ArmError as error:
            names = self._azure.parse(record.id).names
            with log_path(self._azure, names[1], names[2]).open("a") as log:
                log.write(f"The deployment could not be started again: {error.message}\n")
        finally:
            self._starting.pop(key).set()

    async def _environment(self, wanted: Plan) -> Path:
        version = self._azure.store.get(
            asset_location.asset_id(self._azure, wanted.workspace, wanted.environment, "environments")
        )
        if version is None:
            raise bad_request(
                f"The environment '{wanted.environment}' does not exist.", target="environmentId"
            )
        described = environment_build.read_version(wanted.environment, version.body.get("properties") or {})
        folder = await environment_build.build(self._azure, described)
        if not (folder / "bin" / "azmlinfsrv").exists():
            raise bad_request(
                "The environment has no inference server: add azureml-inference-server-http to its pip packages.",
                target="environmentId",
            )
        return folder

    async def _download(self, wanted: Plan, home: Path) -> Path:
        """Model and code below one folder, complete if it exists."""
        folder = home / wanted.digest
        if folder.exists():
            return folder
        work = home / f".downloading-{uuid.uuid4().hex[:8]}"
        (work / "model").mkdir(parents=True)
        await self._check_data(wanted)
        await asset_download.fetch_into(self._azure, wanted.workspace, wanted.code, work / "code")
        if wanted.model is not None:
            # As on Azure, AZUREML_MODEL_DIR holds the model's folder under its own name, or its one file.
            await asset_download.fetch(self._azure, wanted.workspace, wanted.model, work / "model")
        work.rename(folder)
        return folder

    async def _check_data(self, wanted: Plan) -> None:
        """Azure gives a system-assigned identity what it needs to read model and code; others need the role from you."""
        holder = run_identity.of_endpoint(self._azure, self._azure.parse(wanted.id).parent)
        if holder is None or not holder[1]:
            return
        for reference in (wanted.code, wanted.model):
            if reference is not None:
                place = await asset_location.locate(self._azure, wanted.workspace, reference)
                run_identity.check_data(self._azure, holder[0], place)

    async def _sink(self, wanted: Plan) -> data_collection.Sink:
        folders: dict[str, data_collection.Folder] = {}
        for name in data_collection.enabled(wanted.collector):
            data = wanted.collector["collections"][name].get("dataId")
            default = f"azureml://datastores/workspaceblobstore/paths/modelDataCollector/{wanted.endpoint}/{wanted.deployment}/{name}"
            place = await asset_location.locate(self._azure, wanted.workspace, data or default)
            folders[name.lower()] = data_collection.Folder(place.account, place.container, place.path)
        return data_collection.Sink(wanted.id, uuid.uuid4().hex, folders)

    def _launch(
        self, wanted: Plan, folder: Path, environment: Path, run: Path, sink: data_collection.Sink
    ) -> Launch:
        code = folder / "code"
        script = code / wanted.script
        if not script.is_file():
            raise bad_request(
                f"The scoring script '{wanted.script}' is not in the code.",
                target="codeConfiguration.scoringScript",
            )
        holder = run_identity.of_endpoint(self._azure, self._azure.parse(wanted.id).parent)
        place = run_identity.place_of_workspace(self._azure, wanted.workspace)
        env = environment_build.variables(self._azure, environment, holder, place)
        env |= {
            "AML_APP_ROOT": str(code),
            "AZUREML_ENTRY_SCRIPT": wanted.script,
            "AZUREML_MODEL_DIR": str(folder / "model"),
            "SERVICE_NAME": wanted.endpoint,
            "WORKSPACE_NAME": wanted.workspace.rsplit("/", 1)[-1],
        }
        if sink.folders:
            env |= self.collection.admit(sink, wanted.collector, run)
        env |= wanted.variables
        python = str(environment / "bin" / "python")
        return Launch(
            name=f"deployment-{wanted.endpoint}-{wanted.deployment}",
            command=[python, str(_LAUNCHER), "--entry_script", str(script)],
            cwd=code,
            env=env,
            log=log_path(self._azure, wanted.endpoint, wanted.deployment),
        )


def _scales(old: Plan, new: Plan) -> bool:
    """Whether nothing but the number of instances is another one."""
    return old.instances != new.instances and replace(old, instances=new.instances) == new


def _of_instance(launch: Launch, number: int) -> Launch:
    return launch if number == 1 else replace(launch, name=f"{launch.name}-{number}")


_servings: dict[int, Serving] = {}


def of(azure: Azure) -> Serving:
    """The deployments of a local Azure."""
    if id(azure) not in _servings:
        _servings[id(azure)] = Serving(azure)
    return _servings[id(azure)]


def log_path(azure: Azure, endpoint: str, deployment: str) -> Path:
    """The log of a deployment's container."""
    return azure.directory.logs / f"deployment-{endpoint}-{deployment}.log"


def logs(azure: Azure, endpoint: str, deployment: str, lines: int) -> str:
    """The last lines of a deployment's log."""
    return tail(log_path(azure, endpoint, deployment), lines)


async def deploy(azure: Azure, record: Record) -> None:
    """Makes a deployment answer; ``ArmError`` with the end of its log where it can't."""
    await of(azure).deploy(plan(record.id, azure.parse(record.id).names, record.body))


async def remove(azure: Azure, record: Record) -> None:
    """Ends a deployment."""
    _, endpoint, deployment = azure.parse(record.id).names
    await of(azure).remove(record.id, endpoint, deployment)


async def start(azure: Azure) -> None:
    """Takes collected data, and starts the deployments again that ran before."""
    environment_build.sweep(azure)
    await of(azure).start()


async def stop(azure: Azure) -> None:
    """Ends all deployments."""
    serving = _servings.pop(id(azure), None)
    if serving is not None:
        await serving.stop()
