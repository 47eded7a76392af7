"""The actions on a run's variables: InitializeVariable, SetVariable, IncrementVariable. Pure but for the variables given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.logic.expression_parser import ExpressionError
from local.azure.logic.text import kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FITS: Mapping[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def apply(action: str, inputs: Mapping[str, Any], variables: dict[str, Any]) -> None:
    """Does what an action says.

    Raises:
        ExpressionError: the variable isn't there, or what it is set to is of another type.
    """
    if action == "initializevariable":
        for one in inputs.get("variables") or []:
            _initialize(one, variables)
        return
    name = str(inputs.get("name"))
    if name not in variables:
        raise ExpressionError(f"the variable '{name}' isn't initialized")
    if action == "setvariable":
        value = inputs.get("value")
        before = variables[name]
        if (
            before is not None
            and kind(before) != kind(value)
            and {kind(before), kind(value)} != {"Integer", "Float"}
        ):
            raise ExpressionError(
                f"the variable '{name}' is a {kind(before)} and can't become a {kind(value)}"
            )
        variables[name] = value
        return
    amount = inputs.get("value", 1)
    if not _FITS["float"](amount) or not _FITS["float"](variables[name]):
        raise ExpressionError(
            f"the variable '{name}' can't be incremented by {amount!r}: both must be numbers"
        )
    variables[name] += amount


def _initialize(one: Mapping[str, Any], variables: dict[str, Any]) -> None:
    name, wanted = str(one.get("name")), str(one.get("type", "")).lower()
    if wanted not in _FITS:
        raise ExpressionError(f"'{one.get('type')}' is no type of variables ({', '.join(_FITS)})")
    value = one.get("value")
    if value is not None and not _FITS[wanted](value):
        raise ExpressionError(f"the variable '{name}' is a {wanted} and can't start as a {kind(value)}")
    variables[name] = value
