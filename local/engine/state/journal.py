"""The log of an operation under way: a line for each thing that happens, so that a killed engine forgets nothing.

Lines are written where room was reserved for them: a disk that fills up fails what is about to begin, not the note of
what was done. `durable` waits until a power cut can't take the lines back; those who wait together share one sync.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 256 * 1024
_SPARE = 4096  # for the small records around an entry
_fdatasync = getattr(os, "fdatasync", os.fsync)  # macOS has none


class Journal:
    """A file that only grows, until the operation is over. Raises EngineError where the disk doesn't let it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reserved = 0
        self._end = 0
        self._synced = 0
        self._flush: asyncio.Task[None] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            self.reserve(_SPARE)
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> EngineError:
        return EngineError(
            f"what is done can't be recorded in {self._path} ({error.strerror or error}), so nothing more is begun; "
            "make room or make the folder writable, then run the command again"
        )

    def reserve(self, size: int) -> None:
        """Make sure that so many bytes can be written later, whatever becomes of the disk."""
        wanted = self._end + size - self._reserved
        if wanted <= 0:
            return
        wanted = max(wanted, _CHUNK)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file, self._reserved, wanted)
            else:
                _write_at(self._file, bytes(wanted), self._reserved)
        except OSError as error:
            raise self._refusal(error) from error
        self._reserved += wanted

    def append(self, line: str) -> None:
        """Add a line. One that was written in part is overwritten by the next."""
        data = line.encode() + b"\n"
        self.reserve(len(data))
        try:
            _write_at(self._file, data, self._end)
        except OSError as error:
            raise self._refusal(error) from error
        self._end += len(data)

    async def durable(self) -> None:
        """Return when everything that was added so far would survive a power cut."""
        wanted = self._end
        while self._synced < wanted:
            if self._flush is None:
                self._flush = asyncio.ensure_future(self._sync())
            await asyncio.shield(self._flush)

    async def _sync(self) -> None:
        end = self._end
        try:
            await asyncio.to_thread(_fdatasync, self._file)
        except OSError as error:
            raise self._refusal(error) from error
        finally:
            self._flush = None
        self._synced = end

    def sync(self) -> None:
        """The same, at once."""
        try:
            _fdatasync(self._file)
        except OSError as error:
            raise self._refusal(error) from error
        self._synced = self._end

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)


def _write_at(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def records(data: bytes) -> list[dict[str, Any]]:
    """The whole lines of a journal: what was being written when the engine or the machine stopped isn't one."""
    found: list[dict[str, Any]] = []
    for line in data.split(b"\n")[:-1]:
        try:
            record = json.loads(line)
        except ValueError:
            break
        if not isinstance(record, dict):
            break
        found.append(record)
    return found
