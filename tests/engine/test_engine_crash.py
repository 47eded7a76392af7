"""An engine that is killed: what is left can be read, and the next one goes on from it."""

import json
import os
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest

SLOW = """
import things
class SlowProvider(things.ThingProvider):
    def create(self, props):
        things._note("begin", props["label"])
        gate = things._folder() / "gate"
        while props["label"] == "slow" and not gate.exists():
            time.sleep(0.02)
        return super().create(props)
class Slow(Thing):
    def __init__(self, name, opts=None, **props):
        pulumi.dynamic.Resource.__init__(self, SlowProvider(), name, {"label": name, "shout": None, **props}, opts)
a = Slow("a", text="x")
slow = Slow("slow", text=a.shout)
"""


def _wait(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def _start(stack) -> subprocess.Popen:
    return subprocess.Popen(
        stack.command("up", "--yes", "--skip-preview", "--non-interactive"),
        cwd=stack.program,
        env=stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def interrupted(stack):
    """A stack whose engine waits for a slow creation, with the engine."""
    stack.write_program(SLOW)
    stack.env["MLOPS_ENGINE_LINGER_SECONDS"] = "1"
    engine = _start(stack)
    _wait(lambda: "begin slow" in stack.journal())
    yield stack, engine
    if engine.poll() is None:
        engine.kill()
    engine.communicate()


def test_kill_9_in_a_create_leaves_what_was_made_and_a_pending_operation(interrupted) -> None:
    stack, engine = interrupted
    children = psutil.Process(engine.pid).children(recursive=True)
    assert children, "the program and the provider run as processes of their own"
    engine.kill()
    engine.wait()
    state = json.loads(stack.run("stack", "export").stdout)["deployment"]
    assert any(row.get("id") == "a-0" for row in state["resources"])
    pending = [(op["type"], op["resource"]["urn"].split("::")[-1]) for op in state["pending_operations"]]
    assert pending == [("creating", "slow")]
    # Providers and the program end with the engine.
    psutil.wait_procs(children, timeout=20)
    assert [
        child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    ] == []


def test_the_next_up_takes_the_lock_over_reports_and_goes_on(interrupted) -> None:
    stack, engine = interrupted
    engine.kill()
    engine.wait()
    (stack.root / "things" / "gate").touch()
    done = stack.up()
    assert f"(pid {engine.pid})" in done.stdout
    assert "was being created when the last run was interrupted: taken over" in done.stdout
    assert stack.resource("slow")["id"] == "slow-0"
    assert "pending_operations" not in stack.latest()
    assert stack.journal().count("create a") == 1


def test_a_second_up_is_refused_with_who_holds_the_stack_and_since_when(interrupted) -> None:
    stack, engine = interrupted
    done = stack.run("up", "--yes", "--skip-preview", "--non-interactive", code=1)
    assert "the stack is currently locked by 1 lock(s)" in done.stderr
    assert f"@{socket.gethostname()} (pid {engine.pid}) at {datetime.now(UTC).year}" in done.stderr


def test_ctrl_c_finishes_what_is_under_way_and_saves(interrupted) -> None:
    stack, engine = interrupted
    engine.send_signal(signal.SIGINT)
    (stack.root / "things" / "gate").touch()
    output, _ = engine.communicate(timeout=60)
    assert engine.returncode == 1
    assert "update canceled" in output
    assert stack.resource("slow")["id"] == "slow-0"
    assert "pending_operations" not in stack.latest()


def _plant_lock(stack, **fields: object) -> None:
    folder = stack.root / "state" / ".pulumi" / "locks" / "organization" / "conformance" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    lock = {
        "pid": os.getpid(),
        "username": "somebody",
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(UTC).isoformat(),
        **fields,
    }
    (folder / "planted.json").write_text(json.dumps(lock))


def test_a_lock_of_another_machine_is_respected_until_it_is_cancelled(stack) -> None:
    stack.write_program("a = Thing('a')")
    _plant_lock(stack, hostname="elsewhere", pid=1)
    assert "somebody@elsewhere" in stack.run("up", "--yes", "--skip-preview", code=1).stderr
    stack.run("cancel", "--yes")
    stack.up()


def test_a_lock_whose_process_number_was_given_to_somebody_else_is_taken_over(stack) -> None:
    stack.write_program("a = Thing('a')")
    _plant_lock(stack, timestamp=(datetime.now(UTC) - timedelta(days=365)).isoformat())
    assert "took over the lock of somebody" in stack.up().stdout


def test_a_lock_of_a_killed_process_that_nobody_has_asked_after_is_taken_over(stack) -> None:
    stack.write_program("a = Thing('a')")
    with subprocess.Popen(["sleep", "60"]) as holder:
        holder.kill()
        _wait(lambda: psutil.Process(holder.pid).status() == psutil.STATUS_ZOMBIE)
        _plant_lock(stack, pid=holder.pid)
        assert "took over the lock of somebody" in stack.up().stdout


def test_a_journal_older_than_what_another_engine_wrote_is_not_played_back(interrupted) -> None:
    stack, engine = interrupted
    engine.kill()
    engine.wait()
    document = json.loads(stack.state_file.read_text())
    document["checkpoint"]["latest"] = {
        "manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": "v3"}
    }
    stack.state_file.write_text(json.dumps(document))
    assert "resources" not in json.loads(stack.run("stack", "export").stdout)["deployment"]
