"""One operation on a stack: takes what the program registers, has it planned and executed, deletes the rest.

Registrations are decided one after another, in the order they arrive; diffs and steps run in parallel.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError, StepFailedError, ViolationError
from local.engine.executor.deletion import Deletion
from local.engine.property_value import equal
from local.engine.providers.answer import ProviderError
from local.engine.state.checkpoint import without_missing
from local.engine.steps import step as op
from local.engine.steps.difference import Diff
from local.engine.steps.goal import Goal
from local.engine.steps.plan import PlanError
from local.engine.steps.step import Step
from local.engine.steps.target import not_found

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from local.engine.display.events import Stream
    from local.engine.executor.executor import Executor
    from local.engine.executor.planner import Planner, Registration
    from local.engine.executor.refresh import Refresh
    from local.engine.policy.policies import Policies
    from local.engine.property_value import Properties
    from local.engine.state.resource_state import ResourceState
    from local.engine.state.snapshot import Snapshot

    _Work = Callable[[], Awaitable[None]]

_IDLE_SECONDS = 0.05  # how long after a failure what is on its way may still arrive
SUCCESS, FAIL, SKIP = 0, 1, 2  # as the protocol has them
_USER_ERRORS = (PlanError, ProviderError, EngineError)


class CancelledRegistrationError(Exception):
    """The operation has failed: registrations are no longer answered."""


@dataclass(frozen=True)
class Registered:
    """What became of a registration."""

    state: ResourceState
    stables: tuple[str, ...] = ()
    result: int = SUCCESS
    unknown: bool = False  # it was left out: nobody knows what it would have been


class Deployment:
    """The event loop of an operation."""

    def __init__(
        self,
        planner: Planner,
        executor: Executor,
        events: Stream,
        snapshot: Snapshot | None,
        *,
        parallel: int,
        continue_on_error: bool = False,
        policies: Policies | None = None,
        refresh: Refresh | None = None,
    ) -> None:
        self._planner = planner
        self._plan = planner.plan
        self._executor = executor
        self._events = events
        self._continue = continue_on_error
        self._policies = policies
        self._refresh = refresh  # of each resource as the program registers it
        # None wakes the loop to look around.
        self._queue: asyncio.Queue[_Work | None] = asyncio.Queue()
        self._slots = asyncio.Semaphore(parallel)
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Future[Any]] = set()
        self._unavailable: set[str] = set()  # failed or skipped, with --continue-on-error
        self._imported: set[str] = set()
        self._default_providers: dict[str, asyncio.Task[str]] = {}
        self._program_ended = False
        self._snapshot = snapshot
        self._misplanned = False
        self._objected = False
        self._stack_outputs: tuple[ResourceState, Properties] | None = None
        self.ended = asyncio.Event()  # nothing of the program is called any more
        self.failed = False
        self.cancelled = False

    # -- what the resource monitor calls

    async def register(self, goal: Goal) -> Registered:
        """Have a resource be what the goal says; raises CancelledRegistrationError when the operation has failed."""
        future: asyncio.Future[Registered] = self._future()
        if not self._stopped:
            self._queue.put_nowait(lambda: self._on_register(goal, future))
        return await future

    async def read(self, goal: Goal, identity: str) -> Registered:
        """Have a resource read that the stack doesn't manage."""
        future: asyncio.Future[Registered] = self._future()
        if not self._stopped:
            self._queue.put_nowait(lambda: self._on_read(goal, identity, future))
        return await future

    async def outputs(self, urn: str, outputs: Properties) -> None:
        """Give a component its outputs."""
        future: asyncio.Future[None] = self._future()
        self._queue.put_nowait(lambda: self._on_outputs(urn, outputs, future))
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

    @property
    def program_has_ended(self) -> bool:
        """Whether the program has registered everything and goes by itself."""
        return self._program_ended

    def program_ended(self) -> None:
        """The program has registered everything."""
        self._program_ended = True
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
            work = await self._queue.get()
            if work is not None:
                await self._guarded(work, planning=True)
        if not self._stopped:
            await (self._refresh_the_rest if self._plan.refresh_only else self._delete_the_rest)()
            self._take_stack_outputs()
            await self._guarded(self._judge_stack)
        else:
            await self._drain()
            self._take_stack_outputs()
        if self._refresh and self._snapshot:
            self._snapshot.rebase(without_missing(self._snapshot.resources()), self._snapshot.unfinished)
        if self._objected:
            self.fail()
        failed = self._executor.hook_failed or self._executor.failed_steps
        if self._objected or failed or (self._refresh and self._refresh.failed):
            self._events.diagnose("error", f"{'preview' if self._executor.preview else 'update'} failed")
        self._release()
        self.ended.set()

    @property
    def _stopped(self) -> bool:
        """Whether nothing more is started."""
        return self.cancelled or (self.failed and not self._continue)

    def _finished(self) -> bool:
        return self._stopped or (self._program_ended and self._queue.empty() and not self._tasks)

    async def _drain(self) -> None:
        """Let what is in flight end, note what has not changed, and take the outputs that are still on their way."""
        while True:
            try:
                work = await asyncio.wait_for(self._queue.get(), _IDLE_SECONDS)
            except TimeoutError:
                if not self._tasks:
                    return
                continue
            if work is not None:
                await self._guarded(work, planning=True)

    def _release(self) -> None:
        for future in list(self._waiting):
            if not future.done():
                future.set_exception(CancelledRegistrationError())
                future.exception()  # nobody may be left to ask
        for task in self._default_providers.values():
            task.cancel()

    def _future(self) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        return future

    async def _guarded(self, work: _Work, urn: str = "", *, planning: bool = False) -> None:
        try:
            await work()
        except StepFailedError as error:
            self._continue &= not isinstance(error, ViolationError)
            self._misplanned |= planning
            self.fail()
        except _USER_ERRORS as error:
            self._misplanned |= planning
            self.fail(str(error), urn)

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

    async def _on_register(self, goal: Goal, future: asyncio.Future[Registered]) -> None:
        if self._misplanned and not self._continue:
            return
        registration = self._planner.open(goal)
        if self._snapshot:
            self._snapshot.aliases = self._plan.aliased
        if self._refresh and registration.old is not None and self._plan.is_named(registration.old):
            self._spawn(lambda: self._refresh_first(registration, future), registration.urn)
        else:
            await self._continue_with(registration, future)

    async def _refresh_first(self, registration: Registration, future: asyncio.Future[Registered]) -> None:
        """Read a resource before anything is decided about it: the program runs along with a refresh."""
        goal, old = registration.goal, registration.old
        assert old is not None and self._refresh is not None  # noqa: S101, PT018 - the caller looked
        hidden = not goal.custom or urns.is_provider(goal.type)
        step = Step(op.REFRESH, registration.urn, old, registration.new, logical=False, hidden=hidden)
        try:
            async with self._slots:
                registration.old = await self._refresh.perform(step)
        except StepFailedError:
            self._refresh.failed = True
            self._give_up(registration, future)
            raise
        self._take_over(old, registration.old)
        self._queue.put_nowait(lambda: self._continue_with(registration, future))

    def _take_over(self, old: ResourceState, new: ResourceState | None) -> None:
        """Record what a refresh has found."""
        if new is old:
            return
        if self._snapshot and new is not None:
            self._snapshot.replace(old, new)
        elif self._snapshot:
            self._snapshot.remove(old)
        self._plan.refreshed(old, new)

    async def _continue_with(self, registration: Registration, future: asyncio.Future[Registered]) -> None:
        if self._unavailable & registration.new.all_dependencies():
            self._unavailable.add(registration.urn)
            future.set_result(Registered(registration.new, result=SKIP))
        elif self._plan.is_import(registration.goal, registration.old):
            self._spawn(lambda: self._import(registration, future), registration.urn)
        else:
            await self._decide(registration, future)

    async def _import(self, registration: Registration, future: asyncio.Future[Registered]) -> None:
        """Adopt what is there, then go on as if it had always been in the state."""
        goal, old, new, urn = registration.goal, registration.old, registration.new, registration.urn
        replacing = old is not None and not self._plan.to_recreate(urn)
        kind = op.IMPORT_REPLACEMENT if replacing else op.IMPORT
        try:
            await self._perform(Step(kind, urn, old, new, logical=not replacing, pending_delete=replacing))
            if replacing:
                await self._perform(Step(op.REPLACE, urn, old, new))
        except (StepFailedError, *_USER_ERRORS):
            self._give_up(registration, future)
            raise
        registration.old = new
        registration.new = self._plan.state(urn, goal, new)
        self._imported.add(urn)
        self._queue.put_nowait(lambda: self._decide(registration, future))

    async def _decide(self, registration: Registration, future: asyncio.Future[Registered]) -> None:
        try:
            decided = await self._planner.decide(registration)
            if decided is None:
                self._spawn(lambda: self._diff(registration, future), registration.urn)
            elif isinstance(decided, Diff):
                await self._decide_after(registration, decided, future)
            else:
                await self._start(registration, decided, future)
        except (StepFailedError, *_USER_ERRORS):
            self._give_up(registration, future)
            raise

    async def _diff(self, registration: Registration, future: asyncio.Future[Registered]) -> None:
        try:
            async with self._slots:
                diff = await self._planner.diff(registration)
        except _USER_ERRORS:
            self._give_up(registration, future)
            raise
        self._queue.put_nowait(lambda: self._decide_after(registration, diff, future))

    async def _decide_after(
        self, registration: Registration, diff: Diff, future: asyncio.Future[Registered]
    ) -> None:
        try:
            steps = await self._planner.decide_after(registration, diff)
        except (StepFailedError, *_USER_ERRORS):
            self._give_up(registration, future)
            raise
        await self._start(registration, steps, future)

    def _give_up(self, registration: Registration, future: asyncio.Future[Registered]) -> None:
        """With --continue-on-error, tell the program that the resource isn't there."""
        self._unavailable.add(registration.urn)
        if self._continue and not future.done():
            future.set_result(Registered(registration.new, result=FAIL))

    async def _on_read(self, goal: Goal, identity: str, future: asyncio.Future[Registered]) -> None:
        urn = self._plan.urn(goal)
        steps = self._plan.read(goal, urn, identity)
        self._spawn(lambda: self._chain(steps, future), urn)

    async def _on_outputs(self, urn: str, outputs: Properties, future: asyncio.Future[None]) -> None:
        state = self._plan.news.get(urn)
        if state is None:
            raise PlanError(f"outputs were registered for {urn}, which the program has not registered")
        if urns.qualified_type(urn) == urns.STACK_TYPE:
            # What becomes of them depends on how the operation ends.
            self._stack_outputs = state, outputs
        else:
            self._take_outputs(state, outputs)
            await self._executor.outputs_registered(urn)
            if self._executor.hook_failed:
                self.fail()
                if self._stopped:
                    return
        if not future.done():
            future.set_result(None)

    def _take_outputs(self, state: ResourceState, outputs: Properties) -> None:
        old = self._plan.olds.get(state.urn)
        # What hasn't changed keeps the ciphertexts of its secrets.
        state.outputs = old.outputs if old is not None and equal(old.outputs, outputs) else outputs
        if self._snapshot:
            self._snapshot.change(state)
        done = self._executor.component_ops.get(state.urn, op.SAME if old else op.CREATE)
        step = Step(done, state.urn, old, state)
        self._events.emit_step("resOutputsEvent", step, planning=self._executor.preview)

    def _take_stack_outputs(self) -> None:
        """Give the stack its outputs; after a failure an output that is missing may just not have been reached."""
        if self._stack_outputs is None:
            return
        state, outputs = self._stack_outputs
        old = self._plan.olds.get(state.urn)
        if self.failed and old is not None:
            outputs = {**old.outputs, **outputs}
        self._take_outputs(state, outputs)

    # -- steps

    async def _start(
        self, registration: Registration, steps: Sequence[Step], future: asyncio.Future[Registered]
    ) -> None:
        """Carry out a registration's steps, at once if they touch nothing."""
        self._require_created(steps)
        idle = all(step.op == op.SAME for step in steps)
        if self._stopped and (self._misplanned or not idle):
            return
        if not steps:
            future.set_result(Registered(registration.new))
        elif idle and registration.urn in self._imported and registration.old is not None:
            # Its entry is in the state already.
            self._plan.news[registration.urn] = registration.old
            future.set_result(Registered(registration.old))
        elif idle or all(step.op == op.CREATE and not step.state.custom for step in steps):
            await self._chain(steps, future)
        else:
            self._spawn(lambda: self._run(registration, steps, future), registration.urn)

    def _require_created(self, steps: Sequence[Step]) -> None:
        for urn, message in self._plan.uncreated(steps):
            if self._executor.preview:
                self._object(message, urn)
                continue
            self._events.diagnose("error", message, urn=urn)
            self._continue = False
            raise StepFailedError

    async def _run(
        self, registration: Registration, steps: Sequence[Step], future: asyncio.Future[Registered]
    ) -> None:
        try:
            await self._chain(steps, future)
        except (StepFailedError, *_USER_ERRORS):
            self._give_up(registration, future)
            raise

    async def _chain(self, steps: Sequence[Step], future: asyncio.Future[Registered]) -> None:
        for step in steps:
            await self._perform(step)
        if not future.done():
            last = steps[-1]
            future.set_result(Registered(self._plan.news[last.urn], last.stables, unknown=last.skipped))

    async def _perform(self, step: Step) -> None:
        waited = self._slots.locked()
        async with self._slots:
            if waited and self._stopped:
                raise StepFailedError
            if self._executor.hook_failed and self._stopped:
                raise StepFailedError
            await self._executor.run(step)
            if self._executor.hook_failed:
                self.fail()
                if self._stopped:
                    raise StepFailedError  # the program isn't told

    # -- policies

    async def _judge_stack(self) -> None:
        """Have stack policies look at what there is now; a preview fails only here, so that it shows everything."""
        if self._policies is None or self.failed:
            return
        await self._policies.judge_stack(
            list(self._plan.news.values()), {**self._plan.olds, **self._plan.news}
        )
        if self._policies.violated:
            self.fail("preview failed" if self._executor.preview else "update failed")

    # -- deletes

    async def _refresh_the_rest(self) -> None:
        """Read what the program has not registered."""
        assert self._refresh is not None  # noqa: S101 - that is what makes it a refresh
        rest = [state for state in self._plan.resources if self._plan.is_unread(state)]
        for old, new in zip(rest, await self._refresh.visit(rest), strict=True):
            self._take_over(old, new)
        if self._refresh.failed:
            self.fail()

    async def _delete_the_rest(self) -> None:
        absent = self._plan.missing_targets()
        for urn in absent:
            self._events.diagnose("error", not_found(urn))
        same, gone = self._plan.deletes()
        undeclared = self._plan.undeclared(gone)
        for urn in undeclared:
            self._object(
                f"Resource '{urn}' will be destroyed but was not specified in --target list.\n"
                "Either include resource in --target list or pass --target-dependents to proceed.",
                urn,
            )
        if undeclared and not self._executor.preview:
            return
        for step in same:
            await self._executor.run(step)
        self._executor.deleting.update(step.urn for step in gone)
        deletion = Deletion(
            self._perform,
            self._events,
            self._plan.graph(),
            go_on=self._continue,
            stop=self.fail,
            stopped=lambda: self._stopped,
        )
        await deletion.run(gone, self._executor.failed_steps)
        if deletion.failed or absent:
            self.fail()

    def _object(self, message: str, urn: str) -> None:
        """Note what is wrong with what the user asked for; a preview goes on, so that it shows everything."""
        self._events.diagnose("error", message, urn=urn)
        self._objected = True
