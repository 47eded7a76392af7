"""How fast local Azure answers one client process, and what it weighs.

``python -m bench.local_azure [RESOURCES] [SECONDS] [CONNECTIONS]``: a local Azure of its own in a temporary folder. One client
process, 16 keep-alive connections through the proxy unless told otherwise, reads resources at random (GET) and makes new ones (PUT of user-assigned
identities, each on disk when it is answered), first with almost nothing there, then with 10,000 resources. With roles, locks
and activity log, as always. Prints also the server's CPU time for each request, what it weighs, how long its start took and
how busy the machine was.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import shutil
import ssl
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import psutil

from local import service
from local.settings import LOCATION, SUBSCRIPTION_ID, LocalDir

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ARM = "https://management.azure.com"
GROUP = f"{ARM}/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/bench"
IDENTITIES = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"


class Client:
    """The client process: so many requests at once."""

    def __init__(self, session: aiohttp.ClientSession, proxy: str, connections: int) -> None:
        self._session = session
        self._proxy = proxy
        self._connections = connections
        self.made = 0

    async def request(self, method: str, url: str, version: str = "2023-01-31") -> None:
        """One request that must succeed."""
        async with self._session.request(
            method,
            f"{url}?api-version={version}",
            json={"location": LOCATION} if method == "PUT" else None,
            proxy=self._proxy,
        ) as answer:
            text = await answer.read()
            assert answer.status in (200, 201), text

    async def get(self) -> None:
        """Reads one of the resources that are there."""
        await self.request("GET", f"{IDENTITIES}/one{random.randrange(self.made)}")

    async def put(self) -> None:
        """Makes another resource."""
        number, self.made = self.made, self.made + 1
        await self.request("PUT", f"{IDENTITIES}/one{number}")

    async def rate(self, act: Callable[[], Awaitable[None]], seconds: float) -> tuple[float, int]:
        """How many per second were answered, and how many in all."""
        answered = 0
        began = time.perf_counter()

        async def go_on() -> None:
            nonlocal answered
            while time.perf_counter() < began + seconds:
                await act()
                answered += 1

        await asyncio.gather(*(go_on() for _ in range(self._connections)))
        return answered / (time.perf_counter() - began), answered

    async def fill(self, wanted: int) -> None:
        """Makes resources until so many are there."""

        async def go_on() -> None:
            while self.made < wanted:
                await self.put()

        await asyncio.gather(*(go_on() for _ in range(self._connections)))


async def costed(
    server: psutil.Process, client: Client, act: Callable[[], Awaitable[None]], seconds: float
) -> tuple[float, float]:
    """How many per second, and the milliseconds of CPU that each takes the server: a busy machine changes these less."""
    before = sum(server.cpu_times()[:2])
    rate, answered = await client.rate(act, seconds)
    return rate, (sum(server.cpu_times()[:2]) - before) * 1000 / answered


async def measure(directory: LocalDir, resources: int, seconds: float, connections: int) -> None:
    """Starts local Azure, measures and prints."""
    began = time.perf_counter()
    running = service.start(directory)
    started = time.perf_counter() - began
    variables = service.client_environment(directory)
    server = psutil.Process(running.pid)
    trust = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    form = {
        "grant_type": "client_credentials",
        "client_id": variables["AZURE_CLIENT_ID"],
        "client_secret": variables["AZURE_CLIENT_SECRET"],
        "scope": f"{ARM}/.default",
    }
    proxy = variables["HTTPS_PROXY"]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust, limit=connections)) as session:
        login = f"https://login.microsoftonline.com/{variables['AZURE_TENANT_ID']}/oauth2/v2.0/token"
        async with session.post(login, data=form, proxy=proxy) as answer:
            token = (await answer.json())["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        client = Client(session, proxy, connections)
        await client.request("PUT", GROUP, "2024-03-01")
        await client.fill(connections)
        print(f"{'resources':>10}{'GET/s':>9}{'ms CPU':>8}{'PUT/s':>9}{'ms CPU':>8}{'MB':>6}")
        for wanted in (connections, resources):
            await client.fill(wanted)
            there = client.made
            reads, read_cost = await costed(server, client, client.get, seconds)
            writes, write_cost = await costed(server, client, client.put, seconds)
            memory = server.memory_info().rss >> 20
            print(f"{there:>10,}{reads:>9,.0f}{read_cost:>8.2f}{writes:>9,.0f}{write_cost:>8.2f}{memory:>6}")
    load = "/".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"start {started:.2f} s; load {load}; {os.cpu_count()} cores, Python {platform.python_version()}")


def main(resources: int = 10_000, seconds: int = 10, connections: int = 16) -> None:
    """Measure in a folder that is deleted afterwards."""
    root = Path(tempfile.mkdtemp(prefix="mlops-bench-"))
    os.environ["MLOPS_LOCAL_PORT"] = "0"
    directory = LocalDir(root)
    try:
        asyncio.run(measure(directory, resources, seconds, connections))
    finally:
        service.stop(directory)
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
