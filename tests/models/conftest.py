"""The flights, and the sample model trained once on a slice of them."""

import fcntl
import gzip
import os

import pytest
from flight_steps import run

from models.flight_delay import dataset


@pytest.fixture(scope="session")
def flights(tmp_path_factory):
    """The whole data set: the one `make setup` leaves beside the model, else made now."""
    folder = dataset.FOLDER
    if not folder.is_dir():
        folder = tmp_path_factory.mktemp("flights") / "data"
        dataset.make(folder)
    return folder


@pytest.fixture(scope="session")
def sliced(flights, tmp_path_factory):
    """Every second flight of the first four months."""
    folder = tmp_path_factory.mktemp("sliced")
    for month in range(1, 5):
        name = f"2013-{month:02}.csv.gz"
        header, *rows = gzip.decompress((flights / name).read_bytes()).splitlines(keepends=True)
        (folder / name).write_bytes(gzip.compress(header + b"".join(rows[::2])))
    return folder


@pytest.fixture(scope="session")
def trained(sliced, tmp_path_factory):
    """The pipeline's outputs by name: folders ``model`` and ``reference``. Trained once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "trained.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outputs = {name: shared / "trained" / name for name in ("model", "reference")}
        if not all(folder.is_dir() for folder in outputs.values()):
            assert run(shared / "trained", sliced) == outputs
    return outputs
