"""One operation on a stack: takes what the program registers, asks the plan, has the executor do it, deletes the rest.

Registrations are decided one after another, in the order they arrive; diffs and steps run in parallel.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.engine import steps as op
from local.engine import urn as urns
from local.engine.error import EngineError, StepFailedError
from local.engine.property_value import Properties
from local.engine.provider import Diff, ProviderError
from local.engine.steps import Goal, Plan, PlanError, Step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from local.engine.events import Stream
    from local.engine.executor import Executor
    from local.engine.provider_registry import ProviderRegistry
    from local.engine.resource_state import ResourceState
    from local.engine.snapshot import Snapshot

    _Work = Callable[[], Awaitable[None]]

_IDLE_SECONDS = 0.05  # how long after a failure what is on its way may still arrive
SUCCESS, FAIL, SKIP = 0, 1, 2


class CancelledRegistrationError(Exception):
    """The operation has failed: registrations are no longer answered."""


@dataclass(frozen=True)
class Registered:
    """What became of a registration."""

    state: ResourceState
    stables: tuple[str, ...] = ()
    result: int = SUCCESS


@dataclass
class _Registration:
    goal: Goal
    future: asyncio.Future[Registered]
    urn: str = ""
    old: ResourceState | None = None
    new: Any = None  # ResourceState
    seed: bytes = field(default_factory=lambda: os.urandom(32))


class Deployment:
    """The event loop of an operation."""

    def __init__(
        self,
        plan: Plan,
        providers: ProviderRegistry,
        executor: Executor,
        events: Stream,
        snapshot: Snapshot | None,
        *,
        parallel: int,
        continue_on_error: bool = False,
    ) -> None:
        self._plan = plan
        self._providers = providers
        self._executor = executor
        self._events = events
        self._snapshot = snapshot
        self._continue = continue_on_error
        # Work, and whether it may still be done after a failure; None wakes the loop to look around.
        self._queue: asyncio.Queue[tuple[_Work, bool] | None] = asyncio.Queue()
        self._slots = asyncio.Semaphore(parallel)
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Future[Registered]] = set()
        self._unavailable: set[str] = set()  # failed or skipped, with --continue-on-error
        self._default_providers: dict[str, asyncio.Task[str]] = {}
        self._program_ended = asyncio.Event()
        self.failed = False
        self.cancelled = False

    # -- what the resource monitor calls

    async def register(self, goal: Goal) -> Registered:
        """Have a resource be what the goal says; raises CancelledRegistrationError when the operation has failed."""
        future = self._future()
        self._post(lambda: self._on_register(_Registration(goal, future)))
        return await future

    async def read(self, goal: Goal, identity: str) -> Registered:
        """Have a resource read that the stack doesn't manage."""
        future = self._future()
        self._post(lambda: self._on_read(goal, identity, future))
        return await future

    async def outputs(self, urn: str, outputs: Properties) -> None:
        """Give a component its outputs."""
        future = self._future()
        self._queue.put_nowait((lambda: self._on_outputs(urn, outputs, future), True))
        await future

    async def default_provider(self, package: str, version: str, inputs: Properties) -> str:
        """The reference of the provider for resources that name none."""
        name = f"default_{version.translate(str.maketrans('.+-', '___'))}" if version else "default"
        key = f"{package}::{name}"
        if key not in self._default_providers:
            goal = Goal(type=f"{urns.PROVIDER_PREFIX}{package}", name=name, custom=True, inputs=inputs)
            self._default_providers[key] = asyncio.ensure_future(self._declare(goal))
        return await asyncio.shield(self._default_providers[key])

    async def _declare(self, goal: Goal) -> str:
        state = (await self.register(goal)).state
        return f"{state.urn}::{state.id}"

    def program_ended(self) -> None:
        """The program has registered everything."""
        self._program_ended.set()
        self._queue.put_nowait(None)

    def fail(self, message: str = "", urn: str = "") -> None:
        """Start nothing more: what is in flight ends, then the operation does."""
        if message:
            self._events.diagnose("error", message, urn="" if urn and urns.is_default_provider(urn) else urn)
        self.failed = True
        self._queue.put_nowait(None)

    def cancel(self) -> None:
        """What Ctrl-C does."""
        self.cancelled = True
        self.fail()

    # -- the loop

    async def run(self) -> None:
        """Serve registrations until the program has ended or something failed, then delete what is left over."""
        while not self._finished():
            item = await self._queue.get()
            if item is not None and (item[1] or not self._stopped):
                await self._guarded(item[0])
        if self._stopped:
            await self._drain()
        else:
            await self._delete_the_rest()
        self._release()

    @property
    def _stopped(self) -> bool:
        """Whether nothing more is started."""
        return self.cancelled or (self.failed and not self._continue)

    def _finished(self) -> bool:
        if self._stopped:
            return True
        return self._program_ended.is_set() and self._queue.empty() and not self._tasks

    async def _drain(self) -> None:
        """Let what is in flight end, and take the outputs that are still on their way."""
        while True:
            try:
                item = await asyncio.wait_for(self._queue.get(), _IDLE_SECONDS)
            except TimeoutError:
                if not self._tasks:
                    return
                continue
            if item is not None and item[1]:
                await self._guarded(item[0])

    def _release(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_exception(CancelledRegistrationError())
                future.exception()  # nobody may be left to ask
        for task in self._default_providers.values():
            task.cancel()

    def _future(self) -> asyncio.Future[Registered]:
        future: asyncio.Future[Registered] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        return future

    def _post(self, work: _Work) -> None:
        self._queue.put_nowait((work, False))

    async def _guarded(self, work: _Work, urn: str = "") -> None:
        try:
            await work()
        except StepFailedError:
            self._step_failed()
        except (PlanError, ProviderError, EngineError) as error:
            self.fail(str(error), urn)

    def _step_failed(self) -> None:
        if self._continue:
            self.failed = True
            self._queue.put_nowait(None)
        else:
            self.fail()

    def _spawn(self, work: _Work, urn: str) -> None:
        task = asyncio.ensure_future(self._guarded(work, urn))
        self._tasks.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            self._queue.put_nowait(None)
            if not done.cancelled() and (error := done.exception()) is not None:
                self.fail(f"internal error of the embedded engine: {error!r}", urn)

        task.add_done_callback(ended)

    # -- registrations

    async def _on_register(self, registration: _Registration) -> None:
        goal, plan = registration.goal, self._plan
        urn = registration.urn = plan.urn(goal)
        old = registration.old = plan.find(urn, goal)
        if self._snapshot:
            self._snapshot.aliases = plan.aliased
        new = registration.new = plan.state(urn, goal, old)
        if self._unavailable & new.all_dependencies():
            self._unavailable.add(urn)
            registration.future.set_result(Registered(new, result=SKIP))
            return
        if (
            goal.import_id
            and goal.custom
            and (old is None or old.external or (old.import_id or old.id) != goal.import_id)
        ):
            self._spawn(lambda: self._import(registration), urn)
            return
        await self._on_known(registration)

    async def _import(self, registration: _Registration) -> None:
        goal, old, urn = registration.goal, registration.old, registration.urn
        new = registration.new
        replacing = old is not None and not self._plan.to_recreate(urn)
        step = Step(
            op.IMPORT_REPLACEMENT if replacing else op.IMPORT,
            urn,
            old,
            new,
            logical=not replacing,
            goal=goal,
            pending_delete=replacing,
        )
        await self._perform(step)
        if replacing:
            await self._perform(Step(op.REPLACE, urn, old, new))
        registration.old = new
        registration.new = self._plan.state(urn, goal, new)
        self._post(lambda: self._on_known(registration))

    async def _on_known(self, registration: _Registration) -> None:
        goal, old, new, urn = registration.goal, registration.old, registration.new, registration.urn
        plan = self._plan
        if goal.custom and plan.is_target(urn):
            ignores = plan.ignores_old(urn, old)
            inputs = goal.inputs
            if old is not None and not ignores:
                inputs = op.ignoring(inputs, old.inputs, goal.ignore_changes)
            new.inputs = await self._checked(
                registration, None if ignores or old is None else old.inputs, inputs
            )
        elif old is not None and goal.ignore_changes:
            new.inputs = op.ignoring(goal.inputs, old.inputs, goal.ignore_changes)
        steps = plan.created(urn, goal, old, new)
        if steps is not None or old is None:
            await self._start(registration, steps or [])
            return
        replaced = await self._provider_replaced(old, new)
        diff = plan.forced_diff(old, new, provider_replaced=replaced)
        if diff is None and not goal.custom:
            diff = op.structural(old.inputs, new.inputs)
        if diff is not None:
            await self._on_diff(registration, diff)
            return
        self._spawn(lambda: self._diff(registration, old), urn)

    async def _checked(
        self, registration: _Registration, olds: Properties | None, news: Properties
    ) -> Properties:
        urn, goal = registration.urn, registration.goal
        if urns.is_provider(goal.type):
            inputs, failures = await self._providers.check(urn, olds or {}, news)
        else:
            provider = await self._providers.get(goal.provider)
            inputs, failures = await provider.check(urn, olds, news, registration.seed)
        if failures:
            for name, reason in failures:
                at = f"property {name} of " if name else ""
                self._events.diagnose(
                    "error", f"{at}{goal.type} resource '{goal.name}' has a problem: {reason}", urn=urn
                )
            raise StepFailedError
        return inputs

    async def _provider_replaced(self, old: ResourceState, new: ResourceState) -> bool:
        """Whether a resource's provider changed so that it can't manage what the old one made."""
        if old.provider == new.provider:
            return False
        if not old.provider or not new.provider:
            return True
        old_urn, _ = urns.split_reference(old.provider)
        new_urn, _ = urns.split_reference(new.provider)
        if self._plan.aliased.get(old_urn) == new_urn:
            return False
        old_state, new_state = self._plan.olds.get(old_urn), self._plan.news.get(new_urn)
        if old_state is None or new_state is None:
            return False
        diff = await self._providers.diff(old_state, new_state.inputs)
        return bool(op.replace_keys(diff))

    async def _diff(self, registration: _Registration, old: ResourceState) -> None:
        goal, new = registration.goal, registration.new
        async with self._slots:
            if urns.is_provider(goal.type):
                diff = await self._providers.diff(old, new.inputs)
            else:
                provider = await self._providers.get(goal.provider)
                diff: Diff = await provider.diff(old, new.inputs, goal.ignore_changes)
        if diff.changes is None:
            diff = op.structural(old.inputs, op.ignoring(new.inputs, old.inputs, goal.ignore_changes))
        self._post(lambda: self._on_diff(registration, diff))

    async def _on_diff(self, registration: _Registration, diff: Diff) -> None:
        goal, old, new = registration.goal, registration.old, registration.new
        plan = self._plan
        assert old is not None  # noqa: S101 - without one there was nothing to compare
        if plan.to_recreate(registration.urn):
            # Deleted meanwhile, with something it stands on.
            await self._start(registration, plan.created(registration.urn, goal, old, new) or [])
            return
        diff = op.with_replace_on_changes(diff, goal.replace_on_changes, init_errors=bool(old.init_errors))
        kind = plan.diffed(goal, old, new, diff)
        if kind == op.SAME:
            steps = plan.same(goal, old, new)
        elif kind == op.UPDATE:
            steps = plan.updated(goal, old, new, diff)
        else:
            if goal.custom:
                new.inputs = await self._checked(registration, None, goal.inputs)
            dependents = await self._dependents(old) if plan.deletes_first(goal, diff) else []
            steps = plan.replaced(goal, old, new, diff, dependents)
        await self._start(registration, steps)

    async def _dependents(self, root: ResourceState) -> list[tuple[ResourceState, tuple[str, ...]]]:
        """What must be replaced because a resource it stands on is deleted first."""
        replaced = {root.urn}
        rows: list[tuple[ResourceState, tuple[str, ...]]] = []
        for state in self._plan.dependents(root):
            inputs = self._plan.dependent_inputs(state, replaced)
            keys: tuple[str, ...] = ()
            if not isinstance(inputs, bool):
                diff = await self._dependent_diff(state, inputs)
                diff = op.with_replace_on_changes(diff, state.replace_on_changes, init_errors=False)
                keys = op.replace_keys(diff)
            if inputs is True or keys:
                rows.append((state, keys))
                replaced.add(state.urn)
        return rows

    async def _dependent_diff(self, state: ResourceState, inputs: Properties) -> Diff:
        if urns.is_provider(state.type):
            return await self._providers.diff(state, inputs)
        provider = await self._providers.get(state.provider)
        diff: Diff = await provider.diff(state, inputs, state.ignore_changes)
        return op.structural(state.inputs, inputs) if diff.changes is None else diff

    async def _on_read(self, goal: Goal, identity: str, future: asyncio.Future[Registered]) -> None:
        urn = self._plan.urn(goal)
        steps = self._plan.read(goal, urn, identity)
        registration = _Registration(goal, future, urn, steps[0].old, steps[0].new)
        await self._start(registration, steps)

    async def _on_outputs(self, urn: str, outputs: Properties, future: asyncio.Future[Any]) -> None:
        state = self._plan.news.get(urn)
        if state is None:
            raise PlanError(f"outputs were registered for {urn}, which the program has not registered")
        state.outputs = outputs
        if self._snapshot:
            self._snapshot.change(state)
        old = self._plan.olds.get(urn)
        step = Step(op.SAME if old else op.CREATE, urn, old, state)
        self._events.emit_step("resOutputsEvent", step, planning=self._executor.preview)
        if not future.done():
            future.set_result(None)

    # -- steps

    async def _start(self, registration: _Registration, steps: Sequence[Step]) -> None:
        """Carry out a registration's steps, at once if they touch nothing."""
        if all(step.op == op.SAME or (step.op == op.CREATE and not step.state.custom) for step in steps):
            await self._chain(registration, steps)
        else:
            self._spawn(lambda: self._chain(registration, steps), registration.urn)

    async def _chain(self, registration: _Registration, steps: Sequence[Step]) -> None:
        try:
            for step in steps:
                await self._perform(step)
        except StepFailedError:
            if self._continue:
                self._unavailable.add(registration.urn)
                if not registration.future.done():
                    registration.future.set_result(Registered(registration.new, result=FAIL))
            raise
        state = self._plan.news.get(registration.urn) or registration.new
        if not registration.future.done():
            stables = steps[-1].stables if steps else ()
            registration.future.set_result(Registered(state, stables))

    async def _perform(self, step: Step) -> None:
        if self._slots.locked():
            async with self._slots:
                if self._stopped:
                    raise StepFailedError
                await self._executor.run(step)
        else:
            async with self._slots:
                await self._executor.run(step)

    # -- deletes

    async def _delete_the_rest(self) -> None:
        same, gone = self._plan.deletes()
        for urn in self._plan.undeclared_targets(gone):
            self.fail(
                f"Resource '{urn}' will be destroyed but was not specified in --target list. Either include resource "
                "in --target list or pass --target-dependents to proceed.",
                urn,
            )
        if self._stopped:
            return
        for step in same:
            await self._guarded(lambda step=step: self._executor.run(step))
        await self.delete(gone)

    async def delete(self, gone: Sequence[Step]) -> None:
        """Delete in parallel, each resource as soon as nothing stands on it any more."""
        self._executor.deleting.update(step.urn for step in gone)
        waits = op.order_of_deletes(gone, self._plan.resources)
        frees: dict[int, list[int]] = {}
        for index, before in waits.items():
            for other in before:
                frees.setdefault(other, []).append(index)
        ended: asyncio.Queue[tuple[int, bool]] = asyncio.Queue()
        tasks: set[asyncio.Task[None]] = set()

        async def perform(index: int) -> None:
            try:
                await self._perform(gone[index])
            except StepFailedError:
                self.failed = True
                ended.put_nowait((index, False))
            except (PlanError, ProviderError, EngineError) as error:
                self.fail(str(error), gone[index].urn)
                ended.put_nowait((index, False))
            else:
                ended.put_nowait((index, True))

        def start(index: int) -> None:
            task = asyncio.ensure_future(perform(index))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        running = [index for index, before in waits.items() if not before]
        count = len(running)
        for index in running:
            start(index)
        while count:
            index, ok = await ended.get()
            count -= 1
            if not ok or self._stopped:
                continue
            for other in frees.get(index, ()):
                waits[other].discard(index)
                if not waits[other]:
                    start(other)
                    count += 1
