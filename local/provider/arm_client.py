"""ARM over HTTPS: requests with retries, and long-running operations.

All through one keep-alive session and the proxy. 408, 429 and 5xx are tried again with back-off, 409 only where the
code is ``AnotherOperationInProgress``. Long-running operations are polled at ``Azure-AsyncOperation``, else at
``Location``, else on the resource until its ``provisioningState`` is final; ``Retry-After`` is honoured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urljoin

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

MANAGEMENT = "https://management.azure.com"
_RETRIED = frozenset((408, 429, 500, 502, 503, 504))
_FINAL = frozenset(("succeeded", "failed", "canceled", "cancelled"))


class ArmRequestError(Exception):
    """ARM refused, or an operation that it had accepted failed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.status = status
        self.code = code
        self.message = message


class OperationFailedError(ArmRequestError):
    """The request was accepted, what it started failed: something exists now."""


@dataclass(frozen=True)
class Patience:
    """Seconds: before each further try, between polls where Azure doesn't say, and for one request."""

    retries: tuple[float, ...] = (0.5, 2, 6)
    poll: float = 0.2
    timeout: float = 300


class Wait:
    """How long to wait for a long-running operation: until ``seconds`` have passed or it is cancelled."""

    def __init__(self, seconds: float, cancelled: asyncio.Event) -> None:
        self._deadline = time.monotonic() + seconds
        self._cancelled = cancelled

    async def pause(self, seconds: float) -> None:
        """Sleeps, or raises ``OperationFailedError`` if there is no more time."""
        left = self._deadline - time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._cancelled.wait(), max(0, min(seconds, left)))
        if self._cancelled.is_set():
            raise OperationFailedError(0, "Cancelled", "cancelled while Azure was still at work on it")
        if left <= seconds:
            raise OperationFailedError(
                0, "TimedOut", "operation timed out while Azure was still at work on it"
            )


