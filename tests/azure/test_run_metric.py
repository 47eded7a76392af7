"""What Azure Monitor says of the requests to online endpoints, through its own client."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import ManagedOnlineEndpoint
from azure.core.exceptions import HttpResponseError
from azure.identity import EnvironmentCredential
from azure.mgmt.monitor import MonitorManagementClient
from running_azure import LocalAzure, unique

from local.azure import metric_query
from local.azure.errors import ArmError
from local.azure.machine_learning.request_metric import METRICS, Counts

VERSION = "2024-02-01"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUESTS, LATENCY, P50, P90, *_ = METRICS
COUNTED = (
    # minute, deployment, status, the model's status, milliseconds
    *[(0, "blue", 200, "200", 10.0)] * 6,
    (0, "blue", 424, "500", 30.0),
    (0, "green", 200, "200", 50.0),
    (0, "green", 503, "", 100.0),
    *[(2, "green", 200, "200", 40.0)] * 4,
)


@pytest.fixture
def counts() -> Counts:
    found = Counts()
    for minute, deployment, status, model_status, milliseconds in COUNTED:
        time = NOON + timedelta(minutes=minute, seconds=17)
        found.count("/E", time, milliseconds, deployment=deployment, status=status, model_status=model_status)
    return found


def answer(counts: Counts, metric=REQUESTS, **query: str) -> dict[tuple[str, ...], list[float | None]]:
    """The points of each series, by the values that it is split by."""
    given = {"timespan": "2026-03-01T12:00:00Z/2026-03-01T12:04:00Z", **query}
    given["$filter"] = given.pop("filter", "")
    read = metric_query.read(given, NOON, metric.dimensions)
    found = metric_query.series(read, counts.samples("/e"), metric.value)
    return {
        tuple(one["value"] for one in series["metadatavalues"]): [
            point.get("average") for point in series["data"]
        ]
        for series in found
    }


def test_without_a_filter_everything_is_one_series(counts: Counts):
    assert answer(counts) == {(): [9, None, 4, None]}
    assert answer(counts, LATENCY) == {(): [(60 + 30 + 50 + 100) / 9, None, 40, None]}


def test_a_percentile_is_what_so_many_requests_do_not_exceed(counts: Counts):
    for metric, first in ((P50, 10), (P90, 100)):
        (found,) = answer(counts, metric).values()
        assert found == [pytest.approx(first, rel=0.01), None, pytest.approx(40, rel=0.01), None]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("deployment eq '*'", {("blue",): [7, None, None, None], ("green",): [2, None, 4, None]}),
        ("deployment eq 'GREEN'", {("green",): [2, None, 4, None]}),
        ("deployment ne 'green'", {("blue",): [7, None, None, None]}),
        ("deployment eq 'red'", {}),
        (
            "deployment eq 'green' and statusCodeClass eq '*'",
            {("green", "2xx"): [1, None, 4, None], ("green", "5xx"): [1, None, None, None]},
        ),
        (
            "deployment eq '*' and statusCodeClass ne '2xx'",
            {("blue", "4xx"): [1, None, None, None], ("green", "5xx"): [1, None, None, None]},
        ),
        (
            "statusCodeClass eq '4xx' or statusCodeClass eq '5xx'",
            {("4xx",): [1, None, None, None], ("5xx",): [1, None, None, None]},
        ),
        ("statusCode sw '4' and modelStatusCode eq '500'", {("424", "500"): [1, None, None, None]}),
    ],
)
def test_a_filter_splits_by_the_dimensions_it_names(counts: Counts, condition: str, expected: dict):
    assert answer(counts, filter=condition) == expected


def test_a_longer_interval_averages_the_minutes_in_which_something_was_measured(counts: Counts):
    assert answer(counts, interval="PT5M") == {(): [6.5]}
    assert answer(counts, interval="FULL") == {(): [6.5]}
    assert answer(counts, interval="PT3M", autoAdjustTimegrain="true") == {(): [6.5]}


def test_the_best_series_come_first_and_the_rest_is_left_out(counts: Counts):
    found = answer(counts, filter="deployment eq '*' and statusCode eq '*'", orderby="average desc", top="2")
    assert list(found) == [("blue", "200"), ("green", "200")]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"timespan": "yesterday"}, "not two ISO 8601 times"),
        ({"timespan": "2026-03-01T12:00:00Z/2026-03-01T11:00:00Z"}, "ends before it begins"),
        ({"interval": "PT2M"}, "invalid time grain input: PT2M"),
        ({"filter": "deployment eq 'a' or statusCode eq '200'"}, "'or' can't stand between two dimensions"),
        ({"filter": "deployment = 'a'"}, "can't be read at"),
        ({"filter": "colour eq 'red'"}, "dimension combination: colour, supported ones are: deployment"),
        ({"filter": "deployment eq 'a' and "}, "ends with 'and'"),
        ({"aggregation": "Total"}, "The aggregation 'Total'"),
        ({"orderby": "total desc"}, "average asc"),
        ({"top": "none"}, "a number from 1 on"),
    ],
)
def test_a_query_that_asks_wrongly_is_refused(counts: Counts, query: dict[str, str], said: str):
    with pytest.raises(ArmError, match=said):
        answer(counts, **query)


@pytest.fixture(scope="module")
def endpoint(ml_client: MLClient) -> ManagedOnlineEndpoint:
    given = ManagedOnlineEndpoint(name=unique("metric-"), auth_mode="key")
    made = ml_client.online_endpoints.begin_create_or_update(given).result()
    key = ml_client.online_endpoints.get_keys(made.name).primary_key
    for used in (key, key, "wrong"):
        requests.post(made.scoring_uri, json={}, headers={"Authorization": f"Bearer {used}"}, timeout=60)
    return made


@pytest.fixture(scope="module")
def monitor(local_azure: LocalAzure, endpoint: ManagedOnlineEndpoint) -> MonitorManagementClient:
    return MonitorManagementClient(EnvironmentCredential(), local_azure.subscription_id)


def test_a_client_reads_what_was_requested_in_the_last_hour(monitor: MonitorManagementClient, endpoint):
    answer = monitor.metrics.list(
        endpoint.id, metricnames="RequestsPerMinute", aggregation="Average", filter="statusCode eq '*'"
    )
    assert (answer.namespace, answer.resourceregion, answer.interval) == (
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
        "westeurope",
        "PT1M",
    )
    (metric,) = answer.value
    assert (metric.name.value, metric.unit, metric.error_code) == ("RequestsPerMinute", "Count", "Success")
    assert metric.timeseries[0].metadatavalues[0].name.value == "statuscode"
    found = {
        series.metadatavalues[0].value: sum(point.average or 0 for point in series.data)
        for series in metric.timeseries
    }
    assert found == {"401": 1, "404": 2}
    assert len(metric.timeseries[0].data) in (60, 61)


def test_a_client_reads_which_metrics_there_are(monitor: MonitorManagementClient, endpoint):
    found = {one.name.value: one for one in monitor.metric_definitions.list(endpoint.id)}
    percentiles = {f"RequestLatency_P{percent}" for percent in (50, 90, 95, 99)}
    assert set(found) == {"RequestsPerMinute", "RequestLatency", *percentiles}
    assert [one.value for one in found["RequestsPerMinute"].dimensions] == [
        "deployment",
        "statusCode",
        "statusCodeClass",
        "modelStatusCode",
    ]
    assert found["RequestLatency"].primary_aggregation_type == "Average"


def test_an_unknown_metric_is_refused_with_those_there_are(monitor: MonitorManagementClient, endpoint):
    with pytest.raises(
        HttpResponseError, match=r"Failed to find metric configuration.*RequestsPerMinute"
    ) as no:
        monitor.metrics.list(endpoint.id, metricnames="Requests")
    assert no.value.status_code == 400


def test_a_metric_that_is_not_measured_here_is_refused_by_name(local_azure: LocalAzure, endpoint):
    path = f"{endpoint.id}/providers/Microsoft.Insights/metrics?metricnames=NetworkBytes"
    status, _, body = local_azure.arm("GET", path, api_version=VERSION)
    assert (status, body["error"]["message"]) == (
        501,
        "The metric 'NetworkBytes' is not supported by local Azure.",
    )


def test_an_endpoint_that_is_not_there_has_no_metrics(local_azure: LocalAzure, endpoint):
    path = f"{endpoint.id}-none/providers/Microsoft.Insights/metrics"
    assert local_azure.arm("GET", path, api_version=VERSION)[0] == 404
