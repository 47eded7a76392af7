"""The action Http: a request with a token of the workflow's identity, tried again as its retry policy says.

Azure's waits between tries begin with seconds; here they are a tenth of one.

Source: Microsoft Learn, "Handle errors and exceptions in Azure Logic Apps", section "Retry policies".
"""

from __future__ import annotations

import asyncio
import base64
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urljoin

import aiohttp

from local.azure import outbound
from local.azure.errors import ArmError
from local.azure.logic.text import as_text
from local.azure.machine_learning.duration import seconds

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.outbound import Reply

Json = dict[str, Any]

_TRIES = {"none": 0, "fixed": 4, "exponential": 4}
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_WAIT = 0.1
_TIMEOUT = "PT2M"
_MANAGEMENT = "https://management.azure.com/"
#: Headers that Logic Apps leaves out of what it sends.
_DROPPED = frozenset(
    {"allow", "cookie", "expires", "host", "last-modified", "origin", "set-cookie", "transfer-encoding"}
)


class NoAnswerError(Exception):
    """Nobody answered; the message says why."""


async def perform(azure: Azure, action: Json, inputs: Json) -> Json:
    """Makes the request of an action with evaluated inputs; returns its outputs.

    Raises:
        NoAnswerError: there was no answer.
    """
    limit = seconds((action.get("limit") or {}).get("timeout") or _TIMEOUT)
    policy: Json = inputs.get("retryPolicy") or {"type": "exponential"}
    kind = str(policy.get("type", "exponential")).lower()
    tries = int(policy.get("count", _TRIES.get(kind, 4))) if kind != "none" else 0
    reply, why = None, ""
    try:
        async with asyncio.timeout(limit):
            for number in range(tries + 1):
                reply, why = await _try(azure, inputs, limit)
                if reply is not None and reply.status not in _AGAIN:
                    break
                if number < tries:
                    await asyncio.sleep(_WAIT)
            if reply is None:
                raise NoAnswerError(why)
            if "DisableAsyncPattern" not in str(action.get("operationOptions") or ""):
                reply = await _followed(azure, inputs, reply, limit)
    except TimeoutError:
        raise NoAnswerError(f"there was no answer within {limit:g} s") from None
    return {"statusCode": reply.status, "headers": _shown(reply), "body": _body(reply)}


async def _try(azure: Azure, inputs: Json, limit: float) -> tuple[Reply | None, str]:
    headers, content = _request(azure, inputs)
    try:
        return await outbound.send(
            azure,
            str(inputs["method"]).upper(),
            _url(inputs),
            headers=headers,
            content=content,
            timeout=limit,
        ), ""
    except ArmError as error:
        raise NoAnswerError(error.message) from None
    except (aiohttp.ClientError, ValueError) as error:
        return None, f"the request failed: {error}"


async def _followed(azure: Azure, inputs: Json, reply: Reply, limit: float) -> Reply:
    """What an asynchronous operation ends with: 202 and a ``Location`` are followed."""
    url = _url(inputs)
    while reply.status == 202 and reply.headers.get("location"):
        await asyncio.sleep(_WAIT)
        url = urljoin(url, reply.headers["location"])
        headers, _ = _request(azure, {**inputs, "body": None, "headers": None})
        reply = await outbound.send(azure, "GET", url, headers=headers, timeout=limit)
    return reply


def _url(inputs: Json) -> str:
    url = str(inputs["uri"]).replace(" ", "%20")
    queries: Json = inputs.get("queries") or {}
    added = urlencode({name: as_text(value) for name, value in queries.items()}, quote_via=quote)
    return f"{url}{'&' if '?' in url else '?'}{added}" if added else url


def _request(azure: Azure, inputs: Json) -> tuple[dict[str, str], bytes | None]:
    headers = {
        str(name): as_text(value)
        for name, value in (inputs.get("headers") or {}).items()
        if str(name).lower() not in _DROPPED
    }
    named = {name.lower() for name in headers}
    if "user-agent" not in named:
        headers["User-Agent"] = "azure-logic-apps/1.0"
    body: Any = inputs.get("body")
    content = None
    if body is not None:
        if "content-type" not in named:
            headers["Content-Type"] = (
                "text/plain" if isinstance(body, str) else "application/json; charset=utf-8"
            )
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
    authentication: Json = inputs.get("authentication") or {}
    if authentication:
        headers["Authorization"] = f"Bearer {_token(azure, authentication)}"
    return headers, content


def _token(azure: Azure, authentication: Json) -> str:
    identity = str(authentication["identity"])
    record = azure.store.get(identity)
    if record is None:
        raise NoAnswerError(f"the identity '{identity}' doesn't exist any more")
    properties: Json = record.body["properties"]
    return azure.identity.issue(
        str(authentication.get("audience") or _MANAGEMENT),
        principal_id=properties["principalId"],
        client_id=properties["clientId"],
    )


def _shown(reply: Reply) -> dict[str, str]:
    return {
        "-".join(part.capitalize() for part in name.split("-")): value
        for name, value in reply.headers.items()
    }


def _body(reply: Reply) -> Any:
    if not reply.content:
        return None
    kind = reply.headers.get("content-type", "application/octet-stream")
    if "json" in kind:
        try:
            return json.loads(reply.content)
        except ValueError:
            pass
    if kind.startswith("text/") or "xml" in kind or "json" in kind:
        return reply.content.decode(errors="replace")
    return {"$content-type": kind, "$content": base64.b64encode(reply.content).decode()}


def code_of(status: int) -> str:
    """An HTTP status's name as workflows show it: ``NotFound``."""
    try:
        return (
            "".join(word.capitalize() for word in HTTPStatus(status).name.split("_"))
            if status != 200
            else "OK"
        )
    except ValueError:
        return str(status)
