"""Checks a workflow's definition before it is kept, as Azure does. Pure.

Supported: one Request trigger; the actions Http, If, Switch, Until, Scope, Compose, Response, Terminate and those on
variables, run after one another by status; the functions of ``scope.KNOWN``. All else that Azure knows is refused with
501 by name, and what Azure refuses (``InvalidTemplate``) with 400.

Source: Microsoft Learn, "Schema reference for trigger and action types in Azure Logic Apps".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, unsupported
from local.azure.logic.expression_parser import ExpressionError, Literal
from local.azure.logic.scope import KNOWN
from local.azure.logic.template import calls_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]

STATUSES = ("Succeeded", "Failed", "Skipped", "TimedOut")
_COMMON = frozenset(
    ("type", "kind", "inputs", "runAfter", "description", "metadata", "limit", "runtimeConfiguration", "operationOptions")
)  # fmt: skip
#: The supported kinds of action, and what each may have beside ``_COMMON``.
_ACTIONS: Mapping[str, frozenset[str]] = {
    "http": frozenset(),
    "if": frozenset({"expression", "actions", "else"}),
    "switch": frozenset({"expression", "cases", "default"}),
    "until": frozenset({"expression", "actions"}),
    "scope": frozenset({"actions"}),
    "compose": frozenset(),
    "response": frozenset(),
    "terminate": frozenset(),
    "initializevariable": frozenset(),
    "setvariable": frozenset(),
    "incrementvariable": frozenset(),
}
_HTTP = frozenset({"method", "uri", "headers", "queries", "body", "cookie", "authentication", "retryPolicy"})
_OPTIONS: Mapping[str, frozenset[str]] = {"http": frozenset({"DisableAsyncPattern"})}
_MANAGED = "managedserviceidentity"
_REFERENCES = frozenset({"outputs", "body", "actions"})


def kind_of(action: Json) -> str:
    """The type of an action, in lower case."""
    return str(action.get("type", "")).lower()


def branches(action: Json) -> dict[str, dict[str, Json]]:
    """The groups of actions within an action, by the name of the branch."""
    match kind_of(action):
        case "if":
            return {
                "true": action.get("actions") or {},
                "false": (action.get("else") or {}).get("actions") or {},
            }
        case "switch":
            cases = {
                f"case {name}": one.get("actions") or {} for name, one in (action.get("cases") or {}).items()
            }
            return {**cases, "default": (action.get("default") or {}).get("actions") or {}}
        case "until" | "scope":
            return {"actions": action.get("actions") or {}}
        case _:
            return {}


def every(actions: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """All actions, those in others too."""
    for name, action in actions.items():
        yield name, action
        for group in branches(action).values():
            yield from every(group)


def secured(operation: Json) -> frozenset[str]:
    """Which of ``inputs`` and ``outputs`` an action or trigger keeps out of the history."""
    found = ((operation.get("runtimeConfiguration") or {}).get("secureData") or {}).get("properties") or []
    return frozenset(str(one).lower() for one in found)


def referenced(value: Any) -> set[str]:
    """The actions whose results a value's expressions read."""
    return {
        str(call.arguments[0].value)
        for call in calls_in(value)
        if call.name in _REFERENCES and call.arguments and isinstance(call.arguments[0], Literal)
    }


def invalid(message: str) -> ArmError:
    """Azure's refusal of a definition."""
    return ArmError(400, "InvalidTemplate", f"The template validation failed: {message}.")


def check(definition: Json, values: Mapping[str, Any], identities: frozenset[str]) -> None:
    """Refuses a definition that can't run.

    Args:
        definition: the workflow's definition.
        values: the workflow's parameters, by name.
        identities: the ids of its user-assigned identities, in lower case.

    Raises:
        ArmError: 400 or 501.
    """
    _check_trigger(definition.get("triggers") or {})
    declared: Json = definition.get("parameters") or {}
    for name in values:
        if name not in declared:
            raise invalid(f"the workflow parameter '{name}' is not declared in the definition")
    for name, one in declared.items():
        if name not in values and "defaultValue" not in one:
            raise invalid(f"the workflow parameter '{name}' has neither a value nor a default")
    actions: dict[str, Json] = definition.get("actions") or {}
    names: set[str] = set()
    for name, action in every(actions):
        if name in names:
            raise invalid(f"there is more than one action '{name}'")
        names.add(name)
        _check_action(name, action, identities)
    variables = {
        str(one.get("name"))
        for _, action in every(actions)
        if kind_of(action) == "initializevariable"
        for one in (action.get("inputs") or {}).get("variables") or []
    }
    for name, action in every(actions):
        _check_expressions(
            name, action, {"actions": names, "parameters": set(declared), "variables": variables}
        )
        if kind_of(action) == "initializevariable" and name not in actions:
            raise invalid(f"the action '{name}' initializes a variable within another action")
    _check_order(actions)


