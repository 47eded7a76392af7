"""Local Azure as a background service: start it, stop it, find it, point clients at it.

Nothing here imports the server: these functions are quick, and work while it is broken.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.settings import DEFAULT_PORT, REPOSITORY, LocalDir
from local.variables import BUNDLES, client_variables, stack_variables

if TYPE_CHECKING:
    from collections.abc import Mapping


def _version() -> str:
    try:
        return metadata.version("azure-ml-platform")
    except metadata.PackageNotFoundError:
        return "0"


VERSION = _version()
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 30.0
#: What would lead a child of local Azure to somebody's real cloud, or back into local Azure.
_CLIENT_PREFIXES = ("AZURE_", "ARM_")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


class ServiceError(Exception):
    """Local Azure can't be started, stopped or found; the message is one line that says what to do."""


@dataclass(frozen=True)
class Running:
    """A local Azure that answers."""

    pid: int
    port: int
    started: str
    version: str


def wanted_port(environ: Mapping[str, str]) -> int:
    """The port to listen on.

    Raises:
        ServiceError: ``MLOPS_LOCAL_PORT`` is no port.
    """
    named = environ.get("MLOPS_LOCAL_PORT", "")
    if not named:
        return DEFAULT_PORT
    if not named.isdigit() or int(named) > 65535:
        raise ServiceError(
            f"MLOPS_LOCAL_PORT={named} is no port; write a number from 0 (any free one) to 65535."
        )
    return int(named)


