"""Data, environments and model versions with the real MLClient: made once, found again, continued after a kill."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from workspace_world import data_inputs, environment_inputs

from ml import lineage, model, registration, training
from ml.client import AzureMLError
from ml.data_files import DataFilesProvider
from ml.environment import EnvironmentProvider
from ml.model import ModelProvider

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("azure_shell")


def jobs(world, prefix="tiny-"):
    return sorted(job.name for job in world.door.client.jobs.list() if job.name.startswith(prefix))


def test_data_files_are_sent_once_and_read_back(world, trained):
    provider = world.provider(DataFilesProvider)
    inputs = data_inputs(world, trained.folder)
    blob = world.door.container(world.lake_account, world.lake_container).get_blob_client(
        "numbers/1/numbers.csv"
    )
    before = blob.get_blob_properties()
    assert before.metadata == {"sha256": lineage.content(trained.folder / "data/numbers.csv")}
    made = provider.create(inputs)
    assert made.id == "numbers/1/"
    assert blob.get_blob_properties().etag == before.etag
    assert provider.diff(made.id, provider.read(made.id, made.outs).outs, inputs).changes is False


def test_other_content_under_a_data_version_is_refused_with_the_remedy(world, trained, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/numbers.csv").write_text("number\n7\n")
    with pytest.raises(AzureMLError, match=r"numbers:1 has other files already .*write a new data\.version"):
        world.provider(DataFilesProvider).create(data_inputs(world, tmp_path))


def test_files_that_went_missing_show_after_a_refresh_and_are_sent_again(world, trained):
    provider = world.provider(DataFilesProvider)
    (trained.folder / "data/more.csv").write_text("number\n9\n")
    inputs = data_inputs(world, trained.folder, version="2")
    made = provider.create(inputs)
    container = world.door.container(world.lake_account, world.lake_container)
    container.delete_blob("numbers/2/more.csv")
    read = provider.read(made.id, made.outs)
    assert provider.diff(made.id, read.outs, inputs).changes is True
    assert provider.check(read.inputs, inputs).failures == []
    updated = provider.update(made.id, read.outs, inputs)
    assert provider.read(made.id, updated.outs).outs["files"] == inputs["files"]
    for name in inputs["files"]:
        container.delete_blob(f"numbers/2/{name}")
    assert provider.read(made.id, made.outs).id == ""
    (trained.folder / "data/more.csv").unlink()


def test_an_environment_version_is_found_again_and_archived_not_deleted(world, trained):
    provider = world.provider(EnvironmentProvider)
    inputs = environment_inputs(world, trained.folder)
    made = provider.create(inputs)
    assert made.outs["reference"] == trained.environment
    assert provider.diff(made.id, provider.read(made.id, made.outs).outs, inputs).changes is False
    other = {**inputs, "name": "other"}
    made = provider.create(other)
    provider.delete(made.id, made.outs)
    provider.delete(made.id, made.outs)
    environments = world.door.client.environments
    assert list(environments.list("other")) == []
    assert environments.get("other", inputs["version"]).image == "base:1"
    assert provider.create(other).id == made.id
    assert [one.version for one in environments.list("other")] == [inputs["version"]]


def test_a_version_is_trained_and_registered_with_what_it_comes_from(world, trained):
    assert trained.outs["version"] == "1"
    assert trained.outs["metrics"] == {"mean": 2.0, "count": 3.0}
    assert trained.outs["origin"] == "trained by job tiny-aaaaaaaaaaaa-1"
    registered = world.door.client.models.get("tiny", "1")
    assert registered.tags == {
        "Incarnation": trained.outs["incarnation"],
        "GateVerdict": "passed without a champion",
        "Champion": "none",
        "ModelCard": "model_card.md",
        "Framework": "none",
        "GitCommit": "0" * 40,
        "TargetEnvironment": "test",
        "DataLineageVersion": "numbers:1",
        "Lineage": "a" * 64,
        "TrainingJob": "tiny-aaaaaaaaaaaa-1",
        "mean": "2",
        "count": "3",
        "team": "ml",
    }
    reference = world.door.client.data.get("tiny-reference", "a" * 12)
    assert reference.path.rstrip("/").endswith("azureml/tiny-aaaaaaaaaaaa-1/reference")
    job = world.door.client.jobs.get("tiny-aaaaaaaaaaaa-1")
    assert (job.tags["Lineage"], job.experiment_name) == ("a" * 64, "tiny")


def test_the_same_lineage_is_not_trained_again(world, trained):
    before = jobs(world)
    again = world.provider(ModelProvider).create(trained.inputs)
    assert (again.id, again.outs["origin"]) == ("tiny:1", "version 1 was registered already")
    changed = {"origin": "", "incarnation": ""}
    assert {**again.outs, **changed} == {**trained.outs, **changed}
    assert jobs(world) == before


def test_a_refresh_shows_no_difference_and_changed_tags_are_written(world, trained):
    provider = world.provider(ModelProvider)
    read = provider.read("tiny:1", trained.outs)
    assert provider.diff("tiny:1", read.outs, trained.inputs).changes is False
    news = {**trained.inputs, "tags": {"team": "other"}, "description": "New words."}
    updated = provider.update("tiny:1", trained.outs, news)
    found = world.door.client.models.get("tiny", "1")
    assert (found.tags["team"], found.tags["Lineage"], found.description) == ("other", "a" * 64, "New words.")
    assert provider.diff("tiny:1", provider.read("tiny:1", updated.outs).outs, news).changes is False
    provider.update("tiny:1", updated.outs, trained.inputs)


def test_an_archived_version_is_restored_instead_of_trained(world, trained):
    provider = world.provider(ModelProvider)
    before = jobs(world)
    made = provider.create(trained.inputs)
    provider.delete(made.id, made.outs)
    provider.delete(made.id, made.outs)
    assert "1" not in {one.version for one in world.door.client.models.list("tiny")}
    assert provider.create(trained.inputs).id == "tiny:1"
    assert "1" in {one.version for one in world.door.client.models.list("tiny")}
    assert jobs(world) == before


def test_a_preview_says_what_will_happen(world, trained):
    provider = world.provider(ModelProvider)

    def outlook(**changed):
        return provider.check({}, {**trained.inputs, **changed}).inputs["outlook"]

    assert outlook() == "tiny: lineage aaaaaaaaaaaa is registered as version 1: `up` will use it"
    assert outlook(lineage="b" * 64) == (
        "tiny: lineage bbbbbbbbbbbb is not registered: `up` will train it (pipeline.yml on numbers:1)"
    )
    assert "is not registered: `up` will train it" in outlook(workspace="not-there")
    olds = {**trained.inputs, "serving": "a" * 64, "outlook": "said before"}
    assert provider.check(olds, dict(trained.inputs)).inputs["outlook"] == "said before"


def test_a_failed_job_is_one_line_with_its_last_words_and_the_next_create_tries_again(world, trained):
    failing = {**trained.inputs, "lineage": "c" * 64, "parameters": {"scale": -1}}
    with pytest.raises(AzureMLError) as error:
        world.provider(ModelProvider).create(failing)
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith("tiny: training job tiny-cccccccccccc-1 ended as failed in step train: ")
    assert "the scale must not be negative" in text
    assert "az ml job stream --name tiny-cccccccccccc-1" in text
    mended = world.provider(ModelProvider).create({**failing, "parameters": {"scale": 3}})
    assert mended.outs["job"] == "tiny-cccccccccccc-2"
    assert mended.outs["metrics"]["mean"] == 6


def test_a_run_killed_while_it_trained_is_continued_by_the_next(local_azure, world, trained):
    inputs = {**trained.inputs, "lineage": "d" * 64}
    code = textwrap.dedent(f"""
        from pulumi.dynamic import Config, ConfigureRequest
        from ml.model import ModelProvider
        provider = ModelProvider()
        config = {{"azure-native:subscriptionId": {local_azure.subscription_id!r}}}
        provider.configure(ConfigureRequest(Config(config, "mlops")))
        provider.create({inputs!r})
    """)
    command = [sys.executable, "-W", "ignore", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ) as run:
        for line in run.stdout:
            if "submitted" in line:
                os.kill(run.pid, signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert "d" * 64 not in {one.tags["Lineage"] for one in world.door.client.models.list("tiny")}
    made = world.provider(ModelProvider).create(inputs)
    assert made.outs["job"] == "tiny-dddddddddddd-1"
    assert jobs(world, "tiny-dddd") == ["tiny-dddddddddddd-1"]


def test_a_run_killed_before_it_registered_the_model_uses_the_finished_job(world, trained):
    inputs = {**trained.inputs, "lineage": "e" * 64}
    assert training.run(world.door, model._plan(inputs)) == "tiny-eeeeeeeeeeee-1"
    registration.register_reference(world.door, "tiny", "e" * 64, "tiny-eeeeeeeeeeee-1")
    outlook = world.provider(ModelProvider).check({}, dict(inputs)).inputs["outlook"]
    assert outlook == "tiny: job tiny-eeeeeeeeeeee-1 has trained lineage eeeeeeeeeeee: `up` will register it"
    made = world.provider(ModelProvider).create(inputs)
    assert made.outs["job"] == "tiny-eeeeeeeeeeee-1"
    assert jobs(world, "tiny-eeee") == ["tiny-eeeeeeeeeeee-1"]
