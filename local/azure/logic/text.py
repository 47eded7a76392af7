"""How workflows turn values into text, compare them, and call their kinds. Pure.

Source: Microsoft Learn, "Reference guide to functions in expressions for workflows" (``string``, ``equals``, the note that
logical functions take null for the empty string).
"""

from __future__ import annotations

import json
from typing import Any


def as_text(value: Any) -> str:
    """A value as ``string()``, ``concat()`` and interpolation write it."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "True" if value else "False"
        case float() if value.is_integer():
            return str(int(value))
        case dict() | list():
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        case _:
            return str(value)


def same(one: Any, other: Any) -> bool:
    """``equals()``: of the same kind and the same; null is the empty string."""
    one, other = ("" if value is None else value for value in (one, other))
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return (type(one) is type(other) and one == other) or (
        isinstance(one, int | float) and isinstance(other, int | float) and one == other
    )


def kind(value: Any) -> str:
    """What a value is called in messages."""
    names = {
        type(None): "Null",
        bool: "Boolean",
        int: "Integer",
        float: "Float",
        str: "String",
        list: "Array",
    }
    return names.get(type(value), "Object")
