"""Diff: what changed between the old and the new inputs, and whether that replaces the resource. Pure.

Only inputs are compared: what Azure adds to a response never shows. Locations are equal without case and spaces, resource
groups' names without case, and whether a value is secret doesn't matter. Inputs that start with ``__`` are the provider's
own. As azure-native has it (``diff.go``): within a create-only object what is added or removed is an update, and so is a
change of a create-only list. Not done: lists whose items have keys (``x-ms-identifiers``) are compared by position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from local.provider.names import CREATE_BEFORE_DELETE, normal_location
from local.provider.properties import Secret, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from local.provider.facts import ResourceFact

Json = dict[str, Any]

_NEW_NAMES = {"Basic": "Base"}
_NEW_TIERS = {"Paid": "Standard"}


class Kind(Enum):
    """What happened to a property."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


@dataclass(frozen=True)
class Change:
    """One changed property: ``sku.name``, ``rules[0].priority``."""

    path: str
    kind: Kind
    replaces: bool


@dataclass(frozen=True)
class Difference:
    """The changes, in order of path."""

    changes: tuple[Change, ...]
    delete_before_replace: bool

    @property
    def replaces(self) -> list[str]:
        """Paths that force a replacement."""
        return [c.path for c in self.changes if c.replaces]

    @property
    def changed(self) -> list[str]:
        """Top-level inputs that changed."""
        return sorted({re.split(r"[.\[]", c.path, maxsplit=1)[0] for c in self.changes})


def difference(
    fact: ResourceFact,
    olds: Mapping[str, Any],
    news: Mapping[str, Any],
    state: Mapping[str, Any],
    ignored: Iterable[str] = (),
) -> Difference:
    """What the new inputs change; ``state`` are the old outputs.

    An input that was left to Azure and is now set to what Azure chose doesn't replace the resource. What is at or below an
    ``ignored`` path (``tags``, ``subnets[*].etag``) is no change: a refresh asks so (pulumi-azure-native#405).
    """
    changes = [
        replace(change, replaces=False)
        if change.replaces
        and change.kind is Kind.ADD
        and _same(state.get(change.path), news.get(change.path))
        else change
        for change in sorted(_objects(fact.replace_keys, olds, news, "", ""), key=lambda c: c.path)
        if not _ignored(change.path, ignored)
    ]
    remembered = olds.get(CREATE_BEFORE_DELETE)
    replaces = any(c.replaces for c in changes)
    return Difference(tuple(changes), not remembered if isinstance(remembered, bool) else replaces)


def _ignored(path: str, ignored: Iterable[str]) -> bool:
    for pattern in ignored:
        exact = re.escape(pattern).replace(r"\[\*\]", r"\[\d+\]").replace(r"\*", r"[^.\[]+")
        if re.match(rf"{exact}(?=$|[.\[])", path):
            return True
    return False


def _objects(
    keys: frozenset[str], olds: Mapping[str, Any], news: Mapping[str, Any], at: str, key_at: str
) -> Iterator[Change]:
    for name in (*olds, *(n for n in news if n not in olds)):
        if name.startswith("__"):
            continue
        path, key = at + name, key_at + name
        old, new = olds.get(name), news.get(name)
        if old is None and new is None:
            continue
        if old is None or new is None:
            yield Change(path, Kind.ADD if old is None else Kind.DELETE, key in keys)
        elif not (at == "" and _equivalent(name, old, new)):
            yield from _values(keys, old, new, path, key)


def _values(keys: frozenset[str], old: Any, new: Any, path: str, key: str) -> Iterator[Change]:
    old, new = _open(old), _open(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for change in _objects(keys, cast("Json", old), cast("Json", new), path + ".", key + "."):
            yield replace(change, replaces=True) if key in keys and change.kind is Kind.UPDATE else change
    elif isinstance(old, list) and isinstance(new, list):
        olds, news = cast("list[Any]", old), cast("list[Any]", new)
        for index, (a, b) in enumerate(zip(olds, news, strict=False)):
            yield from _values(keys, a, b, f"{path}[{index}]", key + "[]")
        for index in range(len(olds), len(news)):
            yield Change(f"{path}[{index}]", Kind.ADD, replaces=False)
        for index in range(len(news), len(olds)):
            yield Change(f"{path}[{index}]", Kind.DELETE, replaces=False)
    elif not _same(old, new):
        yield Change(path, Kind.UPDATE, key in keys)


def _open(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value


def _same(old: Any, new: Any) -> bool:
    old, new = plain(old), plain(new)
    return type(old) is type(new) and old == new


def _equivalent(name: str, old: Any, new: Any) -> bool:
    """Whether two values of a top-level input are the same to Azure."""
    old, new = plain(old), plain(new)
    if name == "sku" and isinstance(old, dict) and isinstance(new, dict):
        return _cluster_sku(cast("Json", old)) == _cluster_sku(cast("Json", new))
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    if name == "location":
        return normal_location(old) == normal_location(new)
    return name == "resourceGroupName" and old.lower() == new.lower()


def _cluster_sku(sku: Json) -> Json:
    # AKS renamed its tiers (pulumi-azure-native#2600)
    if set(sku) != {"name", "tier"}:
        return sku
    name, tier = sku["name"], sku["tier"]
    return {"name": _NEW_NAMES.get(name, name), "tier": _NEW_TIERS.get(tier, tier)}
