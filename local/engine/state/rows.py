"""Entries of a checkpoint as they are written: what they refer to, whether they fit together, how to repair them; pure.

`pulumi state …` works on entries, not on resources: what it doesn't touch stays as it was to the letter, ciphertexts
and fields this engine doesn't know included. (Official: pkg/resource/deploy/snapshot.go, pkg/resource/state.go.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Row = dict[str, Any]

PARENT, DEPENDENCY, PROPERTY, DELETED_WITH, REPLACE_WITH = (
    "parent",
    "dependency",
    "property dependency",
    "deleted with",
    "replace with",
)


class IntegrityError(Exception):
    """Entries that can't be brought in order."""


def require_integrity(rows: Sequence[Row]) -> None:
    """Raise EngineError for entries that don't fit together."""
    if wrong := problem(rows):
        raise EngineError(
            f"snapshot integrity failure; refusing to use it: {wrong}; run `pulumi state repair` to repair it, or pass "
            "--disable-integrity-checking to mend it by hand"
        )


@dataclass(frozen=True)
class Reference:
    """That a resource stands on another."""

    kind: str
    urn: str
    key: str = ""  # the property it comes from


def references(row: Row) -> Iterator[Reference]:
    """What a resource refers to, but for its provider."""
    if row.get("parent"):
        yield Reference(PARENT, row["parent"])
    for urn in row.get("dependencies") or ():
        yield Reference(DEPENDENCY, urn)
    for key, found in sorted((row.get("propertyDependencies") or {}).items()):
        for urn in found or ():
            yield Reference(PROPERTY, urn, key)
    if row.get("deletedWith"):
        yield Reference(DELETED_WITH, row["deletedWith"])
    for urn in row.get("replaceWith") or ():
        yield Reference(REPLACE_WITH, urn)


def point(row: Row, found: Sequence[Reference]) -> None:
    """Have a resource refer to these and, but for its provider, to nothing else."""
    properties: dict[str, list[str]] = {}
    for item in found:
        if item.kind == PROPERTY:
            properties.setdefault(item.key, []).append(item.urn)
    fields = {
        "parent": next((item.urn for item in found if item.kind == PARENT), ""),
        "dependencies": [item.urn for item in found if item.kind == DEPENDENCY],
        "propertyDependencies": properties,
        "deletedWith": next((item.urn for item in found if item.kind == DELETED_WITH), ""),
        "replaceWith": [item.urn for item in found if item.kind == REPLACE_WITH],
    }
    for key, value in fields.items():
        if value:
            row[key] = value
        else:
            row.pop(key, None)


def redirected(row: Row, rename: Callable[[str], str]) -> None:
    """Have a resource refer to what its references are called now."""
    point(row, [Reference(item.kind, rename(item.urn), item.key) for item in references(row)])


def problem(rows: Sequence[Row]) -> str:  # noqa: C901 - one rule after another
    """What is wrong with the entries, or nothing."""
    seen: set[str] = set()
    providers: set[str] = set()
    alive: set[str] = set()
    for index, row in enumerate(rows):
        urn = row.get("urn") or ""
        if not urn:
            return f"resource at index {index} missing required 'urn' field"
        if not row.get("type"):
            return f"resource '{urn}' missing required 'type' field"
        if not row.get("custom") and row.get("id"):
            return f"resource '{urn}' has 'custom false but non-empty ID"
        if urns.is_provider(row["type"]):
            providers.add(f"{urn}::{row.get('id', '')}")
        provider = row.get("provider")
        if provider and provider not in providers and not row.get("pendingReplacement"):
            return f"resource {urn} refers to unknown provider {provider}"
        for item in references(row):
            if item.urn not in seen:
                later = any(other.get("urn") == item.urn for other in rows[index + 1 :])
                return _missing(urn, item, later=later)
        seen.add(urn)
        if not row.get("delete"):
            if urn in alive:
                return f"duplicate resource {urn} (not marked for deletion)"
            alive.add(urn)
    return ""


def _missing(urn: str, item: Reference, *, later: bool) -> str:
    after, gone = "comes after it", "refers to missing resource"
    match item.kind:
        case "parent":
            return (
                f"child resource {urn}'s parent {item.urn} {after}"
                if later
                else f"child resource {urn} refers to missing parent {item.urn}"
            )
        case "dependency":
            return f"resource {urn}'s dependency {item.urn} {after if later else gone}"
        case "property dependency":
            return (
                f"resource {urn}'s property dependency {item.urn} (from property {item.key}) "
                f"{after if later else gone}"
            )
        case _:
            verb = "deleted" if item.kind == DELETED_WITH else "replaced"
            return (
                f"resource {urn} is specified as being {verb} with {item.urn}, which "
                f"{after if later else 'is missing'}"
            )


@dataclass(frozen=True)
class Pruned:
    """What became of a resource that referred to something that isn't there."""

    old: str
    new: str
    delete: bool
    removed: tuple[Reference, ...] = field(default=())


def in_order(rows: Sequence[Row]) -> list[Row]:
    """The entries with each after what it refers to; raises IntegrityError where they go in circles."""
    olds = {row["urn"]: row for row in rows if row.get("delete")}
    news = {row["urn"]: row for row in rows if not row.get("delete")}
    done: set[int] = set()
    under_way: set[int] = set()
    found: list[Row] = []

    def visit(row: Row) -> None:
        if id(row) in under_way:
            raise IntegrityError("snapshot has cyclic dependencies")
        if id(row) in done:
            return
        under_way.add(id(row))
        urn_list = [item.urn for item in references(row)]
        if row.get("provider"):
            urn_list.append(urns.split_reference(row["provider"])[0])
        # Of two generations, a resource that goes stands on the one that goes.
        first, second = (olds, news) if row.get("delete") else (news, olds)
        for urn in urn_list:
            if (target := first.get(urn) or second.get(urn)) is not None:
                visit(target)
        under_way.discard(id(row))
        done.add(id(row))
        found.append(row)

    for row in rows:
        visit(row)
    return found


def pruned(rows: Sequence[Row]) -> list[Pruned]:
    """Take references to what isn't there out of the entries, which are in order; returns what was done."""
    names: dict[str, str] = {}
    results: list[Pruned] = []
    for row in rows:
        old = new = row["urn"]
        kept: list[Reference] = []
        removed: list[Reference] = []
        for item in references(row):
            if item.urn not in names:
                removed.append(item)
            else:
                kept.append(Reference(item.kind, names[item.urn], item.key))
            if item.kind == PARENT:
                new = reparented(old, names.get(item.urn, ""))
        if old != new or removed:
            results.append(Pruned(old, new, bool(row.get("delete")), tuple(removed)))
        point(row, kept)
        names[old] = row["urn"] = new
    return results


def reparented(urn: str, parent: str) -> str:
    """A resource's URN under another parent."""
    stack, project = urn.removeprefix("urn:pulumi:").split("::")[:2]
    return urns.make(stack, project, parent, urns.type_of(urn), urns.name_of(urn))


def moved_rows(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    """Which entries another order has moved: those whose neighbours on both sides are others now."""

    def neighbours(rows: Sequence[Row]) -> dict[int, tuple[int, int]]:
        marks = [0, *(id(row) for row in rows), 0]
        return {mark: (marks[index], marks[index + 2]) for index, mark in enumerate(marks[1:-1])}

    old, new = neighbours(before), neighbours(after)
    return [row for row in after if old[id(row)][0] != new[id(row)][0] and old[id(row)][1] != new[id(row)][1]]
