"""`pulumi stack tag …`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine.command.printing import say, say_json, say_table
from local.engine.error import EngineError
from local.engine.state import tags
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments


def ls(arguments: Arguments) -> int:
    """List the stack's tags."""
    kept = dict(sorted(tags.read(stacks.open_(arguments.value("--stack")).store).items()))
    if arguments.has("--json"):
        say_json(kept)
    else:
        say_table([("NAME", "VALUE"), *kept.items()])
    return 0


def get(arguments: Arguments) -> int:
    """Print a tag's value."""
    stack, name = stacks.open_(arguments.value("--stack")), arguments.positional[0]
    kept = tags.read(stack.store)
    if name not in kept:
        raise EngineError(f"stack tag '{name}' not found for stack '{stack.shown_name}'")
    say(kept[name])
    return 0


def set_(arguments: Arguments) -> int:
    """Set a tag."""
    store = stacks.open_(arguments.value("--stack")).store
    name, value = arguments.positional
    tags.write(store, {**tags.read(store), name: value})
    return 0


def rm(arguments: Arguments) -> int:
    """Remove a tag, if it is there."""
    store = stacks.open_(arguments.value("--stack")).store
    tags.write(
        store, {key: value for key, value in tags.read(store).items() if key != arguments.positional[0]}
    )
    return 0
