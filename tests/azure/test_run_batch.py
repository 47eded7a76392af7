"""Batch scoring through ``MLClient``: what is invoked, how files become mini-batches, what comes out, what fails."""

import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from azure.ai.ml import Input, MLClient, Output, load_component
from azure.ai.ml.constants._endpoint import EndpointInvokeFields
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    BatchRetrySettings,
    CodeConfiguration,
    CommandComponent,
    Data,
    Environment,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
    PipelineComponentBatchDeployment,
    ResourceConfiguration,
)
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from running_azure import LocalAzure, unique

from local.azure.machine_learning import batch_driver

#: Says for each file who scored it, with which others, and how; the file's first line can ask for trouble.
SCRIPT = """\
import os, pathlib, sys, time

def init():
    global factor
    if os.environ.get("BROKEN"):
        raise RuntimeError("the model is not here")
    factor = int(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.txt")).read_text())
    print("loaded", factor)

def run(mini_batch):
    lines = []
    for name in mini_batch:
        path = pathlib.Path(name)
        order, *numbers = path.read_text().split()
        tries = pathlib.Path(f"{path.name}.tries")
        tries.write_text(tries.read_text() + "." if tries.exists() else ".")
        if order == "raise" or (order == "raise-once" and tries.read_text() == "."):
            raise ValueError(f"{path.name} can't be scored")
        if order == "exit":
            os._exit(3)
        if order == "sleep" and tries.read_text() == ".":
            time.sleep(60)
        if order == "drop":
            continue
        lines += [f"{path.name},{len(mini_batch)},{os.getpid()},{int(n) * factor}" for n in numbers]
    return lines
"""


class Batch:
    """An endpoint with deployments, ready to be invoked."""

    def __init__(self, client: MLClient, endpoint: str, folder: Path) -> None:
        self.client, self.endpoint, self.folder = client, endpoint, folder

    def files(self, **orders: str) -> Path:
        """A folder of files, by name without ``.txt``."""
        folder = self.folder / unique("data-")
        folder.mkdir()
        for name, text in orders.items():
            (folder / f"{name}.txt").write_text(text)
        return folder

    def invoke(self, path: Path | str, *, deployment: str | None = None, kind: str = "uri_folder", **given):
        """Starts a job."""
        # azure-ai-ml 1.35 keeps the deployment of one call for the next ones.
        EndpointInvokeFields.DEFAULT_HEADER.pop(EndpointInvokeFields.MODEL_DEPLOYMENT, None)
        return self.client.batch_endpoints.invoke(
            self.endpoint, input=Input(type=kind, path=str(path)), deployment_name=deployment, **given
        )

    def ended(self, job: str) -> str:
        """A job's status, once it has ended."""
        deadline = time.monotonic() + 60
        while (status := self.client.jobs.get(job).status) not in ("Completed", "Failed", "Canceled"):
            assert time.monotonic() < deadline, f"{job} is still {status}"
            time.sleep(0.05)
        return status

    def lines(self, job: str) -> list[list[str]]:
        """What a job wrote, once it has ended well; fields by commas."""
        assert self.ended(job) == "Completed"
        target = self.folder / job
        self.client.jobs.download(job, download_path=target, output_name="score")
        (file,) = (target / "named-outputs" / "score").iterdir()
        return [line.split(",") for line in file.read_text().splitlines()]

    def log(self, job: str, name: str = "user_logs/std_log.txt") -> str:
        """What the logs of the step that scored say, by name or pattern."""
        (child,) = self.client.jobs.list(parent_job_name=job)
        target = self.folder / unique("log-")
        self.client.jobs.download(child.name, download_path=target)
        return "".join(path.read_text() for path in (target / "artifacts").glob(name))


