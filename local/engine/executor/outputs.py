"""Outputs that a program registers once its components are there; as `executeRegisterResourceOutputs` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.property_value import equal
from local.engine.steps.plan import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.display.events import Stream
    from local.engine.property_value import Properties
    from local.engine.state.resource_state import ResourceState
    from local.engine.state.snapshot import Snapshot
    from local.engine.steps.step import Step


class Outputs:
    """Which resources may still be given outputs."""

    def __init__(self, olds: Mapping[str, ResourceState], snapshot: Snapshot | None, events: Stream) -> None:
        self._olds = olds
        self._snapshot = snapshot
        self._events = events
        self._open: dict[str, Step] = {}
        self._stack: tuple[str, Properties] | None = None

    def open(self, step: Step) -> None:
        """A step is done: its resource may be given outputs, once."""
        if step.logical and step.new is not None:
            self._open[step.urn] = step

    def take(self, urn: str, outputs: Properties) -> None:
        """Give a resource its outputs; raises PlanError if it isn't there, or has them."""
        if urns.type_of(urn) == urns.STACK_TYPE:
            self._stack = urn, outputs  # kept for the end, when it is known what came of everything
            return
        step = self._open.pop(urn, None)
        if step is None:
            raise PlanError(f"cannot complete a resource '{urn}' whose registration isn't pending")
        if not step.skipped:
            self._give(step, outputs)

    def finish(self, *, failed: bool) -> None:
        """Give the stack its outputs; after a failure, what isn't there may only not have come so far, and stays."""
        if self._stack is None:
            return
        urn, outputs = self._stack
        if step := self._open.pop(urn, None):
            old = self._olds.get(urn)
            self._give(step, {**old.outputs, **outputs} if failed and old is not None else outputs)

    def _give(self, step: Step, outputs: Properties) -> None:
        state, old = step.state, self._olds.get(step.urn)
        # What hasn't changed keeps the ciphertexts of its secrets.
        state.outputs = old.outputs if old is not None and equal(old.outputs, outputs) else outputs
        if self._snapshot:
            self._snapshot.change(state)
        self._events.emit_step("resOutputsEvent", step, planning=self._snapshot is None)
