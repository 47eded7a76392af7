"""The package's schema as Pulumi has it, from the table: enough to write an imported resource's program in any language.

Not in it: descriptions, enumerations (their values are strings), defaults and functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.provider.facts import Facts, Properties, Shape

Json = dict[str, Any]

_SCALARS = {"s": "string", "b": "boolean", "i": "integer", "n": "number"}
_ANY: Json = {"$ref": "pulumi.json#/Any"}


def schema(facts: Facts, version: str) -> Json:
    """All resource types and the nested types that they use."""
    return {
        "name": "azure-native",
        "version": version,
        "language": {"python": {"usesIOClasses": True, "inputTypes": "classes-and-dicts"}},
        "types": {_token(name): {"type": "object", **_object(facts.type(name))} for name in facts.types},
        "resources": {token: _resource(facts, token) for token in facts.tokens},
    }


def _resource(facts: Facts, token: str) -> Json:
    fact = facts.resource(token)
    inputs = _object(fact.inputs)
    # what azure-native fills in isn't required of a program
    filled = {"location", *(fact.auto_name[:1] if fact.auto_name else ())}
    return {
        **_object(fact.outputs),
        "inputProperties": inputs["properties"],
        "requiredInputs": [name for name in inputs["required"] if name not in filled],
    }


def _object(properties: Properties) -> Json:
    return {
        "properties": {
            name: _type(prop.shape) | ({"const": prop.constant} if prop.constant is not None else {})
            for name, prop in properties.items()
            if name not in ("id", "urn")  # Pulumi's own
        },
        "required": [
            name for name, prop in properties.items() if prop.required and name not in ("id", "urn")
        ],
    }


def _type(shape: Shape) -> Json:
    if shape.kind in _SCALARS:
        return {"type": _SCALARS[shape.kind]}
    if shape.kind == "%":
        return {"type": "array", "items": {"type": "string"}}
    if shape.kind == "[" and shape.item is not None:
        return {"type": "array", "items": _type(shape.item)}
    if shape.kind == "{" and shape.item is not None:
        return {"type": "object", "additionalProperties": _type(shape.item)}
    if shape.kind != "#":
        return dict(_ANY)
    references = [{"$ref": f"#/types/{_token(name)}"} for name in shape.types]
    return references[0] if len(references) == 1 else {"oneOf": references}


def _token(name: str) -> str:
    return f"azure-native:{name}"
