"""One local stack for all end-to-end tests of a worker, brought up as a user would, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from local.stack import clean_environment

if TYPE_CHECKING:
    from collections.abc import Generator

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Deployed:
    """A local stack of its own, and commands on it."""

    root: Path
    environ: dict[str, str]

    def local(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs ``python -m local ARGUMENTS`` on it."""
        result = subprocess.run(
            [sys.executable, "-m", "local", *arguments],
            cwd=REPOSITORY,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert not check or result.returncode == 0, f"{result.stdout}\n{result.stderr}"
        return result

    def client_environ(self) -> dict[str, str]:
        """What ``eval "$(python -m local env)"`` makes of the environment."""
        script = 'eval "$("$0" -m local env)" && env -0'
        shell = subprocess.run(
            ["/bin/sh", "-c", script, sys.executable],
            cwd=REPOSITORY,
            env=self.environ,
            capture_output=True,
            check=True,
        )
        pairs = (item.partition(b"=") for item in shell.stdout.split(b"\0") if item)
        return {name.decode(): value.decode() for name, _, value in pairs}

    def server(self) -> dict[str, Any]:
        """The running server's note: pid and port."""
        return json.loads((self.root / "server.json").read_text())

    def processes(self) -> list[psutil.Process]:
        """Every process of this machine that works for it."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), process.environ().get("MLOPS_LOCAL_DIR", "")]
            except psutil.Error:
                continue
            if process.pid != os.getpid() and any(str(self.root) in word for word in words):
                found.append(process)
        return found


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """A folder in which nothing was deployed yet."""
    root = tmp_path_factory.mktemp("stack") / ".local"
    environ = {
        **clean_environment(os.environ),
        "MLOPS_LOCAL_DIR": str(root),
        "MLOPS_LOCAL_PORT": "0",
        "MLOPS_LOCAL_SCHEDULES": "off",
        "MLOPS_ENGINE": "embedded",
    }
    return Deployed(root, environ)


@pytest.fixture(scope="session")
def first_up(empty: Deployed) -> Generator[str]:
    """What the first ``up`` printed; the stack is there until the end."""
    try:
        yield empty.local("up").stdout
    finally:
        empty.local("stop", check=False)


@pytest.fixture
def deployed(empty: Deployed, first_up: str) -> Deployed:
    """The deployed stack."""
    assert first_up
    return empty
