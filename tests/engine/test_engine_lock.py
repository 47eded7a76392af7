"""One run at a time on a stack, and a lock that says whose it is."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.engine.error import EngineError
from local.engine.state import lock

CONTENDER = """
import sys, time
from pathlib import Path
from local.engine.error import EngineError
from local.engine.state import lock
folder, start, ended = map(Path, sys.argv[1:4])
while not start.exists():
    pass
try:
    with lock.held(folder):
        print("held", flush=True)
        while not ended.exists():
            time.sleep(0.005)
except EngineError as error:
    print(error, flush=True)
"""


def test_of_those_who_come_at_the_same_moment_exactly_one_has_the_stack(tmp_path: Path) -> None:
    start, ended = tmp_path / "start", tmp_path / "ended"
    contenders = [
        subprocess.Popen(
            [sys.executable, "-c", CONTENDER, str(tmp_path / "locks"), str(start), str(ended)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    start.touch()
    said = []
    try:
        # Those who lose say so at once; who has it waits until they have.
        said = [contender.stdout.readline() for contender in contenders]
    finally:
        ended.touch()
        for contender in contenders:
            contender.communicate(timeout=30)
    assert sorted(line == "held\n" for line in said) == [False, False, False, True], said
    assert all("the stack is currently locked by 1 lock(s)" in line for line in said if line != "held\n")
    assert not list((tmp_path / "locks").iterdir())


def _official(pid: int, host: str = "") -> str:
    """As the official CLI writes it."""
    stamp = "2026-11-21T14:57:56.123456789+01:00"
    return json.dumps(
        {"pid": pid, "username": "ada", "hostname": host or socket.gethostname(), "timestamp": stamp}
    )


def test_the_holder_is_named_in_a_line_with_the_time(tmp_path: Path) -> None:
    (tmp_path / "theirs.json").write_text(_official(7, "elsewhere"))
    with pytest.raises(EngineError) as caught, lock.held(tmp_path):
        pass
    line = str(caught.value).splitlines()[1]
    assert (
        line
        == f"  file://{tmp_path}/theirs.json: created by ada@elsewhere (pid 7) at 2026-11-21T14:57:56+01:00"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["theirs.json"]


def test_the_lock_of_an_official_cli_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    (tmp_path / "theirs.json").write_text(_official(gone.pid))
    with lock.held(tmp_path) as notes:
        who = f"ada@{socket.gethostname()} (pid {gone.pid}) at 2026-11-21T14:57:56+01:00"
        assert notes == [f"took over the lock of {who}: that process is gone"]


def test_a_lock_that_nobody_can_read_is_respected(tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"pid": 12')
    with pytest.raises(EngineError, match=r"torn\.json: it can't be read"), lock.held(tmp_path):
        pass


def test_a_folder_that_takes_no_lock_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments, **_options) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(EngineError) as caught, lock.held(tmp_path):
        pass
    assert str(caught.value) == (
        f"the stack can't be locked: {tmp_path} can't be written (Read-only file system); nothing was begun"
    )
