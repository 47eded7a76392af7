"""Messages of Service Bus queues, over HTTP: ``https://NAMESPACE.servicebus.windows.net/QUEUE/messages``.

Scope: send, receive and delete, peek-lock, renew, unlock and complete, with tokens whose roles permit it; locks that expire,
the delivery count that ends in the dead-letter queue (``QUEUE/$deadletterqueue``), time to live. Messages are in the database:
they survive a stop. Omitted: AMQP, which the SDKs speak, also over WebSocket; shared access signatures; sessions, batches,
scheduled messages; Premium's large messages.

Source: Microsoft Learn, "Service Bus REST API": "Send Message", "Receive and Delete Message (Destructive Read)", "Peek-Lock
Message (Non-Destructive Read)", "Delete Message", "Unlock Message", "Renew-Lock for a Message".
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from local.azure.errors import ArmError, unsupported
from local.azure.machine_learning.duration import seconds
from local.azure.resource_type import Answer, Route
from local.azure.service_bus.namespace import MESSAGE, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

AUDIENCES = ("https://servicebus.azure.net",)
SEND = "Microsoft.ServiceBus/namespaces/messages/send/action"
_RECEIVE = "Microsoft.ServiceBus/namespaces/messages/receive/action"
_LIMIT = 256 * 1024
_DEAD = "$deadletterqueue"
#: Azure's longest time to live, which no duration of Python holds.
_FOREVER = "P10675199"


def send(
    azure: Azure,
    queue: Record,
    content: bytes,
    *,
    kind: str = "application/json",
    properties: Mapping[str, object] | None = None,
) -> Record:
    """Puts a message into a queue."""
    last = max((int(one.name) for one in azure.store.below(queue.id, MESSAGE)), default=0)
    # By the clock, so that a number isn't given again when all messages are gone.
    number = max(last + 1, int(azure.now().timestamp() * 1_000_000))
    body: Json = {
        "content": base64.b64encode(content).decode(),
        "kind": kind,
        "properties": {"MessageId": uuid.uuid4().hex, **(properties or {})},
        "enqueued": azure.now().isoformat(),
        "deliveries": 0,
        "lock": "",
        "locked": "",
        "dead": "",
    }
    return azure.store.put(f"{queue.id}/messages/{number:020}", body)


def _queue(azure: Azure, call: Call) -> tuple[Record, bool]:
    """The queue that a request is about, and whether its dead letters are meant."""
    name, _, below = unquote(call.captured["queue"]).partition("/$")
    namespace = next(iter(azure.store.named(NAMESPACE, call.captured["namespace"])), None)
    queue = azure.store.get(f"{namespace.id}/queues/{name}") if namespace is not None else None
    if queue is None:
        raise ArmError(404, "40400", f"The messaging entity '{call.host}/{name}' could not be found.")
    if below and f"${below.lower()}" != _DEAD:
        raise unsupported(f"The part '${below}' of a queue")
    return queue, bool(below)


def _authorize(azure: Azure, call: Call, queue: Record, operation: str) -> None:
    authorization = call.headers.get("authorization", "")
    if authorization.lower().startswith("sharedaccesssignature "):
        raise unsupported("A shared access signature of Service Bus (use a token)")
    claims = azure.identity.check(authorization or None, audiences=AUDIENCES)
    if not azure.access.permits(str(claims["oid"]), operation, queue.id, data=True):
        what = "Send" if operation == SEND else "Listen"
        raise ArmError(
            401, "40100", f"Unauthorized access. '{what}' claim(s) are required to perform this operation."
        )


async def _send(azure: Azure, call: Call) -> Answer:
    queue, dead = _queue(azure, call)
    _authorize(azure, call, queue, SEND)
    if dead:
        raise ArmError(400, "40000", "Messages can't be sent to a dead-letter queue.")
    if len(call.content) > _LIMIT:
        raise ArmError(413, "41300", "A message has at most 256 KB.")
    try:
        given: Json = json.loads(call.headers.get("brokerproperties") or "{}")
    except ValueError:
        raise ArmError(400, "40000", "BrokerProperties isn't JSON.") from None
    for name in ("SessionId", "ScheduledEnqueueTimeUtc", "PartitionKey"):
        if given.get(name):
            raise unsupported(f"The property '{name}' of a message")
    kind = call.headers.get("content-type") or "application/octet-stream"
    if "vnd.microsoft.servicebus.json" in kind:
        raise unsupported("A batch of messages")
    send(azure, queue, call.content, kind=kind, properties=given)
    return Answer(201)


def _next(azure: Azure, queue: Record, *, dead: bool) -> Record | None:
    """The first message that nobody has locked; expired ones go, those delivered too often become dead letters."""
    now = azure.now()
    settings: Json = queue.body["properties"]
    for one in azure.store.below(queue.id, MESSAGE):
        body = one.body
        if bool(body["dead"]) != dead or (body["locked"] and datetime.fromisoformat(body["locked"]) > now):
            continue
        reason = None if dead else _end(settings, body, now)
        if reason is None:
            return one
        if reason == "TTLExpiredException" and not settings["deadLetteringOnMessageExpiration"]:
            azure.store.delete(one.id)
        else:
            azure.store.put(one.id, {**body, "dead": reason, "lock": "", "locked": ""})
    return None


def _end(settings: Json, body: Json, now: datetime) -> str | None:
    """Why a message isn't delivered any more."""
    alive = str(body["properties"].get("TimeToLive") or settings["defaultMessageTimeToLive"])
    if not alive.startswith(_FOREVER):
        limit = float(alive) if alive.replace(".", "").isdigit() else seconds(alive)
        if now - datetime.fromisoformat(body["enqueued"]) > timedelta(seconds=limit):
            return "TTLExpiredException"
    if int(body["deliveries"]) >= int(settings["maxDeliveryCount"]):
        return "MaxDeliveryCountExceeded"
    return None


