"""The file backend in the official layout: `.pulumi/{stacks,locks,history,backups}/PROJECT/STACK`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.engine.error import EngineError, UnsupportedError
from local.engine.state import checkpoint, lock

ORGANIZATION = "organization"
NO_SUCH_STACK = 6
_GZIP = ".gz"
_GZIP_MAGIC = b"\x1f\x8b"


def write_atomically(path: Path, text: str | bytes) -> None:
    """Replace a file so that a reader, or a power cut, finds the old or the new text and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def is_set(*names: str) -> bool:
    """Whether one of the official CLI's switches is on, by its name without `PULUMI_`."""
    return any(os.environ.get(f"PULUMI_{name}", "").lower() in {"1", "true"} for name in names)


def _extension() -> str:
    """What the names of compressed files end with."""
    if is_set("DIY_BACKEND_ZSTD", "SELF_MANAGED_STATE_ZSTD"):
        raise UnsupportedError("PULUMI_DIY_BACKEND_ZSTD (PULUMI_DIY_BACKEND_GZIP is)")
    return _GZIP if is_set("DIY_BACKEND_GZIP", "SELF_MANAGED_STATE_GZIP") else ""


def _packed(text: str) -> bytes:
    if not _extension():
        return text.encode()
    import gzip  # noqa: PLC0415 - for few

    return gzip.compress(text.encode(), compresslevel=6)


def _unpacked(data: bytes) -> str:
    """The text of a file; raises ValueError if it isn't whole."""
    if not data.startswith(_GZIP_MAGIC):
        return data.decode()
    import gzip  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    try:
        return gzip.decompress(data).decode()
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(str(error)) from error


def _stamp(file: Path) -> str:
    return file.name.partition(".history.json")[0]


