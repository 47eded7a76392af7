"""The engine that stays loaded: what it runs is what would run without it, and nothing of it is left behind."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest
from conftest import REPOSITORY
from test_engine_crash import SLOW, _wait

WARM = REPOSITORY / "local" / "bin" / "warm-engine"
#: A program that says whose child its engine is, and what it sees of the environment.
TELLING = """
import psutil
engine = psutil.Process(os.getppid())
(__import__("pathlib").Path(os.environ["THINGS"]) / "engine").write_text(f"{engine.pid} {engine.ppid()}")
Thing("one", text=os.environ.get("OF_ONE", "nothing"))
pulumi.export("seen", os.environ.get("OF_ONE", "nothing"))
"""


class Servers:
    """The processes of `warm-engine`, started as a fleet does."""

    def __init__(self, folder, env) -> None:
        folder.mkdir(mode=0o700)
        self.variable = {"MLOPS_WARM_ENGINE": str(folder)}
        self.process = subprocess.Popen(
            [WARM, folder], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self.process.stdout.readline() == b"ready\n"
        self.own = psutil.Process(self.process.pid).children()

    def all(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)


def _running(processes) -> list:
    """Those that go on running; not by psutil's wait, which takes a zombie for a process."""
    with suppress(AssertionError):
        _wait(lambda: not any(map(_runs, processes)), seconds=20)
    return list(filter(_runs, processes))


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def warm(stack, tmp_path):
    stack.env |= {
        "PULUMI_PYTHON_CMD": str(REPOSITORY / ".venv" / "bin" / "python"),
        "GRPC_VERBOSITY": "NONE",
        "MLOPS_ENGINE_LINGER_SECONDS": "1",
    }
    (stack.program / "Pulumi.yaml").write_text("name: conformance\nruntime: python\n")
    servers = Servers(tmp_path / "warm", stack.env)
    yield stack, servers
    servers.stop()
    assert _running(servers.own) == []


def _engine(stack) -> tuple[int, int]:
    pid, parent = (stack.root / "things" / "engine").read_text().split()
    return int(pid), int(parent)


def test_a_command_is_the_same_warm_and_cold_and_what_it_is_given_stays_its_own(warm) -> None:
    stack, servers = warm
    stack.write_program(TELLING)
    parents = {one.pid for one in servers.own}
    for words, code in ((["preview", "--non-interactive", "--diff"], 0), (["config", "get", "no"], None)):
        answers = []
        for env in ({}, servers.variable):
            command = subprocess.run(
                stack.command(*words),
                cwd=stack.program,
                env={**stack.env, "OF_ONE": "its own", **env},
                capture_output=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            answers.append((command.returncode, command.stdout, command.stderr))
            if code is not None:
                assert command.returncode == code, command.stderr
                assert (_engine(stack)[1] in parents) == bool(env), "forked where there is a server"
        assert answers[0] == answers[1]
    # The next command knows nothing of the environment of the one before.
    shown = stack.run("preview", "--non-interactive", "--diff", **servers.variable).stdout
    assert "nothing" in shown
    assert "its own" not in shown
    # Settings that only the start of an interpreter takes up are a reason to start one.
    stack.run("preview", "--non-interactive", **servers.variable, PYTHONWARNINGS="ignore")
    assert _engine(stack)[1] not in parents


def test_up_and_destroy_work_with_warm_providers_beside_another_command(warm) -> None:
    stack, servers = warm
    stack.write_program(TELLING)
    command = stack.command("preview", "--non-interactive")
    beside = subprocess.Popen(
        command,
        cwd=stack.program,
        env={**stack.env, **servers.variable, "OF_ONE": "of the other"},
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.up(**servers.variable, OF_ONE="mine")
    assert '"of the other"' in beside.communicate(timeout=60)[0]
    assert stack.resource("one")["outputs"]["shout"] == "MINE"
    assert stack.journal() == ["create one"]
    stack.run("destroy", "--yes", "--skip-preview", "--non-interactive", **servers.variable)
    assert stack.journal() == ["create one", "delete one"]
    assert servers.all() == servers.own, "what was forked has ended"


def _slow(warm):
    """An engine that waits for its provider, and the processes there are."""
    stack, servers = warm
    stack.write_program(SLOW)
    engine = subprocess.Popen(
        stack.command("up", "--yes", "--skip-preview", "--non-interactive"),
        cwd=stack.program,
        env={**stack.env, **servers.variable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    _wait(lambda: "begin slow" in stack.journal())
    return engine, [*servers.all(), psutil.Process(engine.pid)]


def test_ctrl_c_lets_a_warm_engine_finish_and_save(warm) -> None:
    stack, _ = warm
    engine, _ = _slow(warm)
    engine.send_signal(signal.SIGINT)
    (stack.root / "things" / "gate").touch()
    said = engine.communicate(timeout=60)[0]
    assert "^C received" in said
    assert "error: update canceled" in said
    assert engine.returncode > 0, "it ended by itself"
    assert stack.resource("slow")["id"] == "slow-0"


@pytest.mark.parametrize("who", ["client", "servers", "engine's server", "fleet"])
def test_whatever_is_killed_leaves_no_process_and_a_state_that_can_be_read(warm, who) -> None:
    stack, servers = warm
    engine, there = _slow(warm)
    if who == "client":
        engine.kill()
        there = [one for one in there if one not in servers.own]
    elif who == "servers":
        servers.process.kill()
    elif who == "engine's server":
        os.kill(servers.own[0].pid, signal.SIGKILL)
        there = [one for one in there if one not in servers.own[1:]]
    else:  # its end of the pipe is all that a fleet has of the servers
        servers.process.stdin.close()
    engine.communicate(timeout=60)
    assert _running(there) == []
    pending = stack.latest().get("pending_operations", [])
    state = stack.run("stack", "export").stdout
    assert "a-0" in state
    assert "slow" in state or pending == []


def test_a_program_starts_before_grpc_is_loaded() -> None:
    code = (
        "import sys; from local.engine import start; start.prepare(); import local.engine.command.update, "
        "local.engine.executor.operation, local.engine.program.program; print([name for name in ('grpc', 'opentelemetry', "
        "'pulumi.output') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
