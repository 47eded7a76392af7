"""The store: every resource, operation and secret of local Azure in one SQLite database.

A write has reached the disk when it returns (write-ahead log, ``synchronous=FULL``). One process writes at a time; the
server's lock sees to that. Ids are compared in lower case.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.azure.resource_id import parse
from local.azure.resource_type import Json, Record

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_VERSION = 1
#: The secret that names the role assignment of the subscription's first owner: it may have been taken away since.
FOUNDED = "access/founded"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, type_key TEXT NOT NULL, type TEXT NOT NULL,
    name TEXT NOT NULL, name_key TEXT NOT NULL, body TEXT NOT NULL, etag TEXT NOT NULL,
    created_at TEXT NOT NULL, modified_at TEXT NOT NULL, created_by TEXT NOT NULL, modified_by TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS resources_by_type ON resources (type_key, name_key);
CREATE TABLE IF NOT EXISTS operations (
    id TEXT PRIMARY KEY, resource TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL, error TEXT,
    started_at TEXT NOT NULL, ended_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS operations_by_status ON operations (status);
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
#: What of a resource is read, in the order of ``Record``.
_COLUMNS = "id, type, name, body, etag, created_at, modified_at, created_by, modified_by"
_SELECT = f"SELECT {_COLUMNS} FROM resources"  # noqa: S608 (constants)
_GET = f"{_SELECT} WHERE key = ?"
_PUT = (
    "INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 (constants)
    " ON CONFLICT (key) DO UPDATE SET body = excluded.body, etag = excluded.etag,"
    " modified_at = excluded.modified_at,"
    " modified_by = CASE excluded.modified_by WHEN '' THEN modified_by ELSE excluded.modified_by END"
    f" RETURNING {_COLUMNS}"
)


class StoreError(Exception):
    """The database can't be used; the message says what to do."""


@dataclass(frozen=True)
class Operation:
    """A long-running operation. ``kind``: create, update or delete; ``status``: InProgress, Succeeded, Failed, Canceled."""

    id: str
    resource: str
    kind: str
    status: str
    error: Json | None
    started_at: str
    ended_at: str | None


def timestamp(when: datetime | None = None) -> str:
    """A time as Azure writes it."""
    return (when or datetime.now(UTC)).isoformat(timespec="microseconds")


def open_store(path: Path) -> SqliteStore:
    """Opens the database, made if missing.

    Raises:
        StoreError: it is damaged, of a newer version, or can't be written.
    """
    remedy = (
        "Put back a copy, or run `python -m local reset` to start with an empty local Azure "
        "(then `make up` deploys everything again)."
    )
    connection = None
    try:
        new = not path.exists()
        if new:
            path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # 32 MiB: tens of thousands of resources stay in memory.
        connection.execute("PRAGMA cache_size = -32768")
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(f"The database {path} is damaged ({found}). {remedy}")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise StoreError(f"The database {path} was written by a newer version of this program. {remedy}")
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
            raise StoreError(
                f"The database {path} can't be used ({error}). Check the folder's rights and the free disk space."
            ) from None
        raise StoreError(f"The database {path} is damaged ({error}). {remedy}") from None
    except StoreError:
        if connection is not None:
            connection.close()
        raise
    return SqliteStore(connection)


