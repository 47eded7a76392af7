"""Sweeps: what trials get, which are stopped, and one that runs through ``MLClient``."""

from __future__ import annotations

import json
import threading
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, MLClient, Output, command, dsl
from azure.ai.ml.entities import Environment
from azure.ai.ml.sweep import BanditPolicy, Choice
from running_azure import LocalAzure, unique

from local.azure.errors import ArmError
from local.azure.machine_learning import sweep

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workspace

TRIAL = """\
import json, os, sys, time, urllib.request
base = os.environ["MLFLOW_TRACKING_URI"].replace("azureml:", "https:")
body = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "loss", "value": abs(float(sys.argv[1]) - 2), "timestamp": 1}
request = urllib.request.Request(f"{base}/api/2.0/mlflow/runs/log-metric", json.dumps(body).encode())
request.add_header("Authorization", "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"])
request.add_header("Content-Type", "application/json")
urllib.request.urlopen(request).read()
if float(sys.argv[1]) > 4:
    time.sleep(60)  # unless it is stopped
open(os.path.join(sys.argv[2], "said.txt"), "w").write(sys.argv[1])
"""


def space(sampling: str, limit: int, **distributions: Any) -> dict[str, Any]:
    return {
        "searchSpace": distributions,
        "samplingAlgorithm": {"samplingAlgorithmType": sampling, "seed": 7},
        "limits": {"maxTotalTrials": limit},
    }


def test_a_grid_is_all_combinations_up_to_the_limit() -> None:
    given = space("Grid", 3, a=["choice", [[1, 2]]], b=["choice", [["x", "y"]]])
    assert list(sweep.samples(given, "s")) == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}]


def test_random_values_are_within_their_distributions_and_the_same_for_a_seed() -> None:
    given = space(
        "Random",
        50,
        a=["uniform", [1, 2]],
        b=["quniform", [0, 10, 5]],
        c=["randint", [3]],
        d=["loguniform", [-3, 0]],
    )
    drawn = list(sweep.samples(given, "s"))
    assert drawn == list(sweep.samples(given, "another name"))
    assert all(1 <= one["a"] <= 2 and 0.04 < one["d"] <= 1 for one in drawn)
    assert ({one["b"] for one in drawn}, {one["c"] for one in drawn}) == ({0, 5, 10}, {0, 1, 2})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (space("Bayesian", 1, a=["uniform", [0, 1]]), "not supported"),
        (space("Grid", 1, a=["uniform", [0, 1]]), "takes choices only"),
        (space("Random", 1, a=["fair dice", [6]]), "is no distribution"),
        (space("Random", 1, a=["choice", [[{"b": 1}]]]), "not supported"),
        (space("Random", 1), "no search space"),
    ],
)
def test_a_space_that_cannot_be_sampled_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArmError, match=said):
        list(islice(sweep.samples(given, "s"), 1))


BANDIT = {"policyType": "Bandit", "slackFactor": 0.1}
MEDIAN = {"policyType": "MedianStopping"}
TRUNCATION = {"policyType": "TruncationSelection", "truncationPercentage": 50}


