"""How events reach whoever subscribed: attempts, their answers, and the handshake with web hooks.

What a web hook answers decides as in Azure: 2xx is delivered, 400, 401, 403, 404 and 413 are given up at once, all else and
silence for 30 s are tried again until the retry policy's attempts or time are used up; what is given up goes to the
dead-letter container, where there is one. What is on its way is in the database and goes on after a stop. The URL of a web
hook is a secret and is in no message.

Source: Microsoft Learn, "Event Grid message delivery and retry", "Webhook event delivery".
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import aiohttp

from local.azure import event_identity, outbound
from local.azure.errors import ArmError
from local.azure.resource_id import parse
from local.azure.service_bus import message

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.blob import AzuriteBlobs
    from local.azure.resource_type import Json, Record

logger = logging.getLogger(__name__)
#: Azure's waits between attempts begin with 10 s and end with 12 h; here one second is long. The last repeats.
_WAITS = (0.2, 1.0, 5.0, 10.0, 60.0, 300.0, 600.0)
_PATIENCE = 30.0
#: What a web hook's answers make no sense to repeat.
_FINAL = frozenset({400, 401, 403, 404, 413})
#: What isn't delivered because the subscription's identity has lost its role; Azure tries that again.
_NO_ROLE = "found no role of its identity"
#: What of an event is on its way, below its subscription: it goes with the subscription.
UNDER_WAY = "deliveries"


def base_url(url: str) -> str:
    """What of a web hook's URL may be shown: all before its query."""
    return url.partition("?")[0]


def begin(azure: Azure, subscription: Record, event: Json) -> None:
    """Writes down that an event is on its way to a subscription, and sends it in the background until it is there.

    What is written down survives a stop: ``resume`` goes on with it.
    """
    path = f"{subscription.id}/{UNDER_WAY}/{uuid.uuid4()}"
    now = azure.now().isoformat()
    azure.store.put(path, {"event": event, "published": now, "attempts": 0, "outcome": "", "tried": now})
    azure.spawn(f"event {event['id']} to {subscription.name}", _deliver(azure, subscription.id, path))


def resume(azure: Azure, subscription: Record) -> None:
    """Goes on with the events that were on their way to a subscription when local Azure stopped."""
    for record in azure.store.below(subscription.id, f"{subscription.type}/{UNDER_WAY}"):
        azure.spawn(
            f"event {record.name} to {subscription.name}", _deliver(azure, subscription.id, record.id)
        )


def destination_of(properties: Json) -> Json:
    """Where a subscription's events go."""
    with_identity: Json = properties.get("deliveryWithResourceIdentity") or {}
    return with_identity.get("destination") or properties.get("destination") or {}


def dead_letters_of(properties: Json) -> Json:
    """Where events go that can't be delivered; nothing where they are dropped."""
    with_identity: Json = properties.get("deadLetterWithResourceIdentity") or {}
    return with_identity.get("deadLetterDestination") or properties.get("deadLetterDestination") or {}


async def _deliver(azure: Azure, subscription_id: str, path: str) -> None:
    """Delivers an event in as many attempts as its subscription's retry policy gives it."""
    while True:
        subscription, record = azure.store.get(subscription_id), azure.store.get(path)
        if subscription is None or record is None:
            return
        properties: Json = subscription.body["properties"]
        state: Json = record.body
        event: Json = state["event"]
        try:
            answer = await _attempt(azure, subscription, event)
        except (ArmError, aiohttp.ClientError, TimeoutError) as error:
            answer = f"failed ({type(error).__name__})"
        if answer is None:
            azure.store.delete(path)
            return
        attempts = int(state["attempts"]) + 1
        reason = _given_up(azure, properties, state, attempts, answer)
        _tell(subscription, event, answer, final=reason is not None)
        tried = azure.now().isoformat()
        state = {**state, "attempts": attempts, "outcome": answer, "tried": tried}
        if reason is not None:
            await _dead_letter(azure, subscription, state, reason)
            azure.store.delete(path)
            return
        if azure.store.get(path) is not None:
            azure.store.put(path, state)
        await asyncio.sleep(_WAITS[min(attempts, len(_WAITS)) - 1])


