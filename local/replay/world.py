"""A private local Azure to replay against: in this process, in a folder of its own, emptied before every example.

Requests take the way that clients' requests take behind HTTP: token, routes, ARM, store, operations. Left out is what
stands behind a resource as a process: nothing is built, served or run, so deployments and jobs are as their first
answer says (``tests/azure/test_run_*`` run them for real).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from local.azure import server
from local.azure.access.authorizer import OWNER
from local.azure.errors import ArmError
from local.settings import PRINCIPAL_ID, SUBSCRIPTION_ID, LocalDir

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from local.azure.azure import Child
    from local.azure.resource_type import Record

#: Types whose ``settle`` starts processes: here it ends at once.
_RUN = (
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments",
    "Microsoft.MachineLearningServices/workspaces/jobs",
)
_TENANT_OWNER = "/providers/Microsoft.Authorization/roleAssignments/7ec3b000-0000-4000-8000-0000000000ff"
_PATIENCE = 20.0


@dataclass(frozen=True)
class Reply:
    """An answer, as it would be on the wire. ``body``: JSON or None."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> str:
        """Code and message of an error body, or the status."""
        found = self.body.get("error") if isinstance(self.body, dict) else None
        if isinstance(found, dict):
            return f"{self.status} {found.get('code')}: {found.get('message')}"
        return str(self.status)

    @property
    def code(self) -> str:
        """The code of an error body, or nothing."""
        found = self.body.get("error") if isinstance(self.body, dict) else None
        return str(found.get("code", "")) if isinstance(found, dict) else ""


class _NoChildren:
    """``azure.Children`` that start nothing."""

    async def start(
        self, name: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> Child:
        del command, cwd, env, log
        raise ArmError(500, "NotRun", f"'{name}' isn't started while examples are replayed.")

    async def stop_all(self) -> None:
        """Nothing runs."""


class World:
    """The private local Azure."""

    def __init__(self, azure: server.LocalAzure) -> None:
        self._azure = azure

    def serves(self, resource_type: str) -> bool:
        """Whether local Azure has a resource type."""
        return self._azure.catalog.find(resource_type) is not None

    def clear(self) -> None:
        """Forgets every resource, operation and secret."""
        self._azure.operations.abandon()
        self._azure.store.clear()
        # Examples ask at every scope, the tenant's too: whoever asks them owns all.
        owner = f"/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
        properties = {"roleDefinitionId": owner, "principalId": PRINCIPAL_ID, "scope": "/"}
        self._azure.store.put(_TENANT_OWNER, {"properties": properties})

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any = None,
    ) -> Reply:
        """One request, one answer."""
        answer = await self._azure.arm(method, path, query, body, by=PRINCIPAL_ID)
        content = answer.body
        if isinstance(content, bytes):
            with contextlib.suppress(ValueError):
                content = json.loads(content)
        return Reply(answer.status, content, answer.headers)

    async def follow(self, first: Reply) -> Reply:
        """The end of the operation that an answer began: its status document, or its result where it has none.

        A failed operation ends as the error it failed with.
        """
        url = first.headers.get("Azure-AsyncOperation") or first.headers.get("Location")
        async with asyncio.timeout(_PATIENCE):
            while url:
                parts = urlsplit(url)
                reply = await self.send("GET", parts.path, dict(parse_qsl(parts.query)))
                state = reply.body.get("status") if isinstance(reply.body, dict) else None
                if reply.status >= 400:
                    return reply
                if state in ("Failed", "Canceled"):
                    return replace(
                        reply, status=400, body={"error": reply.body.get("error") or {"code": state}}
                    )
                if reply.status != 202 and state not in (
                    "InProgress",
                    "Updating",
                    "Running",
                    "Accepted",
                    "Creating",
                ):
                    return reply
                await asyncio.sleep(0.001)
        return first


def _at_once(azure: server.LocalAzure) -> None:
    """Takes the processes away from the types that start some."""

    async def settled(_azure: object, _record: Record) -> None:
        return None

    types = dict(azure.catalog.types)
    for name in _RUN:
        kind = types.get(name.lower())
        if kind is not None and kind.settle is not None:
            types[name.lower()] = replace(kind, settle=settled)
    azure.catalog.types = types


@contextlib.asynccontextmanager
async def world() -> AsyncGenerator[World]:
    """A private local Azure, as long as the block runs.

    Raises:
        ServiceError: it doesn't start.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-replay-") as folder:
        directory = LocalDir(Path(folder) / "local")
        directory.root.mkdir(mode=0o700)
        directory.logs.mkdir(mode=0o700)
        azure = server.LocalAzure(
            directory, {**os.environ, "MLOPS_LOCAL_PORT": "0", "MLOPS_LOCAL_SCHEDULES": "off"}
        )
        azure.children = _NoChildren()  # pyright: ignore[reportAttributeAccessIssue]
        azure.store.relax()
        _at_once(azure)
        stopped, listening = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(azure.serve(stopped, listening))
        waiting = asyncio.create_task(listening.wait())
        try:
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            yield World(azure)
        finally:
            waiting.cancel()
            stopped.set()
            await serving
