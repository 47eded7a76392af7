from datetime import UTC, datetime, timedelta

import pytest

from local.azure.errors import ArmError
from local.azure.machine_learning.duration import seconds
from local.azure.machine_learning.monitor_run import signals, within

NOW = datetime(2026, 1, 10, 12, 30, tzinfo=UTC)
THRESHOLD = {"dataType": "Numerical", "metric": "normalizedWassersteinDistance", "threshold": {"value": 0.1}}


def definition(**changes) -> dict:
    signal = {
        "signalType": "DataDrift",
        "referenceData": {"inputDataType": "Fixed", "uri": "azureml:reference:1"},
        "productionData": {
            "inputDataType": "Trailing",
            "uri": "azureml:inputs:1",
            "windowSize": "P1D",
            "windowOffset": "PT6H",
        },
        "features": {"filterType": "FeatureSubset", "features": ["a", "b"]},
        "metricThresholds": [THRESHOLD],
    }
    return {"signals": {"drift": {**signal, **changes}}}


def test_a_signal_is_read_with_its_window_counted_back_from_now():
    (signal,) = signals(definition(featureDataTypeOverride={"b": "Categorical", "a": "Numerical"}), NOW)
    assert signal.production.end == NOW - timedelta(hours=6)
    assert signal.production.start == NOW - timedelta(hours=30)
    assert (signal.reference.start, signal.reference.end) == (None, None)
    assert signal.features == ("a", "b")
    assert signal.categorical == ("b",)
    assert signal.thresholds == (THRESHOLD,)


@pytest.mark.parametrize(
    "changes",
    [
        {"signalType": "FeatureAttributionDrift"},
        {"features": {"filterType": "TopNByAttribution", "top": 3}},
        {"productionData": {"inputDataType": "Trailing", "uri": "x", "preprocessingComponentId": "c"}},
    ],
)
def test_what_can_not_be_judged_is_not_supported(changes: dict):
    with pytest.raises(ArmError) as refusal:
        signals(definition(**changes), NOW)
    assert refusal.value.status == 501


def test_a_monitor_without_signals_is_refused():
    with pytest.raises(ArmError, match="no signals"):
        signals({"signals": {}}, NOW)


@pytest.mark.parametrize(
    ("hour", "expected"),
    [("2026/01/09/05", False), ("2026/01/09/06", True), ("2026/01/10/06", True), ("2026/01/10/07", False)],
)
def test_hours_outside_the_window_are_left_out(hour: str, expected: bool):
    start, end = NOW - timedelta(hours=30), NOW - timedelta(hours=6)
    assert within(f"modelDataCollector/e/d/model_inputs/{hour}/x.jsonl", start, end) is expected


def test_files_without_an_hour_are_always_in_the_window():
    assert within("reference/reference.csv", NOW, NOW)


@pytest.mark.parametrize(
    ("text", "expected"), [("PT5S", 5), ("PT1M30S", 90), ("P1D", 86_400), ("PT1H", 3_600), ("PT0.5S", 0.5)]
)
def test_durations_are_read_in_seconds(text: str, expected: float):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "P", "5", "PT", "P1M"])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(ArmError):
        seconds(text)
