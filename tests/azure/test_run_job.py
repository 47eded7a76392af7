"""Jobs through ``MLClient``, as a user submits them."""

import io
import json
import threading
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from azure.ai.ml import MLClient, command, load_job
from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import Environment, Model
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError

# What these tests set up costs seconds: one worker does it, once.

PIPELINE = """\
type: pipeline
experiment_name: letters
settings: {default_compute: azureml:serverless}
inputs:
  data: {type: uri_folder, path: data}
  times: 3
outputs:
  model: {type: uri_folder}
jobs:
  prepare:
    type: command
    component: ./prepare.yml
    inputs:
      data: ${{parent.inputs.data}}
      times: ${{parent.inputs.times}}
  count:
    type: command
    code: src
    environment: azureml:plain@latest
    command: python count.py ${{inputs.rows}} ${{outputs.numbers}}
    inputs:
      rows: ${{parent.jobs.prepare.outputs.rows}}
    outputs:
      numbers: {type: uri_file}
  train:
    type: command
    code: src
    environment: azureml:plain@latest
    command: python train.py ${{inputs.rows}} ${{inputs.numbers}} ${{outputs.model}}
    environment_variables: {GREETING: hello}
    inputs:
      rows: ${{parent.jobs.prepare.outputs.rows}}
      numbers: ${{parent.jobs.count.outputs.numbers}}
    outputs:
      model: ${{parent.outputs.model}}
"""
PREPARE = """\
type: command
name: prepare
version: "1"
code: src
environment: azureml:plain@latest
command: >-
  python prepare.py ${{inputs.data}} ${{inputs.times}} ${{outputs.rows}} $[[--mark ${{inputs.mark}}]]
inputs:
  data: {type: uri_folder}
  times: {type: integer, default: 9}
  mark: {type: string, optional: true}
outputs:
  rows: {type: uri_folder}
"""
#: A pipeline within a pipeline: what is made inside is read and handed on outside.
OUTER = """\
type: pipeline
experiment_name: nested
settings: {default_compute: azureml:serverless, continue_on_step_failure: true}
inputs:
  data: {type: uri_folder, path: data}
  status: 0
outputs:
  total: {type: uri_file}
jobs:
  counted:
    type: pipeline
    component: ./inner.yml
    inputs: {data: "${{parent.inputs.data}}", often: 4}
    outputs: {numbers: "${{parent.outputs.total}}"}
  said:
    type: command
    environment: azureml:plain@latest
    command: test "$(cat ${{inputs.numbers}})" = 8 && cat ${{inputs.rows}}/rows.txt
    inputs:
      numbers: {path: "${{parent.jobs.counted.outputs.numbers}}", type: uri_file}
      rows: ${{parent.jobs.counted.outputs.rows}}
  last:
    type: command
    environment: azureml:plain@latest
    command: exit ${{inputs.status}}
    inputs: {status: "${{parent.inputs.status}}"}
"""
INNER = """\
type: pipeline
name: counting
version: "1"
inputs:
  data: {type: uri_folder}
  often: {type: integer, default: 2}
outputs:
  rows: {type: uri_folder}
  numbers: {type: uri_file}
jobs:
  repeat:
    type: command
    component: ./prepare.yml
    inputs: {data: "${{parent.inputs.data}}", times: "${{parent.inputs.often}}"}
    outputs: {rows: "${{parent.outputs.rows}}"}
  count:
    type: command
    code: src
    environment: azureml:plain@latest
    command: python count.py ${{inputs.rows}} ${{outputs.numbers}}
    inputs: {rows: "${{parent.jobs.repeat.outputs.rows}}"}
    outputs: {numbers: "${{parent.outputs.numbers}}"}
"""
SOURCES = {
    "prepare.py": """\
import pathlib, sys
data, times, rows = sys.argv[1:]
text = pathlib.Path(data, "letters.txt").read_text() * int(times)
pathlib.Path(rows, "rows.txt").write_text(text)
""",
    "count.py": """\
import pathlib, sys
pathlib.Path(sys.argv[2]).write_text(str(len(pathlib.Path(sys.argv[1], "rows.txt").read_text())))
""",
    "train.py": """\
import json, os, pathlib, sys
rows, numbers, model = map(pathlib.Path, sys.argv[1:])
print("training in", pathlib.Path.cwd().name)
pathlib.Path("outputs").mkdir()
pathlib.Path("outputs/notes.txt").write_text("noted")
told = {name: os.environ.get(name) for name in ("AZUREML_ROOT_RUN_ID", "AZUREML_EXPERIMENT_NAME", "GREETING")}
(model / "model.json").write_text(json.dumps({"rows": (rows / "rows.txt").read_text(), "n": numbers.read_text(), **told}))
""",
}


