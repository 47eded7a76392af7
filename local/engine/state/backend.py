"""The file backend in the official layout: `.pulumi/{stacks,locks,history,backups}/PROJECT/STACK`."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import shutil
import socket
import time
import urllib.parse
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError, UnsupportedError
from local.engine.state import checkpoint

if TYPE_CHECKING:
    from collections.abc import Generator

ORGANIZATION = "organization"
NO_SUCH_STACK = 6


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a power cut, finds the old or the new text and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@dataclass(frozen=True)
class Backend:
    """A folder with the states of stacks."""

    url: str
    root: Path

    @classmethod
    def from_url(cls, url: str) -> Backend:
        """The backend of a `file://` URL; other backends are refused."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "file":
            raise UnsupportedError(f"the backend {parts.scheme}:// (PULUMI_BACKEND_URL; file:// is)")
        location = urllib.parse.unquote(parts.netloc + parts.path)
        if location.startswith("~"):
            location = str(Path(location).expanduser())
        root = Path(location or ".").resolve()
        if not root.is_dir():
            raise EngineError(f"PULUMI_BACKEND_URL names the folder {root}, which isn't there; make it first")
        return cls(url=url, root=root / ".pulumi")

    def prepare(self) -> None:
        """Write what tells the official CLI which layout this is."""
        meta = self.root / "meta.yaml"
        if not meta.exists():
            if list((self.root / "stacks").glob("*.json")):
                raise UnsupportedError(f"the old layout of {self.root}, without projects")
            write_atomically(meta, "version: 1\n")

    def stacks(self, project: str) -> list[str]:
        """Names of the project's stacks."""
        return sorted(path.stem for path in (self.root / "stacks" / project).glob("*.json"))

    def projects(self) -> list[str]:
        """Names of the projects that have stacks."""
        return sorted(path.name for path in (self.root / "stacks").glob("*") if path.is_dir())


@dataclass(frozen=True)
class StackStore:
    """The files of one stack."""

    backend: Backend
    project: str
    stack: str

    @property
    def qualified_name(self) -> str:
        """`organization/PROJECT/STACK`."""
        return f"{ORGANIZATION}/{self.project}/{self.stack}"

    @property
    def path(self) -> Path:
        """The state file."""
        return self.backend.root / "stacks" / self.project / f"{self.stack}.json"

    @property
    def journal(self) -> Path:
        """The folder of what an operation under way has done since the state file was written."""
        return self.backend.root / "journals" / self.project / self.stack

    def _folder(self, kind: str) -> Path:
        return self.backend.root / kind / self.project / self.stack

    def exists(self) -> bool:
        """Whether the stack was made."""
        return self.path.exists()

    def require(self) -> None:
        """Raise the official error, with its exit code, if the stack isn't there."""
        if not self.exists():
            raise EngineError(f"no stack named '{self.stack}' found", exit_code=NO_SUCH_STACK)

    def read(self) -> dict[str, Any]:
        """The deployment as JSON."""
        self.require()
        return checkpoint.parse(self.path.read_text(encoding="utf-8"), source=str(self.path))

    def write(self, text: str) -> None:
        """Replace the state file; the one before stays as `.bak`."""
        if self.path.exists():
            backup = self.path.with_name(self.path.name + ".bak")
            temporary = backup.with_name(f".{backup.name}.{os.getpid()}.tmp")
            temporary.unlink(missing_ok=True)
            # A hard link keeps the old file's content, because the new one arrives by rename.
            try:
                os.link(self.path, temporary)
            except OSError:
                shutil.copyfile(self.path, temporary)
            temporary.replace(backup)
        write_atomically(self.path, text)
        # Checksums the official CLI keeps beside its files; missing ones are fine, wrong ones are not.
        for name in (f"{self.path.name}.attrs", f"{self.path.name}.bak.attrs"):
            self.path.with_name(name).unlink(missing_ok=True)

    def record(self, update: dict[str, Any]) -> None:
        """Add a finished operation to the history, with a copy of the state it left."""
        stamp = time.time_ns()
        history = self._folder("history")
        history.mkdir(parents=True, exist_ok=True)
        backups = self._folder("backups")
        backups.mkdir(parents=True, exist_ok=True)
        text = self.path.read_text(encoding="utf-8")
        (history / f"{self.stack}-{stamp}.checkpoint.json").write_text(text, encoding="utf-8")
        (backups / f"{self.stack}.{stamp}.json").write_text(text, encoding="utf-8")
        write_atomically(history / f"{self.stack}-{stamp}.history.json", json.dumps(update) + "\n")

    def history(self) -> list[dict[str, Any]]:
        """Operations on the stack, newest first."""
        files = sorted(self._folder("history").glob("*.history.json"), reverse=True)
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    def remove(self) -> None:
        """Forget the stack and its history; backups stay."""
        self.path.unlink()
        for suffix in (".attrs", ".bak", ".bak.attrs"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.rmtree(self._folder("history"), ignore_errors=True)
        shutil.rmtree(self.journal, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self) -> Generator[list[str]]:
        """Hold the stack; yields what to tell the user about locks of dead processes that were taken over."""
        folder = self.backend.root / "locks" / ORGANIZATION / self.project / self.stack
        folder.mkdir(parents=True, exist_ok=True)
        mine = folder / f"{uuid.uuid4()}.json"
        notes = self._check_locks(folder, mine)
        write_atomically(mine, json.dumps(_holder()))
        try:
            notes += self._check_locks(folder, mine)
            yield notes
        finally:
            mine.unlink(missing_ok=True)

    def _check_locks(self, folder: Path, mine: Path) -> list[str]:
        taken_over: list[str] = []
        held: list[str] = []
        for file in sorted(folder.glob("*.json")):
            if file == mine:
                continue
            try:
                lock = json.loads(file.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            who = f"{lock['username']}@{lock['hostname']} (pid {lock['pid']}) at {lock['timestamp']}"
            if lock["hostname"] == socket.gethostname() and not _alive(lock):
                file.unlink(missing_ok=True)
                taken_over.append(f"took over the lock of {who}: that process is gone")
            else:
                held.append(f"\n  {file}: created by {who}")
        if held:
            raise EngineError(
                f"the stack is currently locked by {len(held)} lock(s). Either wait for the other process(es) to end "
                "or delete the lock file with `pulumi cancel`." + "".join(held)
            )
        return taken_over

    def locks(self) -> list[Path]:
        """The lock files that are there."""
        return sorted((self.backend.root / "locks" / ORGANIZATION / self.project / self.stack).glob("*.json"))


def _holder() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "username": getpass.getuser(),
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(UTC).astimezone().isoformat(),
    }


def _alive(lock: dict[str, Any]) -> bool:
    """Whether a lock's holder still runs; a younger process with its number is somebody else.

    One that was killed and that its parent hasn't asked after yet is still listed, as a zombie: it runs no more.
    """
    import psutil  # noqa: PLC0415 - for who finds a lock

    try:
        holder = psutil.Process(lock["pid"])
        if holder.status() == psutil.STATUS_ZOMBIE:
            return False
        started = holder.create_time()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    try:
        taken = datetime.fromisoformat(lock["timestamp"]).timestamp()
    except ValueError:
        return True
    return started <= taken + 1


def digest(text: str) -> str:
    """What tells two state files apart."""
    return hashlib.sha256(text.encode()).hexdigest()
