"""From columns to counts: equal-width bins for numbers, one bin a category for text."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """Counts of both samples over the same bins: ``edges`` (B + 1,), ``reference`` and ``current`` (B,)."""

    edges: NDArray[np.float64]
    reference: Integers
    current: Integers


@dataclass(frozen=True)
class Categories:
    """Counts of both samples by category: ``names`` sorted, ``reference`` and ``current`` (len(names),)."""

    names: tuple[str, ...]
    reference: Integers
    current: Integers

    @property
    def new(self) -> tuple[str, ...]:
        """The categories that only the current sample has, most frequent first."""
        fresh = np.flatnonzero(self.reference == 0)
        return tuple(self.names[i] for i in sorted(fresh, key=lambda i: (-self.current[i], self.names[i])))


def bin_count(reference_rows: int, current_rows: int) -> int:
    """Azure Machine Learning's number of bins: ``ceil(log2(min(n, m)) + 1)`` (Sturges' rule on the smaller side).

    >>> bin_count(1_000, 250_000)
    11
    """
    return math.ceil(math.log2(min(reference_rows, current_rows)) + 1)


def histogram(
    reference: NDArray[np.float64], current: NDArray[np.float64], bins: int | None = None
) -> Histogram:
    """Count both samples in equal-width bins over their joint range; the last bin includes its right edge.

    Args:
        reference: Finite values, at least one.
        current: Finite values, at least one.
        bins: How many bins; :func:`bin_count` unless given.

    >>> h = histogram(np.array([0.0, 1, 2, 3]), np.array([3.0, 4, 4, 4]))
    >>> h.edges.tolist(), h.reference.tolist(), h.current.tolist()
    ([0.0, 1.3333333333333333, 2.6666666666666665, 4.0], [2, 1, 1], [0, 0, 4])
    """
    low = float(min(reference.min(), current.min()))
    high = float(max(reference.max(), current.max()))
    number = bins or bin_count(reference.size, current.size)
    if high - low < 4 * number * np.spacing(max(abs(low), abs(high))):
        # A constant, or too few floats between both ends for that many bins: a bin for each value.
        values = np.union1d(reference, current)
        edges = np.append(values, np.nextafter(values[-1], np.inf))
        first, second = (np.histogram(side, edges)[0] for side in (reference, current))
    else:
        first, edges = np.histogram(reference, number, (low, high))
        second, _ = np.histogram(current, number, (low, high))
    return Histogram(edges, first.astype(np.int64), second.astype(np.int64))


def plot_histogram(reference: NDArray[np.float64], current: NDArray[np.float64]) -> Histogram:
    """Bins to look at rather than to measure with: a long tail doesn't squeeze all the rest into two bars.

    One bin a number for whole numbers in a small range; else 32 bins between the 0.5th and the 99.5th percentile of
    both samples, the outer ones holding what lies beyond. Of more than 20,000 values every n-th is taken.
    """
    first, second = (side[:: max(1, side.size // 20_000)] for side in (reference, current))
    both = np.concatenate([first, second])
    low, high = float(both.min()), float(both.max())
    if high - low <= 40 and max(-low, high) < 1e9 and not np.any(both % 1):
        edges = np.arange(low - 0.5, high + 1)
    else:
        low, high = (float(q) for q in np.quantile(both, [0.005, 0.995]))
        half = max(0.5, abs(low) * 1e-9)
        edges = np.linspace(low, high, 33) if low < high else np.array([low - half, low + half])
    inside = (np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] for side in (first, second))
    return Histogram(edges, *(counts.astype(np.int64) for counts in inside))


def categories(reference: Mapping[str, int], current: Mapping[str, int]) -> Categories:
    """Put the counts of both samples side by side, over the union of their categories.

    >>> categories({"a": 2, "b": 1}, {"b": 1, "c": 4})
    Categories(names=('a', 'b', 'c'), reference=array([2, 1, 0]), current=array([0, 1, 4]))
    """
    names = tuple(sorted(reference.keys() | current.keys()))
    return Categories(
        names,
        np.array([reference.get(name, 0) for name in names], dtype=np.int64),
        np.array([current.get(name, 0) for name in names], dtype=np.int64),
    )


def count(values: NDArray[Any]) -> Counter[str]:
    """How often each text occurs. ``None`` and NaN are missing and not counted; other values count as their text.

    >>> dict(count(np.array(["a", None, 7.0, float("nan")], dtype=object)))
    {'a': 1, '7': 1}
    """
    counted: Counter[Any] = Counter(values.tolist())
    if all(type(value) is str for value in counted):
        return counted
    texts: Counter[str] = Counter()
    for value, number in counted.items():
        if value is not None and value == value:  # noqa: PLR0124 - NaN differs from itself
            texts[f"{value:.15g}" if isinstance(value, float) else str(value)] += number
    return texts
