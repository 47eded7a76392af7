"""What a comparison found: verdicts in named states, with the numbers they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ml.drift.histogram import Categories, Histogram
from ml.drift.thresholds import STATISTICS, Kind

if TYPE_CHECKING:
    from ml.drift.thresholds import Thresholds


class State(StrEnum):
    """What can be said about a column."""

    DRIFTED = "drifted"
    STABLE = "stable"
    NOT_ENOUGH_DATA = "not enough data"
    NOT_JUDGED = "not judged"
    GONE = "gone"
    NEW = "new"
    KIND_CHANGED = "kind changed"


@dataclass(frozen=True)
class Side:
    """One sample of a column: values present and missing, and for numbers their mean and standard deviation."""

    values: int
    missing: int
    mean: float | None = None
    deviation: float | None = None


@dataclass(frozen=True)
class Measurement:
    """One statistic of a column.

    ``threshold`` is None where the statistic isn't judged; ``by_chance`` is what it reaches once in 100 times without
    drift, where that is known.
    """

    statistic: str
    value: float
    threshold: float | None = None
    by_chance: float | None = None

    @property
    def breached(self) -> bool:
        """Whether there is a threshold and the value is on its wrong side."""
        return self.threshold is not None and STATISTICS[self.statistic].breached(self.value, self.threshold)

    @property
    def severity(self) -> float:
        """How far the value is, as a multiple of its threshold (for p-values the other way round); 0 if not judged."""
        if self.threshold is None:
            return 0.0
        value, threshold = max(self.value, 1e-12), max(self.threshold, 1e-12)
        return threshold / value if STATISTICS[self.statistic].alerts_below else value / threshold

    @property
    def told_by_chance(self) -> bool:
        """Whether chance alone explains the value."""
        return self.by_chance is not None and self.value <= self.by_chance


@dataclass(frozen=True)
class Column:
    """A column's verdict and what it rests on.

    ``distribution`` holds the counts that the binned statistics are computed from, ``plot`` those to look at; None
    where a side has no values.
    """

    name: str
    kind: Kind
    state: State
    sentence: str
    reference: Side
    current: Side
    measurements: tuple[Measurement, ...] = ()
    distribution: Histogram | Categories | None = None
    plot: Histogram | Categories | None = None

    def value(self, statistic: str) -> float:
        """The measured value of a statistic. KeyError: it wasn't measured here."""
        return {each.statistic: each.value for each in self.measurements}[statistic]

    @property
    def judged(self) -> tuple[Measurement, ...]:
        """The measurements that have a threshold, the worst one (relative to it) first."""
        return tuple(
            sorted(
                (each for each in self.measurements if each.threshold is not None),
                key=lambda each: each.severity,
                reverse=True,
            )
        )


@dataclass(frozen=True)
class Report:
    """What :func:`ml.drift.compare.compare` found: the columns in the reference's order, then those only the current data has."""

    columns: tuple[Column, ...]
    thresholds: Thresholds
    reference_rows: int
    current_rows: int

    @property
    def drifted(self) -> tuple[str, ...]:
        """The names of the columns that drifted."""
        return self.in_state(State.DRIFTED)

    def in_state(self, *states: State) -> tuple[str, ...]:
        """The names of the columns in any of these states."""
        return tuple(column.name for column in self.columns if column.state in states)

    @property
    def state(self) -> State:
        """Drifted if a column did, is gone or changed its kind; else stable if one could be judged at all."""
        if self.in_state(State.DRIFTED, State.GONE, State.KIND_CHANGED):
            return State.DRIFTED
        for state in (State.STABLE, State.NOT_ENOUGH_DATA):
            if self.in_state(state):
                return state
        return State.NOT_JUDGED

    @property
    def sentence(self) -> str:
        """The finding, in words."""
        judged = self.in_state(State.DRIFTED, State.STABLE)
        parts: list[str] = []
        if self.drifted:
            parts.append(
                f"{len(self.drifted)} of {len(judged)} judged features drifted: {', '.join(self.drifted)}"
            )
        elif judged:
            parts.append(f"no drift in {len(judged)} judged {'feature' if len(judged) == 1 else 'features'}")
        for state, words in (
            (State.NOT_ENOUGH_DATA, "not enough data to judge"),
            (State.GONE, "missing from the current data"),
            (State.KIND_CHANGED, "of another kind than before"),
        ):
            if names := self.in_state(state):
                parts.append(f"{words}: {', '.join(names)}")
        return "; ".join(parts) or "nothing was judged"

    def as_dict(self) -> dict[str, Any]:
        """As JSON: the verdicts, every number with its threshold, and how each statistic is defined."""
        measured = {each.statistic for column in self.columns for each in column.measurements}
        return {
            "state": self.state,
            "sentence": self.sentence,
            "drifted": list(self.drifted),
            "referenceRows": self.reference_rows,
            "currentRows": self.current_rows,
            "thresholds": self.thresholds.as_dict(),
            "definitions": {name: each.definition for name, each in STATISTICS.items() if name in measured},
            "columns": [_column_as_dict(column) for column in self.columns],
        }


def _column_as_dict(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "state": column.state,
        "sentence": column.sentence,
        "reference": _side_as_dict(column.reference),
        "current": _side_as_dict(column.current),
        "statistics": [
            {
                "name": each.statistic,
                "value": each.value,
                "threshold": each.threshold,
                "byChance": each.by_chance,
                "breached": each.breached,
            }
            for each in column.measurements
        ],
        "distribution": _distribution_as_dict(column.distribution),
        "plot": _distribution_as_dict(column.plot if column.plot is not column.distribution else None),
    }


def _side_as_dict(side: Side) -> dict[str, Any]:
    return {"values": side.values, "missing": side.missing, "mean": side.mean, "deviation": side.deviation}


def _distribution_as_dict(distribution: Histogram | Categories | None) -> dict[str, Any] | None:
    if distribution is None:
        return None
    counts = {"reference": distribution.reference.tolist(), "current": distribution.current.tolist()}
    if isinstance(distribution, Histogram):
        return {"edges": distribution.edges.tolist()} | counts
    return {"categories": list(distribution.names)} | counts
