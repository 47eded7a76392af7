"""The activity log: who changed what through Azure Resource Manager, when, and what came of it.

Scope: an event for each write, deletion and action, with caller, correlation id, HTTP request, status and substatus, as Azure
Monitor keeps them for 90 days; a long operation adds one when it ends. Omitted: events of services (health, autoscale,
recommendations, alerts), claims beyond the caller's object id, archiving by diagnostic settings.

Kept in a database of its own, ``activity.db``, without waiting for the disk: a killed process loses nothing of it, a machine
without power may lose its last seconds, and what it tells of has reached the disk before.

Source: Microsoft Learn, "Azure activity log event schema" (Administrative category).
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from local.azure.resource_id import RESOURCE_GROUP, SUBSCRIPTION, parse
from local.settings import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from local.azure.resource_type import Answer, Call, Json

KEPT = timedelta(days=90)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, time TEXT NOT NULL, resource TEXT NOT NULL, event TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_resource ON events (resource);
CREATE INDEX IF NOT EXISTS events_by_time ON events (time);
"""
_WRITES = {"PUT": "write", "PATCH": "write", "DELETE": "delete"}


class ActivityLog:
    """Writes the activity log and reads it."""

    def __init__(self, path: Path) -> None:
        self._db = _open(path, datetime.now(UTC) - KEPT)
        #: who is told of every event
        self.heard: list[Callable[[Json], None]] = []

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def answered(self, call: Call, answer: Answer) -> Json:
        """Records what a request came to; returns the event."""
        status = "Failed" if answer.status >= 400 else "Accepted" if _goes_on(answer) else "Succeeded"
        event = _event(call, status, answer.status, _properties(call, answer))
        self._add(event)
        return event

    def ended(self, resource: str, status: str, error: Mapping[str, Any] | None) -> Json | None:
        """Records the end of a long operation, under the correlation id of the request that began it; returns the event."""
        row = self._db.execute(
            "SELECT event FROM events WHERE resource = ? ORDER BY number DESC LIMIT 1", (resource.lower(),)
        ).fetchone()
        begun: Json | None = json.loads(row[0]) if row else None
        if begun is None or begun["status"]["value"] != "Accepted":
            return None
        now = _time(datetime.now(UTC))
        failed = status != "Succeeded"
        code = HTTPStatus.CONFLICT if failed else HTTPStatus.OK
        event: Json = {
            **begun,
            **_identity(resource, now),
            "status": _named("Failed" if failed else "Succeeded"),
            "subStatus": _sub_status(code),
            "level": "Error" if failed else "Informational",
            "properties": {
                **begun["properties"],
                "statusCode": code.phrase.replace(" ", ""),
                **({"statusMessage": json.dumps({"error": error})} if error else {}),
            },
            "eventTimestamp": now,
            "submissionTimestamp": now,
        }
        self._add(event)
        return event

    def _add(self, event: Json) -> None:
        self._db.execute(
            "INSERT INTO events (time, resource, event) VALUES (?, ?, ?)",
            (event["eventTimestamp"], event["resourceId"].lower(), json.dumps(event, separators=(",", ":"))),
        )
        for tell in self.heard:
            tell(event)


def read(path: Path) -> Iterator[Json]:
    """All events of a log, the newest first; of one that isn't there, none."""
    if not path.exists():
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        for (text,) in connection.execute("SELECT event FROM events ORDER BY number DESC"):
            yield json.loads(text)


def _open(path: Path, oldest: datetime) -> sqlite3.Connection:
    path.touch(mode=0o600)
    try:
        return _prepared(path, oldest)
    except sqlite3.DatabaseError:
        # A log is no reason to refuse to start: a damaged one is put aside.
        path.replace(path.with_suffix(".db.damaged"))
        path.touch(mode=0o600)
        return _prepared(path, oldest)


def _prepared(path: Path, oldest: datetime) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_SCHEMA)
    connection.execute("DELETE FROM events WHERE time < ?", (_time(oldest),))
    return connection


def operation_name(call: Call) -> tuple[str, str]:
    """The operation of a request (``Microsoft.Storage/storageAccounts/listKeys/action``) and the id it is done to."""
    path = f"/{call.path.strip('/')}"
    if call.method in _WRITES:
        return f"{_type(path)}/{_WRITES[call.method]}", path
    above, _, action = path.rpartition("/")
    return f"{_type(above)}/{action}/action", above or path


