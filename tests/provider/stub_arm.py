"""A tiny ARM for tests of the client: scripted answers, and a store of what was PUT. Plain HTTP through the 'proxy'."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from local.provider.arm_client import ArmClient, Patience

MANAGEMENT = "http://management.azure.com"
QUICK = Patience(retries=(0, 0), poll=0)

Answer = tuple[int, dict[str, str], Any]


class StubArm:
    """``scripts[(method, path)]`` are answered first, in order; then the store answers."""

    def __init__(self) -> None:
        self.scripts: dict[tuple[str, str], deque[Answer]] = {}
        self.store: dict[str, Any] = {}
        self.requests: list[tuple[str, str]] = []
        self.bodies: dict[str, Any] = {}

    def script(self, method: str, path: str, *answers: Answer) -> None:
        self.scripts.setdefault((method, path.lower()), deque()).extend(answers)

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path.lower()
        self.requests.append((request.method, path))
        assert request.headers["Authorization"] == "Bearer stub"
        scripted = self.scripts.get((request.method, path))
        if request.method == "PUT":
            self.bodies[path] = await request.json()
        if scripted:
            status, headers, body = scripted.popleft()
            return web.json_response(body, status=status, headers=headers)
        if request.method == "PUT":
            created = path not in self.store
            self.store[path] = {
                **self.bodies[path],
                "id": request.path,
                "name": request.path.rsplit("/", 1)[-1],
            }
            return web.json_response(self.store[path], status=201 if created else 200)
        if request.method == "DELETE":
            return web.Response(status=200 if self.store.pop(path, None) else 404)
        if path in self.store:
            return web.json_response(self.store[path])
        return web.json_response({"error": {"code": "ResourceNotFound", "message": f"no {path}"}}, status=404)

    def count(self, method: str, path: str) -> int:
        return self.requests.count((method, path.lower()))


class StubToken:
    async def token(self, *_: object) -> str:
        return "stub"


@asynccontextmanager
async def serving():
    stub = StubArm()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stub.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    session = aiohttp.ClientSession()
    client = ArmClient(
        session, f"http://127.0.0.1:{port}", StubToken(), patience=QUICK, management=MANAGEMENT
    )
    try:
        yield stub, client
    finally:
        await client.close()
        await runner.cleanup()
