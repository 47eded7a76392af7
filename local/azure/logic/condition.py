"""Conditions of If and Until: an expression, or objects of ``and``, ``or``, ``not`` and comparisons. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.logic.expression_parser import ExpressionError
from local.azure.logic.function import FUNCTIONS
from local.azure.logic.text import kind

if TYPE_CHECKING:
    from local.azure.logic.scope import Scope

_COMPARISONS = frozenset(
    ("equals", "greater", "greaterorequals", "less", "lessorequals", "contains", "startswith", "endswith")
)


def holds(condition: Any, scope: Scope) -> bool:
    """Whether a condition holds.

    Raises:
        ExpressionError: it can't be evaluated, or is no condition.
    """
    if isinstance(condition, dict):
        if len(condition) != 1:
            raise ExpressionError("a condition has exactly one operator")
        ((name, value),) = condition.items()
        match name.lower():
            case "and":
                return all(holds(one, scope) for one in value)
            case "or":
                return any(holds(one, scope) for one in value)
            case "not":
                return not holds(value, scope)
            case comparison if comparison in _COMPARISONS:
                return bool(FUNCTIONS[comparison](*scope.value(value)))
            case _:
                raise ExpressionError(f"'{name}' is no operator of conditions that local Azure knows")
    found = scope.value(condition)
    if not isinstance(found, bool):
        raise ExpressionError(f"the condition is a {kind(found)}, not a Boolean")
    return found
