"""Text from anywhere as GitHub's and Azure DevOps' Markdown, in which it can do nothing; pure."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Control characters, and those that turn the order of what is read ("Trojan Source", CVE-2021-42574).
_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """``text`` with what can't be seen written as an escape; line ends stay."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def line(text: str) -> str:
    """``text`` on one line."""
    return " ".join(visible(text).split())


def words(text: str) -> str:
    """``text`` as running text on one line, with nothing in it that Markdown, HTML or a forge acts on."""
    escaped = html.escape(line(text), quote=False)
    return re.sub(r"[\\`*_{}\[\]|~$@#]|://|\b(?i:www)\.", _inert, escaped)


def _inert(match: re.Match[str]) -> str:
    """Markup as entities; a mention, a reference or a link is taken apart: forges look for them after decoding."""
    found = match.group()
    apart = "&#8203;" if len(found) > 1 or found in "@#" else ""
    return "".join(f"&#{ord(letter)};{apart}" for letter in found)


def prose(text: str) -> str:
    """``text`` as running text, with what stands between backquotes as code."""
    parts = re.split(r"`([^`\n]+)`", text)
    shown = [code(part) if index % 2 else _spaced(part) for index, part in enumerate(parts) if part]
    return "".join(shown).strip()


def _spaced(text: str) -> str:
    """Running text that keeps the space it begins and ends with."""
    if not text.strip():
        return " "
    return f"{' ' if text[0].isspace() else ''}{words(text)}{' ' if text[-1].isspace() else ''}"


def code(text: str) -> str:
    """``text`` as code within a line; ends where it should whatever is in it."""
    shown = line(text)
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") or not shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(lines: Iterable[str], language: str) -> list[str]:
    """Lines of code, in a fence that nothing in them can close."""
    inside = [visible(text).replace("\n", " ") for text in lines]
    fence = "`" * max(3, *(_longest_run(text) + 1 for text in inside), 3)
    return [f"{fence}{language}", *inside, fence]


def folded(summary: str, inside: Iterable[str]) -> list[str]:
    """Lines that show after a click on ``summary``, which is HTML."""
    return ["<details>", f"<summary>{summary}</summary>", "", *inside, "", "</details>", ""]


def tag(name: str, text: str) -> str:
    """``text`` in an HTML element."""
    return f"<{name}>{words(text)}</{name}>"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
