"""One running model server: started, watched, started again when it dies, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import ClientError, ClientSession, ClientTimeout

from local.azure.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from pathlib import Path

    from local.azure.azure import Azure, Child

#: Azure's default probes give a container 10 s + 30 times 10 s to become live.
LIVE_SECONDS = 310.0
_POLL_SECONDS = 0.1
#: Waits before a dead server is started again, in seconds; the last one repeats.
_BACK_OFF = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
#: A server that lived this long has recovered: the waits start from the beginning.
_RECOVERED_SECONDS = 60.0
_TAIL_LINES = 40
_TAIL_BYTES = 64 * 1024


def tail(log: Path, lines: int = _TAIL_LINES, start: int = 0) -> str:
    """The last lines of a log, not before byte ``start``; empty if there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(start, size - _TAIL_BYTES))
        return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Launch:
    """How to start a server: ``command`` gets ``--port PORT`` appended."""

    name: str
    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    log: Path


class ModelServer:
    """A server process on loopback that is kept alive until ``stop``."""

    def __init__(self, azure: Azure, launch: Launch) -> None:
        self._azure = azure
        self._launch = launch
        self._child: Child | None = None
        self._live = asyncio.Event()
        self._stopped = asyncio.Event()
        self._port = 0
        self.leases = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def live(self) -> bool:
        """Whether it answers."""
        return self._live.is_set()

    @property
    def process(self) -> int | None:
        """The id of its process while it is live."""
        return self._child.pid if self._child is not None and self.live else None

    async def start(self, seconds: float = LIVE_SECONDS) -> None:
        """Starts the process; returns when it is live, raises ``ArmError`` with the end of its log if it isn't."""
        start = self._launch.log.stat().st_size if self._launch.log.exists() else 0
        child = await self._begin()
        try:
            async with asyncio.timeout(seconds):
                alive = await self._until_live(child)
        except TimeoutError:
            await self.stop()
            raise self._failure(f"did not become live within {seconds:.0f} s", start) from None
        except BaseException:
            await self.stop()
            raise
        if not alive:
            raise self._failure("ended before it was live", start)
        self._azure.spawn(f"watch {self._launch.name}", self._watch(child))

    @asynccontextmanager
    async def lease(self, seconds: float) -> AsyncGenerator[str | None]:
        """``http://127.0.0.1:PORT`` once the server is live, kept while the lease lasts; None after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._live.wait()
        except TimeoutError:
            yield None
            return
        self.leases += 1
        self._idle.clear()
        try:
            yield f"http://127.0.0.1:{self._port}"
        finally:
            self.leases -= 1
            if self.leases == 0:
                self._idle.set()

    async def retire(self, seconds: float) -> None:
        """Ends the process when the last lease ends, after ``seconds`` at the latest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await self.stop()

    async def stop(self) -> None:
        """Ends the process; it isn't started again."""
        self._stopped.set()
        self._live.clear()
        if self._child is not None:
            await self._child.stop()

    async def _begin(self) -> Child:
        self._port = free_port()
        launch = self._launch
        launch.log.parent.mkdir(parents=True, exist_ok=True)
        command = [*launch.command, "--port", str(self._port)]
        self._child = await self._azure.children.start(
            launch.name, command, cwd=launch.cwd, env=launch.env, log=launch.log
        )
        return self._child

    async def _until_live(self, child: Child) -> bool:
        """Asks the server's health route until it answers; False once the process has ended."""
        ended = asyncio.ensure_future(child.wait())
        try:
            async with ClientSession(timeout=ClientTimeout(total=5)) as session:
                while not ended.done():
                    try:
                        async with session.get(f"http://127.0.0.1:{self._port}/") as answer:
                            if answer.status == 200:
                                self._live.set()
                                return True
                    except (ClientError, TimeoutError):
                        pass
                    await asyncio.wait([ended], timeout=_POLL_SECONDS)
            return False
        finally:
            ended.cancel()

    async def _watch(self, child: Child) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            await child.wait()
            self._live.clear()
            if self._stopped.is_set():
                return
            if loop.time() - started > _RECOVERED_SECONDS:
                failures = 0
            pause = _BACK_OFF[min(failures, len(_BACK_OFF) - 1)]
            failures += 1
            with self._launch.log.open("a") as log:
                log.write(f"The server ended by itself; starting it again in {pause:g} s.\n")
            try:
                async with asyncio.timeout(pause):
                    await self._stopped.wait()
            except TimeoutError:
                pass
            else:
                return
            child = await self._begin()
            if self._stopped.is_set():  # stop() came while the process was being started
                await child.stop()
                return
            await self._until_live(child)

    def _failure(self, what: str, start: int) -> ArmError:
        """As Azure reports a container that doesn't come up, with the log it asks people to look at."""
        said = tail(self._launch.log, start=start)
        return ArmError(400, "ResourceNotReady", f"The model server {what}. The end of its log:\n{said}")
