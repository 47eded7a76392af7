"""What `pulumi import` is to import: one resource of the command line, or a file's.

Official: pkg/cmd/pulumi/operations/import.go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError, UnsupportedError
from local.engine.state.edit import is_urn
from local.engine.state.resource_state import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.engine.display.view import StateView, StepView

_UNSUPPORTED = {
    "outputs": "the resource's whole state",
    "parameterization": "a parameterized package",
    "extension": "an extension of a package",
    "pluginDownloadUrl": "another place of a plugin",
}


@dataclass(frozen=True)
class Import:
    """A resource to import."""

    type: str
    name: str  # its logical name
    variable: str  # what code calls it
    id: str = ""
    parent: str = ""  # a URN
    provider: str = ""  # a URN
    version: str = ""
    properties: tuple[str, ...] = ()
    component: bool = False
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Imports:
    """All that is to be imported, and what code calls resources."""

    resources: tuple[Import, ...]
    names: dict[str, str]  # URN → variable


def inline(
    words: list[str], *, parent: str = "", provider: str = "", properties: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The file that says the same as TYPE NAME ID."""
    missing = ["type, name, and id", "name and id", "id"]
    if len(words) < len(missing):
        raise EngineError(
            "an inline resource must be specified if no converter or import file is used, missing "
            + missing[len(words)]
        )
    if len(words) > len(missing):
        raise EngineError("only expected at most three arguments")
    table: dict[str, str] = {}
    row: dict[str, Any] = {"type": words[0], "name": words[1], "id": words[2], "properties": [*properties]}
    if parent:
        name, urn = _named(parent, "parent")
        if not is_urn(urn):
            raise EngineError(f"invalid parent URN: '{urn}'")
        table[name], row["parent"] = urn, name
    if provider:
        name, urn = _named(provider, "provider")
        if name in table:
            raise EngineError(f"provider and parent must have distinct names, both were '{name}'")
        table[name], row["provider"] = urn, name
    return {"nameTable": table, "resources": [row]}


def _named(text: str, otherwise: str) -> tuple[str, str]:
    """`name=URN`, or a URN alone."""
    name, equals, urn = text.partition("=")
    return (name, urn) if equals and name and is_urn(urn) else (otherwise, text)


def read(path: str) -> dict[str, Any]:
    """An import file; raises EngineError for one that can't be read."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        why = (error.strerror or "").lower()
        raise EngineError(f"could not read import file: open {path}: {why}") from error
    except ValueError as error:
        raise EngineError(f"could not read import file: {error}") from error
    if not isinstance(document, dict):
        raise EngineError("could not read import file: it is not an object")
    return document


def parsed(document: dict[str, Any], stack: str, project: str) -> Imports:
    """The resources of an import file; raises EngineError with all that is wrong with it."""
    rows = [_with_names(row) for row in document.get("resources") or []]
    if document.get("providerInputs"):
        raise UnsupportedError("providerInputs of an import file (declare the provider in its resources)")
    table: dict[str, str] = document.get("nameTable") or {}
    _require([problem for index, row in enumerate(rows) for problem in _problems(index, row)])
    taken = [row["name"] for row in rows]
    urn_of: dict[str, str] = {**dict.fromkeys(taken, ""), **table}
    names = {urn: name for name, urn in table.items()}
    errors: list[str] = []
    found: dict[int, str] = {}
    while len(found) < len(rows) and not errors:
        before = len(found)
        for index, row in enumerate(rows):
            if index in found:
                continue
            urn = _urn(row, (stack, project), urn_of, taken=taken, errors=errors)
            if urn is None:
                continue
            if urn in {*found.values(), *table.values()}:
                errors.append(
                    f"{_described(index, row)} has an ambiguous URN, set name (or logical name) to be unique"
                )
            found[index] = urn_of[row["name"]] = urn
            names[urn] = _unique(row, names.values(), taken)
        if len(found) == before and not errors:
            errors.append("parents of resources go in circles")
    _require(errors)
    imports = [
        _import(row, urn_of, names[found[index]], taken=taken, errors=errors)
        for index, row in enumerate(rows)
    ]
    _require(errors)
    return Imports(tuple(imports), names)


def _with_names(row: dict[str, Any]) -> dict[str, Any]:
    name, logical = row.get("name") or "", row.get("logicalName") or ""
    return {**row, "name": name or logical, "logicalName": logical or name}


def _require(errors: list[str]) -> None:
    if len(errors) == 1:
        raise EngineError(errors[0])
    if errors:
        lines = "".join(f"\n    {index}) {error}" for index, error in enumerate(errors, 1))
        raise EngineError(f"{len(errors)} errors occurred:{lines}")


def _described(index: int, row: dict[str, Any]) -> str:
    name = row.get("name") or row.get("id")
    text = f"resource '{name}'" if name else f"resource {index}"
    return text + (f" of type '{row['type']}'" if row.get("type") else "")


def _problems(index: int, row: dict[str, Any]) -> list[str]:
    this, kind, component = _described(index, row), row.get("type") or "", bool(row.get("component"))
    for key, what in _UNSUPPORTED.items():
        if row.get(key):
            raise UnsupportedError(f"{what} ('{key}' of {this}) in an import file")
    if row.get("remote") and component:
        raise UnsupportedError(f"a component of another package ({this})")
    provider, identity = urns.is_provider(kind), bool(row.get("id"))
    rules = {
        "has no type": not kind,
        "has no name": not row["name"],
        "has an ID, but is a provider, which is created rather than read": provider and identity,
        "is a provider and may not be marked as a component": provider and component,
        "has no ID": not (provider or component or identity),
        "has an ID, but is marked as a component": component and identity and not provider,
        "is marked as remote, but not as a component": bool(row.get("remote")),
    }
    return [f"{this} {problem}" for problem, holds in rules.items() if holds]


def _urn(
    row: dict[str, Any],
    place: tuple[str, str],
    known: dict[str, str],
    *,
    taken: list[str],
    errors: list[str],
) -> str | None:
    """The URN of a resource, or None while its parent's isn't known."""
    parent = row.get("parent") or ""
    if parent and taken.count(parent) > 1:
        errors.append(f"{_described(0, row)} has an ambiguous parent")
    if parent and parent not in known:
        errors.append(f"the parent '{parent}' for {_described(0, row)} has no entry in 'nameTable'")
        return None
    if parent and not known[parent]:
        return None
    return urns.make(*place, known.get(parent, ""), row["type"], row["logicalName"])


def _unique(row: dict[str, Any], used: Any, taken: list[str]) -> str:
    """What code calls a resource; with its type's name if the name is in use already."""
    name = row["name"]
    if name not in set(used):
        return name
    kind = row["type"].rpartition(":")[2]
    base = name + kind[:1].upper() + kind[1:]
    name, counter = base, 2
    while name in taken or name in set(used):
        name, counter = f"{base}{counter}", counter + 1
    return name