def _type(path: str) -> str:
    at = path.lower().rfind("/providers/")
    if at < 0:
        kind = RESOURCE_GROUP if "/resourcegroups/" in path.lower() else SUBSCRIPTION
        return kind.replace(
            "Microsoft.Resources/resourceGroups", "Microsoft.Resources/subscriptions/resourceGroups"
        )
    namespace, *rest = path[at + len("/providers/") :].split("/")
    return "/".join([namespace, *rest[::2]])


def _goes_on(answer: Answer) -> bool:
    return "Azure-AsyncOperation" in answer.headers or answer.status == HTTPStatus.ACCEPTED


def _event(call: Call, status: str, code: int, properties: Json) -> Json:
    operation, resource = operation_name(call)
    now = _time(datetime.now(UTC))
    group = _group(resource)
    namespace = operation.split("/")[0]
    return {
        "authorization": {"action": operation, "scope": resource},
        "caller": call.principal_id or "",
        "channels": "Operation",
        "claims": {
            "http://schemas.microsoft.com/identity/claims/objectidentifier": call.principal_id or "",
            "http://schemas.microsoft.com/identity/claims/tenantid": TENANT_ID,
        },
        "correlationId": call.headers.get("x-ms-correlation-request-id") or str(uuid.uuid4()),
        "description": "",
        **_identity(resource, now),
        "eventName": {"value": "EndRequest", "localizedValue": "End request"},
        "category": _named("Administrative"),
        "httpRequest": {
            "clientRequestId": call.headers.get("x-ms-client-request-id", str(uuid.uuid4())),
            "clientIpAddress": "127.0.0.1",
            "method": call.method,
        },
        "level": "Error" if status == "Failed" else "Informational",
        **({"resourceGroupName": group} if group else {}),
        "resourceProviderName": _named(namespace),
        "resourceId": resource,
        "resourceType": _named(operation.rsplit("/", 2 if operation.endswith("/action") else 1)[0]),
        "operationId": str(uuid.uuid4()),
        "operationName": _named(operation),
        "properties": properties,
        "status": _named(status),
        "subStatus": _sub_status(HTTPStatus(code)),
        "eventTimestamp": now,
        "submissionTimestamp": now,
        "subscriptionId": SUBSCRIPTION_ID,
        "tenantId": TENANT_ID,
    }


def _identity(resource: str, now: str) -> Json:
    identifier = str(uuid.uuid4())
    ticks = int((datetime.fromisoformat(now) - datetime(1, 1, 1, tzinfo=UTC)).total_seconds() * 10**7)
    return {"eventDataId": identifier, "id": f"{resource}/events/{identifier}/ticks/{ticks}"}


def _properties(call: Call, answer: Answer) -> Json:
    found: Json = {
        "statusCode": HTTPStatus(answer.status).phrase.replace(" ", ""),
        "serviceRequestId": None,
        "eventCategory": "Administrative",
        "entity": f"/{call.path.strip('/')}",
        "message": operation_name(call)[0],
        "hierarchy": f"{TENANT_ID}/{SUBSCRIPTION_ID}",
    }
    if answer.status >= 400 and isinstance(answer.body, dict):
        found["statusMessage"] = json.dumps(answer.body)
    return found


def _group(resource: str) -> str:
    try:
        return parse(resource).resource_group or ""
    except Exception:  # noqa: BLE001 (a path that is no id has no group)
        return ""


def _sub_status(code: HTTPStatus) -> Json:
    name = code.phrase.replace(" ", "")
    return {"value": name, "localizedValue": f"{code.phrase} (HTTP Status Code: {code.value})"}


def _named(value: str) -> Json:
    return {"value": value, "localizedValue": value}


def _time(when: datetime) -> str:
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def line(event: Json) -> str:
    """An event in one line: when, who, what, to what, and what came of it."""
    status = event["status"]["value"]
    why = ""
    if status == "Failed":
        why = f" ({event['subStatus']['value']})"
    caller = event["caller"] or "-"
    return f"{event['eventTimestamp']} {status}{why} {caller} {event['operationName']['value']} {event['resourceId']}"
