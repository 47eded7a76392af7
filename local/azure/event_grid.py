"""Microsoft.EventGrid: topics, system topics, and event subscriptions that deliver.

Scope: system topics (one per source), custom topics that clients publish to (``event_publishing.py``), domains and their topics
as records, subscriptions of all and at any scope; filters on event types, subject and advanced filters; delivery at least
once to storage queues (base64, as Azure does), to Service Bus queues and to web hooks on this machine and of Logic Apps, with
retries that survive a stop, expiry and dead letters. Omitted: web hooks elsewhere, functions, hubs, Service Bus topics,
CloudEvents and custom schemas, publishing to domains, partner events, namespaces: 501.
"""

from __future__ import annotations

import copy
import re
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.azure import event_delivery, event_identity, event_topic_key, outbound
from local.azure.errors import bad_request, conflict, unsupported
from local.azure.event_delivery import destination_of
from local.azure.event_filter import check as check_filter
from local.azure.event_filter import matches
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location
from local.azure.service_bus.namespace import QUEUE

if TYPE_CHECKING:
    from local.azure.azure import Azure

SYSTEM_TOPIC = "Microsoft.EventGrid/systemTopics"
TOPIC = "Microsoft.EventGrid/topics"
DOMAIN = "Microsoft.EventGrid/domains"
SUBSCRIPTION = "Microsoft.EventGrid/eventSubscriptions"
_SUBSCRIPTIONS = (
    f"{SYSTEM_TOPIC}/eventSubscriptions",
    f"{TOPIC}/eventSubscriptions",
    f"{DOMAIN}/eventSubscriptions",
    f"{DOMAIN}/topics/eventSubscriptions",
    SUBSCRIPTION,
)
_NAME = re.compile(r"[A-Za-z0-9-]{3,128}")
_SUBSCRIPTION_NAME = re.compile(r"[A-Za-z0-9-]{3,64}")


def _check_name(resource_id: ResourceId, pattern: re.Pattern[str], limit: int) -> None:
    if not pattern.fullmatch(resource_id.name):
        raise bad_request(
            f"The name '{resource_id.name}' is invalid: 3 to {limit} letters, digits and hyphens.",
            code="InvalidRequest",
        )