class SqliteStore:
    """``azure.Store``, and the operations and secrets that only the core uses."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._revision = 0

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Makes what is written inside durable at once, or not at all."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def relax(self) -> None:
        """Stops waiting for the disk: for a store that nobody needs after this process."""
        self._db.execute("PRAGMA synchronous=OFF")

    def clear(self) -> None:
        """Forgets everything but the subscription and its owner."""
        self._revision += 1
        with self.transaction():
            self._db.execute(
                "DELETE FROM resources WHERE type_key <> 'microsoft.resources/subscriptions'"
                " AND key NOT IN (SELECT value FROM secrets WHERE name = ?)",
                (FOUNDED,),
            )
            self._db.execute("DELETE FROM operations")
            self._db.execute("DELETE FROM secrets WHERE name <> ?", (FOUNDED,))

    @property
    def access_revision(self) -> int:
        """Changes whenever role assignments, role definitions or principals may have changed."""
        return self._revision

    # --- resources

    def get(self, resource_id: str) -> Record | None:
        """The resource, or None."""
        row = self._db.execute(_GET, (resource_id.lower(),)).fetchone()
        return _record(row) if row else None

    def put(self, resource_id: str, body: Json, *, by: str = "") -> Record:
        """Creates or replaces; returns when it is durable. The spelling of the id is kept as first written."""
        parsed = parse(resource_id)
        if parsed.type.startswith("Microsoft.Authorization/"):
            self._revision += 1
        now, etag = timestamp(), uuid.uuid4().hex
        row = self._db.execute(
            _PUT,
            (
                parsed.key,
                parsed.text,
                parsed.type.lower(),
                parsed.type,
                parsed.name,
                parsed.name.lower(),
                json.dumps(body, separators=(",", ":")),
                etag,
                now,
                now,
                by,
                by,
            ),
        ).fetchall()[0]
        return _record(row)

    def delete(self, resource_id: str) -> None:
        """Removes the resource and all below it, with their secrets."""
        key = resource_id.lower()
        self._revision += 1
        with self.transaction():
            self._db.execute(
                "DELETE FROM resources WHERE key = ? OR (key > ? AND key < ?)", (key, f"{key}/", f"{key}0")
            )
            self.delete_secrets(key)

    def below(self, resource_id: str, resource_type: str | None = None) -> list[Record]:
        """All resources below an id, of one type if given, by name."""
        key = resource_id.lower()
        query, values = "key > ? AND key < ?", [f"{key}/", f"{key}0"]
        if resource_type is not None:
            query, values = f"{query} AND type_key = ?", [*values, resource_type.lower()]
        return self._records(query, values)

    def of_type(self, resource_type: str) -> list[Record]:
        """All resources of a type, in all groups."""
        return self._records("type_key = ?", [resource_type.lower()])

    def named(self, resource_type: str, name: str) -> list[Record]:
        """The resources of a type that have a name, in all groups: for names that are unique in all of Azure."""
        return self._records("type_key = ? AND name_key = ?", [resource_type.lower(), name.lower()])

    def _records(self, query: str, values: list[str]) -> list[Record]:
        rows = self._db.execute(f"{_SELECT} WHERE {query} ORDER BY name_key, key", values)
        return [_record(row) for row in rows]

    # --- operations

    def begin(self, operation_id: str, resource_id: str, kind: str) -> Operation:
        """Writes down that an operation has begun."""
        self._db.execute(
            "INSERT INTO operations VALUES (?, ?, ?, 'InProgress', NULL, ?, NULL)",
            (operation_id.lower(), resource_id, kind, timestamp()),
        )
        operation = self.operation(operation_id)
        assert operation is not None  # noqa: S101 (the caller saw to it)
        return operation

    def end(self, operation_id: str, status: str, error: Json | None = None) -> None:
        """Writes down how an operation ended."""
        self._db.execute(
            "UPDATE operations SET status = ?, error = ?, ended_at = ? WHERE id = ?",
            (status, json.dumps(error) if error else None, timestamp(), operation_id.lower()),
        )

    def operation(self, operation_id: str) -> Operation | None:
        """The operation, or None."""
        row = self._db.execute("SELECT * FROM operations WHERE id = ?", (operation_id.lower(),)).fetchone()
        return _operation(row) if row else None

    def running_operations(self) -> list[Operation]:
        """What has begun and not ended, oldest first."""
        rows = self._db.execute("SELECT * FROM operations WHERE status = 'InProgress' ORDER BY started_at")
        return [_operation(row) for row in rows]

    def forget_operations(self, before: str) -> None:
        """Removes the ended operations that started before a time."""
        self._db.execute("DELETE FROM operations WHERE status <> 'InProgress' AND started_at < ?", (before,))

    # --- secrets

    def secret(self, name: str) -> str | None:
        """A stored secret (account keys, Key Vault values), or None."""
        row = self._db.execute("SELECT value FROM secrets WHERE name = ?", (name.lower(),)).fetchone()
        return row[0] if row else None

    def put_secret(self, name: str, value: str) -> None:
        """Creates or replaces a secret."""
        self._revision += name.startswith("directory/")
        self._db.execute("INSERT OR REPLACE INTO secrets VALUES (?, ?)", (name.lower(), value))

    def secret_names(self, prefix: str) -> list[str]:
        """What follows ``prefix`` and a slash in the names of secrets, in lower case, in order."""
        key = prefix.lower()
        rows = self._db.execute(
            "SELECT name FROM secrets WHERE name > ? AND name < ? ORDER BY name", (f"{key}/", f"{key}0")
        )
        return [row[0][len(key) + 1 :] for row in rows]

    def delete_secrets(self, prefix: str) -> None:
        """Removes the secret of that name and all whose names begin with it and a slash."""
        key = prefix.lower()
        self._revision += key.startswith("directory/")
        self._db.execute(
            "DELETE FROM secrets WHERE name = ? OR (name > ? AND name < ?)", (key, f"{key}/", f"{key}0")
        )


def _record(row: tuple[Any, ...]) -> Record:
    resource_id, kind, name, body, *rest = row
    return Record(resource_id, kind, name, json.loads(body), *rest)


def _operation(row: tuple[Any, ...]) -> Operation:
    identifier, resource, kind, status, error, started_at, ended_at = row
    return Operation(
        identifier, resource, kind, status, json.loads(error) if error else None, started_at, ended_at
    )
