"""In which order resources go: what stands on others before what it stands on; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.step import Step


def order_of_deletes(steps: Sequence[Step], state_order: Sequence[ResourceState]) -> dict[int, set[int]]:
    """For each step (by index) the steps that must be done before it: deletes of what stands on its resource."""
    by_urn: dict[str, list[int]] = {}
    for index, step in enumerate(steps):
        by_urn.setdefault(step.urn, []).append(index)
    position = {id(state): number for number, state in enumerate(state_order)}
    waits: dict[int, set[int]] = {index: set() for index in range(len(steps))}
    for index, step in enumerate(steps):
        for dependency in step.state.all_dependencies():
            for other in by_urn.get(dependency, ()):
                # Of two generations under one URN, a resource stands on those made before it.
                if position.get(id(steps[other].state), 0) <= position.get(id(step.state), 0):
                    waits[other].add(index)
    return waits
