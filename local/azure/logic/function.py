"""Functions of expressions that only compute. Names ignore case; a wrong argument is an ``ExpressionError``.

All arguments are evaluated first, those of ``if`` too. Elsewhere: what reads the run (``triggerBody``, ``outputs``, …) and
what stops early (``and``, ``or``, ``coalesce``) in ``scope.py``, times in ``time_function.py``.

Source: Microsoft Learn, "Reference guide to functions in expressions for workflows in Azure Logic Apps".
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from local.azure.logic.expression_parser import ExpressionError
from local.azure.logic.text import as_text, kind, same

if TYPE_CHECKING:
    from collections.abc import Callable


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ExpressionError(f"expected a String and got {kind(value)}")
    return value


def _number(value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"expected a number and got {kind(value)}")
    return value


def _whole(value: Any) -> int:
    number = _number(value)
    if isinstance(number, float) and not number.is_integer():
        raise ExpressionError(f"expected an Integer and got {number}")
    return int(number)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"expected a Boolean and got {kind(value)}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ExpressionError(f"expected an Array and got {kind(value)}")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ExpressionError(f"expected an Object and got {kind(value)}")
    return value


def _row(value: Any) -> str | list[Any]:
    return value if isinstance(value, list) else _text(value)


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, dict):
        return _text(what) in where
    if isinstance(where, list):
        return any(same(one, what) for one in where)
    return _text(what) in _text(where)


def _ordered(one: Any, other: Any) -> int:
    """-1, 0 or 1; numbers with numbers, texts with texts."""
    if isinstance(one, str) and isinstance(other, str):
        return (one > other) - (one < other)
    a, b = _number(one), _number(other)
    return (a > b) - (a < b)


def _json(text: Any) -> Any:
    if isinstance(text, dict | list):
        return text
    try:
        return json.loads(_text(text))
    except ValueError:
        raise ExpressionError("the text isn't JSON") from None


def _int(value: Any) -> int:
    try:
        return int(value) if isinstance(value, str) else _whole(value)
    except ValueError:
        raise ExpressionError(f"'{value}' can't be converted to an Integer") from None


def _float(value: Any) -> float:
    try:
        return float(value) if isinstance(value, str) else float(_number(value))
    except ValueError:
        raise ExpressionError(f"'{value}' can't be converted to a Float") from None


def _bool(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return bool(_number(value)) if not isinstance(value, bool) else value


def _substring(text: Any, start: Any, length: Any = None) -> str:
    whole, first = _text(text), _whole(start)
    last = len(whole) if length is None else first + _whole(length)
    if not 0 <= first <= last <= len(whole):
        raise ExpressionError(f"substring: {start} and {length} aren't within a text of {len(whole)}")
    return whole[first:last]


def _division(one: Any, other: Any) -> float | int:
    a, b = _number(one), _number(other)
    if b == 0:
        raise ExpressionError("division by zero")
    return int(a / b) if isinstance(a, int) and isinstance(b, int) else a / b


def _remainder(one: Any, other: Any) -> float | int:
    a, b = _number(one), _number(other)
    if b == 0:
        raise ExpressionError("division by zero")
    return a - b * int(a / b)


def _set(value: Any, name: Any, to: Any) -> dict[str, Any]:
    return {**_object(value), _text(name): to}


def _add_property(value: Any, name: Any, to: Any) -> dict[str, Any]:
    if _text(name) in _object(value):
        raise ExpressionError(f"addProperty: there is a property '{name}' already; setProperty changes it")
    return _set(value, name, to)


def _decode(text: Any) -> str:
    try:
        return base64.b64decode(_text(text), validate=True).decode()
    except ValueError:
        raise ExpressionError("the text isn't base64 of UTF-8") from None


def _union(*collections: Any) -> Any:
    if all(isinstance(one, dict) for one in collections):
        return {key: value for one in collections for key, value in one.items()}
    found: list[Any] = []
    for item in (item for one in collections for item in _list(one)):
        if not any(same(item, other) for other in found):
            found.append(item)
    return found


def _first(value: Any) -> Any:
    row = _row(value)
    return row[0] if row else ("" if isinstance(row, str) else None)


def _last(value: Any) -> Any:
    row = _row(value)
    return row[-1] if row else ("" if isinstance(row, str) else None)


def _split(text: Any, separator: Any) -> list[str]:
    by = _text(separator)
    return _text(text).split(by) if by else list(_text(text))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concat": lambda *values: "".join(as_text(value) for value in values),
    "string": as_text,
    "length": lambda value: len(_row(value)),
    "tolower": lambda text: _text(text).lower(),
    "toupper": lambda text: _text(text).upper(),
    "trim": lambda text: _text(text).strip(),
    "substring": _substring,
    "split": _split,
    "join": lambda items, separator: _text(separator).join(as_text(item) for item in _list(items)),
    "replace": lambda text, old, new: _text(text).replace(_text(old), _text(new)) if old else _text(text),
    "startswith": lambda text, start: _text(text).lower().startswith(_text(start).lower()),
    "endswith": lambda text, end: _text(text).lower().endswith(_text(end).lower()),
    "indexof": lambda text, part: _text(text).lower().find(_text(part).lower()),
    "lastindexof": lambda text, part: _text(text).lower().rfind(_text(part).lower()),
    "guid": lambda: str(uuid.uuid4()),
    "base64": lambda text: base64.b64encode(_text(text).encode()).decode(),
    "base64tostring": _decode,
    "uricomponent": lambda text: quote(_text(text), safe=""),
    "uricomponenttostring": lambda text: unquote(_text(text)),
    "json": _json,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "array": lambda value: value if isinstance(value, list) else [value],
    "createarray": lambda *values: list(values),
    "equals": same,
    "not": lambda value: not _truth(value),
    "greater": lambda one, other: _ordered(one, other) > 0,
    "greaterorequals": lambda one, other: _ordered(one, other) >= 0,
    "less": lambda one, other: _ordered(one, other) < 0,
    "lessorequals": lambda one, other: _ordered(one, other) <= 0,
    "if": lambda condition, yes, no: yes if _truth(condition) else no,
    "contains": _contains,
    "empty": lambda value: value is None or (not value if isinstance(value, dict) else not _row(value)),
    "first": _first,
    "last": _last,
    "skip": lambda items, count: _list(items)[max(_whole(count), 0) :],
    "take": lambda items, count: _row(items)[: max(_whole(count), 0)],
    "reverse": lambda items: _list(items)[::-1],
    "union": _union,
    "range": lambda start, count: list(range(_whole(start), _whole(start) + _whole(count))),
    "add": lambda one, other: _number(one) + _number(other),
    "sub": lambda one, other: _number(one) - _number(other),
    "mul": lambda one, other: _number(one) * _number(other),
    "div": _division,
    "mod": _remainder,
    "min": lambda *values: min(_number(one) for value in values for one in (value if isinstance(value, list) else [value])),
    "max": lambda *values: max(_number(one) for value in values for one in (value if isinstance(value, list) else [value])),
    "setproperty": _set,
    "addproperty": _add_property,
    "removeproperty": lambda value, name: {k: v for k, v in _object(value).items() if k != name},
}  # fmt: skip
