"""Which display an operation gets: a tree that lives, lines, or every step's properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine.display import colour
from local.engine.display.diff_display import DiffDisplay
from local.engine.display.plain_lines import PlainLines
from local.engine.display.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.display.events import Event
    from local.engine.display.options import DisplayOptions
    from local.engine.display.progress import Renderer
    from local.engine.display.rows import Rows

_FRAME_SECONDS = 0.1
_LABELS = {
    ("update", True): "Previewing update",
    ("update", False): "Updating",
    ("refresh", True): "Previewing refresh",
    ("refresh", False): "Refreshing",
    ("destroy", True): "Previewing destroy",
    ("destroy", False): "Destroying",
    ("import", True): "Previewing import",
    ("import", False): "Importing",
}


def display_for(
    kind: str, stack: str, stack_urn: str, options: DisplayOptions, *, preview: bool
) -> Callable[[Event], None]:
    """The display of an operation."""
    label = _LABELS[kind, preview]
    title = f"{colour.HEADLINE}{label} ({stack}):{colour.RESET}\n"
    beating = ("✨ " if options.emoji and options.terminal else "") + label.lower()
    if options.diff:
        return DiffDisplay(title, beating, options)

    def renderer(rows: Rows) -> Renderer:
        if options.terminal:
            from local.engine.display.live_tree import LiveTree  # noqa: PLC0415 - only on a terminal

            return LiveTree(rows)
        return PlainLines(beating, rows)

    return Progress(
        title,
        options,
        preview=preview,
        stack_urn=stack_urn,
        renderer=renderer,
        seconds=_FRAME_SECONDS if options.terminal else 1,
    )
