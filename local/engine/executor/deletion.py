"""Deleting what is left over, wave by wave; what a failed step's resource stands on stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local.engine.steps.delete_order import Graph, waves

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from local.engine.steps.step import Step


class Deletion:
    """One operation's deletes. As the official engine's `performPostSteps`.

    Whoever makes it counts the failures and says when nothing more may start.
    """

    def __init__(
        self, graph: Graph, *, perform: Callable[[Step], Awaitable[bool]], stopped: Callable[[], bool]
    ) -> None:
        self._graph = graph
        self._perform = perform
        self._stopped = stopped
        self._spared: set[int] = set()

    async def run(self, steps: Sequence[Step], failed: Sequence[Step] = ()) -> None:
        """Carry out deletes; `failed` are the steps that have failed before."""
        for step in failed:
            self._spare(step)
        for wave in waves(steps, self._graph):
            if self._stopped():
                return
            due = [step for step in wave if self._graph.position(step.state) not in self._spared]
            done = await asyncio.gather(*(self._perform(step) for step in due))
            for step, well in zip(due, done, strict=True):
                if not well:
                    self._spare(step)

    def _spare(self, step: Step) -> None:
        """Keep what a failed step's resource stands on."""
        for state in (step.old, step.new):
            if state is not None and (number := self._graph.position(state)) >= 0:
                self._spared |= self._graph.all_dependencies([number])
