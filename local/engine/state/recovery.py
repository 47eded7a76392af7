"""After an engine was killed: its journal played back into the state file, with what its providers finished since."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.state import checkpoint, outcome, resource_state
from local.engine.state.backend import digest
from local.engine.state.checkpoint import Operation
from local.engine.state.interrupted import WORDS, finished_one
from local.engine.state.journal import records
from local.engine.state.snapshot import discard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.engine.state.backend import StackStore
    from local.engine.state.passphrase import Crypter

_LOOK_SECONDS = 0.05
_GRACE_SECONDS = 10.0  # an orphan ends by itself: this much later something is wrong
_DYNAMIC = "pulumi-python"  # whose providers know no secrets
_CREATING = "creating"


@dataclass
class Recovery:
    """What there was to tell of it."""

    played: bool = False
    overtaken: bool = False  # another engine has written the stack since
    notes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])  # (URN, what became of it)


def recover(
    store: StackStore,
    crypter: Callable[[], Crypter],
    *,
    wait: bool = True,
    say: Callable[[str], None] = lambda _text: None,
) -> Recovery:
    """Bring the state file up to date; call it while holding the stack.

    With `wait`, providers that still finish what the killed engine had begun are waited for; without, the journal is
    left for whoever does. Raises EngineError where they don't come to an end.
    """
    folder, recovery = store.journal, Recovery()
    log = folder / "log"
    if not log.exists():
        return recovery
    if wait:
        _wait_for_orphans(folder, say)
    lines = records(log.read_bytes())
    written = {line["saved"] for line in lines if "saved" in line}
    current = store.text() if store.exists() else ""
    if digest(current) not in written:
        recovery.overtaken = len(written) > 0
        discard(folder)
        return recovery
    document = json.loads((folder / "base.json").read_text(encoding="utf-8"))
    playback = play(document, lines)
    working = bool(outcome.orphans(folder))
    try:
        _take_over(playback, lines, folder, crypter, recovery)
    except EngineError:
        if wait:
            raise  # no passphrase: whoever only looks sees the operations as pending
        working, recovery.notes = True, []
    text = resource_state.compact(playback.document()) + "\n"
    if working:
        _note_saved(log, lines, text)
    store.tidy()
    store.write(text)
    if not working:
        discard(folder)
    recovery.played = True
    return recovery


def _note_saved(log: Path, lines: list[dict[str, Any]], text: str) -> None:
    """Have the journal know the state file that is about to be written, so that it can be played back once more."""
    lines = [*lines, {"saved": digest(text)}]
    temporary = log.with_name("log.tmp")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    temporary.replace(log)


def _wait_for_orphans(folder: Path, say: Callable[[str], None]) -> None:
    working = outcome.orphans(folder)
    if not working:
        return
    limit = max(orphan.linger for orphan in working)
    pids = ", ".join(str(orphan.pid) for orphan in working)
    say(
        f"the engine of the last operation was killed, and its provider (pid {pids}) still finishes what it had begun: "
        f"waiting up to {limit:.0f} s for it"
    )
    deadline = time.monotonic() + limit + _GRACE_SECONDS
    while working := outcome.orphans(folder):
        if time.monotonic() > deadline:
            raise EngineError(
                f"the provider of a killed engine (pid {working[0].pid}) still works on this stack; end it with "
                f"`kill {working[0].pid}`, then run the command again"
            )
        time.sleep(_LOOK_SECONDS)


def _take_over(
    playback: Playback,
    lines: list[dict[str, Any]],
    folder: Path,
    crypter: Callable[[], Crypter],
    recovery: Recovery,
) -> None:
    """Account for the operations that providers finished after the engine, or before it could say so."""
    found = {
        number: record for number, record in outcome.ended(folder).items() if number in playback.operations
    }
    if not found:
        return
    cipher = crypter()
    sealed = next((line["key"] for line in lines if "key" in line), "")
    key = base64.b64decode(cipher.decrypt(sealed))
    resources = list(
        checkpoint.load({"resources": playback.resources()}, cipher.decrypt).resources,
    )
    for number, record in sorted(found.items()):
        begun = playback.operations[number]
        state = resource_state.load(begun["resource"], cipher.decrypt)
        package = urns.package_of(state.type)
        result = outcome.read(record, key, state.inputs, keeps_secrets=package != _DYNAMIC)
        if result.failed:
            told = "it failed, and nothing came of it"
        else:
            after = finished_one(
                resources, Operation(state, begun["type"]), result, kept=number in playback.kept
            )
            if after is None:
                continue
            resources = after
            told = "taken over" if begun["type"] == _CREATING else "finished"
        del playback.operations[number]
        recovery.notes.append(
            (state.urn, f"was {WORDS[begun['type']]} when the last run was interrupted: {told}")
        )
    playback.replace([json.loads(resource_state.dump(state, cipher.encrypt)) for state in resources])


def play(document: dict[str, Any], lines: list[dict[str, Any]]) -> Playback:
    """What the journal's records make of the state file it started from; pure."""
    playback = Playback(document)
    for line in lines:
        playback.play(line)
    return playback