@pytest.fixture(scope="module")
def plain(ml_client: MLClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment with Python and nothing else."""
    conda = tmp_path_factory.mktemp("conda") / "conda.yml"
    conda.write_text("dependencies:\n- python=3.11\n")
    image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    made = ml_client.environments.create_or_update(Environment(name="plain", image=image, conda_file=conda))
    return f"azureml:{made.name}:{made.version}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline's file and what it names."""
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "src").mkdir()
    (folder / "data").mkdir()
    (folder / "data" / "letters.txt").write_text("ab")
    for name, text in SOURCES.items():
        (folder / "src" / name).write_text(text)
    (folder / "prepare.yml").write_text(PREPARE)
    (folder / "pipeline.yml").write_text(PIPELINE)
    (folder / "outer.yml").write_text(OUTER)
    (folder / "inner.yml").write_text(INNER)
    return folder


@pytest.fixture(scope="module")
def finished(ml_client: MLClient, plain: str, folder: Path):
    """The pipeline, submitted from its file and run to its end, and what streaming it printed."""
    submitted = ml_client.jobs.create_or_update(load_job(folder / "pipeline.yml"))
    streamed = io.StringIO()
    with redirect_stdout(streamed):
        ml_client.jobs.stream(submitted.name)
    return submitted.name, streamed.getvalue()


def ended(ml_client: MLClient, name: str, status: str) -> None:
    """Follows a job to its end, without its output."""
    with redirect_stdout(io.StringIO()):
        if status == "Failed":
            with pytest.raises(JobException):
                ml_client.jobs.stream(name)
        else:
            ml_client.jobs.stream(name)
    assert ml_client.jobs.get(name).status == status


def test_a_pipeline_from_a_file_runs_all_its_steps(ml_client: MLClient, finished):
    name, streamed = finished
    job = ml_client.jobs.get(name)
    assert job.status == "Completed"
    assert f"RunId: {name}" in streamed
    children = list(ml_client.jobs.list(parent_job_name=name))
    assert [child.display_name for child in children] == ["prepare", "count", "train"]
    assert {child.status for child in children} == {"Completed"}
    assert ml_client.jobs.get(children[0].name).status == "Completed"


def test_what_steps_hand_on_arrives_and_the_output_can_be_downloaded(
    ml_client: MLClient, finished, tmp_path: Path
):
    name, _ = finished
    ml_client.jobs.download(name, download_path=tmp_path, output_name="model")
    model = json.loads((tmp_path / "named-outputs" / "model" / "model.json").read_text())
    assert model == {
        "rows": "ababab",
        "n": "6",
        "AZUREML_ROOT_RUN_ID": name,
        "AZUREML_EXPERIMENT_NAME": "letters",
        "GREETING": "hello",
    }


def steps(ml_client: MLClient, folder: Path, *changes: dict) -> tuple[str, dict[str, str], dict[str, str]]:
    """Runs the pipeline with changes: its name, its steps' runs, and the runs that steps were reused from."""
    name = ml_client.jobs.create_or_update(
        load_job(folder / "pipeline.yml", params_override=[{"experiment_name": "again"}, *changes])
    ).name
    wait = threading.Event()
    while (status := ml_client.jobs.get(name).status) not in ("Completed", "Failed"):
        wait.wait(0.05)
    assert status == "Completed"
    children = list(ml_client.jobs.list(parent_job_name=name))
    assert {child.status for child in children} == {"Completed"}
    return (
        name,
        {child.display_name: child.name for child in children},
        {
            child.display_name: child.properties["azureml.reusedrunid"]
            for child in children
            if child.properties.get("azureml.isreused") == "true"
        },
    )


