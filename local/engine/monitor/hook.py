"""Resource hooks and error hooks: functions of the program that run around what is done to a resource.

A failing before-hook stops the operation it precedes; a failing after-hook fails the deployment, while what was done is
kept. An error hook may have a failed operation tried again. As in pkg/resource/deploy/{resource_hooks,deployment,retries}.go
of the official engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.runtime.proto import resource_pb2

from local.engine import urn as urns
from local.engine.error import EngineError, HookError
from local.engine.monitor.callback import CallbackError
from local.engine.property_value import encode
from local.engine.providers.answer import ProviderError, all_of
from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from local.engine.display.events import Stream
    from local.engine.monitor.callback import Callbacks
    from local.engine.property_value import Properties
    from local.engine.providers.provider import Outcome
    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.step import Step

# What hooks are bound to, as the protocol and as checkpoints name it.
BINDINGS = {
    "before_create": "BeforeCreate",
    "after_create": "AfterCreate",
    "before_update": "BeforeUpdate",
    "after_update": "AfterUpdate",
    "before_delete": "BeforeDelete",
    "after_delete": "AfterDelete",
    "on_error": "OnError",
}
_DELETE_HOOKS = (BINDINGS["before_delete"], BINDINGS["after_delete"])
_ACTIONS = {
    op.CREATE: "Create",
    op.CREATE_REPLACEMENT: "Create",
    op.UPDATE: "Update",
    op.DELETE: "Delete",
    op.DELETE_REPLACED: "Delete",
    op.DISCARD: "Delete",
    op.DISCARD_REPLACED: "Delete",
}
MAX_TRIES = 100


def bindings_of(binding: Any) -> dict[str, list[str]]:
    """A registration's hooks as checkpoints have them: kind of hook → names."""
    pairs = ((kind, list(getattr(binding, name))) for name, kind in BINDINGS.items())
    return {kind: names for kind, names in sorted(pairs) if names}


def delete_hooks(resources: Sequence[ResourceState]) -> list[tuple[str, str]]:
    """The URNs of resources that can't be deleted without the program, each with what to say about it."""
    rows: list[tuple[str, str]] = []
    for state in resources:
        names = [name for kind in _DELETE_HOOKS for name in state.resource_hooks.get(kind, ())]
        if names:
            rows.append(
                (
                    state.urn,
                    "Resource has delete hooks registered, but the program is not running. Hooks: "
                    + ", ".join(names),
                )
            )
    return rows


class Hooks:
    """What a program registered, by name, and how it is called."""

    def __init__(self, callbacks: Callbacks, events: Stream, *, preview: bool) -> None:
        self._callbacks = callbacks
        self._events = events
        self._preview = preview
        self._hooks: dict[str, Any] = {}
        self._error_hooks: dict[str, Any] = {}

    def register(self, request: Any) -> None:
        """Take a resource hook; raises EngineError if the name is taken."""
        self._require_free(request.name)
        self._hooks[request.name] = request

    def register_error_hook(self, request: Any) -> None:
        """Take an error hook; raises EngineError if the name is taken."""
        self._require_free(request.name)
        self._error_hooks[request.name] = request

    def _require_free(self, name: str) -> None:
        if not name:
            raise EngineError("resource hook name cannot be empty")
        if name in self._hooks or name in self._error_hooks:
            raise EngineError(f'resource hook already registered for name "{name}"')

    async def before(self, step: Step) -> None:
        """Run what comes before a step; raises HookError when it must not be taken."""
        await self._run("Before", step)

    async def after(self, step: Step) -> None:
        """Run what comes after a step; raises HookError when one of them failed."""
        await self._run("After", step)

    async def _run(self, when: str, step: Step) -> None:
        action = _ACTIONS.get(step.op)
        if action is None or not step.state.resource_hooks:
            return
        kind = when + action
        for name in step.state.resource_hooks.get(kind, ()):
            hook = self._hooks.get(name)
            if hook is None:
                raise HookError(f'hook "{name}" was not registered')
            if self._preview and not hook.on_dry_run:
                continue
            request = resource_pb2.ResourceHookRequest(**_arguments(action, step))
            if when == "After" and step.new is not None:
                request.new_outputs.CopyFrom(encode(step.new.outputs))
            failure = await self._call(hook, request, resource_pb2.ResourceHookResponse)
            if isinstance(failure, str):
                if not hook.ignore_errors:
                    raise HookError(f'{when.lower()} hook "{name}" failed: {failure}')
                self._events.diagnose("warning", f'{kind} hook "{name}" failed: {failure}', urn=step.urn)

    async def retried(self, step: Step, operation: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """What comes of an operation, tried again as long as it fails and error hooks ask for it.

        Raises ProviderError as the operation does, and HookError when an error hook fails or the tries are used up.
        What exists although its creation failed is returned in any case, so that it is recorded.
        """
        action = _ACTIONS[step.op].lower()
        failures: list[str] = []
        while True:
            outcome, error = None, None
            try:
                outcome = await operation()
            except ProviderError as caught:
                error = caught
            if outcome is not None and not outcome.errors:
                return outcome
            failures.insert(0, all_of(outcome.errors) if outcome else str(error))
            try:
                again = await self._asks_for_retry(step, failures)
            except HookError:
                if outcome is not None:
                    return outcome
                if error is None or action != "delete":
                    raise
                raise error from None  # what the provider said says more
            if not again:
                if outcome is not None:
                    return outcome
                assert error is not None  # noqa: S101 - it failed one way or the other
                raise error
            self._events.diagnose(
                "warning",
                f"retrying {action} due to on-error hook request ({len(failures)}/{MAX_TRIES})",
                urn=step.urn,
            )

    async def _asks_for_retry(self, step: Step, failures: list[str]) -> bool:
        if len(failures) >= MAX_TRIES:
            self._events.diagnose(
                "warning", f"maximum number of error hook retries ({MAX_TRIES}) reached", urn=step.urn
            )
            raise HookError("maximum number of error hook retries reached")
        action = _ACTIONS[step.op]
        retry = False
        for name in step.state.resource_hooks.get("OnError", ()):
            hook = self._error_hooks.get(name)
            if hook is None:
                raise HookError(f'error hooks execution failed: error hook "{name}" was not registered')
            request = resource_pb2.ErrorHookRequest(
                **_arguments(action, step), failed_operation=action.lower(), errors=failures
            )
            answer = await self._call(hook, request, resource_pb2.ErrorHookResponse)
            if isinstance(answer, str):
                raise HookError(f'error hooks execution failed: error hook "{name}" failed: {answer}')
            retry = retry or answer.retry
        return retry

    async def _call(self, hook: Any, request: Any, kind: Any) -> Any:
        """A hook's answer, or as a text why there is none."""
        try:
            answer = kind.FromString(await self._callbacks.call(hook.callback, request))
        except CallbackError as error:
            return str(error)
        return answer.error or answer


def _arguments(action: str, step: Step) -> dict[str, Any]:
    """What a hook learns about the resource, but its new outputs."""
    state = step.state
    fields: dict[str, Any] = {
        "urn": step.urn,
        "id": state.id or (step.old.id if action == "Update" and step.old else ""),
        "name": urns.name_of(step.urn),
        "type": state.type,
    }
    known: dict[str, Properties] = {}
    if step.new is not None:
        known["new_inputs"] = step.new.inputs
    if step.old is not None and action != "Create":
        known["old_inputs"] = step.old.inputs
        known["old_outputs"] = step.old.outputs
    return fields | {name: encode(properties) for name, properties in known.items()}