@pytest.fixture(scope="module")
def batch(ml_client: MLClient, tmp_path_factory: pytest.TempPathFactory) -> Batch:
    folder = tmp_path_factory.mktemp("batch")
    (folder / "model").mkdir()
    (folder / "model" / "factor.txt").write_text("10")
    (folder / "code").mkdir()
    (folder / "code" / "batch.py").write_text(SCRIPT)
    conda = folder / "conda.yml"
    conda.write_text("dependencies:\n- python=3.11\n")
    environment = Environment(name="plain", image="mcr.microsoft.com/azureml/base:1", conda_file=conda)
    made = ml_client.environments.create_or_update(environment)
    model = ml_client.models.create_or_update(
        Model(name="factor", path=str(folder / "model"), type="custom_model")
    )
    cluster = AmlCompute(name="scoring", size="Standard_DS3_v2", max_instances=2)
    ml_client.compute.begin_create_or_update(cluster).result()
    endpoint = BatchEndpoint(name=unique("score-"))
    ml_client.batch_endpoints.begin_create_or_update(endpoint).result()

    def deploy(name: str, variables: dict[str, str] | None = None, **settings) -> None:
        deployment = ModelBatchDeployment(
            name=name,
            endpoint_name=endpoint.name,
            model=f"azureml:{model.name}:{model.version}",
            environment=f"azureml:{made.name}:{made.version}",
            compute="scoring",
            code_configuration=CodeConfiguration(code=str(folder / "code"), scoring_script="batch.py"),
            resources=ResourceConfiguration(instance_count=2),
            settings=ModelBatchDeploymentSettings(
                **{
                    "mini_batch_size": 2,
                    "output_file_name": "predictions.csv",
                    "error_threshold": 0,
                    "retry_settings": BatchRetrySettings(max_retries=1, timeout=30),
                    "environment_variables": variables or {},
                    **settings,
                }
            ),
        )
        ml_client.batch_deployments.begin_create_or_update(deployment).result()

    deploy("strict")
    deploy("lenient", error_threshold=1, retry_settings=BatchRetrySettings(max_retries=1, timeout=2))
    deploy("summary", output_action="summary_only", output_file_name=None)
    deploy("broken", {"BROKEN": "yes"})
    endpoint.defaults = {"deployment_name": "strict"}
    ml_client.batch_endpoints.begin_create_or_update(endpoint).result()
    return Batch(ml_client, endpoint.name, folder)


def test_a_folder_is_scored_in_mini_batches_into_one_file(batch: Batch):
    folder = batch.files(**{f"f{number}": f"ok {number} {number}" for number in range(5)})
    job = batch.invoke(folder)
    found = batch.lines(job.name)
    assert Counter((name, value) for name, _, _, value in found) == {
        (f"f{number}.txt", str(number * 10)): 2 for number in range(5)
    }
    # Files in order, two at a time; the last is alone.
    assert {name: size for name, size, _, _ in found} == {f"f{n}.txt": "2" for n in range(4)} | {
        "f4.txt": "1"
    }
    assert len({process for _, _, process, _ in found}) <= 2
    log = batch.log(job.name)
    assert "5 files in 3 mini-batches of 2" in log
    assert "Scored 5 of 5 files: 10 rows." in log
    assert "loaded 10" in batch.log(job.name, "logs/user/stdout/0/*.txt")


def test_a_job_is_listed_with_its_endpoint_and_deployment(batch: Batch):
    job = batch.invoke(batch.files(a="ok 1"), job_name=unique("named-"), experiment_name="nightly")
    assert job.name.startswith("named-")
    assert batch.lines(job.name)[0][-1] == "10"
    shown = {one.name: one for one in batch.client.batch_endpoints.list_jobs(batch.endpoint)}
    assert shown[job.name].status == "Completed"
    assert shown[job.name].type.endswith("/batchEndpoints/jobs")
    deployed = batch.client.batch_deployments
    assert job.name in {one.name for one in deployed.list_jobs(batch.endpoint, name="strict")}
    assert job.name not in {one.name for one in deployed.list_jobs(batch.endpoint, name="summary")}
    found = batch.client.jobs.get(job.name)
    assert (found.experiment_name, found.tags["azureml.deploymentname"]) == ("nightly", "strict")
    (child,) = batch.client.jobs.list(parent_job_name=job.name)
    assert child.display_name == "batchscoring"


