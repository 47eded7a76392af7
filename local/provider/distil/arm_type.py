"""ARM's types as github.com/Azure/bicep-types-az publishes them: one ``types.json`` per namespace and API version.

``Library`` finds a resource type in a clone (a bare one, too: files are read with git); a ``WireType`` is one type in it, and
says where a property of the SDK lies. Nothing here knows Pulumi.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]

_ROOT = "generated"
_REQUIRED, _READ_ONLY = 1, 2
#: What these types say for ``format: uuid``, which azure-native doesn't check.
_UUID = "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"


class UnknownArmTypeError(LookupError):
    """No published type of that name and API version."""


def plain_name(text: str) -> str:
    """A name as it is compared: ``Application_Type`` is ``applicationType``, ``@odata.type`` is ``odataType``."""
    return re.sub("[^a-z0-9]", "", text.lower())


@dataclass(frozen=True)
class WireType:
    """One type of a ``types.json``."""

    file: list[Json]
    node: Json

    @property
    def kind(self) -> str:
        """``ObjectType``, ``ArrayType`` and so on."""
        return self.node["$type"]

    def _of(self, reference: Json) -> WireType:
        return WireType(self.file, self.file[int(reference["$ref"].removeprefix("#/"))])

    @cached_property
    def properties(self) -> dict[str, WireType]:
        """The properties of an object, those that all its variants have."""
        found: Json = self.node.get("properties") or self.node.get("baseProperties") or {}
        return {name: self._of(entry["type"]) for name, entry in found.items()}

    def required(self, name: str) -> bool:
        """Whether an object must have the property."""
        return self._flag(name, _REQUIRED)

    def _flag(self, name: str, flag: int) -> bool:
        found: Json = self.node.get("properties") or self.node.get("baseProperties") or {}
        return bool(found[name].get("flags", 0) & flag)

    @property
    def item(self) -> WireType | None:
        """What a list or a map holds."""
        reference = self.node.get("itemType") or self.node.get("additionalProperties")
        return self._of(reference) if reference else None

    @property
    def is_map(self) -> bool:
        """Whether keys are the caller's."""
        return (
            self.kind == "ObjectType" and bool(self.node.get("additionalProperties")) and not self.properties
        )

    def variant(self, constants: dict[str, str]) -> WireType:
        """The variant with these constants (by SDK name), with the properties that all have; itself if it has none."""
        if self.kind != "DiscriminatedObjectType":
            return self
        wanted = plain_name(self.node["discriminator"])
        value = next((v for name, v in constants.items() if plain_name(name) == wanted), None)
        elements = cast("dict[str, Json]", self.node["elements"])
        if value not in elements:
            return self
        element = self._of(elements[value])
        merged = {**self.node["baseProperties"], **element.node.get("properties", {})}
        return WireType(self.file, {**element.node, "properties": merged})

    def place(
        self, name: str, renamed: str | None = None, *, given: bool = True
    ) -> tuple[list[str], WireType] | None:
        """Where the SDK's property lies: here, below ``properties``, or in the object further in that has it.

        ``renamed`` is what it is called here, or where it is (``properties/type``). What Azure alone sets isn't where an
        input lies (``given``), if another place has the name.
        """
        if renamed is not None and "/" in renamed:
            holder = self
            for key in renamed.split("/"):
                holder = holder.properties[key]
            return renamed.split("/"), holder
        wanted = plain_name(renamed or name)
        found = self._named(wanted, renamed or name)
        if found is not None and not (given and self._flag(found, _READ_ONLY)):
            return [found], self.properties[found]
        if found is None:
            return self._further(wanted, renamed or name)
        below = self.properties.get("properties")
        inner = below._named(wanted, renamed or name) if below is not None else None  # noqa: SLF001 - its own class
        if below is not None and inner is not None:
            return ["properties", inner], below.properties[inner]
        return [found], self.properties[found]

    def _further(self, wanted: str, exact: str) -> tuple[list[str], WireType] | None:
        level: list[tuple[list[str], WireType]] = [([], self)]
        for _ in range(3):
            inner = [
                ([*path, key], child)
                for path, holder in level
                for key, child in holder.properties.items()
                if child.kind in ("ObjectType", "DiscriminatedObjectType") and not child.is_map
            ]
            inner.sort(key=lambda entry: entry[0][-1] != "properties")
            for path, holder in inner:
                found = holder._named(wanted, exact)  # noqa: SLF001 - its own class
                if found is not None:
                    return [*path, found], holder.properties[found]
            level = [(path, holder) for path, holder in inner if path[-1] == "properties"]
        return None

    def _named(self, wanted: str, exact: str) -> str | None:
        if exact in self.properties:
            return exact
        return next((name for name in self.properties if plain_name(name) == wanted), None)

    @property
    def limits(self) -> Json:
        """Lengths, ranges and patterns of a string or number, in the type's own words."""
        if self.kind not in ("StringType", "IntegerType") or self.node.get("pattern") == _UUID:
            return {}
        keys = ("minLength", "maxLength", "minValue", "maxValue", "pattern")
        return {key: self.node[key] for key in keys if key in self.node}


@dataclass(frozen=True)
class ResourceType:
    """A resource type at one API version."""

    name: str
    body: WireType


@dataclass
class Library:
    """A clone of the published types."""

    directory: Path
    _files: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.directory), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603

    @cached_property
    def _names(self) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name in self._git("ls-tree", "-r", "--name-only", "HEAD", _ROOT).splitlines():
            parts = name.split("/")
            if parts[-1] == "types.json" and len(parts) == 5:
                found[parts[2], parts[3]].append(name)
        return found

    def resource_types(self, namespace: str, version: str) -> list[ResourceType]:
        """All of a namespace (``Microsoft.Network``) at an API version."""
        found: list[ResourceType] = []
        for name in self._names[namespace.lower(), version.lower()]:
            if name not in self._files:
                self._files[name] = json.loads(self._git("show", f"HEAD:{name}"))
            file = self._files[name]
            for node in file:
                if node["$type"] == "ResourceType":
                    body = file[int(node["body"]["$ref"].removeprefix("#/"))]
                    found.append(ResourceType(node["name"].partition("@")[0], WireType(file, body)))
        return found

    def functions(self, name: str, version: str) -> list[str]:
        """The actions of a resource type that read: ``listKeys`` and the like."""
        self.resource_types(name.partition("/")[0], version)
        return [
            node["name"]
            for file in self._names[name.partition("/")[0].lower(), version.lower()]
            for node in self._files[file]
            if node["$type"] == "ResourceFunctionType" and node["resourceType"].lower() == name.lower()
        ]

    def resource_type(self, name: str, version: str) -> ResourceType:
        """One; ``UnknownArmTypeError`` if it isn't published."""
        for found in self.resource_types(name.partition("/")[0], version):
            if found.name.lower() == name.lower():
                return found
        raise UnknownArmTypeError(f"{name}@{version} is not among the published types in {self.directory}")
