"""The training job: what is written over the pipeline's file, and what the job is called."""

from pathlib import Path

import tiny_model
import yaml

from ml import training

PLAN = training.Plan(
    model="tiny",
    lineage="0123456789abcdef" * 4,
    pipeline=Path("pipeline.yml"),
    data="azureml:numbers:1",
    environment="azureml:tiny:abc",
    compute="cpu",
    parameters={"scale": 2, "months": "1-3"},
    tags={"Lineage": "0123"},
)


def flat(overrides):
    return {key: value for one in overrides for key, value in one.items()}


def test_a_job_is_named_after_model_lineage_and_attempt():
    assert training.job_name("tiny", PLAN.lineage, 2) == "tiny-0123456789ab-2"


def test_data_parameters_compute_environment_tags_and_output_places_are_written_over_the_file():
    written = flat(training.overrides(PLAN, "job-1", tiny_model.PIPELINE["jobs"]))
    assert written["name"] == "job-1"
    assert written["inputs.data"] == {"type": "uri_folder", "path": "azureml:numbers:1"}
    assert (written["inputs.scale"], written["inputs.months"]) == (2, "1-3")
    assert written["settings.default_compute"] == "azureml:cpu"
    assert written["tags"] == {"Lineage": "0123"}
    assert written["jobs.prepare.environment"] == written["jobs.train.environment"] == "azureml:tiny:abc"
    assert (
        written["outputs.model"]["path"]
        == "azureml://datastores/workspaceblobstore/paths/azureml/job-1/model/"
    )


def test_steps_with_a_component_get_the_environment_in_it_and_registered_ones_none():
    steps = {"inline": {"component": {"command": "x"}}, "registered": {"component": "azureml:c:1"}}
    written = flat(training.overrides(PLAN, "job-1", steps))
    assert written["jobs.inline.component.environment"] == "azureml:tiny:abc"
    assert not any(key.startswith("jobs.registered") for key in written)


def test_azure_ai_ml_reads_the_pipeline_with_what_is_written_over_it(tmp_path):
    from azure.ai.ml import load_job

    folder = tiny_model.write(tmp_path)
    steps = yaml.safe_load((folder / "pipeline.yml").read_text())["jobs"]
    plan = {**vars(PLAN), "parameters": {"scale": 2}}
    overrides = training.overrides(training.Plan(**plan), "job-1", steps)
    job = load_job(folder / "pipeline.yml", params_override=overrides)
    assert job.name == "job-1"
    assert job.inputs["scale"]._data == 2
    assert {step.component.environment for step in job.jobs.values()} == {"tiny:abc"}
    assert job.settings.default_compute == "cpu"
    assert job.outputs["reference"].path.endswith("/azureml/job-1/reference/")
