"""Logs: what diagnostic settings write, what queries find in it, and the rules that ask."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import LocalAzure, unique

from infra.observability import query as questions
from local.azure.errors import ArmError
from local.azure.logs import kusto
from local.azure.logs.query import span

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from conftest import Workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIAGNOSTICS, LOGS, RULE, INSIGHTS, ML = (
    "2021-05-01-preview",
    "2023-09-01",
    "2023-12-01",
    "2023-01-01",
    "2025-12-01",
)
RUNS = [
    {"TimeGenerated": NOW - timedelta(minutes=age), "Status": status, "RunId": f"r{age}", "WorkspaceName": name}
    for age, status, name in ((1, "Failed", "a"), (2, "Completed", "a"), (70, "Failed", "b"), (80, "Canceled", "B"))
]  # fmt: skip


def asked(text: str, rows: list[dict[str, Any]] = RUNS) -> list[list[Any]]:
    return [list(row) for row in kusto.run(f"AmlRunStatusChangedEvent {text}", rows, NOW).rows]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("| where Status == 'Failed' | project RunId", [["r1"], ["r70"]]),
        ("| where Status == 'failed' | count", [[0]]),
        ("| where Status =~ 'failed' and TimeGenerated > ago(1h) | count", [[1]]),
        ("| where WorkspaceName in~ ('B') | project RunId", [["r70"], ["r80"]]),
        ("| where Status !in ('Failed', 'Completed') | project Status", [["Canceled"]]),
        ("| where RunId startswith 'R7' or RunId endswith '80' | count // a comment", [[2]]),
        ("| where Status has 'fail' | count", [[0]]),
        ("| where Status contains 'fail' | count", [[2]]),
        ("| where TimeGenerated between (ago(90m) .. ago(10m)) | count", [[2]]),
        ("| where not(Status == 'Failed') | project RunId | order by RunId asc", [["r2"], ["r80"]]),
        ("| summarize N = count() by WorkspaceName | order by N desc, WorkspaceName asc | take 1", [["a", 2]]),
        ("| summarize countif(Status == 'Failed'), dcount(tolower(WorkspaceName))", [[2, 2]]),
        ("| summarize Failed = 100.0 * 2 by Status", None),
        ("| extend Age = toint(strcat(strlen(RunId), '')) | summarize Most = max(Age), Least = min(Age), Mean = avg(Age)", [[3, 2, 2.5]]),
        ("| summarize N = count() by Hour = bin(TimeGenerated, 1h) | project N | order by N asc", [[2], [2]]),
        ("| distinct Status | count", [[3]]),
        ("| top 2 by TimeGenerated asc | project RunId", [["r80"], ["r70"]]),
        ("| project-away TimeGenerated | take 0", []),
        ("| where isempty(Message) and isnull(Level) | extend Kind = iff(Status == 'Failed', 'bad', 'good') | summarize N = count() by Kind | where Kind == 'bad'", [["bad", 2]]),
        ("| extend Whole = 7 / 2, Part = 7 / 2.0, None = 1 / 0 | take 1 | project Whole, Part, None", [[3, 3.5, None]]),
    ],
)  # fmt: skip
def test_queries_find_what_kustos_find(text: str, found: list[list[Any]] | None) -> None:
    if found is None:
        with pytest.raises(ArmError):
            asked(text)
    else:
        assert asked(text) == found


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("AmlRunStatusChangedEvent | where Nothing == 1", 400, "Failed to resolve column or scalar expression named 'Nothing'"),
        ("AmlRunStatusChangedEvent | where", 400, "SYN0002"),
        ("Own_CL | take 1", 400, "Failed to resolve table or column expression named 'Own_CL'"),
        ("StorageQueueLogs | take 1", 501, "The table 'StorageQueueLogs'"),
        ("union AzureActivity, AzureDiagnostics", 501, "'union' as the beginning of a query"),
        ("AzureActivity | join (AzureDiagnostics) on CorrelationId", 501, "The operator 'join'"),
        ("AzureActivity | where hash(Caller) == 1", 501, "The function 'hash'"),
        ("AzureActivity | summarize make_set(Caller)", 501, "The aggregation 'make_set'"),
    ],
)  # fmt: skip
def test_what_isnt_understood_is_refused_by_name(text: str, status: int, said: str) -> None:
    with pytest.raises(ArmError) as refusal:
        kusto.run(text, [], NOW)
    assert (refusal.value.status, said in refusal.value.message) == (status, True), refusal.value.message


def test_a_share_of_few_requests_is_no_row_and_types_are_told() -> None:
    endpoint = "/subscriptions/S/e"
    rows = [
        {"_ResourceId": endpoint.lower(), "ResponseCode": code}
        for code in ["200"] * 7 + ["404", "424", "503"]
    ]
    for text, percent in (
        (questions.error_percent(endpoint), 30.0),
        (questions.availability_percent(endpoint), 80.0),
    ):
        found = kusto.run(text, rows, NOW)
        assert (found.columns, found.rows) == ((("Percent", "real"),), ((percent,),))
        assert kusto.run(text, rows[1:], NOW).rows == ()


def test_a_timespan_is_what_iso_8601_says() -> None:
    assert span("PT1H", NOW)[0] == NOW - timedelta(hours=1)
    assert span("2026-01-01T00:00:00Z/P1D", NOW) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=UTC),
    )
    assert span("PT1H/2026-01-01T00:00:00Z", NOW)[0] == datetime(2025, 12, 31, 23, tzinfo=UTC)
    with pytest.raises(ArmError):
        span("yesterday", NOW)


class Told(BaseHTTPRequestHandler):
    received: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def hook() -> Generator[tuple[str, list[dict[str, Any]]]]:
    handler = type("LogTold", (Told,), {"received": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", handler.received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def logs(local_azure: LocalAzure) -> tuple[str, str]:
    """A Log Analytics workspace: its id, and the id that queries name it by."""
    path = f"{local_azure.group()}/providers/Microsoft.OperationalInsights/workspaces/{unique('log-')}"
    made = local_azure.put(path, {"location": "westeurope"}, api_version=LOGS)
    return path, made["properties"]["customerId"]


def send(azure: LocalAzure, resource: str, logs: str, *categories: str) -> None:
    """A diagnostic setting."""
    enabled = [{"category": category, "enabled": True} for category in categories]
    path = f"{resource}/providers/Microsoft.Insights/diagnosticSettings/logs"
    azure.put(path, {"properties": {"workspaceId": logs, "logs": enabled}}, api_version=DIAGNOSTICS)


def found(azure: LocalAzure, customer: str, text: str) -> list[dict[str, Any]]:
    token = azure.token("https://api.loganalytics.io/.default")
    answer = azure.session.post(
        f"https://api.loganalytics.io/v1/workspaces/{customer}/query",
        json={"query": text, "timespan": "PT1H"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    (table,) = answer.json()["tables"]
    return [dict(zip([one["name"] for one in table["columns"]], row, strict=True)) for row in table["rows"]]


def until(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 15
    while not (value := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def test_the_subscriptions_activity_and_refused_secrets_are_logged(
    local_azure: LocalAzure, logs: tuple[str, str], workspace: Workspace
) -> None:
    subscription = f"/subscriptions/{local_azure.subscription_id}"
    send(local_azure, subscription, logs[0], "Administrative")
    group = local_azure.group()
    name = group.rsplit("/", 1)[-1]
    text = f"AzureActivity | where ResourceGroup == '{name}' | project OperationNameValue, ActivityStatusValue, Caller, Type"
    (row,) = found(local_azure, logs[1], text)
    assert (row["OperationNameValue"], row["ActivityStatusValue"]) == (
        "MICROSOFT.RESOURCES/SUBSCRIPTIONS/RESOURCEGROUPS/WRITE",
        "Success",
    )
    local_azure.arm(
        "DELETE",
        f"{subscription}/providers/Microsoft.Insights/diagnosticSettings/logs",
        api_version=DIAGNOSTICS,
    )
    vault = f"{workspace.group_id}/providers/Microsoft.KeyVault/vaults/{workspace.vault}"
    send(local_azure, vault, logs[0], "AuditEvent")
    local_azure.session.get(f"https://{workspace.vault}.vault.azure.net/secrets?api-version=7.4", timeout=10)
    (denied,) = found(local_azure, logs[1], "AzureDiagnostics | where httpStatusCode_d == 401 | take 1")
    assert (denied["OperationName"], denied["ResultSignature"], denied["Category"]) == (
        "SecretList",
        "Unauthorized",
        "AuditEvent",
    )
    assert found(local_azure, logs[1], questions.DENIED_SECRETS) == []


def test_requests_to_an_endpoint_are_logged_and_counted_as_shares(
    local_azure: LocalAzure, logs: tuple[str, str], workspace: Workspace
) -> None:
    name = unique("live-")
    endpoint = f"{workspace.id}/onlineEndpoints/{name}"
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key"},
    }
    local_azure.put(endpoint, body, api_version=ML)
    send(local_azure, endpoint, logs[0], "AmlOnlineEndpointTrafficLog")
    url = f"https://{name}.westeurope.inference.ml.azure.com/score"
    for _ in range(10):
        headers = {"Authorization": "Bearer wrong"}
        assert local_azure.session.post(url, json={}, headers=headers, timeout=10).status_code == 401
    (row,) = found(
        local_azure, logs[1], f"AmlOnlineEndpointTrafficLog | where EndpointName == '{name}' | take 1"
    )
    assert (row["ResponseCode"], row["Method"], row["AzureMLWorkspaceName"]) == (
        "401",
        "POST",
        workspace.name,
    )
    assert found(local_azure, logs[1], questions.error_percent(endpoint)) == [{"Percent": 100.0}]
    assert found(local_azure, logs[1], questions.availability_percent(endpoint)) == [{"Percent": 100.0}]


def test_blobs_that_an_account_refuses_are_logged(local_azure: LocalAzure, logs: tuple[str, str]) -> None:
    account = f"{local_azure.group()}/providers/Microsoft.Storage/storageAccounts/{unique('st')}"
    properties = {"publicNetworkAccess": "Disabled"}
    body = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": properties,
    }
    local_azure.put(account, body, api_version="2024-01-01")
    send(local_azure, f"{account}/blobServices/default", logs[0], "StorageRead")
    token = local_azure.token("https://storage.azure.com/.default")
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2023-11-03"}
    url = f"https://{account.rsplit('/', 1)[-1]}.blob.core.windows.net/c/secret.txt"
    assert local_azure.session.get(url, headers=headers, timeout=10).status_code == 403
    local_azure.session.put(url, headers=headers, data=b"x", timeout=10)
    (row,) = found(local_azure, logs[1], questions.DENIED_DATA)
    assert (row["OperationName"], row["StatusText"], row["AccountName"]) == (
        "GetBlob",
        "AuthorizationFailure",
        account.rsplit("/", 1)[-1],
    )


def test_a_failed_job_is_logged_and_the_rule_on_it_tells_the_action_group_and_is_resolved(
    local_azure: LocalAzure,
    logs: tuple[str, str],
    empty_workspace: Workspace,
    hook: tuple[str, list[dict[str, Any]]],
) -> None:
    send(local_azure, empty_workspace.id, logs[0], "AmlRunStatusChangedEvent")
    group = f"{empty_workspace.group_id}/providers/Microsoft.Insights"
    receiver = {"name": "hook", "serviceUri": hook[0], "useCommonAlertSchema": False}
    told = f"{group}/actionGroups/people"
    body = {"groupShortName": "ml", "enabled": True, "webhookReceivers": [receiver]}
    local_azure.put(told, {"location": "Global", "properties": body}, api_version=INSIGHTS)
    condition = {
        "query": questions.FAILED_JOBS,
        "timeAggregation": "Count",
        "operator": "GreaterThan",
        "threshold": 0,
    }
    properties = {
        "severity": 3, "enabled": True, "scopes": [logs[0]], "evaluationFrequency": "PT5M", "windowSize": "PT5M",
        "criteria": {"allOf": [condition]}, "actions": {"actionGroups": [told]}, "autoMitigate": True,
    }  # fmt: skip
    rule = f"{group}/scheduledQueryRules/failed-jobs"
    local_azure.put(rule, {"location": "westeurope", "properties": properties}, api_version=RULE)
    unfilled = {**properties, "criteria": {"allOf": [{**condition, "query": "StorageQueueLogs | take 1"}]}}
    local_azure.put(f"{rule}-2", {"location": "westeurope", "properties": unfilled}, api_version=RULE)

    def check() -> dict[str, Any]:
        path = f"/subscriptions/{local_azure.subscription_id}/providers/Local.Azure/evaluateMetricAlerts"
        _, _, answer = local_azure.arm("POST", path, {}, api_version=RULE)
        return {one["rule"].rsplit("/", 1)[-1]: one for one in answer["value"]}

    first = check()
    assert first["failed-jobs"]["observations"][0]["values"] == {"rows": 0.0}
    assert "The table 'StorageQueueLogs'" in first["failed-jobs-2"]["reason"]
    job = {
        "jobType": "Pipeline",
        "experimentName": "e",
        "jobs": {"say": {"type": "command", "componentId": "azureml:none@latest"}},
    }
    path = f"{empty_workspace.id}/jobs/{unique('fails-')}"
    local_azure.put(path, {"properties": job}, api_version=ML)
    until(lambda: local_azure.arm("GET", path, api_version=ML)[2]["properties"]["status"] == "Failed")
    assert check()["failed-jobs"]["observations"][0]["change"] == "Fired"
    (message,) = until(lambda: hook[1][:])
    context = message["data"]["alertContext"]
    assert message["data"]["essentials"]["monitoringService"] == "Log Alerts V2"
    assert context["condition"]["allOf"][0]["searchQuery"] == questions.FAILED_JOBS
    # The rows are in the window still: the condition has to be another for the alert to end.
    condition["threshold"] = 1000
    local_azure.put(rule, {"location": "westeurope", "properties": properties}, api_version=RULE)
    changes = [check()["failed-jobs"]["observations"][0]["change"] for _ in range(3)]
    assert changes == [None, None, "Resolved"]
    until(lambda: len(hook[1]) == 2)
    assert hook[1][1]["data"]["essentials"]["monitorCondition"] == "Resolved"


def test_nobody_reads_logs_without_a_right_to(local_azure: LocalAzure, logs: tuple[str, str]) -> None:
    url = f"https://api.loganalytics.io/v1/workspaces/{logs[1]}/query"
    assert local_azure.session.post(url, json={"query": "AzureActivity"}, timeout=10).status_code == 401
