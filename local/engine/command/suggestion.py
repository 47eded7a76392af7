"""Which commands a word that is none may have meant; pure.

The words are compared and the commands ranked as the official CLI does it (pkg/cmd/pulumi/rattler in pulumi/pulumi).
Only commands of this engine are suggested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.command.flags import Command

_MOST = 3
_LEAST_SCORE = 2
_SAME, _CLOSE, _BEGINS = 3, 2, 1
_SHORTEST_BEGINNING = 3
_SYNONYMS = {
    "ls": "list", "rm": "remove", "del": "remove", "delete": "remove", "create": "new", "add": "new", "show": "get",
    "display": "get", "upgrade": "update",
}  # fmt: skip


class _Typed(NamedTuple):
    word: str
    unknown: bool  # the word that is no command, not one beside it


def suggestions(path: str, words: Sequence[str], commands: Mapping[str, Command]) -> list[str]:
    """The commands closest to `words` typed after `path`; those under `path` go before all others."""
    typed = [_Typed(part, unknown=False) for name in path.split() for part in _parts(name)]
    typed += [_Typed(part, unknown=not index) for index, word in enumerate(words) for part in _parts(word)]
    under = [name for name in commands if path and name.startswith(f"{path} ")]
    return (_ranked(typed, under, commands) if under else []) or _ranked(typed, list(commands), commands)


def _ranked(typed: list[_Typed], names: list[str], commands: Mapping[str, Command]) -> list[str]:
    rows: list[tuple[int, int, int, str]] = []
    for name in names:
        score, matched, has_unknown = _score(typed, _slots(name, commands))
        if has_unknown and score >= _LEAST_SCORE:
            rows.append((-score, -matched, len(name.split()), name))
    rows.sort()
    # What is well below the best match is no alternative to it.
    return [f"pulumi {row[-1]}" for row in rows if row[0] <= rows[0][0] + 2][:_MOST]


def _slots(name: str, commands: Mapping[str, Command]) -> list[set[str]]:
    """For each word of a command's path, the words it answers to."""
    slots: list[set[str]] = []
    names = name.split()
    for index, word in enumerate(names):
        parts = _parts(word)
        if len(parts) == 1:
            aliases = commands[" ".join(names[: index + 1])].aliases
            slots.append({parts[0], *(part[0] for alias in aliases if len(part := _parts(alias)) == 1)})
        else:
            slots += [{part} for part in parts]
    return slots


def _score(typed: list[_Typed], slots: list[set[str]]) -> tuple[int, int, bool]:
    """What matches less what was never typed, what matches, and whether the unknown word is part of it."""
    left = list(slots)
    total, has_unknown = 0, False
    for word, unknown in typed:
        best = max(left, key=lambda slot: _match(word, slot), default=None)
        if best is not None and (value := _match(word, best)):
            left.remove(best)
            total += value
            has_unknown |= unknown
    return total - len(left), total, has_unknown


def _match(word: str, slot: set[str]) -> int:
    return max(_value(word, name) for name in slot)


def _value(word: str, name: str) -> int:
    if word == name:
        return _SAME
    if _distance(word, name) <= (1 if max(len(word), len(name)) < 6 else 2):
        return _CLOSE
    for short, long in ((word, name), (name, word)):
        if len(short) >= _SHORTEST_BEGINNING and long.startswith(short):
            return _BEGINS
    return 0


def _parts(word: str) -> list[str]:
    """A word in lower case, apart at its hyphens, each part without an s of the plural and as its usual synonym."""
    parts: list[str] = []
    for part in filter(None, word.lower().split("-")):
        if part not in _SYNONYMS and len(part) > 3 and part.endswith("s"):
            part = part.removesuffix("s")  # noqa: PLW2901
        parts.append(_SYNONYMS.get(part, part))
    return parts


def _distance(one: str, other: str) -> int:
    """How many letters have to be put in, taken away or changed.

    >>> _distance("preveiw", "preview"), _distance("stck", "stack")
    (2, 1)
    """
    row = list(range(len(other) + 1))
    for index, letter in enumerate(one, 1):
        before, row[0] = row[0], index
        for column, second in enumerate(other, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (letter != second)),
            )
    return row[-1]
