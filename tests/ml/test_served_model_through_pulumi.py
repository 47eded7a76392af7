"""A served model through Pulumi: up, again, refresh, repair, failure, rollout after kill -9, destroy."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_model

from ml import resource_manager, spec, training
from ml.traffic import TrafficProvider

ROOT = Path(__file__).parents[2]
PULUMI = ROOT / "local/bin/pulumi"
PROGRAM = """
import json, os
from pathlib import Path
import pulumi
from ml import spec
from ml.served_model import PlatformInputs, ServedModel

platform = PlatformInputs(**json.loads(os.environ["TINY_PLATFORM"]))
model = spec.load(Path(os.environ["TINY_MODEL"]))
served = ServedModel("tiny", model, platform, environment="test", tags={"team": "ml"})
for name in ("endpoint_name", "deployment_name", "model_version", "lineage", "scoring_uri"):
    pulumi.export(name, getattr(served, name))
"""
pytestmark = pytest.mark.usefixtures("azure_shell")


class Stack:
    """A project with one tiny model, and the engine."""

    def __init__(self, folder, world):
        self.project = folder / "project"
        self.model = folder / "model"
        self.project.mkdir()
        python = f"{{virtualenv: {Path(sys.prefix)}}}"
        runtime = f"runtime: {{name: python, options: {python}}}\n"
        (self.project / "Pulumi.yaml").write_text(f"name: mlops\n{runtime}")
        (self.project / "__main__.py").write_text(PROGRAM)
        (self.project / "Pulumi.test.yaml").write_text("config:\n  mlops:pollInterval: 0.5\n")
        (folder / "state").mkdir()
        platform = {
            "suffix": "def456",
            "resource_group_name": world.door.resource_group,
            "workspace_name": world.door.workspace,
            "cpu_compute_name": "cpu",
            "lake_account_name": world.lake_account,
            "lake_container_name": world.lake_container,
            "endpoint_identity_id": world.identity_id,
        }
        self.env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "tiny",
            # A kill here is the machine's: providers end with the engine, and don't finish what they have begun.
            "MLOPS_ENGINE_LINGER_SECONDS": "0",
            "TINY_MODEL": str(self.model),
            "TINY_PLATFORM": json.dumps(platform),
        }
        self.run("stack", "init", "test")

    def write(self, *, retraining=None, **parameters):
        """The model, with these training parameters, and those of a retraining."""

        def change(document):
            document["name"] = "tiny-p"
            document["training"]["parameters"].update(parameters)
            if retraining:
                document["retraining"] = {"parameters": retraining}

        tiny_model.write(self.model, change=change)

    def start(self, *arguments):
        command = [str(PULUMI), *arguments]
        return subprocess.Popen(
            command,
            cwd=self.project,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments, fails=False):
        with self.start(*arguments) as run:
            said, _ = run.communicate(timeout=240)
        assert (run.returncode != 0) == fails, said
        return said

    def outputs(self):
        return json.loads(self.run("stack", "output", "--json", "-s", "test"))

    def resources(self):
        """The state's resources by type name, e.g. ``OnlineDeployment``."""
        state = json.loads(self.run("stack", "export", "-s", "test"))["deployment"]
        return {one["type"].rsplit(":", 1)[-1]: one for one in state.get("resources", ())}


@pytest.fixture(scope="module")
def stack(tmp_path_factory, world, trained, azure_shell):
    return Stack(tmp_path_factory.mktemp("stack"), world)


def traffic(world):
    return world.door.client.online_endpoints.get("tiny-p-def456").traffic


def test_up_says_that_it_will_train_then_trains_deploys_and_gives_the_traffic(stack, world):
    stack.write(scale=1)
    said = stack.run("up", "--yes", "-s", "test")
    outputs = stack.outputs()
    assert "is not registered: `up` will train it (pipeline.yml on numbers:1)" in said
    assert f"training job tiny-p-{outputs['lineage'][:12]}-1 is completed" in said
    # Dots are only the heartbeats of the preview and the update.
    assert not [line for line in said.splitlines() if "..." in line and not line.startswith("@ ")]
    assert "\x1b" not in said
    assert outputs["model_version"] == "1"
    assert traffic(world) == {outputs["deployment_name"]: 100}


def test_the_state_holds_references_to_providers(stack):
    dynamic = [one for one in stack.resources().values() if "dynamic" in one["type"]]
    assert len(dynamic) == 9
    assert all(len(json.dumps(one["outputs"]["__provider"])) < 200 for one in dynamic)


def test_what_a_version_is_used_for_besides_waits_for_its_rollout(stack):
    resources = stack.resources()
    for kind in ("BatchDeployment", "Monitor"):
        assert resources["Traffic"]["urn"] in resources[kind]["dependencies"], kind


