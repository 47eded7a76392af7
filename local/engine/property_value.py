"""Property values between protobuf structs and Python, with secrets, unknowns and outputs as values of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import struct_pb2

from local.engine.asset import ARCHIVE, ASSET, SIGNATURE, Unhashed, hashed
from local.engine.error import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Properties = dict[str, Any]

SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - Pulumi's marker, not a password
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN_STRINGS: Final = frozenset(
    {
        UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_WHOLE: Final = 1e21  # from here on Go writes whole numbers with an exponent
_HERE: Final = Path()


class Unknown:
    """A value that only the deployment will know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


class Secret:
    """A value that is encrypted at rest and never shown. `ciphertext` remembers what it was stored as."""

    __slots__ = ("ciphertext", "value")

    def __init__(self, value: Any, ciphertext: str | None = None) -> None:
        self.value = value
        self.ciphertext = ciphertext

    def __repr__(self) -> str:
        return "Secret([secret])"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and equal(self.value, other.value)

    def __hash__(self) -> int:
        return hash(SECRET)


@dataclass(frozen=True, slots=True)
class Output:
    """An SDK output: a value with the resources it came from."""

    value: Any
    secret: bool
    dependencies: tuple[str, ...]

    def flat(self) -> Any:
        """The same value without its dependencies."""
        return Secret(self.value) if self.secret else self.value


def decode(struct: struct_pb2.Struct) -> Properties:
    """A struct's fields as Python values."""
    return {key: decode_value(value) for key, value in struct.fields.items()}


def decode_value(value: struct_pb2.Value) -> Any:
    """One protobuf value as a Python value. Whole numbers become `int`, as JSON would have them."""
    match value.WhichOneof("kind"):
        case "string_value":
            text = value.string_value
            return UNKNOWN if text in UNKNOWN_STRINGS else text
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) < _WHOLE else number
        case "list_value":
            return [decode_value(item) for item in value.list_value.values]
        case "struct_value":
            return _special({key: decode_value(item) for key, item in value.struct_value.fields.items()})
        case _:
            return None


def _special(fields: Properties) -> Any:
    signature = fields.get(SIGNATURE)
    if signature is None:
        return fields
    if signature == SECRET:
        return Secret(fields.get("value"))
    if signature == OUTPUT:
        return Output(
            fields.get("value", UNKNOWN), bool(fields.get("secret")), tuple(fields.get("dependencies") or ())
        )
    if signature in {ASSET, ARCHIVE}:
        return fields if fields.get("hash") else Unhashed(fields)
    if signature == RESOURCE:
        return fields
    raise UnsupportedError(f"a property value with signature {signature}")


def flatten(value: Any, folder: Path = _HERE, name: str = "") -> Any:
    """Outputs replaced with their plain, secret or unknown values; assets of files under `folder` get their hashes."""
    if isinstance(value, Output):
        flat = value.flat()
        if isinstance(flat, Secret):
            return Secret(flatten(flat.value, folder, name))
        return flatten(flat, folder, name)
    if isinstance(value, Secret):
        inner = flatten(value.value, folder, name)
        return value if inner is value.value else Secret(inner)
    if isinstance(value, dict):
        if isinstance(value, Unhashed):
            return hashed(value, folder, name)
        return {key: flatten(item, folder, key) for key, item in value.items()}
    if isinstance(value, list):
        return [flatten(item, folder, name) for item in value]
    return value


def dependencies_in(value: Any) -> set[str]:
    """URNs of the resources that the outputs in a value come from."""
    if isinstance(value, Output):
        return {*value.dependencies} | dependencies_in(value.value)
    if isinstance(value, Secret):
        return dependencies_in(value.value)
    if isinstance(value, dict):
        return {urn for item in value.values() for urn in dependencies_in(item)}
    if isinstance(value, list):
        return {urn for item in value for urn in dependencies_in(item)}
    return set()


def encode(
    properties: Mapping[str, Any], *, secrets: bool = True, references: bool = True
) -> struct_pb2.Struct:
    """Properties as a struct; secrets and resource references are unwrapped for who can't take them."""
    struct = struct_pb2.Struct()
    fields = struct.fields
    for key, value in properties.items():
        _encode_into(fields[key], value, secrets, references)
    return struct


