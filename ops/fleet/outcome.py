"""What came of a command on one workspace, and what is known of it while it runs."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi.automation import EngineEvent

State = Literal["waiting", "running", "succeeded", "unchanged", "failed", "not started"]

#: What isn't a change: the engine looked, and left it; or it is half of a replacement, which counts as one.
_STILL = frozenset({"same", "read", "read-discard", "refresh", "create-replacement", "delete-replaced"})
_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Outcome:
    """How a command ended for one workspace."""

    name: str
    state: State
    changes: Mapping[str, int] = field(default_factory=dict[str, int])  #: number of resources by operation
    seconds: float = 0.0
    errors: tuple[str, ...] = ()  #: one line each, the first is the reason
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])  #: the stack's, secrets masked

    @property
    def changed(self) -> str:
        """The changes in words."""
        return counted(self.changes) or "no changes"


def counted(changes: Mapping[str, int]) -> str:
    """``3 create, 1 update``; nothing for nothing."""
    return ", ".join(f"{count} {op}" for op, count in changes.items() if count)


def changes_of(summary: Mapping[Any, int] | None) -> dict[str, int]:
    """What changes, in the engine's summary of resources by operation."""
    named = {str(getattr(op, "value", op)): count for op, count in (summary or {}).items()}
    return {op: count for op, count in named.items() if count and op not in _STILL}


def plain(message: str) -> str:
    """The first line of an engine's message, without colours and lead."""
    lines = [line.strip() for line in _COLOUR.sub("", message).splitlines() if line.strip()]
    return (
        lines[0].removeprefix("error: ").removeprefix("python inline source runtime error: ") if lines else ""
    )


class Watch:
    """Follows one workspace's events. Written by the engine's thread, read by whoever shows it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: State = "waiting"
        self._seen: set[str] = set()
        self.now = ""  #: the resource that was begun last
        self.errors: dict[str, None] = {}
        self._began = 0.0
        self._ended = 0.0

    def begin(self) -> None:
        """The command starts."""
        self.state = "running"
        self._began = time.monotonic()

    def end(self, state: State) -> None:
        """The command has ended."""
        self.state = state
        self.now = ""
        self._ended = time.monotonic()

    @property
    def done(self) -> int:
        """How many resources were looked at or changed."""
        return len(self._seen)

    @property
    def seconds(self) -> float:
        """How long it has been running, or ran."""
        return (self._ended or time.monotonic()) - self._began if self._began else 0.0

    def outcome(self, changes: Mapping[str, int], outputs: Mapping[str, Any] | None = None) -> Outcome:
        """How the command ended, where it did."""
        return Outcome(
            self.name, "succeeded" if changes else "unchanged", changes, self.seconds, outputs=outputs or {}
        )

    def failure(self, reason: str) -> Outcome:
        """How the command ended, where it failed; what the engine reported comes before what it said at last."""
        errors = tuple(self.errors) or (reason,)
        return Outcome(self.name, "failed", seconds=self.seconds, errors=errors)

    def see(self, event: EngineEvent) -> None:
        """Takes an event of the engine."""
        if event.resource_pre_event:
            self.now = event.resource_pre_event.metadata.urn.rsplit("::", 1)[-1]
        elif event.res_outputs_event:
            self._seen.add(event.res_outputs_event.metadata.urn)
        elif event.diagnostic_event and event.diagnostic_event.severity == "error":
            text = plain(event.diagnostic_event.message)
            where = (event.diagnostic_event.urn or "").rsplit("::", 1)[-1]
            # What the program says belongs to the stack, which the row names already.
            known = (
                not where
                or where.startswith(f"{self.name}")
                or "::pulumi:pulumi:Stack::" in (event.diagnostic_event.urn or "")
            )
            if text:
                self.errors[text if known else f"{where}: {text}"] = None
