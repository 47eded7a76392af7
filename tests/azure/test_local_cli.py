"""``python -m local``: what it says and does, with bad input above all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from local import service
from local.azure.store import open_store
from local.settings import REPOSITORY, SUBSCRIPTION_ID, LocalDir

if TYPE_CHECKING:
    from collections.abc import Generator


class Shell:
    """Runs ``python -m local`` with a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.dir = LocalDir(root / "local")
        self.env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AZURE_", "ARM_", "MLOPS_LOCAL"))
        }
        self.env |= {"MLOPS_LOCAL_DIR": str(self.dir.root), "MLOPS_LOCAL_PORT": "0", "COLUMNS": "500"}

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local", *arguments],
            cwd=REPOSITORY,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=90,
            check=False,
        )

    def refused(self, *arguments: str, **env: str) -> str:
        """The one line that a command fails with."""
        result = self.run(*arguments, **env)
        assert result.returncode == 1, result
        assert "Traceback" not in result.stdout + result.stderr
        lines = (result.stdout + result.stderr).strip().splitlines()
        assert len(lines) == 1, lines
        return lines[0]


@contextmanager
def made() -> Generator[Shell]:
    root = Path(tempfile.mkdtemp(prefix="mlops-"))
    shell = Shell(root)
    try:
        yield shell
    finally:
        service.stop(shell.dir)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def shell() -> Generator[Shell]:
    """With an empty folder."""
    with made() as shell:
        yield shell


@pytest.fixture(scope="module")
def _used() -> Generator[Shell]:
    with made() as shell:
        yield shell


@pytest.fixture
def running(_used: Shell) -> Shell:
    """With a local Azure that runs, and has been used before."""
    assert _used.run("start").returncode == 0
    return _used


def test_faults_are_asked_for_shown_and_ended(shell: Shell) -> None:
    assert (
        json.loads(shell.run("faults", "all=0.2", "--seed", "7", "--only", "PUT *", "--json").stdout)["late"]
        == 0.1
    )
    shown = "Faults on request: throttle 0.05, error 0.05, drop 0.05, lost 0.05, slow 0.1, late 0.1 (seed 7; only PUT *)."
    assert shell.run("faults").stdout.strip() == shown
    assert json.loads(shell.run("status", "--json").stdout)["faults"]["seed"] == 7
    assert "write KIND=RATE" in shell.refused("faults", "everything")
    assert shell.run("faults", "--off").stdout.strip() == "Faults on request: none."
    assert not shell.dir.faults.exists()


def test_start_status_env_stop_and_reset(shell: Shell) -> None:
    started = json.loads(shell.run("start", "--json").stdout)
    assert started["running"]
    assert not started["alreadyRunning"]
    again = json.loads(shell.run("start", "--json").stdout)
    assert again["alreadyRunning"]
    assert again["pid"] == started["pid"]
    status = json.loads(shell.run("status", "--json").stdout)
    assert status["port"] == started["port"]
    assert "is running" in shell.run("status").stdout

    shell.dir.stack.write_text(json.dumps({"resourceGroup": "rg-x", "workspace": "mlw-x"}))
    shown = subprocess.run(
        ["sh", "-c", 'eval "$1" && env', "sh", shell.run("env").stdout],
        capture_output=True,
        text=True,
        check=True,
    )
    variables = dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)
    assert variables["HTTPS_PROXY"] == f"http://127.0.0.1:{started['port']}"
    assert variables["NO_PROXY"] == "localhost,127.0.0.1"
    assert Path(variables["REQUESTS_CA_BUNDLE"]).is_file()
    assert variables["AZURE_CLIENT_SECRET"] == variables["ARM_CLIENT_SECRET"]
    assert (variables["AZURE_RESOURCE_GROUP"], variables["AZURE_WORKSPACE_NAME"]) == ("rg-x", "mlw-x")
    assert "listening on" in shell.run("logs").stdout
    assert "there are: azure" in shell.refused("logs", "nothing")

    assert "is stopped" in shell.run("stop").stdout
    assert shell.run("status").returncode == 3
    assert shell.dir.database.exists()
    shell.run("reset", "--yes")
    assert not shell.dir.database.exists()
    assert not shell.dir.blobs.exists()


def test_env_of_what_does_not_run_is_one_line_and_starts_nothing(shell: Shell) -> None:
    assert "python -m local start" in shell.refused("env")
    assert not shell.dir.root.exists()


def test_stop_without_a_server_is_no_error(shell: Shell) -> None:
    result = shell.run("stop")
    assert (result.returncode, result.stdout) == (0, "Local Azure was not running.\n")


