"""Changes that `pulumi state …` makes to a checkpoint's entries; pure.

Official: pkg/resource/edit, pkg/cmd/pulumi/state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.state.rows import (
    DELETED_WITH,
    DEPENDENCY,
    PARENT,
    PROPERTY,
    REPLACE_WITH,
    redirected,
    references,
    reparented,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.engine.state.rows import Row

_KINDS = {DEPENDENCY, PROPERTY, DELETED_WITH, REPLACE_WITH}
_SUGGESTIONS = 3


def is_urn(text: str) -> bool:
    """Whether a text has the form of a URN."""
    return text.startswith("urn:pulumi:") and len(text.split("::", 3)) == 4


def where_to_look(stack: str = "") -> str:
    """How to find the URNs of a stack."""
    flag = f" --stack {stack}" if stack else ""
    return (
        f"To list the resource URNs in the stack, run `pulumi stack --show-urns{flag}`; "
        f"to inspect the full state, run `pulumi stack export{flag}`."
    )


def not_found(rows: Sequence[Row], urn: str) -> str:
    """That there is no such resource, and what else may have been meant."""
    lines = [f'No such resource "{urn}" exists in the current state']
    if near := similar(list(dict.fromkeys(row["urn"] for row in rows)), urn):
        lines += ["Did you mean:", *(f"  {found}" for found in near)]
    return "\n".join([*lines, where_to_look()])


def similar(candidates: Sequence[str], text: str) -> list[str]:
    """The candidates that differ least from a text, in at most a quarter of it."""
    most = max(2, len(text) // 4)
    scored = [(distance(found.lower(), text.lower(), most), found) for found in candidates]
    return [found for score, found in sorted(scored, key=lambda pair: pair[0]) if score <= most][
        :_SUGGESTIONS
    ]


def distance(left: str, right: str, most: int) -> int:
    """How many letters to change, add or leave out (Levenshtein); `most + 1` stands for any number above `most`."""
    while left and right and left[0] == right[0]:
        left, right = left[1:], right[1:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    if abs(len(left) - len(right)) > most:
        return most + 1
    row = list(range(len(right) + 1))
    for index, letter in enumerate(left, 1):
        above, row[0] = row[0], index
        for column, other in enumerate(right, 1):
            above, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, above + (letter != other)),
            )
        if min(row) > most:
            return most + 1
    return row[-1]


def located(rows: Sequence[Row], text: str) -> Row:
    """The one resource a URN names; raises EngineError if there is none or more than one."""
    if not is_urn(text):
        raise EngineError(f'"{text}" is not a valid resource URN\n{where_to_look()}')
    found = [row for row in rows if row["urn"] == text]
    if not found:
        raise EngineError(not_found(rows, text))
    if len(found) > 1:
        raise EngineError(
            "Resource URN ambiguously referred to multiple resources. Did you mean:\n"
            + "".join(f"  {row.get('id', '')}\n" for row in found)
        )
    return found[0]


def standing_on(rows: Sequence[Row], root: Row) -> list[Row]:
    """What depends on a resource, directly or not, and on no other generation of it; in order."""
    start = next(index for index, row in enumerate(rows) if row is root)
    dependents: dict[str, list[str]] = {root["urn"]: [root.get("id", "")]}
    others: set[str] = {row["urn"] for row in rows[:start]}
    found: list[Row] = []

    def depends(row: Row) -> bool:
        for item in references(row):
            ids = dependents.get(item.urn, [])
            if item.urn in others or not ids:
                continue
            if item.kind == PARENT or (item.kind in _KINDS and len(ids) == 1):
                return True
        if row.get("provider"):
            urn, identity = urns.split_reference(row["provider"])
            return identity in dependents.get(urn, [])
        return False

    for row in rows[start + 1 :]:
        same = row["urn"] == root["urn"] and row.get("id", "") == root.get("id", "")
        if not same and depends(row):
            found.append(row)
            dependents.setdefault(row["urn"], []).append(row.get("id", ""))
        else:
            others.add(row["urn"])
    return found


def without(
    rows: list[Row], condemned: Row, *, with_dependents: bool, forced: Callable[[Row], None] | None
) -> list[Row]:
    """The entries without one; `forced` hears of protected ones that go all the same.

    Raises EngineError if it is protected, or if others stand on it and may not go with it.
    """
    dependents = standing_on(rows, condemned)
    _require_unprotected(condemned, forced)
    if dependents and not with_dependents:
        lines = "".join(f" * {_quoted(row['urn'])} ({row['urn']})\n" for row in dependents)
        raise EngineError(
            f"{condemned['urn']} can't be safely deleted because the following resources depend on it:\n{lines}\n"
            "Delete those resources first or pass --target-dependents."
        )
    for row in dependents:
        _require_unprotected(row, forced)
    gone = {id(condemned), *(id(row) for row in dependents)}
    return [row for row in rows if id(row) not in gone]


def _quoted(urn: str) -> str:
    return f'"{urns.name_of(urn)}"'.ljust(15)


def _require_unprotected(row: Row, forced: Callable[[Row], None] | None) -> None:
    if not row.get("protect"):
        return
    if forced is None:
        raise EngineError(
            f"{row['urn']} can't be safely deleted because it is protected. "
            "Re-run this command with --force to force deletion"
        )
    forced(row)


def without_all(
    rows: list[Row],
    condemned: Sequence[Row],
    *,
    with_dependents: bool,
    forced: Callable[[Row], None] | None,
) -> list[Row]:
    """The entries without several: what stands on others goes first."""
    remaining = {id(row): row for row in condemned}
    dependents = {key: {id(row) for row in standing_on(rows, found)} for key, found in remaining.items()}
    while remaining:
        key = next((key for key in remaining if not dependents[key] & remaining.keys()), None)
        if key is None:
            raise EngineError(
                "could not order deletions: selected resources have cyclic or conflicting dependencies; "
                "try deleting them one at a time"
            )
        row = remaining.pop(key)
        if any(other is row for other in rows):
            rows = without(rows, row, with_dependents=with_dependents, forced=forced)
    return rows


def rename(rows: Sequence[Row], old: str, new: str) -> None:
    """Give a resource another URN, and with it its children; raises EngineError if that can't be."""
    found = [row for row in rows if row["urn"] == old]
    if not found:
        raise EngineError(not_found(rows, old))
    if len(found) > 1:
        raise EngineError("The input URN ambiguously refers to multiple resources")
    if old == new:
        return
    if any(row["urn"] == new for row in rows):
        raise EngineError("The chosen new urn for the state corresponds to an already existing resource")
    found[0]["urn"] = new
    is_provider = urns.is_provider(found[0]["type"])
    for row in rows:
        if row is found[0]:
            continue
        child = row.get("parent") == old
        redirected(row, lambda urn: new if urn == old else urn)
        if is_provider and urns.split_reference(row.get("provider", ""))[0] == old:
            row["provider"] = f"{new}::{found[0].get('id', '')}"
        if child:
            rename(rows, row["urn"], reparented(row["urn"], new))


def renamed(urn: str, name: str) -> str:
    """A URN with another name at its end."""
    return urn[: len(urn) - len(urns.name_of(urn))] + name
