"""Pulumi's property values: protobuf structs ↔ plain Python with two markers, ``UNKNOWN`` and ``Secret``.

Numbers travel as floats; whole ones become ints here, as ARM's JSON wants them. Null properties are dropped, as the
real provider does. Assets, archives and output values aren't negotiated and are refused by name; a resource reference
stands for its id. Signatures: pulumi/sdk ``resource.go``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf import struct_pb2

from local.engine.property_value import RESOURCE, SECRET, SIGNATURE, UNKNOWN_STRING, UNKNOWN_STRINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json = dict[str, Any]


class PropertyError(ValueError):
    """A property value that this provider doesn't take."""


class Unknown:
    """A value that a preview can't know yet. There is one: ``UNKNOWN``."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value to keep encrypted in state and out of logs."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(…)"


def from_struct(struct: struct_pb2.Struct) -> Json:
    """A protobuf struct as plain Python."""
    values = {key: _from_value(value) for key, value in struct.fields.items()}
    return {key: value for key, value in values.items() if value is not None}


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWN_STRINGS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "struct_value":
        return _from_object(from_struct(value.struct_value))
    return None


def _from_object(value: Json) -> Any:
    signature = value.get(SIGNATURE)
    if signature is None:
        return value
    if signature == SECRET:
        return Secret(value["value"]) if "value" in value else None
    if signature == RESOURCE:
        return value.get("id") or value.get("urn")
    raise PropertyError("Assets, archives and output values can't be sent to Azure Resource Manager.")


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Plain Python as a protobuf struct; None is dropped."""
    return struct_pb2.Struct(
        fields={key: _to_value(value) for key, value in properties.items() if value is not None}
    )


def _to_value(value: Any) -> struct_pb2.Value:
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=UNKNOWN_STRING)
    if isinstance(value, Secret):
        return struct_pb2.Value(struct_value=to_struct({SIGNATURE: SECRET, "value": value.value}))
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, dict):
        return struct_pb2.Value(struct_value=to_struct(cast("Json", value)))
    if isinstance(value, list | tuple):
        items = cast("Iterable[Any]", value)
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_to_value(item) for item in items]))
    return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)


def plain(value: Any) -> Any:
    """The value with all secrets opened."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in cast("Json", value).items()}
    if isinstance(value, list):
        return [plain(item) for item in cast("list[Any]", value)]
    return value


def without_nulls(value: Any) -> Any:
    """The value without null properties, at any depth: state doesn't have them either."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in cast("Json", value).items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in cast("list[Any]", value)]
    return value


def has_unknowns(value: Any) -> bool:
    """Whether anything in the value is unknown."""
    if isinstance(value, Secret):
        return has_unknowns(value.value)
    if isinstance(value, dict):
        return any(has_unknowns(item) for item in cast("Json", value).values())
    if isinstance(value, list):
        return any(has_unknowns(item) for item in cast("list[Any]", value))
    return value is UNKNOWN


def keep_secrets(outputs: Any, inputs: Any) -> Any:
    """``outputs`` with a secret wherever ``inputs`` has one at the same place."""
    if isinstance(inputs, Secret):
        return outputs if isinstance(outputs, Secret) or outputs is None else Secret(outputs)
    if isinstance(outputs, dict) and isinstance(inputs, dict):
        given = cast("Json", inputs)
        return {key: keep_secrets(item, given.get(key)) for key, item in cast("Json", outputs).items()}
    if isinstance(outputs, list) and isinstance(inputs, list):
        items, known = cast("list[Any]", outputs), cast("list[Any]", inputs)
        if any(isinstance(item, Secret) for item in known) and len(items) != len(known):
            return Secret(items)
        return [
            keep_secrets(item, known[index] if index < len(known) else None)
            for index, item in enumerate(items)
        ]
    return outputs
