"""Three workspaces of a fleet, from nothing to nothing, through the real engine, in one process a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from local.settings import PRINCIPAL_ID
from local.stack import clean_environment

REPOSITORY = Path(__file__).resolve().parents[2]
#: As small as a workspace gets.
DEFAULTS = {
    "location": "westeurope",
    "owner": "tests",
    "costCenter": "none",
    "access": {"deployers": [{"id": PRINCIPAL_ID, "type": "ServicePrincipal"}]},
}
THREE = {"vision": {"owner": "vision-team"}, "nlp": None, "tabular": {"addressSpace": "10.80.0.0/20"}}


class Fleet:
    """A file, a backend, and the command line."""

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

    def run(self, command, *words, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "ops", "fleet", command, "-f", str(self.file), "--json", *words],
            cwd=REPOSITORY,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert not done.stderr
        return {row["name"]: row for row in json.loads(done.stdout)["workspaces"]}

    def stacks(self):
        return sorted(path.stem for path in (self.state / ".pulumi" / "stacks").rglob("*.json"))

    def network(self, name):
        state = json.loads((self.state / ".pulumi" / "stacks" / "mlops" / f"{name}.json").read_text())
        return [row for row in state["checkpoint"]["latest"].get("resources", []) if row["custom"]]


@pytest.fixture
def fleet(local_azure, tmp_path):
    return Fleet(tmp_path, local_azure)


def exists(azure, row):
    group = f"/subscriptions/{azure.subscription_id}/resourceGroups/{row['resourceGroup']}"
    return azure.arm("GET", group, api_version="2024-03-01")[0] == 200


def test_three_workspaces_from_nothing_to_nothing_and_one_that_fails_stops_no_other(fleet, local_azure):
    fleet.write({**THREE, "nlp": {"location": "atlantis"}})
    previewed = fleet.run("preview", "--only", "vision", "--only", "tabular")
    assert {row["changes"]["create"] for row in previewed.values()} == {
        previewed["vision"]["changes"]["create"]
    }
    assert fleet.stacks() == []
    assert not fleet.file.with_name("fleet.lock.yaml").exists()

    first = fleet.run("up", "--parallel", "3", code=1)
    assert {name: row["state"] for name, row in first.items()} == {
        "vision": "succeeded",
        "nlp": "failed",
        "tabular": "succeeded",
    }
    assert "The provided location 'atlantis' is not available" in first["nlp"]["errors"][0]
    assert first["vision"]["changes"] == previewed["vision"]["changes"]
    # Each program read its own configuration, beside the others in one process.
    for name in ("vision", "tabular"):
        assert first[name]["outputs"]["resourceGroup"].startswith(f"rg-mlops-{name}-")

    fleet.write(THREE)
    second = fleet.run("up")
    assert {name: row["state"] for name, row in second.items()} == {
        "vision": "unchanged",
        "nlp": "succeeded",
        "tabular": "unchanged",
    }
    third = fleet.run("preview")
    assert {row["state"] for row in third.values()} == {"unchanged"}, third

    fleet.write({name: THREE[name] for name in ("vision", "nlp")})
    status = fleet.run("status")
    assert {name: (row["state"], row["listed"]) for name, row in status.items()} == {
        "vision": ("deployed", True),
        "nlp": ("deployed", True),
        "tabular": ("deployed", False),
    }
    assert all(exists(local_azure, row) for row in status.values())
    ranges = yaml.safe_load(fleet.file.with_name("fleet.lock.yaml").read_text())["workspaces"]
    assert {name: row["addressSpace"] for name, row in ranges.items()} == {
        "nlp": "10.64.0.0/22",
        "vision": "10.64.4.0/22",
        "tabular": "10.80.0.0/20",
    }

    destroyed = fleet.run("destroy", "--only", "vision", "--only", "nlp", "--only", "tabular")
    assert {row["state"] for row in destroyed.values()} == {"succeeded"}
    assert not any(exists(local_azure, row) for row in status.values())
    # What left the fleet is forgotten; what is still in it keeps its stack and its range.
    assert fleet.stacks() == ["nlp", "vision"]
    kept = yaml.safe_load(fleet.file.with_name("fleet.lock.yaml").read_text())["workspaces"]
    assert kept == {name: ranges[name] for name in ("nlp", "vision")}


def test_a_mistake_in_the_file_ends_before_anything_is_touched(fleet):
    fleet.write({"vision": {"addressSpace": "10.64.0.0/20"}, "nlp": {"addressSpace": "10.64.8.0/22"}})
    done = subprocess.run(
        [sys.executable, "-m", "ops", "fleet", "up", "-f", str(fleet.file)],
        cwd=REPOSITORY,
        env=fleet.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: fleet.yaml: workspaces.nlp.addressSpace: 10.64.8.0/22 overlaps")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in fleet.file.parent.iterdir()) == ["fleet.yaml", "state"]
    assert fleet.stacks() == []
