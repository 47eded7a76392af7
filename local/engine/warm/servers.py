"""The servers of a fleet's command: `python -I servers.py FOLDER`; says `ready` and ends when standard input does."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[3])
_SERVER = str(Path(__file__).resolve().with_name("server.py"))


def _commands() -> dict[str, tuple[list[str], dict[str, str]]]:
    """Kind → interpreter and environment, as the engine starts it cold (`providers/host.py`)."""
    own = dict(os.environ)
    provider = {**own, "PYTHONUNBUFFERED": "1"}
    path = os.pathsep.join([_ROOT, *filter(None, [own.get("PYTHONPATH")])])
    return {
        "engine": ([sys.executable, "-I"], own),
        "pulumi.dynamic": ([own.get("PULUMI_PYTHON_CMD") or sys.executable], provider),
        "local.provider": ([sys.executable], {**provider, "PYTHONPATH": path}),
    }


def main() -> None:
    """Start them, wait for the end, let the engines finish before their providers go."""
    folder = sys.argv[1]
    servers = [
        subprocess.Popen(  # noqa: S603 - its own script
            [*python, _SERVER, folder, kind],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the clients, which hand it on
        )
        for kind, (python, environment) in _commands().items()
    ]
    for server in servers:
        assert server.stdout is not None  # noqa: S101 - a pipe was asked for
        server.stdout.readline()  # nothing, if it can't start: its clients start cold
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while os.read(0, 1024):
        pass
    for server in servers:
        assert server.stdin is not None  # noqa: S101 - a pipe was asked for
        server.stdin.close()
        server.wait()


main()
