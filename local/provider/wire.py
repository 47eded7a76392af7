"""Between the SDK's shape and ARM's: ids, request bodies, outputs and inputs. Pure.

The SDK flattens ``properties`` of most resources and of some nested types, renames a few properties and writes some
maps as lists; the table says where. Unions are told apart by their constants (``computeType: AmlCompute``), else by
which type has all the given names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.provider.facts import Facts, Properties, Property, ResourceFact, Shape

Json = dict[str, Any]

#: Path parameters that are ids themselves: azure-native doesn't escape them (``x-ms-skip-url-encoding``).
_WHOLE_PATHS = frozenset(("scope", "resourceUri"))


class WireError(ValueError):
    """Inputs that don't make a request, or an id that isn't one of the type's."""


def resource_id(fact: ResourceFact, inputs: Mapping[str, Any], subscription_id: str) -> str:
    """The ARM id that the inputs name."""
    values = {p.at[0]: inputs.get(name) for name, p in fact.inputs.items() if p.location == "path"}
    values.setdefault("subscriptionId", subscription_id)
    if values["subscriptionId"] is None:
        values["subscriptionId"] = subscription_id

    def fill(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if not isinstance(value, str) or not value:
            raise WireError(f"{fact.token}: the resource id needs {match[1]!r}, a string; got {value!r}.")
        return value.strip("/") if match[1] in _WHOLE_PATHS else quote(value, safe="")

    return re.sub(r"{(\w+)}", fill, fact.path)


def path_values(fact: ResourceFact, text: str) -> dict[str, str]:
    """The path parameters in an ARM id, by SDK name (Azure compares ids without case)."""
    parts: list[str] = []
    for literal, name in re.findall(r"([^{}]+)|{(\w+)}", fact.path):
        greedy = ".+" if name in _WHOLE_PATHS else "[^/]+"
        parts.append(re.escape(literal) if literal else f"(?P<{name}>{greedy})")
    match = re.fullmatch("".join(parts), text, re.IGNORECASE)
    if match is None:
        raise WireError(f"{text!r} is not the id of a {fact.token}; ids look like {fact.path}")
    found = match.groupdict()
    return {
        name: "/" + found[p.at[0]] if p.at[0] in _WHOLE_PATHS else unquote(found[p.at[0]])
        for name, p in fact.inputs.items()
        if p.location == "path" and p.at[0] in found
    }


def query(fact: ResourceFact, inputs: Mapping[str, Any]) -> dict[str, str]:
    """The query parameters, ``api-version`` included."""
    found = {"api-version": fact.version}
    for name, prop in fact.inputs.items():
        if prop.location == "query" and name in inputs:
            value = inputs[name]
            found[prop.at[0]] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def body(facts: Facts, fact: ResourceFact, inputs: Mapping[str, Any], address: str = "") -> Json:
    """The request body of a PUT; ``$self`` in what refers to a part of the resource is its ``address``."""
    result: Json = _absolute(_to_wire(facts, fact.inputs, inputs), address)
    for container in fact.containers:
        _container(result, container)
    return result


def _absolute(value: Any, address: str) -> Any:
    if isinstance(value, list):
        return [_absolute(item, address) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    members = {key: _absolute(item, address) for key, item in cast("Json", value).items()}
    own = members.get("id")
    if isinstance(own, str) and own.startswith("$self/"):
        members["id"] = address + own.removeprefix("$self")
    return members


def outputs(facts: Facts, fact: ResourceFact, response: Mapping[str, Any]) -> Json:
    """A response in the SDK's shape: only what the SDK has, nothing null."""
    return _from_wire(facts, fact.outputs, response)


def projected(facts: Facts, fact: ResourceFact, state: Mapping[str, Any]) -> Json:
    """Outputs (SDK shape) as the inputs that would give them: read-only properties left out."""
    return _project(facts, {n: p for n, p in fact.inputs.items() if p.location == "body"}, state)


def imported(facts: Facts, fact: ResourceFact, text: str, response: Mapping[str, Any]) -> Json:
    """The inputs that would give this id and response; empty lists and objects are taken for defaults."""
    from_body = _from_wire(facts, {n: p for n, p in fact.inputs.items() if p.location == "body"}, response)
    named: Json = {**path_values(fact, text)}
    for name, value in from_body.items():
        kept = _without_empty(value)
        if name not in named and name != "id" and kept is not None:
            named[name] = kept
    return named


def at_path(root: Any, path: tuple[str, ...]) -> Any:
    """The value at ``path`` in nested objects, or None."""
    for key in path:
        if not isinstance(root, dict):
            return None
        root = cast("Json", root).get(key)
    return root


def put_path(root: Json, path: tuple[str, ...], value: Any) -> None:
    """Sets the value at ``path``, making the objects on the way."""
    _container(root, path[:-1])[path[-1]] = value


def _container(root: Json, path: tuple[str, ...]) -> Json:
    for key in path:
        found = root.get(key)
        if not isinstance(found, dict):
            found = root[key] = {}
        root = cast("Json", found)
    return root


def _to_wire(facts: Facts, properties: Properties, values: Mapping[str, Any]) -> Json:
    result: Json = {}
    for name, prop in properties.items():
        value = values.get(name)
        if value is not None and prop.location == "body":
            put_path(result, prop.at, _convert(facts, prop.shape, value, _to_wire, _has))
    return result


def _from_wire(facts: Facts, properties: Properties, values: Mapping[str, Any]) -> Json:
    result: Json = {}
    for name, prop in properties.items():
        value = _read(properties, prop, values)
        if value is not None:
            result[name] = _convert(facts, prop.shape, value, _from_wire, _read)
    return result


def _project(facts: Facts, properties: Properties, values: Mapping[str, Any]) -> Json:
    result: Json = {}
    for name, prop in properties.items():
        value = values.get(name)
        if value is not None:
            result[name] = _convert(facts, prop.shape, value, _project, _has)
    return result


def _read(properties: Properties, prop: Property, values: Mapping[str, Any]) -> Any:
    value = at_path(values, prop.at)
    if value is None and len(prop.at) == 1 and "properties" not in properties:
        # a nested resource in a response whose SDK type is flat
        value = at_path(values, ("properties", *prop.at))
    return value


def _has(_: Properties, prop: Property, values: Mapping[str, Any]) -> Any:
    return values.get(prop.name)


def _convert(
    facts: Facts,
    shape: Shape,
    value: Any,
    convert: Callable[[Facts, Properties, Mapping[str, Any]], Json],
    read: Callable[[Properties, Property, Mapping[str, Any]], Any],
) -> Any:
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if shape.kind == "%":
            return {item: {} for item in items if isinstance(item, str)}
        if shape.kind == "[" and shape.item is not None:
            return [_convert(facts, shape.item, item, convert, read) for item in items]
        return items
    if not isinstance(value, dict):
        return value
    members = cast("Json", value)
    if shape.kind == "%":
        return list(members)
    if shape.kind == "{" and shape.item is not None:
        return {key: _convert(facts, shape.item, item, convert, read) for key, item in members.items()}
    chosen = choose(facts, shape, members, read)
    return members if chosen is None else convert(facts, chosen, members)


def choose(
    facts: Facts,
    shape: Shape,
    value: Mapping[str, Any],
    read: Callable[[Properties, Property, Mapping[str, Any]], Any] = _has,
) -> Properties | None:
    """The type that an object is of, or None if the shape is open or none fits."""
    if shape.kind != "#":
        return None
    if len(shape.types) == 1:
        return facts.type(shape.types[0])
    candidates = [facts.type(name) for name in shape.types]
    for properties in candidates:
        constants = [p for p in properties.values() if p.constant is not None]
        if constants and all(read(properties, p, value) == p.constant for p in constants):
            return properties
    for properties in candidates:
        constant = any(p.constant is not None for p in properties.values())
        required = all(read(properties, p, value) is not None for p in properties.values() if p.required)
        if not constant and required and all(key in properties for key in value):
            return properties
    return None


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_empty(item) for key, item in cast("Json", value).items()}
        return {key: item for key, item in kept.items() if item is not None} or None
    if isinstance(value, list):
        items = [_without_empty(item) for item in cast("list[Any]", value)]
        return [item for item in items if item is not None] or None
    return value


def sdk_paths(fact: ResourceFact) -> list[tuple[str, ...]]:
    """Where the SDK has the lists that are also resources of their own."""
    found: list[tuple[str, ...]] = []
    for path in fact.maintained:
        for name, prop in fact.inputs.items():
            if prop.location == "body" and path[: len(prop.at)] == prop.at:
                found.append((name, *path[len(prop.at) :]))
    return found


def drop_path(root: Json, path: tuple[str, ...]) -> None:
    """Removes the value at ``path`` if there is one."""
    holder = at_path(root, path[:-1])
    if isinstance(holder, dict):
        cast("Json", holder).pop(path[-1], None)
