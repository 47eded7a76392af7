"""From HTTP to behaviour and back: finds who answers a request, and writes the answer.

Every answer carries ``x-ms-request-id`` and ``x-ms-correlation-request-id``; every failure is an ARM error body.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import sqlite3
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.azure import cloud_metadata, lock
from local.azure.access import instance_identity
from local.azure.arm import HOST as ARM
from local.azure.errors import ArmError, unsupported
from local.azure.fault import Fault
from local.azure.logs import sink, storage_log
from local.azure.machine_learning import registry_discovery
from local.azure.resource_type import Answer, Call
from local.azure.storage_data import failure as storage_failure
from local.azure.template import source as template_source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from local.azure.activity_log import ActivityLog
    from local.azure.arm import Arm
    from local.azure.azure import Azure
    from local.azure.fault_injection import FaultInjection
    from local.azure.resource_type import Route
    from local.azure.storage_data import StorageData

logger = logging.getLogger(__name__)
_LIMIT = 64 << 20
_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-[a-z]+(\.\d+)?)?", re.IGNORECASE)
#: What ARM says is left of the hour's requests. Local Azure counts none, so it is always all of them.
_LEFT = {"GET": ("reads", "11999"), "HEAD": ("reads", "11999"), "DELETE": ("deletes", "14999")}


class Gateway:
    """Answers all requests."""

    def __init__(
        self,
        azure: Azure,
        arm: Arm,
        routes: Sequence[Route],
        storage: StorageData,
        health: Mapping[str, Any],
        *,
        activity: ActivityLog,
        faults: FaultInjection,
    ) -> None:
        self._azure = azure
        self._arm = arm
        self._routes = routes
        self._storage = storage
        self._health = health
        self._activity = activity
        self._faults = faults

    async def handle(self, request: web.BaseRequest, vantage: str = "") -> web.StreamResponse:
        """Answers one request; ``vantage`` is where its connection comes from (``access.vantage``)."""
        _acknowledge(request)
        if request.headers.get("Expect", "").lower() == "100-continue":
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # type: ignore[union-attr]
        if not request.secure:
            return self._plain(request)
        host = request.host.lower().removesuffix(":443")
        met = self._faults.request(request.method, host, request.path)
        if met is not None and met[0] is Fault.DROP:
            return _abort(request)
        refused = met is not None and met[0] in (Fault.THROTTLE, Fault.ERROR)
        lost = met is not None and met[0] is Fault.LOST
        if self._storage.serves(host):
            if met is not None and refused:
                return storage_failure(request, self._faults.refusal(*met, storage=True))
            response = await self._storage.handle(request, host, vantage, lost=lost)
            asked = (request.method, request.path, request.query, request.headers)
            storage_log.answered(
                self._azure, host, asked, (response.status, response.headers.get("x-ms-error-code", ""))
            )
            return response
        call = replace(await self._read(request, host), vantage=vantage)
        if met is not None and refused:
            error = self._faults.refusal(*met, storage=False)
            return _write(call, Answer(error.status, error.body(), error.headers))
        answer = await self.answer(call)
        if host.endswith(".vault.azure.net"):
            sink.vault(self._azure, call, answer)
        return _abort(request) if lost else _write(call, answer)

    def _plain(self, request: web.BaseRequest) -> web.Response:
        if request.path == instance_identity.PATH and request.method == "GET":
            secret = request.headers.get("secret", "")
            status, body = instance_identity.answer(self._azure.identity, dict(request.query), secret)
            return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})
        if request.path == "/health" and request.method in ("GET", "HEAD"):
            return web.json_response(dict(self._health))
        return web.Response(
            status=404,
            text="This is local Azure. Use it as an HTTPS proxy (`python -m local env`), or GET /health.\n",
        )

    async def _read(self, request: web.BaseRequest, host: str) -> Call:
        content = await request.content.read() if request.body_exists else b""
        host, path = registry_discovery.addressed(host, request.path)
        return Call(
            method=request.method,
            host=host,
            path=path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            content=content,
            body=None,
            principal_id=None,
        )

    async def answer(self, call: Call) -> Answer:
        """Answers one request that came as HTTPS, without its transport; failures are ARM error bodies."""
        try:
            if len(call.content) > _LIMIT:
                raise ArmError(
                    413, "RequestEntityTooLarge", f"The request is larger than {_LIMIT >> 20} MiB."
                )
            return await self._dispatch(call)
        except ArmError as error:
            return Answer(error.status, error.body(), error.headers)
        except sqlite3.OperationalError as error:
            logger.error("%s %s%s failed: %s", call.method, call.host, call.path, error)  # noqa: TRY400 (known)
            full = ArmError(
                507, "InsufficientStorage", f"Local Azure can't write its database ({error}); make room."
            )
            return Answer(507, full.body())
        except Exception:
            logger.exception("%s %s%s failed", call.method, call.host, call.path)
            failure = ArmError(
                500, "InternalServerError", "Local Azure failed to answer; `python -m local logs` says why."
            )
            return Answer(500, failure.body())

    async def _dispatch(self, call: Call) -> Answer:
        claims: dict[str, Any] | None = None
        if call.host == ARM and call.path.lower().rstrip("/") != cloud_metadata.PATH:
            if "//" in call.path:
                # `az resource` leaves the parent's place empty, and Azure doesn't mind.
                call = replace(call, path=re.sub("/{2,}", "/", call.path))
            claims = self._check(call)
            if not call.api_version:
                raise ArmError(
                    400,
                    "MissingApiVersionParameter",
                    "The api-version query parameter (?api-version=) is required for all requests.",
                )
            if not _API_VERSION.fullmatch(call.api_version):
                raise ArmError(
                    400,
                    "InvalidApiVersionParameter",
                    f"The api-version '{call.api_version}' is invalid. An api-version is a date such as 2024-03-01, or one "
                    "with a suffix such as 2024-03-01-preview.",
                )
            if call.method not in ("GET", "HEAD"):
                return await self._change(replace(call, principal_id=claims["oid"]), claims)
        return await self._serve(call, claims)

    async def _change(self, call: Call, claims: Mapping[str, Any]) -> Answer:
        """Answers a request that may change something, unless roles or a lock forbid it, and writes it to the activity log."""
        try:
            self._azure.access.check(call, filtered=False)
            lock.refuse(self._azure.store, call)
            answer = await self._serve(call, claims)
        except ArmError as error:
            answer = Answer(error.status, error.body(), error.headers)
        event = self._activity.answered(call, answer)
        return replace(
            answer, headers={"x-ms-correlation-request-id": event["correlationId"], **answer.headers}
        )

    async def _serve(self, call: Call, claims: Mapping[str, Any] | None) -> Answer:
        for route in self._routes:
            if call.method not in route.methods or not route.host.fullmatch(call.host):
                continue
            found = route.path.fullmatch(call.path)
            if found is None:
                continue
            if route.authenticated and claims is None:
                claims = self._check(call)
            captured = {**(route.host.fullmatch(call.host) or found).groupdict(), **found.groupdict()}
            complete = _complete(call, claims, captured, opaque=route.opaque)
            if call.host == ARM:
                self._azure.access.check(complete, filtered=route.filtered)
            elif call.host.endswith(".api.azureml.ms"):
                self._azure.access.check_workspace(complete)
            return await route.handle(self._azure, complete)
        if call.host == ARM:
            complete = _complete(call, claims, {})
            self._azure.access.check(complete, filtered=True)
            self._azure.access.check_linked(complete)
            return await self._arm.handle(complete)
        raise unsupported(f"{call.method} https://{call.host}{call.path}")

    def _check(self, call: Call) -> dict[str, Any]:
        audiences = {} if call.host == ARM else {"audiences": None}
        return self._azure.identity.check(call.headers.get("authorization"), **audiences)


def _acknowledge(request: web.BaseRequest) -> None:
    """Lets the client send its body now, not after the 40 ms by which Linux delays an acknowledgement.

    Clients on urllib3 send head and body apart and, towards a proxy, leave Nagle's algorithm on: the body waits until
    the head is acknowledged. Linux forgets the option, so every request sets it.
    """
    connection = request.transport.get_extra_info("socket") if request.transport is not None else None
    if connection is not None and hasattr(socket, "TCP_QUICKACK"):
        # The client may be gone already.
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _abort(request: web.BaseRequest) -> web.Response:
    """Ends the connection without an answer; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _complete(
    call: Call, claims: Mapping[str, Any] | None, captured: Mapping[str, str], *, opaque: bool = False
) -> Call:
    body = None
    if not opaque and call.content and "json" in call.headers.get("content-type", "application/json"):
        try:
            body = _read(call)
        except ValueError:
            raise ArmError(
                400,
                "InvalidRequestContent",
                "The request content was invalid and could not be deserialized as JSON.",
            ) from None
    return Call(
        method=call.method,
        host=call.host,
        path=call.path,
        query=call.query,
        headers=call.headers,
        content=call.content,
        body=body,
        principal_id=claims["oid"] if claims else None,
        vantage=call.vantage,
        captured=captured,
    )


