"""Differences between a resource and what it should be; pure."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.engine.property_path import PathError, contains, first, parse, reset
from local.engine.property_value import Properties, equal, has_unknown, reveal

if TYPE_CHECKING:
    from collections.abc import Sequence

INIT_ERROR = "#initerror"  # what --replace-on-changes calls a resource that did not become what was asked for


@dataclass(frozen=True)
class Diff:
    """What a provider says about the difference; `changes` is None where it leaves that to the engine."""

    changes: bool | None = False
    replaces: tuple[str, ...] = ()
    stables: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    delete_before_replace: bool = False
    triggered: bool = False  # replaced because its replacement trigger changed
    detailed: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    warning: str = ""  # why nothing better can be said, for the user

    @property
    def replace_keys(self) -> tuple[str, ...]:
        """The properties that force a replacement."""
        if self.replaces:
            return self.replaces
        forced = [path for path, entry in self.detailed.items() if entry["diffKind"].endswith("-replace")]
        return tuple(dict.fromkeys(first(path) for path in forced))


def triggered(old: Any, new: Any) -> bool:
    """Whether a replacement trigger has another value; none at all triggers nothing, an unknown one does."""
    if has_unknown(old) or has_unknown(new):
        return True
    if old is None or new is None:
        return False
    return not equal(reveal(old), reveal(new))


def with_replace_on_changes(diff: Diff, paths: Sequence[str], *, init_errors: bool) -> Diff:
    """The diff with changes at the given paths turned into replacements; raises PathError for what is no path."""
    if not paths or (not diff.changes and not init_errors):
        return diff
    wanted = [parse(path) for path in paths]

    def forced(path: str) -> bool:
        return any(contains(pattern, parse(path)) for pattern in wanted)

    detailed = {
        path: {**entry, "diffKind": f"{entry['diffKind'].removesuffix('-replace')}-replace"}
        if forced(path)
        else entry
        for path, entry in diff.detailed.items()
    }
    replaces = dict.fromkeys([*diff.replaces, *(key for key in diff.changed if forced(key))])
    changes = diff.changes
    if init_errors and forced(INIT_ERROR):
        replaces[INIT_ERROR] = None
        changes = True
    return replace(diff, changes=changes, replaces=tuple(replaces), detailed=detailed)


def structural(old: Properties, new: Properties) -> Diff:
    """The difference of two sets of inputs, for providers that leave it to the engine."""
    changed = tuple(
        key
        for key in sorted(old.keys() | new.keys())
        if key not in old or key not in new or not equal(old[key], new[key])
    )
    return Diff(
        changes=bool(changed),
        changed=changed,
        detailed={
            key: {
                "diffKind": "add" if key not in old else "delete" if key not in new else "update",
                "inputDiff": True,
            }
            for key in changed
        },
    )


_INVERSE = {"add": "delete", "delete": "add", "update": "update"}


def inverted(diff: Diff) -> Diff:
    """The difference seen from the other side."""

    def other(kind: str) -> str:
        plain = kind.removesuffix("-replace")
        return _INVERSE[plain] + kind.removeprefix(plain)

    return replace(
        diff,
        detailed={
            path: {**entry, "diffKind": other(entry["diffKind"])} for path, entry in diff.detailed.items()
        },
    )


def ignoring(new: Properties, old: Properties, paths: Sequence[str]) -> tuple[Properties, list[str]]:
    """The new inputs with the old values at ignored paths, and the paths for which that can't be done."""
    impossible: list[str] = []
    for path in paths:
        with suppress(PathError):  # the official engine skips what is no path
            new, done = reset(new, old, parse(path))
            if not done:
                impossible.append(path)
    return new, impossible
