"""Service Bus: queues whose messages are really kept, and are where Event Grid delivers."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import LocalAzure, unique

from local.settings import PRINCIPAL_ID

if TYPE_CHECKING:
    import requests

API, EVENT_GRID = "2024-01-01", "2025-02-15"
OWNER, SENDER = "090c5cfd-751d-490a-894a-3ce6f1109419", "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"


@pytest.fixture(scope="module")
def queue(local_azure: LocalAzure) -> str:
    group = local_azure.group()
    namespace = f"{group}/providers/Microsoft.ServiceBus/namespaces/{unique('bus-')}"
    local_azure.put(namespace, {"location": "westeurope", "sku": {"name": "Basic"}}, api_version=API)
    path = f"{namespace}/queues/events"
    local_azure.put(path, {"properties": {"maxDeliveryCount": 2}}, api_version=API)
    local_azure.assign(namespace, OWNER, PRINCIPAL_ID)
    return path


def ask(azure: LocalAzure, queue: str, method: str, below: str, **more: Any) -> requests.Response:
    token = azure.token("https://servicebus.azure.net/.default")
    namespace = queue.split("/namespaces/")[1].partition("/")[0]
    url = f"https://{namespace}.servicebus.windows.net/events{below}"
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return azure.session.request(method, url, headers=headers, timeout=10, **more)


def test_a_message_is_there_until_somebody_takes_it(local_azure: LocalAzure, queue: str) -> None:
    assert ask(local_azure, queue, "DELETE", "/messages/head").status_code == 204
    sent = ask(local_azure, queue, "POST", "/messages", data=b"hello", headers={"BrokerProperties": '{"MessageId": "m1"}'})  # fmt: skip
    assert sent.status_code == 201
    _, _, shown = local_azure.arm("GET", queue, api_version=API)
    assert shown["properties"]["countDetails"]["activeMessageCount"] == 1
    got = ask(local_azure, queue, "DELETE", "/messages/head")
    assert (got.status_code, got.content) == (200, b"hello")
    assert json.loads(got.headers["BrokerProperties"])["MessageId"] == "m1"
    assert ask(local_azure, queue, "DELETE", "/messages/head").status_code == 204


def test_a_message_delivered_too_often_is_a_dead_letter(local_azure: LocalAzure, queue: str) -> None:
    ask(local_azure, queue, "POST", "/messages", data=b"poison")
    for delivery in (1, 2):
        locked = ask(local_azure, queue, "POST", "/messages/head")
        assert (locked.status_code, json.loads(locked.headers["BrokerProperties"])["DeliveryCount"]) == (201, delivery)  # fmt: skip
        # Nobody else gets it while it is locked.
        assert ask(local_azure, queue, "POST", "/messages/head").status_code == 204
        below = locked.headers["Location"].partition("/events")[2]
        assert ask(local_azure, queue, "PUT", below).status_code == 200
        assert ask(local_azure, queue, "DELETE", below).status_code == 404
    assert ask(local_azure, queue, "POST", "/messages/head").status_code == 204
    dead = ask(local_azure, queue, "DELETE", "/$DeadLetterQueue/messages/head")
    assert (dead.status_code, dead.headers["DeadLetterReason"]) == (200, "MaxDeliveryCountExceeded")


def test_who_may_not_listen_is_refused(local_azure: LocalAzure, queue: str) -> None:
    anonymous = local_azure.session.delete(
        f"https://{queue.split('/namespaces/')[1].partition('/')[0]}.servicebus.windows.net/events/messages/head",
        timeout=10,
    )
    assert anonymous.status_code == 401


def test_a_namespaces_name_is_unique_and_topics_are_refused_by_name(local_azure: LocalAzure, queue: str) -> None:  # fmt: skip
    namespace = queue.rpartition("/queues/")[0]
    other = local_azure.group("elsewhere-" + unique())
    path = f"{other}/providers/Microsoft.ServiceBus/namespaces/{namespace.rpartition('/')[2].upper()}"
    status, _, body = local_azure.arm("PUT", path, {"location": "westeurope"}, api_version=API)
    assert (status, body["error"]["code"]) == (409, "NamespaceUnavailable")
    status, _, body = local_azure.arm("PUT", f"{namespace}/topics/t", {"properties": {}}, api_version=API)
    assert status == 501
    assert "topics" in body["error"]["message"]


def test_event_grid_delivers_to_a_queue(local_azure: LocalAzure, queue: str) -> None:
    group = queue.partition("/providers/")[0]
    topic = f"{group}/providers/Microsoft.EventGrid/topics/{unique('t-')}"
    made = local_azure.put(topic, {"location": "westeurope"}, api_version=EVENT_GRID)
    destination = {"endpointType": "ServiceBusQueue", "properties": {"resourceId": queue}}
    path = f"{topic}/eventSubscriptions/to-the-bus"
    local_azure.put(path, {"properties": {"destination": destination}}, api_version=EVENT_GRID)
    _, _, keys = local_azure.arm("POST", f"{topic}/listKeys", {}, api_version=EVENT_GRID)
    event = {"id": unique(), "subject": "s", "eventType": "T", "eventTime": "2026-01-01T00:00:00Z", "data": {"a": 1}, "dataVersion": "1"}  # fmt: skip
    endpoint = made["properties"]["endpoint"]
    reply = local_azure.session.post(endpoint, json=[event], headers={"aeg-sas-key": keys["key1"]}, timeout=10)  # fmt: skip
    assert reply.status_code == 200
    until = time.monotonic() + 10
    while (got := ask(local_azure, queue, "DELETE", "/messages/head")).status_code == 204:
        assert time.monotonic() < until
    assert got.json()["data"] == {"a": 1}
    missing = {"endpointType": "ServiceBusQueue", "properties": {"resourceId": f"{queue}-not"}}
    status, _, _ = local_azure.arm("PUT", f"{path}-2", {"properties": {"destination": missing}}, api_version=EVENT_GRID)  # fmt: skip
    assert status == 400


def test_an_identity_delivers_only_with_the_role_of_a_sender(local_azure: LocalAzure, queue: str) -> None:
    group = queue.partition("/providers/")[0]
    identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    principal = local_azure.put(identity, {"location": "westeurope"}, api_version="2023-01-31")
    topic = f"{group}/providers/Microsoft.EventGrid/systemTopics/{unique('evgt-')}"
    body = {
        "location": "westeurope",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "properties": {"source": queue.rpartition("/queues/")[0], "topicType": "Microsoft.ServiceBus.Namespaces"},
    }  # fmt: skip
    local_azure.put(topic, body, api_version=EVENT_GRID)
    delivery = {
        "identity": {"type": "UserAssigned", "userAssignedIdentity": identity},
        "destination": {"endpointType": "ServiceBusQueue", "properties": {"resourceId": queue}},
    }
    path = f"{topic}/eventSubscriptions/by-identity"
    properties = {"properties": {"deliveryWithResourceIdentity": delivery}}
    with pytest.raises(AssertionError, match="Managed Identity Authorization Error"):
        local_azure.put(path, properties, api_version=EVENT_GRID)
    local_azure.assign(queue, SENDER, principal["properties"]["principalId"])
    assert local_azure.put(path, properties, api_version=EVENT_GRID)["properties"]["provisioningState"] == "Succeeded"  # fmt: skip
