"""State files as the official CLI leaves them: compressed, kept, of other versions, damaged."""

import gzip
import json
from pathlib import Path

import pytest

from local.engine.error import EngineError, UnsupportedError
from local.engine.state import checkpoint, resource_state
from local.engine.state.backend import Backend, StackStore
from local.engine.state.resource_state import ResourceState

SALT = "v1:salt:v1:probe:probe"


@pytest.fixture
def store(tmp_path: Path) -> StackStore:
    backend = Backend.from_url(f"file://{tmp_path}")
    backend.prepare()
    store = StackStore(backend, "p", "dev")
    store.path.parent.mkdir(parents=True)
    store.write(checkpoint.empty(store.qualified_name, SALT))
    return store


def _names(store: StackStore) -> set[str]:
    return {file.name for file in store.path.parent.iterdir()}


def test_state_is_compressed_when_the_official_switch_says_so_and_read_either_way(
    store: StackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = store.text()
    monkeypatch.setenv("PULUMI_DIY_BACKEND_GZIP", "true")
    store.write(text)
    assert store.path.name == "dev.json.gz"
    assert gzip.decompress(store.path.read_bytes()).decode() == text
    assert _names(store) == {"dev.json.gz", "dev.json.bak"}
    store.record({"kind": "update"})
    assert store.backend.stacks("p") == ["dev"]
    monkeypatch.delenv("PULUMI_DIY_BACKEND_GZIP")
    assert store.text() == text
    store.record({"kind": "destroy"})
    assert [row["kind"] for row in store.history()] == ["destroy", "update"]
    store.write(text)
    assert _names(store) == {"dev.json", "dev.json.bak", "dev.json.gz.bak"}


def test_every_checkpoint_or_no_backup_is_kept_as_the_official_switches_say(
    store: StackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_RETAIN_CHECKPOINTS", "1")
    store.write(store.text())
    kept = [name for name in _names(store) if name.removeprefix("dev.json.").isdigit()]
    assert len(kept) == 1
    assert store.backend.stacks("p") == ["dev"]
    monkeypatch.setenv("PULUMI_DISABLE_CHECKPOINT_BACKUPS", "true")
    store.record({"kind": "update"})
    assert not (store.backend.root / "backups").exists()
    assert len(store.history()) == 1


@pytest.mark.parametrize("version", [0, 1, 2, 5])
def test_other_versions_of_a_state_are_refused_by_name(version: int) -> None:
    text = json.dumps({"version": version, "checkpoint": {"stack": "dev"}})
    with pytest.raises(UnsupportedError, match=rf"version {version} of the state in FILE"):
        checkpoint.parse(text, source="FILE")


def test_features_that_would_be_lost_are_refused_by_name_and_others_are_written() -> None:
    state = {"version": 4, "features": ["taint", "views"], "checkpoint": {"stack": "dev", "latest": {}}}
    with pytest.raises(UnsupportedError, match=r"^views "):
        checkpoint.parse(json.dumps(state), source="FILE")
    state["features"] = ["taint"]
    assert checkpoint.parse(json.dumps(state), source="FILE") == {}
    tainted = ResourceState("urn:pulumi:dev::p::t:t:T::a", "t:t:T", taint=True)
    text = checkpoint.dump("dev", "", [resource_state.dump(tainted, str)], [], checkpoint.features([tainted]))
    written = json.loads(text)
    assert (written["version"], written["features"]) == (4, ["taint"])


def test_a_damaged_state_is_said_to_be_with_where_the_one_before_is(store: StackStore) -> None:
    for damage in (b"", b"{", b"\x1f\x8b\x08cut", b"\xff\xff", b"[]", b'{"version":3}'):
        store.path.write_bytes(damage)
        with pytest.raises(EngineError) as caught:
            store.read()
        message = str(caught.value)
        assert "\n" not in message
        assert str(store.path) in message
        if damage != b"[]":
            assert f"cp {store.path}.bak {store.path}" in message, damage


@pytest.mark.parametrize(
    ("meta", "said"), [("version: 0\n", "without projects"), ("version: 2\n", "meta.yaml")]
)
def test_other_layouts_are_refused_by_name(tmp_path: Path, meta: str, said: str) -> None:
    (tmp_path / ".pulumi").mkdir()
    (tmp_path / ".pulumi" / "meta.yaml").write_text(meta)
    with pytest.raises(UnsupportedError, match=said):
        Backend.from_url(f"file://{tmp_path}").prepare()


def test_state_of_before_there_were_projects_and_zstd_are_refused_by_name(
    tmp_path: Path, store: StackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old" / ".pulumi" / "stacks").mkdir(parents=True)
    (tmp_path / "old" / ".pulumi" / "stacks" / "dev.json.gz").touch()
    with pytest.raises(UnsupportedError, match="without projects"):
        Backend.from_url(f"file://{tmp_path / 'old'}").prepare()
    text = store.text()
    monkeypatch.setenv("PULUMI_DIY_BACKEND_ZSTD", "true")
    with pytest.raises(UnsupportedError, match="ZSTD"):
        store.write(text)
    monkeypatch.delenv("PULUMI_DIY_BACKEND_ZSTD")
    store.path.with_name("dev.json.zst").touch()
    with pytest.raises(UnsupportedError, match="zstd"):
        store.read()
