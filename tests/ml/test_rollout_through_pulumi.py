"""Rollouts through a real engine: killed at each step, failed and taken back, while requests keep coming."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_model
from callers import Callers
from workspace_world import endpoint_inputs

from ml import lineage, progress
from ml.rollout import Phase
from ml.served_model import deployment_name

ROOT = Path(__file__).parents[2]
PULUMI = ROOT / "local/bin/pulumi"
ENDPOINT = "rolled-abc123"
PROGRAM = """
import json, os
from pathlib import Path
import pulumi
from ml import lineage
from ml.online_deployment import OnlineDeployment
from ml.online_endpoint import OnlineEndpoint
from ml.rollout import Plan
from ml.served_model import deployment_name
from ml.traffic import Traffic

given = json.loads(os.environ["ROLLED"])
place = {key: given[key] for key in ("resource_group", "workspace")}
code = Path(os.environ["ROLLED_CODE"])
hashed = lineage.combined(lineage.files(code))
endpoint = OnlineEndpoint("endpoint", **given["endpoint"])
deployment = OnlineDeployment(
    "deployment",
    **place,
    endpoint=endpoint.name,
    name=deployment_name("l", hashed, "score.py"),
    model_id=given["model_id"],
    environment=given["environment"],
    code=code,
    code_hash=hashed,
    script="score.py",
    instance_type="Standard_DS3_v2",
    instance_count=1,
    collect=[],
    smoke=given["smoke"],
    tags={},
)
Traffic(
    "traffic",
    **place,
    endpoint=endpoint.name,
    shares=deployment.name.apply(lambda name: {name: 100}),
    smoke=given["smoke"],
    plan=Plan(requests=15),
    opts=pulumi.ResourceOptions(depends_on=[deployment]),
)
"""
#: Answers one request, then no other: it gets through the smoke test of its deployment and fails its rollout's.
FICKLE = f"{tiny_model.SCORE}\n_run, asked = run, []\n\n\ndef run(data):\n    asked.append(1)\n    assert len(asked) < 2\n    return _run(data)\n"
pytestmark = pytest.mark.usefixtures("azure_shell")


class Stack:
    """One endpoint with one deployment, whose scoring code is what changes."""

    def __init__(self, folder, world, trained):
        self.door = world.door
        self.folder = folder
        self.project = folder / "project"
        self.project.mkdir()
        (folder / "state").mkdir()
        python = f"{{virtualenv: {Path(sys.prefix)}}}"
        (self.project / "Pulumi.yaml").write_text(
            f"name: mlops\nruntime: {{name: python, options: {python}}}\n"
        )
        (self.project / "__main__.py").write_text(PROGRAM)
        (self.project / "Pulumi.test.yaml").write_text("config:\n  mlops:pollInterval: 0.2\n")
        given = {
            **world.place,
            "endpoint": endpoint_inputs(world, ENDPOINT),
            "model_id": trained.outs["model_id"],
            "environment": trained.environment,
            "smoke": json.dumps(tiny_model.SMOKE),
        }
        self.env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "tiny",
            # A kill here is the machine's: providers end with the engine, and don't finish what they have begun.
            "MLOPS_ENGINE_LINGER_SECONDS": "0",
            "ROLLED": json.dumps(given),
        }
        self.run("stack", "init", "test")

    def write(self, code):
        """The scoring code of the next run; returns the name of its deployment."""
        folder = self.folder / lineage.combined(code)[:8]
        folder.mkdir(exist_ok=True)
        (folder / "score.py").write_text(code)
        self.env["ROLLED_CODE"] = str(folder)
        return deployment_name("l", lineage.combined(lineage.files(folder)), "score.py")

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
            said, _ = run.communicate(timeout=120)
        assert (run.returncode != 0) == fails, said
        return said

    def up(self, *arguments, fails=False):
        return self.run("up", "--yes", "-s", "test", "--skip-preview", *arguments, fails=fails)

    def up_killed(self, phase, share):
        """Kills ``up`` where the rollout is at a step."""
        deadline = time.monotonic() + 60
        with self.start("up", "--yes", "-s", "test", "--skip-preview") as run:
            while (run.poll() is None) and self.progress != (phase, share):
                assert time.monotonic() < deadline
                time.sleep(0.03)
            run.kill()
            said, _ = run.communicate()
        assert run.returncode == -9, said

    @property
    def progress(self):
        found = progress.of(self.door, ENDPOINT)
        return (found.phase, found.share) if found else None

    @property
    def traffic(self):
        found = self.door.client.online_endpoints.get(ENDPOINT)
        return {name: share for name, share in found.traffic.items() if share}

    @property
    def deployments(self):
        return {one.name for one in self.door.client.online_deployments.list(ENDPOINT)}

    def resources(self):
        """The state's entries by type name, as the last run has left them."""
        state = json.loads((self.folder / "state/.pulumi/stacks/mlops/test.json").read_text())
        found = {}
        for one in state["checkpoint"]["latest"]["resources"]:
            found.setdefault(one["type"].rsplit(":", 1)[-1], []).append(one)
        return found

    def is_settled(self, name):
        """One deployment with all requests, once in the state, and nothing left to do."""
        assert (self.traffic, self.deployments) == ({name: 100}, {name})
        entries = self.resources()
        assert [one["outputs"]["name"] for one in entries["OnlineDeployment"]] == [name]
        assert [one["outputs"]["shares"] for one in entries["Traffic"]] == [{name: 100}]
        self.run("preview", "-s", "test", "--expect-no-changes")