def test_one_file_a_data_asset_and_a_place_of_ones_own_for_the_rows(batch: Batch):
    folder = batch.files(a="ok 1", b="ok 2")
    (data,) = [
        batch.client.data.create_or_update(Data(name=unique("d"), path=str(folder), type="uri_folder"))
    ]
    place = f"azureml://datastores/workspaceblobstore/paths/{unique('mine-')}"
    jobs = [
        batch.invoke(folder / "b.txt", kind="uri_file"),
        batch.invoke(
            data.id,
            outputs={"score": Output(type="uri_file", path=f"{place}/rows.csv")},
            params_override=[{"mini_batch_size": 1}],
        ),
    ]
    one, two = (batch.lines(job.name) for job in jobs)
    assert [(name, size) for name, size, _, _ in one] == [("b.txt", "1")]
    assert sorted((name, size) for name, size, _, _ in two) == [("a.txt", "1"), ("b.txt", "1")]
    (target,) = (batch.folder / jobs[1].name).rglob("rows.csv")
    assert target.name == "rows.csv"
    assert batch.client.jobs.get(jobs[1].name).outputs["score"].path == f"{place}/"


@pytest.mark.parametrize("by_id", [True, False])
def test_the_place_and_size_of_a_job_can_be_overridden_as_the_documentation_does(batch: Batch, by_id: bool):
    store = batch.client.datastores.get("workspaceblobstore")
    folder = unique("mine-")
    job = batch.invoke(
        batch.files(a="ok 1", b="ok 2", c="ok 3"),
        params_override=[
            {"mini_batch_size": "3"},
            {"compute.instance_count": "1"},
            {"output_dataset.datastore_id": f"azureml:{store.id if by_id else store.name}"},
            {"output_dataset.path": folder},
            {"output_file_name": "rows.txt"},
        ],
    )
    assert [size for _, size, _, _ in batch.lines(job.name)] == ["3", "3", "3"]
    assert (batch.folder / job.name / "named-outputs" / "score" / "rows.txt").is_file()
    assert "3 files in 1 mini-batches of 3, 1 workers" in batch.log(job.name)
    place = batch.client.jobs.get(job.name).outputs["score"].path
    assert place == f"azureml://datastores/workspaceblobstore/paths/{folder}/"


def test_a_cancelled_job_ends_with_its_processes(batch: Batch, local_azure: LocalAzure):
    job = batch.invoke(batch.files(a="sleep 1"), deployment="strict")
    code = local_azure.dir.jobs / job.name / "batchscoring" / "code"
    deadline = time.monotonic() + 30
    while not (code / "a.txt.tries").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    batch.client.jobs.begin_cancel(job.name).result()
    assert batch.ended(job.name) == "Canceled"
    (child,) = batch.client.jobs.list(parent_job_name=job.name)
    assert child.status == "Canceled"
    assert not [one for one in psutil.process_iter(["cwd"]) if str(code) in (one.info["cwd"] or "")]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            pd.DataFrame({"file": ["a.csv", "my file.csv"], "p": [0.5, None], "late": [True, False]}),
            (2, 'a.csv 0.5 True\n"my file.csv"  False\n'),
        ),
        (["a.csv,1", "b.csv,2"], (2, "a.csv,1\nb.csv,2\n")),
        ([["a.csv", 1]], (1, "['a.csv', 1]\n")),
        (np.array([1, 2]), (2, "1\n2\n")),
        ([], (0, "")),
    ],
)
def test_results_become_lines_as_azure_writes_them(result, expected: tuple[int, str]):
    assert batch_driver.rows(result) == expected


@pytest.mark.parametrize("result", [None, "text", {"a": 1}, 3])
def test_a_result_that_is_no_list_is_refused(result):
    with pytest.raises(TypeError, match="it must return a list or a pandas DataFrame"):
        batch_driver.rows(result)


def test_a_file_that_fails_is_tried_again_and_then_fails_the_job(batch: Batch):
    job = batch.invoke(batch.files(a="raise 1", b="ok 2"), params_override=[{"mini_batch_size": 1}])
    assert batch.ended(job.name) == "Failed"
    log = batch.log(job.name)
    assert "Mini-batch 1 (a.txt) failed, attempt 1 of 2: ValueError: a.txt can't be scored" in log
    assert "The error threshold was exceeded: 1 files failed, error_threshold is 0." in log
    assert "a.txt can't be scored" in batch.log(job.name, "logs/user/error.txt")
    assert batch.client.batch_endpoints.list_jobs(batch.endpoint)[0].status == "Failed"


