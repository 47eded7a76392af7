"""An engine that stays loaded while a fleet's command runs, and starts each engine and provider as a fork of itself.

`local/bin/warm-engine FOLDER` runs `server.py`, which lives as long as its standard input is open; where the variable
`MLOPS_WARM_ENGINE` names the folder, `local/bin/pulumi` asks it (`client.py`) and does the same work itself if it
can't be had. Single commands know nothing of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

VARIABLE = "MLOPS_WARM_ENGINE"
ENGINE, DYNAMIC, AZURE_NATIVE = "engine", "pulumi.dynamic", "local.provider"
_CLIENT = Path(__file__).with_name("client.py")

#: Where the sockets are, in a process that was forked from a server; else empty.
folder = ""


def socket_of(kind: str, folder: str) -> str:
    """The path of a server's socket."""
    return f"{folder}/{kind}.socket"


def start_of(kind: str, command: list[str]) -> list[str]:
    """The command that starts a process warm if this process is, and as `command` does otherwise."""
    if not folder:
        return command
    return [sys.executable, "-I", "-S", str(_CLIENT), socket_of(kind, folder), *command]
