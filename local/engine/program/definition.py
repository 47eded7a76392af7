"""Python code that declares resources as the state has them, spelled as their package's SDK spells it.

Official: pkg/importer, pkg/codegen/python. Where the SDK isn't installed, names are derived from the wire's, and nested
keys stay as they are. A secret is read from the stack's configuration: code holds none.
"""

from __future__ import annotations

import collections.abc
import enum
import importlib
import json
import keyword
import re
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ForwardRef

from local.engine import urn as urns
from local.engine.property_value import Secret, reveal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.engine.state.resource_state import ResourceState

_INDENT = "    "


@dataclass(frozen=True)
class Spelling:
    """What the SDK calls a resource: its class, and for each property on the wire its name and type."""

    name: str
    properties: dict[str, tuple[str, Any]] | None = None


@dataclass
class _Code:
    """Code that is being written."""

    aliases: dict[str, str] = field(default_factory=dict[str, str])  # module → alias
    references: dict[str, tuple[str, str]] = field(
        default_factory=dict[str, tuple[str, str]]
    )  # value → (owner, code)
    secrets: list[str] = field(default_factory=list[str])
    owner: str = ""
    name: str = ""


def snake(name: str) -> str:
    """`accessTier` as `access_tier`; what Python keeps for itself gets an underscore."""
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name))
    text = re.sub(r"\W", "_", text).lower()
    return f"{text}_" if keyword.iskeyword(text) else f"_{text}" if text[:1].isdigit() else text


def definitions(states: Sequence[ResourceState], names: dict[str, str]) -> str:
    """A program's lines for resources; `names` are the variables of these and of what they refer to."""
    if not states:
        return ""
    variables = {urn: snake(name) for urn, name in names.items()}
    code = _Code(references=_references(states, variables))
    declared = [_declared(state, variables, code) for state in states]
    imports = [
        "import pulumi",
        *(f"import {module} as {alias}" for module, alias in sorted(code.aliases.items())),
    ]
    notes: list[str] = []
    if code.secrets:
        notes = [
            "# Secrets aren't written into code. Before the next `pulumi preview`, set each to what it is:",
            *(f"#     pulumi config set --secret {key}" for key in code.secrets),
            "config = pulumi.Config()",
        ]
    return "\n".join([*imports, "", *notes, *declared]) + "\n"


