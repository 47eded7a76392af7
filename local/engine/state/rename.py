"""Giving a stack another name: its state, whose URNs have the name in them, and its history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.engine.state.backend import StackStore

_URN = "urn:pulumi:"
_ROOT = "pulumi:pulumi:Stack::"


def renamed(value: Any, old: StackStore, new: StackStore) -> Any:
    """A part of a deployment with the old stack's URNs as the new one's; pure."""
    if isinstance(value, dict):
        return {key: renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, old, new) for item in value]
    if isinstance(value, str) and value.startswith(before := prefix(old)):
        # The root resource has the stack's name for its own.
        rest = value.removeprefix(before)
        return prefix(new) + (_ROOT + _root_name(new) if rest == _ROOT + _root_name(old) else rest)
    return value


def _root_name(store: StackStore) -> str:
    return f"{store.project}-{store.stack}"


def prefix(store: StackStore) -> str:
    """How the URNs of a stack begin."""
    return f"{_URN}{store.stack}::{store.project}::"


def rename(old: StackStore, new: StackStore) -> None:
    """Write the state under the new name, then take the old away: interrupted in between, both are there."""
    point: dict[str, Any] = {"stack": new.qualified_name}
    if latest := old.read():
        point["latest"] = renamed(latest, old, new)
    new.write(
        json.dumps({"version": 3, "checkpoint": point}, separators=(",", ":"), ensure_ascii=False) + "\n"
    )
    old.move_history(new)
    old.retire()
