"""Event Grid: subscriptions, filters, delivery to queues and web hooks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import tempfile
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from running_azure import LocalAzure, unique

from local.azure.event_filter import matches
from local.azure.outbound import Reply

if TYPE_CHECKING:
    from collections.abc import Generator

API = "2025-02-15"
BREACH = "has failed due to one or more features violating metric thresholds"
EVENT = {
    "eventType": "Microsoft.MachineLearningServices.RunStatusChanged",
    "subject": "experiments/drift/runs/1",
    "data": {"RunTags": {"azureml_modelmonitor_threshold_breached": f"signal x {BREACH}"}, "count": 3},
}


@pytest.fixture(scope="module")
def topic(local_azure: LocalAzure) -> dict[str, str]:
    group = local_azure.group()
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{unique('st')}"
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    local_azure.put(account, body, api_version="2024-01-01")
    path = f"{group}/providers/Microsoft.EventGrid/systemTopics/{unique('evgt-')}"
    properties = {"source": account, "topicType": "Microsoft.Storage.StorageAccounts"}
    local_azure.put(path, {"location": "westeurope", "properties": properties}, api_version=API)
    return {"id": path, "account": account, "group": group}


def test_a_source_has_one_system_topic(local_azure: LocalAzure, topic: dict[str, str]) -> None:
    path = f"{topic['group']}/providers/Microsoft.EventGrid/systemTopics/{unique('evgt-')}"
    properties = {"source": topic["account"], "topicType": "Microsoft.Storage.StorageAccounts"}
    body = {"location": "westeurope", "properties": properties}
    status, _, _ = local_azure.arm("PUT", path, body, api_version=API)
    assert status == 409


def test_a_subscription_to_a_queue_is_kept_as_given(local_azure: LocalAzure, topic: dict[str, str]) -> None:
    path = f"{topic['id']}/eventSubscriptions/{unique('sub-')}"
    destination = {
        "endpointType": "StorageQueue",
        "properties": {"resourceId": topic["account"], "queueName": "events"},
    }
    body = {"properties": {"destination": destination, "filter": {"includedEventTypes": ["A.B"]}}}
    made = local_azure.put(path, body, api_version=API)["properties"]
    assert made["topic"] == topic["account"]
    assert made["destination"] == destination
    assert made["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}


@pytest.mark.parametrize(
    ("destination", "status"),
    [
        ({"endpointType": "EventHub", "properties": {}}, 501),
        ({"endpointType": "WebHook", "properties": {"endpointUrl": "https://example.com/hook"}}, 501),
        ({"endpointType": "StorageQueue", "properties": {"resourceId": "/nothing", "queueName": "q"}}, 400),
        ({}, 400),
    ],
)
def test_a_destination_that_cannot_be_reached_is_refused(
    local_azure: LocalAzure, topic: dict[str, str], destination: dict[str, Any], status: int
) -> None:
    path = f"{topic['id']}/eventSubscriptions/{unique('sub-')}"
    got, _, _ = local_azure.arm("PUT", path, {"properties": {"destination": destination}}, api_version=API)
    assert got == status


class Hook(BaseHTTPRequestHandler):
    received: list[dict[str, Any]]
    honest = True

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))[0]
        self.received.append(event)
        code = event["data"].get("validationCode") if self.honest else "something else"
        body = json.dumps({"validationResponse": code}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def hook() -> Generator[tuple[str, type[Hook]]]:
    handler = type("OwnHook", (Hook,), {"received": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("honest", [True, False])
def test_a_web_hook_must_answer_the_handshake(
    local_azure: LocalAzure, topic: dict[str, str], hook: tuple[str, type[Hook]], honest: bool
) -> None:
    url, handler = hook
    handler.honest = honest
    path = f"{topic['id']}/eventSubscriptions/{unique('sub-')}"
    body = {"properties": {"destination": {"endpointType": "WebHook", "properties": {"endpointUrl": url}}}}
    status, headers, _ = local_azure.arm("PUT", path, body, api_version=API)
    assert status == 201
    if honest:
        local_azure.wait(headers, api_version=API)
    else:
        with pytest.raises(AssertionError, match="URL validation"):
            local_azure.wait(headers, api_version=API)
    assert handler.received[0]["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"


@pytest.mark.parametrize(
    ("chosen", "passes"),
    [
        ({}, True),
        ({"includedEventTypes": ["All"]}, True),
        ({"includedEventTypes": ["microsoft.machinelearningservices.runstatuschanged"]}, True),
        ({"includedEventTypes": ["Microsoft.MachineLearningServices.ModelRegistered"]}, False),
        ({"subjectBeginsWith": "EXPERIMENTS/", "subjectEndsWith": "/1"}, True),
        ({"subjectBeginsWith": "EXPERIMENTS/", "isSubjectCaseSensitive": True}, False),
        ({"advancedFilters": [{"operatorType": "StringContains", "key": "data.RunTags.azureml_modelmonitor_threshold_breached", "values": [BREACH]}]}, True),
        ({"advancedFilters": [{"operatorType": "StringContains", "key": "data.runtags.none", "values": [BREACH]}]}, False),
        ({"advancedFilters": [{"operatorType": "NumberGreaterThan", "key": "data.count", "value": 2}]}, True),
        ({"advancedFilters": [{"operatorType": "NumberIn", "key": "data.count", "values": [1, 2]}]}, False),
        ({"advancedFilters": [{"operatorType": "StringNotIn", "key": "subject", "values": ["x"]}]}, True),
        ({"advancedFilters": [{"operatorType": "IsNullOrUndefined", "key": "data.nothing"}]}, True),
        ({"advancedFilters": [{"operatorType": "IsNotNull", "key": "data.nothing"}]}, False),
    ],
)  # fmt: skip
def test_filters_pass_what_azures_pass(chosen: dict[str, Any], passes: bool) -> None:
    assert matches(chosen, EVENT) is passes


class Memory:
    """A local Azure with one subscription, a queue that isn't there at first, and a container."""

    def __init__(self, properties: dict[str, Any]) -> None:
        from local.azure.store import open_store

        self.folder = tempfile.TemporaryDirectory()
        self.store = open_store(Path(self.folder.name) / "azure.db")
        policy = {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}
        path = f"{ACCOUNT}/providers/Microsoft.EventGrid/eventSubscriptions/sub"
        self.subscription = self.store.put(path, {"properties": {"retryPolicy": policy, **properties}})
        self.blobs = self
        self.sent: list[tuple[str, str, str]] = []
        self.letters: list[tuple[str, list[dict[str, Any]]]] = []
        self.tasks: list[Any] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    def spawn(self, _name: str, coroutine: Any) -> None:
        self.tasks.append(coroutine)

    async def send_message(self, account: str, queue: str, text: str) -> bool:
        self.sent.append((account, queue, text))
        return len(self.sent) > 1

    async def upload(self, account: str, container: str, name: str, content: bytes) -> None:
        self.letters.append((f"{account}/{container}/{name}", json.loads(content)))

    def under_way(self) -> int:
        return len(self.store.below(self.subscription.id))

    def close(self) -> None:
        self.store.close()
        self.folder.cleanup()


ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct"
QUEUE = {"endpointType": "StorageQueue", "properties": {"resourceId": ACCOUNT, "queueName": "events"}}