def _read(call: Call) -> Any:
    try:
        return json.loads(call.content)
    except ValueError:
        # The Azure CLI sends templates as people write them.
        if "/providers/microsoft.resources/deployments/" not in call.path.lower():
            raise
        return template_source.loads(call.content.decode())


def _write(call: Call, answer: Answer) -> web.Response:
    request_id = str(uuid.uuid4())
    headers = {
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": call.headers.get("x-ms-correlation-request-id", request_id),
        "Cache-Control": "no-cache",
        **answer.headers,
    }
    if call.host == ARM:
        kind, left = _LEFT.get(call.method, ("writes", "1199"))
        headers.setdefault(f"x-ms-ratelimit-remaining-subscription-{kind}", left)
        headers.setdefault("x-ms-routing-request-id", f"LOCAL:{request_id}")
    if "x-ms-client-request-id" in call.headers:
        headers["x-ms-client-request-id"] = call.headers["x-ms-client-request-id"]
    if isinstance(answer.body, bytes):
        return web.Response(status=answer.status, body=answer.body, headers=headers)
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    headers.setdefault("Content-Type", "application/json; charset=utf-8")
    return web.Response(
        status=answer.status, body=json.dumps(answer.body, separators=(",", ":")).encode(), headers=headers
    )


def protocol_factory(
    handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> web.Server:
    """Makes the HTTP protocol of each connection; bodies arrive as they were sent."""
    return web.Server(handle, auto_decompress=False, access_log=None, keepalive_timeout=75.0)
