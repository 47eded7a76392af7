"""Verdicts: named states, their sentences, and the numbers under them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.drift import EXACT, STATISTICS, Kind, State, Thresholds, compare

RNG = np.random.default_rng(7)
BEFORE = RNG.normal(0, 1, 2_000)
SHIFTED = RNG.normal(0.5, 1, 2_000)
AGAIN = RNG.normal(0, 1, 2_000)
CARRIERS = np.array(["UA", "DL", "B6"], dtype=object)[RNG.integers(0, 3, 2_000)]


def only(report):
    (column,) = report.columns
    return column


def test_a_shifted_number_has_drifted_and_the_sentence_says_by_what():
    report = compare({"x": BEFORE}, {"x": SHIFTED})
    assert report.drifted == ("x",)
    assert report.state is State.DRIFTED
    assert only(report).sentence.startswith("Normalised Wasserstein 0.5")
    assert only(report).sentence.endswith("is over 0.1")
    assert report.sentence == "1 of 1 judged features drifted: x"


def test_a_sample_of_the_same_distribution_is_stable():
    report = compare({"x": BEFORE, "c": CARRIERS}, {"x": AGAIN, "c": CARRIERS[::-1]})
    assert [column.state for column in report.columns] == [State.STABLE] * 2
    assert report.sentence == "no drift in 2 judged features"


def test_a_new_category_is_drift_with_finite_numbers():
    changed = CARRIERS.copy()
    changed[:400] = "WN"
    column = only(compare({"c": CARRIERS}, {"c": changed}))
    assert column.state is State.DRIFTED
    assert column.value("new_categories") == 0.2
    assert all(np.isfinite(each.value) for each in column.measurements)


def test_missing_values_are_counted_and_leave_the_rest_of_the_row_in():
    holes = np.where(np.arange(2_000) % 4 == 0, np.nan, BEFORE)
    report = compare({"x": BEFORE, "y": AGAIN}, {"x": holes, "y": AGAIN})
    column = report.columns[0]
    assert (column.current.values, column.current.missing) == (1_500, 500)
    assert column.value("missing") == 0.25
    assert report.columns[1].current.values == 2_000


def test_infinite_numbers_count_as_missing():
    column = only(compare({"x": BEFORE}, {"x": np.append(AGAIN, [np.inf, -np.inf])}))
    assert column.current.missing == 2
    assert column.state is State.STABLE


def test_few_values_are_not_enough_data_and_no_drift():
    column = only(compare({"x": BEFORE}, {"x": SHIFTED[:29] + 2}))
    assert column.state is State.NOT_ENOUGH_DATA
    assert column.sentence == "29 current values, at least 30 are needed"
    assert (
        only(compare({"x": BEFORE}, {"x": SHIFTED[:29] + 2}, Thresholds(minimum_rows=10))).state
        is State.DRIFTED
    )


def test_a_difference_that_chance_explains_is_not_enough_data():
    names = np.array([f"c{i}" for i in range(80)], dtype=object)
    rng = np.random.default_rng(7)
    column = only(compare({"c": names[rng.integers(0, 80, 5_000)]}, {"c": names[rng.integers(0, 80, 300)]}))
    assert column.value("jensen_shannon") > 0.1
    assert column.state is State.NOT_ENOUGH_DATA
    assert "by chance once in 100 times" in column.sentence


def test_a_side_without_values_is_not_enough_data():
    column = only(compare({"x": BEFORE}, {"x": np.full(100, None, dtype=object)}))
    assert (column.state, column.kind) == (State.NOT_ENOUGH_DATA, Kind.NUMERIC)
    assert column.sentence == "no values in the current data"
    assert column.measurements == ()


def test_columns_of_one_side_and_of_another_kind_have_states_of_their_own():
    report = compare({"gone": BEFORE, "code": BEFORE}, {"code": CARRIERS, "new": AGAIN})
    assert [(c.name, c.state) for c in report.columns] == [
        ("gone", State.GONE),
        ("code", State.KIND_CHANGED),
        ("new", State.NEW),
    ]
    assert report.state is State.DRIFTED
    assert report.drifted == ()
    assert report.sentence == "missing from the current data: gone; of another kind than before: code"


def test_without_thresholds_nothing_is_judged():
    report = compare({"x": BEFORE}, {"x": SHIFTED}, Thresholds(numeric={}, categorical={}))
    assert only(report).state is State.NOT_JUDGED
    assert report.sentence == "nothing was judged"


def test_p_values_alert_below_their_threshold():
    thresholds = Thresholds(numeric={"kolmogorov_smirnov_p": 0.01})
    assert only(compare({"x": BEFORE}, {"x": SHIFTED}, thresholds)).state is State.DRIFTED
    assert only(compare({"x": BEFORE}, {"x": AGAIN}, thresholds)).state is State.STABLE
    assert "is under 0.01" in only(compare({"x": BEFORE}, {"x": SHIFTED}, thresholds)).sentence


def test_codes_written_as_numbers_can_be_compared_as_text():
    codes = RNG.integers(1, 4, 1_000).astype(float)
    column = only(compare({"c": codes}, {"c": codes}, categorical=("c",)))
    assert column.kind is Kind.CATEGORICAL
    assert column.distribution.names == ("1", "2", "3")


def test_only_the_features_asked_for_are_compared_in_that_order():
    report = compare({"a": BEFORE, "b": BEFORE, "c": BEFORE}, {"a": AGAIN, "b": AGAIN}, features=["b", "a"])
    assert [column.name for column in report.columns] == ["b", "a"]


def test_an_unknown_feature_is_refused_by_name():
    with pytest.raises(ValueError, match="no column z"):
        compare({"x": BEFORE}, {"x": AGAIN}, features=["x", "z"])


def test_statistics_that_need_sorting_can_be_left_out():
    column = only(compare({"x": BEFORE}, {"x": AGAIN}, only=STATISTICS.keys() - EXACT))
    assert not {each.statistic for each in column.measurements} & EXACT
    with pytest.raises(ValueError, match="no statistic ks"):
        compare({"x": BEFORE}, {"x": AGAIN}, only=["ks"])


def test_a_constant_column_is_stable_and_a_changed_constant_has_drifted():
    assert only(compare({"x": np.ones(100)}, {"x": np.ones(100)})).state is State.STABLE
    assert only(compare({"x": np.ones(100)}, {"x": np.zeros(100)})).state is State.DRIFTED
    same = np.full(100, "a", dtype=object)
    assert only(compare({"c": same}, {"c": same})).value("chi_square_p") == 1.0


def test_a_report_is_json_with_the_definition_of_every_number():
    holes = np.where(np.arange(2_000) % 3 == 0, np.nan, SHIFTED)
    report = compare(
        {"x": BEFORE, "c": CARRIERS, "gone": BEFORE, "empty": BEFORE},
        {"x": holes, "c": CARRIERS, "empty": np.full(3, np.nan)},
    )
    document = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert document["drifted"] == ["x"]
    assert document["thresholds"] == {
        "numeric": {"normalized_wasserstein": 0.1},
        "categorical": {"jensen_shannon": 0.1},
        "minimumRows": 30,
    }
    named = {each["name"] for column in document["columns"] for each in column["statistics"]}
    assert named == set(document["definitions"])
    assert [column["state"] for column in document["columns"]] == [
        "drifted",
        "stable",
        "gone",
        "not enough data",
    ]


@given(st.permutations(range(40)), st.permutations(range(40)))
def test_the_order_of_rows_does_not_matter(first, second):
    reference = {"x": BEFORE[:40], "c": CARRIERS[:40]}
    current = {"x": SHIFTED[:40], "c": CARRIERS[40:80]}
    expected = compare(reference, current)
    shuffled = compare(
        {k: v[first] for k, v in reference.items()}, {k: v[second] for k, v in current.items()}
    )
    for one, other in zip(expected.columns, shuffled.columns, strict=True):
        assert one.state is other.state
        for a, b in zip(one.measurements, other.measurements, strict=True):
            assert a.value == pytest.approx(b.value, rel=1e-12)


@given(st.lists(st.floats() | st.none(), max_size=80), st.lists(st.floats() | st.none(), max_size=80))
def test_whatever_the_numbers_there_is_a_state_and_no_nan(first, second):
    sides = [np.array([np.nan if v is None else v for v in side], dtype=float) for side in (first, second)]
    report = compare({"x": sides[0]}, {"x": sides[1]})
    json.dumps(report.as_dict(), allow_nan=False)
    assert report.state in State


# --- Thresholds


def test_the_thresholds_of_a_model_file_judge_one_kind_each():
    thresholds = Thresholds.from_spec({"normalized_wasserstein": 0.2, "jensen_shannon": 0.3})
    assert thresholds == Thresholds({"normalized_wasserstein": 0.2}, {"jensen_shannon": 0.3})


def test_a_threshold_of_both_kinds_alone_judges_both():
    thresholds = Thresholds.from_spec({"population_stability_index": 0.25})
    assert thresholds.numeric == thresholds.categorical == {"population_stability_index": 0.25}


def test_the_thresholds_of_azures_api_are_understood_however_they_are_written():
    thresholds = Thresholds.from_azure(
        [
            {"dataType": "Numerical", "metric": "NormalizedWassersteinDistance", "threshold": {"value": 0.2}},
            {"dataType": "numerical", "metric": "two_sample_kolmogorov_smirnov_test", "threshold": None},
            {"dataType": "Categorical", "metric": "JensenShannonDistance"},
        ]
    )
    assert thresholds.numeric == {"normalized_wasserstein": 0.2, "kolmogorov_smirnov_p": 0.05}
    assert thresholds.categorical == {"jensen_shannon": 0.1}
    with pytest.raises(ValueError, match="NullValueRate"):
        Thresholds.from_azure([{"dataType": "Numerical", "metric": "NullValueRate"}])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Thresholds(numeric={"chi_square": 1}), "no statistic 'chi_square' of numeric"),
        (lambda: Thresholds.from_spec({"wasserstien": 1}), "no statistic 'wasserstien'"),
    ],
)
def test_a_threshold_for_a_statistic_that_does_not_exist_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
