"""What of a documented answer a client may send: the body with which a resource is made that the documentation only shows.

A client may send what the table of ``local/provider`` calls an input of the type, and what a request of the replayed folder
sends. It may not send what that table calls an output only, nor what an answer of the folder shows that its request didn't send,
nor what Azure always computes itself. What nobody says anything about is sent: the documentation shows keys that one
version of a type has and another lacks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.provider.facts import Facts

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

    def of(self, resource_type: str, documented: Mapping[str, Any], *, known: bool = False) -> Json:
        """``documented`` without what only Azure can set; ``known``: without what nobody says anything about, too."""
        kind = resource_type.lower()
        # A version takes what the thing it is a version of takes.
        asked = _joined(self._asked.get(kind, {}), self._asked.get(kind.removesuffix("/versions"), {}))
        sent: Tree = {**dict.fromkeys(("location", "tags")), **(asked or {})}
        shown: Tree = self._shown.get(kind) or {}
        for token in self._tokens.get(kind, []):
            fact = self._facts.resource(token)
            sent = _joined(sent, self._of_properties(fact.inputs, ()))
            shown = _joined(shown, self._of_properties(fact.outputs, ()))
        kept = _kept(documented, sent, _ANYTHING if known else shown)
        return {
            key: value
            for key, value in kept.items()
            if key not in ("id", "name", "type", "etag", "systemData")
        }

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


def _kept(value: Any, sent: Tree, shown: Tree) -> Any:
    """What of ``value`` may be sent: what is in ``sent``, and what neither ``shown`` nor ``COMPUTED`` says Azure sets."""
    if isinstance(value, list):
        return [_kept(item, sent, shown) for item in value]
    if sent is _ANYTHING or not isinstance(value, dict):
        return value
    kept: Json = {}
    for key, item in value.items():
        inner = shown.get(key, {}) if isinstance(shown, dict) else shown
        if key in sent:
            kept[key] = _kept(item, sent[key], inner)
        elif (
            isinstance(shown, dict)
            and key not in shown
            and key
            not in COMPUTED
            - {
                "id",
                "name",
                "type",
            }
        ):
            kept[key] = _kept(item, {}, {})
    return kept