def _given_up(azure: Azure, properties: Json, state: Json, attempts: int, answer: str) -> str | None:
    """Why an event isn't tried again, in Event Grid's word; None if it is."""
    if answer in {f"was answered {status}" for status in _FINAL}:
        return "UndeliverableDueToHttpStatus"
    policy: Json = properties["retryPolicy"]
    if attempts >= int(policy["maxDeliveryAttempts"]):
        return "MaxDeliveryAttemptsExceeded"
    age = azure.now() - datetime.fromisoformat(state["published"])
    if age >= timedelta(minutes=int(policy["eventTimeToLiveInMinutes"])):
        return "TimeToLiveExceeded"
    return None


def _tell(subscription: Record, event: Json, answer: str, *, final: bool) -> None:
    logger.log(
        logging.ERROR if final else logging.WARNING,
        "event %s (%s) to %s %s%s",
        event["id"],
        event["eventType"],
        subscription.name,
        answer,
        "; it is given up" if final else "",
    )


async def _dead_letter(azure: Azure, subscription: Record, state: Json, reason: str) -> None:
    """Writes an event that can't be delivered to a blob, as Event Grid names and fills it, where there is a place for it."""
    place: Json = dead_letters_of(subscription.body["properties"]).get("properties") or {}
    if not place:
        return
    now = azure.now()
    # Without zeros in front, and in upper case: services differ in how they see case.
    hour = f"{now.year}/{now.month}/{now.day}/{now.hour}"
    name = f"{subscription.name.upper()}/{hour}/{uuid.uuid4()}.json"
    letter: Json = {
        **state["event"],
        "deadLetterReason": reason,
        "deliveryAttempts": state["attempts"],
        "lastDeliveryOutcome": _outcome(state["outcome"]),
        "publishTime": state["published"],
        "lastDeliveryAttemptTime": state["tried"],
    }
    account = parse(place["resourceId"]).name
    if not event_identity.may_dead_letter(azure, subscription):
        logger.error(
            "event %s can't be dead-lettered to %s (the identity has no role)", letter["id"], account
        )
        return
    try:
        await azure.blobs.upload(
            account, place["blobContainerName"], name, json.dumps([letter], indent=2).encode()
        )
    except (ArmError, aiohttp.ClientError, TimeoutError, OSError) as error:
        logger.error(  # noqa: TRY400 (known)
            "event %s can't be dead-lettered to %s (%s)", letter["id"], account, type(error).__name__
        )


def _outcome(answer: str) -> str:
    """What the last attempt came to, in Event Grid's words."""
    status = answer.removeprefix("was answered ")
    known = {
        "400": "BadRequest",
        "401": "Unauthorized",
        "403": "Forbidden",
        "404": "NotFound",
        "413": "PayloadTooLarge",
    }
    if status in known:
        return known[status]
    if "TimeoutError" in answer:
        return "TimedOut"
    if answer == _NO_ROLE:
        return "Unauthorized"
    return "NotFound" if "no such queue" in answer else "GenericError"


async def _attempt(azure: Azure, subscription: Record, event: Json) -> str | None:
    """None if the event was delivered, else why it wasn't."""
    destination = destination_of(subscription.body["properties"])
    if not event_identity.may_deliver(azure, subscription):
        return _NO_ROLE
    properties: Json = destination["properties"]
    if destination["endpointType"] == "WebHook":
        status, _ = await _post(azure, properties["endpointUrl"], event, "Notification")
        return None if 200 <= status < 300 else f"was answered {status}"
    if destination["endpointType"] == "ServiceBusQueue":
        queue = azure.store.get(properties["resourceId"])
        if queue is None:
            return "found no such queue"
        message.send(azure, queue, json.dumps(event).encode(), properties={"MessageId": event["id"]})
        return None
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
