"""Lineage: the same inputs give the same number everywhere, other inputs another one."""

import gzip
import random
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import lineage

NAMES = st.text("abcdefgh", min_size=1, max_size=6)
STEADY = settings(max_examples=30, deadline=None, derandomize=True, database=None)
TREES = st.dictionaries(NAMES, st.binary(max_size=64), min_size=1, max_size=6)
INPUTS = {
    "data": {"asset": "flights", "version": "1", "files": {"a.csv": "00"}},
    "code": {"train.py": "11"},
    "pipeline": "22",
    "environment": {"image": "base:1", "conda": "33"},
    "parameters": {"seed": 7, "months": "1-3"},
}


def write(folder, tree, *, seed=0):
    names = list(tree)
    random.Random(seed).shuffle(names)
    for name in names:
        path = folder / name[0] / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tree[name])


@STEADY
@given(tree=TREES, seed=st.integers(0, 99))
def test_the_order_in_which_files_were_written_does_not_count(tmp_path_factory, tree, seed):
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    write(one, tree, seed=seed)
    write(two, tree, seed=seed + 1)
    assert lineage.files(one) == lineage.files(two)
    assert list(lineage.files(one)) == sorted(lineage.files(one))


@STEADY
@given(tree=TREES, data=st.data())
def test_a_changed_byte_a_new_file_and_a_new_name_count(tmp_path_factory, tree, data):
    folder = tmp_path_factory.mktemp("code")
    write(folder, tree)
    before = lineage.files(folder)
    name = data.draw(st.sampled_from(sorted(before)))
    (folder / name).write_bytes((folder / name).read_bytes() + b"!")
    assert lineage.files(folder) != before
    shutil.copy(folder / name, folder / "another.py")
    assert "another.py" in lineage.files(folder)


def test_caches_and_compiled_files_do_not_count(tmp_path):
    (tmp_path / "train.py").write_text("x = 1\n")
    before = lineage.files(tmp_path)
    for litter in (
        "__pycache__/train.cpython-311.pyc",
        ".ipynb_checkpoints/train.py",
        ".DS_Store",
        "old.pyc",
    ):
        (tmp_path / litter).parent.mkdir(exist_ok=True)
        (tmp_path / litter).write_bytes(b"litter")
    assert lineage.files(tmp_path) == before


def test_how_hard_a_file_was_compressed_does_not_count(tmp_path):
    text = b"month,delay\n" + b"1,3\n" * 1000
    (tmp_path / "fast.csv.gz").write_bytes(gzip.compress(text, 1, mtime=1))
    (tmp_path / "hard.csv.gz").write_bytes(gzip.compress(text, 9, mtime=2))
    assert (tmp_path / "fast.csv.gz").read_bytes() != (tmp_path / "hard.csv.gz").read_bytes()
    assert lineage.content(tmp_path / "fast.csv.gz") == lineage.content(tmp_path / "hard.csv.gz")


def test_comments_and_layout_of_a_document_do_not_count(tmp_path):
    one, two, other = (tmp_path / name for name in ("one.yml", "two.yml", "other.yml"))
    one.write_text("b: 1\na: [x, y]\n")
    two.write_text("# why\na:\n  - x\n  - y\nb: 1\n")
    other.write_text("b: 2\na: [x, y]\n")
    assert lineage.document(one) == lineage.document(two) != lineage.document(other)


@pytest.mark.parametrize("part", list(INPUTS))
def test_each_input_counts(part):
    before = lineage.lineage(**INPUTS)
    changed = {**INPUTS, part: "other" if part == "pipeline" else {**INPUTS[part], "more": "other"}}
    assert lineage.lineage(**changed) != before


@STEADY
@given(parameters=st.dictionaries(NAMES, st.integers() | NAMES | st.booleans(), max_size=5))
def test_the_order_of_parameters_does_not_count(parameters):
    reverse = dict(reversed(parameters.items()))
    one = lineage.lineage(**{**INPUTS, "parameters": parameters})
    assert one == lineage.lineage(**{**INPUTS, "parameters": reverse})
    assert len(one) == 64
