"""Changes of properties as the lines of a ``diff`` block; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ops.preview.redaction import SECRET, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.preview.difference import Change

_LONGEST_VALUE = 240
_MOST_PROPERTIES = 80


def property_lines(found: Sequence[Change]) -> list[str]:
    """Lines that forges colour: red for what goes, green for what comes."""
    lines: list[str] = []
    for change in found[:_MOST_PROPERTIES]:
        before, after = _around(value_text(change.before), value_text(change.after))
        path = cut(change.path, 200)
        if change.kind != "add":
            lines.append(f"- {path}: {before}")
        if change.kind != "delete":
            lines.append(f"+ {path}: {after}")
    if len(found) > _MOST_PROPERTIES:
        lines.append(f"  and {len(found) - _MOST_PROPERTIES} more properties")
    return lines


def value_text(value: Any) -> str:
    """A value on one line, as JSON; what isn't known or must not be shown stands without quotes."""
    if isinstance(value, str) and value in (SECRET, UNKNOWN):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text.replace(f'"{UNKNOWN}"', UNKNOWN).replace(f'"{SECRET}"', SECRET)


def _around(before: str, after: str) -> tuple[str, str]:
    """Long values cut so that where they differ is seen."""
    same = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        same += 1
    start = max(0, same - 60) if same > 120 else 0
    lead = "… " if start else ""
    return lead + cut(before[start:], _LONGEST_VALUE), lead + cut(after[start:], _LONGEST_VALUE)


def cut(text: str, longest: int) -> str:
    """``text``, or its beginning and how long it is."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - 1]}… ({len(text):,} characters)"
