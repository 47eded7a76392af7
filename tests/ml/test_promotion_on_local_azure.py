"""What the gate lets through is registered, what a retraining makes is served: with the real MLClient."""

import re

import pytest
import tiny_model
from workspace_world import COMPUTE

from ml import outcome, resource_manager, training
from ml.client import AzureMLError
from ml.model import ModelProvider
from ml.rollout import Phase, Rollout, encode
from ml.schedule import RetrainingScheduleProvider

API = "2024-10-01"
LINEAGE = "f1" * 32
RETRAINED = "f2" * 32
pytestmark = pytest.mark.usefixtures("azure_shell")


def versions(world, name="tiny"):
    return {str(one.version): one.tags for one in world.door.client.models.list(name)}


def with_scale(trained, lineage, scale, **changed):
    return {**trained.inputs, "lineage": lineage, "parameters": {"scale": scale}, **changed}


# --- The gate


def test_a_model_that_the_gate_refuses_is_not_registered_and_the_reason_is_one_line(world, trained):
    before = versions(world)
    with pytest.raises(AzureMLError) as error:
        world.provider(ModelProvider).create(with_scale(trained, "c1" * 32, 100))
    text = str(error.value)
    job = "tiny-c1c1c1c1c1c1-1"
    assert text.startswith(
        f"tiny: training job {job}: the gate refused the model: a scale of 100 is too large;"
    )
    shown = re.search(
        r"the whole verdict: `az storage blob download .* --container-name (\S+) --name (\S+)`;", text
    )
    log = world.door.container(world.lake_account, shown[1]).download_blob(shown[2]).readall().decode()
    assert log.strip() == "gate: refused: a scale of 100 is too large"
    assert "change the model or the criteria" in text
    assert "\n" not in text
    assert versions(world) == before


def test_a_job_that_completed_without_passing_its_gate_is_not_registered_either(world, trained):
    before = versions(world)
    refused = r"its gate has refused the model: 99 is too odd; all of it: .*verdict\.md"
    with pytest.raises(AzureMLError, match=refused):
        world.provider(ModelProvider).create(with_scale(trained, "c2" * 32, 99))
    assert versions(world) == before


def test_a_job_that_nobody_has_judged_is_not_registered(world, trained, tmp_path):
    folder = tiny_model.write(tmp_path)
    train = folder / "src/train.py"
    train.write_text(train.read_text().replace("gate.json", "other.json"))
    inputs = with_scale(trained, "c3" * 32, 1, pipeline=str(folder / "pipeline.yml"))
    with pytest.raises(AzureMLError, match=r"has no gate\.json; let gate\.py be the pipeline's last step"):
        world.provider(ModelProvider).create(inputs)


def test_production_refuses_a_version_without_a_model_card_before_it_is_registered_or_adopted(world, trained):
    before = versions(world)
    inputs = with_scale(trained, "c4" * 32, 7)
    with pytest.raises(AzureMLError) as error:
        world.provider(ModelProvider).create({**inputs, "target_environment": "prod"})
    text = str(error.value)
    assert text.startswith("tiny: what job tiny-c4c4c4c4c4c4-1 made has no model card, which prod needs:")
    assert "let the pipeline write model_card.md beside the model" in text
    assert versions(world) == before
    made = world.provider(ModelProvider).create(inputs)
    assert "ModelCard" not in versions(world)[made.outs["version"]]
    with pytest.raises(AzureMLError, match=rf"tiny: version {made.outs['version']} has no model card"):
        world.provider(ModelProvider).create({**inputs, "target_environment": "prod"})


# --- Who owns a version


def test_a_version_that_was_taken_up_again_is_not_archived_by_its_old_entry(world, trained):
    provider = world.provider(ModelProvider)
    inputs = with_scale(trained, "c5" * 32, 5)
    first = provider.create(inputs)
    second = provider.create(inputs)
    assert first.id == second.id
    provider.delete(first.id, first.outs)
    assert second.outs["version"] in versions(world)
    assert provider.diff(first.id, provider.read(first.id, first.outs).outs, inputs).changes is False
    updated = provider.update(second.id, second.outs, {**inputs, "tags": {"team": "other"}})
    provider.delete(second.id, updated.outs)
    assert second.outs["version"] not in versions(world)


# --- Retraining


@pytest.fixture(scope="module")
def schedule_inputs(world, trained, azure_shell):
    return {
        **world.place,
        "name": "tiny-retraining",
        "model": "tiny",
        "lineage": RETRAINED,
        "data": "numbers:1",
        "pipeline": trained.inputs["pipeline"],
        "parameters": {"scale": 4.0},
        "environment": trained.environment,
        "compute": COMPUTE,
        "champion": trained.outs["model_id"],
        "frequency": "week",
        "day": "monday",
        "hour": 3,
        "enabled": False,
        "description": "Trains tiny again.",
        "target_environment": "test",
        "git_commit": "1" * 40,
        "tags": {"team": "ml"},
    }


@pytest.fixture(scope="module")
def scheduled(world, schedule_inputs):
    return world.provider(RetrainingScheduleProvider).create(schedule_inputs)


def definition(world):
    path = world.door.arm_id("schedules", "tiny-retraining")
    return resource_manager.request("GET", path, api_version=API)["properties"]["action"]["jobDefinition"]


def ended(world, job):
    path = world.door.arm_id("jobs", job)

    def look():
        return resource_manager.request("GET", path, api_version=API)["properties"]

    return world.door.until(job, look, lambda seen: seen["status"] in ("Completed", "Failed"), 60)


