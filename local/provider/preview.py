"""Preview: the outputs as far as the inputs tell; the rest is unknown. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from local.provider.check import API_VERSION
from local.provider.properties import UNKNOWN, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.provider.facts import Facts, Properties, ResourceFact, Shape

Json = dict[str, Any]

#: Outputs that no update changes.
STABLE = ("name", "location")


def outputs(
    facts: Facts, fact: ResourceFact, inputs: Mapping[str, Any], state: Mapping[str, Any] | None = None
) -> Json:
    """What a create would give, or an update of ``state``."""
    result = _object(facts, fact.outputs, inputs)
    for name in STABLE:
        if state is not None and name in state and name in fact.outputs:
            result[name] = state[name]
    return result | {API_VERSION: fact.version}


def _object(facts: Facts, properties: Properties, inputs: Mapping[str, Any]) -> Json:
    return {
        name: prop.constant if prop.constant is not None else _value(facts, prop.shape, inputs.get(name))
        for name, prop in properties.items()
    }


def _value(facts: Facts, shape: Shape, value: Any) -> Any:
    if value is None or value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Secret):
        return Secret(_value(facts, shape, value.value))
    if isinstance(value, dict):
        members = cast("Json", value)
        if shape.kind == "{" and shape.item is not None:
            return {key: _value(facts, shape.item, item) for key, item in members.items()}
        if shape.kind == "#" and len(shape.types) == 1:
            return _object(facts, facts.type(shape.types[0]), members)
        return members if shape.kind in "*#" else UNKNOWN
    if isinstance(value, list):
        if shape.kind == "[" and shape.item is not None:
            return [_value(facts, shape.item, item) for item in cast("list[Any]", value)]
        return cast("list[Any]", value) if shape.kind == "*" else UNKNOWN
    return value if shape.kind in "sbin*" else UNKNOWN