@pytest.mark.parametrize("trouble", ["raise-once", "sleep"])
def test_what_works_when_tried_again_is_no_failure(batch: Batch, trouble: str):
    job = batch.invoke(batch.files(a=f"{trouble} 1", b="ok 2"), deployment="lenient")
    assert sorted(value for *_, value in batch.lines(job.name)) == ["10", "20"]


@pytest.mark.parametrize("trouble", ["raise", "exit", "drop"])
def test_files_that_fail_are_left_out_up_to_the_threshold(batch: Batch, trouble: str):
    folder = batch.files(a=f"{trouble} 1", b="ok 2", c="ok 3")
    job = batch.invoke(folder, deployment="lenient", params_override=[{"mini_batch_size": 1}])
    assert sorted(value for *_, value in batch.lines(job.name)) == ["20", "30"]
    assert "Scored 2 of 3 files: 2 rows." in batch.log(job.name)


def test_a_script_that_writes_its_own_files_has_no_rows_kept(batch: Batch):
    job = batch.invoke(batch.files(a="ok 1"), deployment="summary")
    assert batch.ended(job.name) == "Completed"
    assert "Scored 1 of 1 files: 1 rows." in batch.log(job.name)
    target = batch.folder / "summary"
    batch.client.jobs.download(job.name, download_path=target, output_name="score")
    assert not [path for path in target.rglob("*") if path.is_file()]


def test_a_script_that_does_not_start_fails_the_job_with_its_words(batch: Batch, capsys):
    job = batch.invoke(batch.files(a="ok 1"), deployment="broken")
    with pytest.raises(JobException, match="the model is not here"):
        batch.client.jobs.stream(job.name)
    assert "Step batchscoring starts" in capsys.readouterr().out


def test_a_request_that_is_sent_again_starts_one_job(batch: Batch, local_azure: LocalAzure):
    place = "azureml://datastores/workspaceblobstore/paths/none/"
    body = {"properties": {"InputData": {"data": {"JobInputType": "UriFolder", "Uri": place}}}}
    uri = batch.client.batch_endpoints.get(batch.endpoint).scoring_uri
    headers = {
        "Authorization": f"Bearer {local_azure.token('https://ml.azure.com/.default')}",
        "repeatability_request-id": unique(),
    }
    answers = [local_azure.session.post(uri, json=body, headers=headers, timeout=60) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["name"] for answer in answers}) == 1
    one = local_azure.session.get(f"{uri}/{answers[0].json()['name']}", headers=headers, timeout=60)
    assert one.json()["name"] == answers[0].json()["name"]
    # There is nothing to score at that place.
    assert batch.ended(one.json()["name"]) == "Failed"


def test_a_token_for_something_else_starts_no_job(batch: Batch, local_azure: LocalAzure):
    uri = batch.client.batch_endpoints.get(batch.endpoint).scoring_uri
    status, _, refused = local_azure.arm("POST", uri, {}, api_version="2025-12-01")
    assert (status, refused["error"]["code"]) == (401, "InvalidAuthenticationTokenAudience")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"params_override": [{"mini_batch_size": 0}]}, "miniBatchSize must be 1 or more"),
        ({"params_override": [{"output_file_name": "a/b"}]}, "it must be a file's name"),
        ({"job_name": "../up"}, "is no name of a job"),
    ],
)
def test_what_is_wrong_with_an_invocation_is_said_before_anything_runs(batch: Batch, given: dict, said: str):
    before = len(batch.client.batch_endpoints.list_jobs(batch.endpoint))
    with pytest.raises(HttpResponseError, match=re.escape(said)):
        batch.invoke("azureml://datastores/workspaceblobstore/paths/x/", **given)
    assert len(batch.client.batch_endpoints.list_jobs(batch.endpoint)) == before


