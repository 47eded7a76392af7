"""What a policy definition may say: refused when it is written, so that what is assigned can be evaluated. Pure.

Source: Microsoft Learn, "Azure Policy definition structure policy rule", "Azure Policy definitions effect basics"; the words about an
unknown alias as Azure writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.logic.expression_parser import ExpressionError, Literal
from local.azure.policy_rule import alias
from local.azure.policy_rule.condition import OPERATORS
from local.azure.policy_rule.expression import unknown_functions
from local.azure.template.text import calls_in, expression

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.azure.resource_type import Json

EFFECTS = {
    name.lower(): name
    for name in (
        "addToNetworkGroup", "append", "audit", "auditIfNotExists", "deny", "denyAction", "deployIfNotExists", "disabled", "manual",
        "modify", "mutate",
    )
}  # fmt: skip
_MODES = ("all", "indexed")
_LOGICAL = frozenset({"allof", "anyof", "not"})
_OPERATORS = {name.lower() for name in OPERATORS}


def evaluated(mode: str) -> bool:
    """Whether definitions of a mode are evaluated here: those of data planes aren't."""
    return mode.lower() in _MODES


def check(properties: Json) -> None:
    """Refuses a definition that Azure doesn't take, or that couldn't be evaluated.

    Raises:
        ArmError: 400 ``InvalidPolicyRule``, ``InvalidPolicyRuleEffect``; 501 a field or function that local Azure doesn't know.
    """
    mode = str(properties.get("mode") or "Indexed")
    if not evaluated(mode):
        if mode.lower().startswith("microsoft.") and mode.lower().endswith(".data"):
            return
        raise _invalid(f"the mode '{mode}' is none of All, Indexed and those of resource providers")
    rule, declared = properties["policyRule"], {name.lower() for name in properties.get("parameters") or {}}
    details: Any = rule["then"].get("details")
    asked = {"if": rule["if"], "then": {**rule["then"], "details": _without_deployment(details)}}
    try:
        if wrong := next(unknown_functions(asked), None):
            raise unsupported(f"The function '{wrong}' of policy rules")
        for call in calls_in(asked):
            name = (
                call.arguments[0].value if call.arguments and isinstance(call.arguments[0], Literal) else None
            )
            if call.name == "parameters" and isinstance(name, str) and name.lower() not in declared:
                raise _invalid(f"the parameter '{name}' is not defined in the policy definition")
    except ExpressionError as error:
        raise _invalid(str(error)) from None
    _check_condition(rule["if"])
    if isinstance(details, dict) and "existenceCondition" in details:
        _check_condition(details["existenceCondition"])
    for field in _fields(asked):
        _check_field(field)
    _check_effect(properties, str(rule["then"]["effect"]))


def effects(properties: Json) -> list[str]:
    """The effects that a definition can have, in lower case: the one it names, or those that its parameter allows."""
    written = str(properties["policyRule"]["then"]["effect"])
    try:
        node = expression(written)
    except ExpressionError:
        return [written.lower()]
    if node is None:
        return [written.lower()]
    for call in calls_in(written):
        if call.name == "parameters" and call.arguments and isinstance(call.arguments[0], Literal):
            name = str(call.arguments[0].value).lower()
            one: Json = next(
                (one for key, one in (properties.get("parameters") or {}).items() if key.lower() == name), {}
            )
            values = one.get("allowedValues") or [one.get("defaultValue")]
            return [str(value).lower() for value in values if value is not None]
    return []


def _without_deployment(details: Any) -> Any:
    """A template has expressions of its own."""
    return (
        {key: one for key, one in details.items() if key != "deployment"}
        if isinstance(details, dict)
        else details
    )


def _check_condition(condition: Any) -> None:
    if not isinstance(condition, dict):
        raise _invalid("a condition is an object")
    given = {key.lower(): one for key, one in condition.items()}
    logical = _LOGICAL & set(given)
    if logical:
        (name, *more), inner = sorted(logical), given[min(logical)]
        if more or len(given) > 1:
            raise _invalid(f"'{name}' stands alone in its condition")
        if (name == "not") == isinstance(inner, list):
            raise _invalid(f"'{name}' has {'one condition' if name == 'not' else 'a list of conditions'}")
        for one in [inner] if name == "not" else inner:
            _check_condition(one)
        return
    _check_leaf(condition, given)


def _check_leaf(condition: Json, given: Json) -> None:
    """A condition that compares something."""
    sources = {"field", "value", "count"} & set(given)
    operators = _OPERATORS & set(given)
    if len(sources) != 1 or len(operators) != 1 or len(given) != 2:
        raise _invalid(
            f"a condition has one of field, value and count, and one operator; this one has {', '.join(condition)}"
        )
    if "count" in given:
        count: Any = given["count"]
        if not isinstance(count, dict) or len({"field", "value"} & set(count)) != 1:
            raise _invalid("a count has a field or a value")
        if "field" in count and not str(count["field"]).endswith("[*]"):
            raise _invalid(f"the field '{count['field']}' of a count ends in [*]")
        if "where" in count:
            _check_condition(count["where"])


def _fields(value: Any) -> Iterator[str]:
    """The fields that a rule names as text."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key.lower() == "field" and isinstance(one, str) and not one.startswith("["):
                yield one
            else:
                yield from _fields(one)
    elif isinstance(value, list):
        for one in value:
            yield from _fields(one)
    elif isinstance(value, str):
        for call in calls_in(value):
            if call.name == "field" and call.arguments and isinstance(call.arguments[0], Literal):
                yield str(call.arguments[0].value)


def _check_field(field: str) -> None:
    if alias.is_known(field):
        return
    if "/" not in field:
        raise bad_request(
            f"The policy definition rule is invalid. The 'field' property '{field}' doesn't exist as an alias.",
            code="InvalidPolicyAlias",
        )
    raise unsupported(f"The policy alias '{field}' (it has {len(alias.ALIASES)} of Azure's)")


def _check_effect(properties: Json, written: str) -> None:
    found = effects(properties)
    if wrong := next((name for name in found if name not in EFFECTS), None):
        raise bad_request(
            f"The policy definition rule is invalid. The policy effect '{wrong}' is invalid. The following effects are supported: "
            f"'{','.join(EFFECTS.values())}'.",
            code="InvalidPolicyRuleEffect",
        )
    if not found:
        raise _invalid(f"the effect '{written}' names no parameter with a default or allowed values")
    details: Any = properties["policyRule"]["then"].get("details")
    needs = {
        "modify": lambda: (
            isinstance(details, dict) and details.get("operations") and details.get("roleDefinitionIds")
        ),
        "append": lambda: isinstance(details, list) and details,
        "auditifnotexists": lambda: isinstance(details, dict) and details.get("type"),
        "deployifnotexists": lambda: (
            isinstance(details, dict) and details.get("type") and details.get("roleDefinitionIds")
        ),
        "denyaction": lambda: isinstance(details, dict) and details.get("actionNames"),
    }
    for name in found:
        if name in needs and not needs[name]():
            raise bad_request(
                f"The policy definition rule is invalid. The policy effect 'details' property could not be parsed for '{EFFECTS[name]}'.",
                code="InvalidPolicyRuleEffectDetails",
            )


def _invalid(why: str) -> Exception:
    return bad_request(
        f"The policy definition rule is invalid: {why}.", code="InvalidPolicyRule", target="policyRule"
    )