@pytest.fixture(scope="module")
def stack(tmp_path_factory, world, trained, azure_shell):
    made = Stack(tmp_path_factory.mktemp("stack"), world, trained)
    made.write(tiny_model.SCORE)
    made.up()
    yield made
    made.run("destroy", "--yes", "-s", "test", "--skip-preview")
    assert ENDPOINT not in {one.name for one in world.door.client.online_endpoints.list()}


def test_up_killed_at_each_step_of_a_canary_and_again_ends_at_the_new_deployment(stack):
    (old,) = stack.deployments
    new = stack.write(f"{tiny_model.SCORE}\n# second\n")
    with Callers(stack.door, ENDPOINT, threads=1) as callers:
        for share in (10, 50, 100):
            stack.up_killed(Phase.SHIFTING, share)
            assert sum(stack.traffic.values()) == 100
            assert stack.deployments == {old, new}
        said = stack.up()
    assert f"a rollout was interrupted: {new} at 100 %, it is taken up" in said
    assert f"{new} gets all requests" in said
    assert callers.answers > 10
    assert callers.failures == []
    stack.is_settled(new)


def test_a_failed_rollout_keeps_the_old_state_and_taking_the_change_back_heals_it(stack):
    (good,) = stack.deployments
    code = stack.env["ROLLED_CODE"]
    bad = stack.write(FICKLE)
    with Callers(stack.door, ENDPOINT, threads=1) as callers:
        said = stack.up(fails=True)
        assert f"{bad} was rolled back at 0 %: 1 of 1 smoke requests failed" in said
        assert "traffic.py" not in said
        assert (stack.traffic, stack.deployments) == ({good: 100}, {good, bad})
        assert stack.resources()["Traffic"][0]["outputs"]["shares"] == {good: 100}

        stack.env["ROLLED_CODE"] = code
        said = stack.up()
        assert f"deployment {ENDPOINT}/{good}: was taken up again since, so it stays" in said
    assert callers.answers > 10
    assert callers.failures == []
    stack.is_settled(good)


def test_a_change_taken_back_in_the_middle_of_a_killed_rollout_is_rolled_back(stack):
    (good,) = stack.deployments
    code = stack.env["ROLLED_CODE"]
    third = stack.write(f"{tiny_model.SCORE}\n# third\n")
    with Callers(stack.door, ENDPOINT, threads=1) as callers:
        stack.up_killed(Phase.SHIFTING, 50)
        stack.env["ROLLED_CODE"] = code
        said = stack.up()
    assert f"{third} is rolled back from 50 %: {good} is wanted now" in said
    assert callers.failures == []
    stack.is_settled(good)
    stack.run("refresh", "--yes", "-s", "test", "--skip-preview", "--expect-no-changes")
