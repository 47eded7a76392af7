"""One operation on a stack: takes what the program registers, has it planned and executed, deletes the rest.

Registrations are decided one after another, in the order they arrive; diffs and steps run in parallel.

Over 400 lines on purpose: one class, because every handler reads and writes what the loop goes by (what waits, what failed,
whether anything may still start), and a second owner of that would hide it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError, ProtectedError, StepFailedError
from local.engine.executor.deletion import Deletion
from local.engine.executor.outputs import Outputs
from local.engine.executor.registered import FAIL, SKIP, CancelledRegistrationError, Registered
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
    from local.engine.providers.request import ProviderRequest
    from local.engine.state.resource_state import ResourceState
    from local.engine.state.snapshot import Snapshot

    _Work = Callable[[], Awaitable[object]]

_IDLE_SECONDS = 0.05  # how long after a failure what is on its way may still arrive
_USER_ERRORS = (PlanError, ProviderError, EngineError)


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
        self._tasks: set[asyncio.Task[object]] = set()
        self._waiting: set[asyncio.Future[Any]] = set()
        self._unavailable: set[str] = set()  # URNs of what failed or was skipped, with --continue-on-error
        self._broken: list[Step] = []  # the steps that failed
        self._outputs = Outputs(self._plan.olds, snapshot, events)
        self._imported: set[str] = set()
        self._default_providers: dict[ProviderRequest, asyncio.Task[str]] = {}
        self._program_ended = False
        self._snapshot = snapshot
        # What can't be planned ends everything at once, --continue-on-error or not.
        self._bailed = False
        self._halted = False  # a step failed
        self._objected = False
        self.ended = asyncio.Event()  # nothing of the program is called any more
        self.failed = False
        self.cancelled = False
        executor.deleting = self._plan.deleting

    # -- what the resource monitor calls

    async def register(self, goal: Goal) -> Registered:
        """Have a resource be what the goal says; raises CancelledRegistrationError when the operation has failed."""
        future: asyncio.Future[Registered] = self._future()
        if not self._stopped:
            self._submit(lambda: self._on_register(goal, future), self._plan.urn_of(goal))
        return await future

    async def read(self, goal: Goal, identity: str) -> Registered:
        """Have a resource read that the stack doesn't manage."""
        future: asyncio.Future[Registered] = self._future()
        if not self._stopped:
            self._submit(lambda: self._on_read(goal, identity, future), self._plan.urn_of(goal))
        return await future

    async def outputs(self, urn: str, outputs: Properties) -> None:
        """Give a component its outputs."""
        future: asyncio.Future[None] = self._future()
        self._submit(lambda: self._on_outputs(urn, outputs, future), urn)
        await future

    async def default_provider(self, wanted: ProviderRequest, config: Properties) -> str:
        """The reference of the provider for resources that name none."""
        if wanted not in self._default_providers:
            goal = Goal(
                type=f"{urns.PROVIDER_PREFIX}{wanted.package}",
                name=wanted.name,
                custom=True,
                inputs=wanted.inputs(config),
            )
            self._default_providers[wanted] = asyncio.ensure_future(self._declare(goal))
        return await asyncio.shield(self._default_providers[wanted])

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
        self.failed = self._bailed = True
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
                await work()
        if not self._stopped:
            await self._planned(self._refresh_the_rest if self._plan.refresh_only else self._delete_the_rest)
        else:
            await self._drain()
        self.failed |= self._planner.objected or self._objected or self._executor.hook_failed
        self.failed |= bool(self._refresh and self._refresh.failed)
        # Stack policies see the stack's outputs, and what they forbid is told after those.
        self._outputs.finish(failed=self.failed)
        if not self.failed:
            await self._planned(self._judge_stack)
        if self._refresh and self._snapshot:
            self._snapshot.rebase(without_missing(self._snapshot.resources()), self._snapshot.unfinished)
        if self.failed and not self._bailed:
            self._events.diagnose("error", "preview failed" if self._executor.preview else "update failed")
        self._release()
        self.ended.set()

    @property
    def _stopped(self) -> bool:
        """Whether nothing more is started."""
        return self._bailed or self._halted or self.cancelled

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
                await work()

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

    async def _planned(self, work: _Work, urn: str = "") -> None:
        """Do what decides about steps: an error in it is the operation's end."""
        try:
            await work()
        except StepFailedError:
            self.fail()
        except _USER_ERRORS as error:
            self.fail(str(error), urn)

    def _submit(self, work: _Work, urn: str = "") -> None:
        """Have the loop decide something."""
        self._queue.put_nowait(lambda: self._planned(work, urn))

    def _spawn(self, work: _Work, urn: str) -> None:
        """Do something beside the loop."""
        task = asyncio.ensure_future(work())
        self._tasks.add(task)

        def ended(done: asyncio.Task[object]) -> None:
            self._tasks.discard(done)
            self._queue.put_nowait(None)
            if not done.cancelled() and (error := done.exception()) is not None:
                self.fail(f"internal error of the embedded engine: {error!r}", urn)

        task.add_done_callback(ended)

    # -- registrations

    async def _on_register(self, goal: Goal, future: asyncio.Future[Registered]) -> None:
        if self._bailed:
            return
        registration = self._planner.open(goal)
        if self._refresh and registration.old is not None and self._plan.is_named(registration.old):
            urn = registration.urn
            self._spawn(lambda: self._planned(lambda: self._refresh_first(registration, future), urn), urn)
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
            raise
        self._take_over(old, registration.old)
        self._submit(lambda: self._continue_with(registration, future), registration.urn)

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
        urn = registration.urn
        if self._plan.is_import(registration.goal, registration.old):
            self._spawn(lambda: self._planned(lambda: self._import(registration, future), urn), urn)
        else:
            await self._decide(registration, future)

    async def _import(self, registration: Registration, future: asyncio.Future[Registered]) -> None:
        """Adopt what is there, then go on as if it had always been in the state."""
        goal, old, new, urn = registration.goal, registration.old, registration.new, registration.urn
        replacing = old is not None and not self._plan.to_recreate(urn)
        kind = op.IMPORT_REPLACEMENT if replacing else op.IMPORT
        steps = [Step(kind, urn, old, new, logical=not replacing, pending_delete=replacing)]
        if replacing:
            steps.append(Step(op.REPLACE, urn, old, new))
        if await self._run(steps, future, answer=False):
            registration.old = new
            registration.new = self._plan.state(urn, goal, new)
            self._imported.add(urn)
            self._submit(lambda: self._decide(registration, future), urn)

    async def _decide(self, registration: Registration, future: asyncio.Future[Registered]) -> None:
        urn = registration.urn
        decided = await self._planner.decide(registration)
        if decided is None:
            self._spawn(lambda: self._planned(lambda: self._diff(registration, future), urn), urn)
        elif isinstance(decided, Diff):
            await self._decide_after(registration, decided, future)
        else:
            await self._start(registration, decided, future)

    async def _diff(self, registration: Registration, future: asyncio.Future[Registered]) -> None:
        async with self._slots:
            diff = await self._planner.diff(registration)
        self._submit(lambda: self._decide_after(registration, diff, future), registration.urn)

    async def _decide_after(
        self, registration: Registration, diff: Diff, future: asyncio.Future[Registered]
    ) -> None:
        steps = await self._planner.decide_after(registration, diff)
        await self._start(registration, steps, future)

    async def _on_read(self, goal: Goal, identity: str, future: asyncio.Future[Registered]) -> None:
        if not self._bailed:
            await self._begin(self._plan.read(goal, self._plan.urn(goal), identity), future)

    async def _on_outputs(self, urn: str, outputs: Properties, future: asyncio.Future[None]) -> None:
        self._outputs.take(urn, outputs)
        await self._executor.outputs_registered(urn)
        if self._fails_for_a_hook():
            return  # the program isn't told
        if not future.done():
            future.set_result(None)

    # -- steps

    async def _start(
        self, registration: Registration, steps: Sequence[Step], future: asyncio.Future[Registered]
    ) -> None:
        """Carry out a registration's steps."""
        self._require_created(steps)
        old = registration.old
        idle = all(step.op == op.SAME for step in steps)
        if steps and idle and old is not None and registration.urn in self._imported:
            # Its entry is in the state already.
            self._plan.news[registration.urn] = old
            future.set_result(Registered(old))
        elif steps:
            await self._begin(steps, future)
        elif not future.done():
            future.set_result(Registered(registration.new))

    async def _begin(self, steps: Sequence[Step], future: asyncio.Future[Registered]) -> None:
        """Carry out steps, at once if they touch nothing."""
        if self._unavailable:
            steps = [step for step in steps if not self._skips(step, future)]
        idle = all(step.op == op.SAME for step in steps)
        if not steps or (self._stopped and (self._bailed or not idle)):
            return
        if idle or all(step.op == op.CREATE and not step.state.custom for step in steps):
            await self._run(steps, future)
        else:
            self._spawn(lambda: self._run(steps, future), steps[-1].urn)

    def _skips(self, step: Step, future: asyncio.Future[Registered]) -> bool:
        """With --continue-on-error, whether a step is left out because it needs what isn't there."""
        provider, _ = urns.split_reference(step.state.provider)
        if not (step.state.all_dependencies() - {provider}) & self._unavailable:
            return False
        self._unavailable.add(step.urn)
        if step.new is not None and not future.done():
            future.set_result(Registered(step.new, result=SKIP))
        return True

    def _require_created(self, steps: Sequence[Step]) -> None:
        for urn, message in self._plan.uncreated(steps):
            if self._executor.preview:
                self._object(message, urn)
                continue
            self._events.diagnose("error", message, urn=urn)
            raise StepFailedError

    async def _run(
        self, steps: Sequence[Step], future: asyncio.Future[Registered], *, answer: bool = True
    ) -> bool:
        """Carry out steps one after another, and tell the program; returns whether all went well."""
        waited = self._slots.locked()
        async with self._slots:
            for number, step in enumerate(steps):
                if self._stopped and (waited or number or self._executor.hook_failed):
                    return False
                if not await self._perform(step):
                    if self._continue and not future.done():
                        future.set_result(Registered(self._plan.news[steps[-1].urn], result=FAIL))
                    return False
        if answer and not future.done():
            last = steps[-1]
            future.set_result(Registered(self._plan.news[last.urn], last.stables, unknown=last.skipped))
        return True

    async def _perform(self, step: Step) -> bool:
        """Carry out one step; returns whether that went well."""
        try:
            await self._executor.run(step)
        except StepFailedError as error:
            self._broke(step, tolerable=isinstance(error, ProtectedError))
        except _USER_ERRORS as error:
            self._broke(step, str(error))
        else:
            self._outputs.open(step)
            return not self._fails_for_a_hook()
        return False

    def _fails_for_a_hook(self) -> bool:
        """Whether a hook that ran after a step failed, and with it the operation: nothing more is started."""
        if self._executor.hook_failed:
            self.failed = True
            self._halted |= not self._continue
        return self._executor.hook_failed and self._stopped

    def _broke(self, step: Step, message: str = "", *, tolerable: bool = False) -> None:
        if message:
            self._events.diagnose(
                "error", message, urn="" if urns.is_default_provider(step.urn) else step.urn
            )
        self._unavailable.add(step.urn)
        self._broken.append(step)
        self.failed = True
        # A delete that was refused has done nothing: the user may as well hear of all that is protected.
        self._halted |= not self._continue and not tolerable
        self._queue.put_nowait(None)

    # -- policies

    async def _judge_stack(self) -> None:
        """Have stack policies look at what there is now; a preview fails only here, so that it shows everything."""
        if self._policies is None:
            return
        await self._policies.judge_stack(
            list(self._plan.news.values()), {**self._plan.olds, **self._plan.news}
        )
        self.failed |= self._policies.violated

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
            await self._perform(step)
        self._plan.deleting.update(step.urn for step in gone)
        deletion = Deletion(self._plan.graph(), perform=self._delete, stopped=lambda: self._stopped)
        await deletion.run(gone, self._broken)
        if absent:
            self.fail()

    async def _delete(self, step: Step) -> bool:
        async with self._slots:
            return self._stopped or await self._perform(step)

    def _object(self, message: str, urn: str) -> None:
        """Note what is wrong with what the user asked for; a preview goes on, so that it shows everything."""
        self._events.diagnose("error", message, urn=urn)
        self._objected = True