def _check_trigger(triggers: Json) -> None:
    if len(triggers) != 1:
        raise unsupported(f"A workflow with {len(triggers)} triggers")
    ((name, trigger),) = triggers.items()
    if kind_of(trigger) != "request" or str(trigger.get("kind", "Http")).lower() != "http":
        raise unsupported(
            f"The trigger '{name}' of type {trigger.get('type')} {trigger.get('kind', '')}".rstrip()
        )
    for key in ("splitOn", "conditions", "correlation", "recurrence"):
        if trigger.get(key):
            raise unsupported(f"'{key}' of the trigger '{name}'")
    for key in (trigger.get("inputs") or {}).keys() - {"schema", "method"}:
        raise unsupported(f"'inputs.{key}' of the trigger '{name}'")


def _check_action(name: str, action: Json, identities: frozenset[str]) -> None:
    kind = kind_of(action)
    if kind not in _ACTIONS:
        raise unsupported(f"The action '{name}' of type {action.get('type')}")
    for key in action.keys() - _COMMON - _ACTIONS[kind]:
        raise unsupported(f"'{key}' of the action '{name}'")
    for key in (action.get("runtimeConfiguration") or {}).keys() - {"secureData"}:
        raise unsupported(f"'runtimeConfiguration.{key}' of the action '{name}'")
    for option in filter(None, str(action.get("operationOptions") or "").split(",")):
        if option.strip() not in _OPTIONS.get(kind, ()):
            raise unsupported(f"The option {option.strip()} of the action '{name}'")
    for unknown in secured(action) - {"inputs", "outputs"}:
        raise invalid(f"the action '{name}' secures '{unknown}', which is neither inputs nor outputs")
    if kind == "until" and not action.get("expression"):
        raise invalid(f"the loop '{name}' has no expression")
    if kind == "http":
        _check_http(name, action.get("inputs") or {}, identities)


def _check_http(name: str, inputs: Json, identities: frozenset[str]) -> None:
    for key in ("method", "uri"):
        if not inputs.get(key):
            raise invalid(f"the action '{name}' has no inputs.{key}")
    for key in inputs.keys() - _HTTP:
        raise unsupported(f"'inputs.{key}' of the action '{name}'")
    authentication: Any = inputs.get("authentication")
    if authentication is None:
        return
    if not isinstance(authentication, dict) or str(authentication.get("type", "")).lower() != _MANAGED:
        kind = authentication.get("type") if isinstance(authentication, dict) else authentication
        raise unsupported(f"Authentication by {kind} (action '{name}')")
    identity = authentication.get("identity")
    if identity is None:
        raise unsupported(f"A system-assigned identity (action '{name}'; name a user-assigned one)")
    if str(identity).lower() not in identities:
        raise ArmError(
            400,
            "InvalidWorkflowManagedIdentity",
            f"The action '{name}' authenticates as '{identity}', which is not an identity of the workflow.",
        )


def _check_expressions(name: str, action: Json, known: Mapping[str, set[str]]) -> None:
    own = {
        key: value
        for key, value in action.items()
        if key not in ("actions", "else", "cases", "default", "type")
    }
    try:
        found = list(calls_in(own))
    except ExpressionError as error:
        raise invalid(f"in the action '{name}': {error}") from None
    for call in found:
        if call.name not in KNOWN:
            raise unsupported(f"The function '{call.name}' (action '{name}')")
        among = "actions" if call.name in _REFERENCES else call.name
        if among in known and call.arguments and isinstance(call.arguments[0], Literal):
            wanted = call.arguments[0].value
            if wanted not in known[among]:
                raise invalid(f"the action '{name}' refers to '{wanted}', which isn't among the {among}")


def _check_order(actions: Mapping[str, Json]) -> None:
    ordered(actions)
    for action in actions.values():
        for group in branches(action).values():
            _check_order(group)


def ordered(actions: Mapping[str, Json]) -> list[str]:
    """The actions of one group, each behind those it runs after.

    Raises:
        ArmError: 400, they run after each other, after what isn't beside them, or by a status that there isn't.
    """
    done: list[str] = []
    waiting = dict(actions)
    for name, action in actions.items():
        for before, statuses in (action.get("runAfter") or {}).items():
            if before not in actions:
                raise invalid(f"the action '{name}' runs after '{before}', which is not beside it")
            for status in statuses:
                if str(status).lower() not in {one.lower() for one in STATUSES}:
                    raise invalid(f"the action '{name}' runs after the status '{status}', which there isn't")
    while waiting:
        ready = [
            name for name, action in waiting.items() if not set(action.get("runAfter") or {}) - set(done)
        ]
        if not ready:
            raise invalid(f"the actions {', '.join(sorted(waiting))} wait for each other")
        done += ready
        for name in ready:
            del waiting[name]
    return done
