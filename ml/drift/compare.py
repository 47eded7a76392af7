"""Two data sets in, a verdict per column out. Pure: reads no files, prints nothing.

A verdict is a named state with a sentence. Besides its thresholds it weighs chance: with few rows the statistics
are large without any drift (:func:`ml.drift.statistics.jensen_shannon_by_chance`), so a value that is over its
threshold, but no larger than chance alone makes it once in 100 times, is "not enough data" and no drift.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.drift import statistics
from ml.drift.histogram import categories, count, histogram, plot_histogram
from ml.drift.report import Column, Measurement, Report, Side, State
from ml.drift.thresholds import STATISTICS, Kind, Thresholds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.drift.histogram import Categories, Histogram

#: A data set: arrays of one length by column name. Numbers: NaN is missing. Objects, text: None is missing.
Columns = Mapping[str, "NDArray[Any]"]

#: The statistics that need all values sorted; the others are read off counts and cost a fraction of them.
EXACT = frozenset({"normalized_wasserstein", "kolmogorov_smirnov", "kolmogorov_smirnov_p"})
#: From here on squares overflow.
LARGEST = 1e150


def compare(
    reference: Columns,
    current: Columns,
    thresholds: Thresholds | None = None,
    *,
    features: Collection[str] | None = None,
    categorical: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Report:
    """Compare each column of the current data with the reference.

    Missing values are left out per column (not the whole row) and shown as a statistic of their own; so are
    infinite numbers and those over :data:`LARGEST`, which no bin can hold.

    Args:
        reference: What the current data should look like: usually a sample of the training data.
        current: What came in.
        thresholds: Azure Machine Learning's defaults unless given.
        features: The columns to compare; all unless given. One that neither side has is a ``ValueError``.
        categorical: Names of columns whose numbers are codes: compared as text.
        only: Names of statistics to measure; all unless given. Without those of :data:`EXACT` nothing is sorted.

    Raises:
        ValueError: An unknown feature or statistic.

    >>> rng = np.random.default_rng(7)
    >>> before, after = rng.normal(0, 1, 1_000), rng.normal(0.5, 1, 1_000)
    >>> report = compare({"x": before, "y": before}, {"x": after, "y": before})
    >>> report.drifted, report.state.value
    (('x',), 'drifted')
    """
    thresholds = thresholds or Thresholds()
    names = (
        list(features) if features is not None else [*reference, *(n for n in current if n not in reference)]
    )
    if unknown := [name for name in names if name not in reference and name not in current]:
        raise ValueError(
            f"no column {', '.join(unknown)} in either data set; there are {', '.join(reference)}"
        )
    if only is not None and (unknown := sorted(set(only) - STATISTICS.keys())):
        raise ValueError(f"no statistic {', '.join(unknown)}; there are {', '.join(STATISTICS)}")
    wanted = frozenset(STATISTICS if only is None else only)
    columns = tuple(
        _compare_column(
            name,
            *(
                _Sample.of(side[name], name in categorical) if name in side else None
                for side in (reference, current)
            ),
            thresholds=thresholds,
            wanted=wanted,
        )
        for name in names
    )
    return Report(columns, thresholds, _rows(reference), _rows(current))


def _compare_column(
    name: str,
    reference: _Sample | None,
    current: _Sample | None,
    thresholds: Thresholds,
    wanted: frozenset[str],
) -> Column:
    if reference is None and current is not None:
        sentence = "only the current data has it"
        return Column(name, current.kind, State.NEW, sentence, Side(0, 0), current.side)
    if current is None and reference is not None:
        sentence = "the current data doesn't have it"
        return Column(name, reference.kind, State.GONE, sentence, reference.side, Side(0, 0))
    assert reference is not None and current is not None  # noqa: PT018, S101 - for the type checker
    before, after = reference.side, current.side
    kind = reference.kind if before.values else current.kind
    if not before.values or not after.values:
        sentence = f"no values in the {'reference' if not before.values else 'current data'}"
        return Column(name, kind, State.NOT_ENOUGH_DATA, sentence, before, after)
    if kind is not current.kind:
        sentence = f"was {kind}, is {current.kind} now"
        return Column(name, kind, State.KIND_CHANGED, sentence, before, after)
    judges = thresholds.of(kind)
    if kind is Kind.NUMERIC:
        measured, distribution = _numeric(reference.values, current.values, wanted)
        plot = plot_histogram(reference.values, current.values)
    else:
        measured, distribution = _categorical(reference.counts, current.counts)
        plot = distribution
    measured["missing"] = (_share(after) - _share(before), None)
    measurements = tuple(
        Measurement(each, measured[each][0], judges.get(each), measured[each][1])
        for each in STATISTICS
        if each in wanted and each in measured
    )
    state, sentence = _verdict(measurements, before, after, thresholds.minimum_rows)
    return Column(name, kind, state, sentence, before, after, measurements, distribution, plot)


def _verdict(
    measurements: tuple[Measurement, ...], before: Side, after: Side, minimum: int
) -> tuple[State, str]:
    judged = [each for each in measurements if each.threshold is not None]
    if not judged:
        return State.NOT_JUDGED, "no threshold is set for what was measured"
    for side, where in ((before, "reference"), (after, "current")):
        if side.values < minimum:
            return State.NOT_ENOUGH_DATA, f"{side.values} {where} values, at least {minimum} are needed"
    breaches = [each for each in judged if each.breached]
    told = [each for each in breaches if not each.told_by_chance]
    if told:
        return State.DRIFTED, "; ".join(_finding(each, "over", "under") for each in told)
    if breaches:
        worst = breaches[0]
        return State.NOT_ENOUGH_DATA, (
            f"{_finding(worst, 'over', 'under')}, but so few rows reach "
            f"{worst.by_chance:.3g} by chance once in 100 times"
        )
    return State.STABLE, "; ".join(_finding(each, "within", "not under") for each in judged)


def _finding(each: Measurement, word: str, below: str) -> str:
    statistic = STATISTICS[each.statistic]
    return f"{statistic.title} {each.value:.3g} is {below if statistic.alerts_below else word} {each.threshold:g}"


_Measured = dict[str, tuple[float, float | None]]


def _numeric(
    first: NDArray[Any], second: NDArray[Any], wanted: frozenset[str]
) -> tuple[_Measured, Histogram]:
    counts = histogram(first, second)
    measured = _binned(counts.reference, counts.current)
    if wanted & EXACT:
        merged = statistics.Merged.of(first, second)
        deviation = statistics.deviation(first)
        d, p = merged.kolmogorov_smirnov()
        measured["normalized_wasserstein"] = (
            merged.wasserstein() / deviation,
            merged.wasserstein_by_chance() / deviation,
        )
        measured["kolmogorov_smirnov"] = (d, 1.6276 * math.sqrt(1 / first.size + 1 / second.size))
        measured["kolmogorov_smirnov_p"] = (p, None)
    return measured, counts


def _categorical(first: Mapping[str, int], second: Mapping[str, int]) -> tuple[_Measured, Categories]:
    counts = categories(first, second)
    measured = _binned(counts.reference, counts.current)
    statistic, p = statistics.chi_square(counts.reference, counts.current)
    measured["chi_square"], measured["chi_square_p"] = (statistic, None), (p, None)
    measured["new_categories"] = (
        float(counts.current[counts.reference == 0].sum() / counts.current.sum()),
        None,
    )
    return measured, counts


def _binned(first: NDArray[np.int64], second: NDArray[np.int64]) -> _Measured:
    by_chance = statistics.population_stability_index_by_chance(first, second)
    return {
        "population_stability_index": (statistics.population_stability_index(first, second), by_chance),
        "jensen_shannon": (
            statistics.jensen_shannon(first, second),
            statistics.jensen_shannon_by_chance(first, second),
        ),
        "kullback_leibler": (statistics.kullback_leibler(first, second), by_chance / 2),
        "hellinger": (statistics.hellinger(first, second), math.sqrt(by_chance / 8)),
    }


@dataclass(frozen=True)
class _Sample:
    """One side of a column without its missing values: ``values`` of a numeric one, ``counts`` of another."""

    kind: Kind
    side: Side
    values: NDArray[np.float64]
    counts: Mapping[str, int]

    @classmethod
    def of(cls, column: NDArray[Any], as_text: bool) -> _Sample:
        if column.dtype.kind not in "biuf":
            counts = count(column)
            present = counts.total()
            return cls(Kind.CATEGORICAL, Side(present, column.size - present), _NONE, counts)
        finite = np.abs(column) < LARGEST
        values = (column if finite.all() else column[finite]).astype(np.float64, copy=False)
        side = Side(values.size, column.size - values.size)
        if as_text:
            return cls(Kind.CATEGORICAL, side, _NONE, count(values))
        if values.size:
            side = Side(side.values, side.missing, float(values.mean()), float(values.std()))
        return cls(Kind.NUMERIC, side, values, {})


_NONE = np.empty(0)


def _share(side: Side) -> float:
    return side.missing / (side.values + side.missing)


def _rows(columns: Columns) -> int:
    return max((values.size for values in columns.values()), default=0)
