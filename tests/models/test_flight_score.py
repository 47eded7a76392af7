"""The scoring code, with a real model; the two packages that only an endpoint has are stood in for."""

import csv
import importlib
import json
import sys
import types

import numpy as np
import pandas as pd
import pytest
from flight_steps import MODEL

from ml import smoke
from models.flight_delay.src import features

FLIGHT = json.loads((MODEL / "smoke.json").read_text())["request"]["data"][0]


class Response:
    """As AMLResponse: a message and a status."""

    def __init__(self, message, status_code, *, json_str=False):
        assert json_str
        self.message, self.status = message, status_code


class Collector:
    """As azureml-ai-monitoring's: hands a context from inputs to outputs."""

    def __init__(self, *, name, on_error):
        self.name, self.on_error, self.collected = name, on_error, []

    def collect(self, data, context=None):
        if not isinstance(data, pd.DataFrame):
            raise TypeError
        self.collected.append((data, context))
        return context or f"context-{len(self.collected)}"


@pytest.fixture
def score(trained, monkeypatch):
    for name, content in (
        ("azureml.ai.monitoring", {"Collector": Collector}),
        ("azureml_inference_server_http.api.aml_response", {"AMLResponse": Response}),
    ):
        parts = name.split(".")
        for i in range(1, len(parts) + 1):
            monkeypatch.setitem(sys.modules, ".".join(parts[:i]), types.ModuleType(parts[i - 1]))
        vars(sys.modules[name]).update(content)
    # Where it runs, the code's folder is on the path.
    monkeypatch.syspath_prepend(MODEL / "src")
    # Azure ML mounts a registered folder somewhere below the model's folder.
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(trained["model"].parent))
    module = importlib.import_module("score")
    module.init()
    yield module
    for name in ("score", "batch", "features"):
        sys.modules.pop(name, None)


def ask(score, *rows):
    return score.run(json.dumps({"data": rows}))


def test_the_smoke_test_is_passed(score):
    test = smoke.read(MODEL / "smoke.json")
    answer = json.loads(json.dumps(score.run(json.dumps(test.request))))
    assert smoke.mismatch(answer, test.answer) is None


def test_a_later_departure_makes_a_late_arrival_more_likely(score):
    answers = ask(score, *(FLIGHT | {"departure_delay": delay} for delay in (-5, 15, 60)))
    probabilities = [answer["probability"] for answer in answers]
    assert probabilities == sorted(probabilities)
    assert [answer["late"] for answer in answers] == [p >= 0.5 for p in probabilities]


def test_a_carrier_and_a_destination_never_seen_are_scored(score):
    (answer,) = ask(score, FLIGHT | {"carrier": "ZZ", "destination": "XXX"})
    assert 0 <= answer["probability"] <= 1


def test_missing_values_are_scored(score):
    (answer,) = ask(score, dict.fromkeys(FLIGHT))
    assert 0 <= answer["probability"] <= 1


def test_what_came_in_and_what_went_out_is_collected_and_belongs_together(score):
    ask(score, FLIGHT, FLIGHT | {"carrier": None, "departure_delay": None})
    ((inputs, _),) = score._state["model_inputs"].collected
    ((outputs, context),) = score._state["model_outputs"].collected
    assert tuple(inputs.columns) == features.FEATURES
    assert context == "context-1"
    assert list(outputs.columns) == ["probability", "late"]
    # As the collector writes it.
    first, second = json.loads(inputs.to_json(orient="records"))
    assert first == FLIGHT
    assert (second["carrier"], second["departure_delay"]) == (None, None)


def test_a_failing_collector_does_not_raise(score):
    assert score._state["model_inputs"].on_error(RuntimeError("queue is full")) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "the body isn't JSON"),
        ("[]", 'send {"data":'),
        ('{"data": []}', "at least one flight"),
        ('{"data": [1]}', "data[0] is no object"),
        (json.dumps({"data": [FLIGHT, FLIGHT | {"gate": 1}]}), "data[1] has unknown gate"),
        (json.dumps({"data": [{k: v for k, v in FLIGHT.items() if k != "origin"}]}), "data[0] lacks origin"),
        (json.dumps({"data": [FLIGHT | {"distance": "far"}]}), "data[0].distance is 'far'; send a number"),
        (json.dumps({"data": [FLIGHT | {"distance": True}]}), "data[0].distance is True; send a number"),
        (
            json.dumps({"data": [FLIGHT | {"distance": float("nan")}]}),
            "data[0].distance is nan; send a number",
        ),
        (json.dumps({"data": [FLIGHT | {"scheduled_hour": 24}]}), "send 0 to 23, or null"),
        (json.dumps({"data": [FLIGHT | {"carrier": 7}]}), "data[0].carrier is 7; send text or null"),
    ],
)
def test_a_request_that_cannot_be_scored_is_answered_400_with_the_remedy(score, body, message):
    answer = score.run(body)
    assert isinstance(answer, Response)
    assert answer.status == 400
    assert message in answer.message["error"]
    assert score._state["model_inputs"].collected == []


def test_training_and_scoring_see_the_same_features(flights):
    reported = pd.read_csv(flights / "2013-05.csv.gz", nrows=3_000)
    trained_on = features.from_flights(reported)
    body = {"data": json.loads(trained_on.to_json(orient="records"))}
    received = features.from_request(body)
    pd.testing.assert_frame_equal(received, trained_on[received.columns], check_dtype=False)
    assert (received["departure_delay"].isna() == reported["dep_delay"].isna()).all()


def test_features_of_a_known_flight_are_what_the_timetable_says(flights):
    first = pd.read_csv(flights / "2013-01.csv.gz", nrows=1)
    (row,) = features.from_flights(first).to_dict(orient="records")
    assert row == {
        "departure_delay": 2.0,
        "scheduled_hour": 5,
        "scheduled_minutes": 184,  # 5:15 to 8:19, local times
        "distance": 1400,
        "carrier": "UA",
        "origin": "EWR",
        "destination": "IAH",
    }
    assert features.late(pd.DataFrame({"arr_delay": [15, 16, np.nan]})).tolist()[:2] == [False, True]


def test_a_batch_of_files_is_scored_row_by_row_with_the_same_answers(score, flights, tmp_path, monkeypatch):
    reported = pd.read_csv(flights / "2013-05.csv.gz", nrows=50)
    reported.to_csv(tmp_path / "flights.csv", index=False)
    rows = features.from_flights(reported)
    rows.to_csv(tmp_path / "features.csv", index=False)
    batch = importlib.import_module("batch")
    batch.init()
    lines = batch.run([str(tmp_path / "flights.csv"), str(tmp_path / "features.csv")])
    scored = pd.DataFrame(csv.reader(lines), columns=["file", "row", "probability", "late"])
    expected = score.predict(score._state["model"], rows)
    assert scored["probability"].astype(float).tolist() == expected["probability"].tolist() * 2
    assert scored["late"].tolist() == [str(late) for late in expected["late"]] * 2
    assert scored["file"].tolist() == ["flights.csv"] * 50 + ["features.csv"] * 50
    assert scored["row"].astype(int).tolist() == [*range(50)] * 2
    (tmp_path / "other.csv").write_text("x\n1\n")
    with pytest.raises(ValueError, match=r"other.csv lacks the columns departure_delay"):
        batch.run([str(tmp_path / "other.csv")])
