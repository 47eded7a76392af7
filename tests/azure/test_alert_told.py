"""Action groups are told: of events of the activity log, of failed jobs, and on request (``createNotifications``)."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import LocalAzure, unique

from local.azure.activity_alert import meets

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from conftest import Workspace

INSIGHTS, ACTIVITY, METRIC, ML = "2023-01-01", "2020-10-01", "2018-03-01", "2025-12-01"


class Told(BaseHTTPRequestHandler):
    """A web hook that remembers what it was told."""

    received: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def hook() -> Generator[tuple[str, list[dict[str, Any]]]]:
    handler = type("OwnTold", (Told,), {"received": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.received
    server.shutdown()
    thread.join()
    server.server_close()


def action_group(azure: LocalAzure, group: str, url: str, **receiver: Any) -> str:
    path = f"{group}/providers/Microsoft.Insights/actionGroups/{unique('ag-')}"
    hook = {"name": "hook", "serviceUri": url, "useCommonAlertSchema": True, **receiver}
    properties = {"groupShortName": "ml", "enabled": True, "webhookReceivers": [hook]}
    azure.put(path, {"location": "Global", "properties": properties}, api_version=INSIGHTS)
    return path


def until(found: Callable[[], Any]) -> Any:
    """What is found, once there is something."""
    deadline = time.monotonic() + 15
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


@pytest.mark.parametrize("common", [True, False])
def test_an_operation_that_a_rule_names_tells_the_action_group(
    local_azure: LocalAzure, hook: tuple[str, list[dict[str, Any]]], common: bool
) -> None:
    url, received = hook
    group = local_azure.group()
    told = action_group(local_azure, group, f"{url}/ok", useCommonAlertSchema=common)
    rule = f"{group}/providers/Microsoft.Insights/activityLogAlerts/deletions"
    deleted = "Microsoft.ManagedIdentity/userAssignedIdentities/delete"
    condition = {
        "allOf": [
            {"field": "category", "equals": "Administrative"},
            {"field": "status", "equals": "Succeeded"},
            {"anyOf": [{"field": "operationName", "equals": deleted}, {"field": "operationName", "equals": "X/y"}]},
        ]
    }  # fmt: skip
    properties = {
        "scopes": [group],
        "condition": condition,
        "actions": {"actionGroups": [{"actionGroupId": told}]},
        "description": "Gone.",
    }
    local_azure.put(rule, {"location": "Global", "properties": properties}, api_version=ACTIVITY)
    before = len(received)
    for owner in (group, local_azure.group()):
        identity = f"{owner}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
        local_azure.put(identity, {"location": "westeurope"}, api_version="2023-01-31")
        assert local_azure.arm("DELETE", identity, api_version="2023-01-31")[0] == 200
    (message,) = until(lambda: received[before:])
    alerts = f"{group}/providers/Microsoft.AlertsManagement/alerts"
    _, _, listed = local_azure.arm("GET", alerts, api_version="2019-05-05-preview")
    (alert,) = [one["properties"]["essentials"] for one in listed["value"]]
    assert (alert["severity"], alert["signalType"], alert["alertRule"]) == ("Sev4", "Activity Log", rule)
    if common:
        assert message["schemaId"] == "azureMonitorCommonAlertSchema"
        essentials, context = message["data"]["essentials"], message["data"]["alertContext"]
        assert (essentials["monitoringService"], essentials["description"]) == ("Activity Log - Administrative", "Gone.")  # fmt: skip
        assert context["operationName"] == deleted
    else:
        assert message["schemaId"] == "Microsoft.Insights/activityLogs"
        assert message["data"]["context"]["activityLog"]["operationName"] == deleted


def test_a_condition_of_texts_that_an_event_contains() -> None:
    event = {
        "properties": {"message": "Created by Mallory"},
        "resourceProviderName": {"value": "Microsoft.X"},
    }
    assert meets({"allOf": [{"field": "properties.message", "containsAny": ["eve", "mallory"]}]}, event)
    assert meets({"allOf": [{"field": "resourceProvider", "equals": "microsoft.x"}]}, event)
    assert not meets({"allOf": [{"field": "properties.nothing", "equals": "x"}]}, event)


def test_a_job_that_fails_tells_the_action_group(
    local_azure: LocalAzure, empty_workspace: Workspace, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    url, received = hook
    told = action_group(local_azure, empty_workspace.group_id, f"{url}/ok")
    criterion = {
        "criterionType": "StaticThresholdCriterion", "name": "failed", "metricName": "Failed Runs",
        "metricNamespace": "Microsoft.MachineLearningServices/workspaces", "operator": "GreaterThan", "threshold": 0,
        "timeAggregation": "Total", "skipMetricValidation": True,
    }  # fmt: skip
    kind = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
    properties = {
        "severity": 2, "enabled": True, "scopes": [empty_workspace.id], "evaluationFrequency": "PT1M", "windowSize": "PT5M",
        "criteria": {"odata.type": kind, "allOf": [criterion]}, "actions": [{"actionGroupId": told}],
    }  # fmt: skip
    rule = f"{empty_workspace.group_id}/providers/Microsoft.Insights/metricAlerts/failed-runs"
    local_azure.put(rule, {"location": "global", "properties": properties}, api_version=METRIC)
    before = len(received)
    evaluate = f"/subscriptions/{local_azure.subscription_id}/providers/Local.Azure/evaluateMetricAlerts"
    _, _, found = local_azure.arm("POST", evaluate, {}, api_version=METRIC)
    (checked,) = [one for one in found["value"] if one["rule"].lower() == rule.lower()]
    assert [one["met"] for one in checked["observations"]] == [False]
    job = {
        "jobType": "Pipeline",
        "experimentName": "e",
        "jobs": {"say": {"type": "command", "componentId": "azureml:nothing@latest"}},
    }
    path = f"{empty_workspace.id}/jobs/{unique('fails-')}"
    local_azure.put(path, {"properties": job}, api_version=ML)
    until(lambda: local_azure.arm("GET", path, api_version=ML)[2]["properties"]["status"] == "Failed")
    local_azure.arm("POST", evaluate, {}, api_version=METRIC)
    (message,) = until(lambda: received[before:])
    condition = message["data"]["alertContext"]["condition"]["allOf"][0]
    # The pipeline, and its step.
    assert (condition["metricName"], condition["metricValue"]) == ("Failed Runs", 2.0)
    assert condition["metricNamespace"] == "Microsoft.MachineLearningServices/workspaces"


def test_a_test_of_an_action_group_calls_what_can_be_called_and_says_what_cannot(
    local_azure: LocalAzure, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    url, received = hook
    path = action_group(local_azure, local_azure.group(), f"{url}/ok")
    body = {
        "alertType": "metricstaticthreshold",
        "webhookReceivers": [
            {"name": "good", "serviceUri": f"{url}/ok", "useCommonAlertSchema": True},
            {"name": "bad", "serviceUri": f"{url}/broken", "useCommonAlertSchema": True},
        ],
        "emailReceivers": [{"name": "mail", "emailAddress": "ml@example.com"}],
    }
    before = len(received)
    status, headers, _ = local_azure.arm("POST", f"{path}/createNotifications", body, api_version=INSIGHTS)
    assert status == 202
    where = headers["Location"].partition("management.azure.com")[2].partition("?")[0]

    def complete() -> dict[str, Any] | None:
        _, _, state = local_azure.arm("GET", where, api_version=INSIGHTS)
        return state if state["state"] == "Complete" else None

    found = until(complete)
    assert [(one["MechanismType"], one["Name"], one["Status"]) for one in found["actionDetails"]] == [
        ("Email", "mail", "Failed"),
        ("Webhook", "good", "Completed"),
        ("Webhook", "bad", "Failed"),
    ]
    assert found["actionDetails"][0]["Detail"] == "wasn't told: local Azure has no such channel"
    assert received[before]["data"]["essentials"]["description"] == "Test alert"
    wrong = {**body, "alertType": "nonsense"}
    assert local_azure.arm("POST", f"{path}/createNotifications", wrong, api_version=INSIGHTS)[0] == 400
    assert local_azure.arm("GET", f"{where}0", api_version=INSIGHTS)[0] == 404
