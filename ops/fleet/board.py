"""What people see: a live table while a command runs in a terminal, lines elsewhere, and a table of results."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from rich.console import Console

    from ops.fleet.outcome import Outcome, Watch
    from ops.fleet.status import Status

_COLOURS = {
    "waiting": "dim",
    "running": "cyan",
    "succeeded": "green",
    "unchanged": "green",
    "failed": "red",
    "not started": "yellow",
    "deployed": "green",
    "in progress": "cyan",
    "interrupted": "red",
}


class Board:
    """Shows how a command goes. Threads may tell it things."""

    def __init__(self, console: Console, command: str, *, quiet: bool = False) -> None:
        self._console = console
        self._command = command
        self._lines = not console.is_terminal and not quiet
        self._live = console.is_terminal and not quiet

    @contextmanager
    def following(self, watches: Sequence[Watch]) -> Generator[None]:
        """Shows these workspaces until they have ended."""
        if not self._live:
            yield
            return
        with Live(
            get_renderable=lambda: _progress(watches),
            console=self._console,
            refresh_per_second=4,
            transient=True,
        ):
            yield

    def began(self, watch: Watch) -> None:
        """A workspace's turn has come."""
        if self._lines:
            self.say(f"{watch.name}: {self._command} begins")

    def ended(self, outcome: Outcome) -> None:
        """A workspace is done."""
        if self._lines:
            what = "" if outcome.state == "failed" else f": {outcome.changed}"
            self.say(f"{outcome.name}: {self._command} {outcome.state} after {outcome.seconds:.0f} s{what}")

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        if self._lines or self._live:
            self._console.print(text, markup=False, soft_wrap=True)

    def results(self, outcomes: Sequence[Outcome]) -> None:
        """The table at the end, and under it why workspaces failed."""
        table = _table("Workspace", "Result", "Changes", "Time")
        for outcome in outcomes:
            changes = outcome.changed if outcome.state in ("succeeded", "unchanged") else ""
            table.add_row(outcome.name, _state(outcome.state), changes, _seconds(outcome.seconds))
        self._console.print(table)
        for outcome in outcomes:
            for error in outcome.errors:
                self._console.print(f"{outcome.name}: {error}", style="red", markup=False, soft_wrap=True)


def show_status(console: Console, found: Sequence[Status]) -> None:
    """The table of what the backend knows."""
    table = _table(
        "Workspace", "State", "Resources", "Last command", "Ended", "Azure ML workspace", "Endpoints"
    )
    for one in found:
        last = f"{one.last_command} {one.last_result}".strip()
        endpoints = ", ".join(one.endpoints)
        count = str(one.resources) if one.resources else ""
        table.add_row(one.name, _state(one.state), count, last, one.last_update, one.workspace, endpoints)
    console.print(table)
    for one in found:
        for note in _notes(one):
            console.print(f"{one.name}: {note}", markup=False, soft_wrap=True)


def _notes(one: Status) -> Iterator[str]:
    if one.error:
        yield one.error
    if one.locked_by:
        yield f"locked by {', '.join(one.locked_by)}"
    if one.state == "interrupted":
        begun = f", in the middle of {', '.join(one.pending)}" if one.pending else ""
        yield f"a command was ended{begun}; the next `up` finds out what came of it"
    if not one.listed:
        yield f"no longer in the fleet's file; `destroy --only {one.name}` deletes it and frees its range"


def _progress(watches: Sequence[Watch]) -> Table:
    table = _table("Workspace", "State", "Resources", "Time", "Now")
    for watch in watches:
        done = str(watch.done) if watch.done else ""
        table.add_row(watch.name, _state(watch.state), done, _seconds(watch.seconds), watch.now)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in ("Resources", "Time") else "left")
    return table


def _state(state: str) -> Text:
    return Text(state, style=_COLOURS.get(state, ""))


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds else ""
