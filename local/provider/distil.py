"""Makes ``facts.json``: ``python -m local.provider.distil MAPPING_JSON NESTED_MAPPING_JSON``.

``MAPPING_JSON`` says where each top-level input and output lies on ARM's wire, ``NESTED_MAPPING_JSON`` which nested
types look different there; names, types and what is required come from the installed ``pulumi_azure_native``.
Run it again when that package moves to other API versions. The notation is described in ``facts.py``.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import re
import sys
import typing
from collections import abc
from pathlib import Path
from typing import Any

from pulumi import _types  # pyright: ignore[reportPrivateUsage]

Json = dict[str, Any]

TARGET = Path(__file__).with_name("facts.json")

_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers"
_STORAGE = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Storage/storageAccounts/{accountName}"
#: Types that the mapping lacks: API version, path, input that is auto-named, and how. Their other inputs are flattened.
EXTRA: dict[str, tuple[str, str, str, str]] = {
    "azure-native:storage:Queue": (
        "2024-01-01",
        _STORAGE + "/queueServices/default/queues/{queueName}",
        "queueName",
        "copy",
    ),
    "azure-native:storage:Table": (
        "2024-01-01",
        _STORAGE + "/tableServices/default/tables/{tableName}",
        "tableName",
        "copy",
    ),
    "azure-native:portal:Dashboard": (
        "2022-12-01-preview",
        _GROUP + "/Microsoft.Portal/dashboards/{dashboardName}",
        "dashboardName",
        "random",
    ),
    "azure-native:applicationinsights:Workbook": (
        "2023-06-01",
        _GROUP + "/Microsoft.Insights/workbooks/{resourceName}",
        "resourceName",
        "random",
    ),
    "azure-native:servicebus:Namespace": (
        "2026-01-01",
        _GROUP + "/Microsoft.ServiceBus/namespaces/{namespaceName}",
        "namespaceName",
        "random",
    ),
    "azure-native:servicebus:Queue": (
        "2026-01-01",
        _GROUP + "/Microsoft.ServiceBus/namespaces/{namespaceName}/queues/{queueName}",
        "queueName",
        "copy",
    ),
}
TOP_LEVEL = frozenset(
    (
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
    )
)
#: Lists that are also resources of their own: empty on create, kept on update, unless the program lists them
#: (azure-native's "sub-resources").
MAINTAINED = {
    "azure-native:keyvault:Vault": ["properties/accessPolicies"],
    "azure-native:network:NetworkSecurityGroup": ["properties/securityRules"],
    "azure-native:network:RouteTable": ["properties/routes"],
    "azure-native:network:VirtualNetwork": ["properties/subnets", "properties/virtualNetworkPeerings"],
}
#: What is sent for an input that the program removed (azure-native's property defaults).
RESTORED = {
    "azure-native:storage:StorageAccount": {
        "networkRuleSet": {
            "bypass": "AzureServices",
            "defaultAction": "Allow",
            "ipRules": [],
            "virtualNetworkRules": [],
        }
    }
}
#: Nested types that the nested mapping lacks.
NESTED: Json = {
    "storage:EncryptionIdentityArgs": {
        "encryptionFederatedIdentityClientId": {"at": ["federatedIdentityClientId"]},
        "encryptionUserAssignedIdentity": {"at": ["userAssignedIdentity"]},
    }
}
#: Query parameters whose place the mapping doesn't know.
QUERY = {"azure-native:storage:FileShare": {"expand": "$expand"}}


class Distillery:
    """Turns the SDK's classes into the table's notation, following references."""

    def __init__(self, nested: Json) -> None:
        self.nested = nested
        self.types: dict[str, dict[str, str]] = {}

    def notation(self, hint: Any, module: str) -> str:
        """One type hint: see ``facts.py``."""
        if hint is Any:
            return "*"
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is abc.Awaitable or (inspect.isclass(origin) and origin.__name__ == "Output"):
            return ""
        if origin is typing.Union or type(hint).__name__ == "UnionType":
            parts = [self.notation(a, module) for a in arguments if a is not type(None)]
            known = list(dict.fromkeys(p for p in parts if p))
            objects = [p for p in known if p.startswith("#")]
            return "|".join(objects) if objects else (known[0] if len(known) == 1 else "*")
        if origin in (list, abc.Sequence):
            return "[" + self.notation(arguments[0], module)
        if origin in (dict, abc.Mapping):
            return "{" + self.notation(arguments[1], module)
        return self._class_notation(hint, module) if inspect.isclass(hint) else "*"

    def _class_notation(self, hint: type, module: str) -> str:
        if _types.is_input_type(hint) or _types.is_output_type(hint):
            return "#" + self._add(hint, module)
        if typing.is_typeddict(hint):
            return ""
        for kind, letter in ((bool, "b"), (int, "i"), (float, "n"), (str, "s"), (enum.Enum, "s")):
            if issubclass(hint, kind):
                return letter
        return ""

    def properties(self, cls: type, module: str) -> dict[str, str]:
        """SDK name → notation with ``!`` and ``=`` for an input or output class."""
        hints = _types.input_type_types(cls) if _types.is_input_type(cls) else _types.output_type_types(cls)
        names = {python: pulumi for python, pulumi, _ in _types._py_properties(cls)}  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        parameters = inspect.signature(inspect.unwrap(cls.__init__)).parameters
        constants = dict(
            re.findall(r'pulumi\.set\(__self__, "(\w+)", \'([^\']*)\'\)', inspect.getsource(cls.__init__))
        )
        found: dict[str, str] = {}
        for python, name in names.items():
            text = self.notation(hints.get(name, Any), module) or "*"
            parameter = parameters.get(python)
            if parameter is not None and parameter.default is inspect.Parameter.empty:
                text += "!"
            if python in constants:
                text += "=" + constants[python]
            found[name] = text
        return found

    def _add(self, cls: type, module: str) -> str:
        name = f"{module}:{cls.__name__.removesuffix('Args')}"
        if name in self.types:
            return name
        self.types[name] = {}
        wire = self.nested.get(f"{name.removesuffix('Response')}Args", {})
        table = self.properties(cls, module)
        if name.endswith("Response"):
            self._sharpen_all(table, cls, module)
        for sdk_name, place in wire.items():
            if sdk_name not in table:
                continue
            if place.get("stringSet") and not name.endswith("Response"):
                table[sdk_name] = table[sdk_name].replace("[s", "%", 1)
            elif place.get("at"):
                table[sdk_name] += _at(sdk_name, place["at"])
        self.types[name] = table
        return name

    def _sharpen_all(self, table: dict[str, str], cls: type, module: str) -> None:
        nested = sys.modules.get(f"pulumi_azure_native.{module}._inputs")
        twin = getattr(nested, cls.__name__.removesuffix("Response") + "Args", None)
        if twin is not None and any("*" in text for text in table.values()):
            given = self.properties(twin, module)
            for name, text in table.items():
                table[name] = self.sharpen(text, given.get(name, ""), module)

    def sharpen(self, text: str, given: str, module: str) -> str:
        """An output that the SDK types as Any, from its input: the responses of the same union."""
        shape = re.split("[!=@]", given)[0]
        open_shape, flags = re.split("(?=[!=@])", text + "!", maxsplit=1)
        if (
            not open_shape.endswith("*")
            or "#" not in shape
            or open_shape[:-1] != shape[: len(open_shape) - 1]
        ):
            return text
        sharp = re.sub(r"#\w+:(\w+)", lambda m: self._response(m.group(1), module), shape)
        return sharp + flags[:-1]

    def _response(self, name: str, module: str) -> str:
        outputs = importlib.import_module(f"pulumi_azure_native.{module}.outputs")
        cls = getattr(outputs, f"{name}Response", None)
        return self.notation(cls, module) if cls is not None else f"#{module}:{name}"


def distil(mapping: Json, nested: Json) -> Json:
    """The table, from the mapping's entries and the installed SDK."""
    distillery = Distillery(nested | NESTED)
    resources = {
        token: _resource(token, entry, distillery) for token, entry in sorted((mapping | _extra()).items())
    }
    return {"resources": resources, "types": dict(sorted(distillery.types.items()))}


