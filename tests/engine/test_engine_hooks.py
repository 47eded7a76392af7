"""Resource hooks and error hooks: when they are called, what a failure means, and what they are told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pulumi.runtime.proto import callback_pb2, resource_pb2

from local.engine.display.events import Stream
from local.engine.error import EngineError, HookError
from local.engine.monitor.hook import MAX_TRIES, Hooks, bindings_of, delete_hooks
from local.engine.property_value import Secret
from local.engine.providers.provider import Outcome, ProviderError
from local.engine.state.resource_state import ResourceState, load
from local.engine.steps import step as op
from local.engine.steps.step import Step

URN = "urn:pulumi:dev::p::t:m:T::a"


class Program:
    """Answers callbacks by their token and remembers what it was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, Any]] = []

    async def call(self, callback: Any, request: Any) -> bytes:
        self.asked.append((callback.token, request))
        answer = self._answers[callback.token]
        return (answer(request) if callable(answer) else answer).SerializeToString()


def hooks_with(
    answers: dict[str, Any], *, preview: bool = False, **options: bool
) -> tuple[Hooks, Program, list[str]]:
    program, events, warnings = Program(answers), Stream(), list[str]()
    events.listen(
        lambda event: warnings.append(event["diagnosticEvent"]["message"].replace("<{%reset%}>", "").strip())
    )
    hooks = Hooks(program, events, preview=preview)  # pyright: ignore[reportArgumentType] - quacks like callbacks
    for name, answer in answers.items():
        callback = callback_pb2.Callback(token=name)
        if isinstance(answer, resource_pb2.ResourceHookResponse):
            hooks.register(
                resource_pb2.RegisterResourceHookRequest(name=name, callback=callback, **options)  # pyright: ignore[reportArgumentType]
            )
        else:
            hooks.register_error_hook(resource_pb2.RegisterErrorHookRequest(name=name, callback=callback))
    return hooks, program, warnings


def state(**hooks: list[str]) -> ResourceState:
    return ResourceState(
        URN, "t:m:T", custom=True, inputs={"x": Secret(1)}, outputs={"y": 2}, resource_hooks=hooks
    )


def test_hooks_are_told_the_inputs_and_outputs_of_their_action() -> None:
    hooks, program, _ = hooks_with({"h": resource_pb2.ResourceHookResponse()})
    old, new = state(), state(BeforeUpdate=["h"], AfterUpdate=["h"])
    step = Step(op.UPDATE, URN, old, new)
    asyncio.run(hooks.before(step))
    asyncio.run(hooks.after(step))
    gone = Step(op.DELETE, URN, state(BeforeDelete=["h"]))
    asyncio.run(hooks.before(gone))
    told = [{field.name for field, _ in request.ListFields()} for _, request in program.asked]
    always = {"urn", "name", "type"}
    assert told == [
        always | {"new_inputs", "old_inputs", "old_outputs"},
        always | {"new_inputs", "old_inputs", "old_outputs", "new_outputs"},
        always | {"old_inputs", "old_outputs"},
    ]


def test_a_failing_hook_is_an_error_and_a_lenient_one_a_warning() -> None:
    failing = {"h": resource_pb2.ResourceHookResponse(error="no")}
    step = Step(op.CREATE, URN, None, state(BeforeCreate=["h"], AfterCreate=["h"]))
    hooks, _, _ = hooks_with(failing)
    with pytest.raises(HookError, match=r'^before hook "h" failed: no$'):
        asyncio.run(hooks.before(step))
    with pytest.raises(HookError, match=r'^after hook "h" failed: no$'):
        asyncio.run(hooks.after(step))
    lenient, _, warnings = hooks_with(failing, ignore_errors=True)
    asyncio.run(lenient.before(step))
    assert warnings == ['BeforeCreate hook "h" failed: no']