class Playback:
    """The state file that a journal leads to."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._latest: dict[str, Any] = document["checkpoint"].get("latest") or {
            "manifest": checkpoint.manifest()
        }
        self._original: list[dict[str, Any]] = list(self._latest.get("resources") or [])
        self._base: list[dict[str, Any] | None] = list(self._original)
        self._new: list[dict[str, Any] | None] = []
        self._unfinished: list[dict[str, Any]] = list(self._latest.get("pending_operations") or [])
        self._names: dict[str, str] = {}
        self.operations: dict[int, dict[str, Any]] = {}
        self.kept: set[int] = set()  # deletes that leave an entry behind

    def resources(self) -> list[dict[str, Any]]:
        """The entries of the resources."""
        rows = [row for row in [*self._new, *self._base] if row is not None]
        return [_renamed(row, self._names) for row in rows] if self._names else rows

    def replace(self, rows: list[dict[str, Any]]) -> None:
        """Have other entries."""
        self._new, self._base, self._names = list(rows), [], {}

    def document(self) -> dict[str, Any]:
        """The whole state file."""
        latest = {**self._latest, "resources": self.resources()}
        latest.pop("pending_operations", None)
        pending = [*self._unfinished, *self.operations.values()]
        if pending:
            latest["pending_operations"] = pending
        rest = {key: value for key, value in self._document.items() if key not in {"version", "features"}}
        head = checkpoint.versioned([*latest["resources"], *(row["resource"] for row in pending)])
        return {**head, **rest, "checkpoint": {**self._document["checkpoint"], "latest": latest}}

    def play(self, record: dict[str, Any]) -> None:
        """Let happen what a record says."""
        key, values = next(iter(record.items()))
        if key not in {"saved", "key"}:
            getattr(self, f"_{key}")(*values, *([record["entry"]] if "entry" in record else []))

    def _begin(self, number: int, kind: str, kept: bool, entry: dict[str, Any]) -> None:
        self.operations[number] = {"resource": entry, "type": kind}
        if kept:
            self.kept.add(number)

    def _end(self, number: int) -> None:
        self.operations.pop(number, None)

    def _aliases(self, names: dict[str, str]) -> None:
        self._names = names

    def _settle(self, index: int, entry: dict[str, Any]) -> None:
        self._new.append(entry)
        self._unfinished = [op for op in self._unfinished if op["resource"]["urn"] != entry["urn"]]
        if index >= 0:
            self._base[index] = None

    def _same(self, index: int) -> None:
        # As it is now: an earlier record may have changed it.
        self._settle(index, self._base[index] or self._original[index])

    def _gone(self, index: int) -> None:
        self._base[index] = None

    def _dropped(self, position: int) -> None:
        self._new[position] = None

    def _changed(self, position: int, entry: dict[str, Any]) -> None:
        self._new[position] = entry

    def _old(self, index: int, entry: dict[str, Any]) -> None:
        self._base[index] = entry


def _renamed(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """An entry with references to resources that go by another URN now brought up to date."""

    def name(urn: str) -> str:
        return names.get(urn, urn)

    found = dict(row)
    for key in ("parent", "deletedWith"):
        if key in row:
            found[key] = name(row[key])
    for key in ("dependencies", "replaceWith"):
        if key in row:
            found[key] = [name(urn) for urn in row[key]]
    if "propertyDependencies" in row:
        found["propertyDependencies"] = {
            key: [name(urn) for urn in values or ()] for key, values in row["propertyDependencies"].items()
        }
    if row.get("provider"):
        urn, _, identity = row["provider"].rpartition("::")
        found["provider"] = f"{name(urn)}::{identity}"
    return found
