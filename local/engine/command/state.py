"""`pulumi state …` and `pulumi stack import`: changing what is known, not what is there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.engine.error import EngineError, UnsupportedError
from local.engine.state import checkpoint, passphrase, resource_state
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.state.checkpoint import Deployment
    from local.engine.state.resource_state import ResourceState
    from local.engine.workspace.stack import Stack


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def import_(arguments: Arguments) -> int:
    """Replace the stack's deployment with an exported one."""
    stack = stacks.open_(arguments.value("--stack"))
    file = arguments.value("--file")
    text = Path(file).read_text(encoding="utf-8") if file else sys.stdin.read()
    try:
        document = json.loads(text)
        latest = document.get("deployment") or {}
        version = document.get("version")
    except (ValueError, AttributeError) as error:
        raise EngineError(f"could not deserialize deployment: {error}") from error
    if version != 3:
        raise UnsupportedError(f"the deployment's version {version} (3 is)")
    with stack.store.lock():
        stack.recover()
        salt = checkpoint.salt_of(latest)
        crypter = stack.crypter
        other = (
            passphrase.open_(passphrase.from_environment(), salt)
            if salt not in {"", crypter.state}
            else crypter
        )
        state = checkpoint.load(latest, other.decrypt, keep=other is crypter)
        for resource in state.resources:
            _, project, *_rest = resource.urn.split("::")
            if not resource.urn.startswith(f"urn:pulumi:{stack.name}::") or project != stack.project.name:
                raise EngineError(
                    f"resource '{resource.urn}' does not belong to stack '{stack.store.qualified_name}'"
                )
        _write(stack, state, list(state.resources))
    _say("Import complete.")
    return 0


def _write(stack: Stack, state: Deployment, resources: list[ResourceState]) -> None:
    encrypt = stack.crypter.encrypt
    stack.store.write(
        checkpoint.dump(
            stack.store.qualified_name,
            stack.crypter.state,
            [resource_state.dump(resource, encrypt) for resource in resources],
            [(resource_state.dump(entry.resource, encrypt), entry.type) for entry in state.operations],
        )
    )


def unprotect(arguments: Arguments) -> int:
    """Take the protection off a resource, or with --all off all."""
    stack = stacks.open_(arguments.value("--stack"))
    with stack.store.lock():
        stack.recover()
        state = stack.state()
        chosen = _chosen(state, arguments)
        for resource in chosen:
            resource.protect = False
        _write(stack, state, list(state.resources))
    _say("Resource unprotected" if len(chosen) == 1 else f"{len(chosen)} resources unprotected")
    return 0


def delete(arguments: Arguments) -> int:
    """Forget a resource without touching it."""
    stack = stacks.open_(arguments.value("--stack"))
    with stack.store.lock():
        stack.recover()
        state = stack.state()
        chosen = _chosen(state, arguments)
        gone = {resource.urn for resource in chosen}
        dependents = [r.urn for r in state.resources if r.urn not in gone and r.all_dependencies() & gone]
        if dependents and not arguments.has("--target-dependents"):
            raise EngineError(
                f"This resource can't be safely deleted because other resources depend on it: {', '.join(dependents)}"
            )
        while dependents:
            gone.update(dependents)
            dependents = [r.urn for r in state.resources if r.urn not in gone and r.all_dependencies() & gone]
        protected = [r.urn for r in state.resources if r.urn in gone and r.protect]
        if protected and not arguments.has("--force"):
            raise EngineError(f"Resource {protected[0]} can't be safely deleted because it is protected")
        _write(stack, state, [r for r in state.resources if r.urn not in gone])
    _say("Resource deleted")
    return 0


def _chosen(state: Deployment, arguments: Arguments) -> list[ResourceState]:
    if arguments.has("--all"):
        return list(state.resources)
    if not arguments.positional:
        raise EngineError("must supply a resource URN")
    urn = arguments.positional[0]
    found = [resource for resource in state.resources if resource.urn == urn]
    if not found:
        raise EngineError(
            f'No such resource "{urn}" exists in the current state\nTo list the resource URNs in the stack, run '
            "`pulumi stack --show-urns`; to inspect the full state, run `pulumi stack export`."
        )
    return found
