"""The smoke test: one request that a new deployment must answer before it gets traffic. Pure but for reading.

The file is JSON: ``{"request": BODY, "answer": TEMPLATE}``. In a template, ``"number"``, ``"integer"``, ``"boolean"``
and ``"string"`` stand for any value of that kind, ``{"minimum": 0, "maximum": 1}`` for a number in that range, a
mapping for one that has at least these keys, a list for one of that length; everything else for itself. A template
that any answer fits is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_KINDS: Mapping[str, tuple[type, ...]] = {
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "string": (str,),
}
_RANGE = {"minimum", "maximum"}


@dataclass(frozen=True)
class Smoke:
    """A request body and the template of its answer."""

    request: Any
    answer: Any


def read(path: Path) -> Smoke:
    """Reads a smoke test.

    Raises:
        ValueError: the file isn't one; the text says what it must hold.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name} isn't JSON: {error}") from None
    if not isinstance(document, dict) or set(cast("dict[str, Any]", document)) != {"request", "answer"}:
        raise ValueError(
            f'{path.name} must hold {{"request": the body to send, "answer": what must come back}}'
        )
    if document["answer"] in (None, {}, []):
        raise ValueError(
            f"{path.name} expects nothing of the answer, so any deployment would pass; write the answer that must come "
            'back, e.g. [{"probability": "number"}]'
        )
    return Smoke(document["request"], document["answer"])


def mismatch(answer: Any, template: Any, where: str = "answer") -> str | None:
    """Where and how ``answer`` differs from ``template``; None if it doesn't."""
    if isinstance(template, str) and template in _KINDS:
        kinds = _KINDS[template]
        right = isinstance(answer, kinds) and (template == "boolean" or not isinstance(answer, bool))
        return None if right else f"{where} is {answer!r}, not a {template}"
    if isinstance(template, dict):
        return _mapping(answer, cast("Mapping[str, Any]", template), where)
    if isinstance(template, list):
        items = cast("Sequence[Any]", template)
        if not isinstance(answer, list) or len(cast("Sequence[Any]", answer)) != len(items):
            return f"{where} is {answer!r}, not a list of {len(items)}"
        pairs = enumerate(zip(cast("Sequence[Any]", answer), items, strict=True))
        return next((found for i, (a, t) in pairs if (found := mismatch(a, t, f"{where}[{i}]"))), None)
    return None if answer == template else f"{where} is {answer!r}, not {template!r}"


def _mapping(answer: Any, template: Mapping[str, Any], where: str) -> str | None:
    if template and set(template) <= _RANGE:
        low, high = template.get("minimum", float("-inf")), template.get("maximum", float("inf"))
        number = isinstance(answer, (int, float)) and not isinstance(answer, bool)
        return (
            None if number and low <= answer <= high else f"{where} is {answer!r}, not within {low} to {high}"
        )
    if not isinstance(answer, dict):
        return f"{where} is {answer!r}, not a mapping"
    fields = cast("Mapping[str, Any]", answer)
    for key, value in template.items():
        if key not in fields:
            return f"{where} has no {key!r}"
        if found := mismatch(fields[key], value, f"{where}.{key}"):
            return found
    return None
