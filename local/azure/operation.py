"""Long-running operations: what a creation, update or deletion does after its request was answered.

An operation is written down with the change that begins it, so one that a kill -9 interrupted is taken up again at the
next start: ``settle`` and ``vanish`` of a type must therefore bear being run twice.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError
from local.azure.network import private_link
from local.azure.resource_id import RESOURCE_GROUP, parse
from local.azure.resource_type import Answer
from local.settings import LOCATION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from local.azure.azure import Azure
    from local.azure.catalog import Catalog
    from local.azure.resource_type import Call, Json, Record, ResourceType
    from local.azure.store import Operation, SqliteStore

logger = logging.getLogger(__name__)
#: Clients ask again after this long; whole seconds of ``Retry-After`` would be most of the wait.
_RETRY = {"Retry-After-Ms": "200", "x-ms-retry-after-ms": "200"}
PATH = re.compile(
    r"/subscriptions/[^/]+(?:/providers/[^/]+(?:/locations/[^/]+)?)?"
    r"/(?P<kind>[a-z]*(?:statuses|status|results|asyncoperations))/(?P<id>[^/]+)",
    re.IGNORECASE,
)


class Operations:
    """Begins, runs and reports operations."""

    def __init__(
        self,
        azure: Azure,
        store: SqliteStore,
        catalog: Catalog,
        spawn: Callable[[str, Awaitable[None]], asyncio.Task[None]],
        *,
        ended: Callable[[str, str, Mapping[str, Any] | None], object],
        strike: Callable[[Operation], Awaitable[None]],
    ) -> None:
        self._azure = azure
        self._store = store
        self._catalog = catalog
        self._spawn = spawn
        self._ended = ended
        self._strike = strike
        self._tasks: dict[str, asyncio.Task[None]] = {}

    # --- beginning

    def busy(self, resource_id: str) -> bool:
        """Whether an operation on exactly this resource runs."""
        task = self._tasks.get(resource_id.lower())
        return task is not None and not task.done()

    def begin(self, record: Record, kind: str) -> Operation:
        """Writes an operation down. Call it in the transaction that writes what begins it, then ``run`` it."""
        prefix = self._type(record).operation[1]
        name = str(uuid.uuid4())
        if prefix != "op":
            name = f"{prefix}:{self._workspace(record)}:{name}"
        return self._store.begin(name, record.id, kind)

    def run(self, operation: Operation) -> None:
        """Does an operation's work in the background."""
        key = operation.resource.lower()
        before = [task for other, task in self._tasks.items() if _within(other, key) and not task.done()]
        self._tasks[key] = self._spawn(
            f"{operation.kind} {operation.resource}", self._work(operation, before)
        )

    def resume(self) -> None:
        """Takes up what a kill interrupted."""
        for operation in self._store.running_operations():
            logger.info("taking up: %s %s", operation.kind, operation.resource)
            self.run(operation)

    def abandon(self) -> None:
        """Gives up everything that is under way, for a store that is emptied."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    # --- working

    async def _work(self, operation: Operation, before: list[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        record = self._store.get(operation.resource)
        if record is None:
            gone = operation.kind == "delete"
            error = (
                None
                if gone
                else ArmError(404, "ResourceNotFound", "The resource was deleted meanwhile.").body()
            )
            self._store.end(operation.id, "Succeeded" if gone else "Canceled", error)
            return
        try:
            await self._strike(operation)
            if operation.kind == "delete":
                await self.vanish(record)
                with self._store.transaction():
                    self._store.delete(record.id)
                    self._store.end(operation.id, "Succeeded")
            else:
                await self._settle(operation, record)
        except ArmError as error:
            self._fail(operation, error)
        except Exception as error:
            logger.exception("%s of %s failed", operation.kind, operation.resource)
            self._fail(operation, ArmError(500, "InternalServerError", f"{type(error).__name__}: {error}"))
        ended = self._store.operation(operation.id)
        if ended is not None:
            self._ended(operation.resource, ended.status, ended.error)

    async def _settle(self, operation: Operation, record: Record) -> None:
        settle = self._type(record).settle
        body = await settle(self._azure, record) if settle is not None else None
        current = self._store.get(record.id)
        if current is None:
            self._store.end(operation.id, "Canceled")
            return
        with self._store.transaction():
            self._store.put(record.id, with_state(body if body is not None else current.body, "Succeeded"))
            self._store.end(operation.id, "Succeeded")

    async def vanish(self, record: Record) -> None:
        """Ends what stands behind a resource and all below it, deepest first. Deletes nothing from the store."""
        for inner in sorted(self._store.below(record.id), key=lambda found: -found.id.count("/")):
            kind = self._catalog.find(inner.type)
            if kind is not None and kind.vanish is not None:
                await kind.vanish(self._azure, inner)
        kind = self._type(record)
        if kind.vanish is not None:
            await kind.vanish(self._azure, record)

    def vanishes(self, record: Record) -> bool:
        """Whether anything stands behind a resource or what is below it, so that deleting it takes time."""
        kinds = {record.type.lower()} | {inner.type.lower() for inner in self._store.below(record.id)}
        return any(
            (kind := self._catalog.find(name)) is not None and kind.vanish is not None for name in kinds
        )

    def _fail(self, operation: Operation, error: ArmError) -> None:
        with self._store.transaction():
            record = self._store.get(operation.resource)
            if record is not None:
                self._store.put(record.id, with_state(record.body, "Failed"))
            self._store.end(operation.id, "Failed", error.body()["error"])

    # --- reporting

    def headers(self, operation: Operation, api_version: str, *, location: str = "") -> dict[str, str]:
        """Where a client follows an operation. ``location``: what ``Location`` shall be instead of its result."""
        status = self._url(operation, self._segments(operation)[0], api_version)
        result = self._url(operation, self._segments(operation)[1], api_version)
        return {
            "Azure-AsyncOperation": status,
            "Location": location or result,
            "x-ms-async-operation-timeout": "PT30M",
            **_RETRY,
        }

    def _segments(self, operation: Operation) -> tuple[str, str]:
        kind = self._catalog.find(parse(operation.resource).type)
        status = kind.operation[0] if kind is not None else "operationStatuses"
        result = re.sub(r"s?status(es)?$", "Results", status, flags=re.IGNORECASE)
        return status, result if result != status else f"{status}Results"

    def _url(self, operation: Operation, segment: str, api_version: str) -> str:
        parsed = parse(operation.resource)
        start = f"https://management.azure.com/subscriptions/{parsed.subscription_id}"
        if parsed.type != RESOURCE_GROUP:
            start += f"/providers/{parsed.type.split('/')[0]}/locations/{self._location(parsed.text)}"
        return f"{start}/{segment}/{operation.id}?api-version={api_version}"

    def _location(self, resource_id: str) -> str:
        scope = resource_id
        while scope.count("/") > 4:
            record = self._store.get(scope)
            if record is not None and record.body.get("location"):
                return str(record.body["location"])
            scope = parse(scope).parent
        return LOCATION

    def answer(self, call: Call, segment: str, name: str) -> Answer:
        """The status document, or for ``…Results`` the result."""
        operation = self._store.operation(name)
        if operation is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{name}' was not found.")
        if segment.lower().endswith(("status", "statuses")):
            return Answer(200, self._status(call, operation), {} if operation.ended_at else _RETRY)
        if operation.ended_at is None:
            return Answer(
                202,
                None,
                {"Location": f"https://{call.host}{call.path}?api-version={call.api_version}", **_RETRY},
            )
        if operation.status != "Succeeded":
            return Answer(
                400, {"error": operation.error or {"code": operation.status, "message": operation.status}}
            )
        record = self._store.get(operation.resource)
        if operation.kind == "delete" or record is None:
            return Answer(204)
        return Answer(200, present(self._azure, self._type(record), record, call.api_version))

    def _status(self, call: Call, operation: Operation) -> Json:
        running = "Updating" if self._segments(operation)[0].lower().startswith("mfe") else "InProgress"
        document: dict[str, Any] = {
            "id": call.path,
            "name": operation.id,
            "status": operation.status if operation.ended_at else running,
            "startTime": operation.started_at,
            "percentComplete": 100.0 if operation.ended_at else 0.0,
        }
        if operation.ended_at:
            document["endTime"] = operation.ended_at
        if operation.error:
            document["error"] = operation.error
        return document

    def _type(self, record: Record) -> ResourceType:
        return self._catalog.of(record.type)

    def _workspace(self, record: Record) -> str:
        scope = record.id
        while scope.count("/") > 8:
            scope = parse(scope).parent
        found = self._store.get(scope)
        return str((found.body.get("properties") or {}).get("workspaceId", "")) if found else ""


def present(azure: Azure, kind: ResourceType, record: Record, api_version: str) -> Json:
    """What GET answers for a resource."""
    body: Json = {"id": record.id, "name": record.name, "type": record.type, **record.body}
    body.setdefault(
        "systemData",
        {
            "createdBy": record.created_by,
            "createdByType": "Application",
            "createdAt": record.created_at,
            "lastModifiedBy": record.modified_by or record.created_by,
            "lastModifiedByType": "Application",
            "lastModifiedAt": record.modified_at,
        },
    )
    connections = private_link.connections(azure, record)
    if connections is not None:
        body["properties"] = {**body["properties"], "privateEndpointConnections": connections}
    return kind.view(azure, record, body, api_version) if kind.view is not None else body


def with_state(body: Json, state: str) -> Json:
    """A copy of a body that shows a provisioning state."""
    return {**body, "properties": {**(body.get("properties") or {}), "provisioningState": state}}


def _within(key: str, scope: str) -> bool:
    return key == scope or key.startswith(f"{scope}/")
