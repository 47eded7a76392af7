"""Each statistic against the libraries that define it, and against what must hold for any data."""

import doctest
import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import jensenshannon

from ml.drift import statistics
from ml.drift.histogram import bin_count, categories, count, histogram, plot_histogram

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
VALUES = GOLDEN["values"]
NUMERIC = ("normal", "lognormal")
CLOSE = {"rel": 1e-12, "abs": 1e-13}


def sides(name):
    kind = object if name == "cat" else np.float64
    return tuple(np.array(GOLDEN["dataset"][side][name], dtype=kind) for side in ("reference", "current"))


def counted(name="cat"):
    return categories(*map(count, sides(name)))


def shared_bins(edges, *values):
    return [np.histogram(each, edges)[0] for each in values]


# --- Azure Machine Learning's formulas, our default definitions


@pytest.mark.parametrize("name", NUMERIC)
def test_bins_are_those_of_azure_machine_learning(name):
    expected = VALUES["azureml_formula"][name]
    counts = histogram(*sides(name))
    assert len(counts.reference) == expected["bins"] == bin_count(1_000, 1_000)
    assert counts.reference.tolist() == expected["ref_hist"]
    assert counts.current.tolist() == expected["cur_hist"]


@pytest.mark.parametrize("name", NUMERIC)
def test_numeric_statistics_are_those_of_azure_machine_learning(name):
    expected = VALUES["azureml_formula"][name]
    counts = histogram(*sides(name))
    assert statistics.population_stability_index(counts.reference, counts.current) == pytest.approx(
        expected["psi"], **CLOSE
    )
    assert statistics.jensen_shannon(counts.reference, counts.current) == pytest.approx(
        expected["js_distance_base2"], **CLOSE
    )
    assert statistics.normalized_wasserstein(*sides(name)) == pytest.approx(
        expected["normalized_wasserstein"], **CLOSE
    )


def test_categorical_statistics_are_those_of_azure_machine_learning():
    expected, counts = VALUES["azureml_formula"]["cat"], counted()
    assert statistics.population_stability_index(counts.reference, counts.current) == pytest.approx(
        expected["psi"], **CLOSE
    )
    assert statistics.jensen_shannon(counts.reference, counts.current) == pytest.approx(
        expected["js_distance_base2"], **CLOSE
    )


# --- scipy and the libraries whose definitions a parameter reaches


@pytest.mark.parametrize("name", NUMERIC)
def test_exact_statistics_are_those_of_scipy(name):
    expected = VALUES["scipy"][name]
    assert statistics.kolmogorov_smirnov(*sides(name))[0] == pytest.approx(expected["ks_stat"], **CLOSE)
    assert statistics.wasserstein(*sides(name)) == pytest.approx(expected["wasserstein"], **CLOSE)


def test_chi_square_is_the_contingency_test_of_scipy_and_stays_finite_with_a_new_category():
    expected, counts = VALUES["scipy"]["cat"], counted()
    assert list(counts.names) == expected["categories"]
    assert (counts.reference.tolist(), counts.current.tolist()) == (
        expected["ref_counts"],
        expected["cur_counts"],
    )
    statistic, p = statistics.chi_square(counts.reference, counts.current)
    assert statistic == pytest.approx(expected["chi2_contingency_stat"], **CLOSE)
    assert p == pytest.approx(expected["chi2_contingency_p"], rel=1e-10)
    assert VALUES["azureml_formula"]["cat"]["chisquare_stat"] == "inf"


@pytest.mark.parametrize("name", NUMERIC)
def test_jensen_shannon_in_nats_over_sturges_bins_is_that_of_evidently(name):
    bins = shared_bins(np.histogram_bin_edges(np.concatenate(sides(name)), "sturges"), *sides(name))
    assert statistics.jensen_shannon(*bins, base=math.e) == pytest.approx(
        VALUES["evidently"][name]["js_distance_base_e"], **CLOSE
    )


