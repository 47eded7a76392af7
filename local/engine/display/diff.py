"""Differences of property values as text: `[diff: ~text]` and the blocks of `--diff`; pure."""

from __future__ import annotations

import json
from typing import Any

from local.engine.property_value import SIGNATURE, UNKNOWN_STRING

Meta = dict[str, Any]


def value_text(value: Any) -> str:
    """A value on one line."""
    if value == "[secret]":
        return "[secret]"
    if value == UNKNOWN_STRING:
        return "[unknown]"
    return json.dumps(value, ensure_ascii=False).replace(f'"{UNKNOWN_STRING}"', "[unknown]")


def _inputs(meta: Meta, key: str) -> dict[str, Any]:
    return ((meta.get(key) or {}).get("inputs")) or {}


def changed_keys(meta: Meta) -> dict[str, str]:
    """Property → `+`, `-` or `~`, of an update or a replacement."""
    if meta.get("detailedDiff"):
        found: dict[str, str] = {}
        for path, entry in meta["detailedDiff"].items():
            key = path.split(".")[0].split("[")[0]
            mark = {"a": "+", "d": "-", "u": "~"}[entry["diffKind"][0]]
            found[key] = mark if key == path else "~"
        return found
    old, new = _inputs(meta, "old"), _inputs(meta, "new")
    marks: dict[str, str] = {}
    for key in sorted(old.keys() | new.keys()):
        if key.startswith("__"):
            continue
        if key not in old:
            marks[key] = "+"
        elif key not in new:
            marks[key] = "-"
        elif old[key] != new[key]:
            marks[key] = "~"
    return marks


def changes_of(meta: Meta) -> str:
    """`[diff: ~text,+size]`, or nothing for steps that have no difference."""
    if not meta.get("old") or meta["op"] not in {
        "update",
        "replace",
        "create-replacement",
        "delete-replaced",
    }:
        return ""
    marks = changed_keys(meta)
    if not marks:
        return ""
    groups = {mark: [key for key, found in marks.items() if found == mark] for mark in "+-~"}
    return "[diff: " + ",".join(f"{mark}{','.join(keys)}" for mark, keys in groups.items() if keys) + "]"


def detail(meta: Meta, prefix: str) -> list[str]:
    """A resource's block in `--diff`."""
    is_stack = meta["type"] == "pulumi:pulumi:Stack"
    indent = 0 if is_stack else 4
    pad = " " * indent
    state = meta.get("new") or meta["old"]
    head = f"{pad}{prefix}{meta['type']}: ({meta['op']})"
    lines = [head]
    identity = (meta.get("old") or {}).get("id") or state.get("id")
    if identity and identity != UNKNOWN_STRING and meta["op"] != "create":
        lines.append(f"{pad}    [id={identity}]")
    lines.append(f"{pad}    [urn={meta['urn']}]")
    if is_stack:
        return lines
    inner = pad + "    "
    old = {key: value for key, value in _inputs(meta, "old").items() if not key.startswith("__")}
    new = {key: value for key, value in _inputs(meta, "new").items() if not key.startswith("__")}
    if meta["op"] in {"update", "replace"}:
        return lines + _object(old, new, inner)
    return lines + _plain(new or old, inner)


def _plain(values: dict[str, Any], pad: str) -> list[str]:
    width = max((len(key) for key in values), default=0)
    lines: list[str] = []
    for key, value in sorted(values.items()):
        lines += _value(f"{pad}{key.ljust(width)}: ", value, pad)
    return lines


def _value(head: str, value: Any, pad: str) -> list[str]:
    if isinstance(value, dict) and value and SIGNATURE not in value:
        return [f"{head}{{", *_plain(value, pad + "    "), f"{pad}}}"]
    if isinstance(value, list) and value:
        lines = [f"{head}["]
        for index, item in enumerate(value):
            lines += _value(f"{pad}    [{index}]: ", item, pad + "    ")
        return [*lines, f"{pad}]"]
    return [f"{head}{value_text(value)}"]


def _object(old: dict[str, Any], new: dict[str, Any], pad: str) -> list[str]:
    keys = sorted(old.keys() | new.keys())
    width = max((len(key) for key in keys), default=0)
    lines: list[str] = []
    for key in keys:
        label = key.ljust(width)
        if key not in old:
            lines += _marked("+", f"{label}: ", new[key], pad)
        elif key not in new:
            lines += _marked("-", f"{label}: ", old[key], pad)
        else:
            lines += _change(f"{label}: ", old[key], new[key], pad)
    return lines


def _marked(mark: str, label: str, value: Any, pad: str) -> list[str]:
    return _value(f"{pad[:-2]}{mark} {label}", value, pad)


def _change(label: str, old: Any, new: Any, pad: str) -> list[str]:
    if old == new and type(old) is type(new):
        return _value(f"{pad}{label}", new, pad)
    head = f"{pad[:-2]}~ {label}"
    if isinstance(old, dict) and isinstance(new, dict):
        return [f"{head}{{", *_object(old, new, pad + "    "), f"{pad}}}"]
    if isinstance(old, list) and isinstance(new, list):
        lines = [f"{head}["]
        inner = pad + "    "
        for index in range(max(len(old), len(new))):
            item = f"[{index}]: "
            if index >= len(old):
                lines += _marked("+", item, new[index], inner)
            elif index >= len(new):
                lines += _marked("-", item, old[index], inner)
            else:
                lines += _change(item, old[index], new[index], inner)
        return [*lines, f"{pad}]"]
    return [f"{head}{value_text(old)} => {value_text(new)}"]
