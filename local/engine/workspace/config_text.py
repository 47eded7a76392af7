"""Editing YAML without disturbing what people wrote: comments, order and quotes outside the edit stay; pure."""

from __future__ import annotations

from typing import Any

import yaml

_CONFIG = "config"


def rewritten(text: str, document: dict[str, Any]) -> str:
    """`text` changed to say `document`; written anew only where small edits can't express it."""
    if not document:
        return ""
    edited = _edited(text, document) if text.strip() else None
    if edited is not None and yaml.safe_load(edited) == document:
        return edited
    return _dump(document)


def _dump(value: dict[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)


def _edited(text: str, document: dict[str, Any]) -> str | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    before = yaml.safe_load(text)
    edits = _edits(
        text, root, before, {key: value for key, value in document.items() if key != _CONFIG}, first=True
    )
    section = next((value for key, value in root.value if key.value == _CONFIG), None)
    if isinstance(section, yaml.MappingNode) and section.value:
        edits += _edits(text, section, before[_CONFIG], document.get(_CONFIG) or {}, first=False)
    elif document.get(_CONFIG):
        return None
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _edits(
    text: str, node: yaml.MappingNode, before: dict[str, Any], after: dict[str, Any], *, first: bool
) -> list[tuple[int, int, str]]:
    """(start, end, replacement) for each key of a mapping that changes; new keys come first or last in it."""
    edits: list[tuple[int, int, str]] = []
    column = node.start_mark.column
    end = node.start_mark.index
    for key, value in node.value:
        start, end = key.start_mark.index, _end(text, value)
        if key.value == _CONFIG and first:
            continue
        if key.value not in after:
            edits.append((start - column, min(end + 1, len(text)), ""))
        elif before[key.value] != after[key.value]:
            edits.append((start, end, _block(key.value, after[key.value], column).strip()))
    added = "".join(_block(key, value, column) for key, value in after.items() if key not in before)
    if added and first:
        edits.append((0, 0, added))
    elif added:
        edits.append((end, end, "\n" + added.rstrip("\n")))
    return edits


def _block(key: str, value: Any, column: int) -> str:
    return "".join(" " * column + line + "\n" for line in _dump({key: value}).splitlines())


def _end(text: str, value: yaml.Node) -> int:
    """Where a value's own text ends: comments and blank lines after it belong to what follows."""
    lines = text[: value.end_mark.index].splitlines(keepends=True)
    if isinstance(value, yaml.ScalarNode) and value.style not in {"|", ">"}:
        return value.end_mark.index
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return len("".join(lines).rstrip())
