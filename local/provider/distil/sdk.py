"""The installed SDK's classes in the table's notation (see ``local.provider.facts``), following references.

A class is read beside its type on the wire (``WireType``), which says where each property lies and how long, large or
shaped its value may be. A class that several resources share is read once; what one wire type doesn't tell the next may.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import sys
import typing
from collections import abc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi import _types  # pyright: ignore[reportPrivateUsage]

from local.provider.distil import rule

if TYPE_CHECKING:
    from local.provider.distil.arm_type import WireType

Json = dict[str, Any]

_ALONE = "These are also available as standalone resources"
_INVOKE = re.compile(r"invoke\('(azure-native:\w+:\w+)'")
_VERSION = re.compile(r"Uses Azure REST API version (\d{4}-\d{2}-\d{2}\S*?)\.\s")


class SdkError(LookupError):
    """The SDK has no such class, or doesn't say what is needed of it."""


class Token:
    """A resource type of the SDK."""

    def __init__(self, token: str) -> None:
        parts = token.split(":")
        if len(parts) != 3 or parts[0] != "azure-native":
            raise SdkError(f"{token!r} isn't a token; write azure-native:MODULE:Type")
        self.text, self.module, self.name = token, parts[1], parts[2]
        try:
            self.package = importlib.import_module(f"pulumi_azure_native.{self.module}")
            self.resource: type = getattr(self.package, self.name)
        except (ImportError, AttributeError) as error:
            raise SdkError(f"the installed pulumi_azure_native has no {token} ({error})") from error
        # the SDK's name for a resource's arguments where a nested type has the usual one
        self.arguments: type = getattr(self.package, f"{self.name}InitArgs", None) or getattr(
            self.package, f"{self.name}Args"
        )

    @property
    def version(self) -> str:
        """The API version, as the class's documentation states it."""
        match = _VERSION.search(inspect.getsource(self.resource))
        if match is None:
            raise SdkError(
                f"{self.text}: the SDK states no API version; azure-native has code of its own for it"
            )
        return match[1]

    @property
    def required(self) -> dict[str, bool]:
        """Every input, and whether it is required."""
        return {
            name: "!" in text for name, text in Distillery().properties(self.arguments, self.module).items()
        }