def test_a_preview_calls_only_the_hooks_that_want_it_and_misses_those_that_are_gone() -> None:
    answers = {"h": resource_pb2.ResourceHookResponse(error="no")}
    step = Step(op.CREATE, URN, None, state(BeforeCreate=["h"]))
    asyncio.run(hooks_with(answers, preview=True)[0].before(step))
    with pytest.raises(HookError):
        asyncio.run(hooks_with(answers, preview=True, on_dry_run=True)[0].before(step))
    with pytest.raises(HookError, match=r'^hook "h" was not registered$'):
        asyncio.run(hooks_with({})[0].before(step))


def test_a_name_is_taken_once() -> None:
    hooks, _, _ = hooks_with({"h": resource_pb2.ResourceHookResponse()})
    for register, request in (
        (hooks.register, resource_pb2.RegisterResourceHookRequest(name="h")),
        (hooks.register_error_hook, resource_pb2.RegisterErrorHookRequest(name="h")),
    ):
        with pytest.raises(EngineError, match=r'already registered for name "h"'):
            register(request)


def failing(times: int) -> Callable[[], Awaitable[Outcome]]:
    left = [times]

    async def operation() -> Outcome:
        left[0] -= 1
        if left[0] >= 0:
            raise ProviderError(f"failed with {left[0]} to come")
        return Outcome("id")

    return operation


def test_an_operation_is_tried_again_while_an_error_hook_asks_for_it() -> None:
    hooks, program, warnings = hooks_with({"again": resource_pb2.ErrorHookResponse(retry=True)})
    step = Step(op.CREATE, URN, None, state(OnError=["again"]))
    assert asyncio.run(hooks.retried(step, failing(2))).id == "id"
    assert [list(request.errors) for _, request in program.asked] == [
        ["failed with 1 to come"],
        ["failed with 0 to come", "failed with 1 to come"],  # newest first
    ]
    assert warnings == [f"retrying create due to on-error hook request ({n}/100)" for n in (1, 2)]
    with pytest.raises(HookError, match="maximum number of error hook retries reached"):
        asyncio.run(hooks.retried(step, failing(MAX_TRIES)))


def test_a_failing_error_hook_replaces_the_reason_but_of_a_delete() -> None:
    hooks, _, _ = hooks_with({"h": lambda _: resource_pb2.ErrorHookResponse(error="broke")})
    create = Step(op.CREATE, URN, None, state(OnError=["h"]))
    with pytest.raises(HookError, match=r'^error hooks execution failed: error hook "h" failed: broke$'):
        asyncio.run(hooks.retried(create, failing(1)))
    with pytest.raises(ProviderError, match="failed with 0"):
        asyncio.run(hooks.retried(Step(op.DELETE, URN, state(OnError=["h"])), failing(1)))


def test_what_was_made_is_kept_although_an_error_hook_failed() -> None:
    hooks, _, _ = hooks_with({"h": lambda _: resource_pb2.ErrorHookResponse(error="broke")})

    async def partial() -> Outcome:
        return Outcome("id", errors=("not ready",))

    step = Step(op.CREATE, URN, None, state(OnError=["h"]))
    assert asyncio.run(hooks.retried(step, partial)).id == "id"


def test_bindings_are_kept_in_the_state_and_say_what_only_the_program_can_delete() -> None:
    binding = resource_pb2.RegisterResourceRequest.ResourceHooksBinding(
        before_delete=["x"], after_delete=["y"], on_error=["z"]
    )
    bound = bindings_of(binding)
    assert bound == {"AfterDelete": ["y"], "BeforeDelete": ["x"], "OnError": ["z"]}
    row = state(**bound).fields(lambda value: value)
    assert row["resourceHooks"] == bound
    assert load({**row, "inputs": {}, "outputs": {}}, str).resource_hooks == bound
    assert delete_hooks([state(**bound), state(OnError=["z"])]) == [
        (URN, "Resource has delete hooks registered, but the program is not running. Hooks: x, y")
    ]
