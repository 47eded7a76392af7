"""Property paths such as `a.b[0]["c"]` and `rules[*].port`: parsing, matching, resetting; pure.

As `ParsePropertyPath`, `Contains` and `Reset` of the official SDK (sdk/go/common/resource/properties_path.go).
"""

from __future__ import annotations

import re
from typing import Any

from local.engine.property_value import Secret

Path = list[str | int]
_NAME = re.compile(r"[^.\[]+")
_INDEX = re.compile(r"\[(-?\d+)\]")
_QUOTED = re.compile(r'\["((?:\\"|[^"])*)"\]')


class PathError(ValueError):
    """What isn't a property path."""


def parse(text: str) -> Path:
    """The parts of a path; raises PathError."""
    if text.startswith("."):
        raise PathError("expected property path to start with a name or index")
    parts: Path = []
    position = 0
    while position < len(text):
        if text[position] == ".":
            position += 1
            if position == len(text):
                raise PathError("expected property path to end with a name or index")
            continue
        part, position = _indexed(text, position) if text[position] == "[" else _named(text, position)
        parts.append(part)
    return parts


def _named(text: str, position: int) -> tuple[str, int]:
    match = _NAME.match(text, position)
    assert match is not None  # noqa: S101 - the caller looked
    return match.group(), match.end()


def _indexed(text: str, position: int) -> tuple[str | int, int]:
    if text.startswith("[*]", position):
        return "*", position + 3
    if match := _QUOTED.match(text, position):
        return match.group(1).replace('\\"', '"'), match.end()
    if match := _INDEX.match(text, position):
        return int(match.group(1)), match.end()
    if text.startswith('["', position):
        raise PathError("missing closing quote in property name")
    if "]" not in text[position:]:
        raise PathError("missing closing bracket in array index")
    word = text[position + 1 : text.index("]", position)]
    raise PathError(f'invalid array index: strconv.ParseInt: parsing "{word}": invalid syntax')


def first(text: str) -> str:
    """The property a path leads into; what is no path is a property's name."""
    try:
        return str(parse(text)[0])
    except (PathError, IndexError):
        return text


def contains(pattern: Path, path: Path) -> bool:
    """Whether a path is at or under a pattern; `*` matches any one part."""
    return len(pattern) <= len(path) and all(
        want == "*" or (type(want) is type(have) and want == have)
        for want, have in zip(pattern, path, strict=False)
    )


def reset(new: Any, old: Any, path: Path) -> tuple[Any, bool]:
    """`new` with what `old` has at a path, and whether that was possible.

    It isn't where elements of lists, or what the path leads through, were added or removed.
    """
    return _reset(new, old, path, revealed=False)


def _reset(new: Any, old: Any, path: Path, *, revealed: bool | None) -> tuple[Any, bool]:
    """`revealed`: what is taken from `old` was inside a secret; None where `new` is inside one anyway."""
    if not path:
        return new, False
    if isinstance(new, Secret):
        inner, done = _reset(new.value, old, path, revealed=None)
        return Secret(inner), done
    if isinstance(old, Secret):
        old = old.value
        revealed = None if revealed is None else True
    part, *rest = path
    if part == "*":
        return _reset_all(new, old, rest, revealed=revealed)
    if isinstance(part, int):
        return _reset_item(new, old, part, rest, revealed=revealed)
    return _reset_key(new, old, part, rest, revealed=revealed)


def _taken(value: Any, *, revealed: bool | None) -> Any:
    return Secret(value) if revealed and not isinstance(value, Secret) else value


def _reset_key(new: Any, old: Any, key: str, rest: Path, *, revealed: bool | None) -> tuple[Any, bool]:
    if not rest:
        if isinstance(old, dict) and key in old:
            if not isinstance(new, dict):
                return new, False
            return {**new, key: _taken(old[key], revealed=revealed)}, True
        if isinstance(new, dict):
            new = {name: value for name, value in new.items() if name != key}
        return new, True
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new, not isinstance(old, dict) and not isinstance(new, dict)
    if key not in new:
        return new, key not in old
    inner, done = _reset(new[key], old.get(key), rest, revealed=revealed)
    return {**new, key: inner}, done


def _reset_item(new: Any, old: Any, index: int, rest: Path, *, revealed: bool | None) -> tuple[Any, bool]:
    if index < 0:
        return new, False
    if not isinstance(old, list) or not isinstance(new, list):
        return new, not isinstance(old, list) and not isinstance(new, list)
    if index >= len(old) or index >= len(new):
        return new, not rest and index >= len(old) and index >= len(new)
    if rest:
        inner, done = _reset(new[index], old[index], rest, revealed=revealed)
    else:
        inner, done = _taken(old[index], revealed=revealed), True
    return [*new[:index], inner, *new[index + 1 :]], done


def _reset_all(new: Any, old: Any, rest: Path, *, revealed: bool | None) -> tuple[Any, bool]:
    """The path `*`: every property or element."""
    if not isinstance(new, (dict, list)):
        return new, False
    if type(old) is not type(new):
        return new, not rest
    if isinstance(old, dict) and not rest:
        return {key: _taken(value, revealed=revealed) for key, value in old.items()}, True
    result = new.copy()
    pairs = old.items() if isinstance(old, dict) else enumerate(old[: len(new)])
    for key, value in pairs:
        if isinstance(result, dict) and key not in result:
            return result, False
        if not rest:
            result[key] = _taken(value, revealed=revealed)
            continue
        result[key], done = _reset(result[key], value, rest, revealed=revealed)
        if not done:
            return result, False
    return result, isinstance(new, dict) or len(old) == len(new)
