"""The parameters of a template: defaults, types, limits. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.logic.expression_parser import ExpressionError
from local.azure.logic.text import same

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "securestring": (str,),
    "int": (int,),
    "bool": (bool,),
    "object": (dict,),
    "secureobject": (dict,),
    "array": (list,),
}


def invalid(message: str) -> ArmError:
    """400 for a template that can't be deployed."""
    return bad_request(f"Deployment template validation failed: '{message}'.", code="InvalidTemplate")


def is_secure(declared: Mapping[str, Any]) -> bool:
    """Whether a parameter's or an output's value must not be shown."""
    return str(declared.get("type", "")).lower().startswith("secure")


def values(
    declared: Mapping[str, Json], given: Mapping[str, Any], evaluate: Callable[[Any, Json], Any]
) -> Json:
    """The value of each parameter. ``evaluate(template, values so far)`` computes a default.

    Raises:
        ArmError: 400, one is missing, unknown, or against its declaration.
    """
    names = {name.lower(): name for name in declared}
    if unknown := [name for name in given if name.lower() not in names]:
        raise invalid(
            f"The template parameters '{', '.join(unknown)}' in the parameters file are not valid; they are not "
            "present in the original template and can therefore not be provided at deployment time"
        )
    provided = {names[name.lower()]: _given(name, entry) for name, entry in given.items()}
    found: Json = {}
    waiting = dict(declared)
    while waiting:
        problem: ExpressionError | None = None
        before = len(waiting)
        for name, declaration in list(waiting.items()):
            try:
                found[name] = _one(name, declaration, provided, lambda value: evaluate(value, found))
            except ExpressionError as error:
                problem = error
                continue
            del waiting[name]
        if len(waiting) == before:
            raise invalid(
                f"The default value of the parameter '{next(iter(waiting))}' can't be evaluated: {problem}"
            )
    return found


def _given(name: str, entry: Any) -> Any:
    if isinstance(entry, dict) and "value" in entry:
        return entry["value"]
    if isinstance(entry, dict) and "reference" in entry:
        raise ArmError(
            501,
            "NotSupportedByLocalAzure",
            f"The parameter '{name}' as a reference to a Key Vault secret is not supported by local Azure.",
        )
    raise invalid(f"The parameter '{name}' needs a value: {{\"value\": …}}")


def _one(name: str, declared: Json, provided: Mapping[str, Any], evaluate: Callable[[Any], Any]) -> Any:
    # A null is no value: Azure takes the default then.
    if provided.get(name) is not None or (name in provided and "defaultValue" not in declared):
        value = provided[name]
    elif "defaultValue" in declared:
        value = evaluate(declared["defaultValue"])
    elif declared.get("nullable"):
        return None
    else:
        raise invalid(f"The value for the template parameter '{name}' is not provided")
    _check(name, declared, value)
    return value


def _check(name: str, declared: Json, value: Any) -> None:
    wanted = _TYPES.get(str(declared.get("type", "")).lower())
    if wanted is None:
        raise invalid(
            f"The parameter '{name}' has the type '{declared.get('type')}', which is none of a template's"
        )
    if value is None and declared.get("nullable"):
        return
    if not isinstance(value, wanted) or (wanted == (int,) and isinstance(value, bool)):
        raise invalid(f"The provided value for the template parameter '{name}' is not a {declared['type']}")
    allowed = declared.get("allowedValues")
    if allowed is not None:
        parts = (
            value
            if isinstance(value, list) and not any(isinstance(one, list) for one in allowed)
            else [value]
        )
        if not all(any(same(part, one) for one in allowed) for part in parts):
            raise invalid(
                f"The provided value for the template parameter '{name}' is not part of the allowed value(s): "
                f"'{','.join(map(str, allowed))}'"
            )
    size = len(value) if isinstance(value, str | list) else None
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    for key, measured, fails in (
        ("minLength", size, lambda a, b: a < b),
        ("maxLength", size, lambda a, b: a > b),
        ("minValue", number, lambda a, b: a < b),
        ("maxValue", number, lambda a, b: a > b),
    ):
        if key in declared and measured is not None and fails(measured, declared[key]):
            raise invalid(f"The parameter '{name}' is against its {key} of {declared[key]}")
