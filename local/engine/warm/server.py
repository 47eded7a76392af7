"""Loads a kind of process once and forks it for each request; by path, and with the standard library until it loads.

    python server.py FOLDER KIND     (KIND: engine, pulumi.dynamic or local.provider)

It lives as long as standard input is open: then its children are asked to finish, and after a while ended. A child
that is alone, because this process was killed, ends at once; one whose client was killed is killed. The parent never
has a thread or a gRPC object, so that a fork is as good as a start: a request that would start with another
interpreter, or with other settings of it, is refused, and its client starts it cold.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = Path(__file__).resolve().parents[3]
_START = _ROOT / "local" / "engine" / "start.py"
_LEASH = _ROOT / "local" / "engine" / "providers" / "leash.py"
_FINISH_SECONDS = 10.0
_LINGER = "MLOPS_ENGINE_LINGER_SECONDS"  # as for providers whose engine is gone (`providers/host.py`)
_REQUEST_SECONDS = 10.0
# What an interpreter or its libraries read when they start: a fork can't take up another value.
_FIXED = ("PYTHON", "LC_", "LANG", "LD_", "TZ", "GRPC_", "PROTOCOL_BUFFERS_", "OPENSSL_", "MALLOC_")
_LIBRARIES = {
    "pulumi.dynamic": (
        "cryptography.hazmat.primitives.ciphers.aead",
        "dill",
        "grpc.aio",
        "pulumi",
        "pulumi.dynamic",
        "pulumi.runtime._serialization",
    ),
    "local.provider": ("cryptography.hazmat.primitives.ciphers.aead", "grpc.aio", "local.provider.servicer"),
}


def _finish_seconds() -> float:
    with suppress(ValueError):  # engines refuse it when they start
        return float(os.environ.get(_LINGER) or _FINISH_SECONDS)
    return _FINISH_SECONDS


def fixed(environment: dict[str, str]) -> dict[str, str]:
    """The part of an environment that a fork has from its parent."""
    return {key: value for key, value in environment.items() if key.startswith(_FIXED)}


class Child:
    """A forked process and who asked for it."""

    def __init__(self, pid: int, client: socket.socket) -> None:
        self.pid = pid
        self.client = client
        self.ended = False


class Server:
    """Forks. `preload` loads what children need; `work` is what a child does with a command's arguments."""

    def __init__(self, folder: str, kind: str) -> None:
        self._folder, self._kind = folder, kind
        if kind == "engine":
            self._prefix = [sys.executable, "-I", str(_START)]
        else:
            self._prefix = [sys.executable, str(_LEASH), "--outcomes", kind]
        self._environment = fixed(dict(os.environ))
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        # Its writing end is this process's alone: children end when it is gone.
        self._alive, self._held = os.pipe()
        self._woken, self._wake = os.pipe()
        for descriptor in (self._woken, self._wake):
            os.set_blocking(descriptor, False)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def listen(self) -> None:
        """Make the socket, for nobody but this user."""
        before = os.umask(0o177)
        self._listener.bind(f"{self._folder}/{self._kind}.socket")
        os.umask(before)
        self._listener.listen(64)

    def serve(self) -> Callable[[], int] | None:
        """Until standard input ends. In a child, returns what it has to do."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for readable in (0, self._woken, self._listener):
            self._selector.register(readable, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == 0:
                    if not os.read(0, 1024):
                        self._finish()
                        return None
                elif key.fileobj == self._woken:
                    self._reap()
                elif key.fileobj is self._listener:
                    if work := self._accept():
                        return work
                else:
                    self._hear(key.data)

    def _accept(self) -> Callable[[], int] | None:
        client, _ = self._listener.accept()
        client.settimeout(_REQUEST_SECONDS)
        request, descriptors = _received(client)
        pid = -1
        if request is not None and not self._differs(request):
            pid = os.fork()
            if pid == 0:
                client.close()
                return self._become(request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        if pid < 0:
            client.close()
            return None
        child = Child(pid, client)
        self._children[pid] = child
        _tell(client, "begun\n")
        self._selector.register(client, selectors.EVENT_READ, child)
        return None

    def _differs(self, request: dict[str, Any]) -> bool:
        return (
            request["command"][: len(self._prefix)] != self._prefix
            or fixed(request["environment"]) != self._environment
        )

    def _hear(self, child: Child) -> None:
        """Signals for a child; the end of its client is the end of it."""
        try:
            numbers = child.client.recv(16)
        except OSError:
            numbers = b""
        if not numbers:
            self._selector.unregister(child.client)
        for number in numbers or bytes([signal.SIGKILL]):
            if not child.ended:  # its number stays its own until it is asked after, below
                with suppress(ProcessLookupError):
                    os.kill(child.pid, number)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._woken, 1024):
                pass
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if not pid:
                continue
            child.ended = True
            del self._children[pid]
            code = os.waitstatus_to_exitcode(status)
            _tell(child.client, f"exit {code}\n" if code >= 0 else f"signal {-code}\n")
            with suppress(KeyError, ValueError):
                self._selector.unregister(child.client)
            child.client.close()

    def _finish(self) -> None:
        """Whoever wanted this process is gone: so are all who would read an answer."""
        self._listener.close()
        until = time.monotonic() + _finish_seconds()
        if self._kind != "engine":
            # Engines are gone by now, and each provider ends with its own: after what that had begun.
            until = float("inf")
        for pid in self._children if self._kind == "engine" else ():
            os.kill(pid, signal.SIGTERM)
        while self._children and time.monotonic() < until:
            self._selector.select(min(until - time.monotonic(), _FINISH_SECONDS))
            self._reap()
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _become(self, request: dict[str, Any], descriptors: list[int]) -> Callable[[], int]:
        """In the child: be the process that was asked for."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        self._selector.close()
        self._listener.close()
        for child in self._children.values():
            child.client.close()
        for descriptor in (self._held, self._woken, self._wake):
            os.close(descriptor)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(request["folder"])
        os.umask(request["umask"])
        os.environ.clear()
        os.environ.update(request["environment"])
        for stream in (sys.stdin, sys.stdout):
            stream.reconfigure(line_buffering=stream.isatty())  # pyright: ignore[reportAttributeAccessIssue]
        if self._kind == "engine":
            self._hold()
        return lambda: self._work(request["command"])

    def _hold(self) -> None:
        def wait() -> None:
            while os.read(self._alive, 1024):
                pass
            os._exit(1)

        threading.Thread(target=wait, daemon=True, name="warm").start()

    def _work(self, command: list[str]) -> int:
        if self._kind == "engine":
            sys.argv = command[2:]
            from local.engine import start, warm  # noqa: PLC0415 - loaded before the fork

            warm.folder = self._folder
            return start.main()
        sys.argv = command[1:]
        importlib.import_module("leash").main()  # loaded before the fork, by its path
        return 0