def test_a_port_in_use_is_named_with_the_remedy(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        line = shell.refused("start", MLOPS_LOCAL_PORT=port)
    assert port in line
    assert "MLOPS_LOCAL_PORT" in line
    assert str(os.getpid()) in line


def test_a_port_that_is_none_is_refused(shell: Shell) -> None:
    assert "MLOPS_LOCAL_PORT=http is no port" in shell.refused("start", MLOPS_LOCAL_PORT="http")


def test_a_killed_server_is_noticed_and_started_again(running: Shell) -> None:
    first = json.loads(running.run("start", "--json").stdout)
    os.kill(first["pid"], 9)
    assert running.run("status").returncode == 3
    assert "not running" in running.refused("env")
    second = json.loads(running.run("start", "--json").stdout)
    assert second["pid"] != first["pid"]


@pytest.mark.parametrize(
    "damage", [b"this is no database, whatever it was before" * 50, b"SQLite format 3\x00" + b"\xff" * 8000]
)
def test_a_damaged_database_is_one_line_with_the_remedy(shell: Shell, damage: bytes) -> None:
    shell.dir.root.mkdir(parents=True)
    shell.dir.database.write_bytes(damage)
    line = shell.refused("start")
    assert "azure.db is damaged" in line
    assert "python -m local reset" in line
    assert shell.dir.database.read_bytes() == damage


def test_a_damaged_identity_and_ca_are_one_line_each(shell: Shell) -> None:
    shell.dir.root.mkdir(parents=True)
    shell.dir.identity.write_text("{")
    assert "identity.json is damaged" in shell.refused("start")
    shell.dir.identity.unlink()
    shell.dir.authority.mkdir(exist_ok=True)
    for name in ("ca.pem", "ca-key.pem"):
        (shell.dir.authority / name).write_text("no certificate")
    assert "The local CA in" in shell.refused("start")


def test_a_damaged_identity_of_a_running_local_azure_is_one_line_and_a_restart_mends_it(
    running: Shell,
) -> None:
    whole = running.dir.identity.read_text()
    running.dir.identity.write_text(whole[:100])
    line = running.refused("env")
    assert "identity.json is missing or damaged" in line
    assert "python -m local start" in line
    running.dir.identity.unlink()
    running.run("stop")
    # The CA's key is missing too: both are made anew, and the database is the one there was.
    (running.dir.authority / "ca-key.pem").unlink()
    before = running.dir.database.stat().st_ino
    assert json.loads(running.run("start", "--json").stdout)["running"]
    variables = json.loads(running.run("env", "--json").stdout)
    assert variables["AZURE_CLIENT_SECRET"] not in whole
    trusted = ssl.create_default_context(cafile=variables["REQUESTS_CA_BUNDLE"])
    with socket.create_connection(("127.0.0.1", service.find(running.dir).port)) as connection:  # type: ignore[union-attr]
        connection.sendall(b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n")
        assert b"established" in connection.recv(4096)
        with trusted.wrap_socket(connection, server_hostname="management.azure.com") as secure:
            assert secure.version()
    assert running.dir.database.stat().st_ino == before


def test_blobs_that_are_gone_are_told_and_everything_else_stays(shell: Shell) -> None:
    shell.dir.root.mkdir(parents=True)
    group = f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/rg-kept"
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/kept"
    store = open_store(shell.dir.database)
    store.put(group, {"location": "westeurope"})
    store.put(account, {"location": "westeurope"})
    store.close()
    line = shell.refused("start")
    assert str(shell.dir.blobs) in line
    assert "python -m local reset" in line
    assert not shell.dir.blobs.exists()
    store = open_store(shell.dir.database)
    assert store.get(account) is not None
    store.close()


@pytest.mark.parametrize(
    "left",
    [
        "",
        "{",
        "[]",
        '{"pid": 1}',
        '{"pid": 1, "port": "http", "started": "", "version": ""}',
        '{"pid": 1, "port": -1, "started": "", "version": ""}',
        '{"pid": 1, "port": 70000, "started": "", "version": ""}',
        '{"pid": 1, "port": 9, "started": "", "version": ""}',
    ],
)
def test_what_a_dead_server_left_behind_is_taken_for_none(tmp_path: Path, left: str) -> None:
    directory = LocalDir(tmp_path)
    directory.server.write_text(left)
    assert service.find(directory) is None
    assert service.stop(directory) is False


def test_a_folder_on_a_read_only_disk_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(service.ServiceError, match=r"Read-only.*make it writable.*MLOPS_LOCAL_DIR"):
        service.start(LocalDir(tmp_path / "local"))


def test_a_full_disk_is_told_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 << 20))
    with pytest.raises(service.ServiceError, match=r"Only 5 MB are free.*100 MB"):
        service.start(LocalDir(tmp_path / "local"))
    assert not (tmp_path / "local" / "azure.db").exists()


def test_a_reset_that_leaves_something_behind_says_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = LocalDir(tmp_path)
    directory.blobs.mkdir()
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(service.ServiceError, match="azurite can't be deleted"):
        service.reset(directory)


def test_a_folder_that_cannot_be_written_is_named(shell: Shell) -> None:
    shell.dir.root.parent.joinpath("local").write_text("a file where the folder should be")
    line = shell.refused("start")
    assert str(shell.dir.root) in line
    assert "MLOPS_LOCAL_DIR" in line
    shell.dir.root.unlink()


def test_azurite_that_is_not_installed_is_told(shell: Shell) -> None:
    line = shell.refused("start", MLOPS_TOOLS_DIR=str(shell.dir.root.parent / "tools"))
    assert "make setup" in line


def test_a_shell_that_points_at_local_azure_can_restart_it(running: Shell) -> None:
    variables = json.loads(running.run("env", "--json").stdout)
    running.run("stop")
    assert json.loads(running.run("start", "--json", **variables).stdout)["running"]
    bundle = Path(variables["REQUESTS_CA_BUNDLE"]).read_text()
    authority = (running.dir.authority / "ca.pem").read_text()
    assert bundle.count(authority.strip()) == 1
    packages = service.package_variables({**running.env, **variables})
    assert not any(name.startswith("AZURE_") for name in packages)
    assert packages["REQUESTS_CA_BUNDLE"] != variables["REQUESTS_CA_BUNDLE"]
