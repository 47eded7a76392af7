"""Metric alert rules, decided: what a rule measures, whether its condition is met, and what that makes of its alerts. No I/O.

Scope: static thresholds on the metrics of online endpoints and of workspaces (how jobs ended), all operators and aggregations, dimensions, rules on one
resource and on several. Left unevaluated, with the reason: dynamic thresholds, web tests, PromQL, metrics that aren't
measured here.

An aggregation is one of the values of a window's minutes. Where nothing was measured, ``Total`` and ``Count`` are 0 and
the others are unknown, which neither fires nor resolves. An alert is resolved by the third check in a row that doesn't
find its condition met; a rule without ``autoMitigate`` fires at every check that does.

Source: Microsoft Learn, "Understand how metric alerts work in Azure Monitor"; REST reference ``MetricAlerts`` 2018-03-01.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from operator import ge, gt, le, lt
from statistics import fmean
from typing import TYPE_CHECKING

from local.azure.errors import ArmError
from local.azure.machine_learning import run_metric
from local.azure.machine_learning.duration import seconds
from local.azure.machine_learning.request_metric import METRICS, NAMESPACE, Metric
from local.azure.metric_query import Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from local.azure.metric_query import Sample
    from local.azure.resource_type import Json

_MINUTE = timedelta(minutes=1)
#: How many checks in a row that don't find the condition met resolve an alert.
_HEALTHY = 3
_PREFIX = "Microsoft.Azure.Monitor."
_KINDS = ("SingleResourceMultipleMetricCriteria", "MultipleResourceMultipleMetricCriteria")
#: The metrics that rules are evaluated on, by namespace in lower case.
MEASURED: dict[str, tuple[Metric, ...]] = {
    NAMESPACE.lower(): METRICS,
    run_metric.NAMESPACE.lower(): run_metric.METRICS,
}
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThan": gt,
    "GreaterThanOrEqual": ge,
    "LessThan": lt,
    "LessThanOrEqual": le,
    "Equals": lambda value, threshold: value == threshold,
}
_AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "Average": fmean,
    "Minimum": min,
    "Maximum": max,
    "Total": sum,
    "Count": len,
}
_OF_NOTHING = {"Total": 0.0, "Count": 0.0}
_TERMS = {"Include": "eq", "Exclude": "ne", "StartsWith": "sw"}

#: The values of the dimensions that a condition splits by, in the order of its dimensions.
Series = tuple[tuple[str, str], ...]


class UnevaluatedError(Exception):
    """A rule is kept and not evaluated; the message says why."""


@dataclass(frozen=True)
class Criterion:
    """One condition of a rule."""

    name: str
    metric: Metric
    namespace: str
    aggregation: str
    operator: str
    threshold: float
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Rule:
    """A rule that is evaluated."""

    kind: str
    window: timedelta
    frequency: timedelta
    auto_mitigate: bool
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Measured:
    """What one condition came to for one series; ``value`` is None where nothing was measured."""

    criterion: Criterion
    series: Series
    value: float | None

    @property
    def met(self) -> bool | None:
        """Whether the condition is met; None: unknown."""
        if self.value is None:
            return None
        return _OPERATORS[self.criterion.operator](self.value, self.criterion.threshold)


@dataclass(frozen=True)
class Observation:
    """What all conditions of a rule came to for one series of one resource."""

    series: Series
    parts: tuple[Measured, ...]

    @property
    def met(self) -> bool | None:
        """Whether all conditions are met; None: unknown."""
        found = [part.met for part in self.parts]
        if False in found:
            return False
        return None if None in found else True


class Change(StrEnum):
    """What becomes of an alert, in the words of ``monitorCondition``."""

    FIRED = "Fired"
    RESOLVED = "Resolved"


def read(properties: Json) -> Rule:
    """A rule's properties, read.

    Raises:
        UnevaluatedError: it is of a kind that isn't evaluated.
    """
    given: Json = properties.get("criteria") or {}
    kind = str(given.get("odata.type", "")).removeprefix(_PREFIX)
    if kind not in _KINDS:
        raise UnevaluatedError(f"criteria of type '{kind}' aren't evaluated")
    of = str(properties.get("targetResourceType") or NAMESPACE)
    criteria = tuple(_criterion(one, of) for one in given.get("allOf") or [])
    if not criteria:
        raise UnevaluatedError("it has no criteria")
    try:
        window, frequency = (seconds(str(properties[key])) for key in ("windowSize", "evaluationFrequency"))
    except ArmError as error:
        raise UnevaluatedError(error.message) from None
    if min(window, frequency) < _MINUTE.total_seconds():
        raise UnevaluatedError("windowSize and evaluationFrequency must be PT1M or longer")
    return Rule(
        kind=kind,
        window=timedelta(seconds=window),
        frequency=timedelta(seconds=frequency),
        auto_mitigate=bool(properties.get("autoMitigate", True)),
        criteria=criteria,
    )


def _criterion(given: Json, of: str) -> Criterion:
    """A condition; ``of`` is the type of resource that its metric is of, unless it says so itself."""
    if str(given.get("criterionType") or "StaticThresholdCriterion") != "StaticThresholdCriterion":
        raise UnevaluatedError("dynamic thresholds aren't evaluated: nothing here learns what is usual")
    name, namespace = str(given.get("metricName")), str(given.get("metricNamespace") or of)
    metric = next(
        (one for one in MEASURED.get(namespace.lower(), ()) if one.name.lower() == name.lower()), None
    )
    if metric is None:
        raise UnevaluatedError(f"the metric '{name}' of {namespace} isn't measured")
    aggregation, operator = str(given.get("timeAggregation")), str(given.get("operator"))
    if aggregation not in _AGGREGATIONS or operator not in _OPERATORS:
        raise UnevaluatedError(
            f"the aggregation '{aggregation}' with the operator '{operator}' isn't evaluated"
        )
    try:
        threshold = float(given["threshold"])
    except (KeyError, TypeError, ValueError):
        raise UnevaluatedError(f"the criterion '{given.get('name')}' has no threshold") from None
    return Criterion(
        name=str(given.get("name") or ""),
        metric=metric,
        namespace=namespace,
        aggregation=aggregation,
        operator=operator,
        threshold=threshold,
        conditions=tuple(_dimension(one, metric) for one in given.get("dimensions") or []),
    )


def _dimension(given: Json, metric: Metric) -> Condition:
    known = {name.lower(): name for name in metric.dimensions}
    name, operator = str(given.get("name")), str(given.get("operator") or "Include")
    if name.lower() not in known or operator not in _TERMS:
        raise UnevaluatedError(f"the dimension '{name}' of {metric.name} with '{operator}' isn't evaluated")
    values = [str(value).casefold() for value in given.get("values") or []]
    return Condition(known[name.lower()], tuple((_TERMS[operator], value) for value in values))


def window_end(now: datetime, *, early: bool) -> datetime:
    """Where the window of a check ends: at the last full minute or, ``early``, as if the current one were over."""
    minute = now.replace(second=0, microsecond=0)
    return minute + _MINUTE if early else minute


def observe(
    rule: Rule, samples: Sequence[Sample], end: datetime, firing: Iterable[Series] = ()
) -> list[Observation]:
    """What a rule finds at one resource.

    Args:
        rule: the rule.
        samples: all that was measured at the resource.
        end: where the window ends.
        firing: the series whose alerts have fired; they are looked at even if nothing more is measured.
    """
    inside = [sample for sample in samples if end - rule.window <= sample.minute < end]
    criterion, *others = rule.criteria
    if others:
        # Conditions are about the same thing only if each is about one series: Azure allows one value a dimension then.
        whole = tuple(
            Measured(one, _named(one), _value(one, [s for s in inside if _holds(one, s)]))
            for one in rule.criteria
        )
        return [Observation((), whole)]
    split: dict[Series, tuple[Series, list[Sample]]] = {}
    silent = [*firing, *([] if criterion.conditions else [()])]
    if criterion.conditions and all(_single(one) for one in criterion.conditions):
        silent.append(_named(criterion))
    for series in silent:
        split.setdefault(folded(series), (series, []))
    for sample in inside:
        if _holds(criterion, sample):
            series = tuple((one.dimension, sample.dimensions[one.dimension]) for one in criterion.conditions)
            split.setdefault(folded(series), (series, []))[1].append(sample)
    return [
        Observation(series, (Measured(criterion, series, _value(criterion, own)),))
        for series, own in (split[key] for key in sorted(split))
    ]


def folded(series: Series) -> Series:
    """What two spellings of one series share: Azure ignores the case of dimensions' values."""
    return tuple((name, value.casefold()) for name, value in series)


