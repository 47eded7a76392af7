"""An engine that is killed: what is left can be read, and the next one goes on from it."""

import json
import os
import signal
import socket
import subprocess
import sys
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


def _start(stack, *words: str) -> subprocess.Popen:
    return subprocess.Popen(
        stack.command(*(words or ("up", "--yes", "--skip-preview")), "--non-interactive"),
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


def test_what_was_begun_is_finished_by_the_provider_and_taken_over_by_a_run_that_waits_for_it(stack) -> None:
    stack.env["MLOPS_ENGINE_LINGER_SECONDS"] = "60"
    stack.write_program(SLOW.replace('"slow", text', '"slow", hush=pulumi.Output.secret("hush"), text'))
    engine = _start(stack)
    _wait(lambda: "begin slow" in stack.journal())
    engine.kill()
    engine.communicate()
    records = list((stack.state_file.parents[2] / "journals" / "conformance" / "dev").glob("outcomes-*"))
    following = _start(stack)
    said = iter(following.stdout.readline, "")
    assert any("still finishes what it had begun: waiting up to 60 s" in line for line in said)
    assert records
    assert all(b"hush" not in file.read_bytes() for file in records)
    (stack.root / "things" / "gate").touch()
    rest = following.communicate(timeout=60)[0]
    assert following.returncode == 0, rest
    assert "taken over" in rest
    assert stack.journal().count("begin slow") == stack.journal().count("create slow") == 1
    assert stack.resource("slow")["outputs"]["hush"]["ciphertext"]
    assert not records[0].exists()


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


def test_ctrl_c_twice_stops_at_once_with_what_is_known_saved(interrupted) -> None:
    stack, engine = interrupted
    engine.send_signal(signal.SIGINT)
    said = iter(engine.stdout.readline, "")
    assert any("press ^C again" in line for line in said)
    engine.send_signal(signal.SIGINT)
    output, _ = engine.communicate(timeout=60)
    assert (engine.returncode, output.splitlines()[-1]) == (8, "error: update cancelled"), output
    assert [(op["type"], op["resource"]["urn"][-4:]) for op in stack.latest()["pending_operations"]] == [
        ("creating", "slow")
    ]
    assert stack.resource("a")["id"] == "a-0"
    (stack.root / "things" / "gate").touch()
    stack.up()
    assert "pending_operations" not in stack.latest()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("up", "--yes", "--skip-preview"), "error: update canceled"),
        (("preview",), "error: preview canceled"),
    ],
)
def test_sigterm_ends_a_program_that_takes_long(stack, words: tuple[str, ...], said: str) -> None:
    stack.write_program(
        "a = Thing('a')\n"
        "def wait(_):\n    open(os.environ['THINGS'] + '/there', 'w').close()\n    time.sleep(600)\n"
        "pulumi.export('never', a.urn.apply(wait))\n"
    )
    engine = _start(stack, *words)
    _wait((stack.root / "things" / "there").exists)
    engine.send_signal(signal.SIGTERM)
    output, _ = engine.communicate(timeout=60)
    assert (engine.returncode, output.splitlines()[-1]) == (1, said), output
    assert [row.get("id") == "a-0" for row in stack.latest().get("resources", ())].count(True) == (
        words[0] == "up"
    )


def test_a_disk_without_room_fails_before_anything_is_begun(stack) -> None:
    stack.write_program("a = Thing('a')")
    limit = "import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", limit, *stack.command("up", "--yes", "--skip-preview")],
        check=False,
        cwd=stack.program,
        env=stack.env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("error: what is done can't be recorded in ")
    assert "(File too large), so nothing more is begun" in line
    assert stack.journal() == []
    assert json.loads(stack.state_file.read_text())["checkpoint"].get("latest", {}).get("resources") is None
    stack.up()


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
