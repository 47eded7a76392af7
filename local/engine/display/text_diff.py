"""Differences of texts: by characters where both are one line, else by lines with some around them; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diff_match_patch import diff_match_patch

from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {-1: op.DELETE, 0: op.SAME, 1: op.CREATE}
_CONTEXT = 2  # unchanged lines around what changed
_ELLIPSIS = "...\n"


def _differ() -> diff_match_patch:
    differ = diff_match_patch()
    differ.Diff_Timeout = 0  # exact, so that the same texts always show the same
    return differ


def characters(old: str, new: str) -> list[tuple[str, str]]:
    """Pieces of two lines, each with whether it is gone, new or the same."""
    differ = _differ()
    diffs = differ.diff_main(old, new, checklines=False)
    differ.diff_cleanupEfficiency(diffs)
    return [(_KINDS[kind], text) for kind, text in diffs]


def line_chunks(old: str, new: str) -> Iterator[tuple[str, str]]:
    """The lines that are gone, new, or near those; what is left out shows as `...`."""
    differ = _differ()
    before, after, lines = differ.diff_linesToChars(old, new)
    diffs = differ.diff_main(before, after, checklines=False)
    differ.diff_charsToLines(diffs, lines)
    for index, (number, text) in enumerate(diffs):
        kind = _KINDS[number]
        found = [line for line in text.split("\n") if line.strip()]
        if kind == op.SAME:
            found = _nearby(found, first=index == 0, last=index == len(diffs) - 1)
        yield from ((kind, line) for line in found)


def _nearby(lines: list[str], *, first: bool, last: bool) -> list[str]:
    if first:
        return [_ELLIPSIS, *lines[-_CONTEXT:]] if len(lines) > _CONTEXT + 1 else lines
    if last:
        return [*lines[:_CONTEXT], _ELLIPSIS] if len(lines) > _CONTEXT + 1 else lines
    if len(lines) > 2 * _CONTEXT + 1:
        return [*lines[:_CONTEXT], _ELLIPSIS, *lines[-_CONTEXT:]]
    return lines
