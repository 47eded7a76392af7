"""Refreshing: reading what the state has, and taking over what is there now."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.error import EngineError, StepFailedError
from local.engine.property_value import equal, with_secrets
from local.engine.providers.answer import UNTOUCHED, ProviderError
from local.engine.state.checkpoint import without_missing
from local.engine.state.resource_state import now
from local.engine.steps import step as op
from local.engine.steps.difference import Diff, ignoring, inverted, structural
from local.engine.steps.step import Step
from local.engine.steps.target import to_refresh

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from local.engine.display.events import Stream
    from local.engine.providers.answer import Outcome
    from local.engine.providers.registry import ProviderRegistry
    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.target import Options


class Refresh:
    """One refresh of a stack's resources; it `counts` if it isn't just the beginning of another operation."""

    def __init__(
        self,
        providers: ProviderRegistry,
        events: Stream,
        options: Options,
        *,
        preview: bool,
        parallel: int,
        counts: bool,
    ) -> None:
        self._providers = providers
        self._events = events
        self._options = options
        self._preview = preview
        self._counts = counts
        self._slots = asyncio.Semaphore(parallel)
        self.changes: dict[str, int] = {}
        self.failed = False

    async def run(self, resources: Sequence[ResourceState]) -> list[ResourceState]:
        """The resources as they are now; what could not be read stays as it was."""
        chosen = {id(state) for state in to_refresh(resources, self._options)}
        found = await self.visit(resources, chosen)
        if self.failed:
            self._events.diagnose("error", f"{'preview' if self._preview else 'update'} failed")
        return without_missing([state for state in found if state is not None])

    async def visit(
        self, resources: Sequence[ResourceState], chosen: Container[int] | None = None
    ) -> list[ResourceState | None]:
        """Read resources, or those `chosen` by identity; returns what each is now."""
        return await asyncio.gather(
            *(
                self._visit(state) if chosen is None or id(state) in chosen else _unchanged(state)
                for state in resources
            )
        )

    async def _visit(self, state: ResourceState) -> ResourceState | None:
        async with self._slots:
            step = Step(op.REFRESH, state.urn, state, state, logical=False)
            try:
                return await self.perform(step)
            except StepFailedError:
                self.failed = True
                return state

    async def perform(self, step: Step) -> ResourceState | None:
        """Read a resource; returns what it is now, None if it is gone. Raises StepFailedError after telling why."""
        old = step.old or step.state
        self._events.emit_step("resourcePreEvent", step, planning=self._preview)
        result = op.SAME
        try:
            if old.custom and not urns.is_provider(old.type) and not old.pending_replacement:
                result = await self._read(step, old, step.state)
            else:
                step.new = old
        except (ProviderError, EngineError) as error:
            self._fail(step, str(error), getattr(error, "status", UNTOUCHED))
            raise StepFailedError from error
        if self._counts and not step.hidden and not urns.is_default_provider(step.urn):
            self.changes[result] = self.changes.get(result, 0) + 1
        # Only a refresh by itself tells what it found: before an update, that is told by what the update does.
        found = result if self._counts else ""
        self._events.emit_step("resOutputsEvent", step, planning=self._preview, op=found)
        return step.new

    def _fail(self, step: Step, reason: str, status: int) -> None:
        urn = "" if urns.is_default_provider(step.urn) else step.urn
        self._events.diagnose("error", f"Preview failed: {reason}" if self._preview else reason, urn=urn)
        if not self._preview:
            counted = sum(self.changes.values())
            self._events.emit_step("resOpFailedEvent", step, planning=False, status=status, steps=counted)

    async def _read(self, step: Step, old: ResourceState, wanted: ResourceState) -> str:
        """Take over what is there; returns what that means for the stack.

        Of a program that runs along come the provider, with the configuration it has now, and the options.
        """
        provider = await self._providers.get(wanted.provider)
        outcome: Outcome = await provider.read(old.urn, old.id, old.inputs, old.outputs)
        if not outcome.id:
            step.new = None
            return op.DELETE
        if outcome.errors:
            self._events.diagnose(
                "warning",
                "Refreshed resource is in an unhealthy state:\n* " + "\n* ".join(outcome.errors),
                urn=old.urn,
            )
        step.new = new = replace(
            wanted,
            id=outcome.id,
            inputs=old.inputs if outcome.inputs is None else outcome.inputs,
            outputs=with_secrets(outcome.outputs, wanted.additional_secret_outputs, old.inputs),
            init_errors=list(outcome.errors),
        )
        if not equal(new.inputs, old.inputs) or not equal(new.outputs, old.outputs):
            new.modified = now()
        if old.external:
            return op.SAME if equal(new.outputs, old.outputs) else op.UPDATE
        # What an update would change back, seen from the other side.
        diff: Diff = await provider.diff(new, old.inputs, old.ignore_changes)
        if diff.changes is None:
            diff = structural(new.inputs, ignoring(old.inputs, new.inputs, old.ignore_changes)[0])
        diff = inverted(diff)
        step.changed, step.detailed = diff.changed, diff.detailed
        return op.UPDATE if diff.changes else op.SAME


async def _unchanged(state: ResourceState) -> ResourceState:
    return state
