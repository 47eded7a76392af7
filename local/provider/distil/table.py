"""The table: one entry per resource type, the nested types they use, and the limits of both."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi import _types  # pyright: ignore[reportPrivateUsage]

from local.provider.distil import rule
from local.provider.distil.arm_type import Library, ResourceType, UnknownArmTypeError, WireType, plain_name
from local.provider.distil.sdk import Distillery, SdkError, Token, at, lists, standalone

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

TARGET = Path(__file__).parents[1] / "facts.json"
_TOP_LEVEL = frozenset(
    [
        "etag",
        "id",
        "identity",
        "kind",
        "location",
        "name",
        "plan",
        "sku",
        "systemData",
        "tags",
        "type",
        "zones",
    ]
)


def distil(library: Library, wanted: Mapping[str, str]) -> tuple[Json, dict[str, set[str]]]:
    """The table of these tokens (each with its ARM path or type, or nothing), and what couldn't be placed in it."""
    distillery = Distillery()
    limits: Json = {}
    resources: Json = {}
    wrong: list[str] = []
    for token, hint in sorted(wanted.items()):
        try:
            resources[token] = _resource(library, Token(token), hint, distillery, limits)
        except (UnknownArmTypeError, SdkError) as error:
            wrong.append(str(error))
    if wrong:
        raise UnknownArmTypeError("\n".join(wrong))
    limits |= distillery.limits
    table = {
        "resources": resources,
        "functions": _functions(library, resources),
        "types": dict(sorted(distillery.types.items())),
        "limits": {name: limits[name] for name in sorted(limits)},
    }
    return table, distillery.unplaced


def _resource(library: Library, token: Token, hint: str, distillery: Distillery, limits: Json) -> Json:
    version = token.version
    names = token.required
    published = _published(library, token, hint, version)
    body = published.body
    path = hint if hint.startswith("/") else _path(token, published, names)
    parameters = {_sdk_name(parameter, names): parameter for parameter in re.findall(r"{(\w+)}", path)}
    parameters.pop("subscriptionId", None)
    places, wires = _places(token, body, [n for n in names if n not in parameters], distillery)
    inputs = {
        name: _required(text, name in parameters or (name == "location" and _requires(body, name)))
        + (f"@path:{parameters[name]}" if name in parameters else places[name])
        for name, text in distillery.properties(token.arguments, token.module, wires).items()
    }
    auto = rule.auto_name(path)
    location = {"location"} if "location" in names and token.text not in rule.MOVABLE else set[str]()
    found: Json = {name: w.limits for name, w in wires.items() if name in names and w.limits}
    found |= _name_limits(library, published.name, version, path, parameters)
    if found:
        limits[token.text] = found
    fact: Json = {
        "path": path,
        "version": version,
        "autoName": [_sdk_name(auto[0], names), auto[1]] if auto else None,
        "replaces": sorted({*rule.REPLACING.get(token.text, ()), *location}),
        "containers": ["properties"] if _requires(body, "properties") else None,
        "singleton": rule.SINGLETONS.get(token.text) or (token.text in rule.SINGLETONS),
        "maintained": _maintained(token, inputs, distillery),
        "restored": rule.RESTORED.get(token.text),
    }
    outputs = _outputs(token, body, inputs, distillery)
    return {key: value for key, value in fact.items() if value} | {"inputs": inputs, "outputs": outputs}


def _functions(library: Library, resources: Json) -> Json:
    """Functions that are an action of a resource in the table: its token, the action and the API version."""
    found: Json = {}
    for module in sorted({token.split(":")[1] for token in resources}):
        for function, version in lists(module).items():
            if function in rule.UNLIKE:
                continue
            asked = function.split(":")[2].removeprefix("list")
            names = [t for t in resources if t.split(":")[1] == module and asked.startswith(t.split(":")[2])]
            for token in sorted(names, key=len)[-1:]:
                action = f"list{asked.removeprefix(token.split(':')[2])}"
                known = library.functions(rule.arm_type(resources[token]["path"]), version)
                exact = next((name for name in known if name.lower() == action.lower()), None)
                if exact is not None:
                    found[function] = [token, exact, version]
    return found


def _name_limits(library: Library, name: str, version: str, path: str, parameters: Mapping[str, str]) -> Json:
    """What the names in a path may be: the type's own and those of the types that it is in."""
    found: Json = {}
    namespace, *segments = name.split("/")
    sdk_names = {parameter: sdk_name for sdk_name, parameter in parameters.items()}
    given = path.rsplit("/providers/", maxsplit=1)[-1].split("/")[2::2]
    for depth, parameter in enumerate(given, start=1):
        holder = "/".join((namespace, *segments[:depth]))
        with suppress(UnknownArmTypeError):
            limits = library.resource_type(holder, version).body.properties["name"].limits
            if limits and parameter.strip("{}") in sdk_names:
                found[sdk_names[parameter.strip("{}")]] = limits
    return found


