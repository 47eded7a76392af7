"""Whether the ``if`` of a rule holds for a resource. Pure.

A condition on the elements of an array (``[*]``) holds if it holds for each; ``count`` counts those for which ``where`` holds. Text is
compared without regard to case, but for ``match``. Besides yes and no there is *not known*: ``applicable`` asks what can be said by a
resource's type, kind and name alone.

Source: Microsoft Learn, "Azure Policy definition structure policy rule", "Author policies for array properties on Azure resources",
"What is applicability in Azure Policy".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.azure.logic.expression_parser import ExpressionError
from local.azure.policy_rule import alias
from local.azure.policy_rule.alias import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.azure.policy_rule.expression import RuleScope
    from local.azure.resource_type import Json

OPERATORS = frozenset(
    {
        "equals", "notEquals", "like", "notLike", "match", "notMatch", "matchInsensitively", "notMatchInsensitively", "contains",
        "notContains", "in", "notIn", "containsKey", "notContainsKey", "less", "lessOrEquals", "greater", "greaterOrEquals", "exists",
    }
)  # fmt: skip
_BY_LOWER = {name.lower(): name for name in OPERATORS}
_SAID_OF_TYPE = frozenset({"type", "name", "kind", "fullname"})


@dataclass(frozen=True)
class Subject:
    """A resource as rules see it. ``name`` is the last one, ``full_name`` all of them with slashes between."""

    id: str
    type: str
    name: str
    full_name: str
    body: Json


@dataclass
class Evaluation:
    """A rule and a resource. ``trace`` collects what was compared, as refusals show it."""

    subject: Subject
    #: the scope of expressions, with this evaluation's fields
    scope: RuleScope
    #: whether only what says which resources a rule is about counts
    by_type: bool = False
    elements: Json = field(default_factory=dict[str, Any])
    trace: list[Json] = field(default_factory=list[Any])

    def holds(self, condition: Any) -> bool:
        """Whether a condition holds.

        Raises:
            ExpressionError: one of its expressions fails.
        """
        return self.said(condition) is True

    def applicable(self, condition: Any) -> bool:
        """Whether a rule is about such a resource at all."""
        return replace(self, by_type=True, trace=[]).said(condition) is not False

    def read(self, name: str) -> Any:
        """What ``field()`` is: a value, or the list of those of an array's elements."""
        found = [None if value is MISSING else value for value in self._values(name)]
        return found if "[*]" in name and self._element(name) is None else (found[0] if found else None)

    def value(self, written: Any) -> Any:
        """A value of the rule with its expressions evaluated."""
        return replace(self.scope, read=self.read, elements=self.elements).value(written)

    def said(self, condition: Any) -> bool | None:
        """Whether a condition holds; None: that can't be said."""
        if not isinstance(condition, dict):
            raise ExpressionError(f"'{condition}' is no condition")
        given = {key.lower(): one for key, one in condition.items()}
        if "allof" in given:
            return _all(self.said(one) for one in given["allof"])
        if "anyof" in given:
            return _any(self.said(one) for one in given["anyof"])
        if "not" in given:
            found = self.said(given["not"])
            return None if found is None else not found
        operator, wanted = next((_BY_LOWER[key], one) for key, one in given.items() if key in _BY_LOWER)
        if "count" in given:
            if self.by_type:
                return None
            count = self._count(given["count"])
            return self._compared(
                "Count", str(given["count"].get("field") or "value"), count, operator, wanted
            )
        if "value" in given:
            return None if self.by_type else self._compared("Value", str(given["value"]), self.value(given["value"]), operator, wanted)  # fmt: skip
        return self._field(str(self.value(given["field"])), operator, wanted)

    def _field(self, name: str, operator: str, wanted: Any) -> bool | None:
        if self.by_type:
            if name.lower() in alias.ALIASES and not alias.applies(name, self.subject.type):
                return None
            if name.lower() not in _SAID_OF_TYPE:
                return None
        target = self.value(wanted)
        found = self._values(name)
        result = all(compare(operator, value, target, place=name.lower() == "location") for value in found)
        shown = found[0] if len(found) == 1 else [one for one in found if one is not MISSING]
        self._note("Field", name, shown, operator, target, result=result)
        return result

    def _compared(self, kind: str, written: str, value: Any, operator: str, wanted: Any) -> bool:
        target = self.value(wanted)
        result = compare(operator, value, target)
        self._note(kind, written, value, operator, target, result=result)
        return result

    def _note(self, kind: str, written: str, value: Any, operator: str, target: Any, *, result: bool) -> None:
        entry: Json = {"result": str(result), "expressionKind": kind, "expression": written, "path": written}
        if value is not MISSING and value is not None:
            entry["expressionValue"] = value
        self.trace.append({**entry, "targetValue": target, "operator": operator[0].upper() + operator[1:]})

    def _count(self, count: Mapping[str, Any]) -> int:
        where = count.get("where")
        if "field" in count:
            name = str(count["field"])
            items = [item for item in self._values(name) if item is not MISSING]
            key = name.lower()
        else:
            items = self.value(count["value"])
            key = str(count.get("name") or "").lower()
            if not isinstance(items, list):
                raise ExpressionError("the value of a count is an array")
        if where is None:
            return len(items)
        return sum(
            replace(self, elements={**self.elements, key: item, "": item}, trace=[]).holds(where)
            for item in items
        )

    def _element(self, name: str) -> tuple[str, Any] | None:
        """The element of a running count that a field of an array means."""
        lower = name.lower()
        keys = [
            key
            for key in self.elements
            if key and (lower == key or lower.startswith((f"{key}.", f"{key}[*]")))
        ]
        return (best, self.elements[best]) if keys and (best := max(keys, key=len)) else None

    def _values(self, name: str) -> list[Any]:
        subject = self.subject
        path = alias.steps(name)
        if path is not None:
            element = self._element(name)
            if element is not None:
                rest = path[len(alias.steps(element[0]) or ()) :]
                return alias.values({"properties": {"": element[1]}}, ["", *rest])
            if not alias.applies(name, subject.type):
                return [MISSING]
            return alias.values(subject.body, path)
        if (tag := alias.tag_of(name)) is not None:
            tags: Mapping[str, Any] = subject.body.get("tags") or {}
            return [next((one for key, one in tags.items() if key.lower() == tag.lower()), MISSING)]
        return [self._common(name)]

    def _common(self, name: str) -> Any:
        """A field that every resource has."""
        subject, lower = self.subject, name.lower()
        match lower:
            case "name":
                return subject.name
            case "fullname":
                return subject.full_name
            case "type":
                return subject.type
            case "id":
                return subject.id
            case "identity.type":
                return (subject.body.get("identity") or {}).get("type", MISSING)
            case "kind" | "location" | "tags":
                return subject.body.get(lower, MISSING)
            case _:
                raise ExpressionError(f"'{name}' is no field")


