"""Functions and operators of the Kusto Query Language on values. Pure.

Source: Microsoft Learn, "Kusto Query Language": "Scalar functions", "String operators".
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def time_of(text: Any) -> datetime | None:
    """A time of day and year, in UTC."""
    if isinstance(text, datetime):
        return text
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def text_of(value: Any) -> str:
    """A value as text, as ``tostring`` has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _number(value: Any, kind: type) -> Any:
    try:
        return None if value is None or value == "" else kind(float(value))
    except (TypeError, ValueError):
        return None


def floored(value: Any, step: Any) -> Any:
    """``bin``: the multiple of a step that isn't above a value."""
    if value is None or step is None:
        return None
    if isinstance(value, datetime):
        since = value - datetime(1970, 1, 1, tzinfo=UTC)
        return value - since % step
    return value // step * step


def _has(text: str, wanted: str) -> bool:
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(wanted)}(?![0-9A-Za-z])", text, re.IGNORECASE) is not None


def _case(*given: Any) -> Any:
    pairs = zip(given[:-1:2], given[1::2], strict=True)
    return next((value for met, value in pairs if met), given[-1])


def _same(one: Any, other: Any) -> bool:
    return bool(one == other)


def _json(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _same,
    "!=": lambda one, other: not _same(one, other),
    "=~": lambda one, other: text_of(one).lower() == text_of(other).lower(),
    "!~": lambda one, other: text_of(one).lower() != text_of(other).lower(),
    "<": lambda one, other: one < other,
    ">": lambda one, other: one > other,
    "<=": lambda one, other: one <= other,
    ">=": lambda one, other: one >= other,
}
TEXTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, wanted: wanted.lower() in text.lower(),
    "contains_cs": lambda text, wanted: wanted in text,
    "has": _has,
    "startswith": lambda text, wanted: text.lower().startswith(wanted.lower()),
    "startswith_cs": str.startswith,
    "endswith": lambda text, wanted: text.lower().endswith(wanted.lower()),
    "endswith_cs": str.endswith,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "not": lambda value: not value,
    "tostring": text_of,
    "toint": lambda value: _number(value, int),
    "tolong": lambda value: _number(value, int),
    "todouble": lambda value: _number(value, float),
    "toreal": lambda value: _number(value, float),
    "todatetime": time_of,
    "tolower": lambda value: text_of(value).lower(),
    "toupper": lambda value: text_of(value).upper(),
    "strlen": lambda value: len(text_of(value)),
    "strcat": lambda *values: "".join(text_of(value) for value in values),
    "isempty": lambda value: text_of(value) == "",
    "isnotempty": lambda value: text_of(value) != "",
    "isnull": lambda value: value is None,
    "isnotnull": lambda value: value is not None,
    "iff": lambda met, one, other: one if met else other,
    "iif": lambda met, one, other: one if met else other,
    "case": _case,
    "coalesce": lambda *values: next((value for value in values if value not in (None, "")), None),
    "bin": floored,
    "round": lambda value, digits=0: None if value is None else round(float(value), int(digits)),
    "parse_json": _json,
    "todynamic": _json,
}
