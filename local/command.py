"""What the commands that deploy to local Azure have in common: how they begin, and how they fail."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from local import service
from local.endpoint import EndpointError
from local.engine_run import EngineRunError
from local.run_lock import HeldError, run_lock
from local.settings import LocalDir
from local.stack import LocalStack, StackError
from ops.engine import EngineError, choose

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_NEEDED_MB = 1500


class CommandError(Exception):
    """A command could not do its work; the message says why and what to do."""


@dataclass(frozen=True)
class Work:
    """What every step of a command needs."""

    console: Console
    directory: LocalDir
    stack: LocalStack


@contextmanager
def told(command: str, directory: LocalDir | None = None) -> Generator[tuple[Console, LocalDir]]:
    """Holds the run lock, and turns every expected failure into one line and exit code 1."""
    directory = directory or LocalDir.find()
    console = Console(highlight=False, soft_wrap=True)
    try:
        with run_lock(directory.root / "up.lock", command):
            yield console, directory
    except (
        CommandError,
        EngineRunError,
        HeldError,
        StackError,
        EngineError,
        EndpointError,
        service.ServiceError,
    ) as error:
        console.print(f"[red]{command}:[/] ", end="")
        console.print(str(error), markup=False)
        raise typer.Exit(1) from None
    except OSError as error:
        console.print(
            f"[red]{command}:[/] {error.strerror or error}: {error.filename or directory.root}. Make room or make it writable, then run this again.",
        )
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print(f"{command}: interrupted. What was finished is kept; run `{command}` again to go on.")
        raise typer.Exit(130) from None


def check_room(directory: LocalDir) -> None:
    """Refuses to begin where the disk can't hold what is going to be made."""
    directory.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(directory.root).free >> 20
    if free < _NEEDED_MB:
        raise CommandError(
            f"only {free} MB are free on the disk of {directory.root}; {_NEEDED_MB} MB are needed "
            "for environments, blobs and state. Free some and run this again; nothing was changed."
        )


def started(console: Console, directory: LocalDir, overrides: Mapping[str, Any] | None = None) -> Work:
    """Starts local Azure, once it is clear that there is an engine to deploy to it."""
    engine = choose(os.environ)
    with console.status("Starting local Azure"):
        service.start(directory)
    return Work(
        console,
        directory,
        LocalStack(directory, engine, service.client_environment(directory), overrides or {}),
    )


def counted(changes: Mapping[str, int]) -> str:
    """What an update changed, in words; empty if nothing.

    >>> counted({"create": 2, "same": 40, "delete": 1})
    '2 created, 1 deleted'
    """
    words = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
    return ", ".join(f"{changes[key]} {word}" for key, word in words.items() if changes.get(key))
