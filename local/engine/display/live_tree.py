"""The tree on a terminal, drawn again while things happen; keys scroll it where it is longer than the screen."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from local.engine.display import colour
from local.engine.display.keys import Keys
from local.engine.display.progress import write
from local.engine.display.sections import displayable
from local.engine.display.tree import Frame, frame, table

if TYPE_CHECKING:
    from local.engine.display.rows import Row, Rows

_KEYS = {
    b"\x1b[A": -1, b"\x1bOA": -1, b"k": -1, b"\x1b[B": 1, b"\x1bOB": 1, b"j": 1,
}  # fmt: skip
_PAGES = {b"\x1b[5~": -1, b"\x1b[6~": 1}
_HOME, _END = {b"\x1b[H", b"\x1b[1~", b"g"}, {b"\x1b[F", b"\x1b[4~", b"G"}
_SHARE = 10  # of the time, one part goes into drawing
_LONGEST_PAUSE = 0.9


class LiveTree:
    """Draws rows as a tree."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._messages: list[str] = []
        self._under_way: list[str] = []
        self._frame = Frame([])
        self._offset: int | None = None  # None follows the end
        self._dirty = True
        self._second = -1
        self._next = 0.0
        self._size: object = None
        self._console = Console(
            file=sys.stdout,
            force_terminal=True,
            no_color=rows.options.colour == colour.NEVER,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._keys = Keys()
        self._live = Live(
            get_renderable=self._renderable,
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="visible",
        )
        self._live.start()

    def updated(self, row: Row) -> None:
        """Draw again, soon."""
        _ = row
        self._dirty = True

    def tick(self) -> None:
        """Take keys, and draw if something is to be seen."""
        moved = self._scroll()
        size = self._console.size
        if size != self._size:
            self._size = size
            self._dirty = True
        now = time.monotonic()
        if moved or (now >= self._next and (self._dirty or self._rows.tick != self._second)):
            self._draw()
            cost = time.monotonic() - now
            self._next = now + cost + min(cost * (_SHARE - 1), _LONGEST_PAUSE)

    def progress(self, text: str, *, done: bool) -> None:
        """Show what takes a while, until it has ended."""
        if done:
            self._under_way.remove(text)
        else:
            self._under_way.append(text)
        self._dirty = True

    def message(self, text: str) -> None:
        """Show what the engine says below the tree."""
        self._messages += displayable(text)
        self._dirty = True

    def finish(self) -> None:
        """Leave the whole tree on the screen."""
        self._frame = Frame(
            [*(colour.clamped(line, self._console.size.width - 1) for line in table(self._rows)), ""]
        )
        self._live.stop()
        self._keys.close()

    def print(self, text: str) -> None:
        """Write below the tree."""
        write(colour.colorize(text, self._rows.options.colour) + "\n")

    def _draw(self) -> None:
        self._dirty, self._second = False, self._rows.tick
        size = self._console.size
        self._frame = frame(
            table(self._rows),
            self._messages or self._under_way,
            sames=0 if self._rows.options.show_sames else len(self._rows.sames),
            width=size.width,
            height=size.height,
            offset=self._offset or 0,
            scrolled=self._offset is not None,
        )
        self._live.refresh()

    def _renderable(self) -> Text:
        mode = self._rows.options.colour
        lines = [
            Text.from_ansi(colour.colorize(line, colour.NEVER if mode == colour.NEVER else colour.ALWAYS))
            for line in self._frame.lines
        ]
        text = Text("\n").join(lines)
        text.no_wrap = True
        text.overflow = "crop"
        return text

    def _scroll(self) -> bool:
        moved = False
        for key in self._keys.pressed():
            current = self._frame.offset if self._offset is None else self._offset
            if key in _HOME:
                current = 0
            elif key in _END:
                current = self._frame.last_offset
            elif key in _PAGES:
                current += _PAGES[key] * self._console.size.height
            else:
                current += _KEYS.get(key, 0)
            current = max(0, min(current, self._frame.last_offset))
            self._offset = None if current == self._frame.last_offset else current
            moved = True
        return moved
