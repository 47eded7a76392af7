"""What the provider knows of each resource type: a typed reader of ``facts.json`` (made by ``distil``).

A resource has its ARM ``path`` and API ``version``, ``inputs`` and ``outputs`` by SDK name, ``autoName`` (the input
and ``random``, ``copy`` or ``uuid``), ``replaces`` (inputs besides the path's that force a replacement),
``containers`` (objects the body must have), ``singleton`` (exists always, can't be deleted: what a delete puts back),
``maintained`` (lists that are also resources) and ``restored`` (sent for a removed input).

A property is written ``SHAPE[!][=CONSTANT][@PLACE]``. Shapes: ``s`` string, ``b`` boolean, ``i`` integer, ``n`` number,
``*`` anything, ``[X`` list, ``{X`` map, ``%`` list that is a map of empty objects on the wire, ``#type|#type`` objects.
``!`` is required. Places: ``a/b`` on the wire, ``properties`` short for ``properties/NAME``, ``path:x``, ``query:x``;
without one, the SDK's name. ``limits`` has the lengths, ranges and patterns of inputs, by token or nested type;
``functions`` the resource type, action and API version of each that lists something.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]
NameStrategy = Literal["random", "copy", "uuid"]

_TABLE = Path(__file__).with_name("facts.json")
_PROPERTY = re.compile(r"(?P<shape>[^!=@]+)(?P<required>!)?(?:=(?P<constant>[^@]*))?(?:@(?P<place>.*))?")


class UnsupportedTypeError(LookupError):
    """A resource type or function that isn't in the table."""


@dataclass(frozen=True)
class Shape:
    """The type of a value. ``kind`` is the first character of the notation."""

    kind: str
    item: Shape | None = None
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What a string or number may be."""

    min_length: int = 0
    max_length: int | None = None
    low: float | None = None
    high: float | None = None
    pattern: str = ""


@dataclass(frozen=True)
class Property:
    """One property of a resource or nested type."""

    name: str
    shape: Shape
    required: bool
    constant: str | None
    #: ``body``, ``path`` or ``query``
    location: str
    #: keys from the body's root (or the nested object's), or the one name of the path or query parameter
    at: tuple[str, ...]
    limits: Limits | None = None


Properties = dict[str, Property]


@dataclass(frozen=True)
class ResourceFact:
    """One resource type."""

    token: str
    path: str
    version: str
    inputs: Properties
    outputs: Properties
    auto_name: tuple[str, NameStrategy] | None
    replaces: frozenset[str]
    containers: tuple[tuple[str, ...], ...]
    #: the inputs that a delete puts back, of what always exists
    singleton: Json | None
    maintained: tuple[tuple[str, ...], ...]
    restored: Json

    @cached_property
    def replace_keys(self) -> frozenset[str]:
        """Inputs whose change replaces the resource, dotted: create-only ones and those in its id."""
        return self.replaces | {p.name for p in self.inputs.values() if p.location == "path"}


@dataclass(frozen=True)
class Facts:
    """The whole table; resources and types are parsed when asked for."""

    table: Json
    _types: dict[str, Properties] = field(default_factory=dict[str, Properties])
    _resources: dict[str, ResourceFact] = field(default_factory=dict[str, ResourceFact])

    @classmethod
    def load(cls) -> Facts:
        """The table of this package."""
        return cls(json.loads(_TABLE.read_text()))

    def function(self, token: str) -> tuple[str, str, str] | None:
        """What a function asks: the type of a resource, an action below it, the API version; None if it isn't known."""
        entry: tuple[str, str, str] | None = self.table["functions"].get(token)
        return (entry[0], entry[1], entry[2]) if entry is not None else None

    @property
    def tokens(self) -> tuple[str, ...]:
        """All resource types."""
        return tuple(self.table["resources"])

    @property
    def types(self) -> tuple[str, ...]:
        """All nested types."""
        return tuple(self.table["types"])

    def resource(self, token: str) -> ResourceFact:
        """The facts of ``azure-native:module:Type``; ``UnsupportedTypeError`` names what isn't there."""
        if token not in self._resources:
            entry: Json | None = self.table["resources"].get(token)
            if entry is None:
                raise UnsupportedTypeError(
                    f"{token} is not among the {len(self.tokens)} resource types that the local azure-native provider "
                    f"knows. Add it (python -m local.provider.distil TYPES {token}, see docs/azure-native.md), or deploy it with the official Pulumi CLI."
                )
            self._resources[token] = _resource(token, entry, self._limits(token))
        return self._resources[token]

    def type(self, name: str) -> Properties:
        """The properties of a nested type."""
        if name not in self._types:
            self._types[name] = _properties(self.table["types"][name], self._limits(name))
        return self._types[name]

    def _limits(self, name: str) -> Json:
        return self.table["limits"].get(name, {})


def _resource(token: str, entry: Json, limits: Json) -> ResourceFact:
    name = cast("list[str] | None", entry.get("autoName"))
    return ResourceFact(
        token=token,
        path=entry["path"],
        version=entry["version"],
        inputs=_properties(entry["inputs"], limits),
        outputs=_properties(entry["outputs"], {}),
        auto_name=(name[0], cast("NameStrategy", name[1])) if name else None,
        replaces=frozenset(entry.get("replaces", ())),
        containers=_paths(entry.get("containers", ())),
        singleton=_default_state(entry.get("singleton")),
        maintained=_paths(entry.get("maintained", ())),
        restored=entry.get("restored", {}),
    )


def _default_state(entry: bool | Json | None) -> Json | None:
    return {} if entry is True else entry or None


def _paths(texts: Any) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(text.split("/")) for text in texts)


def _properties(table: Mapping[str, str], limits: Mapping[str, Json]) -> Properties:
    return {name: _property(name, text, limits.get(name)) for name, text in table.items()}


def _property(name: str, text: str, limits: Json | None) -> Property:
    match = _PROPERTY.fullmatch(text)
    if match is None:
        raise ValueError(f"facts.json: {name}: {text!r} is not in the notation of facts.py")
    place = cast("str | None", match["place"])
    location, at = "body", (name,)
    if place == "properties" and name != "properties":
        at = ("properties", name)
    elif place is not None and place.startswith(("path:", "query:")):
        location, _, parameter = place.partition(":")
        at = (parameter,)
    elif place is not None:
        at = tuple(place.split("/"))
    return Property(
        name,
        shape(match["shape"]),
        match["required"] is not None,
        match["constant"],
        location,
        at,
        _limits(limits) if limits else None,
    )


def _limits(entry: Json) -> Limits:
    return Limits(
        entry.get("minLength", 0),
        entry.get("maxLength"),
        entry.get("minValue"),
        entry.get("maxValue"),
        entry.get("pattern", ""),
    )


@cache
def shape(text: str) -> Shape:
    """A shape from its notation."""
    if text[0] in "[{":
        return Shape(text[0], item=shape(text[1:]))
    if text[0] == "#":
        return Shape("#", types=tuple(part.removeprefix("#") for part in text.split("|")))
    return Shape(text)
