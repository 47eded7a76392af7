"""Assets and archives: hashes as the official engine writes them, and errors that name the property."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.engine.asset import ARCHIVE, ASSET, SIGNATURE, archive_hash, asset_hash, hashed, members, tar
from local.engine.error import EngineError


def asset(**fields: Any) -> dict[str, Any]:
    return {SIGNATURE: ASSET, **fields}


def archive(**fields: Any) -> dict[str, Any]:
    return {SIGNATURE: ARCHIVE, **fields}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data/sub").mkdir(parents=True)
    (tmp_path / "data/one.txt").write_text("one\n")
    (tmp_path / "data/sub/two.txt").write_text("two\n")
    (tmp_path / "data/bin").write_bytes(b"\xff\xfe")
    return tmp_path


def test_hashes_are_those_of_the_official_engine(folder: Path) -> None:
    assert asset_hash(asset(text="hi"), folder) == (
        "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"
    )
    assert asset_hash(asset(path="data/one.txt"), folder) == (
        "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"
    )
    assert archive_hash(archive(path="data"), folder) == (
        "72f12b09609186cd7c5820695a964ca314307fcd37cfa81f96f9d00a7c15de96"
    )


def test_a_changed_file_changes_the_hash_and_bookkeeping_does_not(folder: Path) -> None:
    before = archive_hash(archive(path="data"), folder)
    (folder / "data/.pulumi").mkdir()
    (folder / "data/.pulumi/state").write_text("x")
    assert archive_hash(archive(path="data"), folder) == before
    (folder / "data/sub/two.txt").write_text("three\n")
    assert archive_hash(archive(path="data"), folder) != before


def test_archives_are_flattened_whatever_they_are_made_of(folder: Path) -> None:
    with zipfile.ZipFile(folder / "z.zip", "w") as packed:
        packed.writestr("q.txt", "q")
    with tarfile.open(folder / "t.tar.gz", "w:gz") as packed:
        packed.add(folder / "data/one.txt", "r/one.txt")
    whole = archive(
        assets={
            "b": archive(path="z.zip"),
            "a": archive(path="t.tar.gz"),
            "c.txt": asset(text="c"),
            "d": archive(path="data/sub"),
        }
    )
    found = list(members(whole, folder))
    assert found == [("a/r/one.txt", b"one\n"), ("b/q.txt", b"q"), ("c.txt", b"c"), ("d/two.txt", b"two\n")]
    assert archive_hash(archive(path="z.zip"), folder) == asset_hash(asset(path="z.zip"), folder)
    remote = archive(uri=(folder / "z.zip").as_uri())
    assert archive_hash(remote, folder) == archive_hash(archive(path="z.zip"), folder)


def test_the_tar_can_be_read_with_any_names() -> None:
    names = ["é/ü.txt", "a" * 120, "d" * 90 + "/" + "f" * 50, "plain.txt"]
    data = tar(iter([(name, name.encode()) for name in [*names, "plain.txt"]]))
    with tarfile.open(fileobj=io.BytesIO(data)) as packed:
        assert packed.getnames() == names
        assert {entry.mode for entry in packed} == {0o600}


def test_the_state_has_no_empty_text_and_errors_name_the_property(folder: Path) -> None:
    assert set(hashed(asset(text=""), folder)) == {SIGNATURE, "hash"}
    with pytest.raises(EngineError, match=r'asset hash for "x": failed to open asset file .*nope.txt'):
        hashed(asset(path="nope.txt"), folder, "x")
    with pytest.raises(EngineError, match=r'archive hash for "y": couldn\'t read archive path'):
        hashed(archive(path="nope"), folder, "y")
    with pytest.raises(EngineError, match="unrecognized URI scheme: ftp"):
        hashed(asset(uri="ftp://host/file"), folder)
