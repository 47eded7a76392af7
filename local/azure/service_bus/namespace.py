"""Microsoft.ServiceBus/namespaces and their queues, by Azure's rules.

Scope: namespaces (names unique in Azure, SKUs), queues with their settings and how many messages are in them, on the
data plane ``message.py``. Omitted: topics, rules of authorization and their keys, replicas, private endpoints: 501, by name.

Source: Microsoft Learn, "Namespaces - Create Or Update", "Queues - Create Or Update" (Service Bus).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure import name_availability
from local.azure.errors import bad_request, conflict
from local.azure.kept import given, one_of
from local.azure.machine_learning.duration import seconds
from local.azure.resource_type import ResourceType, Route
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Answer, Call, Json, Record, ResourceId

NAMESPACE = "Microsoft.ServiceBus/namespaces"
QUEUE = f"{NAMESPACE}/queues"
#: What of a queue's messages is kept, below it: it goes with the queue.
MESSAGE = f"{QUEUE}/messages"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]")
_QUEUE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?")
_SKUS = ("Basic", "Standard", "Premium")
_FOREVER = "P10675199DT2H48M5.4775807S"
_DEFAULTS: dict[str, object] = {
    "lockDuration": "PT1M",
    "maxSizeInMegabytes": 1024,
    "requiresDuplicateDetection": False,
    "requiresSession": False,
    "defaultMessageTimeToLive": _FOREVER,
    "deadLetteringOnMessageExpiration": False,
    "duplicateDetectionHistoryTimeWindow": "PT10M",
    "maxDeliveryCount": 10,
    "status": "Active",
    "enableBatchedOperations": True,
    "autoDeleteOnIdle": _FOREVER,
    "enablePartitioning": False,
    "enableExpress": False,
    "maxMessageSizeInKilobytes": 256,
}
_LONGEST_LOCK = 300


def _wrong_name(name: str) -> str | None:
    """What is wrong with a namespace's name."""
    if not _NAME.fullmatch(name) or name.lower().endswith(("-sb", "-mgmt")):
        return (
            f"The namespace name '{name}' is invalid: 6 to 50 letters, digits and hyphens, beginning with a letter, "
            "ending with a letter or digit, and not with '-sb' or '-mgmt'."
        )
    return None


def _prepare_namespace(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_location(body)
    wrong = _wrong_name(resource_id.name)
    if wrong is not None:
        raise bad_request(wrong, code="BadRequest")
    for other in azure.store.named(NAMESPACE, resource_id.name):
        if other.id.lower() != resource_id.key:
            raise conflict(f"The namespace name '{resource_id.name}' is taken.", code="NamespaceUnavailable")
    sku: Json = {"name": "Standard", **(body.get("sku") or {})}
    one_of(sku, "name", _SKUS)
    before: Json = old.body["properties"] if old is not None else {}
    now = azure.now().isoformat()
    properties = {
        "disableLocalAuth": False,
        "publicNetworkAccess": "Enabled",
        "minimumTlsVersion": "1.2",
        "zoneRedundant": True,
        **before,
        **given(body),
        "status": "Active",
        "createdAt": before.get("createdAt") or now,
        "updatedAt": now,
        "serviceBusEndpoint": f"https://{resource_id.name}.servicebus.windows.net:443/",
        "metricId": f"{resource_id.subscription_id}:{resource_id.name.lower()}",
        "provisioningState": "Succeeded",
    }
    return {
        **body,
        "tags": body.get("tags") or {},
        "sku": {**sku, "tier": sku.get("tier") or sku["name"]},
        "properties": properties,
    }


async def _settle(_azure: Azure, _record: Record) -> Json | None:
    return None


async def _gone(_azure: Azure, _record: Record) -> None:
    return None


def _prepare_queue(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if not _QUEUE_NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"The queue name '{resource_id.name}' is invalid: 1 to 260 letters, digits, periods, hyphens and underscores.",
            code="BadRequest",
        )
    before: Json = old.body["properties"] if old is not None else {}
    properties: Json = {**_DEFAULTS, **before, **given(body)}
    if seconds(str(properties["lockDuration"])) > _LONGEST_LOCK:
        raise bad_request("lockDuration is 5 minutes at most.", code="BadRequest")
    if int(properties["maxDeliveryCount"]) < 1:
        raise bad_request("maxDeliveryCount is 1 at least.", code="BadRequest")
    for key in ("requiresSession", "requiresDuplicateDetection", "enablePartitioning"):
        if before and bool(before[key]) != bool(properties[key]):
            raise bad_request(f"{key} of a queue can't be changed.", code="BadRequest")
    now = azure.now().isoformat()
    return {"properties": {**properties, "createdAt": before.get("createdAt") or now, "updatedAt": now}}


def _view_queue(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    kept = azure.store.below(record.id, MESSAGE)
    dead = sum(1 for one in kept if one.body["dead"])
    counts = {
        "activeMessageCount": len(kept) - dead,
        "deadLetterMessageCount": dead,
        "scheduledMessageCount": 0,
        "transferMessageCount": 0,
        "transferDeadLetterMessageCount": 0,
    }
    size = sum(len(one.body["content"]) for one in kept)
    found = {**body["properties"], "messageCount": len(kept), "sizeInBytes": size, "countDetails": counts}
    return {**body, "properties": found}


async def _availability(azure: Azure, call: Call) -> Answer:
    name = name_availability.asked(call)
    taken = f"The namespace name '{name}' is taken."
    return name_availability.answer(azure, name, (NAMESPACE,), invalid=_wrong_name(name), taken=taken)


TYPES = (
    ResourceType(NAMESPACE, prepare=_prepare_namespace, settle=_settle, vanish=_gone),
    ResourceType(QUEUE, prepare=_prepare_queue, view=_view_queue, created=200, patch=False),
)
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            r"/subscriptions/[^/]+/providers/Microsoft\.ServiceBus/checkNameAvailability", re.IGNORECASE
        ),
        _availability,
        ("POST",),
    ),
)
