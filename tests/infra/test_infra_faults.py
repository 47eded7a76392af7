"""The platform comes up, and goes, though local Azure fails one request in five and one operation in ten."""

from __future__ import annotations

import re

import pytest
from deployed_stack import Stack

from local import faults
from local.azure import fault

#: How often a team would run the command again before asking why.
ATTEMPTS = 10


@pytest.fixture
def failing(local_azure):
    """One request in five meets a fault; one operation in ten fails late."""
    asked = fault.asked(fault.Faults(), ["all=0.2"], seed=7, delay=0.2, retry_after=0)
    faults.ask_for(local_azure.dir, asked)
    yield
    faults.ask_for(local_azure.dir, fault.Faults())


def converge(stack, *words):
    """Runs a command until it succeeds."""
    said = []
    for _ in range(ATTEMPTS):
        result = stack.attempt(*words, *stack.options())
        if result.returncode == 0:
            return
        said.append(f"{result.stdout}\n{result.stderr}")
        assert "Traceback" not in said[-1]
    raise AssertionError("\n".join(said))


def test_the_platform_converges_and_nothing_is_left(local_azure, warm_engine, tmp_path, failing):
    # With the same names, a seed means the same faults.
    stack = Stack(tmp_path, local_azure, warm_engine, suffix="fault7")
    log = local_azure.dir.root / "server-output.log"
    before = log.stat().st_size
    converge(stack, "up", "--yes", "--skip-preview")
    faults.ask_for(local_azure.dir, fault.Faults())
    stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    met = set(re.findall(r"fault on request: (\w+)", log.read_text()[before:]))
    assert met >= {"throttle", "error", "drop", "lost"}
    group = stack.resources()["mlops-group"]["id"]
    states = re.findall(
        r'"provisioningState": ?"(\w+)"', stack.command("stack", "export", "--stack", "local")
    )
    assert set(states) <= {"Succeeded"}
    stack.run("destroy", "--yes", "--skip-preview")
    assert local_azure.arm("GET", group, api_version="2024-03-01")[0] == 404