def test_an_event_arrives_in_the_queue_of_those_who_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from local.azure import event_delivery

    monkeypatch.setattr("local.azure.event_delivery._WAITS", (0,))
    azure: Any = Memory({"destination": QUEUE})
    event_delivery.begin(azure, azure.subscription, {"id": "a/b", **EVENT})
    assert azure.under_way() == 1
    # A stop: what runs is gone, and the next start goes on with what is written down.
    azure.tasks.pop().close()
    event_delivery.resume(azure, azure.subscription)
    asyncio.run(azure.tasks.pop())
    assert [(account, queue) for account, queue, _ in azure.sent] == [("acct", "events")] * 2
    assert json.loads(base64.b64decode(azure.sent[0][2]))["subject"] == EVENT["subject"]
    assert azure.under_way() == 0
    azure.close()


@pytest.mark.parametrize(
    ("answers", "attempts", "reason"),
    [
        ([200], 1, None),
        ([500, 429, 202], 3, None),
        ([400], 1, "UndeliverableDueToHttpStatus"),
        ([503, 403, 200], 2, "UndeliverableDueToHttpStatus"),
        ([500] * 9, 5, "MaxDeliveryAttemptsExceeded"),
    ],
)
def test_what_a_web_hook_answers_decides_whether_an_event_comes_again(
    monkeypatch: pytest.MonkeyPatch, answers: list[int], attempts: int, reason: str | None
) -> None:
    from local.azure import event_delivery

    left = list(answers)
    url = "https://prod-01.westeurope.logic.azure.com/workflows/x/triggers/y/paths/invoke?sig=secret"

    async def send(_azure: object, _method: str, sent: str, **_: object) -> Reply:
        assert sent == url
        return Reply(left.pop(0), {}, b"")

    monkeypatch.setattr("local.azure.outbound.send", send)
    monkeypatch.setattr("local.azure.event_delivery._WAITS", (0,))
    place = {
        "endpointType": "StorageBlob",
        "properties": {"resourceId": ACCOUNT, "blobContainerName": "dead"},
    }
    azure: Any = Memory(
        {
            "destination": {"endpointType": "WebHook", "properties": {"endpointUrl": url}},
            "deadLetterDestination": place,
            "retryPolicy": {"maxDeliveryAttempts": 5, "eventTimeToLiveInMinutes": 1440},
        }
    )
    event_delivery.begin(azure, azure.subscription, {"id": "1", **EVENT})
    asyncio.run(azure.tasks.pop())
    assert len(answers) - len(left) == attempts
    assert azure.under_way() == 0
    assert [letter[0]["deadLetterReason"] for _, letter in azure.letters] == ([reason] if reason else [])
    for name, letter in azure.letters:
        assert re.fullmatch(r"acct/dead/SUB/20\d\d/\d\d?/\d\d?/\d\d?/[0-9a-f-]{36}\.json", name)
        assert (letter[0]["deliveryAttempts"], letter[0]["subject"]) == (attempts, EVENT["subject"])
    azure.close()