def _encode_into(  # noqa: C901, PLR0912 - one branch a kind of value, and the engine's hottest code
    target: struct_pb2.Value, value: Any, secrets: bool, references: bool
) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, list):
        values = target.list_value.values
        target.list_value.SetInParent()
        for item in value:
            _encode_into(values.add(), item, secrets, references)
    elif isinstance(value, dict):
        if not references and value.get(SIGNATURE) == RESOURCE:
            target.string_value = value.get("id") or value["urn"]
            return
        target.struct_value.SetInParent()
        fields = target.struct_value.fields
        for key, item in value.items():
            _encode_into(fields[key], item, secrets, references)
    elif isinstance(value, Secret):
        if not secrets:
            _encode_into(target, value.value, secrets, references)
            return
        fields = target.struct_value.fields
        fields[SIGNATURE].string_value = SECRET
        _encode_into(fields["value"], value.value, secrets, references)
    elif isinstance(value, Unknown):
        target.string_value = UNKNOWN_STRING
    else:
        _encode_output(target, value, secrets, references)


def _encode_output(target: struct_pb2.Value, value: Output, secrets: bool, references: bool) -> None:
    fields = target.struct_value.fields
    fields[SIGNATURE].string_value = OUTPUT
    if not isinstance(value.value, Unknown):
        _encode_into(fields["value"], value.value, secrets, references)
    if value.secret:
        fields["secret"].bool_value = True
    if value.dependencies:
        for urn in value.dependencies:
            fields["dependencies"].list_value.values.add().string_value = urn


def equal(left: Any, right: Any) -> bool:
    """Deep equality in which `True` is not `1` and an unknown equals nothing but itself."""
    if isinstance(left, dict):
        if not isinstance(right, dict) or left.keys() != right.keys():
            return False
        return all(equal(item, right[key]) for key, item in left.items())
    if isinstance(left, list):
        if not isinstance(right, list) or len(left) != len(right):
            return False
        return all(equal(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def reveal(value: Any) -> Any:
    """The value with every secret unwrapped."""
    return mapped(value, lambda secret: reveal(secret.value))


def blind(value: Any) -> Any:
    """The value with every secret shown as `[secret]`."""
    return mapped(value, lambda _: "[secret]")


def go_text(value: Any) -> str:
    """A value as the official engine's messages have it (`PropertyValue.String` of its SDK), secrets blinded."""
    if isinstance(value, Unknown):
        return "output<string>{}"
    if isinstance(value, Secret):
        return "{[secret]}"
    if isinstance(value, Output):
        return go_text(value.flat())
    if value is None:
        return "{<nil>}"
    if isinstance(value, bool):
        return f"{{{str(value).lower()}}}"
    if isinstance(value, list):
        return f"{{[{' '.join(map(go_text, value))}]}}"
    if isinstance(value, dict):
        return f"{{map[{' '.join(f'{key}:{go_text(item)}' for key, item in sorted(value.items()))}]}}"
    return f"{{{value}}}"


def mapped(value: Any, replace: Callable[[Secret], Any]) -> Any:
    """The value with each secret replaced; unknowns become their wire string."""
    if isinstance(value, Secret):
        return replace(value)
    if isinstance(value, Unknown):
        return UNKNOWN_STRING
    if isinstance(value, Output):
        return mapped(value.flat(), replace)
    if isinstance(value, dict):
        return {key: mapped(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [mapped(item, replace) for item in value]
    return value


def annotate(outputs: Any, inputs: Any) -> Any:
    """`outputs` with what is secret in `inputs` made secret again, for providers that don't keep secrets.

    Objects are matched key by key; anything else that has a secret somewhere in it is secret as a whole.
    """
    if isinstance(outputs, Secret):
        return outputs
    if isinstance(outputs, dict) and isinstance(inputs, dict):
        return {
            key: annotate(value, inputs[key]) if key in inputs else value for key, value in outputs.items()
        }
    return Secret(outputs) if has_secret(inputs) else outputs


def has_secret(value: Any) -> bool:
    """Whether anything in the value is secret."""
    if isinstance(value, Secret):
        return True
    if isinstance(value, Output):
        return value.secret or has_secret(value.value)
    if isinstance(value, dict):
        return any(has_secret(item) for item in value.values())
    if isinstance(value, list):
        return any(has_secret(item) for item in value)
    return False


def with_secrets(outputs: Properties, names: Sequence[str], inputs: Properties) -> Properties:
    """`outputs` with the named properties made secret, and those that are secret among the inputs."""
    secret = {*names, *(key for key, value in inputs.items() if isinstance(value, Secret))}
    if secret.isdisjoint(outputs):
        return outputs
    return {
        key: Secret(value) if key in secret and not isinstance(value, Secret) else value
        for key, value in outputs.items()
    }


def has_unknown(value: Any) -> bool:
    """Whether anything in the value is unknown."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, (Secret, Output)):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return False
