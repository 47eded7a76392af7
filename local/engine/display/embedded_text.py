"""Strings that hold JSON or YAML, which displays show as what they hold; pure."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """YAML as the official CLI reads it: 1.2's booleans, no dates, no key twice."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def decoded(text: str) -> tuple[Any, str] | None:
    """The object or list a string holds, and whether it is `json` or `yaml`; None if it holds neither."""
    text = text.strip()
    if not text:
        return None
    if text[0] in "[{":
        try:
            return json.loads(text, parse_constant=_refuse), "json"
        except (ValueError, RecursionError):
            pass
    if "\n" not in text and "\r" not in text:
        return None
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return None
    if not isinstance(found, (dict, list)):
        return None
    translated = _with_text_keys(found)
    return None if translated is None else (translated, "yaml")


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _with_text_keys(value: Any) -> Any:
    """YAML's mappings with their keys as text; None where a key is neither text nor a number."""
    if isinstance(value, list):
        items = [_with_text_keys(item) for item in value]
        return None if any(a is None and b is not None for a, b in zip(items, value, strict=True)) else items
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(key, bool) or not isinstance(key, (str, int, float)):
            return None
        translated = _with_text_keys(item)
        if translated is None and item is not None:
            return None
        found[str(key)] = translated
    return found
