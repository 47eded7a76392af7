"""What a stack keeps of its operations: one that was killed is taken over, one that has ended goes into the history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from local.engine.command import metadata

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.display.events import Stream
    from local.engine.executor.request import Result
    from local.engine.workspace.stack import Stack


def take_over(stack: Stack, notes: list[str], events: Stream) -> None:
    """Take over what a killed operation left of a stack that is held now, and tell of it, once.

    `notes` is what taking the lock told; it is empty afterwards.
    """
    while notes:
        events.diagnose("warning", notes.pop(0))
    recovery = stack.recover(events.say)
    if recovery.played:
        events.diagnose(
            "warning", "the last operation was killed: its journal was played back into the state"
        )
    if recovery.overtaken:
        events.diagnose(
            "warning",
            "the last operation of this engine was killed and another engine has written the state since: it counts",
        )
    for urn, told in recovery.notes:
        events.diagnose("info", told + "\n", urn=urn)


def entry(arguments: Arguments, stack: Stack, kind: str, result: Result, began: int) -> dict[str, Any]:
    """What the history says of an operation that has ended just now."""
    title, commit = metadata.commit(stack.project.folder)
    return {
        "kind": kind,
        "startTime": began,
        "message": arguments.value("--message") or title,
        "environment": metadata.environment(arguments, stack.project, updates=kind == "update") | commit,
        "config": stack.config.values,
        "version": 0,
        "result": "failed" if result.failed else "succeeded",
        "endTime": int(time.time()),
        "resourceChanges": result.changes,
    }
