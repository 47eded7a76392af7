"""What the demo looks at while the platform does its work: the monitor, the loop, the jobs, the traffic."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from local.demo.page import Verdict
from local.endpoint import EndpointError, WorkspaceClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_LOGIC_API = "2019-05-01"
_ENDED = frozenset({"Completed", "Failed", "Canceled"})
_RUN_ENDED = frozenset({"Succeeded", "Failed", "Cancelled", "TimedOut", "Aborted", "Skipped"})
_LOOK_EVERY = 0.3


class Observer:
    """Asks local Azure, as people would in the portal. Each question is a connection of its own: they are few."""

    def __init__(self, azure: Mapping[str, str], outputs: Mapping[str, Any]) -> None:
        self._azure, self._outputs = azure, outputs
        self._group = (
            f"/subscriptions/{azure['AZURE_SUBSCRIPTION_ID']}/resourceGroups/{outputs['resourceGroup']}"
        )

    def run_monitor(self, monitor: str) -> dict[str, Any]:
        """Runs the monitor now; returns its report."""
        return self._ask(lambda client: client.run_monitor(monitor))

    def shares(self, endpoint: str) -> dict[str, int]:
        """The endpoint's traffic, deployments without any left out."""
        found = self._ask(lambda client: client.get(f"/onlineEndpoints/{endpoint}"))
        return {name: share for name, share in (found["properties"].get("traffic") or {}).items() if share}

    def loop_run(self, seconds: float) -> dict[str, Any]:
        """The Logic App's run that an event started, once it has ended.

        Raises:
            EndpointError: none came about in that time.
        """
        return self._until("the event to start the Logic App", self._ended_loop_run, seconds)

    def ended_job(self, name: str, seconds: float, seen: Callable[[str], None]) -> str:
        """Waits for a job; tells ``seen`` each new status. Returns the last one."""
        told = ""

        async def look(client: WorkspaceClient) -> str | None:
            nonlocal told
            status = str((await client.get(f"/jobs/{name}"))["properties"]["status"])
            if status != told:
                told = status
                seen(status)
            return status if status in _ENDED else None

        return self._until(f"job {name}", look, seconds)

    def verdict(self, job: str) -> Verdict:
        """What the gate wrote in a training job."""

        async def read(client: WorkspaceClient) -> str:
            return await client.output(job, "model/verdict.md")

        return Verdict(job, self._ask(read))

    async def _ended_loop_run(self, client: WorkspaceClient) -> dict[str, Any] | None:
        workflows = await client.get(f"{self._group}/providers/Microsoft.Logic/workflows", api=_LOGIC_API)
        for workflow in workflows["value"]:
            runs = await client.get(f"{workflow['id']}/runs", api=_LOGIC_API)
            for run in runs["value"]:
                status = run["properties"]["status"]
                if status not in _RUN_ENDED:
                    continue
                actions = await client.get(f"{run['id']}/actions", api=_LOGIC_API)
                names = {one["name"] for one in actions["value"] if one["properties"]["status"] != "Skipped"}
                return {"status": status, "actions": names}
        return None

    def _ask(self, question: Callable[[WorkspaceClient], Awaitable[Any]]) -> Any:
        async def ask() -> Any:
            async with self._client() as client:
                return await question(client)

        return asyncio.run(ask())

    def _until(self, what: str, look: Callable[[WorkspaceClient], Awaitable[Any]], seconds: float) -> Any:
        async def wait() -> Any:
            until = time.monotonic() + seconds
            async with self._client() as client:
                while time.monotonic() < until:
                    found = await look(client)
                    if found is not None:
                        return found
                    await asyncio.sleep(_LOOK_EVERY)
            raise EndpointError(f"Waited {seconds:.0f} s for {what} in vain; see `python -m local logs`.")

        return asyncio.run(wait())

    def _client(self) -> WorkspaceClient:
        return WorkspaceClient(self._azure, self._outputs["resourceGroup"], self._outputs["workspace"])
