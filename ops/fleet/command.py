"""``python -m ops fleet preview|up|refresh|destroy|status``."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic.alias_generators import to_camel
from rich.console import Console

from ops.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from ops.fleet.operation import Command
    from ops.fleet.outcome import Outcome
    from ops.fleet.status import Status

app = typer.Typer(
    help="Stamp out workspaces: one stack for each in fleet.yaml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

File = Annotated[Path, typer.Option("--file", "-f", help="The fleet's file.")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only this workspace; may be repeated.")]
Parallel = Annotated[int, typer.Option("--parallel", min=1, max=64, help="How many workspaces at a time.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
_FILE, _PARALLEL = Path("fleet.yaml"), 4
_LOG_WIDTH = 200


@app.command()
def preview(
    file: File = _FILE, only: Only = None, parallel: Parallel = _PARALLEL, *, as_json: AsJson = False
) -> None:
    """Show what `up` would do. Writes nothing, not even an empty stack."""
    _run("preview", file, only, parallel, as_json=as_json)


@app.command()
def up(
    file: File = _FILE, only: Only = None, parallel: Parallel = _PARALLEL, *, as_json: AsJson = False
) -> None:
    """Make or update the workspaces."""
    _run("up", file, only, parallel, as_json=as_json)


@app.command()
def refresh(
    file: File = _FILE, only: Only = None, parallel: Parallel = _PARALLEL, *, as_json: AsJson = False
) -> None:
    """Bring the states up to date with what is there."""
    _run("refresh", file, only, parallel, as_json=as_json)


@app.command()
def destroy(
    file: File = _FILE,
    only: Only = None,
    parallel: Parallel = _PARALLEL,
    *,
    as_json: AsJson = False,
    yes: Yes = False,
) -> None:
    """Delete everything in the workspaces. With --only, also in one that was taken out of the file."""
    _run("destroy", file, only, parallel, as_json=as_json, ask=not yes)


@app.command()
def status(
    file: File = _FILE, only: Only = None, parallel: Parallel = _PARALLEL, *, as_json: AsJson = False
) -> None:
    """Show what the backend knows of each workspace. Runs nothing."""
    with _told():
        from ops.fleet.operation import look  # noqa: PLC0415 (Pulumi is loaded for these commands only)

        found = look(file, only or [], parallel=parallel)
    if as_json:
        _print_json({"command": "status", "workspaces": [_row(one) for one in found]})
    else:
        from ops.fleet.board import show_status  # noqa: PLC0415

        show_status(_console(), found)


def _run(
    command: Command,
    file: Path,
    only: list[str] | None,
    parallel: int,
    *,
    as_json: bool,
    ask: bool = False,
) -> None:
    """Runs a command and shows how it ended; exit code 1 if a workspace failed."""
    from ops.fleet.board import Board  # noqa: PLC0415

    board = Board(_console(), command, quiet=as_json)
    with _told():
        from ops.fleet.operation import carry_out  # noqa: PLC0415

        asked = _confirmed if ask and sys.stdin.isatty() and not as_json else None
        outcomes = carry_out(command, file, only or [], board, parallel=parallel, confirm=asked)
    if as_json:
        _print_json({"command": command, "workspaces": [_row(outcome) for outcome in outcomes]})
    else:
        board.results(outcomes)
    if any(outcome.state in ("failed", "not started") for outcome in outcomes):
        raise typer.Exit(1)


def _console() -> Console:
    # A log isn't as narrow as the terminal that it hasn't got.
    return Console(highlight=False, width=None if sys.stdout.isatty() else _LOG_WIDTH)


def _confirmed(names: Sequence[str]) -> bool:
    return typer.confirm(f"Delete everything in {', '.join(names)}?")


@contextmanager
def _told() -> Generator[None]:
    """Turns what is wrong with files and engines into a failure of one line, code 2: nothing was touched."""
    # gRPC reports each engine that hangs up, between the lines of the table.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        yield
    except Exception as error:
        from ops.engine import EngineError  # noqa: PLC0415
        from ops.fleet.spec import FleetError  # noqa: PLC0415

        if isinstance(error, FleetError | EngineError):
            raise Failure(str(error), code=2) from None
        raise


def _row(one: Outcome | Status) -> dict[str, Any]:
    return {to_camel(key): value for key, value in asdict(one).items()}


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
