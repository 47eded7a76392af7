"""A query to Azure Monitor's metrics: what its parameters ask for, and the series that answer it. No I/O.

Source: REST reference ``Metrics_List`` (2024-02-01). ``$filter`` splits by every dimension it names, ``ne`` and ``*``
included; ``or`` stands between values of one dimension only. What a metric is made of (``Sample``) is minutes: the time
grain of all metrics here. Omitted, and refused by name: ``rollupby``, and all aggregations but ``Average``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from local.azure.errors import bad_request, unsupported
from local.azure.machine_learning.duration import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from local.azure.resource_type import Json

GRAINS = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D")
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_TOP = 10
_MOST_POINTS = 50_000
_TERM = re.compile(r"\s*\(*\s*(\w+)\s+(eq|ne|sw)\s+'([^']*)'\s*\)*\s*(and\b|or\b|$)", re.IGNORECASE)
_ORDER = re.compile(r"\s*average(?:\s+(asc|desc))?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Sample:
    """What was measured in one minute for one combination of dimensions: requests, and the sum of their values."""

    minute: datetime
    dimensions: Mapping[str, str]
    count: int
    total: float
    #: how many requests had about which value, by ``bucket`` of the value
    spread: Mapping[int, int] = field(default_factory=dict[int, int])


@dataclass(frozen=True)
class Condition:
    """Which values of one dimension are wanted; it splits the answer by this dimension."""

    dimension: str
    terms: tuple[tuple[str, str], ...]

    def holds(self, value: str) -> bool:
        """Whether a value is wanted: one of the ``eq`` and ``sw``, if there are any, and none of the ``ne``."""
        given = value.casefold()
        wanted = [text for operator, text in self.terms if operator == "eq"]
        starts = [text for operator, text in self.terms if operator == "sw"]
        refused = [text for operator, text in self.terms if operator == "ne"]
        chosen = "*" in wanted or given in wanted or any(given.startswith(text) for text in starts)
        return given not in refused and (chosen or not (wanted or starts))


@dataclass(frozen=True)
class Query:
    """A request for metrics, read."""

    begin: datetime
    end: datetime
    #: None: one point for the whole time
    step: timedelta | None
    interval: str
    names: tuple[str, ...]
    conditions: tuple[Condition, ...]
    top: int
    #: None: as they come; True: the highest first
    descending: bool | None
    metadata: bool

    @property
    def timespan(self) -> str:
        """The time asked for, as the answer repeats it."""
        return f"{stamp(self.begin)}/{stamp(self.end)}"


def stamp(time: datetime) -> str:
    """A time as Azure Monitor writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(given: Mapping[str, str], now: datetime, dimensions: Sequence[str]) -> Query:
    """Reads the query of a request. ``now`` is where the last hour, the default, ends.

    Args:
        given: the parameters; their names may have any case.
        now: the current time, in UTC.
        dimensions: the names that ``$filter`` may use.

    Raises:
        ArmError: 400, a parameter is not what Azure takes; 501, it asks for what isn't here.
    """
    query = {name.lower(): value for name, value in given.items()}
    for aggregation in (query.get("aggregation") or "Average").split(","):
        if aggregation.strip().lower() != "average":
            raise unsupported(f"The aggregation '{aggregation}' of a metric whose documented one is Average")
    if query.get("rollupby"):
        raise unsupported("rollupby")
    begin, end = _timespan(query.get("timespan"), now)
    interval = query.get("interval") or "PT1M"
    step = _step(interval, adjust=query.get("autoadjusttimegrain", "").lower() == "true")
    if step is not None:
        interval = GRAINS[[_length(grain) for grain in GRAINS].index(step)]
        if (end - begin) / step > _MOST_POINTS:
            raise bad_request(
                f"{interval} over {stamp(begin)}/{stamp(end)} is too many points; ask for less."
            )
    lenient = query.get("validatedimensions", "").lower() == "false"
    text = query.get("$filter") or ""
    conditions = _conditions(text, dimensions, lenient=lenient) if text.strip() else ()
    return Query(
        begin=begin,
        end=end,
        step=step,
        interval=interval.upper(),
        names=tuple(name.strip() for name in (query.get("metricnames") or "").split(",") if name.strip()),
        conditions=conditions,
        top=_top(query.get("top")),
        descending=_order(query.get("orderby")),
        metadata=query.get("resulttype", "").lower() == "metadata",
    )


def _timespan(text: str | None, now: datetime) -> tuple[datetime, datetime]:
    if not text:
        return (now - _HOUR).replace(second=0, microsecond=0), now
    first, _, last = text.partition("/")
    try:
        begin, end = (datetime.fromisoformat(part.strip().replace(" ", "+")) for part in (first, last))
    except ValueError:
        raise bad_request(
            f"The timespan '{text}' is not two ISO 8601 times with a slash between them.", target="timespan"
        ) from None
    begin, end = (time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC) for time in (begin, end))
    if begin >= end:
        raise bad_request(f"The timespan '{text}' ends before it begins.", target="timespan")
    return begin.replace(second=0, microsecond=0), end


