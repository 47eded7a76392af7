"""The end of a child process of the engine."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


async def end(process: asyncio.subprocess.Process) -> None:
    """Kills a child unless it has ended, and waits for it.

    Not by ``Process.kill``: that asks first whether the child lives, and so reaps one that has ended just now, for which
    asyncio is waiting, and which complains on standard error (python/cpython#87744, mended this way in 3.13).
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()