@pytest.mark.parametrize(
    ("policy", "own", "others", "maximize", "expected"),
    [
        (BANDIT, [0.8], [[0.88]], True, False),
        (BANDIT, [0.79], [[0.88]], True, True),
        (BANDIT, [1.2], [[1.0]], False, True),
        (BANDIT, [1.05], [[1.0]], False, False),
        ({"policyType": "Bandit", "slackAmount": 0.2}, [0.7], [[0.95]], True, True),
        # The best is that of the same interval, not what came later.
        (BANDIT, [0.5], [[0.5, 0.9]], True, False),
        ({**BANDIT, "delayEvaluation": 2}, [0.1], [[0.9]], True, False),
        ({**BANDIT, "delayEvaluation": 2}, [0.1, 0.1], [[0.9, 0.9]], True, True),
        ({**BANDIT, "evaluationInterval": 2}, [0.1], [[0.9]], True, False),
        (MEDIAN, [0.2, 0.3], [[0.2, 0.6], [0.4, 0.6], [0.1, 0.1]], True, True),
        (MEDIAN, [0.2, 0.5], [[0.2, 0.6], [0.4, 0.6], [0.1, 0.1]], True, False),
        # Its own average is one of those that the median is of.
        (MEDIAN, [0.1, 0.4], [[0.6, 0.4], [0.1, 0.1]], True, False),
        (TRUNCATION, [0.1], [[0.2], [0.3], [0.4]], True, True),
        (TRUNCATION, [0.3], [[0.1], [0.2], [0.4]], True, False),
        ({}, [0.1], [[0.9]], True, False),
    ],
)
def test_a_policy_stops_a_trial(
    policy: dict[str, Any], own: list[float], others: list[list[float]], *, maximize: bool, expected: bool
) -> None:
    assert sweep.stops(policy, own, others, maximize=maximize) is expected


def test_a_sweep_runs_its_trials_and_has_the_outputs_of_the_best(ml_client: MLClient, tmp_path: Path) -> None:
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies: [python=3.11]\n")
    ml_client.environments.create_or_update(
        Environment(name="swept", version="1", image="ubuntu", conda_file=conda)
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "trial.py").write_text(TRIAL)
    trial = command(
        command="python trial.py ${{inputs.rate}} ${{outputs.said}}",
        code=tmp_path / "src",
        environment="azureml:swept:1",
        inputs={"rate": 0},
        outputs={"said": {"type": "uri_folder"}},
        compute="serverless",
    )
    job = trial(rate=Choice([1, 2, 5])).sweep(
        sampling_algorithm="grid", primary_metric="loss", goal="minimize"
    )
    job.early_termination = BanditPolicy(slack_amount=1, evaluation_interval=1)
    job.set_limits(max_total_trials=3, max_concurrent_trials=2)
    name = ml_client.jobs.create_or_update(job).name
    ml_client.jobs.stream(name)
    found = ml_client.jobs.get(name)
    assert (found.status, found.type) == ("Completed", "sweep")
    assert found.properties["best_child_run_id"] == f"{name}_1"
    children = {child.name for child in ml_client.jobs.list(parent_job_name=name)}
    assert children == {f"{name}_{number}" for number in range(3)}
    # Three away from the goal, where one is within the slack.
    assert ml_client.jobs.get(f"{name}_2").status == "Canceled"
    assert ml_client.jobs.get(f"{name}_0").status == "Completed"
    ml_client.jobs.download(name, download_path=tmp_path, output_name="said")
    assert next(tmp_path.rglob("said.txt")).read_text() == "2"
    assert json.loads(found.properties["score"]) == 0


def test_a_sweep_that_is_cancelled_cancels_its_trials(ml_client: MLClient) -> None:
    trial = command(
        command="echo ${{inputs.rate}}; sleep 60",
        environment="azureml:swept:1",
        inputs={"rate": 0},
        compute="serverless",
    )
    job = trial(rate=Choice([1, 2])).sweep(sampling_algorithm="grid", primary_metric="loss", goal="minimize")
    job.set_limits(max_total_trials=2, max_concurrent_trials=2)
    name = ml_client.jobs.create_or_update(job).name
    deadline = time.monotonic() + 60
    while "Running" not in {child.status for child in ml_client.jobs.list(parent_job_name=name)}:
        assert time.monotonic() < deadline
    ml_client.jobs.begin_cancel(name).result()
    assert ml_client.jobs.get(name).status == "Canceled"
    assert {child.status for child in ml_client.jobs.list(parent_job_name=name)} == {"Canceled"}


