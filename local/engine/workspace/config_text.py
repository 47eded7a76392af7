"""Editing YAML without disturbing what people wrote: comments, order and quotes outside the edit stay; pure."""

from __future__ import annotations

import re
from typing import Any

import yaml

_CONFIG = "config"


def rewritten(text: str, document: dict[str, Any]) -> str:
    """`text` changed to say `document`; written anew only where small edits can't express it."""
    if not document:
        return ""
    if not text.strip() and document.get(_CONFIG):
        document = {**document, _CONFIG: dict(sorted(document[_CONFIG].items()))}
    edited = _edited(text, document) if text.strip() else None
    try:
        if edited is not None and yaml.safe_load(edited) == document:
            return edited
    except yaml.YAMLError:
        pass  # such as a text with several line ends at its end, whose place an edit can't say
    return _dump(document)


class _Dumper(yaml.SafeDumper):
    """YAML as the official CLI writes it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's signature
        """Lists are indented under their key."""
        super().increase_indent(flow, False)


_OLD_WORDS = re.compile(
    r"(?i:y|n)|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
)
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?0[xob][0-9a-fA-F_]+")


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None
    if "\n" in value:
        style = "|"
    elif (
        dumper.resolve(yaml.ScalarNode, value, (True, False)) != "tag:yaml.org,2002:str"
        or _OLD_WORDS.fullmatch(value)
        or _NUMBER.fullmatch(value)
    ):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _dump(value: dict[str, Any]) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


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
    """(start, end, replacement) for each key of a mapping that changes; new keys come last in it."""
    edits: list[tuple[int, int, str]] = []
    column = node.start_mark.column
    end = node.start_mark.index
    for key, value in node.value:
        start, end = key.start_mark.index, _end(text, value)
        if key.value == _CONFIG and first:
            continue
        if key.value not in after:
            edits.append((_above(text, start - column, column), min(end + 1, len(text)), ""))
        elif before[key.value] != after[key.value]:
            edits.append(
                (start, end, _block(key.value, after[key.value], column).lstrip(" ").removesuffix("\n"))
            )
    new = [key for key in after if key not in before]
    added = "".join(_block(key, after[key], column) for key in (new if first else sorted(new)))
    if added and first:
        edits.append((len(text), len(text), ("" if text.endswith("\n") else "\n") + added))
    elif added:
        edits.append((end, end, "\n" + added.removesuffix("\n")))
    return edits


def _above(text: str, start: int, column: int) -> int:
    """Where the comment right above a key begins: it goes with the key."""
    while start > 0:
        line = text.rfind("\n", 0, start - 1) + 1
        if not text[line:start].startswith(" " * column + "#"):
            break
        start = line
    return start


def _block(key: str, value: Any, column: int) -> str:
    return "".join(" " * column + line + "\n" for line in _dump({key: value}).splitlines())


def _end(text: str, value: yaml.Node) -> int:
    """Where a value's own text ends: comments and blank lines after it belong to what follows."""
    if isinstance(value, yaml.ScalarNode) and re.match(r"[|>]\d?\+", text[value.start_mark.index :]):
        return value.end_mark.index - 1  # it keeps the blank lines at its end
    lines = text[: value.end_mark.index].splitlines(keepends=True)
    if isinstance(value, yaml.ScalarNode) and value.style not in {"|", ">"}:
        return value.end_mark.index
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return len("".join(lines).rstrip())
