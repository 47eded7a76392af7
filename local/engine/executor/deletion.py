"""Deleting what is left over, wave by wave; what a failed step's resource stands on stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local.engine.error import EngineError, ProtectedError, StepFailedError
from local.engine.providers.answer import ProviderError
from local.engine.steps.delete_order import Graph, waves

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from local.engine.display.events import Stream
    from local.engine.steps.step import Step


class Deletion:
    """One operation's deletes. As the official engine's `performPostSteps`."""

    def __init__(
        self,
        perform: Callable[[Step], Awaitable[None]],
        events: Stream,
        graph: Graph,
        *,
        go_on: bool,
        stop: Callable[[], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._perform = perform
        self._events = events
        self._graph = graph
        self._go_on = go_on  # --continue-on-error
        self._stop = stop
        self._stopped = stopped
        self._spared: set[int] = set()
        self.failed = False

    async def run(self, steps: Sequence[Step], failed: Sequence[Step] = ()) -> None:
        """Carry out deletes; `failed` are the steps that have failed before."""
        for step in failed:
            self._spare(step)
        for wave in waves(steps, self._graph):
            if self._stopped():
                return
            due = [step for step in wave if self._graph.position(step.state) not in self._spared]
            await asyncio.gather(*(self._delete(step) for step in due))

    async def _delete(self, step: Step) -> None:
        try:
            await self._perform(step)
        except ProtectedError:
            # Nothing was tried, so the user may as well hear of all that is protected.
            self._fail(step, go_on=True)
        except StepFailedError:
            self._fail(step, go_on=self._go_on)
        except (ProviderError, EngineError) as error:
            self._events.diagnose("error", str(error), urn=step.urn)
            self._fail(step, go_on=self._go_on)

    def _fail(self, step: Step, *, go_on: bool) -> None:
        self.failed = True
        self._spare(step)
        if not go_on:
            self._stop()

    def _spare(self, step: Step) -> None:
        """Keep what a failed step's resource stands on."""
        for state in (step.old, step.new):
            if state is not None and (number := self._graph.position(state)) >= 0:
                self._spared |= self._graph.all_dependencies([number])
