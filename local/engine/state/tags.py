"""A stack's tags: a file beside its state, as the official file backend keeps them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.engine.error import EngineError
from local.engine.state.backend import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from local.engine.state.backend import StackStore

_VERSION = 1


def _file(store: StackStore) -> Path:
    return store.path.with_name(f"{store.stack}.pulumi-tags")


def read(store: StackStore) -> dict[str, str]:
    """The tags, by name."""
    file = _file(store)
    if not file.is_file():
        return {}
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        version, tags = document["version"], document.get("tags") or {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"{file} is not a file of stack tags; remove it to start anew") from error
    if version != _VERSION:
        raise EngineError(f"unsupported stack tags version: {version} (expected {_VERSION})")
    return tags


def write(store: StackStore, tags: dict[str, str]) -> None:
    """Replace the tags; without any, there is no file."""
    if tags:
        write_atomically(_file(store), json.dumps({"version": _VERSION, "tags": tags}))
    else:
        _file(store).unlink(missing_ok=True)