@pytest.mark.parametrize("name", NUMERIC)
def test_hellinger_over_the_reference_bins_is_that_of_nannyml(name):
    reference, current = sides(name)
    edges = np.histogram_bin_edges(reference, "doane")
    first, second = shared_bins(edges, reference, current)
    outside = current.size - second.sum()
    bins = (np.append(first, 0), np.append(second, outside))
    expected = VALUES["nannyml"][name]
    assert statistics.hellinger(*bins) == pytest.approx(expected["hellinger"], **CLOSE)
    assert statistics.jensen_shannon(*bins) == pytest.approx(expected["jensen_shannon"], **CLOSE)


def test_categorical_distances_are_those_of_nannyml_and_evidently():
    counts = counted()
    assert statistics.hellinger(counts.reference, counts.current) == pytest.approx(
        VALUES["nannyml"]["cat"]["hellinger"], **CLOSE
    )
    assert statistics.jensen_shannon(counts.reference, counts.current, base=math.e) == pytest.approx(
        VALUES["evidently"]["cat"]["js_distance_base_e"], **CLOSE
    )


@given(st.floats(1e-3, 400), st.integers(1, 300))
def test_the_chi_square_tail_is_that_of_scipy(statistic, freedom):
    expected = scipy.stats.chi2.sf(statistic, freedom)
    assert statistics.chi_square_survival(statistic, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@given(st.floats(0.05, 8))
def test_the_tail_of_kolmogorovs_distribution_is_that_of_scipy(x):
    assert statistics.kolmogorov_survival(x) == pytest.approx(
        scipy.stats.kstwobign.sf(x), rel=1e-9, abs=1e-15
    )


# --- What holds for any data

COUNTS = st.integers(1, 40).flatmap(
    lambda bins: st.tuples(*[hnp.arrays(np.int64, bins, elements=st.integers(0, 10**6))] * 2)
)
SAMPLE = hnp.arrays(
    np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1.0, 2.0])
)


@given(COUNTS)
def test_binned_distances_are_symmetric_bounded_and_blind_to_the_order_of_bins(counts):
    first, second = counts
    assume(first.sum() and second.sum())
    order = np.random.default_rng(0).permutation(len(first))
    for measure in (statistics.jensen_shannon, statistics.hellinger):
        value = measure(first, second)
        assert 0 <= value <= 1 + 1e-12
        assert value == pytest.approx(measure(second, first), rel=1e-9, abs=1e-7)
        assert value == pytest.approx(measure(first[order], second[order]), rel=1e-9, abs=1e-7)
    psi = statistics.population_stability_index(first, second)
    assert psi >= 0
    assert psi == pytest.approx(statistics.population_stability_index(second, first), rel=1e-9, abs=1e-12)
    both_ways = statistics.kullback_leibler(first, second) + statistics.kullback_leibler(second, first)
    assert psi == pytest.approx(both_ways, rel=1e-9, abs=1e-12)


@given(COUNTS)
def test_jensen_shannon_is_that_of_scipy(counts):
    first, second = counts
    assume(first.sum() and second.sum())
    expected = np.nan_to_num(jensenshannon(first / first.sum(), second / second.sum(), base=2))
    # The square root of a difference that cancels: equal up to the root of the rounding error.
    assert statistics.jensen_shannon(first, second) == pytest.approx(expected, rel=1e-9, abs=1e-7)


@given(COUNTS, st.integers(2, 50))
def test_shares_decide_not_the_number_of_rows(counts, factor):
    first, _ = counts
    assume(first.sum())
    assert statistics.jensen_shannon(first, first * factor) == pytest.approx(0, abs=1e-7)
    assert statistics.hellinger(first, first * factor) == pytest.approx(0, abs=1e-7)


@given(SAMPLE, SAMPLE)
def test_exact_statistics_agree_with_scipy_on_any_sample(first, second):
    with np.errstate(all="ignore"):  # scipy's p-value of two rows
        expected = scipy.stats.ks_2samp(first, second, method="asymp").statistic
    assert statistics.kolmogorov_smirnov(first, second)[0] == pytest.approx(expected, abs=1e-12)
    assert statistics.wasserstein(first, second) == pytest.approx(
        scipy.stats.wasserstein_distance(first, second), rel=1e-9, abs=1e-7
    )


