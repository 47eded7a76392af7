"""Engine events: what the Automation API, the displays and `--json` all read.

Inside the engine an event is a dict with its kind as a key; steps are in it as a `StepView`, messages with their colour
tags. `event_log.wire` is what of it leaves the process.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from local.engine.display import colour
from local.engine.display.view import step_view
from local.engine.providers.answer import UNSURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.steps.step import Step

Event = dict[str, Any]
STEPS = ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent")
_PREFIXES = {
    "debug": f"{colour.PLAIN}debug: {colour.RESET}",
    "warning": f"{colour.WARNING}warning: {colour.RESET}",
    "error": f"{colour.ERROR}error: {colour.RESET}",
}


class Stream:
    """Numbers events and hands them to whoever listens."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self._sequence = 0
        self.unsure = False  # whether a step failed and left a resource nobody knows enough about

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have a function called with each event from now on."""
        self._listeners.append(listener)

    def emit(self, kind: str, **fields: Any) -> None:
        """Tell everybody of an event of a kind, such as `resourcePreEvent`."""
        event = {"sequence": self._sequence, "timestamp": int(time.time()), kind: fields}
        self._sequence += 1
        for listener in self._listeners:
            listener(event)

    def say(self, message: str) -> None:
        """Tell the user something at once, on a line of its own."""
        self.emit("stdoutEvent", message=message + "\n", color="never")

    def emit_step(self, kind: str, step: Step, *, planning: bool, op: str = "", **more: Any) -> None:
        """Tell everybody of a step: `resourcePreEvent`, `resOutputsEvent` or `resOpFailedEvent`.

        `op` is what the step turned out to be, where that is something else.
        """
        self.unsure |= more.get("status") == UNSURE
        self.emit(kind, metadata=step_view(step, op), planning=planning, **more)

    def diagnose(
        self, severity: str, message: str, *, urn: str = "", ephemeral: bool = False, stream: int = 0
    ) -> None:
        """Tell everybody of a message of the program, a provider or the engine."""
        self.emit(
            "diagnosticEvent",
            urn=urn,
            prefix=_PREFIXES.get(severity, ""),
            message=f"{colour.PLAIN}{message}{colour.RESET}\n",
            severity=severity,
            stream=stream,
            ephemeral=ephemeral,
        )
