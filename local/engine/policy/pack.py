"""A policy pack: its folder, the process that runs its policies, and that process's gRPC calls."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import yaml
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from local.engine.error import EngineError, UnsupportedError
from local.engine.policy.policy_config import (
    ADVISORY,
    DISABLED,
    MANDATORY,
    REMEDIATE,
    RESOURCE,
    STACK,
    Policy,
    PolicySetting,
    Settings,
)
from local.engine.program.child_process import end
from local.engine.providers.provider import CHANNEL_OPTIONS
from local.engine.workspace.project import Loader, Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_LEASH = Path(__file__).parents[1] / "providers" / "leash.py"
_START_SECONDS = 60.0
_LEVELS = (ADVISORY, MANDATORY, DISABLED, REMEDIATE)  # as the protocol numbers them
_KINDS = ("", RESOURCE, STACK)
_SEVERITIES = ("", "low", "medium", "high", "critical")
_NO_ENGINE = "127.0.0.1:0"  # a pack's process is told where the engine is, and never calls it


@dataclass(frozen=True)
class PackSource:
    """What the command line names: a pack's folder, and the file that sets its policies or an empty text."""

    path: str
    config: str = ""

    def project(self) -> Project:
        """PulumiPolicy.yaml; raises EngineError for a folder without one, UnsupportedError for another runtime."""
        folder = Path(self.path)
        file = folder / "PulumiPolicy.yaml"
        try:
            settings = yaml.load(file.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - it is the safe one
        except OSError as error:
            raise EngineError(
                f'failed to load Pulumi policy project located at "{self.path}": {file}: {error.strerror}; '
                "--policy-pack takes the folder of a PulumiPolicy.yaml"
            ) from error
        except yaml.YAMLError as error:
            raise EngineError(f"{file} is not YAML: {str(error).splitlines()[-1].strip()}") from error
        runtime = settings.get("runtime") if isinstance(settings, dict) else None
        name = runtime.get("name") if isinstance(runtime, dict) else runtime
        if name != "python":
            raise UnsupportedError(f"the runtime '{name}' of the policy pack {file}")
        project = Project(file=file.resolve(), settings=settings)
        if project.options.get("toolchain") == "uv":
            project.options.setdefault("virtualenv", ".venv")
        elif project.options.get("toolchain", "pip") != "pip":
            raise UnsupportedError(
                f"the toolchain '{project.options['toolchain']}' of the policy pack {file}"
            )
        if not project.program.is_file():
            raise EngineError(
                f"the policy pack {self.path} has no __main__.py, which makes the PolicyPack; create it"
            )
        return project

    def setting_text(self) -> str:
        """What the configuration file says; an empty text without one."""
        if not self.config:
            return ""
        try:
            return Path(self.config).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise EngineError(
                f"--policy-pack-config {self.config} can't be read: {reason}; name a JSON file"
            ) from error


@dataclass(frozen=True)
class StackFacts:
    """What packs are told of the stack they judge."""

    project: str
    stack: str
    organization: str
    preview: bool
    config: dict[str, str]
    secret_keys: list[str]


class PolicyProcess:
    """The client of a pack's process."""

    def __init__(self, source: PackSource, say: Callable[[str, str], None]) -> None:
        self.source = source
        self._say = say
        self._project = source.project()
        self._python = self._project.python()
        self._complaints: deque[str] = deque(maxlen=100)
        self._process: asyncio.subprocess.Process | None = None
        self._channel: grpc.aio.Channel | None = None
        self._stub: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self.name = ""
        self.version = ""
        self.policies: list[Policy] = []
        self.initial: Settings = {}
        self.takes_settings = False

    async def start(self, facts: StackFacts) -> None:
        """Run the pack and learn what is in it; raises EngineError if it doesn't run."""
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PULUMI_ORGANIZATION": facts.organization,
            "PULUMI_PROJECT": facts.project,
            "PULUMI_STACK": facts.stack,
            "PULUMI_DRY_RUN": str(facts.preview).lower(),
            "PULUMI_CONFIG": json.dumps(facts.config),
        }
        folder = str(self._project.folder)
        self._process = await asyncio.create_subprocess_exec(
            self._python,
            "-u",
            str(_LEASH),
            "pulumi.policy",
            _NO_ENGINE,
            folder,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the engine's
        )
        port = await self._port(self._process)
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
        self._stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)
        await self._introduce(facts, folder)
        await self._learn()

    async def _port(self, process: asyncio.subprocess.Process) -> int:
        assert process.stdout is not None  # noqa: S101 - pipes were asked for
        assert process.stderr is not None  # noqa: S101
        complaining = asyncio.ensure_future(self._relay(process.stderr, "info#err"))
        try:
            async with asyncio.timeout(_START_SECONDS):
                while line := await process.stdout.readline():
                    if line.strip().isdigit():
                        self._tasks += [
                            complaining,
                            asyncio.ensure_future(self._relay(process.stdout, "info")),
                        ]
                        return int(line)
                    self._say("info", line.decode(errors="replace"))
                await complaining
        except TimeoutError:
            complaining.cancel()
            self._complaints.append(f"it made no PolicyPack within {_START_SECONDS:.0f} s")
        raise EngineError(
            f"the policy pack {self.source.path} did not start: {_reason(self._complaints)}; mend it, or run without it"
        )

    async def _relay(self, stream: asyncio.StreamReader, severity: str) -> None:
        """Show what the pack prints once it runs; what it complains of is kept for the error that follows."""
        while line := await stream.readline():
            text = line.decode(errors="replace")
            if severity == "info#err":
                self._complaints.append(text.rstrip())
            if self._stub is not None:
                self._say(severity, text)

    async def _introduce(self, facts: StackFacts, folder: str) -> None:
        """Tell the pack where it is and of which stack; packs of older SDKs don't ask."""
        handshake = analyzer_pb2.AnalyzerHandshakeRequest(
            engine_address=_NO_ENGINE, root_directory=folder, program_directory=folder
        )
        await self._optional("Handshake", handshake)
        about = analyzer_pb2.AnalyzerStackConfigureRequest(
            stack=facts.stack,
            project=facts.project,
            organization=facts.organization,
            dry_run=facts.preview,
            config=facts.config,
            config_secret_keys=facts.secret_keys,
        )
        await self._optional("ConfigureStack", about)

    async def _learn(self) -> None:
        info = await self._call("GetAnalyzerInfo", empty_pb2.Empty())
        # What PulumiPolicy.yaml says goes before what the SDK makes up.
        self.name, self.version = info.name, str(self._project.settings.get("version") or info.version)
        self.takes_settings = info.supportsConfig
        self.initial = {
            name: PolicySetting(
                _LEVELS[setting.enforcementLevel], json_format.MessageToDict(setting.properties)
            )
            for name, setting in info.initialConfig.items()
        }
        self.policies = sorted((_policy(policy) for policy in info.policies), key=lambda policy: policy.name)

    async def configure(self, settings: Mapping[str, PolicySetting]) -> None:
        """Have the policies run with these levels and settings."""
        request = analyzer_pb2.ConfigureAnalyzerRequest()
        for name, setting in settings.items():
            entry = request.policyConfig[name]
            entry.enforcementLevel = _LEVELS.index(setting.level)  # pyright: ignore[reportAttributeAccessIssue]
            entry.properties.update(setting.properties)
        await self._call("Configure", request)
        self.policies = [replace(policy, level=settings[policy.name].level) for policy in self.policies]

    async def analyze(self, request: analyzer_pb2.AnalyzeRequest) -> Any:
        """What resource policies say of a resource."""
        return await self._call("Analyze", request)

    async def remediate(self, request: analyzer_pb2.AnalyzeRequest) -> Any:
        """How remediating policies change a resource."""
        return await self._call("Remediate", request)

    async def analyze_stack(self, request: analyzer_pb2.AnalyzeStackRequest) -> Any:
        """What stack policies say of all resources."""
        return await self._call("AnalyzeStack", request)

    async def _call(self, method: str, request: Any) -> Any:
        try:
            return await getattr(self._stub, method)(request)
        except grpc.aio.AioRpcError as error:
            reason = (error.details() or error.code().name).replace(
                "Exception calling application: ", "a policy raised "
            )
            at = f" on {request.urn}" if isinstance(request, analyzer_pb2.AnalyzeRequest) else ""
            raise EngineError(
                f"{method} of the policy pack {self.name or self.source.path} failed{at}: {reason}; mend the pack"
            ) from error

    async def _optional(self, method: str, request: Any) -> None:
        try:
            await getattr(self._stub, method)(request)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                raise EngineError(
                    f"{method} of the policy pack {self.source.path} failed: {error.details()}"
                ) from error

    async def close(self) -> None:
        """End the process."""
        if self._channel is not None:
            await self._channel.close()
        if self._process is not None:
            await end(self._process)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _policy(info: Any) -> Policy:
    schema = json_format.MessageToDict(info.configSchema.properties) if info.HasField("configSchema") else {}
    return Policy(
        name=info.name,
        level=_LEVELS[info.enforcementLevel],
        kind=_KINDS[info.policy_type],
        severity=_SEVERITIES[info.severity],
        schema=schema,
        required=tuple(info.configSchema.required),
    )


def level_of(diagnostic: Any) -> str:
    """A violation's enforcement level; what remediation left over is mandatory."""
    level = _LEVELS[diagnostic.enforcementLevel]
    return MANDATORY if level == REMEDIATE else level


def severity_of(diagnostic: Any) -> str:
    """A violation's severity, or an empty text."""
    return _SEVERITIES[diagnostic.severity]


def _reason(errors: Iterable[str]) -> str:
    """The last line of a traceback, and the last place it names."""
    lines = [line for line in errors if line.strip()]
    if not lines:
        return "it ended without a word"
    places = [found for line in lines if (found := re.search(r'File "([^"<]+)", line (\d+)', line))]
    where = f" ({Path(places[-1][1]).name}, line {places[-1][2]})" if places else ""
    return lines[-1].strip() + where