def _import(
    row: dict[str, Any], known: dict[str, str], variable: str, *, taken: list[str], errors: list[str]
) -> Import:
    this, provider = _described(0, row), row.get("provider") or ""
    if provider and taken.count(provider) > 1:
        errors.append(f"{this} has an ambiguous provider")
    if provider and provider not in known:
        errors.append(f"the provider '{provider}' for {this} has no entry in 'nameTable' or 'resources'")
    urn = known.get(provider, "")
    if provider in known:
        if is_urn(urn) and len(urn.split("::")) == 5:
            urn = urns.split_reference(urn)[0]  # a reference to a provider will do
        if not is_urn(urn) or not urns.is_provider(urns.type_of(urn)):
            errors.append(f"the provider '{provider}' for {this} is not a provider")
    return Import(
        type=row["type"],
        name=row["logicalName"],
        variable=variable,
        id=row.get("id") or "",
        parent=known.get(row.get("parent") or "", ""),
        provider=urn,
        version=str(row.get("version") or "").removeprefix("v"),
        properties=tuple(row.get("properties") or ()),
        component=bool(row.get("component")),
        inputs=opened(row.get("inputs") or {}, str),
    )


def skeleton(steps: Iterable[StepView]) -> dict[str, Any]:
    """The import file of a preview: what it would create, ids to be filled in; `steps` are what its events tell of."""
    created = [
        step.new
        for step in steps
        if step.op == "create" and step.new is not None and not step.is_stack and not step.internal
    ]
    names: dict[str, str] = {}  # URN → name
    for row in created:
        names[row.urn] = _free(urns.name_of(row.urn), row.type, names)
    table: dict[str, str] = {}

    def named(urn: str) -> str:
        if urn not in names:
            names[urn] = _free(urns.name_of(urn), urns.type_of(urn), names)
            table[names[urn]] = urn
        return names[urn]

    resources = [_entry(row, named) for row in created]
    document: dict[str, Any] = {"nameTable": table} if table else {}
    return {**document, "resources": resources} if resources else document


def _free(name: str, kind: str, names: dict[str, str]) -> str:
    """A name that isn't taken: with its type, if need be with a number."""
    taken = set(names.values())
    if name not in taken:
        return name
    suffix = kind.rpartition(":")[2]
    base = name + suffix[:1].upper() + suffix[1:]
    return next(
        text
        for text in (base, *(f"{base}{count}" for count in range(2, len(taken) + 3)))
        if text not in taken
    )


def _entry(row: StateView, named: Callable[[str], str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": row.type, "name": named(row.urn)}
    if not row.custom:
        entry["component"] = True
    elif not urns.is_provider(row.type):
        entry["id"] = "<PLACEHOLDER>"
    if row.parent and urns.type_of(row.parent) != urns.STACK_TYPE:
        entry["parent"] = named(row.parent)
    provider = urns.split_reference(row.provider)[0] if row.provider else ""
    if provider and not urns.is_default_provider(provider):
        entry["provider"] = named(provider)
    elif version := urns.name_of(provider).removeprefix("default").removeprefix("_") if provider else "":
        entry["version"] = version.replace("_", ".")
    if entry["name"] != urns.name_of(row.urn):
        entry["logicalName"] = urns.name_of(row.urn)
    return entry