def _length(grain: str) -> timedelta:
    return timedelta(seconds=seconds(grain))


def _step(interval: str, *, adjust: bool) -> timedelta | None:
    if interval.upper() == "FULL":
        return None
    wanted, grains = _length(interval), [_length(grain) for grain in GRAINS]
    if wanted not in grains:
        if not adjust:
            raise bad_request(
                f"Detected invalid time grain input: {interval}, supported ones are: {','.join(GRAINS)}.",
                target="interval",
            )
        wanted = next((grain for grain in grains if grain >= wanted), grains[-1])
    return wanted


def _top(text: str | None) -> int:
    if not text:
        return _TOP
    if not text.isdigit() or int(text) < 1:
        raise bad_request(f"top is '{text}'; it must be a number from 1 on.", target="top")
    return int(text)


def _order(text: str | None) -> bool | None:
    if not text:
        return None
    found = _ORDER.fullmatch(text)
    if found is None:
        raise bad_request(
            f"orderby is '{text}'; it must be 'average asc' or 'average desc'.", target="orderby"
        )
    return (found[1] or "asc").lower() == "desc"


def _conditions(text: str, dimensions: Sequence[str], *, lenient: bool) -> tuple[Condition, ...]:
    known = {name.lower(): name for name in dimensions}
    terms: dict[str, list[tuple[str, str]]] = {}
    text, at, before, last = text.rstrip(), 0, "", ""
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise bad_request(f"The filter '{text}' can't be read at '{text[at:]}'.", target="$filter")
        name = found[1].lower()
        if before == "or" and name != last:
            raise bad_request(
                f"The filter '{text}' is invalid: 'or' can't stand between two dimensions ('{last}', '{found[1]}').",
                target="$filter",
            )
        terms.setdefault(name, []).append((found[2].lower(), found[3].casefold()))
        at, before, last = found.end(), found[4].lower(), name
    if before:
        raise bad_request(f"The filter '{text}' ends with '{before}'.", target="$filter")
    for name in [name for name in terms if name not in known]:
        if not lenient:
            supported = ",".join(dimensions)
            raise bad_request(
                f"The metric does not support requested dimension combination: {name}, supported ones are: {supported}.",
                target="$filter",
            )
        del terms[name]
    return tuple(Condition(known[name], tuple(found)) for name, found in terms.items())


def series(query: Query, samples: Iterable[Sample], value: Callable[[Sequence[Sample]], float]) -> list[Json]:
    """The time series of an answer, one for each combination of the values of the dimensions that are split by.

    Args:
        query: what is asked for.
        samples: what was measured; those out of the query's time are left out.
        value: what the samples of one minute come to; a point is the average over the minutes that have any.
    """
    split: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
    if not query.conditions:
        split[()] = []
    for sample in samples:
        key = tuple(sample.dimensions[condition.dimension] for condition in query.conditions)
        wanted = all(condition.holds(text) for condition, text in zip(query.conditions, key, strict=True))
        if wanted and query.begin <= sample.minute < query.end:
            split[key].append(sample)
    found: list[tuple[float, Json]] = []
    for key, own in sorted(split.items()):
        minutes: dict[datetime, list[Sample]] = defaultdict(list)
        for sample in own:
            minutes[sample.minute].append(sample)
        values = {minute: value(inside) for minute, inside in minutes.items()}
        # Azure writes the names of dimensions in lower case here.
        metadata: list[Json] = [
            {"name": _local(condition.dimension.lower()), "value": text}
            for condition, text in zip(query.conditions, key, strict=True)
        ]
        element: Json = {"metadatavalues": metadata}
        if not query.metadata:
            element["data"] = _points(query, values)
        found.append((sum(values.values()) / len(values) if values else 0.0, element))
    if query.descending is not None:
        found.sort(key=lambda one: one[0], reverse=query.descending)
    limit = query.top if query.conditions else None
    return [element for _, element in found[:limit]]


def _points(query: Query, values: Mapping[datetime, float]) -> list[Json]:
    """One point for each step; a step in which nothing was measured has its time only."""
    step = query.step or (query.end - query.begin)
    inside: dict[int, list[float]] = defaultdict(list)
    for minute, value in values.items():
        inside[(minute - query.begin) // step].append(value)
    points: list[Json] = []
    time, number = query.begin, 0
    while time < query.end:
        found = inside.get(number)
        points.append(
            {"timeStamp": stamp(time)} | ({"average": sum(found) / len(found)} if found is not None else {})
        )
        time, number = time + step, number + 1
    return points


def _local(text: str) -> Json:
    return {"value": text, "localizedValue": text}
