"""Metric alerts: rules decided, fired by what endpoints were asked, told to action groups, listed."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import LocalAzure, start_local_azure, stop_local_azure, unique

from local import alert
from local.azure import alert_rule
from local.azure.alert_rule import Change, UnevaluatedError
from local.azure.machine_learning.request_metric import Counts
from local.principal import Client
from local.settings import LocalDir

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from conftest import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
API = "2018-03-01"
ALERTS = "2019-05-05-preview"


def criterion(**given: Any) -> dict[str, Any]:
    return {
        "criterionType": "StaticThresholdCriterion",
        "name": "one",
        "metricName": "RequestsPerMinute",
        "operator": "GreaterThan",
        "threshold": 5,
        "timeAggregation": "Total",
        **given,
    }


def rule(*criteria: dict[str, Any], **given: Any) -> dict[str, Any]:
    kind = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
    return {
        "severity": 1,
        "windowSize": "PT5M",
        "evaluationFrequency": "PT1M",
        "criteria": {"odata.type": kind, "allOf": list(criteria)},
        **given,
    }


def split(name: str, *values: str, operator: str = "Include") -> dict[str, Any]:
    return {"dimensions": [{"name": name, "operator": operator, "values": list(values)}]}


@pytest.fixture
def counts() -> Counts:
    """Minute 0: 4 to blue, 2 to green (one fails); minute 2: 6 to green."""
    found = Counts()
    asked = [(0, "blue", 200, 10.0)] * 4 + [(0, "Green", 200, 20.0), (0, "Green", 503, 40.0)]
    for minute, deployment, status, milliseconds in asked + [(2, "Green", 200, 100.0)] * 6:
        time = NOON + timedelta(minutes=minute, seconds=5)
        found.count("/e", time, milliseconds, deployment=deployment, status=status)
    return found


def observed(counts: Counts, *criteria: dict[str, Any], minute: int = 3, **given: Any) -> dict[Any, Any]:
    end = NOON + timedelta(minutes=minute)
    found = alert_rule.observe(alert_rule.read(rule(*criteria, **given)), counts.samples("/e"), end)
    return {
        tuple(value for _, value in one.series): ([part.value for part in one.parts], one.met)
        for one in found
    }


@pytest.mark.parametrize(
    ("aggregation", "value"),
    [("Total", 12), ("Average", 6), ("Minimum", 6), ("Maximum", 6), ("Count", 2)],
)
def test_an_aggregation_is_of_the_minutes_of_the_window(counts: Counts, aggregation: str, value: float):
    found = observed(counts, criterion(timeAggregation=aggregation, threshold=5))
    assert found == {(): ([value], value > 5)}


@pytest.mark.parametrize(
    ("operator", "met"),
    [
        ("GreaterThan", False),
        ("GreaterThanOrEqual", True),
        ("LessThan", False),
        ("LessThanOrEqual", True),
        ("Equals", True),
    ],
)
def test_an_operator_compares_with_the_threshold(counts: Counts, operator: str, met: bool):
    assert observed(counts, criterion(operator=operator, threshold=12)) == {(): ([12], met)}


def test_what_is_older_than_the_window_is_left_out(counts: Counts):
    assert observed(counts, criterion(), windowSize="PT1M") == {(): ([6], True)}
    assert observed(counts, criterion(), windowSize="PT1M", minute=2) == {(): ([0], False)}


def test_a_value_of_nothing_is_unknown_unless_it_is_a_sum(counts: Counts):
    latency = criterion(metricName="RequestLatency", timeAggregation="Average", operator="LessThan")
    assert observed(counts, latency, minute=60) == {(): ([None], None)}
    assert observed(counts, criterion(operator="LessThan", threshold=1), minute=60) == {(): ([0], True)}


@pytest.mark.parametrize(
    ("dimension", "found"),
    [
        (split("deployment", "*"), {("blue",): 4, ("Green",): 8}),
        (split("deployment", "green"), {("green",): 8}),
        (split("deployment", "blue", operator="Exclude"), {("Green",): 8}),
        (split("statusCode", "5", operator="StartsWith"), {("503",): 1}),
        (split("deployment", "red"), {("red",): 0}),
    ],
)
def test_a_dimension_makes_a_series_of_each_value(counts: Counts, dimension: dict, found: dict):
    assert {key: values[0] for key, (values, _) in observed(counts, criterion(**dimension)).items()} == found


def test_all_conditions_of_a_rule_must_be_met(counts: Counts):
    slow = criterion(metricName="RequestLatency", timeAggregation="Maximum", threshold=50)
    failing = criterion(threshold=0, **split("statusCodeClass", "5xx"))
    assert observed(counts, slow, failing) == {(): ([100, 1], True)}
    assert observed(counts, slow, {**failing, "threshold": 1}) == {(): ([100, 1], False)}


def test_a_series_that_fell_silent_is_looked_at_while_its_alert_is_on(counts: Counts):
    read = alert_rule.read(rule(criterion(**split("deployment", "*"))))
    found = alert_rule.observe(
        read, counts.samples("/e"), NOON + timedelta(hours=1), [(("deployment", "blue"),)]
    )
    assert [(one.series, one.met) for one in found] == [((("deployment", "blue"),), False)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"criterionType": "DynamicThresholdCriterion"}, "dynamic thresholds aren't evaluated"),
        ({"metricName": "CpuUtilization"}, "'CpuUtilization' .* isn't measured"),
        ({"metricNamespace": "Microsoft.Storage/storageAccounts"}, "isn't measured"),
        (split("colour", "red"), "'colour'"),
    ],
)
def test_a_rule_that_is_not_evaluated_says_why(given: dict[str, Any], said: str):
    with pytest.raises(UnevaluatedError, match=said):
        alert_rule.read(rule(criterion(**given)))


def test_a_metric_is_of_the_rules_resource_unless_it_says_otherwise():
    with pytest.raises(UnevaluatedError, match=r"of Microsoft\.Storage/storageAccounts isn't measured"):
        alert_rule.read(rule(criterion(), targetResourceType="Microsoft.Storage/storageAccounts"))


def changes(*met: bool | None, auto: bool = True) -> list[Change | None]:
    fired, healthy, found = False, 0, []
    for one in met:
        change, healthy = alert_rule.advance(fired=fired, healthy=healthy, met=one, auto_mitigate=auto)
        fired = change is Change.FIRED or (fired and change is not Change.RESOLVED)
        found.append(change)
    return found


def test_an_alert_fires_once_and_is_resolved_by_the_third_healthy_check_in_a_row():
    assert changes(False, True, True, False, False, True, False, None, False, False, True) == (
        [None, Change.FIRED, None, None, None, None, None, None, None, Change.RESOLVED, Change.FIRED]
    )


def test_without_auto_mitigate_it_fires_at_every_check_and_is_never_resolved():
    found = changes(True, True, False, False, False, True, auto=False)
    assert found == [Change.FIRED, Change.FIRED, None, None, None, Change.FIRED]


def test_checks_are_at_the_multiples_of_the_frequency():
    read = alert_rule.read(rule(criterion(), evaluationFrequency="PT15M"))
    assert alert_rule.due(read, NOON + timedelta(minutes=14), NOON + timedelta(minutes=15, seconds=1))
    assert not alert_rule.due(read, NOON + timedelta(minutes=15), NOON + timedelta(minutes=16))


@contextmanager
def receiving(port: int = 0, *, busy: int = 0) -> Generator[tuple[str, list[dict[str, Any]]]]:
    """A receiver that is busy for as many requests: its URL, and what it accepted."""
    accepted: list[dict[str, Any]] = []
    asked: list[int] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(1)
            if len(asked) > busy:
                accepted.append(body)
            self.send_response(200 if len(asked) > busy else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", port), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook?code=hidden", accepted
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hook() -> Generator[tuple[str, list[dict[str, Any]]]]:
    """A receiver that is busy at first."""
    with receiving(busy=1) as found:
        yield found


def asked_wrongly(local_azure: LocalAzure, workspace: Workspace) -> str:
    """An endpoint that was asked three times with a wrong key."""
    path = f"{workspace.id}/onlineEndpoints/{unique('alert-')}"
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key"},
    }
    made = local_azure.put(path, body, api_version="2024-10-01")
    for _ in range(3):
        answer = local_azure.session.post(
            made["properties"]["scoringUri"], json={}, headers={"Authorization": "Bearer wrong"}, timeout=60
        )
        assert answer.status_code == 401
    return str(made["id"])


@pytest.fixture(scope="module")
def endpoint(local_azure: LocalAzure, workspace: Workspace) -> str:
    return asked_wrongly(local_azure, workspace)


def workflow(local_azure: LocalAzure, group: str) -> tuple[str, str]:
    """A Logic App that takes alerts: its id, and its callback URL."""
    path = f"{group}/providers/Microsoft.Logic/workflows/{unique('logic-')}"
    trigger = {"alert": {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}}
    severity = {"type": "Compose", "inputs": "@triggerBody()?['data']?['essentials']?['severity']"}
    definition = {
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "contentVersion": "1.0.0.0",
        "triggers": trigger,
        "actions": {"severity": severity},
    }
    body = {"location": "westeurope", "properties": {"definition": definition}}
    local_azure.put(path, body, api_version="2019-05-01")
    status, _, found = local_azure.arm(
        "POST", f"{path}/triggers/alert/listCallbackUrl", api_version="2019-05-01"
    )
    assert status == 200
    return path, found["value"]


def wait_for(found: Any, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def test_an_alert_fires_is_told_and_is_resolved(
    local_azure: LocalAzure, workspace: Workspace, endpoint: str, hook: tuple[str, list[dict[str, Any]]]
):
    url, accepted = hook
    logic_app, callback = workflow(local_azure, workspace.group_id)
    insights = f"{workspace.group_id}/providers/Microsoft.Insights"
    receivers = {
        "webhookReceivers": [
            {"name": "new", "serviceUri": url, "useCommonAlertSchema": True},
            {"name": "old", "serviceUri": url},
        ],
        "logicAppReceivers": [
            {"name": "app", "resourceId": logic_app, "callbackUrl": callback, "useCommonAlertSchema": True}
        ],
        "emailReceivers": [{"name": "people", "emailAddress": "people@example.com"}],
    }
    group = local_azure.put(
        f"{insights}/actionGroups/{unique('ag-')}",
        {"location": "Global", "properties": {"groupShortName": "ops", "enabled": True, **receivers}},
        api_version="2023-01-01",
    )
    properties = rule(
        criterion(threshold=2, **split("statusCodeClass", "4xx")),
        description="Callers fail.",
        scopes=[endpoint],
        actions=[{"actionGroupId": group["id"], "webHookProperties": {"team": "ml"}}],
    )
    path = f"{insights}/metricAlerts/{unique('errors-')}"
    made = local_azure.put(path, {"location": "global", "properties": properties}, api_version=API)
    client = Client(local_azure.dir)

    def check() -> dict[str, Any]:
        (found,) = [one for one in alert.check(client) if one["rule"] == made["id"]]
        (observation,) = found["observations"]
        return observation

    fired = check()
    assert (fired["values"], fired["change"]) == ({"RequestsPerMinute": 3}, "Fired")
    assert check()["change"] is None

    wait_for(lambda: len(accepted) == 2)
    new, old = accepted
    assert new["schemaId"] == "azureMonitorCommonAlertSchema"
    essentials, context = new["data"]["essentials"], new["data"]["alertContext"]
    assert (essentials["alertId"], essentials["alertRule"]) == (fired["alert"], made["name"])
    assert (essentials["severity"], essentials["monitorCondition"]) == ("Sev1", "Fired")
    assert essentials["alertTargetIDs"] == [endpoint.lower()]
    assert context["properties"] == {"team": "ml"}
    (condition,) = context["condition"]["allOf"]
    assert (condition["metricValue"], condition["threshold"], condition["dimensions"]) == (
        3,
        "2",
        [{"name": "statusCodeClass", "value": "4xx"}],
    )
    assert (old["schemaId"], old["data"]["status"]) == ("AzureMonitorMetricAlert", "Activated")

    def run() -> list[Any]:
        _, _, found = local_azure.arm("GET", f"{logic_app}/runs", api_version="2019-05-01")
        return [one for one in found["value"] if one["properties"]["status"] == "Succeeded"]

    assert wait_for(run)
    log = local_azure.dir.logs / "notifications.log"
    text = wait_for(lambda: (found := log.read_text()).count(made["name"]) == 4 and found)
    assert "email 'people' wasn't told" in text
    assert "hidden" not in text

    properties["criteria"]["allOf"][0]["threshold"] = 100
    local_azure.put(path, {"location": "global", "properties": properties}, api_version=API)
    assert [check()["change"] for _ in range(3)] == [None, None, "Resolved"]
    wait_for(lambda: len(accepted) == 4)
    assert accepted[2]["data"]["essentials"]["monitorCondition"] == "Resolved"
    assert accepted[2]["data"]["essentials"]["alertId"] == fired["alert"]
    assert accepted[3]["data"]["status"] == "Deactivated"


def test_alerts_are_listed_and_their_state_is_changed(
    local_azure: LocalAzure, workspace: Workspace, endpoint: str
):
    path = f"{workspace.group_id}/providers/Microsoft.Insights/metricAlerts/{unique('any-')}"
    group_wide = rule(criterion(threshold=1), scopes=[workspace.group_id], autoMitigate=False)
    group_wide["criteria"]["odata.type"] = "Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria"
    local_azure.put(path, {"location": "global", "properties": group_wide}, api_version=API)
    assert alert.check(Client(local_azure.dir))
    listing = f"{endpoint}/providers/Microsoft.AlertsManagement/alerts?alertRule={path}"
    status, _, found = local_azure.arm("GET", listing, api_version=ALERTS)
    assert status == 200
    (one,) = found["value"]
    assert one["properties"]["essentials"]["alertState"] == "New"
    status, _, closed = local_azure.arm(
        "POST", f"{one['id']}/changestate?newState=Closed", api_version=ALERTS
    )
    assert (status, closed["properties"]["essentials"]["alertState"]) == (200, "Closed")
    status, _, found = local_azure.arm("GET", one["id"], api_version=ALERTS)
    assert found["properties"]["essentials"]["alertState"] == "Closed"
    status, _, _ = local_azure.arm("GET", f"{one['id']}x", api_version=ALERTS)
    assert status == 404
    status, _, refused = local_azure.arm("GET", f"{listing}&timeRange=1h", api_version=ALERTS)
    assert (status, "timerange" in refused["error"]["message"]) == (501, True)


def test_what_was_not_told_before_a_kill_is_told_after_it(
    tmp_path: Path, make_workspace: Callable[[LocalAzure], Workspace]
):
    with receiving() as (url, _):
        port = int(url.split(":")[2].split("/")[0])  # nobody listens there once this ends
    directory = LocalDir(tmp_path / "local")
    azure = start_local_azure(directory)
    try:
        workspace = make_workspace(azure)
        target = asked_wrongly(azure, workspace)
        insights = f"{workspace.group_id}/providers/Microsoft.Insights"
        receiver = {"name": "hook", "serviceUri": url, "useCommonAlertSchema": True}
        group = azure.put(
            f"{insights}/actionGroups/ops",
            {"location": "Global", "properties": {"groupShortName": "ops", "webhookReceivers": [receiver]}},
            api_version="2023-01-01",
        )
        properties = rule(criterion(threshold=2), scopes=[target], actions=[{"actionGroupId": group["id"]}])
        azure.put(
            f"{insights}/metricAlerts/busy", {"location": "global", "properties": properties}, api_version=API
        )
        assert alert.check(Client(directory))[0]["observations"][0]["change"] == "Fired"
        azure.process.kill()
        stop_local_azure(azure)
        with receiving(port) as (_, accepted):
            azure = start_local_azure(directory)
            wait_for(lambda: accepted)
            assert accepted[0]["data"]["essentials"]["alertRule"] == "busy"
    finally:
        stop_local_azure(azure)