def test_up_again_changes_nothing_and_neither_does_a_refresh(stack):
    before = stack.resources()
    stack.run("refresh", "--yes", "-s", "test", "--skip-preview", "--expect-no-changes")
    said = stack.run("preview", "-s", "test", "--expect-no-changes")
    assert "will train" not in said
    for kind, one in stack.resources().items():
        assert one.get("outputs") == before[kind].get("outputs"), kind


def test_what_someone_changed_by_hand_is_put_right(stack, world):
    place = {**world.place, "endpoint": "tiny-p-def456"}
    world.provider(TrafficProvider).update("tiny-p-def456", {}, {**place, "shares": {}})
    stack.run("up", "--yes", "-s", "test", "--refresh", "--skip-preview")
    assert traffic(world) == {stack.outputs()["deployment_name"]: 100}


def test_a_failed_training_is_one_clear_line_and_leaves_what_serves(stack, world):
    before = stack.outputs()["deployment_name"]
    stack.write(scale=-1)
    said = stack.run("up", "--yes", "-s", "test", "--skip-preview", fails=True)
    assert "ended as failed in step train: the scale must not be negative" in said
    assert "client.py" not in said
    assert traffic(world) == {before: 100}


def test_another_parameter_makes_a_new_version_moves_the_traffic_and_survives_a_kill(stack, world):
    before = stack.outputs()
    stack.write(scale=2, retraining={"scale": 3})
    lineage = spec.load(stack.model).lineage
    with stack.start("up", "--yes", "-s", "test", "--skip-preview") as run:
        while training.latest(world.door, "tiny-p", lineage).phase is training.Phase.ABSENT:
            assert run.poll() is None, run.stdout.read()
        os.kill(run.pid, signal.SIGKILL)
    assert [one.version for one in world.door.client.models.list("tiny-p")] == ["1"]
    said = stack.run("up", "--yes", "-s", "test")
    after = stack.outputs()
    assert f"job tiny-p-{lineage[:12]}-1" in said
    assert after["model_version"] == "2"
    assert after["endpoint_name"] == before["endpoint_name"]
    assert after["deployment_name"] != before["deployment_name"]
    assert traffic(world) == {after["deployment_name"]: 100}
    client = world.door.client
    assert [one.name for one in client.online_deployments.list("tiny-p-def456")] == [after["deployment_name"]]
    assert [one.version for one in client.models.list("tiny-p")] == ["2"]
    tags = client.models.get("tiny-p", "2").tags
    assert (tags["Champion"], tags["champion_mean"]) == ("tiny-p:1", "2")
    jobs = [job.name for job in client.jobs.list() if job.name.startswith(f"tiny-p-{after['lineage'][:12]}")]
    assert jobs == [f"tiny-p-{after['lineage'][:12]}-1"]
    target = client.schedules.get("tiny-p-monitor").create_monitor.monitoring_target
    assert target.endpoint_deployment_id.endswith(after["deployment_name"])


def test_a_retrained_version_takes_over_at_the_next_up_without_an_edit(stack, world):
    before = stack.outputs()
    place = world.door.arm_id
    found = resource_manager.request("GET", place("schedules", "tiny-p-retraining"), api_version="2024-10-01")
    body = {"properties": found["properties"]["action"]["jobDefinition"]}
    lineage = spec.load(stack.model).retraining_lineage
    path = place("jobs", training.job_name("tiny-p", lineage, 1))
    resource_manager.request("PUT", path, api_version="2024-10-01", body=body)
    world.door.until(
        "retraining",
        lambda: training.latest(world.door, "tiny-p", lineage).phase,
        lambda phase: phase is training.Phase.COMPLETED,
        60,
    )
    said = stack.run("up", "--yes", "-s", "test")
    after = stack.outputs()
    assert f"has passed its gate: `up` will serve lineage {lineage[:12]}" in said
    assert (after["lineage"], after["model_version"]) == (lineage, "3")
    assert "gets 10 % of the requests" in said
    assert traffic(world) == {after["deployment_name"]: 100}
    assert after["deployment_name"] != before["deployment_name"]
    tags = world.door.client.models.get("tiny-p", "3").tags
    assert (tags["Champion"], tags["champion_mean"]) == ("tiny-p:2", "4")
    stack.run("preview", "-s", "test", "--expect-no-changes")


def test_destroy_removes_all(stack, world):
    stack.run("destroy", "--yes", "-s", "test", "--skip-preview")
    assert [one for one in stack.resources().values() if "dynamic" in one["type"]] == []
    assert "tiny-p-def456" not in {one.name for one in world.door.client.online_endpoints.list()}
    assert list(world.door.client.models.list("tiny-p")) == []
