"""Running the program: as a process of its own, or in the process of an Automation API client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from local.engine.error import EngineError
from local.engine.program.child_process import end

if TYPE_CHECKING:
    from local.engine.display.events import Stream
    from local.engine.workspace.project import Project

_RUNNER = Path(__file__).with_name("program_main.py")
_ERROR_SHOWN = 32


class Program(Protocol):
    """Something that registers resources."""

    async def run(self, settings: dict[str, Any]) -> str | None:
        """Run it against the engine at `settings["address"]`; returns what went wrong, if it isn't shown already."""
        ...

    async def stop(self) -> None:
        """End it, if it still runs."""
        ...


class ProcessProgram:
    """`__main__.py` in the project's interpreter. Started at once: importing the SDK takes a while."""

    def __init__(self, project: Project, environment: dict[str, str], events: Stream) -> None:
        self._project = project
        self._events = events
        if not project.program.is_file():
            raise EngineError(
                f"no program in {project.program_folder}: {project.program.name} is not there; create it, or set `main` "
                f"in {project.file.name}"
            )
        self._process = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                project.python(),
                "-u",
                str(_RUNNER),
                cwd=project.program_folder,
                env={**os.environ, **environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is the engine's
            )
        )

    async def run(self, settings: dict[str, Any]) -> str | None:
        """Hand over the settings, relay what it prints, wait for its end."""
        process = await self._process
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        line = json.dumps(
            {
                **settings,
                "program": str(self._project.program),
                "folder": str(self._project.program_folder),
                "root": str(self._project.folder),
            }
        )
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            process.stdin.write(line.encode() + b"\n")
            await process.stdin.drain()
        await asyncio.gather(
            self._relay(process.stdout, "info", 1), self._relay(process.stderr, "info#err", 2)
        )
        code = await process.wait()
        if code == 0:
            return None
        if code == _ERROR_SHOWN:
            return ""
        return f"an unhandled error occurred: program exited with non-zero exit code: {code}"

    async def _relay(self, stream: asyncio.StreamReader | None, severity: str, number: int) -> None:
        assert stream is not None  # noqa: S101 - pipes were asked for
        while line := await stream.readline():
            if line != b"\n":
                self._events.diagnose(severity, line.decode(errors="replace"), stream=number)

    async def stop(self) -> None:
        """Kill it: it has nothing that outlives the engine's answer."""
        await end(await self._process)


class InlineProgram:
    """A function of an Automation API client, run through the language runtime it serves."""

    def __init__(self, address: str) -> None:
        import grpc  # noqa: PLC0415 - for inline programs only: a program's process is started before it is needed
        from pulumi.runtime.proto import language_pb2_grpc  # noqa: PLC0415

        self._channel = grpc.aio.insecure_channel(address)
        self._stub: Any = language_pb2_grpc.LanguageRuntimeStub(self._channel)

    async def run(self, settings: dict[str, Any]) -> str | None:
        """Ask the client to run it."""
        import grpc  # noqa: PLC0415
        from pulumi.runtime.proto import language_pb2  # noqa: PLC0415

        request = language_pb2.RunRequest(
            project=settings["project"],
            stack=settings["stack"],
            pwd=str(Path.cwd()),
            args=[settings["address"]],
            config=settings["config"],
            configSecretKeys=settings["secret_keys"],
            dryRun=settings["preview"],
            parallel=settings["parallel"],
            monitor_address=settings["address"],
            organization=settings["organization"],
        )
        try:
            response = await self._stub.Run(request)
        except grpc.aio.AioRpcError as error:
            return f"the client that runs the program has gone: {error.details()}"
        if response.bail:
            return ""
        return f"an unhandled error occurred: {response.error}" if response.error else None

    async def stop(self) -> None:
        """Hang up; the client's function ends with the engine's server."""
        await self._channel.close()
