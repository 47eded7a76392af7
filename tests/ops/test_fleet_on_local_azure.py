"""Three workspaces of a fleet, from nothing to nothing, through the real engine, in one process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from local.settings import PRINCIPAL_ID
from local.stack import clean_environment
from ops.fleet.board import Board
from ops.fleet.operation import carry_out, look

REPOSITORY = Path(__file__).resolve().parents[2]
#: As small as a workspace gets.
DEFAULTS = {
    "location": "westeurope",
    "owner": "tests",
    "costCenter": "none",
    "access": {
        "principals": {"local": {"id": PRINCIPAL_ID, "type": "ServicePrincipal"}},
        "table": [{"who": "local", "role": "deployer"}],
    },
}
THREE = {"vision": {"owner": "vision-team"}, "nlp": None, "tabular": {"addressSpace": "10.80.0.0/20"}}


class Fleet:
    """A file, a backend, and commands in this process."""

    def __init__(self, folder, azure):
        self.file, self.state = folder / "fleet.yaml", folder / "state"
        self.state.mkdir()
        self.env = {
            **clean_environment(os.environ),
            **azure.env,
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "only here",
        }

    def write(self, workspaces, **defaults):
        document = {
            "addressSpace": "10.64.0.0/12",
            "defaults": {**DEFAULTS, **defaults},
            "workspaces": workspaces,
        }
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))

    def run(self, command, *only):
        board = Board(Console(file=io.StringIO()), command, quiet=True)
        outcomes = carry_out(command, self.file, only, board, parallel=3)
        return {outcome.name: outcome for outcome in outcomes}

    def command(self, *words):
        """A command in a process of its own: its exit code, output and errors."""
        done = subprocess.run(
            [sys.executable, "-m", "ops", "fleet", *words, "-f", str(self.file)],
            cwd=REPOSITORY,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def status(self):
        return {one.name: one for one in look(self.file, [], parallel=3)}

    def kept(self):
        return yaml.safe_load(self.file.with_name("fleet.lock.yaml").read_text())["workspaces"]

    def stacks(self):
        return sorted(path.stem for path in (self.state / ".pulumi" / "stacks").rglob("*.json"))


@pytest.fixture
def fleet(local_azure, tmp_path, monkeypatch):
    made = Fleet(tmp_path, local_azure)
    # The Automation API hands this process's environment on to engines.
    for key in os.environ.keys() - made.env.keys():
        monkeypatch.delenv(key)
    for key, value in made.env.items():
        monkeypatch.setenv(key, value)
    return made


def states(outcomes):
    return {name: outcome.state for name, outcome in outcomes.items()}


def exists(azure, resource_group):
    group = f"/subscriptions/{azure.subscription_id}/resourceGroups/{resource_group}"
    return azure.arm("GET", group, api_version="2024-03-01")[0] == 200


def test_three_workspaces_from_nothing_to_nothing_and_one_that_fails_stops_no_other(fleet, local_azure):
    fleet.write({**THREE, "nlp": {"location": "atlantis"}})
    previewed = fleet.run("preview", "vision")
    assert fleet.stacks() == []
    assert not fleet.file.with_name("fleet.lock.yaml").exists()

    # In a process of its own: where an engine ends a program, the SDK leaves its event loop open.
    code, out, err = fleet.command("up", "--json")
    first = {row["name"]: row for row in json.loads(out)["workspaces"]}
    assert (code, err) == (1, "")
    assert {name: row["state"] for name, row in first.items()} == {
        "vision": "succeeded",
        "nlp": "failed",
        "tabular": "succeeded",
    }
    assert "The provided location 'atlantis' is not available" in first["nlp"]["errors"][0]
    assert first["vision"]["changes"] == previewed["vision"].changes
    # Each program read its own configuration, beside the others in one process.
    for name in ("vision", "tabular"):
        assert first[name]["outputs"]["resourceGroup"].startswith(f"rg-mlops-{name}-")

    fleet.write(THREE)
    assert states(fleet.run("up", "nlp")) == {"nlp": "succeeded"}
    unchanged = fleet.run("preview")
    assert states(unchanged) == dict.fromkeys(THREE, "unchanged"), unchanged

    fleet.write({name: THREE[name] for name in ("vision", "nlp")})
    status = fleet.status()
    assert {name: (one.state, one.listed) for name, one in status.items()} == {
        "vision": ("deployed", True),
        "nlp": ("deployed", True),
        "tabular": ("deployed", False),
    }
    assert all(exists(local_azure, one.resource_group) for one in status.values())
    ranges = fleet.kept()
    assert {name: row["addressSpace"] for name, row in ranges.items()} == {
        "nlp": "10.64.0.0/22",
        "vision": "10.64.4.0/22",
        "tabular": "10.80.0.0/20",
    }

    assert states(fleet.run("destroy", *THREE)) == dict.fromkeys(THREE, "succeeded")
    assert not any(exists(local_azure, one.resource_group) for one in status.values())
    # What left the fleet is forgotten; what is still in it keeps its stack and its range.
    assert fleet.stacks() == ["nlp", "vision"]
    assert fleet.kept() == {name: ranges[name] for name in ("nlp", "vision")}


def test_a_mistake_in_the_file_ends_before_anything_is_touched(fleet):
    fleet.write({"vision": {"addressSpace": "10.64.0.0/20"}, "nlp": {"addressSpace": "10.64.8.0/22"}})
    code, out, err = fleet.command("up")
    assert (code, out) == (2, "")
    assert err.startswith("error: fleet.yaml: workspaces.nlp.addressSpace: 10.64.8.0/22 overlaps")
    assert len(err.splitlines()) == 1
    assert sorted(path.name for path in fleet.file.parent.iterdir()) == ["fleet.yaml", "state"]
    assert fleet.stacks() == []
