"""The journal: whatever part of it is left, playing it back gives the state that the engine had at that moment."""

import asyncio
import itertools
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from local.engine.error import EngineError
from local.engine.property_value import Secret
from local.engine.state import journal as journals
from local.engine.state import passphrase, resource_state
from local.engine.state.backend import Backend, StackStore
from local.engine.state.checkpoint import Deployment, Operation, empty
from local.engine.state.recovery import play, recover
from local.engine.state.resource_state import ResourceState
from local.engine.state.snapshot import Snapshot

CRYPTER = passphrase.Crypter(bytes(32), "v1:salt:v1:probe:probe")
KINDS = ("creating", "updating", "deleting", "reading")


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    monkeypatch.setattr(journals, "_fdatasync", lambda _file: None)


def _store(folder: str) -> StackStore:
    backend = Backend.from_url(f"file://{folder}")
    backend.prepare()
    store = StackStore(backend, "p", "dev")
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.write(empty(store.qualified_name, CRYPTER.state))
    return store


def _state(number: int, **fields) -> ResourceState:
    urn = f"urn:pulumi:dev::p::t:t:T::r{number}"
    return ResourceState(
        urn, "t:t:T", custom=True, id=f"id{number}", inputs={"s": Secret("hush"), "n": number}, **fields
    )