@dataclass(frozen=True)
class Backend:
    """A folder with the states of stacks."""

    url: str
    root: Path

    @classmethod
    def from_url(cls, url: str, *, problem: str = "") -> Backend:
        """The backend of a `file://` URL; other backends are refused. `problem` is what to say of a missing folder."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "file":
            raise UnsupportedError(f"the backend {parts.scheme}:// (PULUMI_BACKEND_URL; file:// is)")
        location = urllib.parse.unquote(parts.netloc + parts.path)
        if location.startswith("~"):
            location = str(Path(location).expanduser())
        root = Path(location or ".").resolve()
        if not root.is_dir():
            raise EngineError(
                problem or f'unable to open state directory "{url}": stat {root}: no such file or directory'
            )
        return cls(url=url, root=root / ".pulumi")

    def prepare(self) -> None:
        """Write what tells the official CLI which layout this is; other layouts are refused."""
        meta = self.root / "meta.yaml"
        if meta.exists():
            found = re.search(r"^version:\s*(\d+)\s*$", meta.read_text(encoding="utf-8"), re.MULTILINE)
            if found and found[1] == "0":
                raise UnsupportedError(f"the old layout of {self.root}, without projects")
            if found is None or found[1] != "1":
                raise UnsupportedError(f"the version of {meta} (1 is)")
            return
        if list((self.root / "stacks").glob("*.json*")) or is_set("DIY_BACKEND_LEGACY_LAYOUT"):
            raise UnsupportedError(f"the old layout of {self.root}, without projects")
        try:
            write_atomically(meta, "version: 1\n")
        except OSError as error:
            raise EngineError(f"{self.root} can't be written ({error.strerror})") from error

    def stacks(self, project: str) -> list[str]:
        """Names of the project's stacks."""
        files = (self.root / "stacks" / project).glob("*.json*")
        return sorted({path.name.partition(".json")[0] for path in files if path.suffix in {".json", _GZIP}})

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
        """The state file: the newer one, if there is a compressed one and one that isn't."""
        plain = self.backend.root / "stacks" / self.project / f"{self.stack}.json"
        zipped = plain.with_name(plain.name + _GZIP)
        if plain.with_name(plain.name + ".zst").exists():
            raise UnsupportedError(f"the zstd compression of {plain}.zst (gzip is)")
        found = [path for path in (plain, zipped) if path.exists()]
        return max(found, key=lambda path: path.stat().st_mtime_ns, default=plain)

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

    def text(self) -> str:
        """The state file's text."""
        path = self.path
        try:
            return _unpacked(path.read_bytes())
        except ValueError as error:
            raise checkpoint.unreadable(str(path), str(error)) from error
        except OSError as error:
            raise EngineError(f"{path} can't be read: {error.strerror}") from error

    def read(self) -> dict[str, Any]:
        """The deployment as JSON."""
        self.require()
        return checkpoint.parse(self.text(), source=str(self.path))

    def write(self, text: str) -> None:
        """Replace the state file; the one before stays as `.bak`. Raises OSError with the old one in place."""
        before = self.path
        plain = before.with_name(f"{self.stack}.json")
        after = plain.with_name(plain.name + _extension())
        if before.exists():
            backup = before.with_name(before.name + ".bak")
            temporary = backup.with_name(f".{backup.name}.{os.getpid()}.tmp")
            temporary.unlink(missing_ok=True)
            # A hard link keeps the old file's content, because the new one arrives by rename.
            try:
                os.link(before, temporary)
            except OSError:
                shutil.copyfile(before, temporary)
            temporary.replace(backup)
        data = _packed(text)
        write_atomically(after, data)
        # Checksums the official CLI keeps beside its files; missing ones are fine, wrong ones are not.
        for name in (f"{after.name}.attrs", f"{after.name}.bak.attrs"):
            after.with_name(name).unlink(missing_ok=True)
        if before != after:
            before.unlink(missing_ok=True)
            before.with_name(before.name + ".attrs").unlink(missing_ok=True)
        if is_set("DIY_BACKEND_RETAIN_CHECKPOINTS", "RETAIN_CHECKPOINTS"):
            write_atomically(after.with_name(f"{after.name}.{time.time_ns()}"), data)

    def tidy(self) -> None:
        """Remove what a killed engine was about to put in place."""
        for file in self.path.parent.glob(f".{self.stack}.json*.tmp"):
            file.unlink(missing_ok=True)

    def record(self, update: dict[str, Any]) -> None:
        """Add a finished operation to the history, with a copy of the state it left; raises EngineError."""
        stamp, extension = time.time_ns(), ".json" + _extension()
        history, data = self._folder("history"), _packed(self.text())
        name = f"{self.stack}-{stamp}"
        try:
            write_atomically(history / f"{name}.checkpoint{extension}", data)
            if not is_set("DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS", "DISABLE_CHECKPOINT_BACKUPS"):
                write_atomically(self._folder("backups") / f"{self.stack}.{stamp}{extension}", data)
            write_atomically(history / f"{name}.history{extension}", _packed(json.dumps(update) + "\n"))
        except OSError as error:
            raise EngineError(
                f"the state is saved, but its history can't be written to {history} ({error.strerror})"
            ) from error

    def history(self) -> list[dict[str, Any]]:
        """Operations on the stack, newest first."""
        files = sorted(self._folder("history").glob("*.history.json*"), key=_stamp, reverse=True)
        return [json.loads(_unpacked(file.read_bytes())) for file in files if file.suffix in {".json", _GZIP}]

    def remove(self) -> None:
        """Forget the stack and its history; its last state stays as `.bak`, and so do backups."""
        self.retire()
        shutil.rmtree(self._folder("history"), ignore_errors=True)
        shutil.rmtree(self.journal, ignore_errors=True)

    def retire(self) -> None:
        """Turn the state file into a backup, which no command takes for a stack."""
        path = self.path
        path.replace(path.with_name(path.name + ".bak"))
        for suffix in (".attrs", ".bak.attrs"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def move_history(self, new: StackStore) -> None:
        """Give the history to a stack's new name."""
        target = new._folder("history")
        for file in sorted(self._folder("history").glob(f"{self.stack}-*")):
            target.mkdir(parents=True, exist_ok=True)
            file.replace(target / f"{new.stack}-{file.name.rpartition('-')[2]}")

    def lock(self) -> contextlib.AbstractContextManager[list[str]]:
        """Hold the stack; gives what to tell the user about locks of dead processes that were taken over."""
        return lock.held(self._locks)

    @property
    def _locks(self) -> Path:
        return self.backend.root / "locks" / ORGANIZATION / self.project / self.stack

    def locks(self) -> list[Path]:
        """The lock files that are there."""
        return sorted(self._locks.glob("*.json"))


def digest(text: str) -> str:
    """What tells two state files apart."""
    return hashlib.sha256(text.encode()).hexdigest()
