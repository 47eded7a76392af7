"""The state of an operation under way, and how it survives the engine.

Every change goes to a journal at once (one line, linear cost); the state file is rewritten now and then and at the
end. Whoever opens the stack after a crash plays the journal back first.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from local.engine.state import checkpoint, resource_state
from local.engine.state.backend import digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.engine.state.backend import StackStore
    from local.engine.state.checkpoint import Deployment, Operation
    from local.engine.state.passphrase import Crypter
    from local.engine.state.resource_state import ResourceState

_SAVE_EVERY = 1.0  # seconds, and never more than a tenth of the time


class Snapshot:
    """Resources in the order they were settled, then what the operation hasn't reached yet."""

    def __init__(self, store: StackStore, deployment: Deployment, crypter: Crypter) -> None:
        self._store = store
        self._crypter = crypter
        self._base = list(deployment.resources)
        self._index = {id(state): number for number, state in enumerate(self._base)}
        self._settled: set[int] = set()
        self._new: list[ResourceState] = []
        self._positions: dict[int, int] = {}
        self._dropped: set[int] = set()
        self._text: dict[int, str] = {}
        # What nobody saw the end of stays known until it is settled: looked up, made or refreshed.
        self._unfinished = list(deployment.operations)
        self._operations: dict[int, tuple[ResourceState, str]] = {}
        self._sequence = 0
        self.aliases: dict[str, str] = {}
        self._saved_at = time.monotonic()
        self._saving_took = 0.0
        self._journal = self._open_journal()

    def _open_journal(self) -> TextIO:
        folder = self._store.journal
        _discard(folder)
        folder.mkdir(parents=True)
        text = self._store.path.read_text(encoding="utf-8")
        base = folder / "base.json"
        try:
            os.link(self._store.path, base)
        except OSError:
            base.write_text(text, encoding="utf-8")
        journal = (folder / "log").open("a", encoding="utf-8", buffering=1)
        journal.write(json.dumps({"saved": digest(text)}) + "\n")
        return journal

    def _write(self, key: str, *values: Any, entry: str = "") -> None:
        if entry:
            self._journal.write(f'{{"{key}":{json.dumps(list(values))},"entry":{entry}}}\n')
        else:
            self._journal.write(f'{{"{key}":{json.dumps(list(values))}}}\n')

    def _entry(self, state: ResourceState) -> str:
        text = self._text.get(id(state))
        if text is None:
            text = self._text[id(state)] = resource_state.dump(state, self._crypter.encrypt)
        return text

    def begin(self, state: ResourceState, kind: str) -> int:
        """Record that an operation starts, before it does."""
        self._sequence += 1
        # What the resource will be isn't settled: the entry is written from a copy.
        self._operations[self._sequence] = (replace(state), kind)
        self._write("begin", self._sequence, kind, entry=resource_state.dump(state, self._crypter.encrypt))
        return self._sequence

    def end(self, sequence: int) -> None:
        """Record that an operation ended, after its effect on the state was recorded."""
        del self._operations[sequence]
        self._write("end", sequence)

    def settle(self, new: ResourceState, old: ResourceState | None = None, *, same: bool = False) -> None:
        """`new` is what a resource is now; `old` is no longer in the way."""
        if (old_index := self._index.get(id(old), -1)) >= 0:
            self._settled.add(old_index)
        self._positions[id(new)] = len(self._new)
        self._new.append(new)
        self._unfinished = [op for op in self._unfinished if op.resource.urn != new.urn]
        if same and old is not None and old_index >= 0 and self._entry(new) == self._entry(old):
            self._write("same", old_index)
        else:
            self._write("settle", old_index, entry=self._entry(new))

    def remove(self, state: ResourceState) -> None:
        """A resource is no more."""
        if (index := self._index.get(id(state), -1)) >= 0:
            self._settled.add(index)
            self._write("gone", index)
        else:
            position = self._positions[id(state)]
            self._dropped.add(position)
            self._write("dropped", position)

    def change(self, state: ResourceState) -> None:
        """A resource that is in the state already has other fields now."""
        self._text.pop(id(state), None)
        if (position := self._positions.get(id(state))) is not None:
            self._write("changed", position, entry=self._entry(state))
        elif (index := self._index.get(id(state), -1)) >= 0:
            self._write("old", index, entry=self._entry(state))

    def rebase(self, resources: Sequence[ResourceState], unfinished: Sequence[Operation] = ()) -> None:
        """Start over from other resources: what a refresh or a look at unfinished operations found."""
        self._base = list(resources)
        self._index = {id(state): number for number, state in enumerate(self._base)}
        self._settled.clear()
        self._new.clear()
        self._positions.clear()
        self._dropped.clear()
        self._unfinished = list(unfinished)
        self.save()
        self._journal.close()
        self._journal = self._open_journal()

    def resources(self) -> list[ResourceState]:
        """All resources as of now, dependencies before their dependents."""
        rows = [state for position, state in enumerate(self._new) if position not in self._dropped]
        rows += [state for index, state in enumerate(self._base) if index not in self._settled]
        return [self._renamed(state) for state in rows] if self.aliases else rows

    def _renamed(self, state: ResourceState) -> ResourceState:
        """The state with references to resources that go by another URN now brought up to date."""
        names = self.aliases
        if names.keys().isdisjoint(state.all_dependencies()):
            return state
        urn, _, identity = state.provider.rpartition("::")
        return replace(
            state,
            parent=names.get(state.parent, state.parent),
            provider=f"{names.get(urn, urn)}::{identity}" if state.provider else "",
            dependencies=[names.get(urn, urn) for urn in state.dependencies],
            property_dependencies={
                key: [names.get(urn, urn) for urn in urns]
                for key, urns in state.property_dependencies.items()
            },
            deleted_with=names.get(state.deleted_with, state.deleted_with),
            replace_with=[names.get(urn, urn) for urn in state.replace_with],
        )

    def save_soon(self) -> None:
        """Rewrite the state file if the last time is long enough ago."""
        if time.monotonic() - self._saved_at > max(_SAVE_EVERY, 10 * self._saving_took):
            self.save()

    def save(self) -> None:
        """Rewrite the state file."""
        started = time.monotonic()
        entries = [
            self._entry(state) if not self.aliases else resource_state.dump(state, self._crypter.encrypt)
            for state in self.resources()
        ]
        operations = [
            (resource_state.dump(state, self._crypter.encrypt), kind)
            for state, kind in [
                *((op.resource, op.type) for op in self._unfinished),
                *self._operations.values(),
            ]
        ]
        text = checkpoint.dump(self._store.qualified_name, self._crypter.state, entries, operations)
        self._journal.write(json.dumps({"saved": digest(text)}) + "\n")
        self._store.write(text)
        self._saved_at = time.monotonic()
        self._saving_took = self._saved_at - started

    def close(self) -> None:
        """Write the state file a last time; the journal has served."""
        self.save()
        self._journal.close()
        _discard(self._store.journal)


