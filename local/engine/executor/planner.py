"""From registrations to steps: asks providers what the plan needs to know, and tells it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.error import StepFailedError
from local.engine.property_path import PathError
from local.engine.property_value import equal, go_text, has_unknown
from local.engine.providers.request import denial, denied_package
from local.engine.steps import importing
from local.engine.steps import step as op
from local.engine.steps.difference import Diff, ignoring, structural, with_replace_on_changes
from local.engine.steps.plan import PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.display.events import Stream
    from local.engine.policy.policies import Policies
    from local.engine.property_value import Properties
    from local.engine.providers.registry import ProviderRegistry
    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.goal import Goal
    from local.engine.steps.plan import Plan
    from local.engine.steps.step import Step


@dataclass
class Registration:
    """A registration on its way to steps."""

    goal: Goal
    urn: str
    old: ResourceState | None
    new: ResourceState
    valid: bool = True  # no two claim the same
    seed: bytes = field(default_factory=lambda: os.urandom(32))


class Planner:
    """Decides registrations, one at a time."""

    def __init__(
        self,
        plan: Plan,
        providers: ProviderRegistry,
        events: Stream,
        policies: Policies | None = None,
        *,
        preview: bool = False,
    ) -> None:
        self.plan = plan
        self.preview = preview
        self.objected = False  # something was said that fails the preview in the end
        self._policies = policies
        self._providers = providers
        self._events = events

    def open(self, goal: Goal) -> Registration:
        """Who a registration is about."""
        urn = self.plan.urn(goal)
        old, problems = self.plan.find(urn, goal)
        for problem in problems:
            self._events.diagnose("error", problem, urn=urn)
        return Registration(goal, urn, old, self.plan.state(urn, goal, old), valid=not problems)

    async def decide(self, registration: Registration) -> Sequence[Step] | Diff | None:
        """The steps, or the diff that leads to them, or None: the provider has to be asked for it."""
        goal, old, new = registration.goal, registration.old, registration.new
        plan = self.plan
        passed_over = plan.passed_over(goal, old, new)
        if passed_over is not None:
            registration.new = plan.news[registration.urn]
            return passed_over
        if package := denied_package(goal.provider):
            raise PlanError(denial(package, registration.urn))
        inputs = goal.inputs if old is None else self._unignored(registration, old)
        if goal.custom and plan.is_target(new):
            ignores = plan.ignores_old(new.urn, old)
            new.inputs = await self._checked(
                registration,
                None if ignores or old is None else old.inputs,
                goal.inputs if ignores else inputs,
            )
        if self._policies is not None and plan.is_target(new):
            await self._policies.judge(goal, new, self._provider_state(new))
        if not registration.valid:
            raise StepFailedError
        steps = plan.undiffed(goal, old, new)
        if steps is not None or old is None:
            return steps or []
        if not self.preview and has_unknown(new.replacement_trigger):
            raise PlanError(f"replacement trigger contains unknowns for {new.urn}")
        diff = plan.forced_diff(old, new)
        if diff is None and await self._provider_replaced(old, new):
            diff = Diff(changes=True, replaces=("provider",))
        if diff is None and not goal.custom:
            return Diff(changes=not equal(old.inputs, inputs))
        return diff

    def _unignored(self, registration: Registration, old: ResourceState) -> Properties:
        goal = registration.goal
        inputs, impossible = ignoring(goal.inputs, old.inputs, goal.ignore_changes)
        if impossible:
            paths = ", ".join(impossible)
            self._events.diagnose(
                "info",
                f'cannot ignore changes in added or removed elements of the path: "{paths}"',
                urn=registration.urn,
            )
        return inputs

    async def diff(self, registration: Registration) -> Diff:
        """What the provider says about the difference."""
        goal, old, new = registration.goal, registration.old, registration.new
        assert old is not None  # noqa: S101 - `decide` said so
        if urns.is_provider(goal.type):
            return await self._providers.diff(old, new.inputs)
        provider = await self._providers.get(goal.provider)
        diff: Diff = await provider.diff(old, new.inputs, goal.ignore_changes)
        if diff.warning:
            self._events.diagnose("warning", diff.warning, urn=registration.urn)
        if diff.changes is None:
            return structural(old.inputs, ignoring(new.inputs, old.inputs, goal.ignore_changes)[0])
        return diff

    async def decide_after(self, registration: Registration, diff: Diff) -> Sequence[Step]:
        """The steps that a diff leads to."""
        goal, old, new = registration.goal, registration.old, registration.new
        plan = self.plan
        assert old is not None  # noqa: S101 - `decide` said so
        if plan.to_recreate(registration.urn):
            return plan.undiffed(goal, old, new) or []  # deleted meanwhile, with something it stands on
        diff = self._with_replacements(diff, goal.replace_on_changes, init_errors=bool(old.init_errors))
        verdict = plan.verdict(old, new, diff)
        if verdict == op.SAME:
            return [op.Step(op.SAME, new.urn, old, new)]
        if verdict == op.UPDATE:
            return plan.updated(old, new, diff)
        self._object(goal, old, new, diff)
        if goal.custom:
            new.inputs = await self._checked(registration, None, goal.inputs)
            if self._policies is not None:
                await self._policies.remediate(goal, new, self._provider_state(new), again=True)
        dependents = await self._dependents(old, new.urn) if plan.deletes_first(goal, diff) else []
        return plan.replaced(goal, old, new, diff, dependents)

    @staticmethod
    def _with_replacements(diff: Diff, paths: Sequence[str], *, init_errors: bool) -> Diff:
        try:
            return with_replace_on_changes(diff, paths, init_errors=init_errors)
        except PathError as error:
            raise PlanError(str(error)) from error

    def _object(self, goal: Goal, old: ResourceState, new: ResourceState, diff: Diff) -> None:
        """Say what forbids a replacement; a preview goes on, so that everything is seen."""
        if message := self.plan.objection(old, new):
            if not self.preview:
                raise PlanError(message)
            self._events.diagnose("error", message, urn=new.urn)
            self.objected = True
        if goal.import_id:
            message = importing.replacement(old, new, diff)
            if not self.preview:
                raise PlanError(message)
            self._events.diagnose("warning", message, urn=new.urn)

    async def _checked(
        self, registration: Registration, olds: Properties | None, news: Properties
    ) -> Properties:
        urn, goal = registration.urn, registration.goal
        if urns.is_provider(goal.type):
            inputs, failures = await self._providers.check(urn, olds or {}, news)
        else:
            provider = await self._providers.get(goal.provider)
            inputs, failures = await provider.check(urn, olds, news, registration.seed)
        for name, reason in failures:
            at = f": property {name} value {go_text(registration.new.inputs.get(name))}" if name else ""
            self._events.diagnose(
                "error", f"{goal.type} resource '{goal.name}'{at} has a problem: {reason}", urn=urn
            )
        if failures:
            raise StepFailedError
        return inputs

    def _provider_state(self, new: ResourceState) -> ResourceState | None:
        urn, _ = urns.split_reference(new.provider)
        return self.plan.news.get(urn) or self.plan.olds.get(urn)

    async def _provider_replaced(self, old: ResourceState, new: ResourceState) -> bool:
        """Whether a resource's provider changed so that it can't manage what the old one made."""
        if old.provider == new.provider:
            return False
        if not old.provider or not new.provider:
            return True
        old_urn, _ = urns.split_reference(old.provider)
        new_urn, _ = urns.split_reference(new.provider)
        if self.plan.aliased.get(old_urn) == new_urn:
            return False
        old_state, new_state = self.plan.olds.get(old_urn), self.plan.news.get(new_urn)
        if old_state is None or new_state is None:
            return False
        diff = await self._providers.diff(old_state, new_state.inputs, urn=new_urn)
        return bool(diff.replace_keys)

    async def _dependents(self, root: ResourceState, urn: str) -> list[tuple[ResourceState, tuple[str, ...]]]:
        """What must be replaced because a resource it stands on is deleted first, with the reasons."""
        replaced = {root.urn}
        rows: list[tuple[ResourceState, tuple[str, ...]]] = []
        for state in self.plan.dependents(root):
            inputs = self.plan.dependent_inputs(state, replaced)
            diff = Diff()
            if not isinstance(inputs, bool):
                diff = await self._dependent_diff(state, inputs)
                diff = self._with_replacements(diff, state.replace_on_changes, init_errors=False)
            if inputs is True or diff.replace_keys:
                rows.append((state, diff.replaces))
                replaced.add(state.urn)
        known = {id(state) for state, _ in rows}
        return [*rows, *((state, ()) for state in self.plan.cascading(urn) if id(state) not in known)]

    async def _dependent_diff(self, state: ResourceState, inputs: Properties) -> Diff:
        if urns.is_provider(state.type):
            return await self._providers.diff(state, inputs)
        provider = await self._providers.get(state.provider)
        diff: Diff = await provider.diff(state, inputs, state.ignore_changes)
        return structural(state.inputs, inputs) if diff.changes is None else diff
