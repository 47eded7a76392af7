"""Tables from files: CSV (plain or gzipped) and what Azure Machine Learning's data collector writes."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: How CSV files write a missing value.
MISSING = frozenset({"", "NA", "NaN", "nan", "null"})


class TableError(ValueError):
    """A file that can't be read as a table; the message names it and what was expected."""


def read(path: Path | str) -> dict[str, NDArray[Any]]:
    """A table from a file or a folder: collected data where there are ``.jsonl`` files, else CSV.

    Raises:
        TableError: There is neither, or a file is broken.
    """
    path = _existing(path)
    return read_collected(path) if _files(path, ".jsonl") else read_csv(path)


def read_csv(path: Path | str) -> dict[str, NDArray[Any]]:
    """The columns of a CSV file, or of all in a folder one after the other; ``.csv`` and ``.csv.gz``.

    A column whose every value is a number or missing is a float array with NaN; another one is an object array of
    text with None.

    Raises:
        TableError: No CSV is there, headers differ, a row has too many or too few fields.
    """
    path = _existing(path)
    files = _files(path, ".csv", ".csv.gz")
    if not files:
        raise TableError(f"{path}: no .csv, .csv.gz or .jsonl file is there")
    header: list[str] | None = None
    rows: list[list[str]] = []
    for file in files:
        lines = _csv_rows(file)
        names = next(lines, None)
        if names is None:
            raise TableError(f"{file} is empty; a header line was expected")
        if header is not None and names != header:
            raise TableError(f"{file} has other columns than {files[0].name}: {', '.join(names)}")
        header = names
        rows.extend(lines)
    columns = zip(*rows, strict=True) if rows else [() for _ in header or []]
    return {name: _from_text(values) for name, values in zip(header or [], columns, strict=True)}


def read_collected(path: Path | str, *, since: datetime | None = None) -> dict[str, NDArray[Any]]:
    """The rows that a data collector wrote: ``.jsonl`` files anywhere below a folder, or one file.

    One JSON object a line with the collected rows under ``data``, as Azure's documentation describes under "Store
    collected data in Blob Storage". An ``id`` that comes twice counts once (lines are written at least once), a last
    line without an end is still being written and left out.

    Args:
        path: The folder of one collection, such as ``…/modelDataCollector/{endpoint}/{deployment}/model_inputs``.
        since: Leaves out lines whose ``time`` is earlier; aware.

    Raises:
        TableError: A line isn't what a collector writes; data that was put elsewhere because it is large or binary.
    """
    path = _existing(path)
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for file in _files(path, ".jsonl"):
        for number, event in _events(file):
            name = str(event.get("id") or "")
            if name in seen or (since is not None and _time(event, file, number) < since):
                continue
            if name:
                seen.add(name)
            data: Any = event.get("data")
            if not isinstance(data, list) or not all(
                isinstance(row, dict) for row in cast("list[Any]", data)
            ):
                raise TableError(f"{file}, line {number}: `data` holds no rows but {str(data)[:60]!r}")
            rows.extend(cast("list[dict[str, Any]]", data))
    columns: defaultdict[str, list[Any]] = defaultdict(list)
    for number, row in enumerate(rows):
        for name, value in row.items():
            column = columns[name]
            column.extend([None] * (number - len(column)))
            column.append(value)
    for column in columns.values():
        column.extend([None] * (len(rows) - len(column)))
    return {name: _from_json(values) for name, values in columns.items()}


def _existing(path: Path | str) -> Path:
    path = Path(path)
    if not path.exists():
        raise TableError(f"{path}: there is no such file or folder")
    return path


def _files(path: Path, *endings: str) -> list[Path]:
    if path.is_file():
        return [path] if path.name.endswith(endings) else []
    return sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(endings))


def _csv_rows(file: Path) -> Iterator[list[str]]:
    with (
        gzip.open(file, "rt", encoding="utf-8-sig", newline="")
        if file.suffix == ".gz"
        else file.open(encoding="utf-8-sig", newline="") as opened
    ):
        reader = csv.reader(opened, strict=True)
        width = 0
        try:
            for row in reader:
                width = width or len(row)
                if row and len(row) != width:
                    raise TableError(
                        f"{file}, line {reader.line_num}: {len(row)} fields, {width} were expected"
                    )
                if row:
                    yield row
        except (csv.Error, UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
            raise TableError(f"{file}, line {reader.line_num + 1}: {error}") from None


def _events(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file.read_bytes().splitlines(keepends=True), 1):
        if not line.strip():
            continue
        try:
            event: Any = json.loads(line)
        except ValueError as error:
            if not line.endswith(b"\n"):
                return
            raise TableError(f"{file}, line {number} is no JSON: {error}") from None
        if not isinstance(event, dict):
            raise TableError(f"{file}, line {number} is no JSON object")
        yield number, cast("dict[str, Any]", event)


def _time(event: dict[str, Any], file: Path, number: int) -> datetime:
    try:
        return datetime.fromisoformat(str(event["time"]))
    except (KeyError, ValueError):
        raise TableError(
            f"{file}, line {number}: `time` is {event.get('time')!r}, no ISO 8601 time"
        ) from None


def _from_text(values: tuple[str, ...]) -> NDArray[Any]:
    try:
        return np.fromiter(
            (math.nan if v in MISSING else _number(v) for v in values), np.float64, len(values)
        )
    except ValueError:
        return _objects([None if v in MISSING else v for v in values])


def _number(text: str) -> float:
    if "_" in text:  # Python reads 1_0 as 10; in data it is a name
        raise ValueError(text)
    return float(text)


def _from_json(values: list[Any]) -> NDArray[Any]:
    if all(value is None or type(value) in {int, float} for value in values):
        return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    return _objects([v if v is None or isinstance(v, str) else json.dumps(v, sort_keys=True) for v in values])


def _objects(values: list[str | None]) -> NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
