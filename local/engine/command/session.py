"""`pulumi whoami` and `pulumi version`."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.engine.error import EngineError
from local.engine.state.checkpoint import VERSION
from local.engine.workspace import project

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def whoami(arguments: Arguments) -> int:
    """Show the user and the backend."""
    try:
        home = project.find(Path.cwd())
    except EngineError:
        home = None
    backend = project.backend(home)
    user = getpass.getuser()
    if arguments.has("--json"):
        _say(json.dumps({"user": user, "url": backend.url}, indent=2))
    else:
        _say(f"User: {user}\nBackend URL: {backend.url}" if arguments.has("--verbose") else user)
    return 0


def version(_arguments: Arguments) -> int:
    """Print the version of the official engine that this one does the same as."""
    _say(VERSION)
    return 0
