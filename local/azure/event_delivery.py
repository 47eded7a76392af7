"""How events reach whoever subscribed: attempts, their answers, and the handshake with web hooks.

What a web hook answers decides as in Azure: 2xx is delivered, 400, 401, 403 and 413 are given up at once, all else and
silence for 30 s are tried again. The URL of a web hook is a secret and is in no message.

Source: Microsoft Learn, "Event Grid message delivery and retry", "Webhook event delivery".
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import TYPE_CHECKING, cast

import aiohttp

from local.azure import outbound
from local.azure.errors import ArmError
from local.azure.resource_id import parse

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.blob import AzuriteBlobs
    from local.azure.resource_type import Json

logger = logging.getLogger(__name__)
#: Azure's waits between attempts begin with 10 s; here one second is long.
_WAITS = (0.2, 1.0, 5.0, 10.0)
_PATIENCE = 30.0
_FINAL = frozenset({400, 401, 403, 413})


def base_url(url: str) -> str:
    """What of a web hook's URL may be shown: all before its query."""
    return url.partition("?")[0]


async def deliver(azure: Azure, subscription: str, destination: Json, event: Json) -> None:
    """Delivers an event to a subscription's destination, in several attempts if need be."""
    for wait in (*_WAITS, None):
        try:
            answer = await _attempt(azure, destination, event)
        except (ArmError, aiohttp.ClientError, TimeoutError) as error:
            answer = f"failed ({type(error).__name__})"
        if answer is None:
            return
        final = wait is None or answer in {f"was answered {status}" for status in _FINAL}
        logger.log(
            logging.ERROR if final else logging.WARNING,
            "event %s (%s) to %s %s%s",
            event["id"],
            event["eventType"],
            subscription,
            answer,
            "; it is given up" if final else "",
        )
        if wait is None or final:
            return
        await asyncio.sleep(wait)


async def _attempt(azure: Azure, destination: Json, event: Json) -> str | None:
    """None if the event was delivered, else why it wasn't."""
    properties: Json = destination["properties"]
    if destination["endpointType"] == "WebHook":
        status, _ = await _post(azure, properties["endpointUrl"], event, "Notification")
        return None if 200 <= status < 300 else f"was answered {status}"
    text = base64.b64encode(json.dumps(event).encode()).decode()
    account = parse(properties["resourceId"]).name
    blobs = cast("AzuriteBlobs", azure.blobs)
    there = await blobs.send_message(account, properties["queueName"], text)
    return None if there else "found no such queue"


async def validate(azure: Azure, url: str, event: Json, code: str) -> None:
    """The handshake: a web hook must answer the validation event's code.

    Raises:
        ArmError: 400, it didn't.
    """
    try:
        status, answer = await _post(azure, url, event, "SubscriptionValidation")
    except (ArmError, aiohttp.ClientError, TimeoutError):
        status, answer = 0, None
    if status != 200 or (answer or {}).get("validationResponse") != code:
        raise ArmError(
            400,
            "URL validation",
            f"The attempt to validate the provided endpoint {base_url(url)} failed (HTTP {status}).",
        )


async def _post(azure: Azure, url: str, event: Json, kind: str) -> tuple[int, Json | None]:
    headers = {"aeg-event-type": kind, "Content-Type": "application/json; charset=utf-8"}
    content = json.dumps([event]).encode()
    reply = await outbound.send(azure, "POST", url, headers=headers, content=content, timeout=_PATIENCE)
    try:
        answer = json.loads(reply.content)
    except ValueError:
        answer = None
    return reply.status, answer if isinstance(answer, dict) else None
