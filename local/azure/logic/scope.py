"""What expressions are evaluated in: the run's trigger, outputs, variables and parameters. Pure.

``and``, ``or`` and ``coalesce`` stop at the first argument that decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.azure.logic import time_function
from local.azure.logic.expression_parser import Call, ExpressionError, Literal, Member, Node, called
from local.azure.logic.function import FUNCTIONS
from local.azure.logic.template import evaluated
from local.azure.logic.text import kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

Json = dict[str, Any]

#: Functions that read the run, and how many arguments each takes at least and at most.
READERS: Mapping[str, tuple[int, int]] = {
    "trigger": (0, 0),
    "triggeroutputs": (0, 0),
    "triggerbody": (0, 0),
    "actions": (1, 1),
    "outputs": (1, 1),
    "body": (1, 1),
    "variables": (1, 1),
    "parameters": (1, 1),
    "workflow": (0, 0),
    "iterationindexes": (1, 1),
}
_LAZY = frozenset({"and", "or", "coalesce"})
KNOWN = frozenset(
    {*READERS, *FUNCTIONS, *_LAZY, *time_function.functions(lambda: time_function.read("2026-01-01"))}
)


@dataclass
class Scope:
    """The values of one run. ``actions`` are as ``actions()`` shows them, by name, as far as they have ended."""

    trigger: Json
    parameters: Mapping[str, Any]
    workflow: Json
    now: Callable[[], datetime]
    actions: dict[str, Json] = field(default_factory=dict[str, Json])
    variables: dict[str, Any] = field(default_factory=dict[str, Any])
    iterations: dict[str, int] = field(default_factory=dict[str, int])

    def value(self, template: Any) -> Any:
        """A value of the definition with its expressions evaluated.

        Raises:
            ExpressionError: one fails.
        """
        return evaluated(template, self.evaluate)

    def evaluate(self, node: Node) -> Any:
        """An expression's value.

        Raises:
            ExpressionError: it has none.
        """
        match node:
            case Literal():
                return node.value
            case Member():
                return _member(self.evaluate(node.of), self.evaluate(node.key), forgiving=node.forgiving)
            case Call():
                return self._call(node)

    def _call(self, call: Call) -> Any:
        if call.name in _LAZY:
            return self._lazily(call)
        arguments = [self.evaluate(one) for one in call.arguments]
        if call.name in READERS:
            return self._read(call.name, arguments)
        function = FUNCTIONS.get(call.name) or time_function.functions(self.now).get(call.name)
        if function is None:
            raise ExpressionError(f"the function '{call.name}' is not supported by local Azure")
        return called(call.name, function, arguments)

    def _lazily(self, call: Call) -> Any:
        for one in call.arguments:
            found = self.evaluate(one)
            if call.name == "coalesce":
                if found is not None:
                    return found
                continue
            if not isinstance(found, bool):
                raise ExpressionError(f"{call.name}: expected a Boolean and got {kind(found)}")
            if found == (call.name == "or"):
                return found
        return None if call.name == "coalesce" else call.name == "and"

    def _read(self, name: str, arguments: list[Any]) -> Any:
        if not READERS[name][0] <= len(arguments) <= READERS[name][1]:
            raise ExpressionError(f"{name}: it takes {READERS[name][1]} arguments, not {len(arguments)}")
        key = arguments[0] if arguments else ""
        match name:
            case "trigger":
                return self.trigger
            case "triggeroutputs":
                return self.trigger.get("outputs")
            case "triggerbody":
                return (self.trigger.get("outputs") or {}).get("body")
            case "workflow":
                return self.workflow
            case "variables":
                return _named(self.variables, key, "variable", "it isn't initialized yet")
            case "parameters":
                return _named(self.parameters, key, "parameter", "the definition has none of that name")
            case "iterationindexes":
                return _named(self.iterations, key, "loop", "it isn't running")
            case _:
                action = _named(self.actions, key, "action", "it hasn't ended yet")
                if name == "actions":
                    return action
                outputs = action.get("outputs")
                return outputs if name == "outputs" else _body(outputs)


def _body(outputs: Any) -> Any:
    return outputs.get("body") if isinstance(outputs, dict) else None


def _named(among: Mapping[str, Any], name: Any, what: str, otherwise: str) -> Any:
    if name not in among:
        raise ExpressionError(f"the {what} '{name}' can't be read: {otherwise}")
    return among[name]


def _member(value: Any, key: Any, *, forgiving: bool) -> Any:
    if value is None and forgiving:
        return None
    if isinstance(value, dict) and isinstance(key, str):
        if key in value or forgiving:
            return value.get(key)
        raise ExpressionError(
            f"property '{key}' doesn't exist, available properties are '{', '.join(value)}'"
        )
    if isinstance(value, list | str) and isinstance(key, int) and not isinstance(key, bool):
        if 0 <= key < len(value):
            return value[key]
        if forgiving:
            return None
        raise ExpressionError(f"the index {key} is outside of an array of {len(value)}")
    raise ExpressionError(f"'{key}' can't be taken from a value of type {kind(value)}")