def test_clients_publish_to_a_topic_by_key_signature_or_token(
    local_azure: LocalAzure, topic: dict[str, str], hook: tuple[str, type[Hook]]
) -> None:
    url, handler = hook
    path = f"{topic['group']}/providers/Microsoft.EventGrid/topics/{unique('evgt-')}"
    made = local_azure.put(path, {"location": "westeurope"}, api_version=API)
    destination = {"endpointType": "WebHook", "properties": {"endpointUrl": url}}
    chosen = {"advancedFilters": [{"operatorType": "NumberInRange", "key": "data.n", "values": [[1, 2]]}]}
    body = {"properties": {"destination": destination, "filter": chosen}}
    local_azure.put(f"{path}/eventSubscriptions/all", body, api_version=API)
    keys = local_azure.arm("POST", f"{path}/listKeys", api_version=API)[2]
    endpoint = made["properties"]["endpoint"]

    def publish(number: int, headers: dict[str, str], **changed: Any) -> int:
        event = {"id": f"e{number}", "subject": "s", "eventType": "A.B", "eventTime": "2026-01-01T00:00:00Z"}
        event |= {"data": {"n": number}, "dataVersion": "1", **changed}
        return local_azure.session.post(endpoint, json=[event], headers=headers, timeout=30).status_code

    signed = f"r={quote(endpoint, safe='')}&e={quote('2099-01-01T00:00:00Z', safe='')}"
    secret = base64.b64decode(keys["key2"])
    signature = base64.b64encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest()).decode()
    token = local_azure.token("https://eventgrid.azure.net/.default")
    assert publish(1, {"aeg-sas-key": keys["key1"]}) == 200
    assert publish(2, {"aeg-sas-token": f"{signed}&s={quote(signature, safe='')}"}) == 200
    assert publish(3, {"aeg-sas-key": keys["key1"]}) == 200
    assert publish(4, {"aeg-sas-key": "wrong"}) == 401
    assert publish(4, {"aeg-sas-token": f"{signed}&s=x"}) == 401
    assert publish(4, {}) == 401
    assert publish(4, {"aeg-sas-key": keys["key1"]}, subject=None) == 400
    assert publish(4, {"Authorization": f"Bearer {token}"}) == 403  # Owner permits no data actions
    deadline = time.monotonic() + 20
    while len(handler.received) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    # The first is the handshake; the third was filtered out.
    assert [event["id"] for event in handler.received[1:]] == ["e1", "e2"]
    assert handler.received[1]["topic"] == path