@dataclass(frozen=True)
class Response:
    """An answer: ``body`` is its JSON, or None."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def json(self) -> Json:
        """The body if it is an object, else nothing."""
        return cast("Json", self.body) if isinstance(self.body, dict) else {}


class TokenSource(Protocol):
    """What signs requests: ``credential.Credential``."""

    async def token(self, session: aiohttp.ClientSession, proxy: str, scope: str) -> str:
        """An access token."""
        ...


class ArmClient:
    """A signed-in client. ``close`` it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        proxy: str,
        credential: TokenSource,
        *,
        patience: Patience | None = None,
        management: str = MANAGEMENT,
    ) -> None:
        self._session = session
        self._proxy = proxy
        self._credential = credential
        self._patience = patience or Patience()
        self._management = management

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        scope: str = MANAGEMENT,
    ) -> Response:
        """One request (a path is ARM's), tried again where that can help; any status is returned."""
        address = urljoin(self._management, url)
        for delay in (*self._patience.retries, None):
            try:
                response = await self._once(method, address, query, body, scope)
            except aiohttp.ClientHttpProxyError as error:
                message = f"{method} {address}: local Azure refuses this host ({error.message})"
                raise ArmRequestError(error.status, "ProxyRefused", message) from error
            except (aiohttp.ClientConnectionError, TimeoutError) as error:
                if delay is None:
                    raise ArmRequestError(0, "ConnectionFailed", f"{method} {address}: {error!r}") from error
                await asyncio.sleep(delay)
                continue
            if delay is None or not _worth_retrying(response):
                return response
            await asyncio.sleep(_retry_after(response.headers) or delay)
        raise AssertionError  # the last round returns or raises

    async def token(self, scope: str) -> str:
        """An access token for a resource such as ``https://vault.azure.net``."""
        return await self._credential.token(self._session, self._proxy, f"{scope}/.default")

    async def _once(
        self, method: str, url: str, query: Mapping[str, str] | None, body: Any, scope: str
    ) -> Response:
        token = await self.token(scope)
        async with self._session.request(
            method,
            url,
            params=query,
            json=body,
            proxy=self._proxy,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=self._patience.timeout),
        ) as answer:
            content = await answer.read()
            return Response(answer.status, answer.headers, _parsed(content))

    async def get(self, url: str, version: str) -> Json | None:
        """A resource, or None if there is none (404, or 204 of linking resources)."""
        response = await self.send("GET", url, {"api-version": version})
        if response.status in (204, 404):
            return None
        return _expect(response, 200).json

    async def exists(self, url: str, version: str) -> bool:
        """Whether a GET answers with a body."""
        return bool(await self.get(url, version))

    async def settled(self, url: str, version: str, wait: Wait) -> Json | None:
        """A resource once Azure is no longer at work on it, or None if there is none.

        Raises ``OperationFailedError`` where that ended in a failure: the resource exists then.
        """
        response = await self.send("GET", url, {"api-version": version})
        if response.status in (204, 404):
            return None
        try:
            await self._poll_resource(url, _expect(response, 200), version, wait)
            return await self.get(url, version)
        except ArmRequestError as error:
            if error.status == 404:  # it was on its way out
                return None
            raise

    async def put(self, url: str, query: Mapping[str, str], body: Any, wait: Wait) -> Json:
        """Creates or replaces, and waits: the resource as the PUT or the operation's end answered it.

        Raises ``ArmRequestError`` where ARM refused and ``OperationFailedError`` where it accepted and then failed.
        """
        response = _expect(await self.send("PUT", url, query, body), 200, 201, 202)
        await self._finish(response, url, query["api-version"], wait)
        return response.json

    async def delete(self, url: str, version: str, wait: Wait, *, scope: str = MANAGEMENT) -> None:
        """Deletes and waits; what is gone already is fine."""
        response = await self.send("DELETE", url, {"api-version": version}, scope=scope)
        if response.status == 404:
            return
        _expect(response, 200, 202, 204)
        try:
            await self._finish(response, url, version, wait, deleting=True)
        except ArmRequestError as error:
            if error.status != 404:
                raise

    async def post(self, url: str, version: str, body: Any = None) -> Json:
        """An action, such as ``listKeys``."""
        response = await self.send("POST", url, {"api-version": version}, body)
        return _expect(response, 200, 201).json

    async def _finish(
        self, response: Response, url: str, version: str, wait: Wait, *, deleting: bool = False
    ) -> None:
        operation = response.headers.get("Azure-AsyncOperation")
        location = response.headers.get("Location")
        if operation:
            await self._poll_operation(operation, response, version, wait)
        elif location and response.status == 202:
            await self._poll_location(location, response, version, wait)
        elif not deleting:
            await self._poll_resource(url, response, version, wait)

    async def _poll_operation(self, operation: str, response: Response, version: str, wait: Wait) -> None:
        while True:
            await self._pause(response, wait)
            response = _expect(await self._poll(operation, version), 200, 201, 202)
            state = str(response.json.get("status", "Succeeded"))
            if state.lower() in _FINAL:
                _check_final(state, response.json)
                return

    async def _poll_location(self, location: str, response: Response, version: str, wait: Wait) -> None:
        while response.status == 202:
            await self._pause(response, wait)
            location = response.headers.get("Location") or location
            response = await self._poll(location, version)
        _expect(response, 200, 201, 204)

    async def _poll_resource(self, url: str, response: Response, version: str, wait: Wait) -> None:
        while True:
            state = _provisioning_state(response.json)
            if state.lower() in _FINAL:
                _check_final(state, response.json.get("properties", {}))
                return
            await self._pause(response, wait)
            response = _expect(await self._poll(url, version), 200)

    async def _poll(self, url: str, version: str) -> Response:
        return await self.send("GET", url, None if "api-version=" in url else {"api-version": version})

    async def _pause(self, response: Response, wait: Wait) -> None:
        after = _retry_after(response.headers)
        await wait.pause(self._patience.poll if after is None else after)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode(errors="replace")


def _error(response: Response) -> Json:
    error = response.json.get("error")
    return cast("Json", error) if isinstance(error, dict) else response.json


def _worth_retrying(response: Response) -> bool:
    if response.status == 409:
        return _error(response).get("code") == "AnotherOperationInProgress"
    return response.status in _RETRIED


def _expect(response: Response, *statuses: int) -> Response:
    if response.status in statuses:
        return response
    error = _error(response)
    message = error.get("message") or (response.body if isinstance(response.body, str) else "no message")
    raise ArmRequestError(response.status, str(error.get("code") or f"HTTP {response.status}"), str(message))


def _check_final(state: str, holder: Any) -> None:
    if state.lower() == "succeeded":
        return
    error = cast("Json", holder).get("error") if isinstance(holder, dict) else None
    details = cast("Json", error) if isinstance(error, dict) else {}
    message = str(details.get("message") or f"the operation ended as {state}")
    raise OperationFailedError(200, str(details.get("code") or f"Operation{state}"), message)


def _provisioning_state(body: Json) -> str:
    properties = body.get("properties")
    state = cast("Json", properties).get("provisioningState") if isinstance(properties, dict) else None
    return state if isinstance(state, str) else "Succeeded"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name, unit in (("Retry-After-Ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("Retry-After", 1)):
        text = headers.get(name)
        if text is not None and text.replace(".", "", 1).isdigit():
            return float(text) * unit
    return None
