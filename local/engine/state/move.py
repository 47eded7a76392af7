"""What `pulumi state move` makes of the entries of two stacks; pure.

Official: pkg/cmd/pulumi/state/state_move.go.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.state.edit import where_to_look
from local.engine.state.resource_state import now
from local.engine.state.rows import (
    DELETED_WITH,
    DEPENDENCY,
    PARENT,
    PROPERTY,
    Reference,
    point,
    redirected,
    references,
    reparented,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.state.rows import Row


@dataclass(frozen=True)
class Place:
    """A stack that takes part."""

    project: str
    stack: str
    qualified_name: str


@dataclass
class Move:
    """Both stacks as they will be, and what there is to say about it."""

    moved: list[str]  # URNs as they were
    source: list[Row]
    destination: list[Row]
    left: list[Row]  # entries of `destination` that come from the source
    broken_source: list[str] = field(default_factory=list[str])
    broken_destination: list[str] = field(default_factory=list[str])


def unmatched(rows: Sequence[Row], wanted: Sequence[str]) -> list[str]:
    """The URNs that aren't there."""
    there = {row["urn"] for row in rows}
    return [urn for urn in dict.fromkeys(wanted) if urn not in there]


def plan(
    source: Sequence[Row],
    destination: Sequence[Row],
    wanted: Sequence[str],
    *,
    include_parents: bool,
    origin: Place,
    target: Place,
) -> Move:
    """Move resources with their children, and copy their providers; raises EngineError where that can't be done."""
    rows = [copy.deepcopy(row) for row in source]
    chosen = _chosen(rows, set(wanted), include_parents=include_parents, origin=origin)
    gone = {urn for urn in chosen if not _is_root(chosen[urn])}
    stay = {row["urn"] for row in rows if row["urn"] not in gone}
    wanted_providers = {row.get("provider", "") for row in chosen.values()}
    move = Move(
        [row["urn"] for row in rows if row["urn"] in gone], [], [copy.deepcopy(r) for r in destination], []
    )
    providers: list[Row] = []
    for row in rows:
        if row["urn"] in gone:
            continue
        if f"{row['urn']}::{row.get('id', '')}" in wanted_providers:
            providers.append(copy.deepcopy(row))
        move.broken_source += _broken(row, gone)
        move.source.append(row)
    root = _root(move.destination, target)
    known = {row["urn"]: row for row in move.destination}
    names: dict[str, str] = {}
    for row in providers:
        reference = f"{row['urn']}::{row.get('id', '')}"
        move.broken_destination += _broken(row, stay)
        _resettle(row, root, gone, {}, target)
        there = known.get(row["urn"])
        if (
            there is not None
            and there.get("id") != row.get("id")
            and there.get("inputs") != row.get("inputs")
        ):
            raise EngineError(f"provider {row['urn']} already exists in destination stack")
        names[reference] = f"{row['urn']}::{(there or row).get('id', '')}"
        if there is None:
            move.destination.append(row)
            move.left.append(row)
    for row in rows:
        if row["urn"] not in gone:
            continue
        old = row["urn"]
        move.broken_destination += _broken(row, stay)
        _resettle(row, root, gone, names, target)
        names[old] = row["urn"]
        if row["urn"] in known:
            raise EngineError(f"resource {row['urn']} already exists in destination stack")
        move.destination.append(row)
        move.left.append(row)
    return move


def _is_root(row: Row) -> bool:
    return row["type"] == urns.STACK_TYPE and not row.get("parent")


def _chosen(rows: Sequence[Row], wanted: set[str], *, include_parents: bool, origin: Place) -> dict[str, Row]:
    """What is asked for, with children and, on demand, parents."""
    by_urn = {row["urn"]: row for row in rows}
    chosen = {row["urn"]: row for row in rows if row["urn"] in wanted}
    if any(urns.is_provider(row["type"]) for row in chosen.values()):
        raise EngineError(
            "cannot move providers. Only resources can be moved, and providers will be included automatically"
        )
    if not chosen:
        raise EngineError(f"no resources found to move\n{where_to_look(origin.qualified_name)}")
    if include_parents:
        for row in list(chosen.values()):
            parent = by_urn.get(row.get("parent", ""))
            while parent is not None and not _is_root(parent):
                chosen.setdefault(parent["urn"], parent)
                parent = by_urn.get(parent.get("parent", ""))
    for row in rows:  # parents come before their children
        if row.get("parent") in chosen and not urns.is_provider(row["type"]):
            chosen.setdefault(row["urn"], row)
    return chosen


def _broken(row: Row, lost: set[str]) -> list[str]:
    """Take out of an entry what it loses sight of; returns the sentences that say so."""
    kept: list[Reference] = []
    sentences: list[str] = []
    urn = row["urn"]
    for item in references(row):
        if item.kind == PARENT or item.urn not in lost:
            kept.append(item)
        elif item.kind == DEPENDENCY:
            sentences.append(f"{urn} has a dependency on {item.urn}")
        elif item.kind == PROPERTY:
            sentences.append(f"{urn} ({item.key}) has a property dependency on {item.urn}")
        else:
            verb = "deleted" if item.kind == DELETED_WITH else "replace"
            sentences.append(f"{urn} is marked as {verb} with {item.urn}")
    point(row, kept)
    return sentences


def _root(rows: list[Row], target: Place) -> str:
    """The URN of the destination's stack resource, which is made if there is none."""
    for row in rows:
        if _is_root(row):
            return row["urn"]
    urn = urns.make(target.stack, target.project, "", urns.STACK_TYPE, f"{target.project}-{target.stack}")
    time = now()
    rows.insert(0, {"urn": urn, "custom": False, "type": urns.STACK_TYPE, "created": time, "modified": time})
    return urn


def _resettle(row: Row, root: str, gone: set[str], names: dict[str, str], target: Place) -> None:
    """Make an entry one of the destination's."""

    def there(urn: str) -> str:
        rest = urn.split("::", 2)[2]
        return names.get(urn) or f"urn:pulumi:{target.stack}::{target.project}::{rest}"

    if row.get("parent") not in gone:
        row["parent"] = root
    if row.get("provider"):
        row["provider"] = names.get(row["provider"]) or there(row["provider"])
    redirected(row, lambda urn: root if urn == root else there(urn))
    row["urn"] = reparented(there(row["urn"]), row["parent"])
