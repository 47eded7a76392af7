"""What a request to blobs, queues or tables asks for, as roles name it. Pure.

Source: Microsoft Learn, "Permissions for calling data operations" (Authorize with Microsoft Entra ID). Work on containers and
queues themselves are actions, work on what they hold are data actions; where several would do, one is enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.azure.access.condition import LIST_BLOBS, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

_BLOB = "Microsoft.Storage/storageAccounts/blobServices"
_QUEUE = "Microsoft.Storage/storageAccounts/queueServices"
_CONTAINERS = "/blobServices/default/containers/"
_VERB = {"GET": "read", "HEAD": "read", "PUT": "write", "POST": "write", "DELETE": "delete"}


@dataclass(frozen=True)
class DataDemand:
    """Any of ``operations`` below ``scope`` (what follows the account's id)."""

    operations: tuple[str, ...]
    scope: str
    data: bool = True
    #: what conditions of roles are asked besides: the path of a blob, the prefix of a list
    path: str = ""
    prefix: str | None = None

    def about(self, account: str) -> Request:
        """What conditions can ask of the request."""
        attributes = {"resource[microsoft.storage/storageaccounts:name]": account}
        container = self.scope.removeprefix(_CONTAINERS)
        if self.scope.startswith(_CONTAINERS):
            attributes[f"resource[{_BLOB}/containers:name]".lower()] = container
        if self.path:
            attributes[f"resource[{_BLOB}/containers/blobs:path]".lower()] = self.path
        if self.prefix:
            attributes[f"request[{_BLOB}/containers/blobs:prefix]".lower()] = self.prefix
        return Request(sub_operation=LIST_BLOBS if self.prefix is not None else "", attributes=attributes)


def blob(method: str, path: str, query: Mapping[str, str]) -> DataDemand:
    """A request to the blob service; ``path`` is ``/``, ``/container`` or ``/container/blob``."""
    found, name = _blob(method, path, query), path.strip("/").partition("/")[2]
    listing = not name and found.scope and query.get("comp", "").lower() == "list"
    return replace(found, path=name, prefix=query.get("prefix", "") if listing else None)


def _blob(method: str, path: str, query: Mapping[str, str]) -> DataDemand:
    container, _, name = path.strip("/").partition("/")
    verb, what = _VERB.get(method, "write"), query.get("comp", "").lower()
    if not container:
        return _blob_service(method, what)
    scope = f"/blobServices/default/containers/{container}"
    if name:
        match what:
            case "tags":
                return DataDemand((f"{_BLOB}/containers/blobs/tags/{verb}",), scope)
            case _ if method in ("PUT", "POST") and what in ("", "block", "blocklist", "appendblock"):
                added = f"{_BLOB}/containers/blobs/add/action"
                return DataDemand((f"{_BLOB}/containers/blobs/write", added), scope)
            case _:
                return DataDemand((f"{_BLOB}/containers/blobs/{verb}",), scope)
    match what:
        case "list":
            return DataDemand((f"{_BLOB}/containers/blobs/read",), scope)
        case "blobs":
            return DataDemand((f"{_BLOB}/containers/blobs/filter/action",), scope)
        case "batch":
            return DataDemand((f"{_BLOB}/containers/blobs/delete",), scope)
        case _:
            return DataDemand((f"{_BLOB}/containers/{verb}",), scope, data=False)


def _blob_service(method: str, what: str) -> DataDemand:
    match what:
        case "list":
            return DataDemand((f"{_BLOB}/containers/read",), "", data=False)
        case "userdelegationkey":
            return DataDemand((f"{_BLOB}/generateUserDelegationKey/action",), "", data=False)
        case "blobs":
            return DataDemand((f"{_BLOB}/containers/blobs/filter/action",), "")
        case "batch":
            return DataDemand((f"{_BLOB}/containers/blobs/delete",), "")
        case _:
            return DataDemand((f"{_BLOB}/{_VERB.get(method, 'write')}",), "", data=False)


def queue(method: str, path: str, query: Mapping[str, str]) -> DataDemand:
    """A request to the queue service; ``path`` is ``/``, ``/queue``, ``/queue/messages`` or ``/queue/messages/id``."""
    name, _, rest = path.strip("/").partition("/")
    verb = _VERB.get(method, "write")
    if not name:
        listing = query.get("comp", "").lower() == "list"
        operation = f"{_QUEUE}/queues/read" if listing else f"{_QUEUE}/{verb}"
        return DataDemand((operation,), "", data=False)
    scope = f"/queueServices/default/queues/{name}"
    messages = f"{_QUEUE}/queues/messages"
    if not rest:
        return DataDemand((f"{_QUEUE}/queues/{verb}",), scope, data=False)
    one = "/" in rest.strip("/")
    match method:
        case "GET" if query.get("peekonly", "").lower() == "true":
            return DataDemand((f"{messages}/read",), scope)
        case "GET":
            return DataDemand((f"{messages}/process/action",), scope)
        case "POST":
            return DataDemand((f"{messages}/add/action", f"{messages}/write"), scope)
        case "DELETE" if one:
            return DataDemand((f"{messages}/process/action", f"{messages}/delete"), scope)
        case _:
            return DataDemand((f"{messages}/{verb}",), scope)


def table(method: str, path: str, query: Mapping[str, str]) -> DataDemand:
    """A request to the table service; ``path`` is ``/Tables``, ``/Tables('name')``, ``/name``, ``/name(…)`` or ``/$batch``."""
    del query
    service = "Microsoft.Storage/storageAccounts/tableServices"
    name, _, key = path.strip("/").partition("(")
    verb = "write" if method in ("MERGE", "PATCH") else _VERB.get(method, "write")
    if name.lower() in ("tables", ""):
        return DataDemand((f"{service}/tables/{verb}" if name else f"{service}/{verb}",), "", data=False)
    if name.lower() == "$batch":
        return DataDemand((f"{service}/tables/entities/write",), "")
    operations: tuple[str, ...] = (f"{service}/tables/entities/{verb}",)
    if verb == "write":
        operations += (f"{service}/tables/entities/{'update' if key else 'add'}/action",)
    return DataDemand(operations, f"/tableServices/default/tables/{name}")
