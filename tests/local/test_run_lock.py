"""Two runs at once, and what a killed run leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.run_lock import HeldError, run_lock

if TYPE_CHECKING:
    from pathlib import Path

_HOLDER = """
import sys, pathlib
from local.run_lock import run_lock
with run_lock(pathlib.Path(sys.argv[1]), "make up"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_is_refused_with_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "up.lock"
    with _hold(path) as holder:
        with (
            pytest.raises(
                HeldError, match=rf"`make up` \(process {holder.pid}, since .*wait until it has ended"
            ),
            run_lock(path, "make down"),
        ):
            pytest.fail("two runs at once")
        holder.communicate("")


def test_a_killed_run_frees_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "up.lock"
    with _hold(path) as holder:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with run_lock(path, "make up"):
            assert f'"pid": {os.getpid()}' in path.read_text()


def test_a_lock_can_be_taken_again_after_it_was_released(tmp_path: Path) -> None:
    path = tmp_path / "up.lock"
    for _ in range(2):
        with run_lock(path, "make up"):
            pass
    assert path.read_text() == ""
