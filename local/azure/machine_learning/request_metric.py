"""Metrics of online endpoints: ``GET {endpoint}/providers/Microsoft.Insights/metrics`` and ``/metricDefinitions``.

``RequestsPerMinute``, ``RequestLatency`` and its percentiles (to a hundredth), from the requests that ``inference.py`` answered (Azure docs, "Supported
metrics for Microsoft.MachineLearningServices/workspaces/onlineEndpoints"; Azure's other metrics of endpoints: 501).
Counts are in memory only: local Azure forgets them when it stops. Unlike Azure's they are there at once, not minutes
later. A request counts in the minute in which it came, with the deployment that got it, whether by traffic, by name or
as a mirrored copy; one that no deployment got (401, 404) has an empty deployment, and one that no model answered an
empty model status.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from local.azure import metric_query
from local.azure.errors import ArmError, not_found, unsupported
from local.azure.metric_query import Sample
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
#: How long Azure Monitor keeps metrics.
_RETENTION = timedelta(days=93)


def _requests(samples: Sequence[Sample]) -> float:
    return float(sum(sample.count for sample in samples))


def _latency(samples: Sequence[Sample]) -> float:
    return sum(sample.total for sample in samples) / _requests(samples)


#: A bucket is this much wider than the one below, so a percentile is right to half of it.
_WIDTH = math.log(1.02)


def bucket(milliseconds: float) -> int:
    """The bucket of a latency: buckets grow with what is in them, so that few are enough for all."""
    return round(math.log(max(milliseconds, 0.01)) / _WIDTH)


def _percentile(percent: int) -> Callable[[Sequence[Sample]], float]:
    """The value that so many of a hundred requests don't exceed (nearest rank), to within a hundredth."""

    def value(samples: Sequence[Sample]) -> float:
        spread: Counter[int] = Counter()
        for sample in samples:
            spread.update(sample.spread)
        left = math.ceil(spread.total() * percent / 100)
        for number in sorted(spread):
            left -= spread[number]
            if left <= 0:
                return math.exp(number * _WIDTH)
        return 0.0

    return value


@dataclass(frozen=True)
class Metric:
    """A metric as Azure defines it, and what the samples of one minute come to."""

    name: str
    display: str
    description: str
    unit: str
    dimensions: tuple[str, ...]
    value: Callable[[Sequence[Sample]], float]
    category: str = "Traffic"


METRICS = (
    Metric(
        "RequestsPerMinute",
        "Requests Per Minute",
        "The number of requests sent to online endpoint within a minute",
        "Count",
        ("deployment", "statusCode", "statusCodeClass", "modelStatusCode"),
        _requests,
    ),
    Metric(
        "RequestLatency",
        "Request Latency",
        "The average complete interval of time taken for a request to be responded in milliseconds",
        "MilliSeconds",
        ("deployment",),
        _latency,
    ),
    *(
        Metric(
            f"RequestLatency_P{percent}",
            f"Request Latency P{percent}",
            f"The average P{percent} request latency aggregated by all request latency values collected over the "
            "selected time period",
            "MilliSeconds",
            ("deployment",),
            _percentile(percent),
        )
        for percent in (50, 90, 95, 99)
    ),
)
#: What Azure measures of an endpoint and local Azure doesn't.
_OTHERS = (
    "ConnectionsActive",
    "DataCollectionErrorsPerMinute",
    "DataCollectionEventsPerMinute",
    "NetworkBytes",
    "NewConnectionsPerSecond",
)


@dataclass(frozen=True)
class Measured:
    """What is measured of a kind of resource: ``samples(azure, record)``, and what Azure measures of it besides."""

    namespace: str
    metrics: tuple[Metric, ...]
    others: tuple[str, ...]
    samples: Callable[[Azure, Record, Metric], Sequence[Sample]]


@dataclass
class _Tally:
    requests: int = 0
    milliseconds: float = 0.0
    spread: Counter[int] = field(default_factory=Counter[int])


