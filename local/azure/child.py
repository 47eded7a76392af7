"""Child processes of local Azure: each in a process group of its own, each on a leash (``leash.py``)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEASH = Path(__file__).with_name("leash.py")
_GRACE = 5.0


class LeashedChild:
    """``azure.Child``. ``pid`` is the leash's and the process group's."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """The exit code; 128 + N if signal N ended it."""
        code = await self._process.wait()
        _signal_group(self.pid, signal.SIGKILL)
        return code if code >= 0 else 128 - code

    async def stop(self) -> None:
        """SIGTERM to its process group, SIGKILL after five seconds; returns when it is gone."""
        if self.running:
            _signal_group(self.pid, signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), _GRACE)
            except TimeoutError:
                _signal_group(self.pid, signal.SIGKILL)
        await self.wait()


class LeashedChildren:
    """``azure.Children``."""

    def __init__(self) -> None:
        self._running: set[LeashedChild] = set()

    async def start(
        self, name: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> LeashedChild:
        """Starts ``command`` in its own process group; stdout and stderr go to ``log`` (appended)."""
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_LEASH)),
                *command,
                cwd=cwd,
                env=dict(env),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        child = LeashedChild(name, process)
        self._running = {other for other in self._running if other.running} | {child}
        return child

    async def stop_all(self) -> None:
        """Stops all children at once."""
        await asyncio.gather(*(child.stop() for child in self._running))
        self._running.clear()


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
