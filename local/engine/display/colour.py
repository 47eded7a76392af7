"""Colour in texts: tags such as `<{%fg 1%}>`, as Pulumi's events have them, and what becomes of them; pure.

The tags and codes are those of the official CLI (sdk/go/common/diag/colors in pulumi/pulumi); `--color raw` shows them.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from local.engine.error import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALWAYS, NEVER, RAW = "always", "never", "raw"
_TAG = re.compile(r"<\{%(.*?)%\}>", re.DOTALL)

RESET, BOLD, UNDERLINE = "<{%reset%}>", "<{%bold%}>", "<{%underline%}>"
RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN = (f"<{{%fg {number}%}}>" for number in range(1, 7))
BRIGHT_BLACK, BRIGHT_RED, BRIGHT_GREEN = "<{%fg 8%}>", "<{%fg 9%}>", "<{%fg 10%}>"
BRIGHT_BLUE, BRIGHT_MAGENTA, BRIGHT_CYAN = "<{%fg 12%}>", "<{%fg 13%}>", "<{%fg 14%}>"

PLAIN = RESET  # the terminal's own colour
HEADLINE = BRIGHT_MAGENTA + BOLD
INFO, ERROR, WARNING, PROMPT = MAGENTA, RED, YELLOW, CYAN + BOLD


def mode_of(setting: str, environment: Mapping[str, str], *, terminal: bool) -> str:
    """What `--color` and the environment come to; raises EngineError for a setting there isn't."""
    if setting not in {"", "auto", ALWAYS, NEVER, RAW}:
        raise EngineError(
            f"unsupported color option: '{setting}'.  Supported values are: auto, always, never, raw"
        )
    if setting in {"", "auto"}:
        dumb = environment.get("TERM", "").lower() == "dumb"
        return ALWAYS if terminal and not dumb and not environment.get("NO_COLOR") else NEVER
    return setting


def mode(setting: str) -> str:
    """The mode of this process."""
    import sys  # noqa: PLC0415

    return mode_of(setting, os.environ, terminal=sys.stdout.isatty())


def colorize(text: str, mode: str) -> str:
    """The text as it is to be written: tags turned into terminal codes, taken out, or kept."""
    if mode == RAW or "<{%" not in text:
        return text
    return _TAG.sub((lambda found: _code(found[1])) if mode == ALWAYS else "", text)


def plain(text: str) -> str:
    """The text without its tags."""
    return colorize(text, NEVER)


def width(text: str) -> int:
    """How many columns a text takes."""
    return cell_len(plain(text))


def clamped(text: str, columns: int) -> str:
    """The text cut to a number of columns; tags take none."""
    if width(text) <= columns:
        return text
    kept: list[str] = []
    left = columns
    for piece, is_tag in _pieces(text):
        if is_tag:
            kept.append(piece)
        elif left > 0:
            if cell_len(piece) > left:
                piece = set_cell_size(piece, left)  # noqa: PLW2901
            left -= cell_len(piece)
            kept.append(piece)
    return "".join(kept) + RESET


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    position = 0
    for found in _TAG.finditer(text):
        if found.start() > position:
            yield text[position : found.start()], False
        yield found[0], True
        position = found.end()
    if position < len(text):
        yield text[position:], False


def _code(tag: str) -> str:
    if tag == "reset":
        return "\x1b[0m"
    if tag == "bold":
        return "\x1b[1m"
    if tag == "underline":
        return "\x1b[4m"
    kind, _, number = tag.partition(" ")
    return f"\x1b[{'38' if kind == 'fg' else '48'};5;{number}m"
