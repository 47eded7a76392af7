"""``fleet.lock.yaml``: what was decided once for each workspace and must stay, beside ``fleet.yaml``. Commit it.

It holds the range that a workspace was allotted, and what Pulumi keeps in a stack's YAML to read its own secrets again
(a salt, or a key encrypted by a key vault: nothing that is secret by itself). A workspace that is taken out of
``fleet.yaml`` keeps its entry until it is destroyed: its range isn't given to another one before that.
"""

from __future__ import annotations

import fcntl
import threading
from contextlib import contextmanager
from ipaddress import IPv4Network  # noqa: TC003 (pydantic reads it at run time)
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ops.fleet.document import DocumentError, read
from ops.fleet.spec import FleetError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

_HEAD = (
    "# Written by `python -m ops fleet`: what was decided once for each workspace and must stay. Commit it.\n"
)
#: What Pulumi adds to a stack's YAML, to read its secrets again.
PULUMI = ("secretsprovider", "encryptedkey", "encryptionsalt")


class Entry(BaseModel):
    """What must stay of one workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    addressSpace: IPv4Network | None = None  # noqa: N815 (the file's word)
    subscriptionId: str | None = None  # noqa: N815
    secretsprovider: str | None = None
    encryptedkey: str | None = None
    encryptionsalt: str | None = None

    def pulumi(self) -> dict[str, str]:
        """The entry's part of a stack's YAML."""
        return {key: value for key in PULUMI if (value := getattr(self, key)) is not None}

    def with_pulumi(self, settings: Mapping[str, str]) -> Entry:
        """The entry with what Pulumi added to the stack's YAML."""
        return self.model_copy(update={key: settings[key] for key in PULUMI if key in settings})


class Lock:
    """The file. Threads may change it; each change is on disk before the call returns."""

    def __init__(self, fleet: Path) -> None:
        self.path = fleet.with_name(f"{fleet.stem}.lock.yaml")
        self._entries = _load(self.path)
        self._writing = threading.Lock()

    @property
    def entries(self) -> dict[str, Entry]:
        """By workspace, also of those that are no longer in the fleet."""
        return dict(self._entries)

    @property
    def ranges(self) -> dict[str, IPv4Network]:
        """The ranges that were allotted."""
        return {name: entry.addressSpace for name, entry in self._entries.items() if entry.addressSpace}

    def entry(self, name: str) -> Entry:
        """What is known of a workspace."""
        return self._entries.get(name, Entry())

    def hold(self, changed: Mapping[str, Entry]) -> None:
        """Remembers these entries."""
        with self._writing:
            if all(self._entries.get(name) == entry for name, entry in changed.items()):
                return
            self._entries |= changed
            self._write()

    def release(self, name: str) -> None:
        """Forgets a workspace that is gone."""
        with self._writing:
            if self._entries.pop(name, None) is not None:
                self._write()

    def _write(self) -> None:
        rows = {
            name: entry.model_dump(mode="json", exclude_none=True)
            for name, entry in sorted(self._entries.items())
        }
        text = _HEAD + yaml.safe_dump({"version": 1, "workspaces": rows}, sort_keys=False)
        part = self.path.with_name(f".{self.path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(self.path)


def _load(path: Path) -> dict[str, Entry]:
    if not path.exists():
        return {}
    remedy = "take it from version control again"
    try:
        document = read(path)
    except DocumentError as error:
        raise FleetError(f"{error}; {remedy}") from None
    if document.get("version") != 1 or not isinstance(document.get("workspaces"), dict):
        raise FleetError(f"{path.name}: this isn't a lock file of version 1; {remedy}")
    entries: dict[str, Entry] = {}
    for name, row in document["workspaces"].items():
        try:
            entries[str(name)] = Entry.model_validate(row)
        except ValidationError as error:
            key = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise FleetError(f"{path.name}: workspaces.{name}.{key} can't be read; {remedy}") from None
    return entries


@contextmanager
def held_by_this_run(fleet: Path) -> Generator[None]:
    """Keeps other commands that change the fleet out, on this machine, until the process ends.

    Raises:
        FleetError: one is running.
    """
    with fleet.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FleetError(
                f"{fleet.name}: another command is changing this fleet; wait for its end"
            ) from None
        yield
