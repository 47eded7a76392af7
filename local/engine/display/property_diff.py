"""Differences of blinded properties, as displays show them; pure.

As `DiffWithOptions` and `TranslateDetailedDiff` of the official engine (sdk/go/common/resource/properties_diff.go,
pkg/engine/detailedDiff.go): adds, deletes, updates and sames of objects and lists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from local.engine.property_path import Path, contains, parse
from local.engine.property_value import RESOURCE, SIGNATURE, UNKNOWN, Properties, Secret, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.display.view import StepView


@dataclass
class ObjectDiff:
    """How an object, or a list by its indices, differs from another."""

    adds: dict[Any, Any] = field(default_factory=dict[Any, Any])
    deletes: dict[Any, Any] = field(default_factory=dict[Any, Any])
    sames: dict[Any, Any] = field(default_factory=dict[Any, Any])
    updates: dict[Any, ValueDiff] = field(default_factory=dict[Any, "ValueDiff"])

    @property
    def keys(self) -> list[Any]:
        """Everything either of them has, in order."""
        return sorted({*self.adds, *self.deletes, *self.sames, *self.updates})

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return bool(self.adds or self.deletes or self.updates)

    def is_same(self, key: Any) -> bool:
        """Whether nothing is known to differ there."""
        return key not in self.adds and key not in self.deletes and key not in self.updates


@dataclass
class ValueDiff:
    """How a value differs from another."""

    old: Any
    new: Any
    array: ObjectDiff | None = None
    object: ObjectDiff | None = None


def is_object(value: Any) -> TypeGuard[Properties]:
    """Whether a value is an object, not an asset, archive or reference."""
    return isinstance(value, dict) and SIGNATURE not in value


def is_internal(key: str) -> bool:
    """Whether a property is Pulumi's own."""
    return key.startswith("__")


def equal(old: Any, new: Any) -> bool:
    """Deep equality; what has no value equals what isn't there."""
    if isinstance(old, list):
        return (
            isinstance(new, list) and len(old) == len(new) and all(map(equal, old, new))  # same length
        )
    if isinstance(old, dict):
        if not isinstance(new, dict) or (SIGNATURE in old) != (SIGNATURE in new):
            return False
        if SIGNATURE in old:
            return _equal_special(old, new)
        return all(equal(old.get(key), new.get(key)) for key in old.keys() | new.keys())
    if isinstance(old, Secret):
        return isinstance(new, Secret) and equal(old.value, new.value)
    if isinstance(old, Unknown):
        return isinstance(new, Unknown)
    if isinstance(new, (dict, list, Secret, Unknown)):
        return False
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    return old == new and (old is None) == (new is None)


def _equal_special(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if old[SIGNATURE] != new[SIGNATURE]:
        return False
    if old[SIGNATURE] == RESOURCE:
        return old.get("urn") == new.get("urn") and equal(old.get("id"), new.get("id"))
    if old.get("hash") and new.get("hash"):
        return old["hash"] == new["hash"]
    return old == new


def value_diff(
    old: Any, new: Any, ignore: Callable[[Path], bool] | None = None, path: Path | None = None
) -> ValueDiff | None:
    """How two values differ; None if they don't."""
    path = path or []
    if isinstance(old, list) and isinstance(new, list):
        diff = ObjectDiff(
            adds=dict(enumerate(new[len(old) :], len(old))),
            deletes=dict(enumerate(old[len(new) :], len(new))),
        )
        for index, (before, after) in enumerate(zip(old, new, strict=False)):
            if (found := value_diff(before, after, ignore, [*path, index])) is not None:
                diff.updates[index] = found
            else:
                diff.sames[index] = before
        return ValueDiff(old, new, array=diff) if diff.changed else None
    if is_object(old) and is_object(new):
        found = object_diff(old, new, ignore, path)
        return None if found is None else ValueDiff(old, new, object=found)
    return None if equal(old, new) else ValueDiff(old, new)


def object_diff(
    old: Properties, new: Properties, ignore: Callable[[Path], bool] | None = None, path: Path | None = None
) -> ObjectDiff | None:
    """How two objects differ; None if they don't."""
    path = path or []
    diff = ObjectDiff()
    for key in [*old, *(key for key in new if key not in old)]:
        if ignore is not None and ignore([*path, key]):
            continue
        if key in old and key in new:
            found = value_diff(old[key], new[key], ignore, [*path, key])
            if found is None:
                diff.sames[key] = old[key]
            elif old[key] is None:
                diff.adds[key] = new[key]
            elif new[key] is None:
                diff.deletes[key] = old[key]
            else:
                diff.updates[key] = found
        elif key in old and old[key] is not None:
            diff.deletes[key] = old[key]
        elif key not in old and new[key] is not None:
            diff.adds[key] = new[key]
    return diff if diff.changed else None


class Hidden:
    """Ignores what `hide_diffs` names, remembering what it hid, and internal properties."""

    def __init__(self, paths: tuple[str, ...], *, internal: bool = True) -> None:
        self._internal = internal
        self._paths = [(text, parse(text)) for text in paths]
        self._found: set[str] = set()

    def __call__(self, path: Path) -> bool:
        """Whether a path is left out."""
        if self._internal and isinstance(path[-1], str) and is_internal(path[-1]):
            return True
        for text, pattern in self._paths:
            if contains(pattern, path):
                self._found.add(text)
                return True
        return False

    @property
    def found(self) -> list[str]:
        """The paths that would have shown a difference, or may."""
        return sorted(self._found)


def hidden_of(step: StepView) -> tuple[str, ...]:
    """The paths whose differences a resource hides."""
    return step.res.hide_diff if step.res is not None else ()


def translated(step: StepView, *, refresh: bool) -> tuple[ObjectDiff | None, list[str]]:
    """A provider's detailed diff with its values, and the paths that are hidden."""
    hidden = Hidden(hidden_of(step), internal=False)
    root = ValueDiff(None, None)
    old, new = step.old, step.new
    for text, entry in (step.detailed or {}).items():
        path = parse(text)
        if old is None or new is None or hidden(path):
            continue
        ours = bool(entry.get("inputDiff"))
        olds = old.inputs if ours else old.outputs
        news = new.outputs if refresh and not ours else new.inputs
        _add(path, str(entry["diffKind"]).removesuffix("-replace"), root, olds, news)
    return root.object, hidden.found


def _property(key: str | int, value: Any) -> tuple[Any, bool]:
    if isinstance(value, list):
        return (value[key], True) if isinstance(key, int) and key < len(value) else (None, False)
    if is_object(value):
        return value.get(str(key)), key in value
    return (value, True) if isinstance(value, (Secret, Unknown)) else (None, False)


def _add(path: Path, kind: str, parent: ValueDiff, olds: Any, news: Any) -> None:
    key, *rest = path
    (old, had), (new, has) = _property(key, olds), _property(key, news)
    if isinstance(key, int):
        parent.array = diff = parent.array or ObjectDiff()
    else:
        parent.object = diff = parent.object or ObjectDiff()
    if not rest:
        if kind == "add":
            diff.adds[key] = new if has else UNKNOWN
        elif kind == "delete":
            diff.deletes[key] = old if had else UNKNOWN
        else:
            diff.updates[key] = value_diff(old, new) or ValueDiff(old, new)
    elif old is None and new is not None:
        diff.adds[key] = new
    elif old is not None and new is None:
        diff.deletes[key] = old
    else:
        update = diff.updates.setdefault(key, ValueDiff(None, None))
        _add(rest, kind, update, old, new)
