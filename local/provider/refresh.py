"""Refresh: the inputs after a read. Pure.

Inputs can't be read from Azure: a response has many values that Azure chose. So old and new outputs are both projected
to inputs, and only what changed between the two is applied to the inputs in state (azure-native's way).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from local.provider.properties import Secret, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]


def refreshed(inputs: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any]) -> Json:
    """``inputs`` with what changed between two projections; secrets stay secrets."""
    result = {name: value for name, value in inputs.items() if name in now or name not in before}
    for name, new in now.items():
        if name not in before:
            result[name] = new
        elif plain(before[name]) != plain(new):
            result[name] = _value(inputs[name], before[name], new) if name in inputs else new
    return result


def _value(base: Any, before: Any, now: Any) -> Any:
    if isinstance(base, Secret):
        return Secret(_value(base.value, before, now))
    if isinstance(base, dict) and isinstance(before, dict) and isinstance(now, dict):
        return refreshed(cast("Json", base), cast("Json", before), cast("Json", now))
    if isinstance(base, list) and isinstance(before, list) and isinstance(now, list):
        bases, befores = cast("list[Any]", base), cast("list[Any]", before)
        return [
            _value(bases[index], befores[index], item) if index < min(len(bases), len(befores)) else item
            for index, item in enumerate(cast("list[Any]", now))
        ]
    return now
