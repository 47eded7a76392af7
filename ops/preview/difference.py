"""Which properties of a resource change, and from what to what; pure. Values come out redacted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from ops.preview.redaction import SIGNATURE, UNKNOWNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.preview.plan import Resource
    from ops.preview.redaction import Redactor

Kind = Literal["add", "update", "delete"]
Path = tuple[str | int, ...]

#: What dynamic resources keep for themselves: the provider's reference, and what a preview said about the registry.
_OURS = frozenset({"__provider", "__defaults", "outlook"})
_PART = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')
_ABSENT: Final = object()


@dataclass(frozen=True)
class Change:
    """A property that changes. ``before`` and ``after`` are JSON, without secrets."""

    path: str
    kind: Kind
    before: Any = None
    after: Any = None
    replaces: bool = False


def changes(resource: Resource, redactor: Redactor) -> list[Change]:
    """The properties that a step changes; of something new or gone, all that it has."""
    old, new = _inputs(resource, "old"), _inputs(resource, "new")
    if resource.operation in ("create", "import"):
        return [_change((key,), _ABSENT, value, redactor) for key, value in sorted(new.items())]
    if resource.operation in ("delete", "discard"):
        return [_change((key,), value, _ABSENT, redactor) for key, value in sorted(old.items())]
    if resource.operation not in ("update", "replace"):
        return []
    reasons = set(resource.replaced_for)
    if resource.detailed:
        return list(_detailed(resource, old, new, reasons, redactor))
    return [
        _change(path, before, after, redactor, replaces=path_text(path) in reasons or str(path[0]) in reasons)
        for path, before, after in _compare((), old, new)
    ]


def path_text(path: Path) -> str:
    """A path as Pulumi writes it: ``a.b[0]["c.d"]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r'[^.\[\]"]+', part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def parse_path(text: str) -> Path:
    """The parts of a path as Pulumi writes it."""
    parts: list[str | int] = []
    for name, index, quoted in _PART.findall(text):
        parts.append(int(index) if index else name or re.sub(r"\\(.)", r"\1", quoted))
    return tuple(parts)


def _inputs(resource: Resource, which: str) -> dict[str, Any]:
    return {key: value for key, value in resource.inputs(which).items() if key not in _OURS}


def _detailed(
    resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any], reasons: set[str], redactor: Redactor
) -> Iterator[Change]:
    """The changes that the provider names; a value from before may be known from the outputs only."""
    outputs = resource.old.get("outputs")
    for text, kind in sorted(resource.detailed.items()):
        path = parse_path(text)
        if not path or path[0] in _OURS:
            continue
        before, after = _at(old, path), _at(new, path)
        if before is _ABSENT and isinstance(outputs, dict):
            before = _at(cast("dict[str, Any]", outputs), path)
        found = _change(path, before, after, redactor, replaces=kind.endswith("replace") or text in reasons)
        named: Kind = "add" if kind.startswith("add") else "delete" if kind.startswith("delete") else "update"
        yield Change(found.path, named, found.before, found.after, found.replaces)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        if _is_whole(value):
            return value
        if isinstance(part, int) and isinstance(value, list) and part < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[part]
        elif isinstance(value, dict) and part in value:
            value = cast("dict[Any, Any]", value)[part]
        else:
            return _ABSENT
    return value


def _is_whole(value: Any) -> bool:
    """Whether a value has no parts to look at: unknown, or a secret, file or resource in Pulumi's wire format."""
    return SIGNATURE in value if isinstance(value, dict) else isinstance(value, str) and value in UNKNOWNS


def _compare(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, Any, Any]]:
    """The innermost values that differ."""
    if _is_whole(old) or _is_whole(new):
        if old != new:
            yield path, old, new
    elif isinstance(old, dict) and isinstance(new, dict):
        before, after = cast("dict[str, Any]", old), cast("dict[str, Any]", new)
        for key in sorted(before.keys() | after.keys()):
            yield from _compare((*path, key), before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list):
        had, has = cast("list[Any]", old), cast("list[Any]", new)
        for index in range(max(len(had), len(has))):
            yield from _compare(
                (*path, index),
                had[index] if index < len(had) else _ABSENT,
                has[index] if index < len(has) else _ABSENT,
            )
    elif old is _ABSENT or new is _ABSENT or type(old) is not type(new) or old != new:
        yield path, old, new


def _change(path: Path, old: Any, new: Any, redactor: Redactor, *, replaces: bool = False) -> Change:
    kind: Kind = "add" if old is _ABSENT else "delete" if new is _ABSENT else "update"
    return Change(
        redactor.text(path_text(path)),
        kind,
        None if old is _ABSENT else _shown(path, old, redactor),
        None if new is _ABSENT else _shown(path, new, redactor),
        replaces,
    )


def _shown(path: Path, value: Any, redactor: Redactor) -> Any:
    """The value without secrets; what is inside of something secret is secret, too."""
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [value]
    shown = redactor.value(value)
    for part in path:
        if not isinstance(shown, dict | list):
            return shown
        shown = next(iter(cast("dict[str, Any]", shown).values())) if isinstance(part, str) else shown[0]
    return shown