def _extra() -> Json:
    return {
        token: {
            "apiVersion": version,
            "path": path,
            "pathParameters": {p: p for p in re.findall(r"{(\w+)}", path) if p != "subscriptionId"},
            "autoName": {"input": name, "strategy": strategy},
            "body": None,
            "outputs": None,
            "requiredContainers": [["properties"]],
            "replaceOnChange": {"effective": []},
        }
        for token, (version, path, name, strategy) in EXTRA.items()
    }


def _resource(token: str, entry: Json, distillery: Distillery) -> Json:
    _, module, name = token.split(":")
    package = importlib.import_module(f"pulumi_azure_native.{module}")
    # the SDK's name for a resource's arguments where a nested type has the usual one
    arguments = getattr(package, f"{name}InitArgs", None) or getattr(package, f"{name}Args")
    inputs = distillery.properties(arguments, module)
    places = {sdk_name: _input_place(token, entry, sdk_name) for sdk_name in inputs}
    outputs = _outputs(token, entry, inputs, places, distillery)
    inputs = {sdk_name: text + _at(sdk_name, places[sdk_name]) for sdk_name, text in inputs.items()}
    replaces = set(entry["replaceOnChange"]["effective"]) - set(entry["pathParameters"].values())
    auto_name = entry.get("autoName") or {}
    fact: Json = {
        "path": entry["path"],
        "version": entry["apiVersion"],
        "autoName": [auto_name["input"], auto_name["strategy"]] if auto_name else None,
        "replaces": sorted(replaces),
        "containers": ["/".join(c) for c in entry["requiredContainers"]],
        "singleton": entry.get("singleton"),
        "maintained": MAINTAINED.get(token),
        "restored": RESTORED.get(token),
    }
    return {key: value for key, value in fact.items() if value} | {"inputs": inputs, "outputs": outputs}


