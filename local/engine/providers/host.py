"""Starting providers, each once, and ending them with the engine."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine import warm
from local.engine.error import EngineError
from local.engine.program.child_process import end
from local.engine.state.outcome import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.providers.provider import Provider
    from local.engine.state.snapshot import Outcomes
    from local.engine.workspace.project import Project

DYNAMIC = "pulumi-python"
AZURE_NATIVE = "azure-native"
PULUMI = "pulumi"
_REPOSITORY = Path(__file__).resolve().parents[3]
_LEASH = Path(__file__).with_name("leash.py")
_START_SECONDS = 60.0
_LINGER = (
    "MLOPS_ENGINE_LINGER_SECONDS"  # how long a provider may finish its calls after its engine was killed
)
_LINGER_SECONDS = 15.0


def attached() -> dict[str, str]:
    """Package → port of PULUMI_DEBUG_PROVIDERS (`name:port,…`)."""
    pairs = (
        entry.rpartition(":") for entry in os.environ.get("PULUMI_DEBUG_PROVIDERS", "").split(",") if entry
    )
    return {name.strip(): port.strip() for name, _, port in pairs}


def refuse(package: str) -> None:
    """Raise EngineError for a package whose provider this engine can't run."""
    if package not in {DYNAMIC, AZURE_NATIVE, PULUMI} and package not in attached():
        raise EngineError(
            f"the provider '{package}' can't be run by the embedded engine, which has azure-native (for local Azure) "
            "and Python dynamic providers; use the official Pulumi CLI, or attach one with PULUMI_DEBUG_PROVIDERS"
        )


def _linger() -> float:
    text = os.environ.get(_LINGER, "")
    try:
        return float(text) if text else _LINGER_SECONDS
    except ValueError as error:
        raise EngineError(f"{_LINGER} is a number of seconds, not '{text}'") from error


class ProviderHost:
    """The provider processes of one operation."""

    def __init__(
        self,
        project: Project,
        stack: str,
        root: Path,
        say: Callable[[str], None],
        environment: dict[str, str],
        *,
        outcomes: Outcomes | None = None,
    ) -> None:
        self._project = project
        self._stack = stack
        self._root = root
        self._say = say
        self._environment = environment
        self._outcomes = outcomes
        self._addresses: dict[str, asyncio.Task[str]] = {}
        self._processes: list[asyncio.subprocess.Process] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._clients: list[Provider] = []

    def start(self, package: str) -> asyncio.Task[str]:
        """Have a package's process start, if it hasn't; the task gives its address."""
        if package not in self._addresses:
            self._addresses[package] = asyncio.ensure_future(self._start(package))
        return self._addresses[package]

    async def connect(self, package: str) -> Provider:
        """A client of its own for one provider resource."""
        from local.engine.providers.provider import Provider  # noqa: PLC0415 - gRPC is loaded for operations only

        refuse(package)
        client = Provider(package, await self.start(package))
        self._clients.append(client)
        return client

    async def _start(self, package: str) -> str:
        if port := attached().get(package):
            return f"127.0.0.1:{port}"
        environment = {**os.environ, **self._environment}
        environment |= {
            "PULUMI_PROJECT": self._project.name,
            "PULUMI_STACK": self._stack,
            "PULUMI_ORGANIZATION": "organization",
            "PYTHONUNBUFFERED": "1",
        }
        if package == DYNAMIC:
            kind, python, more = warm.DYNAMIC, self._project.python(), []
        else:
            environment["PYTHONPATH"] = os.pathsep.join(
                [str(_REPOSITORY), *filter(None, [environment.get("PYTHONPATH")])]
            )
            kind, python, more = warm.AZURE_NATIVE, sys.executable, ["--leashed"]
        command = [python, str(_LEASH), "--outcomes", kind, *more]
        process = await asyncio.create_subprocess_exec(
            *warm.start_of(kind, command),
            cwd=self._root,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the engine's: what is in flight goes on
        )
        self._processes.append(process)
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        process.stdin.write(json.dumps(self._leash(package)).encode() + b"\n")
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        assert process.stderr is not None  # noqa: S101
        errors: list[str] = []
        self._tasks.append(asyncio.ensure_future(self._relay(package, process.stderr, errors)))
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        except TimeoutError:
            line = b""
        if not line.strip().isdigit():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 2)
            said = " ".join(errors[-3:]) or line.decode(errors="replace").strip() or "it printed no port"
            raise EngineError(f"the provider '{package}' did not start: {said}")
        self._tasks.append(asyncio.ensure_future(self._relay(package, process.stdout, [])))
        return f"127.0.0.1:{int(line)}"

    def _leash(self, package: str) -> dict[str, Any]:
        """Where a provider records what comes of its calls; nowhere if nothing is touched."""
        if self._outcomes is None:
            return {}
        return {
            "file": str(self._outcomes.folder / f"{PREFIX}{package}-{uuid.uuid4().hex}"),
            "key": base64.b64encode(self._outcomes.key).decode(),
            "linger": _linger(),
        }

    async def _relay(self, package: str, stream: asyncio.StreamReader, kept: list[str]) -> None:
        """Show what a provider prints."""
        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip()
            kept.append(text)
            if text:
                self._say(f"{package}: {text}" if package != DYNAMIC else text)

    async def close(self) -> None:
        """End every process: closing its input is enough, killing makes sure."""
        for client in self._clients:
            await client.close()
        for task in self._addresses.values():
            task.cancel()
        await asyncio.gather(*map(end, self._processes))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._addresses.values(), return_exceptions=True)
