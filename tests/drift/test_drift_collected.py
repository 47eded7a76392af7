"""A workspace's monitors, reported on from outside: the command in a process of its own, against local Azure."""

import doctest
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure.ai.ml import Input, MLClient
from azure.ai.ml.entities import (
    BaselineDataRange,
    CategoricalDriftMetrics,
    Data,
    DataDriftMetricThreshold,
    DataDriftSignal,
    MonitorDefinition,
    MonitorSchedule,
    NumericalDriftMetrics,
    ProductionData,
    RecurrenceTrigger,
    ReferenceData,
    ServerlessSparkCompute,
)
from azure.identity import EnvironmentCredential

from ml import collected
from ml.drift import Thresholds

REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = 400
CLIENT = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
SIGN_IN = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")


def hour(folder, time, shift):
    """An hour of collected data whose column ``delay`` is moved by ``shift``."""
    file = folder / f"{time:%Y/%m/%d/%H}" / "instance.jsonl"
    file.parent.mkdir(parents=True)
    rows = [{"delay": i % 50 + shift, "carrier": "AB"[i % 2], "code": i % 3, "seat": i} for i in range(ROWS)]
    event = {"id": f"{time:%H%d}", "time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "data": rows}
    file.write_text(json.dumps(event) + "\n")


@pytest.fixture(scope="module")
def environ(local_azure, empty_workspace):
    return local_azure.env | {
        "AZURE_SUBSCRIPTION_ID": local_azure.subscription_id,
        "AZURE_RESOURCE_GROUP": empty_workspace.resource_group,
        "AZURE_WORKSPACE_NAME": empty_workspace.name,
    }


@pytest.fixture(scope="module")
def monitors(environ, empty_workspace, tmp_path_factory):
    """Two monitors: ``drifted`` (a shift in the last day, none the days before) and ``silent`` (nothing came in)."""
    folder = tmp_path_factory.mktemp("monitors")
    (folder / "reference").mkdir()
    rows = "".join(f"{i % 50},{'AB'[i % 2]},{i % 3}\n" for i in range(ROWS))
    (folder / "reference/reference.csv").write_text(f"delay,carrier,code\n{rows}")
    now = datetime.now(UTC)
    hour(folder / "drifted", now - timedelta(hours=1), shift=30)
    hour(folder / "drifted", now - timedelta(days=3), shift=0)
    hour(folder / "silent", now - timedelta(days=3), shift=0)
    with pytest.MonkeyPatch.context() as patch:
        for name in (*CLIENT, *SIGN_IN):
            patch.setenv(name, environ[name])
        client = MLClient(
            EnvironmentCredential(),
            environ["AZURE_SUBSCRIPTION_ID"],
            empty_workspace.resource_group,
            empty_workspace.name,
        )
        for name in ("reference", "drifted", "silent"):
            client.data.create_or_update(
                Data(name=f"collected-{name}", version="1", path=folder / name, type="uri_folder")
            )
        for name in ("drifted", "silent"):
            client.schedules.begin_create_or_update(monitor(name)).result()


def monitor(name):
    signal = DataDriftSignal(
        reference_data=ReferenceData(
            input_data=Input(type="uri_folder", path="azureml:collected-reference:1"), data_context="training"
        ),
        production_data=ProductionData(
            input_data=Input(type="uri_folder", path=f"azureml:collected-{name}:1"),
            data_context="model_inputs",
            data_window=BaselineDataRange(lookback_window_size="P1D", lookback_window_offset="P0D"),
        ),
        features=["delay", "carrier", "code"],
        feature_type_override={"code": "categorical"},
        metric_thresholds=DataDriftMetricThreshold(
            numerical=NumericalDriftMetrics(normalized_wasserstein_distance=0.2),
            categorical=CategoricalDriftMetrics(jensen_shannon_distance=0.3),
        ),
    )
    definition = MonitorDefinition(
        compute=ServerlessSparkCompute(instance_type="standard_e4s_v3", runtime_version="3.4"),
        monitoring_signals={"inputs": signal},
    )
    return MonitorSchedule(
        name=name, trigger=RecurrenceTrigger(frequency="day", interval=1), create_monitor=definition
    )


def report(environ, *arguments, cwd=REPOSITORY):
    return subprocess.run(
        [sys.executable, "-m", "ml.drift", "report", *arguments],
        cwd=cwd,
        env=environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("monitors")
def test_every_monitor_is_reported_on_with_its_own_window_features_and_thresholds(environ):
    done = report(environ, "--json")
    assert done.returncode == 0, done.stderr
    found = {each["title"]: each for each in json.loads(done.stdout)}
    assert found.keys() == {"drifted", "silent"}
    drifted = found["drifted"]
    assert drifted["drifted"] == ["delay"]
    assert (drifted["referenceRows"], drifted["currentRows"]) == (ROWS, ROWS)  # of the last day alone
    assert [(c["name"], c["kind"]) for c in drifted["columns"]] == [
        ("delay", "numeric"),
        ("carrier", "categorical"),
        ("code", "categorical"),
    ]
    assert drifted["thresholds"]["numeric"] == {"normalized_wasserstein": 0.2}
    assert drifted["thresholds"]["categorical"] == {"jensen_shannon": 0.3}
    assert found["silent"]["state"] == "not enough data"


@pytest.mark.usefixtures("monitors")
def test_a_longer_look_back_makes_pages_with_plots_and_an_exit_code(environ, tmp_path):
    done = report(environ, "--days", "7", "--fail-on-drift", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "drifted: 400 reference rows, 800 current rows" in done.stdout
    pages = sorted(tmp_path.glob("drift-*.html"))
    assert [page.name for page in pages] == ["drift-1.html", "drift-2.html"]
    assert all('class="plot"' in page.read_text() for page in pages)


def test_a_workspace_that_is_not_there_is_one_line(environ):
    done = report(environ | {"AZURE_WORKSPACE_NAME": "mlw-nowhere"})
    assert done.returncode == 2
    assert done.stderr.startswith("ml.drift: monitors: ")
    assert done.stderr.count("\n") == 1


def test_a_schedule_that_runs_a_job_compares_nothing():
    assert list(collected.comparisons(SimpleNamespace(name="nightly", create_job=object()))) == []


def test_a_monitor_of_several_signals_has_a_title_for_each_and_keeps_azures_defaults():
    schedule = monitor("m")
    schedule.create_monitor.monitoring_signals["again"] = schedule.create_monitor.monitoring_signals["inputs"]
    first, second = collected.comparisons(schedule)
    assert (first.title, second.title) == ("m: inputs", "m: again")
    assert first.window == timedelta(days=1)
    assert first.thresholds == Thresholds({"normalized_wasserstein": 0.2}, {"jensen_shannon": 0.3})


def test_a_duration_that_is_none_is_refused():
    with pytest.raises(collected.CollectedError, match="'a week' is no duration"):
        collected.duration("a week")


def test_the_examples_in_docstrings_are_true():
    result = doctest.testmod(collected)
    assert result.attempted > 0
    assert result.failed == 0
