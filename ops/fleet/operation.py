"""Carries out a command on a fleet: checks everything, holds the lock file, runs, and lets go of what was destroyed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal

from ops.fleet.inline import dropped_in_silence
from ops.fleet.lock import held_by_this_run
from ops.fleet.plan import plan
from ops.fleet.run import run_all
from ops.fleet.stack import PROJECT, open_stacks, reason_of
from ops.fleet.status import Status, of_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ops.fleet.board import Board
    from ops.fleet.outcome import Outcome, Watch
    from ops.fleet.stack import Stacks

_MANY = 3  # workspaces from which on an engine that stays loaded saves more than it costs
Command = Literal["preview", "up", "refresh", "destroy"]


def carry_out(
    command: Command,
    file: Path,
    only: Sequence[str],
    board: Board,
    *,
    parallel: int,
    confirm: Callable[[Sequence[str]], bool] | None = None,
) -> list[Outcome]:
    """Runs a command on the chosen workspaces; returns how each ended.

    Args:
        command: what to do.
        file: the fleet's file.
        only: names of workspaces; none for all of the file.
        board: is told how it goes.
        parallel: how many at a time.
        confirm: is asked before anything changes.

    Raises:
        FleetError: something in the files can't work; nothing was touched.
        EngineError: there is no engine that could run.
    """
    decided = plan(file)
    names = decided.chosen(only, left_too=command == "destroy")
    if confirm is not None and not confirm(names):
        return []
    with nullcontext() if command == "preview" else held_by_this_run(file):
        if command != "preview":
            decided = plan(file)  # a run that has just ended may have changed the lock file
        with open_stacks(
            decided.lock,
            secrets_provider=decided.fleet.secrets_provider,
            engine_stays=len(names) >= _MANY,
        ) as stacks:
            if command == "up":
                decided.hold(names)

            def work(name: str, watch: Watch) -> Outcome:
                config = decided.stack_config(name, PROJECT)
                outcome: Outcome = getattr(stacks, command)(name, config, watch)
                if command == "destroy" and name in decided.left:
                    stacks.forget(name)
                return outcome

            with dropped_in_silence():
                return run_all(names, work, board, parallel=parallel)


def look(file: Path, only: Sequence[str], *, parallel: int) -> list[Status]:
    """What the backend knows of the chosen workspaces, and of those that were taken out of the file.

    Raises:
        FleetError: something in the files can't work.
        EngineError: there is no engine, or it can't say which stacks there are.
    """
    decided = plan(file)
    names = decided.chosen(only, left_too=True) if only else (*decided.names, *decided.left)
    with (
        open_stacks(decided.lock, engine_stays=len(names) >= _MANY) as stacks,
        ThreadPoolExecutor(parallel) as pool,
    ):
        backend = stacks.workspace.who_am_i().url or ""
        return list(
            pool.map(lambda name: _status(stacks, name, backend, listed=name in decided.names), names)
        )


def _status(stacks: Stacks, name: str, backend: str, *, listed: bool) -> Status:
    if name not in stacks.known:
        return Status(name, listed, "not deployed")
    try:
        return of_stack(stacks.workspace, name, listed=listed, project=PROJECT, backend=backend)
    except Exception as error:  # noqa: BLE001 (one state that can't be read hides no other)
        return Status(name, listed, "unknown", error=reason_of(error))
