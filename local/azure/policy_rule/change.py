"""What ``modify`` and ``append`` make of a body. Pure.

Source: Microsoft Learn, "Azure Policy definitions modify effect", "Azure Policy definitions append effect".
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from local.azure.policy_rule import alias
from local.azure.policy_rule.alias import MISSING

if TYPE_CHECKING:
    from local.azure.policy_rule.condition import Evaluation
    from local.azure.resource_type import Json


class ConflictError(Exception):
    """``append`` would have to change a value that the request gives: the request is refused."""


def modified(evaluation: Evaluation, details: Json) -> Json:
    """The body with the operations of a ``modify``: each whose own condition holds."""
    body = copy.deepcopy(evaluation.subject.body)
    for operation in details.get("operations") or []:
        if "condition" in operation and _text(evaluation.value(operation["condition"])) == "false":
            continue
        name = str(evaluation.value(operation["field"]))
        kind = str(operation["operation"]).lower()
        there = _read(body, name) is not MISSING
        if kind == "remove":
            _write(body, name, MISSING)
        elif kind == "addorreplace" or not there or "[*]" in name:
            _write(body, name, evaluation.value(operation.get("value")))
    return body


def appended(evaluation: Evaluation, details: list[Json]) -> Json:
    """The body with the fields of an ``append``.

    Raises:
        ConflictError: a field has another value.
    """
    body = copy.deepcopy(evaluation.subject.body)
    for one in details:
        name, value = str(evaluation.value(one["field"])), evaluation.value(one.get("value"))
        there = _read(body, name)
        if "[*]" not in name and there is not MISSING and _text(there) != _text(value):
            raise ConflictError(name)
        _write(body, name, value)
    return body


def _text(value: Any) -> str:
    return str(value).lower()


def _tag(body: Json, name: str) -> str:
    """A tag's name as the body spells it."""
    return next((key for key in body.get("tags") or {} if key.lower() == name.lower()), name)


def _read(body: Json, name: str) -> Any:
    if (tag := alias.tag_of(name)) is not None:
        return (body.get("tags") or {}).get(_tag(body, tag), MISSING)
    path = alias.steps(name)
    if path is None:
        return body.get(name.lower(), MISSING)
    found = alias.values(body, path)
    return found[0] if found else MISSING


def _write(body: Json, name: str, value: Any) -> None:
    """Writes a field (``MISSING`` takes it away); into an array, where the alias ends in ``[*]``, one more element."""
    if (tag := alias.tag_of(name)) is not None:
        if value is MISSING:
            (body.get("tags") or {}).pop(_tag(body, tag), None)
        else:
            body["tags"] = {**(body.get("tags") or {}), _tag(body, tag): value}
        return
    if name.lower() == "tags":
        body["tags"] = {} if value is MISSING else {**(body.get("tags") or {}), **value}
        return
    path = alias.steps(name)
    if path is None or "[*]" in path[:-1]:
        return
    more = path[-1] == "[*]"
    *above, last = alias.place(body, path[:-1] if more else path)
    holder: Any = body
    for key in above:
        found = next((one for one in holder if one.lower() == key.lower()), key)
        if not isinstance(holder.get(found), dict):
            if value is MISSING:
                return
            holder[found] = {}
        holder = holder[found]
    last = next((one for one in holder if one.lower() == last.lower()), last)
    if value is MISSING:
        holder.pop(last, None)
    elif more:
        holder[last] = [*(holder.get(last) or []), *(value if isinstance(value, list) else [value])]
    else:
        holder[last] = value
