"""What was logged, in a database of its own, ``logs.db``: rows by Log Analytics workspace and table.

Written without waiting for the disk, as the activity log is: a killed process loses nothing of it. Rows are kept as long as their
workspace says (``retentionInDays``); older ones are dropped when local Azure starts.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.azure.logs.table import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from local.azure.azure import Azure

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    number INTEGER PRIMARY KEY, workspace TEXT NOT NULL, name TEXT NOT NULL, time TEXT NOT NULL, row TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS rows_by_time ON rows (workspace, name, time);
"""
_LONGEST = timedelta(days=730)


class LogStore:
    """Writes rows and reads them."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._db.execute("DELETE FROM rows WHERE time < ?", (_time(datetime.now(UTC) - _LONGEST),))

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def write(self, workspace: str, table: str, when: datetime, row: dict[str, Any]) -> None:
        """Adds a row to a table of a workspace (its id)."""
        self._db.execute(
            "INSERT INTO rows (workspace, name, time, row) VALUES (?, ?, ?, ?)",
            (workspace.lower(), table, _time(when), json.dumps(row, separators=(",", ":"))),
        )

    def read(self, workspace: str, table: str, begin: datetime, end: datetime) -> list[dict[str, Any]]:
        """The rows of a table between two times, the oldest first."""
        found = self._db.execute(
            "SELECT time, row FROM rows WHERE workspace = ? AND name = ? AND time >= ? AND time < ? ORDER BY number",
            (workspace.lower(), table, _time(begin), _time(end)),
        )
        times = [column for column, kind in TABLES[table].items() if kind == "datetime"]
        return [_typed(json.loads(text), times, datetime.fromisoformat(time)) for time, text in found]


def _typed(row: dict[str, Any], times: list[str], when: datetime) -> dict[str, Any]:
    read = {name: datetime.fromisoformat(row[name]) for name in times if isinstance(row.get(name), str)}
    return {**row, **read, "TimeGenerated": when}


def _time(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds")


_stores: dict[int, LogStore] = {}


def of(azure: Azure) -> LogStore:
    """The logs of a local Azure."""
    if id(azure) not in _stores:
        _stores[id(azure)] = LogStore(azure.directory.root / "logs.db")
    return _stores[id(azure)]


async def stop(azure: Azure) -> None:
    """Closes them."""
    found = _stores.pop(id(azure), None)
    if found is not None:
        found.close()
