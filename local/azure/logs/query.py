"""Queries of logs: ``POST https://api.loganalytics.io/v1/workspaces/ID/query``, and the same through ARM.

Scope: queries of one workspace (``kusto.py`` says of what kind) over a timespan. Omitted: queries across workspaces and of
resources, batches, statistics, rendering: 501.

Source: Microsoft Learn, "Azure Monitor Log Analytics API": "Query - Execute", "Response format".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.logs import kusto, store
from local.azure.machine_learning.duration import seconds
from local.azure.operational_insights.name import WORKSPACE
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.logs.kusto import Result
    from local.azure.resource_type import Call, Json, Record

_AUDIENCES = (
    "https://api.loganalytics.io",
    "https://api.loganalytics.azure.com",
    "https://management.azure.com",
)
_READ = "Microsoft.OperationalInsights/workspaces/query/read"
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def ask(azure: Azure, workspace: str, query: str, begin: datetime, end: datetime) -> Result:
    """What a query finds in a workspace (its id) between two times.

    Raises:
        ArmError: 400 or 501.
    """
    rows = store.of(azure).read(workspace, kusto.table_of(query), begin, end)
    return kusto.run(query, rows, end)


async def _by_id(azure: Azure, call: Call) -> Answer:
    claims = azure.identity.check(call.headers.get("authorization"), audiences=_AUDIENCES)
    wanted = call.captured["workspace"].lower()
    for record in azure.store.of_type(WORKSPACE):
        if str(record.body["properties"].get("customerId")).lower() == wanted:
            return _answered(azure, call, record, str(claims["oid"]))
    raise ArmError(404, "PathNotFoundError", f"There is no workspace '{wanted}'.")


async def _by_resource(azure: Azure, call: Call) -> Answer:
    record = azure.store.get(call.captured["resource"])
    if record is None:
        raise ArmError(404, "ResourceNotFound", f"The resource '{call.captured['resource']}' was not found.")
    return _answered(azure, call, record, call.principal_id)


def _answered(azure: Azure, call: Call, workspace: Record, principal: str | None) -> Answer:
    azure.access.require(principal, _READ, workspace.id)
    given: Json = {**call.query, **(call.body or {})}
    if given.get("workspaces"):
        raise unsupported("A query across workspaces")
    if not given.get("query"):
        raise bad_request("The request has no query.", code="BadArgumentError", target="query")
    now = azure.now()
    begin, end = span(str(given.get("timespan") or ""), now)
    found = ask(azure, workspace.id, str(given["query"]), begin, end)
    table = {
        "name": "PrimaryResult",
        "columns": [{"name": name, "type": kind} for name, kind in found.columns],
        "rows": [[_shown(value) for value in row] for row in found.rows],
    }
    return Answer(200, {"tables": [table]})


def span(text: str, now: datetime) -> tuple[datetime, datetime]:
    """A timespan: nothing, a duration until now, or two of a begin, an end and a duration.

    Raises:
        ArmError: 400.
    """
    later = now + timedelta(seconds=1)
    if not text:
        return _BEGINNING, later
    parts = text.split("/")
    try:
        if len(parts) == 1:
            return now - timedelta(seconds=seconds(text)), later
        one, other = parts
        if one.startswith("P"):
            end = _moment(other)
            return end - timedelta(seconds=seconds(one)), end
        begin = _moment(one)
        return begin, begin + timedelta(seconds=seconds(other)) if other.startswith("P") else _moment(other)
    except ValueError:
        raise bad_request(
            f"The timespan '{text}' isn't one of ISO 8601.", code="BadArgumentError", target="timespan"
        ) from None


def _moment(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return str(value)
    return value


ROUTES = (
    Route(
        re.compile(r"api\.loganalytics\.(io|azure\.com)", re.IGNORECASE),
        re.compile(r"(?:/api)?/v1/workspaces/(?P<workspace>[0-9a-f-]{36})/query", re.IGNORECASE),
        _by_id,
        ("GET", "POST"),
        authenticated=False,
    ),
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            r"(?P<resource>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.OperationalInsights/workspaces/[^/]+)"
            r"/(?:api/)?query",
            re.IGNORECASE,
        ),
        _by_resource,
        ("GET", "POST"),
    ),
)


async def stop(azure: Azure) -> None:
    """Closes the logs."""
    await store.stop(azure)
