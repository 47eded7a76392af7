"""Rows as lines, each printed when it says something new: for logs, pipes and dumb terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine.display import colour
from local.engine.display.progress import write

if TYPE_CHECKING:
    from local.engine.display.options import DisplayOptions
    from local.engine.display.rows import Row, Rows


class Heartbeat:
    """Dots on a line of their own while nothing else is printed, so that nobody takes silence for the end."""

    def __init__(self, label: str, options: DisplayOptions) -> None:
        self._label = label
        self._options = options
        self._beating = False

    def beat(self) -> None:
        """One more dot."""
        if self._options.suppress_progress:
            return
        text = "" if self._beating else f"{colour.YELLOW}@ {self._label}...{colour.RESET}"
        write(colour.colorize(f"{text}{colour.YELLOW}.{colour.RESET}", self._options.colour))
        self._beating = True

    def reset(self) -> None:
        """End the line: something else is to be printed."""
        if self._beating:
            write("\n")
        self._beating = False


class PlainLines:
    """Prints rows as they change."""

    def __init__(self, label: str, rows: Rows) -> None:
        self._rows = rows
        self._options = rows.options
        self._heart = Heartbeat(label, rows.options)

    def updated(self, row: Row) -> None:
        """Print a row, unless it is one that isn't shown."""
        if not row.hidden:
            self.print(" " + " ".join(self._rows.columns(row)))

    def tick(self) -> None:
        """Show that something is still going on."""
        self._heart.beat()

    def progress(self, text: str, *, done: bool) -> None:
        """Say that something began or ended."""
        self.print(f"{text}: {'done' if done else 'starting'}")

    def message(self, text: str) -> None:
        """Print what the engine says."""
        self.print(text)

    def finish(self) -> None:
        """Everything was printed already."""

    def print(self, text: str) -> None:
        """Write a line."""
        self._heart.reset()
        write(colour.colorize(text, self._options.colour) + "\n")