def choice(world, trained, olds=None, **changed):
    retraining = {"lineage": RETRAINED, "parameters": {"scale": 4}, "deployment": "m-retrained"}
    given = {"lineage": LINEAGE, "retraining": retraining, "endpoint": "tiny-nowhere"}
    return world.provider(ModelProvider).check(olds or {}, {**trained.inputs, **given, **changed}).inputs


def test_a_retraining_schedule_is_off_and_reads_back_as_it_was_written(world, scheduled, schedule_inputs):
    provider = world.provider(RetrainingScheduleProvider)
    read = provider.read(scheduled.id, scheduled.outs)
    assert provider.diff(scheduled.id, read.outs, schedule_inputs).changes is False
    found = world.door.client.schedules.get("tiny-retraining")
    assert found._is_enabled is False
    assert (found.trigger.frequency.lower(), found.trigger.schedule.hours) == ("week", [3])
    assert provider.create(schedule_inputs).id == scheduled.id
    elsewhere = {**schedule_inputs, "git_commit": "2" * 40, "pipeline": "/another/checkout/pipeline.yml"}
    assert provider.diff(scheduled.id, scheduled.outs, elsewhere).changes is False
    another = {**schedule_inputs, "champion": "azureml:tiny:2"}
    assert provider.diff(scheduled.id, scheduled.outs, another).changes is True


def test_before_a_retraining_has_completed_the_models_own_lineage_is_served(world, trained, scheduled):
    seen = choice(world, trained)
    assert seen["serving"] == LINEAGE
    assert "is not registered: `up` will train it" in seen["outlook"]
    assert choice(world, trained, retraining=None)["serving"] == LINEAGE
    assert choice(world, trained, workspace=None)["serving"] == LINEAGE


def test_where_it_cannot_be_told_what_was_served_is_served_on(world, trained, monkeypatch):
    def fail(*_arguments, **_options):
        raise AzureMLError("no way")

    monkeypatch.setattr(training, "latest", fail)
    seen = choice(world, trained)
    assert (seen["serving"], "can't be told: no way" in seen["outlook"]) == (LINEAGE, True)
    assert choice(world, trained, {"serving": RETRAINED})["serving"] == RETRAINED


def test_the_stored_definition_runs_as_a_job_and_its_model_is_served_at_the_next_up(
    world, trained, scheduled
):
    stored = definition(world)
    job = f"tiny-{stored['tags']['Lineage'][:12]}-1"
    path = world.door.arm_id("jobs", job)
    resource_manager.request("PUT", path, api_version=API, body={"properties": stored})
    assert ended(world, job)["status"] == "Completed"
    seen = choice(world, trained)
    assert seen["serving"] == RETRAINED
    expected = f"tiny: retraining job {job} has passed its gate: `up` will serve lineage {RETRAINED[:12]}"
    assert seen["outlook"] == expected
    assert choice(world, trained, dict(seen))["outlook"] == expected
    before = len(list(world.door.client.jobs.list()))
    made = world.provider(ModelProvider).create(seen)
    assert (made.outs["job"], len(list(world.door.client.jobs.list()))) == (job, before)
    # The champion was mounted: the step has read what it was made of.
    assert made.outs["metrics"] == {"mean": 8, "count": 3, "champion_mean": 2}
    tags = versions(world)[made.outs["version"]]
    assert (tags["Lineage"], tags["Champion"], tags["GitCommit"]) == (RETRAINED, "tiny:1", "1" * 40)
    assert world.door.client.data.get("tiny-reference", RETRAINED[:12]).path.endswith(f"{job}/reference/")


def test_a_retrained_version_whose_rollout_failed_is_not_served_again(world, trained, monkeypatch):
    failed = Rollout(Phase.FAILED, "m-retrained", 10, {"m-own": 100}, reason="it was slow")
    endpoint = {"tags": {"Rollout": encode(failed)}, "properties": {}}
    asked = resource_manager.request

    def answer(method, path, **options):
        return endpoint if "/onlineEndpoints/" in path else asked(method, path, **options)

    monkeypatch.setattr(resource_manager, "request", answer)
    seen = choice(world, trained, {"serving": RETRAINED})
    assert seen["serving"] == LINEAGE
    said = "the rollout of retrained lineage f2f2f2f2f2f2 failed: `up` will serve f1f1f1f1f1f1"
    assert said in seen["outlook"]
    other = Rollout(Phase.FAILED, "m-another", 10, {"m-own": 100})
    endpoint["tags"] = {"Rollout": encode(other)}
    assert choice(world, trained)["serving"] == RETRAINED


def test_a_retraining_that_the_clock_started_is_found_by_its_tag(world, schedule_inputs):
    provider = world.provider(RetrainingScheduleProvider)
    lineage = "f3" * 32
    made = provider.create({**schedule_inputs, "name": "tiny-clock", "lineage": lineage, "enabled": True})
    path = world.door.arm_id("schedules", "tiny-clock", "trigger")
    started = resource_manager.request("POST", path, api_version="2024-01-01-preview", body={})
    job = started["submissionId"]
    assert ended(world, job)["status"] == "Completed"
    assert training.latest(world.door, "tiny", lineage) == training.Attempt(job, training.Phase.COMPLETED)
    assert outcome.read(world.door, job).champion == "tiny:1"
    provider.delete(made.id, made.outs)
    provider.delete(made.id, made.outs)
    assert provider.read(made.id, made.outs).id == ""
