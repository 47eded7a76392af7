"""Metrics of online deployments: ``GET {deployment}/providers/Microsoft.Insights/metrics`` and ``/metricDefinitions``.

``CpuUtilizationPercentage`` by instance, ``RequestsPerMinute`` by status, and the percentiles of ``RequestLatency`` (Azure docs,
"Supported metrics for Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"; Azure's other metrics of
deployments: 501). Requests are those that ``request_metric`` counts. An instance here is a process, and what it uses is
measured against one processor of this machine, every few seconds; forgotten when local Azure stops, as all metrics.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psutil

from local.azure.machine_learning import request_metric, serving
from local.azure.machine_learning.request_metric import METRICS as OF_ENDPOINTS
from local.azure.machine_learning.request_metric import Measured, Metric
from local.azure.metric_query import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.azure.azure import Azure
    from local.azure.resource_type import Record

NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
CPU, REQUESTS = "CpuUtilizationPercentage", "RequestsPerMinute"
_LOOK_SECONDS = 10.0
_RETENTION = timedelta(days=93)


def _mean(samples: Sequence[Sample]) -> float:
    """The mean over the instances, each of which counts as much."""
    return sum(sample.total / sample.count for sample in samples) / len(samples)


METRICS = (
    Metric(
        CPU,
        "CPU Utilization Percentage",
        "Percentage of CPU utilization on an instance. Utilization is reported at one minute intervals.",
        "Percent",
        ("instanceId",),
        _mean,
        "Resource",
    ),
    *(
        Metric(
            metric.name,
            metric.display,
            metric.description.replace("endpoint", "deployment"),
            metric.unit,
            ("envoy_response_code",) if metric.name == REQUESTS else (),
            metric.value,
        )
        for metric in OF_ENDPOINTS
        if metric.name != "RequestLatency"
    ),
)
#: What Azure measures of a deployment and local Azure doesn't.
_OTHERS = (
    "CpuMemoryUtilizationPercentage",
    "DataCollectionErrorsPerMinute",
    "DataCollectionEventsPerMinute",
    "DeploymentCapacity",
    "DiskUtilization",
    "GpuEnergyJoules",
    "GpuMemoryUtilizationPercentage",
    "GpuUtilizationPercentage",
)


@dataclass
class Usage:
    """What the processes of deployments use of a processor, by minute and instance."""

    #: deployment → minute → instance → how often it was looked at, and the sum of percents
    _minutes: dict[str, dict[datetime, dict[int, tuple[int, float]]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    #: process → when it was looked at, and the seconds that it had used
    _before: dict[int, tuple[float, float]] = field(default_factory=dict[int, tuple[float, float]])

    def add(self, deployment: str, moment: datetime, instance: int, percent: float) -> None:
        """Takes one look at an instance."""
        minutes = self._minutes[deployment.lower()]
        minute = moment.replace(second=0, microsecond=0)
        if minute not in minutes:
            for old in [one for one in minutes if one < minute - _RETENTION]:
                del minutes[old]
            minutes[minute] = {}
        looks, total = minutes[minute].get(instance, (0, 0.0))
        minutes[minute][instance] = looks + 1, total + percent

    def samples(self, deployment: str) -> list[Sample]:
        """What was measured at a deployment."""
        return [
            Sample(minute, {"instanceId": str(instance)}, looks, total)
            for minute, instances in self._minutes.get(deployment.lower(), {}).items()
            for instance, (looks, total) in instances.items()
        ]

    def look(self, running: dict[str, dict[int, int]], moment: datetime) -> None:
        """Looks at all processes, by deployment and instance; one that is new counts from the next look on."""
        now, before, self._before = time.monotonic(), self._before, {}
        for deployment, processes in running.items():
            for instance, process in processes.items():
                used = _seconds(process)
                if used is None:
                    continue
                self._before[process] = now, used
                if process in before and now > before[process][0]:
                    when, then = before[process]
                    share = (used - then) / (now - when)
                    self.add(deployment, moment, instance, 100 * min(max(share, 0.0), 1.0))


def _seconds(process: int) -> float | None:
    """The processor time of a process and those below it; None where it is gone."""
    try:
        first = psutil.Process(process)
        times = [one.cpu_times() for one in (first, *first.children(recursive=True))]
    except psutil.Error:
        return None
    return sum(one.user + one.system for one in times)


_usages: dict[int, Usage] = {}


def usage(azure: Azure) -> Usage:
    """What the deployments of a local Azure use."""
    return _usages.setdefault(id(azure), Usage())


def samples(azure: Azure, record: Record, metric: Metric) -> list[Sample]:
    """What was measured of a metric at a deployment."""
    if metric.name == CPU:
        return usage(azure).samples(record.id)
    endpoint = azure.parse(record.id).parent
    return [
        Sample(
            one.minute,
            {"envoy_response_code": one.dimensions["statusCode"]},
            one.count,
            one.total,
            one.spread,
        )
        for one in request_metric.of(azure).samples(endpoint)
        if one.dimensions["deployment"].lower() == record.name.lower()
    ]


def look(azure: Azure) -> None:
    """Looks at the processes that serve."""
    running = serving.of(azure).processes()
    if running:
        usage(azure).look(running, azure.now())


async def _watch(azure: Azure) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        look(azure)


async def start(azure: Azure) -> None:
    """Begins to look."""
    azure.spawn("usage of deployments", _watch(azure))


async def stop(azure: Azure) -> None:
    """Forgets what was measured."""
    _usages.pop(id(azure), None)


DEPLOYMENT = Measured(NAMESPACE, METRICS, _OTHERS, samples)
ROUTES = request_metric.routes("onlineEndpoints/[^/]+/deployments/[^/]+", DEPLOYMENT)