class Journaled(RuleBasedStateMachine):
    """What an executor may do with a snapshot, in any order."""

    numbers: itertools.count
    open: dict[int, ResourceState]

    @initialize(old=st.integers(0, 3))
    def start(self, old: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = _store(self.folder.name)
        self.numbers = itertools.count(1)
        states = [_state(next(self.numbers)) for _ in range(old)]
        pending = [Operation(_state(next(self.numbers)), "creating")] if old else []
        self.snapshot = Snapshot(self.store, Deployment(tuple(states), tuple(pending)), CRYPTER)
        self.old, self.new = states, []
        self.open = {}

    @rule(kind=st.sampled_from(KINDS))
    def begin(self, kind: str) -> None:
        state = _state(next(self.numbers))
        self.open[self.snapshot.begin(state, kind)] = state

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        state = self.open.pop(number)
        if data.draw(st.booleans()):
            self.snapshot.settle(state)
            self.new.append(state)
        self.snapshot.end(number)

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def settle_old(self, data) -> None:
        old = self.old.pop(data.draw(st.integers(0, len(self.old) - 1)))
        new = resource_state.load(json.loads(resource_state.dump(old, CRYPTER.encrypt)), CRYPTER.decrypt)
        same = data.draw(st.booleans())
        new.inputs = new.inputs if same else {"n": -1}
        self.snapshot.settle(new, old, same=same)
        self.new.append(new)

    @precondition(lambda self: self.old or self.new)
    @rule(data=st.data(), how=st.sampled_from(["change", "remove"]))
    def touch(self, data, how: str) -> None:
        rows = data.draw(st.sampled_from([rows for rows in (self.old, self.new) if rows]))
        state = rows[data.draw(st.integers(0, len(rows) - 1))]
        if how == "remove":
            rows.remove(state)
            self.snapshot.remove(state)
        else:
            state.delete = not state.delete
            self.snapshot.change(state)

    @precondition(lambda self: self.old and self.new)
    @rule()
    def rename(self) -> None:
        first, later = self.old[0], self.new[-1]
        if first.urn in self.snapshot.aliases:
            return
        self.snapshot.aliases = {**self.snapshot.aliases, first.urn: later.urn}
        self.old[-1].dependencies = [first.urn]
        self.snapshot.change(self.old[-1])

    @precondition(lambda self: not self.open)
    @rule()
    def rebase(self) -> None:
        self.snapshot.rebase(self.snapshot.resources())
        self.old, self.new = list(self.snapshot._base), []

    @rule()
    def save(self) -> None:
        self.snapshot.save()

    @invariant()
    def played_back_it_is_the_same(self) -> None:
        if not hasattr(self, "store"):
            return
        lines = journals.records((self.store.journal / "log").read_bytes())
        base = json.loads((self.store.journal / "base.json").read_text())
        played = play(base, lines).document()["checkpoint"]["latest"]
        self.snapshot.save()
        saved = json.loads(self.store.text())["checkpoint"]["latest"]
        for key in ("resources", "pending_operations"):
            assert (played.get(key) or []) == (saved.get(key) or []), key

    def teardown(self) -> None:
        if hasattr(self, "store"):
            os.close(self.snapshot._journal._file)
            self.folder.cleanup()


Journaled.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestJournaled = Journaled.TestCase


@pytest.fixture
def store(tmp_path: Path) -> StackStore:
    return _store(str(tmp_path))


def test_what_was_being_written_when_the_machine_stopped_is_left_out(store: StackStore) -> None:
    snapshot = Snapshot(store, Deployment(), CRYPTER)
    snapshot.settle(_state(1))
    log = store.journal / "log"
    whole = log.read_bytes().rstrip(b"\0")
    snapshot.settle(_state(2))
    longer = log.read_bytes().rstrip(b"\0")
    expected = journals.records(whole)
    for end in range(len(whole), len(longer) - 1, 7):
        for rest in (b"", bytes(50), b"\xff\xfe\n"):
            assert journals.records(longer[:end] + rest)[: len(expected)] == expected
            assert len(journals.records(longer[:end] + rest)) == len(expected)


@pytest.mark.parametrize("after", range(0, 12, 2))
def test_a_disk_that_fills_up_fails_what_would_begin_and_keeps_what_was_done(
    store: StackStore, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The disk is full after so many writes and reservations, wherever that falls."""
    room = itertools.count()

    def full(call):
        def limited(*arguments, **options):
            if next(room) >= after:
                raise OSError(28, "No space left on device")
            return call(*arguments, **options)

        return limited

    done: list[str] = []
    monkeypatch.setattr(os, "posix_fallocate", full(os.posix_fallocate))
    monkeypatch.setattr(
        "local.engine.state.backend.write_atomically", full(lambda path, data: path.write_bytes(data))
    )
    monkeypatch.setattr(journals, "_CHUNK", 5000)

    def work() -> None:
        snapshot = Snapshot(store, Deployment(), CRYPTER)
        for number in range(300):
            state = _state(number)
            begun = snapshot.begin(state, "creating")
            done.append(state.id)  # what was begun is done, and noted whatever the disk says
            snapshot.settle(state)
            snapshot.end(begun)

    with pytest.raises(EngineError, match="No space left on device"):
        work()
    monkeypatch.undo()
    recover(store, lambda: CRYPTER)
    latest = store.read()
    assert [row["id"] for row in latest.get("resources") or ()] == done
    assert "pending_operations" not in latest


def test_those_who_wait_for_the_disk_share_one_sync(
    store: StackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(journals, "_fdatasync", synced.append)
    snapshot = Snapshot(store, Deployment(), CRYPTER)

    async def begin(number: int) -> None:
        snapshot.begin(_state(number), "creating")
        await snapshot.durable()

    async def main() -> None:
        await asyncio.gather(*(begin(number) for number in range(100)))

    before = len(synced)
    asyncio.run(main())
    assert 1 <= len(synced) - before <= 5
    assert snapshot._journal._synced == snapshot._journal._end


def test_what_was_imported_and_then_updated_is_one_entry_however_much_of_the_journal_is_left(
    store: StackStore,
) -> None:
    old = _state(1)
    snapshot = Snapshot(store, Deployment((old,)), CRYPTER)
    imported, updated = _state(2, import_id="id2"), _state(2, import_id="id2")
    updated.inputs = {"n": 3}
    expected = [[old.id]]
    begun = snapshot.begin(imported, "importing")
    snapshot.settle(imported)
    snapshot.end(begun)
    expected.append(["id2", old.id])
    # What the program says of it differs from what was read: the update takes the imported entry's place.
    begun = snapshot.begin(updated, "updating")
    snapshot.settle(updated, imported)
    snapshot.end(begun)
    base = json.loads((store.journal / "base.json").read_text())
    lines = journals.records((store.journal / "log").read_bytes())
    seen = []
    for end in range(len(lines) + 1):
        rows = play(base, lines[:end]).resources()
        seen.append([row["id"] for row in rows])
    assert [ids for ids, _ in itertools.groupby(seen)] == expected
    assert rows[0]["inputs"] == {"n": 3}
    assert rows[0]["importID"] == "id2"
    assert [state.inputs.get("n") for state in snapshot.resources()] == [3, 1]
    snapshot.close()
