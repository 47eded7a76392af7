"""What of a documented answer a client may send: the body with which a resource is made that the documentation only shows.

For the types that the program deploys, the table of ``local/provider`` says which keys are inputs; for others, the
requests of the replayed folder do, and where there are none, the names that Azure always computes itself are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.provider.facts import Facts
from local.replay.learning import WRITABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.provider.facts import Properties, Shape
    from local.replay.example import Example

Json = dict[str, Any]

#: Keys that Azure computes, whatever the type.
COMPUTED = frozenset(
    {
        "createdAt",
        "createdBy",
        "createdDate",
        "createdOn",
        "createdTime",
        "creationTime",
        "etag",
        "id",
        "lastModified",
        "lastModifiedTime",
        "lastUpdatedTime",
        "modifiedDate",
        "name",
        "primaryEndpoints",
        "privateEndpointConnections",
        "provisioningState",
        "resourceGuid",
        "secondaryEndpoints",
        "systemData",
        "type",
        "updatedBy",
        "updatedOn",
    }
)
_ANYTHING: Any = None
#: Which keys may be sent: by name what is inside, or anything.
Tree = Any


class Writable:
    """Knows what may be sent, by resource type."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._facts = Facts.load()
        self._tokens: dict[str, list[str]] = {}
        for token in self._facts.tokens:
            self._tokens.setdefault(_type_of_path(self._facts.resource(token).path), []).append(token)
        self._asked: dict[str, Tree] = {}
        self._shown: dict[str, Tree] = {}
        for example in examples:
            kind = _type_of_path(example.path)
            if example.method in ("PUT", "PATCH") and isinstance(example.body, dict):
                self._asked[kind] = _joined(self._asked.get(kind, {}), _tree(example.body))
                if example.method == "PUT" and isinstance(example.answer, dict):
                    self._shown[kind] = _joined(self._shown.get(kind, {}), _tree(example.answer))

    def of(self, resource_type: str, documented: Mapping[str, Any]) -> Json:
        """``documented`` without what only Azure can set."""
        kind = resource_type.lower()
        if kind in self._tokens:
            tree: Tree = {}
            for token in self._tokens[kind]:
                tree = _joined(tree, self._of_properties(self._facts.resource(token).inputs, ()))
            tree = _joined(tree, WRITABLE.get(kind, {}))
            kept = _kept(documented, _joined(tree, self._asked.get(kind, {})))
        elif kind in self._asked:
            # A version takes what the thing it is a version of takes.
            tree = _joined(self._asked[kind], self._asked.get(kind.removesuffix("/versions"), {}))
            tree = _joined(tree, dict.fromkeys(("location", "tags")))
            # Network's read-only keys are few and known; its examples of requests show few of the others.
            kept = _kept(documented, tree, more=kind.startswith("microsoft.network/"))
        else:
            kept = _without_computed(documented)
        return {
            key: value
            for key, value in kept.items()
            if key not in ("id", "name", "type", "etag", "systemData")
        }

    def open_of(self, resource_type: str, documented: Mapping[str, Any]) -> Json:
        """``documented`` with what nobody says anything about, too: a folder may have few requests of a type."""
        kind = resource_type.lower()
        sent: Tree = {**dict.fromkeys(("location", "tags")), **(self._asked.get(kind) or {})}
        shown: Tree = self._shown.get(kind) or {}
        for token in self._tokens.get(kind, []):
            fact = self._facts.resource(token)
            sent = _joined(sent, self._of_properties(fact.inputs, ()))
            shown = _joined(shown, self._of_properties(fact.outputs, ()))
        kept = _open(documented, sent, shown)
        return {key: value for key, value in kept.items() if key not in ("id", "name", "type", "etag")}

    def _of_properties(self, properties: Properties, seen: tuple[str, ...]) -> Tree:
        tree: dict[str, Tree] = {}
        for found in properties.values():
            if found.location != "body":
                continue
            inner = tree
            for key in found.at[:-1]:
                inner = inner.setdefault(key, {})
                if inner is _ANYTHING:
                    break
            else:
                inner[found.at[-1]] = self._of_shape(found.shape, seen)
        return tree

    def _of_shape(self, shape: Shape, seen: tuple[str, ...]) -> Tree:
        if shape.kind == "[" and shape.item is not None:
            return self._of_shape(shape.item, seen)
        if shape.kind != "#":
            return _ANYTHING
        tree: Tree = {}
        for name in shape.types:
            if name in seen:
                return _ANYTHING
            tree = _joined(tree, self._of_properties(self._facts.type(name), (*seen, name)))
        return tree


def _type_of_path(path: str) -> str:
    """The resource type of a path, in lower case; also of a path with ``{parameters}``."""
    head, *extensions = re.split(r"/providers/", path, flags=re.IGNORECASE)
    if not extensions:
        return "microsoft.resources/resourcegroups" if "/resourcegroups/" in head.lower() else head.lower()
    namespace, *rest = extensions[-1].split("/")
    return "/".join([namespace, *rest[::2]]).lower()


def _tree(value: Any) -> Tree:
    # What is empty in one example may hold anything in another.
    if isinstance(value, dict) and value:
        return {key: _tree(item) if key != "tags" else _ANYTHING for key, item in value.items()}
    if isinstance(value, list) and value:
        tree: Tree = {}
        for item in value:
            if not isinstance(item, dict):
                return _ANYTHING
            tree = _joined(tree, _tree(item))
        return tree
    return _ANYTHING


def _joined(one: Tree, other: Tree) -> Tree:
    if one is _ANYTHING or other is _ANYTHING:
        return _ANYTHING
    joined = dict(one)
    for key, inner in other.items():
        joined[key] = _joined(joined[key], inner) if key in joined else inner
    return joined


def _kept(value: Any, tree: Tree, *, more: bool = False) -> Any:
    """What of ``value`` is in ``tree``. A map with names of its own (tags) is one whose tree has none of its keys.

    ``more``: also what isn't in ``tree``, unless it is computed.
    """
    if isinstance(value, list):
        return [_kept(item, tree, more=more) for item in value]
    if tree is _ANYTHING or not isinstance(value, dict):
        return value
    known = {name.lower(): inner for name, inner in tree.items()}
    return {
        key: _kept(item, known[key.lower()], more=more) if key.lower() in known else _without_computed(item)
        for key, item in value.items()
        if key.lower() in known or (more and key not in COMPUTED - {"name"})
    }


def _open(value: Any, sent: Tree, shown: Tree) -> Any:
    """What of ``value`` is in ``sent``, or neither in ``shown`` (what Azure answers of its own) nor in ``COMPUTED``."""
    if isinstance(value, list):
        return [_open(item, sent, shown) for item in value]
    if sent is _ANYTHING or shown is _ANYTHING or not isinstance(value, dict):
        return value
    kept: Json = {}
    for key, item in value.items():
        if key in sent:
            kept[key] = _open(item, sent[key], shown.get(key, {}))
        elif key not in shown and key not in COMPUTED - {"id", "name", "type"}:
            kept[key] = _open(item, {}, {})
    return kept


def _without_computed(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_computed(item) for item in value]
    if isinstance(value, dict):
        return {
            key: _without_computed(item)
            for key, item in value.items()
            if key not in COMPUTED - {"id", "name", "type"}
        }
    return value
