"""What has to be done to which resource: pure decisions, no I/O.

The planner asks the plan about each registration, does the provider calls that the answer needs (check, diff) and comes
back; the plan only ever sees their results.

Over 400 lines on purpose: one class, because each decision depends on those before it (what is claimed, deleted, replaced);
who is who, targets, differences and the order of deletes are beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.property_value import UNKNOWN, Properties
from local.engine.state.resource_state import ResourceState
from local.engine.steps import step as op
from local.engine.steps.delete_order import Graph
from local.engine.steps.difference import Diff, triggered
from local.engine.steps.identity import Identities
from local.engine.steps.step import Step
from local.engine.steps.target import Options, Scope, missing, not_created

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.steps.goal import Goal


class PlanError(Exception):
    """A registration that can't be carried out; the message is for the user."""


class Plan:
    """The decisions of one operation, and what they were based on."""

    refresh_only = False

    def __init__(
        self, stack: str, project: str, resources: Sequence[ResourceState], options: Options
    ) -> None:
        self._options = options
        self._scope = Scope(options)
        self.resources = tuple(resources)
        self.olds = {state.urn: state for state in resources if not state.delete}
        self.news: dict[str, ResourceState] = {}
        self._past: list[ResourceState] = []
        self._identities = Identities(stack, project, self.olds)
        self._goals: dict[str, Goal] = {}
        self._claimed: set[int] = set()  # ids of old states that the program has registered
        self._decided: set[int] = set()  # those of them whose steps are known
        # URNs that go in this operation; what the program registers afterwards is created again.
        self.deleting: set[str] = set()
        self._deleted_states: set[int] = set()
        self._replace_keys: dict[str, tuple[str, ...]] = {}
        self._replaced: set[str] = set()
        self.skipped: set[str] = set()  # URNs of what would have been created, were it not left out

    # -- who is who

    @property
    def aliased(self) -> dict[str, str]:
        """Old URN → URN now, of what the program calls otherwise than the state does."""
        return self._identities.aliased

    def urn_of(self, goal: Goal) -> str:
        """The URN a goal makes."""
        return self._identities.urn(goal)

    def urn(self, goal: Goal) -> str:
        """The URN of a registration; raises PlanError if the program has registered it before, or not its parent."""
        seen = self._identities.seen
        urn = self._identities.urn(goal)
        if goal.parent and goal.parent not in seen:
            raise PlanError(f"could not find parent resource {goal.parent}")
        if urn in seen:
            raise PlanError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        seen.add(urn)
        return urn

    def find(self, urn: str, goal: Goal) -> tuple[ResourceState | None, list[str]]:
        """The resource in the state that a registration is about, by URN or alias, and what speaks against it."""
        old, problems = self._identities.find(urn, goal)
        if old is not None:
            self._claimed.add(id(old))
        return old, problems

    def state(self, urn: str, goal: Goal, old: ResourceState | None) -> ResourceState:
        """The state a registration asks for."""
        goal = self._goals[urn] = goal.inheriting(self._goals.get(goal.parent))
        new = ResourceState(
            urn=urn,
            type=goal.type,
            custom=goal.custom,
            inputs=goal.inputs,
            parent=goal.parent,
            protect=bool(goal.protect),
            dependencies=list(goal.dependencies),
            provider=goal.provider,
            property_dependencies=goal.property_dependencies,
            additional_secret_outputs=list(goal.additional_secret_outputs),
            custom_timeouts=goal.custom_timeouts,
            import_id=goal.import_id,
            retain_on_delete=bool(goal.retain_on_delete),
            deleted_with=goal.deleted_with,
            replace_with=list(goal.replace_with),
            created=old.created if old else "",
            modified=old.modified if old else "",
            ignore_changes=list(goal.ignore_changes),
            hide_diff=list(goal.hide_diff),
            replace_on_changes=list(goal.replace_on_changes),
            replacement_trigger=goal.replacement_trigger,
            resource_hooks=goal.resource_hooks,
        )
        self.news[urn] = new
        return new

    def is_target(self, state: ResourceState) -> bool:
        """Whether the operation may touch a registered resource."""
        return self._scope.includes(state)

    # -- registrations

    def is_import(self, goal: Goal, old: ResourceState | None) -> bool:
        """Whether a registration adopts a resource by its id."""
        if not goal.custom or not goal.import_id:
            return False
        return old is None or old.external or (old.import_id or old.id) != goal.import_id

    def to_recreate(self, urn: str) -> bool:
        """Whether the resource was deleted in this operation because something it stands on is replaced."""
        return urn in self.deleting

    def ignores_old(self, urn: str, old: ResourceState | None) -> bool:
        """Whether a check is made as if the resource were new."""
        return old is None or urn in self.deleting or old.external or urn in self._options.replaces

    def undiffed(self, goal: Goal, old: ResourceState | None, new: ResourceState) -> list[Step] | None:
        """The steps of a registration that needs no diff, or None if it does."""
        urn = new.urn
        steps = self._undiffed(goal, urn, old, new)
        if steps is not None and old is not None:
            self._decided.add(id(old))
        return steps

    def _undiffed(
        self, goal: Goal, urn: str, old: ResourceState | None, new: ResourceState
    ) -> list[Step] | None:
        if not self.is_target(new):
            return self.skip(new) if old is None else self._untouched(old, urn)
        if old is None:
            return [Step(op.CREATE, urn, None, new)]
        if urn in self.deleting:
            return self._recreated(old, new)
        if old.external and not goal.import_id:
            return self._replaced_after(old, new, Diff(changes=True))
        return None

    def passed_over(self, goal: Goal, old: ResourceState | None, new: ResourceState) -> list[Step] | None:
        """The steps of a registration that nothing is to be made of; None to go on with it."""
        _ = goal, old, new
        return None

    def skip(self, new: ResourceState) -> list[Step]:
        """Leave out a resource that would have been created: what it is stays unknown, and it isn't recorded."""
        self.skipped.add(new.urn)
        return [Step(op.SAME, new.urn, None, new, skipped=True)]

    def _untouched(self, old: ResourceState, urn: str) -> list[Step]:
        """A resource that is left as it is, name and all, after what it stands on and nobody has registered."""
        steps: list[Step] = []

        def keep(state: ResourceState) -> None:
            for dependency in sorted(state.all_dependencies()):
                other = self.olds.get(dependency)
                if other is not None and dependency not in self.news and dependency not in self.aliased:
                    keep(other)
            kept = self.news[state.urn] = replace(state)
            self._claimed.add(id(state))
            steps.append(Step(op.SAME, state.urn, state, kept))

        if old.urn != urn:  # it was found by an alias
            del self.news[urn]
            self._identities.forget(urn)
        keep(old)
        return steps

    def uncreated(self, steps: Sequence[Step]) -> list[tuple[str, str]]:
        """Which of the steps' resources stand on one that was left out and isn't there, and what is said of each.

        The official engine says nothing of what was excluded: it makes the resource and then finds its own state invalid.
        """
        options = self._options
        if not (options.targets or options.replaces or options.excludes):
            return []
        found: list[tuple[str, str]] = []
        for step in steps:
            if step.new is None or step.skipped:
                continue
            for urn in sorted(step.new.all_dependencies() & self.skipped):
                self.skipped.discard(urn)  # said once
                found.append((step.urn, not_created(step.urn, urn, excluded=bool(options.excludes))))
        return found

    # -- a program that runs along with a refresh or a destroy

    def is_named(self, state: ResourceState) -> bool:
        """Whether the user lets the operation touch a resource, providers and the stack among them."""
        return self._scope.names(state)

    def is_literally_named(self, state: ResourceState) -> bool:
        """The same, but not as a dependent."""
        if self._options.excludes:
            return state.urn not in self._options.excludes
        return not self._options.targets or state.urn in self._options.targets

    def is_unread(self, state: ResourceState) -> bool:
        """Whether a refresh has a resource left to read when the program has ended."""
        _ = state
        return False

    def refreshed(self, old: ResourceState, new: ResourceState | None) -> None:
        """A resource of the state is another now, or gone."""
        position = self.resources.index(old)
        found = () if new is None else (new,)
        self.resources = (*self.resources[:position], *found, *self.resources[position + 1 :])
        self._past.append(old)  # whose identity nothing else may have
        if not old.delete:
            del self.olds[old.urn]
            if new is not None:
                self.olds[old.urn] = new
                self._claimed.add(id(new))

    def release(self, old: ResourceState) -> None:
        """Take a registration of a resource in the state back."""
        self._claimed.discard(id(old))

    def deletable(self, registered: Sequence[str] = ()) -> set[str]:
        """URNs of what may go."""
        return self._scope.deletable(self.resources, registered)

    def _recreated(self, old: ResourceState, new: ResourceState) -> list[Step]:
        self.deleting.discard(new.urn)
        self._replaced.add(new.urn)
        keys = self._replace_keys.get(new.urn, ())
        return [
            Step(op.REPLACE, new.urn, old, new),
            Step(op.CREATE_REPLACEMENT, new.urn, old, new, logical=False, keys=keys),
        ]

    def forced_diff(self, old: ResourceState, new: ResourceState) -> Diff | None:
        """The diff of a resource that is replaced whatever its providers say."""
        if triggered(old.replacement_trigger, new.replacement_trigger):
            return Diff(changes=True, triggered=True)
        if new.urn in self._options.replaces or old.taint:
            return Diff(changes=True, replaces=("id",))
        if any(urn in self._replaced for urn in new.replace_with):
            return Diff(changes=True, replaces=("replaceWith",))
        if new.deleted_with and new.deleted_with in self._replaced:
            return Diff(changes=True, replaces=("deletedWith",))
        return None

    def verdict(self, old: ResourceState, new: ResourceState, diff: Diff) -> str:
        """What a diff leads to: `same`, `update` or `replace`."""
        self._decided.add(id(old))
        if old.pending_replacement or (diff.changes and (diff.replace_keys or diff.triggered)):
            self._replaced.add(new.urn)
            return op.REPLACE
        return op.UPDATE if diff.changes or old.init_errors else op.SAME

    def objection(self, old: ResourceState, new: ResourceState) -> str:
        """Why a resource must not be replaced, for the user; empty if it may be."""
        # It may be unprotected and replaced in one go.
        if self._options.ignore_protect or not (new.protect and old.protect):
            return ""
        return (
            f'unable to replace resource "{new.urn}"\nas it is currently marked for protection. To unprotect the '
            "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
        )

    def updated(self, old: ResourceState, new: ResourceState, diff: Diff) -> list[Step]:
        """A change in place."""
        return [
            Step(
                op.UPDATE,
                new.urn,
                old,
                new,
                changed=diff.changed,
                detailed=diff.detailed,
                stables=diff.stables,
            )
        ]

    def deletes_first(self, goal: Goal, diff: Diff) -> bool:
        """Whether the old resource goes before the new one comes."""
        return (
            diff.delete_before_replace if goal.delete_before_replace is None else goal.delete_before_replace
        )

    def replaced(
        self,
        goal: Goal,
        old: ResourceState,
        new: ResourceState,
        diff: Diff,
        dependents: Sequence[tuple[ResourceState, tuple[str, ...]]] = (),
    ) -> list[Step]:
        """A replacement; `dependents` must go before the old resource does, and come back after the new one."""
        if not self.deletes_first(goal, diff):
            return self._replaced_after(old, new, diff)
        steps: list[Step] = []
        for dependent, keys in reversed(dependents):
            if id(dependent) in self._deleted_states:
                continue
            if dependent.protect and not dependent.delete and not self._options.ignore_protect:
                raise PlanError(
                    f'unable to replace resource "{dependent.urn}" as part of replacing "{new.urn}" as it is currently '
                    "marked for protection. To unprotect the resource, remove the `protect` flag from the resource in "
                    "your Pulumi program and run `pulumi up`, or use the command:\n"
                    f"`pulumi state unprotect '{dependent.urn}'`"
                )
            self._replace_keys[dependent.urn] = keys
            self.deleting.add(dependent.urn)
            if dependent.delete:  # left over from before
                self._deleted_states.add(id(dependent))
                steps.append(Step(op.DISCARD if dependent.external else op.DELETE, dependent.urn, dependent))
            else:
                steps.append(self._deleted_for_replacement(dependent))
        if not old.pending_replacement:
            self.deleting.add(old.urn)
            steps.append(self._deleted_for_replacement(old))
        return [
            *steps,
            self._replace_step(old, new, diff),
            self._creation(old, new, diff, pending_delete=False),
        ]

    def _replaced_after(self, old: ResourceState, new: ResourceState, diff: Diff) -> list[Step]:
        return [self._creation(old, new, diff, pending_delete=True), self._replace_step(old, new, diff)]

    @staticmethod
    def _replace_step(old: ResourceState, new: ResourceState, diff: Diff) -> Step:
        return Step(
            op.REPLACE,
            new.urn,
            old,
            new,
            keys=diff.replaces,
            changed=diff.changed,
            detailed=diff.detailed,
        )

    @staticmethod
    def _creation(old: ResourceState, new: ResourceState, diff: Diff, *, pending_delete: bool) -> Step:
        return Step(
            op.CREATE_REPLACEMENT,
            new.urn,
            old,
            new,
            logical=False,
            keys=diff.replaces,
            changed=diff.changed,
            detailed=diff.detailed,
            pending_delete=pending_delete,
        )

    def _deleted_for_replacement(self, state: ResourceState) -> Step:
        self._deleted_states.add(id(state))
        kind = op.DISCARD_REPLACED if state.external else op.DELETE_REPLACED
        return Step(kind, state.urn, state, logical=False, pending_replacement=not state.delete)

    def read(self, goal: Goal, urn: str, identity: str) -> list[Step]:
        """A resource that is read, not managed."""
        old, _ = self.find(urn, goal)
        if old is not None:
            self._decided.add(id(old))
        new = self.state(urn, goal, old)
        new.id, new.external = identity, True
        if old is not None and not old.external and old.id != identity:
            self._replaced.add(urn)
            return [
                Step(op.READ_REPLACEMENT, urn, old, new, logical=False, pending_delete=True),
                Step(op.REPLACE, urn, old, new),
            ]
        return [Step(op.READ, urn, old, new)]

    # -- what a delete-first replacement takes with it

    def dependents(self, root: ResourceState) -> list[ResourceState]:
        """Resources that stand on another, in the state's order, that the program hasn't registered yet."""
        found = {root.urn}
        rows: list[ResourceState] = []
        settled = self._decided | self._deleted_states
        after = False
        for state in self.resources:
            if state is root:
                after = True
            elif after and id(state) not in settled and state.dependencies_but_parent() & found:
                found.add(state.urn)
                rows.append(state)
        return rows

    def cascading(self, urn: str) -> list[ResourceState]:
        """Resources of the state that say they are replaced or deleted with another."""
        return [
            state for state in self.olds.values() if urn in state.replace_with or state.deleted_with == urn
        ]

    @staticmethod
    def dependent_inputs(state: ResourceState, replaced: set[str]) -> Properties | bool:
        """How to learn whether a dependent is replaced too: True or False at once, or inputs to diff."""
        if not state.custom or state.external:
            return False
        if (
            state.provider and urns.split_reference(state.provider)[0] in replaced
        ) or state.deleted_with in replaced:
            return True
        unknown = {key for key, deps in state.property_dependencies.items() if replaced.intersection(deps)}
        if not unknown & state.inputs.keys():
            return False
        return {key: UNKNOWN if key in unknown else value for key, value in state.inputs.items()}

    # -- what the program no longer has

    def deletes(self) -> tuple[list[Step], list[Step]]:
        """Steps for what the program did not register: those kept as they are, and those to delete."""
        same: list[Step] = []
        gone: list[Step] = []
        deletable = self.deletable()
        for state in self.resources:
            done = self._deleted_states if state.delete else self._claimed
            if id(state) in done:
                continue
            if state.urn in deletable:
                gone.append(self._deleted_step(state))
            elif not state.delete or state.urn not in self.news:
                same.append(Step(op.SAME, state.urn, state, replace(state)))
        return same, gone

    @staticmethod
    def _deleted_step(state: ResourceState) -> Step:
        if state.delete:
            return Step(
                op.DISCARD_REPLACED if state.external else op.DELETE_REPLACED, state.urn, state, logical=False
            )
        if state.pending_replacement:
            return Step(op.REMOVE_PENDING_REPLACE, state.urn, state, logical=False)
        return Step(op.DISCARD if state.external else op.DELETE, state.urn, state)

    def graph(self) -> Graph:
        """Who stands on whom, for the order of deletes."""
        return Graph(self.resources)

    def missing_targets(self) -> list[str]:
        """Targets that are neither in the state nor in the program."""
        return missing(self._options.targets, (*(state.urn for state in self.resources), *self.news))

    def undeclared(self, gone: Sequence[Step]) -> list[str]:
        """URNs of what would go although nobody named it."""
        return self._scope.undeclared(step.urn for step in gone)