def _received(client: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """A request and its three descriptors; nothing if the client ended or is somebody else."""
    descriptors: list[int] = []
    try:
        header, descriptors, _, _ = socket.recv_fds(client, 4, 3)
        data, size = b"", int.from_bytes(header, "big")
        while len(data) < size:
            more = client.recv(size - len(data))
            if not more:
                return None, descriptors
            data += more
        return (json.loads(data) if len(descriptors) == 3 else None), descriptors
    except (OSError, ValueError):
        return None, descriptors


def _tell(client: socket.socket, line: str) -> None:
    with suppress(OSError):
        client.sendall(line.encode())


def _preload(kind: str) -> None:
    if kind == "engine":
        sys.path.insert(0, str(_ROOT))
        from local.engine import start  # noqa: PLC0415 - its folder isn't on the path before

        start.preload()
        return
    # As the leash does when it starts: the working directory comes first, then what is installed.
    sys.path[0] = str(_LEASH.parent)
    importlib.import_module("leash")

    sys.path[0] = os.getcwd()  # noqa: PTH109
    for name in _LIBRARIES[kind]:
        importlib.import_module(name)


if __name__ == "__main__":
    server = Server(sys.argv[1], sys.argv[2])
    gc.disable()
    _preload(sys.argv[2])
    gc.enable()
    gc.freeze()
    server.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if found := server.serve():
        sys.exit(found())