def _told(one: Record, status: int, location: str = "") -> Answer:
    body = one.body
    enqueued = datetime.fromisoformat(body["enqueued"])
    found: Json = {
        **body["properties"],
        "DeliveryCount": int(body["deliveries"]),
        "EnqueuedTimeUtc": format_datetime(enqueued, usegmt=True),
        "SequenceNumber": int(one.name),
        "State": "Active",
    }
    if body["lock"]:
        found["LockToken"] = body["lock"]
        found["LockedUntilUtc"] = format_datetime(datetime.fromisoformat(body["locked"]), usegmt=True)
    headers = {"BrokerProperties": json.dumps(found), "Content-Type": body["kind"]}
    if body["dead"]:
        headers["DeadLetterReason"] = body["dead"]
    if location:
        headers["Location"] = location
    return Answer(status, base64.b64decode(body["content"]), headers)


async def _receive(azure: Azure, call: Call) -> Answer:
    """The next message, removed (DELETE) or locked (POST); 204 where there is none, at once."""
    queue, dead = _queue(azure, call)
    _authorize(azure, call, queue, _RECEIVE)
    one = _next(azure, queue, dead=dead)
    if one is None:
        return Answer(204)
    body: Json = {**one.body, "deliveries": int(one.body["deliveries"]) + 1}
    if call.method == "DELETE":
        azure.store.delete(one.id)
        return _told(replace(one, body={**body, "lock": ""}), 200)
    until = azure.now() + timedelta(seconds=seconds(str(queue.body["properties"]["lockDuration"])))
    one = azure.store.put(one.id, {**body, "lock": str(uuid.uuid4()), "locked": until.isoformat()})
    number, lock = int(one.name), one.body["lock"]
    return _told(one, 201, f"https://{call.host}{call.path.rsplit('/', 1)[0]}/{number}/{lock}")


async def _settle(azure: Azure, call: Call) -> Answer:
    """Ends (DELETE), releases (PUT) or renews (POST) the lock on a message."""
    queue, dead = _queue(azure, call)
    _authorize(azure, call, queue, _RECEIVE)
    wanted, lock = call.captured["message"], call.captured["lock"]
    for one in azure.store.below(queue.id, MESSAGE):
        body = one.body
        if wanted not in (str(int(one.name)), str(body["properties"]["MessageId"])):
            continue
        held = body["lock"] == lock and datetime.fromisoformat(body["locked"]) > azure.now()
        if bool(body["dead"]) == dead and held:
            if call.method == "DELETE":
                azure.store.delete(one.id)
            elif call.method == "PUT":
                azure.store.put(one.id, {**body, "lock": "", "locked": ""})
            else:
                until = azure.now() + timedelta(
                    seconds=seconds(str(queue.body["properties"]["lockDuration"]))
                )
                azure.store.put(one.id, {**body, "locked": until.isoformat()})
            return Answer(200)
    raise ArmError(404, "40401", "The lock on the message is gone, or there is no such message.")


async def _websocket(_azure: Azure, _call: Call) -> Answer:
    raise unsupported("AMQP over WebSocket (local Azure's Service Bus speaks HTTP: QUEUE/messages)")


_HOST = re.compile(r"(?P<namespace>[a-z0-9-]+)\.servicebus\.windows\.net", re.IGNORECASE)


def _route(path: str, handle: Callable[[Azure, Call], Awaitable[Answer]], *methods: str) -> Route:
    return Route(_HOST, re.compile(path, re.IGNORECASE), handle, methods, authenticated=False, opaque=True)


ROUTES = (
    _route(r"/(?P<queue>.+)/messages", _send, "POST"),
    _route(r"/(?P<queue>.+)/messages/head", _receive, "POST", "DELETE"),
    _route(
        r"/(?P<queue>.+)/messages/(?P<message>[^/]+)/(?P<lock>[0-9a-f-]{36})",
        _settle,
        "POST",
        "PUT",
        "DELETE",
    ),
    _route(r"/\$servicebus/websocket", _websocket, "GET"),
)