def find(directory: LocalDir) -> Running | None:
    """The running local Azure, or None. What a killed one left behind is not taken for one."""
    try:
        details = json.loads(directory.server.read_text())
        running = Running(
            int(details["pid"]), int(details["port"]), str(details["started"]), str(details["version"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    health = _health(running.port)
    return running if health is not None and health.get("pid") == running.pid else None


def _health(port: int, seconds: float = 5) -> dict[str, Any] | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", "/health")
        answer = json.loads(connection.getresponse().read())
    except (OSError, ValueError, OverflowError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) and answer.get("service") == "local-azure" else None


def start(directory: LocalDir) -> Running:
    """Starts local Azure unless it runs; returns when it answers. Two starts at once start one.

    Raises:
        ServiceError: it can't start.
    """
    running = find(directory)
    if running is not None:
        return running
    try:
        directory.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.root.chmod(0o700)
        directory.logs.mkdir(mode=0o700, exist_ok=True)
        with (directory.root / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return find(directory) or _start(directory)
    except OSError as error:
        raise ServiceError(
            f"Local Azure can't write to {error.filename or directory.root} ({error.strerror}); make it writable, make room, "
            "or name another folder in MLOPS_LOCAL_DIR."
        ) from None


def _start(directory: LocalDir) -> Running:
    free = shutil.disk_usage(directory.root).free >> 20
    if free < 100:
        raise ServiceError(
            f"Only {free} MB are free on the disk of {directory.root}; local Azure needs 100 MB to start."
        )
    _wait_for_lock(directory)
    port = wanted_port(os.environ)
    if port and (message := _taken(port)) is not None:
        raise ServiceError(message)
    log = directory.logs / "azure.log"
    errors = directory.logs / "azure-start.log"
    with log.open("ab") as output, errors.open("wb") as failure:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.azure.server"],
            cwd=REPOSITORY,
            env={**os.environ, "MLOPS_LOCAL_DIR": str(directory.root), "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=failure,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceError(_reason(errors, log))
        running = find(directory)
        if running is not None and running.pid == process.pid:
            return running
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    raise ServiceError(f"Local Azure did not answer within {_START_TIMEOUT:.0f} s; see {log}.")


def _wait_for_lock(directory: LocalDir) -> None:
    """Waits for a server that is just ending."""
    with (directory.root / "server.lock").open("a") as lock:
        for _ in range(100):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
            else:
                return
    raise ServiceError(
        f"A local Azure holds {directory.root} and doesn't answer; end it with `python -m local stop`, then start again."
    )


def _reason(errors: Path, log: Path) -> str:
    text = errors.read_text(errors="replace").strip()
    last = text.splitlines()[-1] if text else ""
    if last.startswith("error: "):
        return last.removeprefix("error: ")
    if text:
        with log.open("a") as output:
            output.write(f"{text}\n")
    return f"Local Azure ended while starting ({last or 'it said nothing'}); see {log}."


def _taken(port: int) -> str | None:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            holder = _holder(port)
            return (
                f"Port {port} is in use{holder}; end that, or set MLOPS_LOCAL_PORT to a free port (0: any)."
            )
    return None


def _holder(port: int) -> str:
    # Whatever listens there may never answer, and somebody waits to hear who it is.
    health = _health(port, 1)
    if health is not None:
        return f" by another local Azure (process {health.get('pid')})"
    import psutil  # noqa: PLC0415

    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("inet"):
            address = connection.laddr
            if connection.status != psutil.CONN_LISTEN or not address or not connection.pid:
                continue
            if address.port == port:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""


def stop(directory: LocalDir) -> bool:
    """Stops local Azure and waits until it and its children are gone; False if it didn't run.

    Raises:
        ServiceError: it doesn't end.
    """
    pid = _pid(directory)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT
    while _alive(pid):
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            deadline = float("inf")
        time.sleep(0.05)
    directory.server.unlink(missing_ok=True)
    _wait_for_children(directory)
    return True


def _pid(directory: LocalDir) -> int | None:
    """The process that holds the server's lock."""
    try:
        with (directory.root / "server.lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    except OSError:
        return None
    else:
        # Nobody holds it: what server.json names is long gone.
        return None
    try:
        return int((directory.root / "server.lock").read_text())
    except ValueError:
        raise ServiceError(
            f"A process holds {directory.root / 'server.lock'} and can't be told; end it by hand."
        ) from None


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        # Reaps it where this process started it.
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for_children(directory: LocalDir) -> None:
    lock_file = directory.blobs / "lock"
    if not lock_file.exists():
        return
    with lock_file.open("r") as lock:
        for _ in range(200):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.05)


def reset(directory: LocalDir) -> None:
    """Stops local Azure and removes what it keeps.

    That is resources, blobs, environments, jobs, identity, CA and logs. The Pulumi state of the local stack stays.
    """
    stop(directory)
    for path in (
        directory.database,
        directory.activity,
        directory.tracking,
        directory.server,
        directory.identity,
        directory.faults,
    ):
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    for folder in (
        directory.blobs,
        directory.authority,
        directory.environments,
        directory.jobs,
        directory.deployments,
        directory.logs,
        directory.root / "azure-config",
    ):
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise ServiceError(
                f"{folder} can't be deleted; make it and what is in it yours (`ls -la`), then reset again."
            )


def client_environment(directory: LocalDir) -> dict[str, str]:
    """The variables that point any Azure client at the running local Azure.

    Raises:
        ServiceError: it doesn't run.
    """
    running = find(directory)
    if running is None:
        raise ServiceError("Local Azure is not running; start it with `python -m local start`.")
    try:
        secret = str(json.loads(directory.identity.read_text())["clientSecret"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ServiceError(
            f"{directory.identity} is missing or damaged while local Azure runs; delete it, then `python -m local stop` "
            "and `python -m local start`: that makes a new secret, and what is deployed stays."
        ) from None
    return {**client_variables(directory, running.port, secret), **stack_variables(directory)}


def package_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without anything that leads to an Azure, local or real: for children that use package registries.

    In a shell that points at local Azure already, what it trusted before is put back.
    """
    kept = {key: value for key, value in environ.items() if not key.startswith(_CLIENT_PREFIXES)}
    pointed = False
    for name in BUNDLES:
        bundle = Path(kept.get(name, ""))
        if bundle.name == "bundle.pem" and (previous := bundle.with_name("previous")).is_file():
            kept[name] = previous.read_text().strip()
            pointed = True
    for name in _PROXIES:
        if kept.get(name, "").startswith("http://127.0.0.1:") and (pointed or _is_ours(kept[name])):
            del kept[name]
    return kept


def _is_ours(url: str) -> bool:
    port = url.rpartition(":")[2].rstrip("/")
    return port.isdigit() and (int(port) == wanted_port(os.environ) or _health(int(port)) is not None)


def processes(running: Running) -> list[dict[str, Any]]:
    """What runs in local Azure: process id, memory and command line of the server and all below it."""
    import psutil  # noqa: PLC0415

    found: list[dict[str, Any]] = []
    with contextlib.suppress(psutil.Error):
        server = psutil.Process(running.pid)
        for process in [server, *server.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                command = " ".join(process.cmdline())[:160]
                found.append(
                    {"pid": process.pid, "memoryMb": process.memory_info().rss >> 20, "command": command}
                )
    return found