@pytest.mark.parametrize(
    ("limits", "trials"),
    [
        ({"trialTimeout": "PT2S"}, {"Failed", "Completed"}),
        # The second one waits for the first, and has no time left.
        ({"timeout": "PT3S", "maxConcurrentTrials": 1}, {"Completed", "Canceled"}),
    ],
    ids=["of a trial", "of all"],
)
def test_a_sweep_keeps_to_its_times(
    ml_client: MLClient,
    local_azure: LocalAzure,
    workspace: Workspace,
    limits: dict[str, Any],
    trials: set[str],
) -> None:
    # Through ARM: azure-ai-ml makes a minute of each part of one. Three away from 2 sleeps for a minute.
    properties: dict[str, Any] = {
        "jobType": "Sweep",
        "experimentName": "times",
        "searchSpace": {"rate": ["choice", [[2, 5]]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Grid"},
        "objective": {"primaryMetric": "loss", "goal": "Minimize"},
        "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 2, "maxConcurrentTrials": 2, **limits},
        "trial": {
            "command": 'python -c "$SCRIPT" ${{search_space.rate}} .',
            "environmentId": "azureml:swept:1",
            "environmentVariables": {"SCRIPT": TRIAL},
        },
    }
    name = unique("times-")
    path = f"{workspace.id}/jobs/{name}"
    status, _, answer = local_azure.arm("PUT", path, {"properties": properties}, api_version="2024-10-01")
    assert status in (200, 201), answer
    wait, deadline = threading.Event(), time.monotonic() + 40
    while (found := ml_client.jobs.get(name)).status not in ("Completed", "Failed"):
        assert time.monotonic() < deadline
        wait.wait(0.05)
    assert found.status == "Completed"
    assert {child.status for child in ml_client.jobs.list(parent_job_name=name)} == trials
    assert found.properties["best_child_run_id"] == f"{name}_0"


def test_a_sweep_may_be_a_step_of_a_pipeline(ml_client: MLClient, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "trial.py").write_text(TRIAL)
    trial = command(
        name="tried",
        command="python trial.py ${{inputs.rate}} ${{outputs.said}} && echo ${{inputs.mark}} >> ${{outputs.said}}/said.txt",
        code=tmp_path / "src",
        environment="azureml:swept:1",
        inputs={"rate": Input(type="number", default=0), "mark": Input(type="string")},
        outputs={"said": Output(type="uri_folder")},
    )
    reading = command(
        name="read",
        command="cat ${{inputs.said}}/said.txt",
        environment="azureml:swept:1",
        inputs={"said": Input(type="uri_folder")},
    )

    @dsl.pipeline(default_compute="serverless")
    def tuned(mark):
        swept = trial(rate=Choice([1, 2]), mark=mark).sweep(
            sampling_algorithm="grid", primary_metric="loss", goal="minimize"
        )
        swept.set_limits(max_total_trials=2, max_concurrent_trials=2)
        reading(said=swept.outputs.said)
        return {"best": swept.outputs.said}

    name = ml_client.jobs.create_or_update(tuned(mark="chosen"), experiment_name="tuned").name
    wait, deadline = threading.Event(), time.monotonic() + 60
    while (status := ml_client.jobs.get(name).status) not in ("Completed", "Failed"):
        assert time.monotonic() < deadline
        wait.wait(0.05)
    steps = {one.display_name: one for one in ml_client.jobs.list(parent_job_name=name)}
    assert (status, {one.status for one in steps.values()}) == ("Completed", {"Completed"})
    assert steps["swept"].properties["best_child_run_id"] == f"{steps['swept'].name}_1"
    assert len(list(ml_client.jobs.list(parent_job_name=steps["swept"].name))) == 2
    ml_client.jobs.download(name, download_path=tmp_path, output_name="best")
    assert next((tmp_path / "named-outputs").rglob("said.txt")).read_text() == "2chosen\n"
    ml_client.jobs.download(steps["read"].name, download_path=tmp_path)
    log = tmp_path / "artifacts" / "user_logs" / "std_log.txt"
    assert log.read_text() == "2chosen\n"
