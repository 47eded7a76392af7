"""Has a command line run by a server that has it loaded, or becomes that command line.

    python -I -S client.py SOCKET COMMAND [ARGUMENT …]

Standard input, output and error, arguments, environment, working directory and signals are handed on, the exit code
comes back. Nothing is decided here: a server that would do anything else than COMMAND says so.
"""

import json
import os
import signal
import socket
import sys

_HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_VARIABLE = "MLOPS_WARM_ENGINE"


def main() -> None:
    """Ask the server; never returns."""
    path, command = sys.argv[1], sys.argv[2:]
    os.environ.pop(_VARIABLE, None)
    umask = os.umask(0o77)
    os.umask(umask)
    request = {"command": command, "environment": dict(os.environ), "folder": os.getcwd(), "umask": umask}  # noqa: PTH109 - pathlib costs an import
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # What arrives before the server has the request waits in the pipe of signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDED_ON)
    try:
        server.connect(path)
        data = json.dumps(request).encode()
        header = len(data).to_bytes(4, "big")
        socket.send_fds(server, [header], [0, 1, 2])
        server.sendall(data)
        answer = server.recv(16)
    except (OSError, ValueError):
        answer = b""
    if answer != b"begun\n":
        server.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDED_ON)
        os.execv(command[0], command)  # noqa: S606 - as it is
    for number in _HANDED_ON:
        signal.signal(number, lambda number, _: server.sendall(bytes([number])))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDED_ON)
    try:
        answer = server.recv(64)
    except OSError:
        answer = b""
    kind, _, number = answer.decode().partition(" ")
    if kind == "signal":
        signal.signal(int(number), signal.SIG_DFL)
        os.kill(os.getpid(), int(number))
    # Without an answer the server was killed, and its children with it.
    os._exit(int(number) if kind == "exit" else 1)


main()
