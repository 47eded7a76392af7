"""Microsoft.EventGrid's data plane and catalogs: clients publish to a topic's endpoint, and ask what there is to subscribe to.

Scope: ``POST https://TOPIC.REGION-N.eventgrid.azure.net/api/events`` with a key (``aeg-sas-key``), a shared access signature
(``aeg-sas-token`` or ``Authorization``) or a token whose roles permit sending; events in Event Grid's schema, checked; the
topic types of what local Azure serves, and lists of subscriptions by them. Omitted: CloudEvents, domains' endpoints.

Source: Microsoft Learn, "Post to custom topic for Azure Event Grid", "Event Grid event schema", "Authenticate publishing
clients (access key, SAS)".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from local.azure import event_grid, event_topic_key
from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.operation import present
from local.azure.resource_type import Answer, Call, Json, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Record

_SEND = "Microsoft.EventGrid/events/send/action"
_LIMIT = 1 << 20
_ML = "Microsoft.MachineLearningServices"
#: The event types of each topic type that something here publishes, or that platforms subscribe to.
_EVENTS = {
    f"{_ML}.Workspaces": (
        f"{_ML}.ModelRegistered",
        f"{_ML}.ModelDeployed",
        f"{_ML}.RunCompleted",
        f"{_ML}.DatasetDriftDetected",
        f"{_ML}.RunStatusChanged",
    ),
    "Microsoft.Storage.StorageAccounts": (
        "Microsoft.Storage.BlobCreated",
        "Microsoft.Storage.BlobDeleted",
        "Microsoft.Storage.BlobTierChanged",
    ),
    "Microsoft.KeyVault.vaults": (
        "Microsoft.KeyVault.SecretNewVersionCreated",
        "Microsoft.KeyVault.SecretNearExpiry",
        "Microsoft.KeyVault.SecretExpired",
    ),
    "Microsoft.ContainerRegistry.Registries": (
        "Microsoft.ContainerRegistry.ImagePushed",
        "Microsoft.ContainerRegistry.ImageDeleted",
    ),
    "Microsoft.EventGrid.Topics": (),
    "Microsoft.EventGrid.Domains": (),
    "Microsoft.Resources.ResourceGroups": ("Microsoft.Resources.ResourceWriteSuccess",),
    "Microsoft.Resources.Subscriptions": ("Microsoft.Resources.ResourceWriteSuccess",),
}
_NEEDED = ("id", "subject", "eventType", "eventTime", "data", "dataVersion")


def _refusal(message: str) -> ArmError:
    return ArmError(401, "Unauthorized", message)


async def _publish(azure: Azure, call: Call) -> Answer:
    """Takes events in; 200 says that they are written down for everyone subscribed."""
    topic = _topic(azure, call)
    _authorize(azure, call, topic)
    if len(call.content) > _LIMIT:
        raise ArmError(413, "RequestEntityTooLarge", "A batch of events has at most 1 MB.")
    if "cloudevents" in call.headers.get("content-type", ""):
        raise unsupported("The CloudEvents schema")
    if not isinstance(call.body, list) or not call.body:
        raise bad_request(
            "This resource is configured for EventGridEvent schema: send a JSON array of events."
        )
    for event in call.body:
        _check_event(event, topic)
    for event in call.body:
        event_grid.send(azure, {**event, "topic": topic.id, "metadataVersion": "1"})
    return Answer(200)


def _topic(azure: Azure, call: Call) -> Record:
    for record in azure.store.named(event_grid.TOPIC, call.captured["topic"]):
        if f"//{call.host}/" in str(record.body["properties"]["endpoint"]):
            return record
    raise ArmError(404, "ResourceNotFound", f"There is no topic at '{call.host}'.")


def _check_event(event: object, topic: Record) -> None:
    found: Json = event if isinstance(event, dict) else {}
    missing = [key for key in _NEEDED if found.get(key) is None]
    if missing:
        raise bad_request(
            f"This resource is configured for EventGridEvent schema and an event lacks: {', '.join(missing)}."
        )
    given = found.get("topic")
    if given is not None and str(given).lower() != topic.id.lower():
        raise bad_request(f"The event's topic '{given}' isn't this one; leave it out.")


def _authorize(azure: Azure, call: Call, topic: Record) -> None:
    """By key, signature or token, as Event Grid looks for them."""
    local = topic.body["properties"].get("disableLocalAuth") is not True
    keys = [event_topic_key.access_key(azure, topic.id, name) for name in ("key1", "key2")]
    key, authorization = call.headers.get("aeg-sas-key"), call.headers.get("authorization", "")
    signature = call.headers.get("aeg-sas-token") or ""
    if authorization.lower().startswith("sharedaccesssignature "):
        signature = authorization.partition(" ")[2]
    if (key or signature) and not local:
        raise _refusal("Local authentication is disabled for this topic; use a token.")
    if key:
        if not any(hmac.compare_digest(key, one) for one in keys):
            raise _refusal("The key in aeg-sas-key isn't one of the topic's.")
    elif signature:
        _check_signature(azure, signature, keys, call)
    else:
        claims = azure.identity.check(authorization or None, audiences=None)
        azure.access.require(str(claims["oid"]), _SEND, topic.id, data=True)


def _check_signature(azure: Azure, token: str, keys: list[str], call: Call) -> None:
    head, _, signed = token.rpartition("&s=")
    fields = dict(parse_qsl(head))
    if not fields.get("r") or not fields.get("e"):
        raise _refusal("The signature's token needs r (the resource), e (its expiry) and s (the signature).")
    digests = (
        base64.b64encode(hmac.new(base64.b64decode(one), head.encode(), hashlib.sha256).digest()).decode()
        for one in keys
    )
    if not any(hmac.compare_digest(unquote(signed), digest) for digest in digests):
        raise _refusal("The signature doesn't fit the topic's keys.")
    if not fields["r"].lower().split("?")[0].startswith(f"https://{call.host}/"):
        raise _refusal("The signature is for another resource.")
    if _expiry(fields["e"]) <= azure.now():
        raise _refusal("The signature has expired.")


def _expiry(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        try:
            when = datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
        except ValueError:
            raise _refusal(f"The expiry '{text}' is no time.") from None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _topic_type(name: str) -> Json:
    namespace = name.rsplit(".", 1)[0]
    return {
        "id": f"providers/Microsoft.EventGrid/topicTypes/{name}",
        "name": name,
        "type": "Microsoft.EventGrid/topicTypes",
        "properties": {
            "provider": namespace,
            "displayName": name.replace(".", " "),
            "description": f"Events of {name}.",
            "resourceRegionType": "RegionalResource",
            "provisioningState": "Succeeded",
            "supportedScopesForSource": ["AzureSubscription", "ResourceGroup", "Resource"],
        },
    }


async def _topic_types(_azure: Azure, call: Call) -> Answer:
    name = call.captured["name"]
    if not name:
        return Answer(200, {"value": [_topic_type(one) for one in _EVENTS]})
    found = next((one for one in _EVENTS if one.lower() == name.lower()), None)
    if found is None:
        raise unsupported(f"The topic type '{name}'")
    return Answer(200, _topic_type(found) if not call.captured["events"] else {"value": _event_types(found)})


def _event_types(topic_type: str) -> list[Json]:
    return [
        {
            "id": f"providers/Microsoft.EventGrid/topicTypes/{topic_type}/eventTypes/{quote(name)}",
            "name": name,
            "type": "Microsoft.EventGrid/topicTypes/eventTypes",
            "properties": {
                "displayName": name.rsplit(".", 1)[-1],
                "description": name,
                "isInDefaultSet": True,
            },
        }
        for name in _EVENTS[topic_type]
    ]


async def _types_of_resource(azure: Azure, call: Call) -> Answer:
    """The events of a resource, by its topic type."""
    record = azure.store.get(call.captured["resource"])
    if record is None:
        raise ArmError(404, "ResourceNotFound", f"The resource '{call.captured['resource']}' was not found.")
    wanted = record.type.replace("/", ".").lower()
    found = next((one for one in _EVENTS if one.lower() == wanted), None)
    return Answer(200, {"value": _event_types(found) if found is not None else []})


async def _by_type(azure: Azure, call: Call) -> Answer:
    """Subscriptions of a scope, of one region or none, of one topic type or all."""
    kind = next(one for one in event_grid.TYPES if one.name == event_grid.SUBSCRIPTION)
    wanted, region = call.captured["topictype"], call.captured["region"]
    found: list[Json] = []
    for record in azure.store.below(call.captured["scope"], event_grid.SUBSCRIPTION):
        source = azure.parse(record.body["properties"]["topic"])
        owner = azure.store.get(source.text)
        place = str(owner.body.get("location", "")) if owner is not None and source.resource_group else ""
        topic_type = source.type.replace("Microsoft.Resources/", "Microsoft.Resources.").replace("/", ".")
        fits = not wanted or topic_type.lower() == wanted.lower()
        if fits and (region or "").lower() == ("" if place == "global" else place):
            found.append(present(azure, kind, record, call.api_version))
    return Answer(200, {"value": found})


_ARM = re.compile(r"management\.azure\.com")
_SCOPE = r"(?P<scope>/subscriptions/[^/]+(?:/resourceGroups/[^/]+)?)/providers/Microsoft\.EventGrid"
ROUTES = (
    Route(
        re.compile(r"(?P<topic>[a-z0-9-]+)\.[a-z0-9]+-\d+\.eventgrid\.azure\.net", re.IGNORECASE),
        re.compile(r"/api/events", re.IGNORECASE),
        _publish,
        ("POST",),
        authenticated=False,
    ),
    Route(
        _ARM,
        re.compile(
            r"/providers/Microsoft\.EventGrid/topicTypes(?:/(?P<name>[^/]+)(?P<events>/eventTypes)?)?",
            re.IGNORECASE,
        ),
        _topic_types,
        ("GET",),
    ),
    Route(
        _ARM,
        re.compile(
            r"(?P<resource>/subscriptions/.+)/providers/Microsoft\.EventGrid/eventTypes", re.IGNORECASE
        ),
        _types_of_resource,
        ("GET",),
    ),
    Route(
        _ARM,
        re.compile(
            rf"{_SCOPE}(?=/locations/|/topicTypes/)(?:/locations/(?P<region>[^/]+))?"
            r"(?:/topicTypes/(?P<topictype>[^/]+))?/eventSubscriptions",
            re.IGNORECASE,
        ),
        _by_type,
        ("GET",),
    ),
)