def _single(condition: Condition) -> bool:
    return [operator for operator, _ in condition.terms] == ["eq"] and condition.terms[0][1] != "*"


def _named(criterion: Criterion) -> Series:
    """The series that a condition's own values name."""
    return tuple((one.dimension, one.terms[0][1] if one.terms else "*") for one in criterion.conditions)


def _holds(criterion: Criterion, sample: Sample) -> bool:
    return all(one.holds(sample.dimensions[one.dimension]) for one in criterion.conditions)


def _value(criterion: Criterion, samples: Sequence[Sample]) -> float | None:
    minutes: dict[datetime, list[Sample]] = defaultdict(list)
    for sample in samples:
        minutes[sample.minute].append(sample)
    values = [criterion.metric.value(own) for own in minutes.values()]
    if not values:
        return _OF_NOTHING.get(criterion.aggregation)
    return float(_AGGREGATIONS[criterion.aggregation](values))


def advance(*, fired: bool, healthy: int, met: bool | None, auto_mitigate: bool) -> tuple[Change | None, int]:
    """What one check makes of an alert, and how many checks in a row haven't found the condition met since.

    >>> advance(fired=False, healthy=0, met=True, auto_mitigate=True)
    (<Change.FIRED: 'Fired'>, 0)
    >>> advance(fired=True, healthy=1, met=False, auto_mitigate=True)
    (None, 2)
    >>> advance(fired=True, healthy=2, met=False, auto_mitigate=True)
    (<Change.RESOLVED: 'Resolved'>, 3)
    """
    if met is None:
        return None, healthy
    if met:
        return (Change.FIRED if not fired or not auto_mitigate else None), 0
    if not fired or not auto_mitigate:
        return None, 0
    return (Change.RESOLVED if healthy + 1 >= _HEALTHY else None), healthy + 1


def due(rule: Rule, after: datetime, until: datetime) -> bool:
    """Whether a check of a rule falls between two times: they are at the multiples of its frequency."""
    step = rule.frequency.total_seconds()
    return after.timestamp() // step < until.timestamp() // step