def _input_place(token: str, entry: Json, sdk_name: str) -> list[str]:
    paths = {sdk: wire for wire, sdk in entry["pathParameters"].items()}
    place = (entry["body"] or {}).get(sdk_name)
    if sdk_name in paths and place is None:
        return [f"path:{paths[sdk_name]}"]
    if sdk_name in QUERY.get(token, {}):
        return [f"query:{QUERY[token][sdk_name]}"]
    if place and place["kind"] == "query":
        return [f"query:{place['at'][0]}"]
    return place["at"] if place else _default_place(sdk_name)


def _default_place(sdk_name: str) -> list[str]:
    return [sdk_name] if sdk_name in TOP_LEVEL or sdk_name == "properties" else ["properties", sdk_name]


def _at(sdk_name: str, at: list[str]) -> str:
    if at == [sdk_name]:
        return ""
    return "@properties" if at == ["properties", sdk_name] else "@" + "/".join(at)


def _outputs(
    token: str, entry: Json, inputs: dict[str, str], places: dict[str, list[str]], distillery: Distillery
) -> dict[str, str]:
    _, module, name = token.split(":")
    hints = _types.resource_types(getattr(importlib.import_module(f"pulumi_azure_native.{module}"), name))
    outputs: dict[str, str] = {}
    for sdk_name, hint in sorted(hints.items()):
        if sdk_name == "azureApiVersion":
            continue
        text = distillery.sharpen(distillery.notation(hint, module), inputs.get(sdk_name, ""), module)
        at = (entry["outputs"] or {}).get(sdk_name) or places.get(sdk_name)
        if at is None or ":" in at[0]:
            at = [sdk_name] if entry["outputs"] else _default_place(sdk_name)
        outputs[sdk_name] = text + _at(sdk_name, at)
    return outputs


def write(table: Json, target: Path) -> None:
    """One line per resource and per type, so that a change shows."""
    lines = ["{"]
    for part in ("resources", "types"):
        lines.append(f' "{part}": {{')
        rows = [
            f'  "{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in table[part].items()
        ]
        lines += [row + "," for row in rows[:-1]] + rows[-1:]
        lines.append(" }," if part == "resources" else " }")
    target.write_text("\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    _mapping = json.loads(Path(sys.argv[1]).read_text())
    _nested = json.loads(Path(sys.argv[2]).read_text())["types"]
    write(distil(_mapping, _nested), TARGET)
