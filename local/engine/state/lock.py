"""A stack's lock, in the official file format: one run at a time, and nobody waits for the dead."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextlib.contextmanager
def held(folder: Path) -> Generator[list[str]]:
    """Hold a stack; yields what to tell the user about locks of dead processes that were taken over.

    Raises EngineError that says who holds it and since when, or why it can't be locked.
    """
    mine = folder / f"{uuid.uuid4()}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Those who come at the same moment look one after the other: exactly one of them gets it.
        with _alone(folder):
            notes = _taken_over(folder)
            temporary = mine.with_suffix(".tmp")
            temporary.write_text(json.dumps(_holder()), encoding="utf-8")
            temporary.replace(mine)
        # The official CLI doesn't queue with us: it looks again after it has written its own, and so do we.
        _taken_over(folder, mine)
    except OSError as error:
        mine.with_suffix(".tmp").unlink(missing_ok=True)
        raise EngineError(
            f"the stack can't be locked: {folder} can't be written ({error.strerror}); nothing was begun"
        ) from error
    except EngineError:
        mine.unlink(missing_ok=True)
        raise
    try:
        yield notes
    finally:
        with contextlib.suppress(OSError):  # it counts no longer once this process is gone
            mine.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _taken_over(folder: Path, mine: Path | None = None) -> list[str]:
    """Remove the locks of dead processes; raises EngineError if one is left."""
    notes: list[str] = []
    others: list[str] = []
    for file in sorted(folder.glob("*.json")):
        if file == mine:
            continue
        try:
            lock = _Lock.read(file)
        except FileNotFoundError:
            continue
        if lock is None:
            others.append(f"\n  file://{file}: it can't be read, so nobody knows whose it is")
        elif lock.is_dead():
            file.unlink(missing_ok=True)
            notes.append(f"took over the lock of {lock}: that process is gone")
        else:
            others.append(f"\n  file://{file}: created by {lock}")
    if others:
        raise EngineError(
            f"the stack is currently locked by {len(others)} lock(s). Either wait for the other process(es) to end "
            "or delete the lock file with `pulumi cancel`." + "".join(others)
        )
    return notes


class _Lock:
    """A lock file's content."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._user: str = fields["username"]
        self._host: str = fields["hostname"]
        self._pid: int = fields["pid"]
        self._since: str = fields["timestamp"]

    @classmethod
    def read(cls, file: Path) -> _Lock | None:
        """The lock of a file, None if it isn't one."""
        try:
            return cls(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError):
            return None

    def __str__(self) -> str:
        """Who holds it and since when."""
        try:
            when = datetime.fromisoformat(self._since).replace(microsecond=0).isoformat()
        except ValueError:
            when = self._since
        return f"{self._user}@{self._host} (pid {self._pid}) at {when.replace('+00:00', 'Z')}"

    def is_dead(self) -> bool:
        """Whether its holder, on this machine, runs no more; a younger process with its number is somebody else.

        One that was killed and that its parent hasn't asked after yet is still listed, as a zombie.
        """
        if self._host != socket.gethostname():
            return False
        import psutil  # noqa: PLC0415 - for who finds a lock

        try:
            holder = psutil.Process(self._pid)
            if holder.status() == psutil.STATUS_ZOMBIE:
                return True
            started = holder.create_time()
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False
        try:
            taken = datetime.fromisoformat(self._since).timestamp()
        except ValueError:
            return False
        return started > taken + 1


def _holder() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "username": getpass.getuser(),
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(UTC).astimezone().isoformat(),
    }
