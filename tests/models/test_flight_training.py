"""The pipeline: run as its YAML says, on real flights."""

import csv
import gzip
import json
import re
import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from flight_steps import MODEL, StepError, run

from ml import spec
from ml.drift import Kind, State, compare
from ml.drift.table import read_csv
from models.flight_delay.src import features


def month(flights, number):
    return pd.read_csv(flights / f"2013-{number:02}.csv.gz")


def test_the_model_is_better_than_the_departure_delay_alone_and_than_no_model(trained):
    metrics = json.loads((trained["model"] / "metrics.json").read_text())
    assert metrics["auc"] > 0.88
    assert metrics["auc"] > metrics["baseline_auc"]
    assert metrics["accuracy"] > metrics["baseline_accuracy"] + 0.1
    assert metrics["brier"] < 0.1
    assert 13_000 < metrics["rows"] < 14_000
    assert {"f1", "auc_EWR", "auc_JFK", "auc_LGA"} < metrics.keys()


def test_metrics_are_numbers_by_name(trained):
    metrics = json.loads((trained["model"] / "metrics.json").read_text())
    assert all(isinstance(value, float) and np.isfinite(value) for value in metrics.values())


def test_the_same_inputs_make_the_same_model(trained, sliced, tmp_path, flights):
    again = run(tmp_path, sliced)
    rows = features.from_flights(month(flights, 7).head(2_000))
    first, second = (
        joblib.load(outputs["model"] / "model.joblib").predict_proba(rows) for outputs in (trained, again)
    )
    np.testing.assert_array_equal(first, second)
    for output, name in (("model", "metrics.json"), ("reference", "reference.csv")):
        assert (trained[output] / name).read_bytes() == (again[output] / name).read_bytes()


def test_with_another_month_to_learn_from_the_one_after_it_is_judged(flights, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for number in (1, 2):
        shutil.copy(flights / f"2013-{number:02}.csv.gz", data)
    outputs = run(tmp_path / "out", data, train_months="1")
    february = month(flights, 2)["arr_delay"].notna().sum()
    assert json.loads((outputs["model"] / "metrics.json").read_text())["rows"] == february


def test_the_reference_has_the_features_as_the_endpoint_receives_them(trained):
    columns = read_csv(trained["reference"])
    assert tuple(columns) == features.FEATURES
    assert columns["departure_delay"].size == 10_000
    assert columns["carrier"].dtype == object


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda rows: [[*row[:5], *row[6:]] for row in rows], "lacks the columns dep_delay"),
        (lambda rows: rows[:500], "has 499 flights, at least 1000 were expected"),
        (lambda rows: [rows[0], *([row[0], "5", *row[2:]] for row in rows[1:])], "has flights of month 5"),
        (
            lambda rows: [*rows[:-1], [*rows[-1][:5], "99999", *rows[-1][6:]]],
            "1 values of departure_delay are outside -180 to 3000",
        ),
        (
            lambda rows: [rows[0], *([*row[:5], "", *row[6:]] for row in rows[1:])],
            "100% of departure_delay are missing, at most 20%",
        ),
        (
            lambda rows: [rows[0], *([*row[:8], "0", *row[9:]] for row in rows[1:])],
            "every flight has the same label",
        ),
    ],
)
def test_data_that_is_not_what_it_must_be_stops_the_pipeline_with_a_reason(
    sliced, tmp_path, break_it, message
):
    data = tmp_path / "data"
    shutil.copytree(sliced, data)
    file = data / "2013-04.csv.gz"
    with gzip.open(file, "rt") as opened:
        rows = list(csv.reader(opened))
    with gzip.open(file, "wt", newline="") as opened:
        csv.writer(opened).writerows(break_it(rows))
    with pytest.raises(StepError) as error:
        run(tmp_path / "out", data)
    assert message in str(error.value)
    assert "Traceback" not in str(error.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"test_months": "2-4"}, "must all come after the training months"),
        ({"train_months": "1-12"}, "no month is left to judge the model on"),
        ({"train_months": "first"}, "'first' names no months"),
        ({"test_months": "13"}, "outside 1 to 12"),
        ({"test_months": "6"}, "no file *-06.csv.gz in the data"),
    ],
)
def test_months_that_cannot_be_used_are_refused(sliced, tmp_path, parameters, message):
    with pytest.raises(StepError, match=re.escape(message)):
        run(tmp_path, sliced, **parameters)


# --- What the monitor is there for: later months differ from those the model learnt from


@pytest.mark.parametrize("number", [6, 7])
def test_the_departure_delays_of_summer_have_drifted(trained, flights, number):
    left = features.from_flights(month(flights, number)).dropna(subset=["departure_delay"])
    report = compare(read_csv(trained["reference"]), {name: left[name].to_numpy() for name in left})
    column = next(each for each in report.columns if each.name == "departure_delay")
    assert column.state is State.DRIFTED
    assert column.value("normalized_wasserstein") > 0.2
    assert "origin" not in report.drifted


def test_the_months_the_model_learnt_from_have_not_drifted(trained, flights):
    first = pd.concat([month(flights, number) for number in (1, 2, 3)])
    left = features.from_flights(first[first["arr_delay"].notna()])
    report = compare(read_csv(trained["reference"]), {name: left[name].to_numpy() for name in left})
    assert report.state is State.STABLE
    assert len(report.columns) == len(features.FEATURES)


def test_summer_brings_destinations_the_model_has_never_seen(trained, flights):
    left = features.from_flights(month(flights, 7))
    report = compare(
        read_csv(trained["reference"]),
        {"destination": left["destination"].to_numpy()},
        features=["destination"],
    )
    assert report.columns[0].value("new_categories") > 0


# --- The files around it agree with the code


@pytest.fixture(scope="module")
def model_file(flights, tmp_path_factory):
    """The model's folder with the data in its place."""
    folder = tmp_path_factory.mktemp("model") / "flight_delay"
    shutil.copytree(MODEL, folder, ignore=shutil.ignore_patterns("data", "data.part-*", "__pycache__"))
    (folder / "data").symlink_to(flights)
    return folder


def test_the_monitor_watches_every_feature_as_what_it_is(model_file, trained):
    watched = spec.load(model_file).monitor.features
    assert watched.numeric == tuple(features.NUMERIC)
    assert watched.categorical == features.CATEGORICAL
    reference = read_csv(trained["reference"])
    kinds = {column.name: column.kind for column in compare(reference, reference).columns}
    assert {name for name, kind in kinds.items() if kind is Kind.NUMERIC} == set(watched.numeric)


def test_the_parameters_of_the_model_are_the_defaults_of_its_pipeline(model_file):
    pipeline = yaml.safe_load((MODEL / "pipeline.yml").read_text())
    parameters = spec.load(model_file).training.parameters
    assert parameters == {name: pipeline["inputs"][name] for name in parameters}


def test_every_package_of_the_environment_is_pinned():
    conda = yaml.safe_load((MODEL / "environment.yml").read_text())
    *_, packages = conda["dependencies"]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", package) for package in packages["pip"])


def test_the_pipeline_is_one_that_azure_ml_accepts():
    from azure.ai.ml import load_job

    job = load_job(MODEL / "pipeline.yml")
    result = job._validate()
    assert result.passed, result.error_messages
    assert list(job.jobs) == ["prepare", "train", "evaluate", "gate"]
    assert set(job.outputs) == {"model", "reference"}