def test_an_endpoint_without_a_default_deployment_says_so(batch: Batch):
    endpoint = BatchEndpoint(name=unique("empty-"))
    batch.client.batch_endpoints.begin_create_or_update(endpoint).result()
    with pytest.raises(ResourceNotFoundError, match="no default deployment"):
        Batch(batch.client, endpoint.name, batch.folder).invoke(
            "azureml://datastores/workspaceblobstore/paths/x/"
        )


COPIES = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json
type: pipeline
name: copies
version: "1"
inputs:
  data: {type: uri_folder}
  times: {type: integer, default: 1}
outputs:
  copied: {type: uri_folder}
jobs:
  copy:
    type: command
    environment: azureml:plain@latest
    command: >-
      for n in $(seq ${{inputs.times}}); do cat ${{inputs.data}}/*.txt >> ${{outputs.copied}}/all.txt; done
    inputs: {data: "${{parent.inputs.data}}", times: "${{parent.inputs.times}}"}
    outputs: {copied: "${{parent.outputs.copied}}"}
"""


@pytest.fixture(scope="module")
def piped(batch: Batch) -> Batch:
    """A deployment of a pipeline."""
    path = batch.folder / "copies.yml"
    path.write_text(COPIES)
    component = batch.client.components.create_or_update(load_component(path))
    deployment = PipelineComponentBatchDeployment(
        name="pipe",
        endpoint_name=batch.endpoint,
        component=component.id,
        settings={"default_compute": "scoring", "continue_on_step_failure": False},
    )
    batch.client.batch_deployments.begin_create_or_update(deployment).result()
    return batch


def test_a_pipeline_is_deployed_and_invoked_with_inputs_of_its_own(piped: Batch):
    kept = piped.client.batch_deployments.get("pipe", piped.endpoint)
    assert kept.properties["deployment_configuration_type"] == "PipelineComponent"
    assert kept.properties["default_compute"] == "scoring"
    folder = piped.files(a="ok 1")

    def invoked(**inputs: Input) -> str:
        EndpointInvokeFields.DEFAULT_HEADER.pop(EndpointInvokeFields.MODEL_DEPLOYMENT, None)
        job = piped.client.batch_endpoints.invoke(
            piped.endpoint,
            deployment_name="pipe",
            inputs={"data": Input(type="uri_folder", path=str(folder)), **inputs},
        )
        assert piped.ended(job.name) == "Completed"
        target = piped.folder / job.name
        piped.client.jobs.download(job.name, download_path=target, output_name="copied")
        (file,) = (path for path in target.rglob("all.txt"))
        (child,) = piped.client.jobs.list(parent_job_name=job.name)
        assert (child.display_name, child.status) == ("copy", "Completed")
        assert job.name in {one.name for one in piped.client.batch_endpoints.list_jobs(piped.endpoint)}
        return file.read_text()

    assert invoked() == "ok 1"
    assert invoked(times=Input(type="integer", default=3)) == "ok 1" * 3


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, r"no value for its input 'data' \(uri_folder\)"),
        ({"what": Input(type="integer", default=3)}, "has no input 'what'; it has data, times"),
    ],
)
def test_an_invocation_of_a_pipeline_says_what_is_wrong_with_its_inputs(
    piped: Batch, inputs: dict[str, Input], said: str
):
    EndpointInvokeFields.DEFAULT_HEADER.pop(EndpointInvokeFields.MODEL_DEPLOYMENT, None)
    with pytest.raises(HttpResponseError, match=said):
        piped.client.batch_endpoints.invoke(piped.endpoint, deployment_name="pipe", inputs=inputs)


def test_a_component_that_is_no_pipeline_is_no_deployment(piped: Batch):
    environment = piped.client.environments.get("plain", label="latest").id
    made = piped.client.components.create_or_update(
        CommandComponent(name="single", version="1", command="true", environment=environment)
    )
    wrong = PipelineComponentBatchDeployment(name="no-pipe", endpoint_name=piped.endpoint, component=made.id)
    with pytest.raises(HttpResponseError, match="it must be a pipeline"):
        piped.client.batch_deployments.begin_create_or_update(wrong).result()
