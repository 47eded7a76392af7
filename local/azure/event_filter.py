"""Event Grid's filters: which events a subscription gets. Pure.

Source: Microsoft Learn, "Understand event filtering for Event Grid subscriptions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STRINGS: dict[str, Callable[[str, str], bool]] = {
    "StringIn": lambda found, wanted: found == wanted,
    "StringContains": lambda found, wanted: wanted in found,
    "StringBeginsWith": lambda found, wanted: found.startswith(wanted),
    "StringEndsWith": lambda found, wanted: found.endswith(wanted),
}
_NEGATED = {
    "StringNotIn": "StringIn",
    "StringNotContains": "StringContains",
    "StringNotBeginsWith": "StringBeginsWith",
    "StringNotEndsWith": "StringEndsWith",
}
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "NumberGreaterThan": lambda found, wanted: found > wanted,
    "NumberGreaterThanOrEquals": lambda found, wanted: found >= wanted,
    "NumberLessThan": lambda found, wanted: found < wanted,
    "NumberLessThanOrEquals": lambda found, wanted: found <= wanted,
}
_OPERATORS = (
    *_STRINGS,
    *_NEGATED,
    *_NUMBERS,
    "BoolEquals",
    "NumberIn",
    "NumberNotIn",
    "NumberInRange",
    "NumberNotInRange",
    "IsNullOrUndefined",
    "IsNotNull",
)
_LIMIT = 25


def check(chosen: Mapping[str, Any]) -> None:
    """Refuses a filter that Azure refuses, or that isn't known here.

    Raises:
        ArmError: 400 or 501.
    """
    filters = chosen.get("advancedFilters") or []
    if len(filters) > _LIMIT:
        raise bad_request(
            f"An event subscription has at most {_LIMIT} advanced filters.", code="InvalidRequest"
        )
    for item in filters:
        if item.get("operatorType") not in _OPERATORS:
            raise unsupported(f"The filter operator '{item.get('operatorType')}'")
        if not item.get("key"):
            raise bad_request(
                "An advanced filter needs a key.", code="InvalidRequest", target="filter.advancedFilters"
            )


def matches(chosen: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event passes: its type, its subject, and every advanced filter."""
    types = chosen.get("includedEventTypes")
    if types and event["eventType"].lower() not in {name.lower() for name in types if name.lower() != "all"}:
        return any(name.lower() == "all" for name in types)
    fold = (lambda text: text) if chosen.get("isSubjectCaseSensitive") else str.lower
    subject = fold(event["subject"])
    if not subject.startswith(fold(chosen.get("subjectBeginsWith") or "")):
        return False
    if not subject.endswith(fold(chosen.get("subjectEndsWith") or "")):
        return False
    return all(_passes(item, event) for item in chosen.get("advancedFilters") or [])


def _passes(item: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    operator: str = item["operatorType"]
    found = _value(event, item["key"])
    values: list[Any] | None = item.get("values")
    wanted: list[Any] = [item.get("value")] if values is None else values
    if operator == "IsNullOrUndefined":
        return found is None
    if operator == "IsNotNull":
        return found is not None
    if operator == "BoolEquals":
        return found is not None and found == item.get("value")
    if operator in ("NumberIn", "NumberNotIn"):
        return (found in wanted) == (operator == "NumberIn")
    if operator in ("NumberInRange", "NumberNotInRange"):
        within = isinstance(found, int | float) and any(low <= found <= high for low, high in wanted)
        return within == (operator == "NumberInRange")
    if operator in _NUMBERS:
        return isinstance(found, int | float) and any(_NUMBERS[operator](found, value) for value in wanted)
    compare = _STRINGS[_NEGATED.get(operator, operator)]
    # Azure compares strings without regard to case.
    hit = isinstance(found, str) and any(compare(found.lower(), str(value).lower()) for value in wanted)
    return hit != (operator in _NEGATED)


def _value(event: Mapping[str, Any], key: str) -> Any:
    """What a dotted key names, in any case; an object's own key may hold dots itself."""
    found: Any = event
    rest = key
    while rest:
        if not isinstance(found, dict):
            return None
        lower = {str(name).lower(): value for name, value in found.items()}
        if rest.lower() in lower:
            return lower[rest.lower()]
        head, dot, rest = rest.partition(".")
        if not dot:
            return None
        found = lower.get(head.lower())
    return found
