"""What runs log that grows: metrics with their history, and the experiments that were made before they had a run.

Kept in a database of its own, ``tracking.db``: a metric is a row, written when it is acknowledged. Parameters and tags are
part of the job (``tracking``).
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.azure.azure import Azure

_SCHEMA = """
CREATE TABLE IF NOT EXISTS metrics (
    number INTEGER PRIMARY KEY, run TEXT NOT NULL, name TEXT NOT NULL, value REAL, time INTEGER NOT NULL, step INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS metrics_of_run ON metrics (run, name);
CREATE TABLE IF NOT EXISTS experiments (
    workspace TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (workspace, name)
) STRICT;
"""


@dataclass(frozen=True)
class Metric:
    """One value: ``time`` in milliseconds."""

    name: str
    value: float
    time: int
    step: int

    def body(self) -> dict[str, Any]:
        """As MLflow's REST API shows it; JSON has no numbers for what isn't finite."""
        value: float | str = self.value
        if math.isnan(self.value):
            value = "NaN"
        elif math.isinf(self.value):
            value = "Infinity" if self.value > 0 else "-Infinity"
        return {"key": self.name, "value": value, "timestamp": self.time, "step": self.step}


class TrackingStore:
    """Reads and writes the database. Runs are ids of jobs, in any case."""

    def __init__(self, azure: Azure) -> None:
        # Opened by the task that first needs it, used by all: one thread.
        self._db = sqlite3.connect(azure.directory.tracking, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def log(self, run: str, metrics: Iterable[Metric]) -> None:
        """Appends to the history of metrics, all or nothing."""
        rows = [
            (run.lower(), one.name, None if math.isnan(one.value) else one.value, one.time, one.step)
            for one in metrics
        ]
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO metrics (run, name, value, time, step) VALUES (?, ?, ?, ?, ?)", rows
            )

    def history(self, run: str, name: str) -> list[Metric]:
        """All values of a metric, as they were logged."""
        rows = self._db.execute(
            "SELECT name, value, time, step FROM metrics WHERE run = ? AND name = ? ORDER BY number",
            (run.lower(), name),
        )
        return [_metric(row) for row in rows]

    def latest(self, run: str) -> dict[str, Metric]:
        """The value of each metric's last step."""
        rows = self._db.execute(
            "SELECT name, value, time, step FROM metrics WHERE run = ? ORDER BY step, time, number",
            (run.lower(),),
        )
        return {found.name: found for found in map(_metric, rows)}

    def forget(self, run: str) -> None:
        """Removes what a run logged."""
        self._db.execute("DELETE FROM metrics WHERE run = ?", (run.lower(),))

    def copy(self, run: str, to: str) -> None:
        """Gives one run the metrics that another one logged."""
        self._db.execute(
            "INSERT INTO metrics (run, name, value, time, step)"
            " SELECT ?, name, value, time, step FROM metrics WHERE run = ? ORDER BY number",
            (to.lower(), run.lower()),
        )

    def add_experiment(self, workspace: str, name: str) -> None:
        """Remembers an experiment."""
        self._db.execute("INSERT OR IGNORE INTO experiments VALUES (?, ?)", (workspace.lower(), name))

    def experiments(self, workspace: str) -> list[str]:
        """The names of the experiments that were made in a workspace."""
        rows = self._db.execute(
            "SELECT name FROM experiments WHERE workspace = ? ORDER BY name", (workspace.lower(),)
        )
        return [row[0] for row in rows]


def _metric(row: tuple[str, float | None, int, int]) -> Metric:
    return Metric(row[0], math.nan if row[1] is None else row[1], row[2], row[3])


_open: dict[int, TrackingStore] = {}


def of(azure: Azure) -> TrackingStore:
    """The database of a local Azure, opened when it is first needed."""
    if id(azure) not in _open:
        _open[id(azure)] = TrackingStore(azure)
    return _open[id(azure)]


async def stop(azure: Azure) -> None:
    """Closes the database."""
    found = _open.pop(id(azure), None)
    if found is not None:
        found.close()
