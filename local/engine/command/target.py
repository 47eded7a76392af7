"""What the flags of an operation limit it to, and what they make of creates that nobody saw the end of."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from local.engine.command.flags import boolean
from local.engine.error import EngineError
from local.engine.steps.delete_order import protected
from local.engine.steps.target import Options, Targets

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.state.checkpoint import Deployment
    from local.engine.workspace.project import Project


def options(arguments: Arguments, excludes: list[str]) -> Options:
    """The resources that an operation may touch."""
    replaced = arguments.all("--target-replace")
    return Options(
        targets=Targets([*arguments.all("--target"), *replaced]),
        excludes=Targets([*arguments.all("--exclude"), *excludes]),
        replaces=Targets([*arguments.all("--replace"), *replaced]),
        target_dependents=arguments.has("--target-dependents"),
        exclude_dependents=arguments.has("--exclude-dependents"),
        continue_on_error=arguments.has("--continue-on-error"),
        ignore_protect=arguments.has("--ignore-protect"),
    )


def refreshes(arguments: Arguments, project: Project) -> bool:
    """Whether an operation begins with a refresh: --refresh, else `options.refresh` of the project."""
    if given := arguments.value("--refresh"):
        try:
            return boolean(given)
        except ValueError as error:
            raise EngineError("unable to determine value for --refresh") from error
    return (project.settings.get("options") or {}).get("refresh") == "always"


def protected_excludes(state: Deployment) -> list[str]:
    """What --exclude-protected leaves out."""
    return protected(state.resources)


def nothing_unprotected(state: Deployment) -> str:
    """What is said when --exclude-protected leaves nothing to do."""
    excludes = protected_excludes(state)
    if not excludes or len(excludes) < len(state.resources):
        return ""
    return (
        f"There were no unprotected resources to destroy. There are still {len(excludes)} protected resources "
        "associated with this stack."
    )


def settled_creates(arguments: Arguments, state: Deployment) -> Deployment:
    """The state with its pending creates as the flags of a refresh say: forgotten, or made known as imports."""
    if arguments.has("--skip-pending-creates") and arguments.has("--clear-pending-creates"):
        raise EngineError("cannot set both --skip-pending-creates and --clear-pending-creates")
    state, unused = imported_creates(state, arguments.all("--import-pending-creates"))
    if unused:
        print(_unused(unused), file=sys.stderr)  # noqa: T201
    if arguments.has("--clear-pending-creates"):
        kept = tuple(item for item in state.operations if item.type != "creating")
        state = replace(state, operations=kept)
    return state


def imported_creates(state: Deployment, pairs: list[str]) -> tuple[Deployment, list[str]]:
    """The state with the pending creates of [URN ID]… known by their ids, and the URNs that have none; pure.

    The next operation drops an operation that isn't a create: the resource has to be imported or adopted. That is what the
    official engine does, too.
    """
    if len(pairs) % 2:
        raise EngineError("each URN must be followed by an ID: found an odd number of entries")
    ids = dict(zip(pairs[::2], pairs[1::2], strict=True))
    found: set[str] = set()
    operations = []
    for item in state.operations:
        urn = item.resource.urn
        if item.type == "creating" and urn in ids.keys() - found:
            found.add(urn)
            item = replace(item, type="importing", resource=replace(item.resource, id=ids[urn]))  # noqa: PLW2901
        operations.append(item)
    return replace(state, operations=tuple(operations)), [urn for urn in ids if urn not in found]


def _unused(urns: list[str]) -> str:
    if len(urns) == 1:
        return f'warning: "{urns[0]}" did not correspond to a pending create'
    return "\n- ".join(
        ["warning: the following urns did not correspond to a pending create", *(f'"{urn}"' for urn in urns)]
    )
