"""Alerts, budget, workbook and dashboard in the program: what is measured where, and who is told."""

import json
from datetime import UTC, datetime

import pytest
from recorded_program import CALLBACK, SUFFIX
from watched_program import unwatched, watched

from infra.config import parse
from infra.observability import chart
from infra.observability.dashboard import tiles
from infra.observability.endpoint_alert import on_deployment, on_endpoint
from infra.observability.teams import definition
from infra.observability.workbook import contents

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
LOGS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/l"


@pytest.fixture(scope="module")
def recording():
    """One run of the program with every alert and a budget."""
    return watched()


def metric_rules(recording):
    """The rules on metrics: the metric, its limit and the kind of resource, by name."""
    found = {}
    for one in recording.of("MetricAlert"):
        (criterion,) = one.inputs["criteria"]["allOf"]
        kind = one.inputs["scopes"][0].split("/")[-2]
        found[one.name] = (criterion["metricName"], criterion["threshold"], kind)
    return found


def test_each_endpoint_has_its_rules_and_the_workspace_one_on_failed_jobs(recording):
    name = "flight-delay-alerts"
    assert metric_rules(recording) == {
        "mlops-alerts-failed-runs": ("Failed Runs", 0, "workspaces"),
        f"{name}-p50": ("RequestLatency_P50", 100, "onlineEndpoints"),
        f"{name}-p95": ("RequestLatency_P95", 500, "onlineEndpoints"),
        f"{name}-p99": ("RequestLatency_P99", 900, "onlineEndpoints"),
        f"{name}-errors": ("RequestsPerMinute", 1, "onlineEndpoints"),
        f"{name}-cpu": ("CpuUtilizationPercentage", 90, "deployments"),
        f"{name}-memory": ("CpuMemoryUtilizationPercentage", 90, "deployments"),
        f"{name}-disk": ("DiskUtilization", 90, "deployments"),
        f"{name}-gpu": ("GpuUtilizationPercentage", 95, "deployments"),
    }
    on_gpu = recording.one(f"{name}-gpu")
    assert on_gpu.inputs["scopes"][0].startswith("/subscriptions/")
    assert "flight-delay-deployment" in recording.needs(on_gpu)
    (dimension,) = recording.one(f"{name}-errors").inputs["criteria"]["allOf"][0]["dimensions"]
    assert dimension == {
        "name": "statusCode",
        "operator": "Include",
        "values": ["408", "424", "500", "502", "503", "504"],
    }


def test_the_logs_are_asked_for_what_no_metric_says_and_the_endpoint_writes_them(recording):
    rules = {one.name: one.inputs for one in recording.of("ScheduledQueryRule")}
    assert set(rules) == {
        "mlops-alerts-failed-jobs",
        "mlops-alerts-denied-secrets",
        "mlops-alerts-denied-data",
        "flight-delay-alerts-error-percent",
        "flight-delay-alerts-availability",
    }
    (condition,) = rules["flight-delay-alerts-availability"]["criteria"]["allOf"]
    assert (condition["operator"], condition["threshold"]) == ("LessThan", 99.5)
    assert (condition["timeAggregation"], condition["metricMeasureColumn"]) == ("Minimum", "Percent")
    assert f"flight-delay-{SUFFIX}" in condition["query"]
    setting = recording.one("flight-delay-alerts-traffic-log")
    assert [one["category"] for one in setting.inputs["logs"]] == ["AmlOnlineEndpointTrafficLog"]
    assert setting.name in recording.needs(recording.one("flight-delay-alerts-availability"))


def test_all_rules_tell_the_one_action_group_whose_urls_are_secret(recording):
    group = recording.one("mlops-contacts-action-group")
    for one in (
        *recording.of("MetricAlert"),
        *recording.of("ScheduledQueryRule"),
        *recording.of("ActivityLogAlert"),
    ):
        assert group.id in json.dumps(one.inputs["actions"])
    holders = [
        one.name
        for one in recording.resources
        if "example.com/s3cret" in json.dumps(one.inputs, default=str)
        or (CALLBACK in json.dumps(one.inputs, default=str) and "EventSubscription" not in one.type)
    ]
    assert holders == [group.name]
    assert [one["emailAddress"] for one in group.inputs["emailReceivers"]] == ["ml@example.com"]
    teams = group.inputs["logicAppReceivers"]
    # A secret as a whole, as its URL is one.
    (receiver,) = teams["value"]
    assert (receiver["callbackUrl"], receiver["useCommonAlertSchema"]) == (CALLBACK, True)