def test_steps_whose_inputs_are_the_same_are_reused_with_their_outputs_and_logs(
    ml_client: MLClient, finished, folder: Path, tmp_path: Path
):
    first = {child.display_name: child.name for child in ml_client.jobs.list(parent_job_name=finished[0])}
    name, runs, reused = steps(ml_client, folder)
    assert reused == first
    # What is reused twice is the run that ran.
    assert steps(ml_client, folder)[2] == first
    ml_client.jobs.download(name, download_path=tmp_path, output_name="model")
    assert '"n": "6"' in (tmp_path / "named-outputs" / "model" / "model.json").read_text()
    ml_client.jobs.download(runs["train"], download_path=tmp_path)
    assert (tmp_path / "artifacts" / "user_logs" / "std_log.txt").read_text() == "training in code\n"
    train = ml_client.jobs.get(runs["train"])
    assert train.properties["azureml.reusedpipelinerunid"] == finished[0]


def test_a_step_runs_again_where_its_settings_are_others_and_reads_what_was_reused(
    ml_client: MLClient, finished, folder: Path, tmp_path: Path
):
    change = {"jobs.train.environment_variables": {"GREETING": "good morning"}}
    name, _, reused = steps(ml_client, folder, change)
    assert set(reused) == {"prepare", "count"}
    ml_client.jobs.download(name, download_path=tmp_path, output_name="model")
    model = json.loads((tmp_path / "named-outputs" / "model" / "model.json").read_text())
    assert (model["GREETING"], model["n"], model["rows"]) == ("good morning", "6", "ababab")


@pytest.mark.parametrize(
    "change", [{"inputs.times": 2}, {"settings.force_rerun": True}], ids=["another input", "forced"]
)
def test_steps_run_again_where_an_input_is_another_or_the_pipeline_is_forced(
    ml_client: MLClient, finished, folder: Path, change: dict
):
    _, runs, reused = steps(ml_client, folder, change)
    assert not reused
    # What was forced is reused by nobody.
    assert not set(steps(ml_client, folder)[2].values()) & set(runs.values())


def test_a_step_whose_outputs_were_deleted_runs_again_and_so_does_what_reads_them(
    ml_client: MLClient, finished, folder: Path, local_azure
):
    deleted = steps(ml_client, folder)[2]["count"]
    store = ml_client.datastores.get("workspaceblobstore")
    container = f"https://{store.account_name}.blob.core.windows.net/{store.container_name}"
    url = f"{container}/azureml/{deleted}/numbers"
    headers = {
        "Authorization": f"Bearer {local_azure.token('https://storage.azure.com/.default')}",
        "x-ms-version": "2023-11-03",
    }
    assert local_azure.session.delete(url, headers=headers, timeout=30).status_code == 202
    assert set(steps(ml_client, folder)[2]) == {"prepare"}
    assert set(steps(ml_client, folder)[2]) == {"prepare", "count", "train"}


def test_logs_and_artifacts_of_a_step_can_be_downloaded(ml_client: MLClient, finished, tmp_path: Path):
    name, _ = finished
    train = next(
        child for child in ml_client.jobs.list(parent_job_name=name) if child.display_name == "train"
    )
    ml_client.jobs.download(train.name, download_path=tmp_path)
    assert (tmp_path / "artifacts" / "user_logs" / "std_log.txt").read_text() == "training in code\n"
    assert (tmp_path / "artifacts" / "outputs" / "notes.txt").read_text() == "noted"


def test_a_model_is_registered_from_the_output_of_a_job(ml_client: MLClient, finished, tmp_path: Path):
    name, _ = finished
    path = f"azureml://jobs/{name}/outputs/model"
    model = ml_client.models.create_or_update(Model(name="letters", path=path, type="custom_model"))
    ml_client.models.download(model.name, model.version, download_path=tmp_path)
    assert [file.name for file in tmp_path.rglob("*.json")] == ["model.json"]


def test_a_job_is_found_in_lists_until_it_is_archived(ml_client: MLClient, finished):
    name, _ = finished
    assert [job.name for job in ml_client.jobs.list() if job.experiment_name == "letters"] == [name]
    ml_client.jobs.archive(name)
    assert name not in [job.name for job in ml_client.jobs.list()]
    assert name in [job.name for job in ml_client.jobs.list(list_view_type=ListViewType.ARCHIVED_ONLY)]
    ml_client.jobs.restore(name)
    assert name in [job.name for job in ml_client.jobs.list()]


