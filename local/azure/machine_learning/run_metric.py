"""Metrics of workspaces: how many jobs ended, how; counted as their statuses change.

Scope: ``Completed Runs``, ``Failed Runs`` and ``Cancelled Runs``, for rules on them. Counts are in memory: local Azure forgets
them when it stops. Omitted: the workspace's other metrics, and asking for any of them (``GET …/metrics`` of a workspace is 501).

Source: Microsoft Learn, "Supported metrics for Microsoft.MachineLearningServices/workspaces".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from local.azure.machine_learning.request_metric import Metric
from local.azure.metric_query import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from local.azure.azure import Azure

NAMESPACE = "Microsoft.MachineLearningServices/workspaces"
_KINDS = {"Completed": "Completed Runs", "Failed": "Failed Runs", "Canceled": "Cancelled Runs"}


def _counted(name: str) -> Metric:
    def value(samples: Sequence[Sample]) -> float:
        return float(sum(sample.count for sample in samples if sample.dimensions["metric"] == name))

    said = f"Number of runs {name.split(maxsplit=1)[0].lower()} for this workspace"
    return Metric(name, name, said, "Count", ("RunType", "ExperimentName"), value)


METRICS = tuple(_counted(name) for name in _KINDS.values())

#: By local Azure: workspace → minute → (metric, type of run, experiment) → how many.
_counts: dict[int, dict[str, dict[datetime, Counter[tuple[str, str, str]]]]] = {}


def count(azure: Azure, workspace: str, status: str, *, run_type: str, experiment: str) -> None:
    """Counts a job that has got a status, if that is an end."""
    if status not in _KINDS:
        return
    minutes = _counts.setdefault(id(azure), {}).setdefault(workspace.lower(), defaultdict(Counter))
    minute = azure.now().replace(second=0, microsecond=0)
    minutes[minute][_KINDS[status], run_type, experiment] += 1


def samples(azure: Azure, workspace: str) -> list[Sample]:
    """What was counted in a workspace."""
    return [
        Sample(minute, {"metric": name, "RunType": kind, "ExperimentName": experiment}, number, 0.0)
        for minute, counter in _counts.get(id(azure), {}).get(workspace.lower(), {}).items()
        for (name, kind, experiment), number in counter.items()
    ]


async def stop(azure: Azure) -> None:
    """Forgets what was counted."""
    _counts.pop(id(azure), None)