def test_changes_of_rights_deletions_and_network_rules_are_told(recording):
    told = {}
    for one in recording.of("ActivityLogAlert"):
        (*fields, any_of) = one.inputs["condition"]["allOf"]
        assert {field["field"]: field["equals"] for field in fields} == {
            "category": "Administrative",
            "status": "Succeeded",
        }
        told[one.name.removeprefix("mlops-alerts-")] = {leaf["equals"] for leaf in any_of["anyOf"]}
    assert set(told) == {"rights", "deletions", "network"}
    assert "Microsoft.Authorization/roleAssignments/write" in told["rights"]
    assert "Microsoft.KeyVault/vaults/delete" in told["deletions"]


def test_the_budget_counts_what_has_the_tag_and_warns_before_it_is_spent(recording):
    (budget,) = recording.of("consumption:Budget")
    inputs = budget.inputs
    assert inputs["scope"].count("/") == 2
    assert inputs["filter"]["tags"]["name"] == "cost-center"
    assert inputs["filter"]["tags"]["values"] == ["ml-dev"]
    assert {name: one["thresholdType"] for name, one in inputs["notifications"].items()} == {
        "actual-80": "Actual",
        "actual-100": "Actual",
        "forecasted-100": "Forecasted",
    }
    assert inputs["timePeriod"]["startDate"] == f"{datetime.now(UTC):%Y-%m}-01T00:00:00Z"
    group = recording.one("mlops-contacts-action-group")
    assert all(one["contactGroups"] == [group.id] for one in inputs["notifications"].values())


def test_without_anybody_to_tell_there_are_no_rules_but_there_is_something_to_look_at(recording):
    kinds = {one.type.rpartition(":")[2] for one in unwatched().resources}
    assert not kinds & {
        "ActionGroup",
        "MetricAlert",
        "ScheduledQueryRule",
        "ActivityLogAlert",
        "Budget",
        "Workbook",
    }
    assert "Dashboard" in kinds
    assert len(recording.of("Workbook")) + len(recording.of("Dashboard")) == 4  # with their components


def test_the_workbook_asks_only_for_metrics_that_azure_has_and_costs_of_every_tag():
    book = json.loads(contents(workspace_id=WORKSPACE, log_analytics_id=LOGS, tags=("owner", "project")))
    assert book["version"] == "Notebook/1.0"
    names = [item["name"] for item in book["items"]]
    assert len(names) == len(set(names))
    assert names[-2:] == ["cost-by-owner", "cost-by-project"]
    request = json.loads(book["items"][-1]["content"]["query"])
    assert request["path"] == "/subscriptions/s/resourceGroups/g/providers/Microsoft.CostManagement/query"
    assert json.loads(request["body"])["dataset"]["grouping"] == [{"type": "TagKey", "name": "project"}]
    drawn = {metric["metric"] for item in book["items"] if item["type"] == 10 for metric in item["content"]["metrics"]}  # fmt: skip
    assert f"{chart.ENDPOINT}--RequestLatency_P99" in drawn


def test_the_dashboard_has_a_row_for_the_workspace_and_each_endpoint_and_no_tile_on_another():
    found = tiles(WORKSPACE, {"b": f"{WORKSPACE}/onlineEndpoints/b", "a": f"{WORKSPACE}/onlineEndpoints/a"})
    places = [(place["x"], place["y"]) for place, _ in found]
    assert places == [(x, y) for y in (0, 4, 8) for x in (0, 6, 12)]
    titles = [part["settings"]["content"].get("options", {}).get("chart", {}).get("title") for _, part in found]  # fmt: skip
    assert titles[3:] == [None, "a: Requests a minute", "a: Latency in ms", None, "b: Requests a minute", "b: Latency in ms"]  # fmt: skip


def test_thresholds_that_arent_given_make_no_rule():
    base = {"environment": "dev", "location": "westeurope", "owner": "ml", "costCenter": "ml"}
    config = parse(
        {
            **base,
            "alerts": {"emails": ["a@b.example"], "endpoint": {"cpuPercent": None, "serverErrors": None}},
        }
    )
    assert [called for called, *_ in on_endpoint(config.alerts.endpoint)] == []
    assert [called for called, *_ in on_deployment(config.alerts.endpoint)] == ["memory", "disk"]


def test_the_channels_url_stays_out_of_the_runs_history():
    made = definition("https://kv.vault.azure.net/secrets/teams-webhook", "/id")
    assert made["actions"]["Get_url"]["runtimeConfiguration"] == {"secureData": {"properties": ["outputs"]}}
    assert made["actions"]["Post"]["runtimeConfiguration"] == {"secureData": {"properties": ["inputs"]}}