def _discard(journal: Path) -> None:
    """Remove a journal; the log first: what it refers to is needed for as long as it is there."""
    (journal / "log").unlink(missing_ok=True)
    shutil.rmtree(journal, ignore_errors=True)


def recover(store: StackStore) -> bool:
    """Play back the journal of an engine that was killed; returns whether there was one to play."""
    folder = store.journal
    log = folder / "log"
    if not log.exists():
        return False
    records = _records(log.read_text(encoding="utf-8"))
    written = {record["saved"] for record in records if "saved" in record}
    current = store.path.read_text(encoding="utf-8") if store.path.exists() else ""
    # Another engine has written the stack since: what it wrote is newer than the journal.
    usable = digest(current) in written
    if usable:
        base = json.loads((folder / "base.json").read_text(encoding="utf-8"))
        store.write(resource_state.compact(_played(base, records)) + "\n")
    _discard(folder)
    return usable


def _records(text: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            break  # the line that was being written
    return records


class _Playback:
    """The state file that a journal leads to."""

    def __init__(self, latest: dict[str, Any]) -> None:
        self._original: list[dict[str, Any]] = list(latest.get("resources") or [])
        self._base: list[dict[str, Any] | None] = list(self._original)
        self._new: list[dict[str, Any] | None] = []
        self._operations: dict[int, dict[str, Any]] = {}
        self._unfinished: list[dict[str, Any]] = list(latest.get("pending_operations") or [])

    def resources(self) -> list[dict[str, Any]]:
        return [row for row in [*self._new, *self._base] if row is not None]

    def pending(self) -> list[dict[str, Any]]:
        return [*self._unfinished, *self._operations.values()]

    def play(self, record: dict[str, Any]) -> None:
        key, values = next(iter(record.items()))
        if key != "saved":
            getattr(self, f"_{key}")(*values, *([record["entry"]] if "entry" in record else []))

    def _begin(self, sequence: int, kind: str, entry: dict[str, Any]) -> None:
        self._operations[sequence] = {"resource": entry, "type": kind}

    def _end(self, sequence: int) -> None:
        self._operations.pop(sequence, None)

    def _settle(self, index: int, entry: dict[str, Any]) -> None:
        self._new.append(entry)
        self._unfinished = [op for op in self._unfinished if op["resource"]["urn"] != entry["urn"]]
        if index >= 0:
            self._base[index] = None

    def _same(self, index: int) -> None:
        self._settle(index, self._original[index])

    def _gone(self, index: int) -> None:
        self._base[index] = None

    def _dropped(self, position: int) -> None:
        self._new[position] = None

    def _changed(self, position: int, entry: dict[str, Any]) -> None:
        self._new[position] = entry

    def _old(self, index: int, entry: dict[str, Any]) -> None:
        self._base[index] = entry


def _played(document: dict[str, Any], records: list[dict[str, Any]]) -> dict[str, Any]:
    """The state file that the journal leads to; pure."""
    latest: dict[str, Any] = document["checkpoint"].get("latest") or {"manifest": checkpoint.manifest()}
    playback = _Playback(latest)
    for record in records:
        playback.play(record)
    latest = {**latest, "resources": playback.resources(), "pending_operations": playback.pending()}
    if not latest["pending_operations"]:
        del latest["pending_operations"]
    return {**document, "checkpoint": {**document["checkpoint"], "latest": latest}}