def _prepare_system_topic(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    _check_name(resource_id, _NAME, 128)
    check_location(body)
    given: Json = body.get("properties") or {}
    source, kind = str(given.get("source") or ""), str(given.get("topicType") or "")
    if not source or not kind:
        raise bad_request(
            "A system topic needs properties.source and properties.topicType.", code="InvalidRequest"
        )
    record = azure.store.get(source)
    if record is None:
        raise bad_request(
            f"The source '{source}' was not found.", code="InvalidRequest", target="properties.source"
        )
    expected = record.type.replace("/", ".").lower()
    if kind.lower() != expected:
        raise bad_request(
            f"The topic type '{kind}' does not fit the source, a '{record.type}'.", code="InvalidRequest"
        )
    for other in azure.store.of_type(SYSTEM_TOPIC):
        if (
            other.id.lower() != resource_id.key
            and other.body["properties"]["source"].lower() == source.lower()
        ):
            raise conflict(
                f"Only one system topic is allowed per source; '{source}' has '{other.name}'.",
                code="InvalidRequest",
            )
    before: Json = old.body["properties"] if old is not None else {}
    if before and before["source"].lower() != source.lower():
        raise bad_request(
            "The source of a system topic can't be changed.",
            code="InvalidRequest",
            target="properties.source",
        )
    properties = {
        "source": source,
        "topicType": kind,
        "metricResourceId": before.get("metricResourceId") or str(uuid.uuid4()),
        "provisioningState": "Succeeded",
    }
    return {**body, "tags": body.get("tags") or {}, "properties": properties}


def _prepare_topic(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    _check_name(resource_id, _NAME, 50)
    check_location(body)
    before: Json = old.body["properties"] if old is not None else {}
    properties = {
        "inputSchema": "EventGridSchema",
        "publicNetworkAccess": "Enabled",
        "disableLocalAuth": False,
        **before,
        **(body.get("properties") or {}),
        "endpoint": f"https://{resource_id.name.lower()}.{body['location']}-1.eventgrid.azure.net/api/events",
        "metricResourceId": before.get("metricResourceId") or str(uuid.uuid4()),
        "provisioningState": "Succeeded",
    }
    return {**body, "tags": body.get("tags") or {}, "properties": properties}


def _prepare_domain_topic(_azure: Azure, resource_id: ResourceId, _body: Json, _old: Record | None) -> Json:
    _check_name(resource_id, _NAME, 128)
    return {"properties": {"provisioningState": "Succeeded"}}


def _prepare_subscription(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    _check_name(resource_id, _SUBSCRIPTION_NAME, 64)
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    destination = destination_of(given)
    if not destination:
        raise bad_request(
            "An event subscription needs a destination.",
            code="InvalidRequest",
            target="properties.destination",
        )
    _check_destination(azure, destination)
    _check_dead_letters(azure, event_delivery.dead_letters_of(given))
    event_identity.check_named(azure, azure.store.get(resource_id.parent), given)
    if (given.get("inputSchema") or "EventGridSchema") != "EventGridSchema":
        raise unsupported(f"The input schema '{given['inputSchema']}'")
    if given.get("eventDeliverySchema", "EventGridSchema") != "EventGridSchema":
        raise unsupported(f"The event delivery schema '{given['eventDeliverySchema']}'")
    chosen: Json = {
        "includedEventTypes": None,
        "subjectBeginsWith": "",
        "subjectEndsWith": "",
        **(given.get("filter") or {}),
    }
    check_filter(chosen)
    properties = {
        "eventDeliverySchema": "EventGridSchema",
        "labels": [],
        **given,
        "filter": {key: value for key, value in chosen.items() if value is not None},
        "retryPolicy": _check_policy(
            {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440, **(given.get("retryPolicy") or {})}
        ),
        "topic": _topic(azure, resource_id),
        "provisioningState": "Succeeded",
    }
    return {"properties": properties}


def _topic(azure: Azure, resource_id: ResourceId) -> str:
    """What a subscription listens to."""
    parent = azure.store.get(resource_id.parent)
    if parent is not None and parent.type == SYSTEM_TOPIC:
        return str(parent.body["properties"]["source"])
    return resource_id.parent


def _check_dead_letters(azure: Azure, destination: Json) -> None:
    if not destination:
        return
    properties: Json = destination.get("properties") or {}
    account = azure.store.get(str(properties.get("resourceId") or ""))
    if (
        destination.get("endpointType") != "StorageBlob"
        or account is None
        or not properties.get("blobContainerName")
    ):
        raise bad_request(
            "A dead-letter destination is a StorageBlob with the resourceId of a storage account and a blobContainerName.",
            code="InvalidRequest",
            target="properties.deadLetterDestination",
        )


def _check_policy(policy: Json) -> Json:
    attempts, minutes = policy["maxDeliveryAttempts"], policy["eventTimeToLiveInMinutes"]
    for name, value, most in (
        ("maxDeliveryAttempts", attempts, 30),
        ("eventTimeToLiveInMinutes", minutes, 1440),
    ):
        if not isinstance(value, int) or not 1 <= value <= most:
            raise bad_request(
                f"{name} {value} is invalid; it is a number from 1 to {most}.",
                code="InvalidRequest",
                target="properties.retryPolicy",
            )
    return policy


def _check_destination(azure: Azure, destination: Json) -> None:
    properties: Json = destination.get("properties") or {}
    match destination.get("endpointType"):
        case "StorageQueue":
            account = azure.store.get(str(properties.get("resourceId") or ""))
            if account is None or not properties.get("queueName"):
                raise bad_request(
                    "A StorageQueue destination needs the resourceId of a storage account and a queueName.",
                    code="InvalidRequest",
                    target="properties.destination",
                )
        case "ServiceBusQueue":
            reference = str(properties.get("resourceId") or "")
            if azure.parse(reference).type.lower() != QUEUE.lower() or azure.store.get(reference) is None:
                raise bad_request(
                    "A ServiceBusQueue destination needs the resourceId of a Service Bus queue.",
                    code="InvalidRequest",
                    target="properties.destination",
                )
        case "WebHook":
            url = str(properties.get("endpointUrl") or "")
            if not outbound.reachable(azure, url):
                host = urlsplit(url).hostname
                raise unsupported(f"A web hook on '{host}' (only this machine and Logic Apps are reached)")
        case other:
            raise unsupported(f"The event destination '{other}'")


async def _settle_subscription(azure: Azure, record: Record) -> Json | None:
    """What Event Grid tries first: its identity's rights, and the handshake with a web hook."""
    event_identity.check(azure, record)
    destination = destination_of(record.body["properties"])
    if destination["endpointType"] == "WebHook":
        code = str(uuid.uuid4())
        data = {"validationCode": code, "validationUrl": ""}
        event = {
            **event_of(
                record.body["properties"]["topic"],
                "Microsoft.EventGrid.SubscriptionValidationEvent",
                "",
                data,
            ),
            "eventTime": azure.now().isoformat(),
        }
        await event_delivery.validate(azure, destination["properties"]["endpointUrl"], event, code)
    return None


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    """Of a web hook's URL, which is a secret, the part before its query."""
    properties: Json = copy.deepcopy(body["properties"])
    destination = destination_of(properties)
    if destination["endpointType"] == "WebHook":
        url = str(destination["properties"].pop("endpointUrl"))
        destination["properties"]["endpointBaseUrl"] = event_delivery.base_url(url)
    return {**body, "properties": properties}


async def _full_url(_azure: Azure, _call: Call, record: Record) -> Answer:
    destination = destination_of(record.body["properties"])
    return Answer(200, {"endpointUrl": (destination.get("properties") or {}).get("endpointUrl")})


def event_of(topic: str, event_type: str, subject: str, data: Json) -> Json:
    """An event in Event Grid's own schema, without its time."""
    return {
        "id": str(uuid.uuid4()),
        "topic": topic,
        "subject": subject,
        "eventType": event_type,
        "data": data,
        "dataVersion": "1",
        "metadataVersion": "1",
    }


def publish(azure: Azure, source: str, event_type: str, subject: str, data: Json) -> int:
    """Publishes an event of an Azure resource to everyone subscribed to it; delivery goes on in the background.

    Args:
        azure: local Azure.
        source: the resource's id, e.g. a workspace's.
        event_type: e.g. ``Microsoft.MachineLearningServices.ModelRegistered``.
        subject: what it is about, within the source.
        data: the event's own data.

    Returns:
        How many subscriptions it goes to.
    """
    return send(azure, {**event_of(source, event_type, subject, data), "eventTime": azure.now().isoformat()})


def send(azure: Azure, event: Json) -> int:
    """Sends an event to everyone subscribed to its topic; returns how many those are."""
    source = str(event["topic"])
    count = 0
    for kind in _SUBSCRIPTIONS:
        for record in azure.store.of_type(kind):
            properties: Json = record.body["properties"]
            same = properties["topic"].lower() == source.lower()
            if (
                same
                and properties["provisioningState"] == "Succeeded"
                and matches(properties["filter"], event)
            ):
                event_delivery.begin(azure, record, event)
                count += 1
    return count


async def _settle_topic(_azure: Azure, _record: Record) -> Json | None:
    return None


async def _attributes(_azure: Azure, _call: Call, record: Record) -> Answer:
    properties: Json = destination_of(record.body["properties"]).get("properties") or {}
    return Answer(200, {"value": properties.get("deliveryAttributeMappings") or []})


def _merge(stored: Json, patch: Json) -> Json:
    """A PATCH of a subscription has no ``properties`` around what it changes."""
    changed = patch.get("properties") or {key: value for key, value in patch.items() if value is not None}
    return {**stored, "properties": {**stored["properties"], **changed}}


def _own(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """Those of the resource itself; of a group or the subscription, all that are in it."""
    start = call.path.lower().rfind("/providers/microsoft.eventgrid/eventsubscriptions")
    scope = call.path[:start].lower()
    if start < 0 or "/providers/" not in scope:
        return records
    return [
        record for record in records if record.id[: record.id.lower().rindex("/providers/")].lower() == scope
    ]


def _subscription(name: str) -> ResourceType:
    return ResourceType(
        name,
        prepare=_prepare_subscription,
        settle=_settle_subscription,
        view=_view,
        merge=_merge,
        listing=_own,
        actions={"getFullUrl": _full_url, "getDeliveryAttributes": _attributes},
        updated=201,
        patched=201,
    )


async def start(azure: Azure) -> None:
    """Goes on with events that were on their way."""
    for kind in _SUBSCRIPTIONS:
        for record in azure.store.of_type(kind):
            event_delivery.resume(azure, record)


async def _gone(_azure: Azure, _record: Record) -> None:
    """A topic goes with its subscriptions."""


TYPES = (
    ResourceType(SYSTEM_TOPIC, prepare=_prepare_system_topic, settle=_settle_topic),
    *(
        ResourceType(
            name,
            prepare=_prepare_topic,
            settle=_settle_topic,
            actions={"listKeys": event_topic_key.listed, "regenerateKey": event_topic_key.regenerated},
            vanish=_gone,
            updated=201,
        )
        for name in (TOPIC, DOMAIN)
    ),
    ResourceType(
        f"{DOMAIN}/topics",
        prepare=_prepare_domain_topic,
        settle=_settle_topic,
        patch=False,
        bodiless=True,
        updated=201,
    ),
    *(_subscription(name) for name in _SUBSCRIPTIONS),
)
