"""Refreshing: reading what the state has, and taking over what is there now."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.property_value import equal, with_secrets
from local.engine.providers.provider import ProviderError
from local.engine.state.checkpoint import without_missing
from local.engine.state.resource_state import now
from local.engine.steps import step as op
from local.engine.steps.difference import Diff, structural
from local.engine.steps.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.display.events import Stream
    from local.engine.providers.provider import Outcome
    from local.engine.providers.registry import ProviderRegistry
    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.target import Options


class Refresh:
    """One refresh of a stack's resources."""

    def __init__(
        self, providers: ProviderRegistry, events: Stream, options: Options, *, preview: bool, parallel: int
    ) -> None:
        self._providers = providers
        self._events = events
        self._options = options
        self._preview = preview
        self._slots = asyncio.Semaphore(parallel)
        self.changes: dict[str, int] = {}
        self.failed = False

    async def run(self, resources: Sequence[ResourceState]) -> list[ResourceState]:
        """The resources as they are now."""
        found = await asyncio.gather(*(self._visit(state) for state in resources))
        return without_missing([state for state in found if state is not None])

    async def _visit(self, state: ResourceState) -> ResourceState | None:
        targets, excludes = self._options.targets, self._options.excludes
        if (targets and state.urn not in targets) or state.urn in excludes:
            return state
        async with self._slots:
            try:
                return await self._refresh(Step(op.REFRESH, state.urn, state, state))
            except (ProviderError, EngineError) as error:
                self.failed = True
                urn = "" if urns.is_default_provider(state.urn) else state.urn
                self._events.diagnose("error", str(error), urn=urn)
                return state

    async def _refresh(self, step: Step) -> ResourceState | None:
        """Read a resource; returns what it is now, None if it is gone."""
        old = step.state
        self._events.emit_step("resourcePreEvent", step, planning=self._preview)
        result, new = op.SAME, old
        try:
            if old.custom and not urns.is_provider(old.type) and not old.pending_replacement:
                result, new = await self._read(old)
        except ProviderError:
            if not self._preview:
                counted = sum(self.changes.values())
                self._events.emit_step("resOpFailedEvent", step, planning=False, status=0, steps=counted)
            raise
        step.new = new
        if not urns.is_default_provider(step.urn):
            self.changes[result] = self.changes.get(result, 0) + 1
        self._events.emit_step("resOutputsEvent", step, planning=self._preview, metadata={"op": result})
        return new

    async def _read(self, old: ResourceState) -> tuple[str, ResourceState | None]:
        provider = await self._providers.get(old.provider)
        outcome: Outcome = await provider.read(old.urn, old.id, old.inputs, old.outputs)
        if not outcome.id:
            return op.DELETE, None
        if outcome.errors:
            self._events.diagnose(
                "warning",
                "Refreshed resource is in an unhealthy state:\n* " + "\n* ".join(outcome.errors),
                urn=old.urn,
            )
        new = replace(
            old,
            id=outcome.id,
            inputs=old.inputs if outcome.inputs is None else outcome.inputs,
            outputs=with_secrets(outcome.outputs, old.additional_secret_outputs),
            init_errors=list(outcome.errors),
        )
        if equal(new.inputs, old.inputs) and equal(new.outputs, old.outputs):
            return op.SAME, new
        new.modified = now()
        if old.external:
            return op.UPDATE, new
        diff: Diff = await provider.diff(new, old.inputs, old.ignore_changes)
        changes = diff.changes if diff.changes is not None else structural(new.inputs, old.inputs).changes
        return (op.UPDATE if changes else op.SAME), new
