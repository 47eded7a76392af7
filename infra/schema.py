"""The JSON Schema of stack files, made from the models: editors complete, describe and check what people write.

    # yaml-language-server: $schema=Pulumi.schema.json

It says what one key can hold. What keys must fit together, and rules that no schema can say, ``infra/config.py`` checks.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

from infra.config import StackConfig
from infra.profile import PROFILES

FILE = Path(__file__).resolve().parents[1] / "Pulumi.schema.json"
_ENCRYPTED = "#/$defs/Secret"
#: What Pulumi keeps in a stack's file beside the configuration.
_PULUMI = {
    "secretsprovider": {"type": "string", "description": "What encrypts the stack's secrets."},
    "encryptedkey": {"type": "string", "description": "The key of the stack's secrets, encrypted."},
    "encryptionsalt": {"type": "string", "description": "What the passphrase is checked with."},
    "environment": {"description": "Pulumi ESC environments that the stack imports."},
}


def schema(namespace: str = "mlops:") -> dict[str, Any]:
    """The schema of a stack's file."""
    raw = StackConfig.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = raw["$defs"]
    settings = {
        key: _setting(value, (key,), definitions)
        for key, value in cast("dict[str, Any]", raw["properties"]).items()
    }
    used: dict[str, Any] = {}
    _collect(settings, definitions, used)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of the platform",
        "description": "Made by `python -m infra schema --write`.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **_PULUMI,
            "config": {
                "type": "object",
                "description": "What the stack sets. What it leaves out, its profile says, else the default.",
                "properties": {f"{namespace}{key}": value for key, value in settings.items()},
                "patternProperties": {f"^(?!{namespace}).+:": {"description": "A provider's setting."}},
                "additionalProperties": False,
                "required": [f"{namespace}{key}" for key in raw["required"]],
            },
        },
        "$defs": {
            "Secret": {
                "type": "object",
                "description": "A secret, encrypted by `pulumi config set --secret`.",
                "properties": {"secure": {"type": "string"}},
                "required": ["secure"],
                "additionalProperties": False,
            },
            **dict(sorted(used.items())),
        },
    }


def _setting(value: dict[str, Any], path: tuple[str, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    """One key: a section as it stands, a setting with its description and what profiles make of it."""
    if "$ref" in value:
        section = definitions[value["$ref"].rsplit("/", 1)[1]]
        return _section(section, path, definitions)
    told = {key: inner for key, inner in value.items() if key not in ("title", "write")}
    described = value.get("description", "")
    if "write" in value:
        described = f"{_sentence(described)} Write {value['write']}."
    described += _by_profile(".".join(path))
    told = _value(told)
    if "anyOf" in told:
        told["anyOf"] = [
            _setting(choice, path, definitions)
            if choice.get("$ref", _ENCRYPTED) != _ENCRYPTED
            else {key: inner for key, inner in choice.items() if key != "title"}
            for choice in told["anyOf"]
        ]
    return {"description": described, **{key: inner for key, inner in told.items() if key != "description"}}


def _section(section: dict[str, Any], path: tuple[str, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    told = {
        "description": sentence(section.get("description", "")),
        "type": "object",
        "properties": {
            key: _setting(inner, (*path, key), definitions)
            for key, inner in section.get("properties", {}).items()
        },
        "additionalProperties": False,
    }
    return {**told, "required": section["required"]} if "required" in section else told


def _value(told: dict[str, Any]) -> dict[str, Any]:
    """What a value may be; wherever a text may be, a secret may."""
    if told.get("patternProperties"):
        told["additionalProperties"] = False
    if told.get("type") == "string" and "enum" not in told and "const" not in told:
        kept = {key: told.pop(key) for key in ("default", "description") if key in told}
        return {**kept, "anyOf": [told, {"$ref": _ENCRYPTED}]}
    if "anyOf" in told:
        choices = told["anyOf"]
        if any(one.get("type") == "string" and "enum" not in one for one in choices):
            told["anyOf"] = [*choices, {"$ref": _ENCRYPTED}]
    return told


def _collect(node: Any, definitions: dict[str, Any], used: dict[str, Any]) -> None:
    """The definitions that lists and mappings refer to."""
    if isinstance(node, list):
        for one in cast("list[Any]", node):
            _collect(one, definitions, used)
    elif isinstance(node, dict):
        for key, inner in cast("dict[str, Any]", node).items():
            if key == "$ref" and inner != _ENCRYPTED:
                name = str(inner).rsplit("/", 1)[1]
                if name not in used:
                    used[name] = {}
                    # No profile sets what is in a list.
                    used[name] = _section(definitions[name], ("",), definitions)
                    _collect(used[name], definitions, used)
            else:
                _collect(inner, definitions, used)


def _by_profile(path: str) -> str:
    set_by = {profile: values[path] for profile, values in PROFILES.items() if path in values}
    if not set_by:
        return ""
    told = ", ".join(f"{profile} {json.dumps(value)}" for profile, value in set_by.items())
    return f" By profile: {told}."


def sentence(docstring: str) -> str:
    """A section's purpose: the first line of its docstring, without the key it is written under."""
    first = docstring.strip().splitlines()[0] if docstring.strip() else ""
    return _sentence(re.sub(r"^``mlops:[\w.<>\[\]*]+``[:.,]?\s*", "", first)).replace("``", "`")


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def text() -> str:
    """The schema as it is committed."""
    return f"{json.dumps(schema(), indent=2, ensure_ascii=False)}\n"
