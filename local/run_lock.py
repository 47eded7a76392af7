"""One ``make up`` or ``make down`` at a time.

The lock is the operating system's (``flock``), so a killed run frees it; the file beside it only tells who holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class HeldError(Exception):
    """Another run holds the lock; the message says which, since when, and what to do."""


@contextmanager
def run_lock(path: Path, command: str) -> Generator[None]:
    """Holds the lock at ``path`` for the time of a ``with`` block.

    Raises:
        HeldError: another process holds it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HeldError(_holder(path)) from None
        file.truncate(0)
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        file.write(json.dumps({"pid": os.getpid(), "command": command, "since": now}))
        file.flush()
        yield
        file.truncate(0)


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text())
        who = f"`{held['command']}` (process {held['pid']}, since {held['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        who = "Another `make up` or `make down`"
    return f"{who} is at work on {path.parent}; wait until it has ended, then run this again."