def _references(states: Sequence[ResourceState], variables: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Which value is whose id, name or ARN; values that several have are nobody's."""
    found: list[tuple[str, str, str]] = []
    for state in states:
        variable = variables[state.urn]
        if state.id:
            found.append((state.id, variable, f"{variable}.id"))
        for key in ("name", "arn"):
            value = reveal(state.outputs.get(key))
            if isinstance(value, str) and value:
                found.append((value, variable, f"{variable}.{key}"))
    values = [value for value, _, _ in found]
    return {value: (owner, text) for value, owner, text in found if values.count(value) == 1}


def _declared(state: ResourceState, variables: dict[str, str], code: _Code) -> str:
    code.owner, code.name = variables[state.urn], state.name
    options = _options(state, variables)
    if not state.custom:
        words = f"{json.dumps(state.type)}, {json.dumps(state.name)}"
        return _called("pulumi.ComponentResource", words, [], options, code.owner)
    spelling = _spelling(state.type, code)
    named = [
        (*_names(spelling, key), value) for key, value in state.inputs.items() if not key.startswith("__")
    ]
    named = sorted((row for row in named if row[0]), key=lambda row: row[0])
    depth = int(len(named) > 1)
    arguments = [f"{name}={_value(value, kind, code, [name], depth)}" for name, kind, value in named]
    return _called(spelling.name, json.dumps(state.name, ensure_ascii=False), arguments, options, code.owner)


def _names(spelling: Spelling, key: str) -> tuple[str, Any]:
    """A property's name in the SDK, and its type; no name for one that the SDK hasn't."""
    if spelling.properties is None:
        return snake(key), None
    return spelling.properties.get(key, ("", None))


def _called(name: str, first: str, arguments: list[str], options: list[str], variable: str) -> str:
    """A call, laid out as the official engine does: one argument beside the name, several on lines of their own."""
    pad = _INDENT if len(arguments) > 1 else ""
    rest = "".join(f",\n{pad}{argument}" if pad else f", {argument}" for argument in arguments)
    wanted = f",\n{pad}{_INDENT}".join(options)
    if options:
        rest += f",\n{pad}" if arguments else ", "
        rest += f"opts = pulumi.ResourceOptions({wanted})"
    return f"{variable} = {name}({first}{rest})"


def _options(state: ResourceState, variables: dict[str, str]) -> list[str]:
    options: list[str] = []
    if state.parent and urns.type_of(state.parent) != urns.STACK_TYPE:
        options.append(f"parent={variables.get(state.parent, snake(urns.name_of(state.parent)))}")
    provider = urns.split_reference(state.provider)[0] if state.provider else ""
    if provider and not urns.is_default_provider(provider):
        options.append(f"provider={variables.get(provider, snake(urns.name_of(provider)))}")
    if state.protect:
        options.append("protect=True")
    return options


# -- values


def _value(value: Any, kind: Any, code: _Code, path: list[str], depth: int) -> str:
    if isinstance(value, Secret):
        key = "_".join([snake(code.name), *path])
        code.secrets.append(key)
        plain = isinstance(value.value, str)
        return f"config.require_secret({key!r})" if plain else f"config.require_secret_object({key!r})"
    if isinstance(value, str) and value in code.references and code.references[value][0] != code.owner:
        return code.references[value][1]
    shapes = list(_shapes(kind))
    if isinstance(value, dict):
        return _object(value, shapes, code, path, depth)
    if isinstance(value, list):
        inner = next((typing.get_args(shape)[0] for shape in shapes if _is_list(shape)), None)
        if len(value) == 1:
            return f"[{_value(value[0], inner, code, [*path, '0'], depth)}]"
        items = [
            _value(item, inner, code, [*path, str(index)], depth + 1) for index, item in enumerate(value)
        ]
        return _block("[", items, "]", depth)
    for shape in shapes:
        if isinstance(shape, type) and issubclass(shape, enum.Enum):
            member = next((member for member in shape if member.value == value), None)
            if member is not None:
                return (
                    f"{_alias(shape.__module__.removesuffix('._enums'), code)}.{shape.__name__}.{member.name}"
                )
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    """A string; one of several lines as such, where it can stand as it is."""
    raw = "\n" in value and value.replace("\n", "").isprintable() and "\\" not in value
    if raw and '"""' not in value and not value.endswith('"'):
        return f'"""{value}"""'
    return json.dumps(value, ensure_ascii=False)


def _object(value: dict[str, Any], shapes: list[Any], code: _Code, path: list[str], depth: int) -> str:
    inputs = next((found for shape in shapes if (found := _input_type(shape))), None)
    inner = next((typing.get_args(shape)[1] for shape in shapes if _is_map(shape)), None)
    rows: list[str] = []
    for key, item in value.items():
        name, kind = inputs.get(key, (key, None)) if inputs is not None else (key, inner)
        rows.append(f"{json.dumps(name)}: {_value(item, kind, code, [*path, snake(name)], depth + 1)}")
    return _block("{", sorted(rows), "}", depth)


def _block(start: str, items: list[str], end: str, depth: int) -> str:
    if not items:
        return start + end
    pad = _INDENT * (depth + 1)
    return "\n".join([start, *(f"{pad}{item}," for item in items), _INDENT * depth + end])


# -- types


def _spelling(token: str, code: _Code) -> Spelling:
    """The class of a type, from its SDK where that is installed."""
    package, module, name = token.split(":")
    if urns.is_provider(token):
        package, module, name = name, "", "Provider"
    module = module.split("/", 1)[0]
    root = f"pulumi_{package.replace('-', '_')}"
    path = root if module in {"index", ""} else f"{root}.{module.replace('-', '_')}"
    try:
        loaded = importlib.import_module(path)
        class_ = getattr(loaded, name)
    except (ImportError, AttributeError):
        return Spelling(f"{_alias(path, code)}.{name}")
    arguments = getattr(loaded, f"{name}Args", None) or getattr(loaded, f"{name}InitArgs", None)
    if f"{name}InitArgs" in dir(loaded):
        arguments = getattr(loaded, f"{name}InitArgs")
    arguments = arguments or _arguments_of(class_)
    return Spelling(f"{_alias(path, code)}.{name}", _input_type(arguments) if arguments else None)


def _arguments_of(class_: type) -> Any:
    """The class of a resource's arguments, which stands beside it in its module."""
    module = importlib.import_module(class_.__module__)
    return getattr(module, f"{class_.__name__}InitArgs", None) or getattr(
        module, f"{class_.__name__}Args", None
    )


def _alias(module: str, code: _Code) -> str:
    """What code calls a module: `azure_native.storage`."""
    root, _, rest = module.partition(".")
    alias = code.aliases[root] = root.removeprefix("pulumi_")
    return f"{alias}.{rest}" if rest else alias


def _input_type(class_: Any) -> dict[str, tuple[str, Any]] | None:
    """For a class of inputs, the wire's name of each property → Python's name and type."""
    from pulumi import _types as types  # noqa: PLC0415 # pyright: ignore[reportPrivateUsage] - its own SDKs' too

    if not isinstance(class_, type) or not types.is_input_type(class_):
        return None
    names = types.input_type_py_to_pulumi_names(class_)
    hints = types.input_type_types(class_)
    return {wire: (name, hints.get(name, hints.get(wire))) for name, wire in names.items()}


def _shapes(kind: Any) -> Iterator[Any]:
    """The types that an input may have, without what inputs are wrapped in."""
    origin = typing.get_origin(kind)
    if kind is None or isinstance(kind, (str, ForwardRef)):
        return
    if _is_list(kind) or _is_map(kind):
        yield kind
    elif origin is not None:
        for argument in typing.get_args(kind):
            yield from _shapes(argument)
    elif isinstance(kind, type):
        yield kind


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) in {list, collections.abc.Sequence} and bool(typing.get_args(kind))


def _is_map(kind: Any) -> bool:
    return typing.get_origin(kind) in {dict, collections.abc.Mapping} and len(typing.get_args(kind)) == 2
