"""The instances of a deployment: model servers side by side, requests to the one that has least to do.

A deployment is served by as many processes as it has instances, but by no more than this machine has processors.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from local.azure.machine_learning.model_server import ModelServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from local.azure.azure import Azure
    from local.azure.machine_learning.model_server import Launch


def served_by(instances: int) -> int:
    """How many processes serve so many instances."""
    return max(1, min(instances, os.cpu_count() or 1))


class Instances:
    """The servers of one deployment; ``launch(n)`` says how to start the n-th, from 1."""

    def __init__(self, azure: Azure, launch: Callable[[int], Launch]) -> None:
        self._azure = azure
        self._launch = launch
        self._servers: list[ModelServer] = []
        self._turn = 0

    @property
    def processes(self) -> dict[int, int]:
        """The processes of those that run, by the instance's number."""
        return {
            number: server.process
            for number, server in enumerate(self._servers, 1)
            if server.process is not None
        }

    async def resize(self, count: int, seconds: float) -> None:
        """Has ``count`` servers: starts what is missing; what is too much ends with its last answer, after ``seconds`` at the latest.

        Raises:
            ArmError: one didn't come up; those that were there stay.
        """
        known = len(self._servers)
        new = [ModelServer(self._azure, self._launch(number)) for number in range(known + 1, count + 1)]
        try:
            async with asyncio.TaskGroup() as group:
                for server in new:
                    group.create_task(server.start())
        except ExceptionGroup as failed:
            await asyncio.gather(*(server.stop() for server in new))
            raise failed.exceptions[0] from None
        except BaseException:
            await asyncio.gather(*(server.stop() for server in new))
            raise
        surplus = self._servers[count:]
        self._servers = [*self._servers[:count], *new]
        await asyncio.gather(*(server.retire(seconds) for server in surplus))

    @asynccontextmanager
    async def lease(self, seconds: float) -> AsyncGenerator[str | None]:
        """``http://127.0.0.1:PORT`` of a server that is live, kept while the lease lasts; None after ``seconds``."""
        if not self._servers:
            yield None
            return
        self._turn = (self._turn + 1) % len(self._servers)
        inline = [*self._servers[self._turn :], *self._servers[: self._turn]]
        live = [server for server in inline if server.live] or inline
        async with min(live, key=lambda server: server.leases).lease(seconds) as address:
            yield address

    async def retire(self, seconds: float) -> None:
        """Ends all when they have answered, after ``seconds`` at the latest."""
        await asyncio.gather(*(server.retire(seconds) for server in self._servers))

    async def stop(self) -> None:
        """Ends all now."""
        await asyncio.gather(*(server.stop() for server in self._servers), return_exceptions=True)
