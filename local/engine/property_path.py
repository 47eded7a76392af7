"""Property paths such as `a.b[0]["c"]` and `rules[*].port`: parsing, matching, copying; pure."""

from __future__ import annotations

import re
from typing import Any

Path = list[str | int]
_PART = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[(\*)\]')


def parse(text: str) -> Path:
    """The parts of a path; what isn't one is a single name."""
    parts: Path = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            return [text]
        name, index, quoted, star = match.groups()
        if index is not None:
            parts.append(int(index))
        else:
            parts.append(next(part for part in (name, quoted, star) if part is not None))
        position = match.end()
    return parts or [text]


def contains(pattern: Path, path: Path) -> bool:
    """Whether a path is at or under a pattern; `*` matches any one part."""
    return len(pattern) <= len(path) and all(
        want in {"*", have} for want, have in zip(pattern, path, strict=False)
    )


def restored(new: Any, old: Any, path: Path) -> Any:
    """`new` with what `old` has at a path; what `old` hasn't is taken away."""
    part, *rest = path
    if isinstance(new, list) or isinstance(old, list):
        return _restored_list(new, old, part, rest)
    if not isinstance(new, dict) or not isinstance(old, dict):
        return new
    result = dict(new)
    for key in (old.keys() | new.keys()) if part == "*" else [str(part)]:
        if not rest:
            if key in old:
                result[key] = old[key]
            else:
                result.pop(key, None)
        elif key in new and key in old:
            result[key] = restored(new[key], old[key], rest)
    return result


def _restored_list(new: Any, old: Any, part: str | int, rest: Path) -> Any:
    if not isinstance(new, list) or not isinstance(old, list):
        return new
    result = list(new)
    for index in range(len(result)) if part == "*" else [part]:
        if isinstance(index, int) and index < len(result) and index < len(old):
            result[index] = restored(result[index], old[index], rest) if rest else old[index]
    return result
