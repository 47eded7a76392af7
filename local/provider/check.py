"""Check: which inputs a resource ends up with and what is wrong with them. Pure.

Required and unknown properties, basic types, lengths, ranges and patterns are checked, nested ones too, with azure-native's
messages (its ``validateType``). Stricter in one thing: it drops properties it doesn't know, here they are failures that name
them. As there, values of enumerations are Azure's to check, and a pattern that Go's regular expressions don't have
(look-around, back-references) is no check.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from local.provider.names import CREATE_BEFORE_DELETE, Autonaming, auto_name, logical_name, remembered_name
from local.provider.properties import UNKNOWN, Secret, plain
from local.provider.wire import choose

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.provider.facts import Facts, Limits, Properties, ResourceFact, Shape

Json = dict[str, Any]

_WORDS = {
    "s": "string",
    "i": "integer",
    "n": "number",
    "b": "boolean",
    "[": "array",
    "{": "object",
    "#": "object",
}
API_VERSION = "azureApiVersion"
_LOCATION = (
    ". Either set it explicitly or configure it with 'pulumi config set azure-native:location <value>'."
)
#: What RE2 doesn't have, so that azure-native doesn't check the pattern.
_NOT_RE2 = re.compile(r"\(\?<?[=!]|\\[1-9]")


@dataclass(frozen=True)
class Failure:
    """One thing wrong with the inputs."""

    property: str
    reason: str


def named(
    fact: ResourceFact,
    news: Mapping[str, Any],
    olds: Mapping[str, Any],
    *,
    urn: str,
    seed: bytes = b"",
    autonaming: Autonaming | None = None,
) -> Json:
    """The inputs with the physical name and the API version filled in."""
    inputs = {**news}
    if fact.auto_name is not None and fact.auto_name[0] not in inputs:
        key, strategy = fact.auto_name
        name = remembered_name(olds, key) or auto_name(
            logical_name(urn), strategy, seed=seed, autonaming=autonaming
        )
        if name is not None:
            inputs[key] = name[0]
            if name[1]:
                inputs[CREATE_BEFORE_DELETE] = True
    inputs.setdefault(API_VERSION, fact.version)
    return inputs


def needs_location(fact: ResourceFact, inputs: Mapping[str, Any]) -> bool:
    """Whether the location has to be found elsewhere."""
    return "location" in fact.inputs and "location" not in inputs


def failures(facts: Facts, fact: ResourceFact, inputs: Mapping[str, Any]) -> list[Failure]:
    """Everything wrong with the inputs, in the table's order."""
    given = {name: value for name, value in inputs.items() if not name.startswith("__")}
    version = given.pop(API_VERSION, fact.version)
    found = list(_object(facts, fact.inputs, given, "", fact.token))
    if version is not UNKNOWN and version != fact.version:
        reason = f"API version {version!r} of {fact.token} isn't known here; leave '{API_VERSION}' out to get {fact.version}."
        found.append(Failure(API_VERSION, reason))
    return found


def _object(
    facts: Facts, properties: Properties, values: Mapping[str, Any], at: str, owner: str
) -> Iterator[Failure]:
    for name, prop in properties.items():
        path = f"{at}.{name}" if at else name
        if name in values:
            yield from _value(facts, prop.shape, values[name], path)
            if prop.limits is not None:
                yield from _limited(prop.limits, plain(values[name]), path)
        elif prop.required:
            yield Failure(
                path, f"missing required property '{path}'{_LOCATION if path == 'location' else ''}"
            )
    for name in values:
        if name not in properties:
            path = f"{at}.{name}" if at else name
            near = difflib.get_close_matches(_camel(name), properties, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else "."
            yield Failure(path, f"unknown property '{path}' of {owner}{hint}")


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def _value(facts: Facts, shape: Shape, value: Any, path: str) -> Iterator[Failure]:
    if isinstance(value, Secret):
        value = value.value
    if value is UNKNOWN or shape.kind == "*":
        return
    if isinstance(value, dict):
        yield from _members(facts, shape, cast("Json", value), path)
    elif isinstance(value, list):
        yield from _items(facts, shape, cast("list[Any]", value), path)
    else:
        yield from _scalar(shape, value, path)


def _items(facts: Facts, shape: Shape, items: list[Any], path: str) -> Iterator[Failure]:
    if shape.kind not in "[%":
        yield _mistyped(path, shape, "an array")
    elif shape.item is not None:
        for index, item in enumerate(items):
            yield from _value(facts, shape.item, item, f"{path}[{index}]")


def _scalar(shape: Shape, value: Any, path: str) -> Iterator[Failure]:
    if isinstance(value, str):
        if shape.kind != "s":
            yield _mistyped(path, shape, "a string")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if shape.kind not in "in":
            yield _mistyped(path, shape, "a number")
        elif shape.kind == "i" and isinstance(value, float):
            yield Failure(path, f"'{path}' must be an integer but got {value}")


def _limited(limits: Limits, value: Any, path: str) -> Iterator[Failure]:
    if isinstance(value, str):
        length = len(value.encode())
        if length < limits.min_length:
            text = f"'{path}' is too short ({length}): at least {limits.min_length} characters required"
            yield Failure(path, text)
        if limits.max_length is not None and length > limits.max_length:
            text = f"'{path}' is too long ({length}): at most {limits.max_length} characters allowed"
            yield Failure(path, text)
        expression = pattern(limits.pattern)
        if expression is not None and not expression.search(value):
            yield Failure(path, f"'{path}' does not match expression '{limits.pattern}'")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if limits.low is not None and value < limits.low:
            yield Failure(path, f"'{path}' is too low ({value:f} < {limits.low:f})")
        if limits.high is not None and value > limits.high:
            yield Failure(path, f"'{path}' is too high ({value:f} > {limits.high:f})")


@cache
def pattern(text: str) -> re.Pattern[str] | None:
    """An expression as azure-native reads it, or None where it can't and checks nothing."""
    if not text or _NOT_RE2.search(text):
        return None
    try:
        # RE2's classes are ASCII's, and its $ is the very end
        return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", text), re.ASCII)
    except re.error:
        return None


def _members(facts: Facts, shape: Shape, value: Json, path: str) -> Iterator[Failure]:
    if shape.kind == "{" and shape.item is not None:
        for key, item in value.items():
            yield from _value(facts, shape.item, item, f"{path}.{key}")
        return
    if shape.kind != "#":
        yield _mistyped(path, shape, "an object")
        return
    chosen = choose(facts, shape, value)
    if chosen is not None:
        owner = shape.types[0] if len(shape.types) == 1 else path
        yield from _object(facts, chosen, value, path, owner)
        return
    constants = [
        (prop.name, prop.constant)
        for name in shape.types
        for prop in facts.type(name).values()
        if prop.constant is not None
    ]
    undecided = any(value.get(name) is UNKNOWN for name, _ in constants)
    if constants and len(constants) == len(shape.types) and not undecided:
        choices = ", ".join(sorted(f"'{constant}'" for _, constant in constants))
        key = constants[0][0]
        yield Failure(f"{path}.{key}", f"'{path}.{key}' is {value.get(key)!r}; it must be one of {choices}")


def _mistyped(path: str, shape: Shape, got: str) -> Failure:
    kind = "array" if shape.kind == "%" else _WORDS[shape.kind]
    return Failure(path, f"'{path}' should be of type '{kind}' but got {got}")
