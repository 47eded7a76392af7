"""The state of an operation under way, and how it survives the engine.

Every change goes to a journal at once (one line, linear cost); the state file follows within a second, or ten times as
long as writing it takes. Whoever opens the stack after a crash plays the journal back first (`recovery`).
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError
from local.engine.state import checkpoint, resource_state
from local.engine.state.backend import digest
from local.engine.state.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.engine.state.backend import StackStore
    from local.engine.state.checkpoint import Deployment, Operation
    from local.engine.state.passphrase import Crypter
    from local.engine.state.resource_state import ResourceState

_SAVE_EVERY = 1.0  # seconds, and never more than a tenth of the time
_SPARE = 4096  # bytes for the small records of an operation


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
        self._spare: dict[int, int] = {}  # bytes reserved for what comes of each
        self._sequence = 0
        self.aliases: dict[str, str] = {}
        self._known_aliases = 0
        self._saved_at = time.monotonic()
        self._saving_took = 0.0
        self._saving: asyncio.TimerHandle | None = None
        self.outcomes = Outcomes(store.journal, os.urandom(32))
        if deployment.salt != crypter.state:
            # The journal's entries are encrypted with this key: what they are played back into must name it.
            self._replace_state(self._text_of_state())
        discard(store.journal)
        self._journal = self._open_journal()

    def _open_journal(self) -> Journal:
        folder = self._store.journal
        journal = Journal(folder / "log")
        try:
            text, path, base = self._store.text(), self._store.path, folder / "base.json"
            base.unlink(missing_ok=True)
            try:
                if path.suffix != ".json":
                    raise OSError
                os.link(path, base)
            except OSError:
                base.write_text(text, encoding="utf-8")
        except OSError as error:
            raise EngineError(f"{folder} can't be written ({error.strerror}); nothing was begun") from error
        # The first line makes it a journal: its base is there.
        journal.append(json.dumps({"saved": digest(text)}))
        journal.append(
            json.dumps({"key": self._crypter.encrypt(base64.b64encode(self.outcomes.key).decode())})
        )
        return journal

    def _write(self, key: str, *values: Any, entry: str = "") -> None:
        if len(self.aliases) != self._known_aliases:
            self._known_aliases = len(self.aliases)
            self._journal.append(json.dumps({"aliases": [self.aliases]}))
        if entry:
            self._journal.append(f'{{"{key}":{json.dumps(list(values))},"entry":{entry}}}')
        else:
            self._journal.append(f'{{"{key}":{json.dumps(list(values))}}}')

    def _entry(self, state: ResourceState) -> str:
        text = self._text.get(id(state))
        if text is None:
            text = self._text[id(state)] = resource_state.dump(state, self._crypter.encrypt)
        return text

    def begin(self, state: ResourceState, kind: str, *, kept: bool = False) -> int:
        """Record that an operation starts, before it does; `kept`: the entry of what it deletes stays for now.

        Raises EngineError if that, or what comes of it, can't be recorded.
        """
        entry = resource_state.dump(state, self._crypter.encrypt)
        self._journal.reserve(sum(self._spare.values()) + 4 * len(entry) + _SPARE)
        self._write("begin", self._sequence + 1, kind, kept, entry=entry)
        self._sequence += 1
        self._spare[self._sequence] = 3 * len(entry) + _SPARE
        # What the resource will be isn't settled: the entry is written from a copy.
        self._operations[self._sequence] = (replace(state), kind)
        if self._sequence == 1:
            self._try_to_save()
        else:
            self.save_soon()
        return self._sequence

    async def durable(self) -> None:
        """Return when what was recorded so far would survive a power cut."""
        await self._journal.durable()

    def end(self, sequence: int) -> None:
        """Record that an operation ended, after its effect on the state was recorded."""
        self._spare.pop(sequence, None)
        del self._operations[sequence]
        self._write("end", sequence)

    def settle(self, new: ResourceState, old: ResourceState | None = None, *, same: bool = False) -> None:
        """`new` is what a resource is now; `old` is no longer in the way."""
        if (position := self._positions.get(id(old))) is not None:
            # This operation has imported it, and made it what the program asks for.
            self._positions[id(new)] = position
            self._new[position] = new
            self._write("changed", position, entry=self._entry(new))
            return
        if (old_index := self._index.get(id(old), -1)) >= 0:
            self._settled.add(old_index)
        self._positions[id(new)] = len(self._new)
        self._new.append(new)
        self._unfinished = [op for op in self._unfinished if op.resource.urn != new.urn]
        if same and old is not None and old_index >= 0 and self._entry(new) == self._entry(old):
            self._write("same", old_index)
        else:
            self._write("settle", old_index, entry=self._entry(new))

    def rename(self, old: ResourceState | None, new: ResourceState) -> None:
        """References to a resource follow it to its new URN, now that it is there."""
        if old is not None and old.urn != new.urn:
            self.aliases[old.urn] = new.urn

    def remove(self, state: ResourceState) -> None:
        """A resource is no more."""
        if (index := self._index.get(id(state), -1)) >= 0:
            self._settled.add(index)
            self._write("gone", index)
        else:
            position = self._positions[id(state)]
            self._dropped.add(position)
            self._write("dropped", position)

    def replace(self, old: ResourceState, new: ResourceState) -> None:
        """A resource that the operation hasn't reached yet is another one now: what a refresh found."""
        index = self._index[id(old)]
        self._base[index] = new
        self._index[id(new)] = index
        self._write("old", index, entry=self._entry(new))

    @property
    def unfinished(self) -> list[Operation]:
        """Operations that nobody saw the end of."""
        return list(self._unfinished)

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
        self._text.clear()
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
        """Rewrite the state file if the last time is long enough ago, else when it will be.

        A failure is no reason to stop: the journal has it all.
        """
        wait = max(_SAVE_EVERY, 10 * self._saving_took) - (time.monotonic() - self._saved_at)
        if wait <= 0:
            self._try_to_save()
        elif self._saving is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            self._saving = loop.call_later(wait, self._try_to_save)

    def _try_to_save(self) -> None:
        try:
            self.save()
        except EngineError:
            self._saved_at = time.monotonic()

    def _text_of_state(self) -> str:
        resources = self.resources()
        operations = [*((op.resource, op.type) for op in self._unfinished), *self._operations.values()]
        return checkpoint.dump(
            self._store.qualified_name,
            self._crypter.state,
            [
                resource_state.dump(state, self._crypter.encrypt) if self.aliases else self._entry(state)
                for state in resources
            ],
            [(resource_state.dump(state, self._crypter.encrypt), kind) for state, kind in operations],
            checkpoint.features([*resources, *(state for state, _ in operations)]),
        )

    def save(self) -> None:
        """Rewrite the state file; raises EngineError if that can't be done: then the journal still has it all."""
        self._stop_waiting()
        started = time.monotonic()
        text = self._text_of_state()
        self._journal.append(json.dumps({"saved": digest(text)}))
        # Known to the journal before it is there: else the journal would look older than the state after a power cut.
        self._journal.sync()
        self._replace_state(text)
        self._saved_at = time.monotonic()
        self._saving_took = self._saved_at - started

    def _replace_state(self, text: str) -> None:
        try:
            self._store.write(text)
        except OSError as error:
            raise EngineError(
                f"the state can't be written to {self._store.path} ({error.strerror}); what was done is kept in "
                f"{self._store.journal}: make room, then run any command on the stack"
            ) from error

    def _stop_waiting(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None

    def close(self) -> None:
        """Write the state file a last time; the journal has served, unless something was left under way.

        Raises EngineError if the state can't be written: then the journal stays, and the next command plays it back.
        """
        try:
            self.save()
        finally:
            self._journal.close()
        if not self._operations:
            discard(self._store.journal)


@dataclass(frozen=True)
class Outcomes:
    """Where provider processes record what came of their calls, and the key that seals it."""

    folder: Path
    key: bytes


def discard(journal: Path) -> None:
    """Remove a journal; the log first: what it refers to is needed for as long as it is there."""
    (journal / "log").unlink(missing_ok=True)
    shutil.rmtree(journal, ignore_errors=True)