def _published(library: Library, token: Token, hint: str, version: str) -> ResourceType:
    name = rule.ARM_TYPES.get(token.text) or (rule.arm_type(hint) if hint.startswith("/") else hint)
    if name:
        return library.resource_type(name, version)
    namespace = rule.NAMESPACES.get(token.module, f"Microsoft.{token.module}")
    choices = library.resource_types(namespace, version)
    fitting = [c for c in choices if _fits(token.name, c.name)]
    if len(fitting) != 1:
        known = ", ".join(sorted(c.name for c in fitting or choices))
        which = f"published are {known}" if known else f"nothing is published of {namespace}@{version}"
        raise UnknownArmTypeError(f"{token.text}: write {token.text}=ARM, with its type; {which}")
    return fitting[0]


def _fits(name: str, arm_type: str) -> bool:
    words = [rule.singular(part.lower()) for part in arm_type.split("/")[1:]]
    return re.sub("(At|By)[A-Z].*$", "", name).lower() in ("".join(words[n:]) for n in range(len(words)))


def _path(token: Token, published: ResourceType, names: dict[str, bool]) -> str:
    named = {n: r for n, r in names.items() if published.body.place(n) is None or _is_leaf(n, names)}
    fixed = (
        published.body.properties["name"].node.get("value") if "name" in published.body.properties else None
    )
    found = rule.path(published.name, named, fixed)
    if found is None:
        raise UnknownArmTypeError(
            f"{token.text}: can't tell the path of {published.name} from {', '.join(named)}; write {token.text}=/subscriptions/…"
        )
    return found


def _is_leaf(name: str, names: dict[str, bool]) -> bool:
    # an input called name is in the path unless another is the resource's
    return name == "name" and not any(n.endswith("Name") and not r for n, r in names.items())


def _sdk_name(parameter: str, names: Mapping[str, Any]) -> str:
    if parameter in names:
        return parameter
    return next((n for n in names if plain_name(n) == plain_name(parameter)), parameter)


def _places(
    token: Token, body: WireType, names: list[str], distillery: Distillery, *, given: bool = True
) -> tuple[dict[str, str], dict[str, WireType]]:
    places: dict[str, str] = {}
    wires: dict[str, WireType] = {}
    renamed = rule.RENAMED.get(token.text, {})
    for name in names:
        query = rule.QUERY.get(token.text, {}).get(name)
        found = body.place(name, renamed.get(name), given=given)
        if query is not None:
            places[name] = f"@query:{query}"
        elif found is not None:
            places[name], wires[name] = at(name, found[0]), found[1]
        else:
            distillery.unplaced.setdefault(token.text, set()).add(name)
            places[name] = "" if name in _TOP_LEVEL else "@properties"
    return places, wires


def _outputs(token: Token, body: WireType, inputs: dict[str, str], distillery: Distillery) -> dict[str, str]:
    hints = _types.resource_types(token.resource)
    names = [name for name in sorted(hints) if name != "azureApiVersion"]
    places, wires = _places(token, body, names, distillery, given=False)
    return {
        name: distillery.sharpen(
            distillery.notation(hints[name], token.module, wires.get(name)),
            inputs.get(name, ""),
            token.module,
            wires.get(name),
        )
        + places[name]
        for name in names
    }


def _requires(body: WireType, name: str) -> bool:
    return name in body.properties and body.required(name)


def _required(text: str, required: bool) -> str:
    # the SDK has names and locations optional, as they may be filled in; Azure hasn't
    return text + "!" if required and "!" not in text else text


def _maintained(token: Token, inputs: dict[str, str], distillery: Distillery) -> list[str]:
    found = [_wire_path(name, inputs[name]) for name in standalone(token.arguments)]
    for name, text in inputs.items():
        nested = re.match(r"#(\w+):(\w+)(?=[!@]|$)", text)
        cls = getattr(token.package, f"{nested[2]}Args", None) if nested else None
        if nested and cls is not None:
            table = distillery.types[f"{nested[1]}:{nested[2]}"]
            found += [f"{_wire_path(name, text)}/{_wire_path(n, table[n])}" for n in standalone(cls)]
    return found


def _wire_path(name: str, text: str) -> str:
    place = text.partition("@")[2]
    return f"properties/{name}" if place == "properties" and name != "properties" else place or name


def write(table: Json, target: Path) -> None:
    """One line per resource, type and set of limits, so that a change shows."""
    lines = ["{"]
    for part in table:
        lines.append(f' "{part}": {{')
        rows = [
            f'  "{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in table[part].items()
        ]
        lines += [row + "," for row in rows[:-1]] + rows[-1:]
        lines.append(" }," if part != list(table)[-1] else " }")
    target.write_text("\n".join(lines) + "\n}\n")