def test_tags_of_a_job_are_merged(ml_client: MLClient, finished):
    name, _ = finished
    ml_client.jobs.update(name, tags={"first": "1"})
    assert ml_client.jobs.update(name, tags={"second": "2"}).tags == {"first": "1", "second": "2"}


def test_a_command_that_fails_fails_its_job_with_its_last_lines(ml_client: MLClient, plain: str):
    failing = command(command="echo so far so good; echo no such luck >&2; exit 3", environment=plain)
    name = ml_client.jobs.create_or_update(failing).name
    with redirect_stdout(io.StringIO()), pytest.raises(JobException, match=r"exit code 3(.|\n)*no such luck"):
        ml_client.jobs.stream(name)
    assert ml_client.jobs.get(name).status == "Failed"


def test_a_job_whose_environment_needs_conda_packages_fails_and_names_them(
    ml_client: MLClient, tmp_path: Path
):
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies: [python=3.11, cudatoolkit=11]\n")
    environment = Environment(name="cuda", image="ubuntu", conda_file=conda)
    name = ml_client.jobs.create_or_update(command(command="true", environment=environment)).name
    with redirect_stdout(io.StringIO()), pytest.raises(JobException, match="cudatoolkit"):
        ml_client.jobs.stream(name)


def test_a_canceled_job_ends_its_process(ml_client: MLClient, plain: str, local_azure):
    name = ml_client.jobs.create_or_update(command(command="echo $$; exec sleep 600", environment=plain)).name
    log = local_azure.dir.logs / f"job-{name}.log"
    wait = threading.Event()
    while not (log.exists() and log.read_text().strip()):
        wait.wait(0.05)
    pid = int(log.read_text().strip())
    assert ml_client.jobs.get(name).status == "Running"
    with pytest.raises(HttpResponseError, match="cancel it first"):
        ml_client.jobs.begin_delete(name).result()
    ml_client.jobs.begin_cancel(name).result()
    assert ml_client.jobs.get(name).status == "Canceled"
    assert not Path(f"/proc/{pid}").exists()
    ml_client.jobs.begin_delete(name).result()
    assert name not in [job.name for job in ml_client.jobs.list()]


def test_a_sweep_with_bayesian_sampling_is_refused(ml_client: MLClient, plain: str):
    from azure.ai.ml.sweep import Choice

    trial = command(command="echo ${{inputs.rate}}", environment=plain, inputs={"rate": 1})
    sweep = trial(rate=Choice([1, 2])).sweep(
        primary_metric="m", goal="maximize", sampling_algorithm="bayesian", compute="x"
    )
    with pytest.raises(
        HttpResponseError, match="sampling 'Bayesian' is not supported by local Azure"
    ) as refusal:
        ml_client.jobs.create_or_update(sweep)
    assert refusal.value.status_code == 501


def test_a_pipeline_may_be_a_step_of_another_one(
    ml_client: MLClient, plain: str, folder: Path, tmp_path: Path
):
    name = ml_client.jobs.create_or_update(load_job(folder / "outer.yml")).name
    ended(ml_client, name, "Completed")
    children = {one.display_name: one for one in ml_client.jobs.list(parent_job_name=name)}
    assert set(children) == {"counted", "said", "last"}
    inside = list(ml_client.jobs.list(parent_job_name=children["counted"].name))
    assert [one.display_name for one in inside] == ["repeat", "count"]
    assert {one.status for one in [*children.values(), *inside]} == {"Completed"}
    ml_client.jobs.download(name, download_path=tmp_path, output_name="total")
    (total,) = [path for path in (tmp_path / "named-outputs").rglob("*") if path.is_file()]
    assert total.read_text() == "8"
    ml_client.jobs.download(children["said"].name, download_path=tmp_path)
    assert (tmp_path / "artifacts" / "user_logs" / "std_log.txt").read_text() == "abababab"


def test_what_does_not_wait_for_a_step_that_failed_runs_if_the_pipeline_says_so(
    ml_client: MLClient, plain: str, folder: Path
):
    changes = [{"inputs.status": 5}, {"settings.force_rerun": True}]
    name = ml_client.jobs.create_or_update(load_job(folder / "outer.yml", params_override=changes)).name
    ended(ml_client, name, "Failed")
    children = {one.display_name: one.status for one in ml_client.jobs.list(parent_job_name=name)}
    assert children == {"counted": "Completed", "said": "Completed", "last": "Failed"}
