"""Who stands on whom, and in which order resources go; pure.

As the official engine's `graph.DependencyGraph` and `ScheduleDeletes`: waves, each of which is done before the next begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.step import Step


class Graph:
    """Resources in an order in which each comes after what it stands on."""

    def __init__(self, resources: Sequence[ResourceState]) -> None:
        self.resources = resources
        self._position = {id(state): number for number, state in enumerate(resources)}
        self._by_urn: dict[str, list[int]] = {}
        self._below: dict[str, list[int]] = {}  # component → its children, theirs, and so on
        parents: dict[str, str] = {}
        for number, state in enumerate(resources):
            self._by_urn.setdefault(state.urn, []).append(number)
            parents[state.urn] = parent = state.parent
            while parent:
                self._below.setdefault(parent, []).append(number)
                parent = parents.get(parent, "")

    def position(self, state: ResourceState) -> int:
        """Where a resource is; -1 if it isn't there."""
        return self._position.get(id(state), -1)

    def dependencies(self, number: int) -> set[int]:
        """What a resource stands on itself: of two generations under one URN, those made before it."""
        state = self.resources[number]
        found: set[int] = set()
        for urn in state.all_dependencies():
            for other in self._by_urn.get(urn, ()):
                if other >= number:
                    break
                found.add(other)
                # Who depends on a component depends on what is in it. A child doesn't: its siblings are its equals.
                if not self.resources[other].custom and urn != state.parent:
                    found.update(child for child in self._below.get(urn, ()) if child < number)
        return found

    def all_dependencies(self, numbers: Iterable[int]) -> set[int]:
        """What resources stand on, directly or not."""
        found: set[int] = set()
        left = list(numbers)
        while left:
            new = {
                other
                for urn in self.resources[left.pop()].all_dependencies()
                for other in self._by_urn.get(urn, ())
            } - found
            found |= new
            left += new
        return found


def waves(steps: Sequence[Step], graph: Graph) -> list[list[Step]]:
    """Deletes in the order they are made: what is in a wave doesn't stand on one another."""
    ordered = sorted((graph.position(step.state), step) for step in steps)
    depth: dict[int, int] = {}
    for number, _ in ordered:
        depth[number] = max(
            (depth[other] + 1 for other in graph.dependencies(number) if other in depth), default=0
        )
    found: list[list[Step]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for number, step in ordered:
        found[-1 - depth[number]].append(step)
    return found


def resting_on(resources: Sequence[ResourceState], urns: set[str]) -> set[str]:
    """The URNs, and those of all that stands on them."""
    found = set(urns)
    for state in resources:
        if state.urn not in found and not found.isdisjoint(state.all_dependencies()):
            found.add(state.urn)
    return found


def needed_by(
    resources: Sequence[ResourceState], urns: set[str], *, with_dependents: bool = False
) -> set[str]:
    """The URNs, and those of all they stand on; with dependents, also what stands on any of these, and so on."""
    graph = Graph(resources)
    found: set[str] = set()
    left = [number for number, state in enumerate(resources) if state.urn in urns]
    while left:
        number = left.pop()
        if (urn := resources[number].urn) in found:
            continue
        found.add(urn)
        left += graph.dependencies(number)
        if with_dependents:
            dependents = resting_on(resources[number + 1 :], {urn})
            left += [other for other, state in enumerate(resources) if state.urn in dependents - found]
    return found


def protected(resources: Sequence[ResourceState]) -> list[str]:
    """URNs that --exclude-protected leaves out: what is protected and all it stands on (`getProtectedExcludes`)."""
    graph = Graph(resources)
    kept = {number for number, state in enumerate(resources) if state.protect}
    return [resources[number].urn for number in sorted(kept | graph.all_dependencies(kept))]