@given(SAMPLE, SAMPLE, st.randoms(use_true_random=False))
def test_exact_statistics_are_symmetric_and_blind_to_order(first, second, random):
    shuffled = np.array(random.sample(first.tolist(), len(first)))
    d, p = statistics.kolmogorov_smirnov(first, second)
    assert statistics.kolmogorov_smirnov(second, shuffled) == (d, pytest.approx(p, rel=1e-9))
    assert 0 <= d <= 1
    assert 0 <= p <= 1
    assert statistics.wasserstein(first, second) == pytest.approx(
        statistics.wasserstein(second, shuffled), rel=1e-12
    )


@given(SAMPLE)
def test_equal_samples_have_no_distance(sample):
    assert statistics.kolmogorov_smirnov(sample, sample) == (0.0, 1.0)
    assert statistics.wasserstein(sample, sample) == 0.0


@given(SAMPLE, SAMPLE)
def test_every_value_is_in_a_bin(first, second):
    for counts in (histogram(first, second), plot_histogram(first, second)):
        assert counts.reference.sum() == len(first)
        assert counts.current.sum() == len(second)


@given(SAMPLE, st.floats(-100, 100))
def test_a_shift_is_as_long_as_it_is(sample, shift):
    assert statistics.wasserstein(sample, sample + shift) == pytest.approx(abs(shift), rel=1e-6, abs=1e-6)


# --- What chance alone makes


@pytest.mark.parametrize("draw", ["normal", "exponential", "uniform", "lognormal"])
@pytest.mark.parametrize("rows", [60, 400])
def test_without_drift_wasserstein_is_over_what_chance_makes_in_about_one_of_100_comparisons(draw, rows):
    rng = np.random.default_rng(7)
    over = 0
    for _ in range(600):
        merged = statistics.Merged.of(getattr(rng, draw)(size=2_000), getattr(rng, draw)(size=rows))
        over += merged.wasserstein() > merged.wasserstein_by_chance()
    assert over / 600 < 0.03


@pytest.mark.parametrize("bins", [2, 12, 100])
def test_without_drift_binned_statistics_are_over_what_chance_makes_in_about_one_of_100_comparisons(bins):
    rng = np.random.default_rng(7)
    shares = rng.dirichlet(np.full(bins, 5.0))
    over = np.zeros(2)
    for _ in range(1_000):
        counts = rng.multinomial(10_000, shares), rng.multinomial(500, shares)
        over += (
            statistics.jensen_shannon(*counts) > statistics.jensen_shannon_by_chance(*counts),
            statistics.population_stability_index(*counts)
            > statistics.population_stability_index_by_chance(*counts),
        )
    assert (over / 1_000 < 0.04).all()


def test_chance_is_small_against_real_drift():
    counts = histogram(*sides("normal"))
    assert statistics.jensen_shannon_by_chance(
        counts.reference, counts.current
    ) < 0.5 * statistics.jensen_shannon(counts.reference, counts.current)


# --- Refusals


@pytest.mark.parametrize("measure", [statistics.jensen_shannon, statistics.population_stability_index])
def test_counts_over_different_bins_are_refused(measure):
    with pytest.raises(ValueError, match="same bins"):
        measure([1, 2], [1, 2, 3])


def test_an_empty_side_is_refused():
    with pytest.raises(ValueError, match="nothing to compare"):
        statistics.jensen_shannon([0, 0], [1, 2])
    with pytest.raises(ValueError, match=r"current 0"):
        statistics.wasserstein([1.0], [])


@pytest.mark.parametrize("module", ["", ".statistics", ".histogram", ".compare", ".plot"])
def test_the_examples_in_docstrings_are_true(module):
    result = doctest.testmod(importlib.import_module(f"ml.drift{module}"))
    assert result.attempted > 0
    assert result.failed == 0