def _all(found: Any) -> bool | None:
    results = list(found)
    return False if False in results else (None if None in results else True)


def _any(found: Any) -> bool | None:
    results = list(found)
    return True if True in results else (None if None in results else False)


def compare(operator: str, value: Any, target: Any, *, place: bool = False) -> bool:
    """Whether a value and a target compare as an operator says. ``place``: they are regions, in any spelling."""
    if place:
        value, target = _region(value), _region(target)
    if operator == "exists":
        return (value is not MISSING and value is not None) == (_text(target) == "true")
    positive = _POSITIVE.get(operator)
    if positive is not None:
        return not compare(positive, value, target)
    return _COMPARISONS[operator](None if value is MISSING else value, target)


_POSITIVE = {
    "notEquals": "equals",
    "notLike": "like",
    "notMatch": "match",
    "notMatchInsensitively": "matchInsensitively",
    "notContains": "contains",
    "notIn": "in",
    "notContainsKey": "containsKey",
}


def _region(value: Any) -> Any:
    if isinstance(value, list):
        return [_region(one) for one in value]
    return value.replace(" ", "").lower() if isinstance(value, str) else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).lower()


def _equals(value: Any, target: Any) -> bool:
    if isinstance(value, list | dict) or isinstance(target, list | dict):
        return value == target
    return _text(value) == _text(target)


def _like(value: Any, target: Any) -> bool:
    pattern = ".*".join(re.escape(part) for part in str(target).split("*"))
    return isinstance(value, str) and re.fullmatch(pattern, value, re.IGNORECASE | re.DOTALL) is not None


def _match(value: Any, target: Any, flags: re.RegexFlag = re.NOFLAG) -> bool:
    """``#`` is a digit, ``?`` a letter, ``.`` any character."""
    signs = {"#": "[0-9]", "?": "[A-Za-z]", ".": "."}
    pattern = "".join(signs.get(one) or re.escape(one) for one in str(target))
    return isinstance(value, str) and re.fullmatch(pattern, value, flags) is not None


def _contains(value: Any, target: Any) -> bool:
    if isinstance(value, list):
        return any(_equals(one, target) for one in value)
    return isinstance(value, str) and _text(target) in value.lower()


def _in(value: Any, target: Any) -> bool:
    return any(_equals(value, one) for one in (target if isinstance(target, list) else [target]))


def _contains_key(value: Any, target: Any) -> bool:
    return isinstance(value, dict) and _text(target) in {key.lower() for key in value}


def _ordered(than: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(value: Any, target: Any) -> bool:
        numbers = [
            one for one in (value, target) if isinstance(one, int | float) and not isinstance(one, bool)
        ]
        if len(numbers) == 2:
            return than(value, target)
        return isinstance(value, str) and isinstance(target, str) and than(value, target)

    return compared


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": _equals,
    "like": _like,
    "match": _match,
    "matchInsensitively": lambda value, target: _match(value, target, re.IGNORECASE),
    "contains": _contains,
    "in": _in,
    "containsKey": _contains_key,
    "less": _ordered(lambda one, other: one < other),
    "lessOrEquals": _ordered(lambda one, other: one <= other),
    "greater": _ordered(lambda one, other: one > other),
    "greaterOrEquals": _ordered(lambda one, other: one >= other),
}
