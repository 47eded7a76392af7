"""What a program's registrations come to when it runs for a refresh or a destroy (--run-program); pure.

The program says what its providers' configuration is now, and it brings the hooks that deletes want: they are registered before
the first delete, for deletes come after the program has ended. Nothing of it is created or updated but providers and
components. A resource that the state hasn't got is passed over: the program sees unknown outputs, and what stands on it is
passed over, too. As `destroyMode` and `refreshMode` of the official step generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.steps import step as op
from local.engine.steps.delete_order import Graph
from local.engine.steps.plan import Plan
from local.engine.steps.step import Step

if TYPE_CHECKING:
    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.goal import Goal


def _is_managed(goal: Goal) -> bool:
    return goal.custom and not urns.is_provider(goal.type)


class DestroyPlan(Plan):
    """What the program registers stays as it is until the program has ended, and goes then."""

    doomed: tuple[str, ...] = ()

    def passed_over(self, goal: Goal, old: ResourceState | None, new: ResourceState) -> list[Step] | None:
        """Resources stay as they are; what isn't there is left out."""
        if self.skipped & new.all_dependencies() or (old is None and _is_managed(goal)):
            if old is not None:
                new.outputs = old.outputs
                self.release(old)  # it goes as if the program had never spoken of it
            return self.skip(new)
        self.doomed = (*self.doomed, new.urn)
        if old is None or not _is_managed(goal):
            return None
        new.inputs = old.inputs
        return [Step(op.SAME, new.urn, old, new)]

    def deletes(self) -> tuple[list[Step], list[Step]]:
        """What the program has registered goes with the rest."""
        same, gone = super().deletes()
        deletable = self.deletable(self.doomed)
        return same, [
            *gone,
            *(Step(op.DELETE, urn, self.news[urn]) for urn in self.doomed if urn in deletable),
        ]

    def graph(self) -> Graph:
        """Who stands on whom, among what the program has registered and the rest."""
        return Graph([*(self.news[urn] for urn in self.doomed), *self.resources])


class RefreshPlan(Plan):
    """What the program registers is what has been read; the rest of the state is read when it has ended."""

    refresh_only = True
    unread: frozenset[str] = frozenset()  # registered, but not among what the user named

    def passed_over(self, goal: Goal, old: ResourceState | None, new: ResourceState) -> list[Step] | None:
        """Resources are what has been read; what isn't there is left out."""
        if not _is_managed(goal) and not self.skipped & new.all_dependencies():
            return None
        if old is None:
            return self.skip(new)
        self.news[new.urn] = old
        if not self.is_named(old):
            self.unread |= {new.urn}
        return []

    def is_unread(self, state: ResourceState) -> bool:
        """Whether the program has not registered a resource that the user wants read."""
        # Dependents of what the user named are not looked for once the program has ended.
        return (state.urn not in self.news or state.urn in self.unread) and self.is_literally_named(state)
