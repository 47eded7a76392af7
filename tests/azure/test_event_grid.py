"""Event Grid: subscriptions, filters, delivery to queues and web hooks."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

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


def test_an_event_arrives_in_the_queue_of_those_who_asked_for_it() -> None:
    from local.azure import event_delivery

    sent: list[tuple[str, str, str]] = []

    class Blobs:
        async def send_message(self, account: str, queue: str, text: str) -> bool:
            sent.append((account, queue, text))
            return len(sent) > 1  # the first attempt fails: there is no such queue yet

    async def run() -> None:
        account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct"
        azure: Any = type("Azure", (), {"blobs": Blobs()})()
        destination = {
            "endpointType": "StorageQueue",
            "properties": {"resourceId": account, "queueName": "events"},
        }
        await event_delivery.deliver(azure, "sub", destination, {"id": "1", **EVENT})

    asyncio.run(run())
    assert [(account, queue) for account, queue, _ in sent] == [("acct", "events")] * 2
    assert json.loads(base64.b64decode(sent[0][2]))["subject"] == EVENT["subject"]


@pytest.mark.parametrize(
    ("answers", "attempts"),
    [([200], 1), ([500, 404, 202], 3), ([400], 1), ([503, 403, 200], 2), ([500] * 9, 5)],
)
def test_what_a_web_hook_answers_decides_whether_an_event_comes_again(
    monkeypatch: pytest.MonkeyPatch, answers: list[int], attempts: int
) -> None:
    from local.azure import event_delivery

    left = list(answers)
    url = "https://prod-01.westeurope.logic.azure.com/workflows/x/triggers/y/paths/invoke?sig=secret"
    destination = {"endpointType": "WebHook", "properties": {"endpointUrl": url}}

    async def send(_azure: object, _method: str, sent: str, **_: object) -> Reply:
        assert sent == url
        return Reply(left.pop(0), {}, b"")

    monkeypatch.setattr("local.azure.outbound.send", send)
    monkeypatch.setattr("local.azure.event_delivery._WAITS", (0, 0, 0, 0))
    azure: Any = object()
    asyncio.run(event_delivery.deliver(azure, "sub", destination, {"id": "1", **EVENT}))
    assert len(answers) - len(left) == attempts
