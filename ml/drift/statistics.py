"""One function per drift statistic: two samples (or their counts per bin) in, one number out.

Libraries give the same name to different numbers: on the same bins, the treatment of empty ones alone moves a
PSI from 0.24 to 0.33. So every docstring states its definition. Where Azure Machine Learning's model monitor
defines a statistic, that definition is the default: `Model monitoring in production
<https://learn.microsoft.com/azure/machine-learning/concept-model-monitoring>`_ and the components under
``assets/model_monitoring`` of https://github.com/Azure/azureml-assets.

Binned statistics take *counts* per bin or category (both sides over the same bins); the others take *values*
without missing ones. Nothing here does I/O, samples, or looks at thresholds. An empty side is a ``ValueError``:
whether there is enough data to measure is the caller's question (:mod:`ml.drift.compare`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

#: Azure Machine Learning divides the Wasserstein distance by the standard deviation, but never by less than this.
SMALLEST_DEVIATION = 0.001


def population_stability_index(
    reference: ArrayLike, current: ArrayLike, *, pseudo_count: float = 1.0
) -> float:
    """The population stability index (PSI) of two vectors of counts.

    Sum over the bins of ``(c - r) * ln(c / r)``, natural logarithm, where a share is
    ``(count + pseudo_count) / (rows + pseudo_count * bins)``. With ``pseudo_count=1`` that is Azure Machine
    Learning's definition (Laplace smoothing keeps empty bins finite). Symmetric, at least 0, without upper bound.
    Rule of thumb: below 0.1 no shift, to 0.25 a moderate one, above a significant one.

    Args:
        reference: Counts per bin.
        current: Counts over the same bins.
        pseudo_count: Added to each bin of both sides; with 0, a bin that is empty on one side gives infinity.

    Source: B. Yurdakul, *Statistical Properties of Population Stability Index*, Western Michigan University, 2018.

    >>> round(population_stability_index([40, 40, 20], [20, 40, 40]), 6)
    0.259825
    >>> population_stability_index([5, 5], [50, 50])
    0.0
    """
    expected, actual = _smoothed(reference, current, pseudo_count)
    return float(_relative(actual, expected).sum() + _relative(expected, actual).sum())


def kullback_leibler(reference: ArrayLike, current: ArrayLike, *, pseudo_count: float = 1.0) -> float:
    """The Kullback-Leibler divergence of the current counts from the reference ones, in nats.

    Sum over the bins of ``r * ln(r / c)``: what it costs to describe reference data with the current
    distribution. Shares are smoothed as in :func:`population_stability_index`, which is this divergence plus its
    mirror image. At least 0, not symmetric.

    Source: S. Kullback and R. A. Leibler, *On Information and Sufficiency*, Ann. Math. Statist. 22 (1951).

    >>> round(kullback_leibler([40, 40, 20], [20, 40, 40]), 6)
    0.129913
    """
    expected, actual = _smoothed(reference, current, pseudo_count)
    return float(_relative(expected, actual).sum())


def jensen_shannon(reference: ArrayLike, current: ArrayLike, *, base: float = 2.0) -> float:
    """The Jensen-Shannon *distance* of two vectors of counts: the square root of the divergence.

    Shares are plain ``count / rows``, without smoothing: the mean of both sides is never empty where one isn't.
    With ``base=2``, as in Azure Machine Learning, it lies between 0 and 1 (no bin in common). Symmetric.

    Source: J. Lin, *Divergence measures based on the Shannon entropy*, IEEE Trans. Inf. Theory 37 (1991).

    >>> jensen_shannon([1, 0], [0, 1])
    1.0
    >>> round(jensen_shannon([40, 40, 20], [20, 40, 40]), 6)
    0.22141
    """
    expected, actual = _smoothed(reference, current, 0.0)
    middle = (expected + actual) / 2
    nats = (_relative(expected, middle).sum() + _relative(actual, middle).sum()) / 2
    return math.sqrt(max(float(nats), 0.0) / math.log(base))


def hellinger(reference: ArrayLike, current: ArrayLike) -> float:
    """The Hellinger distance of two vectors of counts: between 0 and 1, symmetric.

    ``sqrt(sum((sqrt(r) - sqrt(c)) ** 2) / 2)`` over plain shares, without smoothing.

    Source: E. Hellinger, J. reine angew. Math. 136 (1909).

    >>> hellinger([3, 0], [0, 4])
    1.0
    """
    expected, actual = _smoothed(reference, current, 0.0)
    return float(np.sqrt(((np.sqrt(expected) - np.sqrt(actual)) ** 2).sum() / 2))


def chi_square(reference: ArrayLike, current: ArrayLike) -> tuple[float, float]:
    """Pearson's chi-square test that both vectors of counts come from one distribution: (statistic, p-value).

    The 2 x k test of homogeneity, without Yates' correction, over the bins that hold anything on either side;
    k - 1 degrees of freedom. Azure Machine Learning tests the goodness of fit to the reference instead, where
    one new category makes the statistic infinite; this one stays finite. A single bin: (0, 1).

    Source: K. Pearson, Phil. Mag. 50 (1900); the p-value is the finite series of the chi-square distribution's
    survival function for whole degrees of freedom (Abramowitz and Stegun, 26.4.4 and 26.4.5).

    >>> statistic, p = chi_square([10, 20, 30], [20, 20, 20])
    >>> round(statistic, 6), round(p, 6)
    (5.333333, 0.069483)
    """
    observed = np.stack(_counts(reference, current))
    observed = observed[:, observed.sum(axis=0) > 0]
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return statistic, chi_square_survival(statistic, observed.shape[1] - 1)


def chi_square_survival(statistic: float, freedom: int) -> float:
    """The probability that a chi-square variable with that many degrees of freedom exceeds the statistic.

    >>> round(chi_square_survival(3.841459, 1), 6)
    0.05
    """
    half = statistic / 2
    if freedom == 0 or half <= 0:
        return 1.0
    odd = freedom % 2
    start = 0.5 if odd else 1.0
    # The powers over factorials are built in logarithms: with hundreds of categories they overflow.
    steps = np.arange(freedom // 2)
    logs = (steps + odd / 2) * math.log(half) - half - math.lgamma(start + odd)
    logs -= np.concatenate([[0.0], np.cumsum(np.log(steps[1:] + odd / 2))])[: len(steps)]
    return min(1.0, float(np.exp(logs).sum()) + (math.erfc(math.sqrt(half)) if odd else 0.0))


def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> tuple[float, float]:
    """The two-sample Kolmogorov-Smirnov test: (D, p-value).

    D is the largest difference between the two empirical distribution functions, exactly (no bins), between 0
    and 1. The p-value is the limiting one, ``Q(D * sqrt(n * m / (n + m)))`` with Kolmogorov's distribution;
    with more than some hundred rows it agrees with the exact one for practical purposes, and it doesn't
    fail at large counts as Azure Machine Learning's does from 10,000 rows on.

    Source: N. Smirnov, Ann. Math. Statist. 19 (1948).

    >>> kolmogorov_smirnov([1, 2, 3, 4], [3, 4, 5, 6])[0]
    0.5
    """
    return Merged.of(reference, current).kolmogorov_smirnov()


def kolmogorov_survival(x: float) -> float:
    """The complement of Kolmogorov's distribution function, the limiting law of ``sqrt(n) * D``.

    >>> round(kolmogorov_survival(1.3581), 4)
    0.05
    """
    if x <= 0:
        return 1.0
    k = np.arange(1, 101)
    if x < 1:  # the dual series converges where the usual one doesn't
        inner = np.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * x * x)).sum()
        return 1 - math.sqrt(2 * math.pi) / x * float(inner)
    return float(2 * ((-1.0) ** (k - 1) * np.exp(-2.0 * k * k * x * x)).sum())


def wasserstein(reference: ArrayLike, current: ArrayLike) -> float:
    """The first Wasserstein (earth mover's) distance, in the units of the values.

    The area between the two empirical distribution functions, exactly (no bins). Symmetric.

    Source: S. S. Vallender, *Calculation of the Wasserstein Distance Between Probability Distributions on the
    Line*, Theory Probab. Appl. 18 (1974).

    >>> wasserstein([0, 1, 3], [5, 6, 8])
    5.0
    """
    return Merged.of(reference, current).wasserstein()


def normalized_wasserstein(reference: ArrayLike, current: ArrayLike) -> float:
    """The Wasserstein distance in standard deviations of the reference: without units, not symmetric.

    Azure Machine Learning's definition: the deviation is the sample's (``ddof=1``), at least 0.001.

    >>> normalized_wasserstein([-1, 0, 1], [1, 2, 3])
    2.0
    """
    return wasserstein(reference, current) / deviation(reference)


def deviation(reference: ArrayLike) -> float:
    """What :func:`normalized_wasserstein` divides by: the sample standard deviation, at least 0.001.

    >>> deviation([4.0])
    0.001
    """
    values = np.asarray(reference, dtype=np.float64)
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return max(spread, SMALLEST_DEVIATION)


@dataclass(frozen=True)
class Merged:
    """Two samples sorted into one: what the statistics without bins are read off, after one sort.

    ``values`` (k,) are the distinct values of both sides, ascending; ``gap`` (k,) is
    ``n * m * (F_reference - F_current)`` just after each of them, as exact integers; ``below`` (k,) counts the
    values of both sides up to and including it.
    """

    values: Floats
    gap: Integers
    below: Integers
    reference_rows: int
    current_rows: int

    @classmethod
    def of(cls, reference: ArrayLike, current: ArrayLike) -> Merged:
        """Sort both samples (finite values, at least one a side)."""
        first = np.sort(np.asarray(reference, dtype=np.float64), axis=None)
        second = np.sort(np.asarray(current, dtype=np.float64), axis=None)
        n, m = first.size, second.size
        if not n or not m:
            raise ValueError(
                f"a sample has no rows (reference {n}, current {m}): there is nothing to compare"
            )
        both = np.concatenate([first, second])
        order = np.argsort(both, kind="stable")  # timsort: merges two sorted runs in linear time
        both = both[order]
        gap = np.cumsum(np.where(order < n, np.int64(m), np.int64(-n)))
        last = np.flatnonzero(np.append(both[1:] != both[:-1], np.True_))
        if last.size == both.size:  # no ties: spare three copies
            return cls(both, gap, last + 1, n, m)
        return cls(both[last], gap[last], last + 1, n, m)

    def kolmogorov_smirnov(self) -> tuple[float, float]:
        """See :func:`kolmogorov_smirnov`."""
        n, m = self.reference_rows, self.current_rows
        largest = int(np.abs(self.gap).max()) / (n * m)
        return largest, kolmogorov_survival(largest * math.sqrt(n / (n + m) * m))

    def wasserstein(self) -> float:
        """See :func:`wasserstein`."""
        widths = np.diff(self.values)
        return float(np.dot(np.abs(self.gap[:-1]).astype(np.float64), widths)) / (
            self.reference_rows * self.current_rows
        )

    def wasserstein_by_chance(self) -> float:
        """The distance that two samples of these sizes reach about once in 100 times without any drift.

        Without drift the difference of the distribution functions is a Brownian bridge ``B(F)`` times
        ``sqrt(1/n + 1/m)``, so the expected distance is ``sqrt(2/pi)`` times the integral of ``sqrt(F(1 - F))``;
        the 99th percentile is 2.4 times that (for uniform values). F is estimated from both samples, at
        some thousand of their values.
        """
        n, m = self.reference_rows, self.current_rows
        stride = max(1, self.values.size // 4096)
        values = np.append(self.values[::stride], self.values[-1])
        f = self.below[::stride] / (n + m)
        spread = float(np.dot(np.sqrt(f * (1 - f)), np.diff(values)))
        return 2.4 * math.sqrt(2 / math.pi * (1 / n + 1 / m)) * spread


def jensen_shannon_by_chance(reference: ArrayLike, current: ArrayLike) -> float:
    """The Jensen-Shannon distance (base 2) that such counts reach about once in 100 times without any drift.

    To first order the divergence is ``(1/n + 1/m) / 8`` nats times a chi-square variable with (occupied bins - 1)
    degrees of freedom; a bin in which the smaller side expects next to nothing counts for up to 2 ln 2 times as much.
    With 100 categories, 500 rows against 10,000 reach 0.23: twice the usual threshold. In simulations with up to
    400 categories it was exceeded in at most 3 % of comparisons.

    >>> round(jensen_shannon_by_chance([1_000, 1_000], [1_000, 1_000]), 4)
    0.0345
    """
    first, second = _counts(reference, current)
    together = (first + second)[(first + second) > 0]
    expected = together / together.sum() * min(first.sum(), second.sum())
    sparse = 1 + (2 * math.log(2) - 1) * float(np.exp(-expected / 2).mean())
    return math.sqrt(population_stability_index_by_chance(first, second) * sparse / (8 * math.log(2)))


def population_stability_index_by_chance(reference: ArrayLike, current: ArrayLike) -> float:
    """The PSI that such counts reach about once in 100 times without any drift: ``(1/n + 1/m)`` times a chi-square.

    Source: B. Yurdakul, as in :func:`population_stability_index`; the chi-square's 99th percentile is Wilson and
    Hilferty's approximation (PNAS 17, 1931).

    >>> round(population_stability_index_by_chance([500, 500], [500, 500]), 4)
    0.0132
    """
    first, second = _counts(reference, current)
    freedom = int(np.count_nonzero(first + second)) - 1
    if freedom == 0:
        return 0.0
    ninth = 2 / (9 * freedom)
    percentile = freedom * (1 - ninth + 2.3263478740408408 * math.sqrt(ninth)) ** 3
    return percentile * (1 / float(first.sum()) + 1 / float(second.sum()))


def _counts(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    first, second = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"counts must be over the same bins: {first.shape} against {second.shape}")
    if not first.sum() or not second.sum():
        raise ValueError("counts add up to 0 on a side: there is nothing to compare")
    return first, second


def _smoothed(reference: ArrayLike, current: ArrayLike, pseudo_count: float) -> tuple[Floats, Floats]:
    first, second = (side + pseudo_count for side in _counts(reference, current))
    return first / first.sum(), second / second.sum()


def _relative(p: Floats, q: Floats) -> NDArray[Any]:
    """``p * ln(p / q)`` per bin; 0 where p is 0, infinite where only q is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0.0)
