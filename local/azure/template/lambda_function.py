"""Functions of templates that take a function: ``map``, ``filter``, ``reduce``, ``sort``, ``mapValues``, ``toObject``. Pure.

Source: Microsoft Learn, "Lambda functions for ARM templates".
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from local.azure.logic.expression_parser import ExpressionError
from local.azure.logic.text import as_text, kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ExpressionError(f"expected an Array and got {kind(value)}")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ExpressionError(f"expected an Object and got {kind(value)}")
    return value


def _reduce(over: Any, first: Any, function: Callable[..., Any]) -> Any:
    result = first
    for place, item in enumerate(_list(over)):
        result = function(result, item, place)
    return result


def _sort(over: Any, before: Callable[..., Any]) -> list[Any]:
    def order(one: Any, other: Any) -> int:
        return -1 if before(one, other) else (1 if before(other, one) else 0)

    return sorted(_list(over), key=cmp_to_key(order))


def _to_object(over: Any, key: Callable[..., Any], value: Callable[..., Any] | None = None) -> dict[str, Any]:
    return {as_text(key(item)): value(item) if value is not None else item for item in _list(over)}


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "map": lambda over, function: [function(item, place) for place, item in enumerate(_list(over))],
    "filter": lambda over, function: [
        item for place, item in enumerate(_list(over)) if function(item, place)
    ],
    "reduce": _reduce,
    "sort": _sort,
    "mapvalues": lambda over, function: {key: function(value) for key, value in _object(over).items()},
    "toobject": _to_object,
}


def run(name: str, arguments: Sequence[Any]) -> Any:
    """What one of them makes of its arguments, functions among them.

    Raises:
        ExpressionError: they are not what it takes.
    """
    try:
        return FUNCTIONS[name](*arguments)
    except TypeError:
        raise ExpressionError(f"{name}: it doesn't take these {len(arguments)} arguments") from None
