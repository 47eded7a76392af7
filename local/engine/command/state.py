"""`pulumi state …`: changing what is known, not what is there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError
from local.engine.state import checkpoint, edit, resource_state
from local.engine.state.rows import Row, require_integrity
from local.engine.workspace import project as projects
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.command.flags import Arguments
    from local.engine.workspace.stack import Stack


_QUESTION = "This command will edit your stack's state directly. Confirm?"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _interactive(arguments: Arguments) -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and not arguments.has("--non-interactive")


def confirmed(arguments: Arguments, question: str) -> bool:
    """Whether the user wants it; who can't be asked has said so by giving the command, as with the official CLI."""
    skip = arguments.has("--yes") or os.environ.get("PULUMI_SKIP_CONFIRMATIONS") == "true"
    if skip or not _interactive(arguments):
        return True
    return input(f"{question} (y/N) ").strip().lower() in {"y", "yes"}


def change(arguments: Arguments, how: Callable[[list[Row]], list[Row]], question: str = "") -> None:
    """Replace the entries of the stack's checkpoint, which have to fit together; raises EngineError if they don't."""
    stack = stacks.open_(arguments.value("--stack"), offers_new=True)
    if not confirmed(arguments, f"warning: {question or _QUESTION}"):
        raise EngineError("confirmation declined")
    with stack.store.lock():
        stack.recover()
        latest = stack.store.read()
        if latest.get("resources"):
            _ = stack.state_crypter  # who has no key may not change anything
        rows: list[Row] = latest.get("resources") or []
        unchecked = arguments.has("--disable-integrity-checking")
        if not unchecked:
            require_integrity(rows)
        changed = how(rows)
        # Nothing was ever deployed: there is nothing to write, either.
        if latest:
            write_rows(stack, latest, changed)


def write_rows(stack: Stack, latest: dict[str, Any], rows: list[Row]) -> None:
    """Replace the entries of a stack's checkpoint and keep the rest of it."""
    fields = {**latest, "manifest": checkpoint.manifest(), "resources": rows}
    if not rows:
        del fields["resources"]
    if not fields.get("secrets_providers"):
        fields["secrets_providers"] = checkpoint.secrets_provider(stack.crypter.state)
    document = {"version": 3, "checkpoint": {"stack": stack.store.qualified_name, "latest": fields}}
    stack.store.write(resource_state.compact(document) + "\n")


def _named(arguments: Arguments, what: str = "resource URN") -> list[str]:
    if not arguments.positional:
        raise EngineError(f"Must supply <{what}> unless pulumi is run interactively")
    return arguments.positional


def _mark(arguments: Arguments, key: str, done: str, *, value: bool, question: str = "") -> int:
    """Set or clear a mark of resources: those named, or with --all each that isn't on its way out."""
    everything = arguments.has("--all")
    names = [] if everything else _named(arguments)

    def marked(rows: list[Row]) -> list[Row]:
        alive = [row for row in rows if not row.get("delete")]
        there = {row["urn"]: row for row in alive}
        if missing := [urn for urn in names if urn not in there]:
            raise EngineError("\n".join(edit.not_found(alive, urn) for urn in missing))
        for row in alive if everything else [there[urn] for urn in names]:
            if value:
                row[key] = True
            else:
                row.pop(key, None)
        return rows

    change(arguments, marked, question)
    _say(f"All resources {done}" if everything else f"{len(names)} resources {done}")
    return 0


def protect(arguments: Arguments) -> int:
    """Protect resources from being deleted until the program says otherwise."""
    question = (
        "This will protect by modifying the stack state directly.\nIf your program does not also set the 'protect' "
        "resource option, Pulumi will unprotect the \nresource the next time your program runs (e.g. as part of a "
        "`pulumi up`)\nConfirm?"
    )
    return _mark(arguments, "protect", "protected", value=True, question=question)


def unprotect(arguments: Arguments) -> int:
    """Take the protection off resources."""
    return _mark(arguments, "protect", "unprotected", value=False)


def taint(arguments: Arguments) -> int:
    """Have resources replaced by the next `up`."""
    return _mark(arguments, "taint", "tainted", value=True)


def untaint(arguments: Arguments) -> int:
    """Have resources not replaced after all."""
    return _mark(arguments, "taint", "untainted", value=False)


def delete(arguments: Arguments) -> int:
    """Forget resources without touching them."""
    everything = arguments.has("--all")
    if everything and arguments.positional:
        raise EngineError("cannot specify a resource URN when deleting all resources")
    names = [] if everything else _named(arguments)
    deleted: list[int] = []

    def forced(row: Row) -> None:
        sys.stderr.write(f"warning: deleting protected resource {row['urn']} due to presence of --force\n")

    def kept(rows: list[Row]) -> list[Row]:
        condemned = list(reversed(rows)) if everything else [edit.located(rows, name) for name in names]
        condemned = list({id(row): row for row in condemned}.values())
        deleted.append(len(condemned))
        return edit.without_all(
            rows,
            condemned,
            with_dependents=arguments.has("--target-dependents"),
            forced=forced if arguments.has("--force") else None,
        )

    change(arguments, kept)
    _say(
        "Resources deleted"
        if everything
        else "Resource deleted"
        if deleted == [1]
        else f"{sum(deleted)} resources deleted"
    )
    return 0


def rename(arguments: Arguments) -> int:
    """Give a resource another name."""
    if len(arguments.positional) < 2:
        raise EngineError("Must supply <resource URN> and <new name> unless pulumi is run interactively")
    urn, name = arguments.positional
    if not edit.is_urn(urn):
        raise EngineError("The provided input URN is not valid")

    def renamed(rows: list[Row]) -> list[Row]:
        edit.rename(rows, urn, edit.renamed(urn, name))
        return rows

    change(arguments, renamed)
    _say("Resource renamed")
    return 0


def upgrade(arguments: Arguments) -> int:
    """Bring the backend's layout up to date: this engine knows the current one only."""
    if not arguments.has("--yes"):
        _say(
            "This will upgrade the current backend to the latest supported version.\n"
            "Older versions of Pulumi will not be able to read the new format.\n"
            "Are you sure you want to proceed?"
        )
        sys.stdout.write("Please confirm that this is what you'd like to do by typing `yes`: ")
        sys.stdout.flush()
        if sys.stdin.readline().strip() != "yes":
            _say("Upgrade cancelled")
            return 0
    try:
        home = projects.find(Path.cwd())
    except EngineError:
        home = None
    projects.backend(home)
    sys.stderr.write("Upgraded 0 stack(s) to project mode\n")
    return 0