@dataclass
class Counts:
    """The requests to the endpoints of one local Azure, by minute, deployment and statuses."""

    _minutes: dict[str, dict[datetime, dict[tuple[str, int, str], _Tally]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def count(
        self,
        endpoint: str,
        time: datetime,
        milliseconds: float,
        *,
        deployment: str = "",
        status: int,
        model_status: str = "",
    ) -> None:
        """Counts one request that was answered.

        Args:
            endpoint: the endpoint's id.
            time: when the request came.
            milliseconds: how long its answer took.
            deployment: which deployment got it, empty if none did.
            status: what the caller was answered.
            model_status: what the model answered, empty if none did.
        """
        minutes = self._minutes[endpoint.lower()]
        minute = time.replace(second=0, microsecond=0)
        if minute not in minutes:
            for old in [one for one in minutes if one < minute - _RETENTION]:
                del minutes[old]
            minutes[minute] = defaultdict(_Tally)
        tally = minutes[minute][deployment, status, model_status]
        tally.requests += 1
        tally.milliseconds += milliseconds
        tally.spread[bucket(milliseconds)] += 1

    def samples(self, endpoint: str) -> list[Sample]:
        """What was measured at an endpoint."""
        return [
            Sample(
                minute,
                {
                    "deployment": deployment,
                    "statusCode": str(status),
                    "statusCodeClass": f"{status // 100}xx",
                    "modelStatusCode": model_status,
                },
                tally.requests,
                tally.milliseconds,
                tally.spread,
            )
            for minute, tallies in self._minutes.get(endpoint.lower(), {}).items()
            for (deployment, status, model_status), tally in tallies.items()
        ]


_counts: dict[int, Counts] = {}


def of(azure: Azure) -> Counts:
    """The counts of a local Azure."""
    return _counts.setdefault(id(azure), Counts())


async def stop(azure: Azure) -> None:
    """Forgets what was counted."""
    _counts.pop(id(azure), None)


ENDPOINT = Measured(NAMESPACE, METRICS, _OTHERS, lambda azure, record, _metric: of(azure).samples(record.id))


def _resource(azure: Azure, call: Call, of: Measured) -> Record:
    found = azure.store.get(call.captured["resource"])
    if found is None:
        raise not_found(call.captured["resource"])
    asked = next(
        (text for name, text in call.query.items() if name.lower() == "metricnamespace"), of.namespace
    )
    if asked.lower() != of.namespace.lower():
        raise unsupported(f"The metric namespace '{asked}' of {of.namespace}")
    return found


def _wanted(names: tuple[str, ...], of: Measured) -> list[Metric]:
    """The metrics that have these names; all where there is none."""
    known = {metric.name.lower(): metric for metric in of.metrics}
    for name in names:
        if name.lower() in (other.lower() for other in of.others):
            raise unsupported(f"The metric '{name}'")
        if name.lower() not in known:
            provider, _, kind = of.namespace.partition("/")
            valid = ",".join(sorted([*(metric.name for metric in of.metrics), *of.others]))
            raise ArmError(
                400,
                "BadRequest",
                f"Failed to find metric configuration for provider: {provider}, resource Type: {kind}, "
                f"metric: {name}, Valid metrics: {valid}",
            )
    return [known[name.lower()] for name in names] or list(of.metrics)


async def answer(azure: Azure, call: Call, of: Measured) -> Answer:
    """``GET …/metrics``: the series that a request asks for."""
    resource = _resource(azure, call, of)
    try:
        asked = next((text for name, text in call.query.items() if name.lower() == "metricnames"), "")
        metrics = _wanted(tuple(name.strip() for name in asked.split(",") if name.strip()), of)
        shared = [name for name in metrics[0].dimensions if all(name in one.dimensions for one in metrics)]
        query = metric_query.read(call.query, azure.now(), shared)
    except ArmError as error:
        if error.status != 400:
            raise
        # Azure Monitor's errors have no "error" around them.
        return Answer(400, {"code": error.code, "message": error.message})
    minutes = max(1, int((query.end - query.begin).total_seconds() // 60))
    body: Json = {
        "cost": minutes * len(metrics),
        "timespan": query.timespan,
        "interval": query.interval,
        "value": [
            {
                "id": f"{resource.id}/providers/Microsoft.Insights/metrics/{metric.name}",
                "type": "Microsoft.Insights/metrics",
                "name": {"value": metric.name, "localizedValue": metric.display},
                "displayDescription": metric.description,
                "unit": metric.unit,
                "timeseries": metric_query.series(query, of.samples(azure, resource, metric), metric.value),
                "errorCode": "Success",
            }
            for metric in metrics
        ],
        "namespace": of.namespace,
        "resourceregion": resource.body["location"],
    }
    return Answer(200, body)


async def definitions(azure: Azure, call: Call, of: Measured) -> Answer:
    """``GET …/metricDefinitions``: what can be asked for."""
    resource = _resource(azure, call, of)
    availabilities = [{"timeGrain": grain, "retention": "P93D"} for grain in metric_query.GRAINS]
    found: list[Json] = [
        {
            "id": f"{resource.id}/providers/microsoft.insights/metricdefinitions/{metric.name}",
            "resourceId": resource.id,
            "namespace": of.namespace,
            "category": metric.category,
            "name": {"value": metric.name, "localizedValue": metric.display},
            "displayDescription": metric.description,
            "isDimensionRequired": False,
            "unit": metric.unit,
            "primaryAggregationType": "Average",
            "supportedAggregationTypes": ["Average"],
            "metricAvailabilities": availabilities,
            "dimensions": [{"value": name, "localizedValue": name} for name in metric.dimensions],
        }
        for metric in of.metrics
    ]
    return Answer(200, {"value": found})


def routes(below: str, of: Measured) -> tuple[Route, ...]:
    """The routes of a kind of resource; ``below`` is its path below a workspace, a pattern."""
    resource = (
        r"(?P<resource>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices"
        rf"/workspaces/[^/]+/{below})/providers/Microsoft\.Insights/"
    )

    def route(name: str, handle: Callable[[Azure, Call, Measured], Awaitable[Answer]]) -> Route:
        async def answered(azure: Azure, call: Call) -> Answer:
            return await handle(azure, call, of)

        path = re.compile(resource + name, re.IGNORECASE)
        return Route(re.compile(r"management\.azure\.com"), path, answered, methods=("GET",))

    return route("metrics", answer), route("metricDefinitions", definitions)


ROUTES = routes("onlineEndpoints/[^/]+", ENDPOINT)