class Distillery:
    """Turns classes into notation and keeps the nested types it meets."""

    def __init__(self) -> None:
        self.types: dict[str, dict[str, str]] = {}
        #: Limits by nested type and property.
        self.limits: dict[str, dict[str, Json]] = {}
        #: Properties that Azure's published types don't have, by nested type.
        self.unplaced: dict[str, set[str]] = {}
        self._read: set[tuple[str, bool]] = set()

    def notation(self, hint: Any, module: str, wire: WireType | None = None) -> str:
        """One type hint."""
        if hint is Any:
            return "*"
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is abc.Awaitable or (inspect.isclass(origin) and origin.__name__ == "Output"):
            return ""
        if origin is typing.Union or type(hint).__name__ == "UnionType":
            parts = [self.notation(a, module, wire) for a in arguments if a is not type(None)]
            known = list(dict.fromkeys(p for p in parts if p))
            objects = [p for p in known if p.startswith("#")]
            return "|".join(objects) if objects else (known[0] if len(known) == 1 else "*")
        if origin in (list, abc.Sequence):
            if wire is not None and wire.is_map and arguments[0] is not Any:
                return "%"
            return "[" + self.notation(arguments[0], module, wire.item if wire is not None else None)
        if origin in (dict, abc.Mapping):
            return "{" + self.notation(arguments[1], module, wire.item if wire is not None else None)
        return self._class_notation(hint, module, wire) if inspect.isclass(hint) else "*"

    def _class_notation(self, hint: type, module: str, wire: WireType | None) -> str:
        if _types.is_input_type(hint) or _types.is_output_type(hint):
            return "#" + self._add(hint, module, wire)
        if typing.is_typeddict(hint):
            return ""
        for kind, letter in ((bool, "b"), (int, "i"), (float, "n"), (str, "s"), (enum.Enum, "s")):
            if issubclass(hint, kind):
                return letter
        return ""

    def properties(self, cls: type, module: str, wires: dict[str, WireType] | None = None) -> dict[str, str]:
        """SDK name → notation with ``!`` and ``=`` for an input or output class."""
        hints = _types.input_type_types(cls) if _types.is_input_type(cls) else _types.output_type_types(cls)
        names = {python: pulumi for python, pulumi, _ in _types._py_properties(cls)}  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        parameters = inspect.signature(inspect.unwrap(cls.__init__)).parameters
        constants = constants_of(cls)
        found: dict[str, str] = {}
        for python, name in names.items():
            text = self.notation(hints.get(name, Any), module, (wires or {}).get(name)) or "*"
            parameter = parameters.get(python)
            if parameter is not None and parameter.default is inspect.Parameter.empty:
                text += "!"
            if name in constants:
                text += "=" + constants[name]
            found[name] = text
        return found

    def _add(self, cls: type, module: str, wire: WireType | None) -> str:
        name = f"{module}:{cls.__name__.removesuffix('Args')}"
        if (name, wire is not None) in self._read or (name, True) in self._read:
            return name
        self._read.add((name, wire is not None))
        self.types.setdefault(name, {})
        places: dict[str, str] = {}
        wires: dict[str, WireType] = {}
        limits: dict[str, Json] = {}
        if wire is not None:
            holder = wire.variant(constants_of(cls))
            renamed = rule.RENAMED.get(name.removesuffix("Response"), {})
            for sdk_name in _names(cls):
                found = holder.place(sdk_name, renamed.get(sdk_name), given=_types.is_input_type(cls))
                if found is None:
                    self.unplaced.setdefault(name, set()).add(sdk_name)
                    continue
                places[sdk_name], wires[sdk_name] = at(sdk_name, found[0]), found[1]
                if found[1].limits and _types.is_input_type(cls):
                    limits[sdk_name] = found[1].limits
        table = self.properties(cls, module, wires)
        if name.endswith("Response"):
            self._sharpen_all(table, cls, module, wires)
        self.types[name] = {sdk_name: text + places.get(sdk_name, "") for sdk_name, text in table.items()}
        if limits:
            self.limits[name] = limits
        return name

    def _sharpen_all(self, table: dict[str, str], cls: type, module: str, wires: dict[str, WireType]) -> None:
        nested = sys.modules.get(f"pulumi_azure_native.{module}._inputs")
        twin = getattr(nested, cls.__name__.removesuffix("Response") + "Args", None)
        if twin is not None and any("*" in text for text in table.values()):
            given = self.properties(twin, module, wires)
            for name, text in table.items():
                table[name] = self.sharpen(text, given.get(name, ""), module, wires.get(name))

    def sharpen(self, text: str, given: str, module: str, wire: WireType | None = None) -> str:
        """An output that the SDK types as Any, from its input: the responses of the same union."""
        shape = re.split("[!=@]", given)[0]
        open_shape, flags = re.split("(?=[!=@])", text + "!", maxsplit=1)
        if (
            not open_shape.endswith("*")
            or "#" not in shape
            or open_shape[:-1] != shape[: len(open_shape) - 1]
        ):
            return text
        for _ in range(len(open_shape) - 1):
            wire = wire.item if wire is not None else None
        sharp = re.sub(r"#\w+:(\w+)", lambda m: self._response(m.group(1), module, wire), shape)
        return sharp + flags[:-1]

    def _response(self, name: str, module: str, wire: WireType | None) -> str:
        outputs = importlib.import_module(f"pulumi_azure_native.{module}.outputs")
        cls = getattr(outputs, f"{name}Response", None)
        return self.notation(cls, module, wire) if cls is not None else f"#{module}:{name}"


def lists(module: str) -> dict[str, str]:
    """The functions of a module that list something of a resource (``listWorkspaceKeys``), and their API versions."""
    found: dict[str, str] = {}
    folder = Path(importlib.import_module(f"pulumi_azure_native.{module}").__path__[0])
    for file in sorted(folder.glob("list_*.py")):
        text = file.read_text()
        token, version = _INVOKE.search(text), _VERSION.search(text)
        if token is not None and version is not None:
            found[token[1]] = version[1]
    return found


def at(sdk_name: str, place: list[str]) -> str:
    """A place in the notation."""
    if place == [sdk_name]:
        return ""
    usual = place == ["properties", sdk_name] and sdk_name != "properties"
    return "@properties" if usual else "@" + "/".join(place)


def constants_of(cls: type) -> dict[str, str]:
    """Properties that have one value only (``computeType: AmlCompute``), by SDK name."""
    found = re.findall(r'pulumi\.set\(__self__, "(\w+)", \'([^\']*)\'\)', inspect.getsource(cls.__init__))
    names = {python: pulumi for python, pulumi, _ in _types._py_properties(cls)}  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    return {names[python]: value for python, value in found if python in names}


def standalone(cls: type) -> list[str]:
    """Inputs that are also resources of their own, as the SDK's documentation says."""
    return [
        pulumi
        for python, pulumi, _ in _types._py_properties(cls)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        if _ALONE in (inspect.getdoc(getattr(cls, python)) or "")
    ]


def _names(cls: type) -> list[str]:
    return [pulumi for _, pulumi, _ in _types._py_properties(cls)]  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
