"""A served model through Pulumi: up, again, refresh, another parameter, destroy; and after kill -9."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import tiny_model
from pulumi.dynamic import Config, ConfigureRequest

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
pytestmark = [pytest.mark.usefixtures("azure_shell"), pytest.mark.xdist_group("ml")]


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
            "TINY_MODEL": str(self.model),
            "TINY_PLATFORM": json.dumps(platform),
        }
        self.run("stack", "init", "test")

    def write(self, **parameters):
        """The model, with these training parameters."""

        def change(document):
            document["name"] = "tiny-p"
            document["training"]["parameters"].update(parameters)

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


def test_a_preview_says_that_a_model_will_be_trained(stack):
    stack.write(scale=1)
    said = stack.run("preview", "-s", "test")
    assert "is not registered: `up` will train it (pipeline.yml on numbers:1)" in said


def test_up_trains_deploys_and_gives_the_traffic(stack, world):
    said = stack.run("up", "--yes", "-s", "test")
    outputs = stack.outputs()
    assert outputs["model_version"] == "1"
    assert traffic(world) == {outputs["deployment_name"]: 100}
    assert f"training job tiny-p-{outputs['lineage'][:12]}-1 is completed" in said


def test_the_state_holds_references_to_providers(stack):
    for kind, one in stack.resources().items():
        if "dynamic" in one["type"]:
            assert len(json.dumps(one["outputs"]["__provider"])) < 200, kind


def test_up_again_changes_nothing_and_neither_does_a_refresh(stack):
    before = stack.resources()
    stack.run("preview", "-s", "test", "--expect-no-changes")
    stack.run("refresh", "--yes", "-s", "test", "--diff", "--expect-no-changes")
    said = stack.run("preview", "-s", "test", "--expect-no-changes")
    assert "will train" not in said
    for kind, one in stack.resources().items():
        assert one.get("outputs") == before[kind].get("outputs"), kind


def test_what_someone_changed_by_hand_is_put_right(stack, world):
    from ml.traffic import TrafficProvider

    provider = TrafficProvider()
    subscription = world.door.settings.subscription_id
    config = {"azure-native:subscriptionId": subscription, "mlops:pollInterval": "0.5"}
    provider.configure(ConfigureRequest(Config(config, "mlops")))
    place = {**world.place, "endpoint": "tiny-p-def456"}
    provider.update("tiny-p-def456", {}, {**place, "shares": {}})
    stack.run("refresh", "--yes", "-s", "test")
    stack.run("up", "--yes", "-s", "test")
    assert traffic(world) == {stack.outputs()["deployment_name"]: 100}


def test_another_parameter_makes_a_new_version_and_deployment_and_moves_the_traffic(stack, world):
    before = stack.outputs()
    stack.write(scale=2)
    assert "is not registered: `up` will train it" in stack.run("preview", "-s", "test")
    stack.run("up", "--yes", "-s", "test")
    after = stack.outputs()
    assert after["model_version"] == "2"
    assert after["endpoint_name"] == before["endpoint_name"]
    assert after["deployment_name"] != before["deployment_name"]
    assert traffic(world) == {after["deployment_name"]: 100}
    assert [one.version for one in world.door.client.models.list("tiny-p")] == ["2"]
    monitor = world.door.client.schedules.get("tiny-p-monitor").create_monitor
    assert monitor.monitoring_target.endpoint_deployment_id.endswith(after["deployment_name"])


def test_going_back_uses_the_old_version_without_training(stack, world):
    stack.write(scale=1)
    said = stack.run("preview", "-s", "test")
    assert "is registered as version 1: `up` will use it" in said
    stack.run("up", "--yes", "-s", "test")
    assert stack.outputs()["model_version"] == "1"
    assert [one.version for one in world.door.client.models.list("tiny-p")] == ["1"]


def test_a_failed_training_is_one_clear_line_and_leaves_what_serves(stack, world):
    before = stack.outputs()["deployment_name"]
    stack.write(scale=-1)
    said = stack.run("up", "--yes", "-s", "test", fails=True)
    assert "ended as failed in step train" in said
    assert "the scale must not be negative" in said
    assert "client.py" not in said
    assert traffic(world) == {before: 100}


def test_an_up_killed_while_it_trains_is_continued_by_the_next(stack, world):
    stack.write(scale=5)
    with stack.start("up", "--yes", "-s", "test") as run:
        for line in run.stdout:
            if "submitted" in line:
                os.kill(run.pid, signal.SIGKILL)
                break
    said = stack.run("up", "--yes", "-s", "test")
    outputs = stack.outputs()
    assert traffic(world) == {outputs["deployment_name"]: 100}
    lineage = outputs["lineage"][:12]
    names = [job.name for job in world.door.client.jobs.list() if job.name.startswith(f"tiny-p-{lineage}")]
    assert names == [f"tiny-p-{lineage}-1"], textwrap.shorten(said, 2000)


def test_destroy_removes_all_and_a_second_one_is_fine(stack, world):
    stack.run("destroy", "--yes", "-s", "test")
    assert [one for one in stack.resources().values() if "dynamic" in one["type"]] == []
    assert "tiny-p-def456" not in {one.name for one in world.door.client.online_endpoints.list()}
    stack.run("destroy", "--yes", "-s", "test")
