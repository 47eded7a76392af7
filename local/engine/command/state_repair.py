"""`pulumi state repair`: bring a checkpoint's entries in order and take out what refers to nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from local.engine.command.state import confirmed, write_rows
from local.engine.error import EngineError
from local.engine.state import rows as entries
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.state.rows import Pruned, Row

_BY_HAND = """

Pulumi is unable to automatically repair the snapshot. This can happen if the
snapshot contains cycles or corrupted or unparseable data. You may be able to
manually repair your stack as follows:

1. Manually export your stack's state to a file named state.json:

   pulumi stack{stack} export > state.json

2. Make a copy of the exported state.json file so that you have a backup:

   cp state.json state.json.backup

3. Edit the exported state.json file to fix any issues, such as cyclic
   dependencies or corrupted data.

4. Import the repaired state.json file back into your stack:

   pulumi stack{stack} import < state.json

Initial error: {problem}"""
_LABELS = {
    entries.PARENT: "parent",
    entries.DEPENDENCY: "dependency",
    entries.DELETED_WITH: "deleted with",
    entries.REPLACE_WITH: "replace with",
}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def repair(arguments: Arguments) -> int:
    """Repair the stack's checkpoint; nothing is written where it is fine, or can't be repaired."""
    stack = stacks.open_(arguments.value("--stack"))
    with stack.store.lock():
        stack.recover()
        stack.require_key()
        latest = stack.store.read()
        before: list[Row] = latest.get("resources") or []
        wrong = entries.problem(before)
        if not wrong:
            _say("The snapshot is already valid; skipping repair")
            return 0
        try:
            after = entries.in_order(before)
        except entries.IntegrityError as error:
            raise _hopeless(arguments, str(error), wrong) from error
        moved = entries.moved_rows(before, after)
        results = entries.pruned(after)
        if still := entries.problem(after):
            raise _hopeless(arguments, still, wrong)
        if not arguments.has("--yes"):
            _say(explained(moved, results))
            if not confirmed(arguments, "This command will edit your stack's state directly. Confirm?"):
                _say("Confirmation denied, not proceeding with state repair")
                return 0
        write_rows(stack, latest, after)
    _say("State repaired successfully")
    return 0


def _hopeless(arguments: Arguments, why: str, first: str) -> EngineError:
    name = arguments.value("--stack")
    text = _BY_HAND.format(stack=f" --stack {name}" if name else "", problem=first)
    return EngineError(f"Failed to repair the snapshot automatically: {why}{text}")


def explained(moved: list[Row], results: list[Pruned]) -> str:
    """What a repair does, for people."""
    lines: list[str] = []
    if moved:
        lines += ["The following resources will be reordered to appear before their dependents:", ""]
        lines += [f"* {row['urn']}" + (" (deleted)" if row.get("delete") else "") for row in moved]
        lines += [""]
    if results:
        lines += ["The following resources will be modified to remove missing dependencies:", ""]
    for result in results:
        lines.append(f"~ {result.old}" + (" (deleted)" if result.delete else ""))
        if result.new != result.old:
            lines.append(f"  ~ {result.new} [urn]")
        for item in result.removed:
            label = _LABELS.get(item.kind, f"property dependency: {item.key}")
            lines.append(f"  - {item.urn} [{label}]")
    return "\n".join([*lines, ""])
