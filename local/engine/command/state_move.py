"""`pulumi state move`: resources of one stack that become another's."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from local.engine.command.state import confirmed, write_rows
from local.engine.error import EngineError
from local.engine.property_value import mapped
from local.engine.state import move as moves
from local.engine.state import resource_state
from local.engine.state.backend import ORGANIZATION, StackStore
from local.engine.state.rows import require_integrity
from local.engine.workspace import project as projects
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.state.rows import Row
    from local.engine.workspace.stack import Stack

_ASIDE = (
    "\nIf you go ahead with moving these dependencies, it will be necessary to create the appropriate inputs and "
    "outputs in the program for the stack the resources are moved to.\n"
)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def move(arguments: Arguments) -> int:
    """Move resources, their children with them; the destination is written first, so that none is ever lost."""
    wanted = arguments.positional
    if not arguments.value("--source") and not arguments.value("--dest"):
        raise EngineError("at least one of --source or --dest must be provided")
    source, target = _open(arguments.value("--source")), _open(arguments.value("--dest"))
    if source.store == target.store:
        raise EngineError("--source and --dest are the same stack")
    with ExitStack() as locks:
        for stack in (source, target):
            locks.enter_context(stack.store.lock())
            stack.recover()
        before, there = source.store.read(), target.store.read()
        rows: list[Row] = before.get("resources") or []
        others: list[Row] = there.get("resources") or []
        require_integrity(others)
        require_integrity(rows)
        if not there.get("secrets_providers") and target.store.project != projects.find(Path.cwd()).name:
            raise EngineError(
                "destination stack has no secret manager. To move resources either initialize the stack with a secret "
                "manager, or run the pulumi state move command from the destination project directory"
            )
        for urn in moves.unmatched(rows, wanted):
            _say(f"warning: Resource {urn} not found in source stack")
        plan = moves.plan(
            rows,
            others,
            wanted,
            include_parents=arguments.has("--include-parents"),
            origin=_place(source),
            target=_place(target),
        )
        _explain(plan, source, target)
        if not confirmed(arguments, "Do you want to perform this move?"):
            _say("Confirmation denied, not proceeding with the state move")
            return 0
        _seal_again(plan.left, source, target)
        for found in (plan.destination, plan.source):
            require_integrity(found)
        write_rows(target, there, plan.destination)
        write_rows(source, before, plan.source)
    _say(f"Successfully moved resources from {source.store.qualified_name} to {target.store.qualified_name}")
    return 0


def _open(name: str) -> Stack:
    """A stack, of this project or of another in the same backend; without a name, the selected one."""
    parts = name.split("/")
    home = projects.find(Path.cwd())
    if len(parts) < 2 or parts[-2] == home.name:
        return stacks.open_(name)
    if len(parts) > 3 or (len(parts) == 3 and parts[0] != ORGANIZATION):
        return stacks.open_(name)  # which says what is wrong with it
    store = StackStore(projects.backend(home), parts[-2], parts[-1])
    store.require()
    return stacks.foreign(store, home)


def _place(stack: Stack) -> moves.Place:
    return moves.Place(stack.store.project, stack.store.stack, stack.store.qualified_name)


def _explain(plan: moves.Move, source: Stack, target: Stack) -> None:
    origin, goal = source.store.qualified_name, target.store.qualified_name
    _say(f"Planning to move the following resources from {origin} to {goal}:\n")
    for urn in plan.moved:
        _say(f"  - {urn}")
    _say("")
    if plan.broken_source:
        _say(
            f"The following resources remaining in {origin} have dependencies on resources moved to {goal}:\n"
        )
        for sentence in plan.broken_source:
            _say(f"  - {sentence}")
    if plan.broken_destination:
        if plan.broken_source:
            _say("")
        _say(f"The following resources being moved to {goal} have dependencies on resources in {origin}:\n")
        for sentence in plan.broken_destination:
            _say(f"  - {sentence}")
    if plan.broken_source or plan.broken_destination:
        _say(_ASIDE)


def _seal_again(rows: list[Row], source: Stack, target: Stack) -> None:
    """Encrypt the secrets of entries with the destination's key."""
    for row in rows:
        for key in ("inputs", "outputs", "replacementTrigger"):
            if row.get(key):
                opened = resource_state.opened(row[key], source.crypter.decrypt, keep=False)
                row[key] = mapped(
                    opened, lambda secret: resource_state.sealed(secret, target.crypter.encrypt)
                )
