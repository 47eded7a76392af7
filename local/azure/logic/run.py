"""Runs a workflow: actions one after the other, each by the statuses of those before it.

Branches that Azure runs side by side run one after the other here. A value that is secured, and what reads it, is kept out
of the history and of errors.

Source: Microsoft Learn, "Handle errors and exceptions in Azure Logic Apps" ("run after", scopes), "Secure access and data".
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.azure.logic import http_action, time_function, variable
from local.azure.logic.condition import holds
from local.azure.logic.definition import branches, every, kind_of, ordered, referenced, secured
from local.azure.logic.expression_parser import ExpressionError
from local.azure.logic.history import CANCELLED, FAILED, SKIPPED, SUCCEEDED, Ended, History
from local.azure.machine_learning.duration import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.logic.scope import Scope

Json = dict[str, Any]

#: Azure's limits of Until, where the definition has none.
_COUNT, _TIMEOUT = 60, "PT1H"
_SECURED = "The reason is hidden, as the inputs are secured."
_BRANCHING = frozenset({"if", "switch", "until", "scope"})


@dataclass(frozen=True)
class Response:
    """What the action Response answers the caller with."""

    status: int
    headers: Mapping[str, str]
    body: Any


class TerminatedError(Exception):
    """The action Terminate ends the run."""

    def __init__(self, status: str, error: Json | None) -> None:
        super().__init__(status)
        self.status = status
        self.error = error


class ActionError(Exception):
    """An action fails."""

    def __init__(self, code: str, message: str, inputs: Any = None, outputs: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.inputs = inputs
        self.outputs = outputs


@dataclass
class Run:
    """One run of a workflow."""

    azure: Azure
    definition: Json
    scope: Scope
    history: History
    #: what the caller is answered; it isn't if the run ends first
    response: asyncio.Future[Response]
    _secured: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    async def go(self) -> None:
        """Runs all actions and writes down how the run ended."""
        actions: dict[str, Json] = self.definition.get("actions") or {}
        self._secured = {name: secured(action) for name, action in every(actions)}
        error: Json | None = None
        try:
            status = await self._group(actions)
            if status != SUCCEEDED:
                error = {
                    "code": "ActionFailed",
                    "message": "An action failed. No dependent actions succeeded.",
                }
        except TerminatedError as ended:
            status, error = ended.status, ended.error
        self.history.end(status, error)

    async def _group(self, actions: Mapping[str, Json]) -> str:
        """Runs a group of actions; its status is that of the actions that nothing runs after."""
        statuses: dict[str, str] = {}
        for number, name in enumerate(order := ordered(actions)):
            after: Mapping[str, list[str]] = actions[name].get("runAfter") or {}
            allowed = all(
                statuses[before].lower() in {one.lower() for one in wanted}
                for before, wanted in after.items()
            )
            if not allowed:
                statuses[name] = SKIPPED
                message = "The execution of template action was skipped: the 'runAfter' condition is not met."
                self._skip(name, actions[name], message)
                continue
            try:
                statuses[name] = await self._action(name, actions[name])
            except TerminatedError:
                for rest in order[number + 1 :]:
                    self._skip(rest, actions[rest], "The run was terminated.")
                raise
        followed = {before for action in actions.values() for before in action.get("runAfter") or {}}
        ends = [_branch(name, actions, statuses) for name in actions if name not in followed]
        return FAILED if any(one != SUCCEEDED for one in ends) else SUCCEEDED

    def _skip(self, name: str, action: Json, message: str) -> None:
        ended = Ended(SKIPPED, "ActionSkipped", error={"code": "ActionSkipped", "message": message})
        self._note(name, time_function.write(self.azure.now()), ended)
        for group in branches(action).values():
            for inner in group:
                self._skip(inner, group[inner], message)

    async def _action(self, name: str, action: Json) -> str:
        started = time_function.write(self.azure.now())
        hidden = self._hidden(name, action)
        try:
            ended = await self._perform(name, action)
        except (ExpressionError, ActionError) as error:
            code = error.code if isinstance(error, ActionError) else "InvalidTemplate"
            # What is wrong may quote what is secret.
            message = _SECURED if "inputs" in hidden else str(error)
            ended = Ended(FAILED, code, error={"code": code, "message": message})
            if isinstance(error, ActionError):
                ended.inputs, ended.outputs = error.inputs, error.outputs
        except TerminatedError as terminated:
            if "inputs" in hidden and terminated.error is not None:
                terminated.error["message"] = _SECURED
            if kind_of(action) == "terminate":
                self._note(name, started, Ended(SUCCEEDED, inputs={"runStatus": terminated.status}))
            else:
                self._note(name, started, Ended(CANCELLED))
            raise
        ended.hidden = hidden
        self._note(name, started, ended)
        return ended.status

    def _hidden(self, name: str, action: Json) -> frozenset[str]:
        """What the action secures itself, and what it would show of what others secure."""
        hidden = self._secured[name]
        own = {key: value for key, value in action.items() if key in ("inputs", "expression")}
        if any("outputs" in self._secured.get(other, ()) for other in referenced(own)):
            hidden |= {"inputs"}
            if kind_of(action) in ("compose", "response"):
                hidden |= {"outputs"}
                self._secured[name] = hidden
        return hidden

    def _note(self, name: str, started: str, ended: Ended) -> None:
        self.scope.actions[name] = {
            "name": name,
            "status": ended.status,
            "code": ended.code or ("OK" if ended.status == SUCCEEDED else ended.status),
            "startTime": started,
            "inputs": ended.inputs,
            "outputs": ended.outputs,
            "error": ended.error,
        }
        self.history.action(name, started, ended)

    async def _perform(self, name: str, action: Json) -> Ended:
        match kind := kind_of(action):
            case _ if kind in _BRANCHING:
                return await self._branching(name, kind, action)
            case "http":
                return await self._http(action)
            case "compose":
                made = self.scope.value(action.get("inputs"))
                return Ended(SUCCEEDED, inputs=made, outputs=made)
            case "response":
                return self._respond(self.scope.value(action.get("inputs") or {}))
            case "terminate":
                raise _termination(self.scope.value(action.get("inputs") or {}))
            case _:
                inputs = self.scope.value(action.get("inputs") or {})
                variable.apply(kind, inputs, self.scope.variables)
                return Ended(SUCCEEDED, inputs=inputs)

    async def _branching(self, name: str, kind: str, action: Json) -> Ended:
        groups = branches(action)
        match kind:
            case "until":
                return await self._until(name, action)
            case "if":
                taken = "true" if holds(action.get("expression"), self.scope) else "false"
            case "switch":
                found = self.scope.value(action.get("expression"))
                cases: Json = action.get("cases") or {}
                taken = next(
                    (f"case {key}" for key, one in cases.items() if one.get("case") == found), "default"
                )
            case _:
                taken = "actions"
        for other, group in groups.items():
            if other != taken:
                for inner in group:
                    self._skip(inner, group[inner], "The branch was not taken.")
        return _of_group(await self._group(groups[taken]))

    async def _until(self, name: str, action: Json) -> Ended:
        limit: Json = action.get("limit") or {}
        count = int(self.scope.value(limit.get("count") or _COUNT))
        until = time.monotonic() + seconds(limit.get("timeout") or _TIMEOUT)
        status, number = SUCCEEDED, 0
        while number < count and time.monotonic() < until:
            self.scope.iterations[name] = number
            status = await self._group(action.get("actions") or {})
            number += 1
            if holds(action["expression"], self.scope):
                break
            await asyncio.sleep(0)
        self.scope.iterations.pop(name, None)
        ended = _of_group(status)
        ended.iterations = number
        return ended

    async def _http(self, action: Json) -> Ended:
        inputs = self.scope.value(action.get("inputs") or {})
        try:
            outputs = await http_action.perform(self.azure, action, inputs)
        except http_action.NoAnswerError as error:
            raise ActionError("ServiceUnavailable", str(error), inputs) from None
        code = http_action.code_of(outputs["statusCode"])
        if outputs["statusCode"] >= 400:
            return Ended(
                FAILED, code, inputs, outputs, {"code": code, "message": f"The answer was '{code}'."}
            )
        return Ended(SUCCEEDED, code, inputs, outputs)

    def _respond(self, inputs: Json) -> Ended:
        try:
            status = int(inputs.get("statusCode") or 200)
        except ValueError:
            raise ActionError(
                "InvalidTemplate", "The status code of a response must be a number.", inputs
            ) from None
        if self.response.done():
            raise ActionError("ActionResponseSkipped", "The caller was answered already.", inputs)
        self.response.set_result(Response(status, inputs.get("headers") or {}, inputs.get("body")))
        return Ended(SUCCEEDED, inputs=inputs, outputs=inputs)


def _branch(name: str, actions: Mapping[str, Json], statuses: Mapping[str, str]) -> str:
    """What a branch that ends with an action comes to; a skipped one is as those before it."""
    if statuses[name] != SKIPPED:
        return statuses[name]
    before = [_branch(one, actions, statuses) for one in actions[name].get("runAfter") or {}]
    return FAILED if any(one != SUCCEEDED for one in before) else SUCCEEDED


def _of_group(status: str) -> Ended:
    if status == SUCCEEDED:
        return Ended(SUCCEEDED)
    message = "An action failed. No dependent actions succeeded."
    return Ended(FAILED, "ActionFailed", error={"code": "ActionFailed", "message": message})


def _termination(inputs: Json) -> TerminatedError:
    status = str(inputs.get("runStatus") or SUCCEEDED)
    error: Json = inputs.get("runError") or {}
    if status != FAILED:
        return TerminatedError(status, None)
    code, message = str(error.get("code") or "Terminated"), str(error.get("message") or "")
    return TerminatedError(status, {"code": code, "message": message})
