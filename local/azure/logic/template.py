"""Values of a definition with expressions in them: ``@expr``, ``text @{expr} text``, and ``@@`` for an ``@``. Pure.

An expression that is the whole text keeps its type; interpolation makes text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from local.azure.logic.expression_parser import Call, ExpressionError, Node, calls, nodes_in, parse
from local.azure.logic.text import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Template:
    """A text: its parts are text as it stands or expressions."""

    parts: tuple[str | Node, ...]
    #: whether it is one expression, whose value keeps its type
    whole: bool = False


@lru_cache(maxsize=2048)
def read(text: str) -> Template:
    """A text's parts.

    Raises:
        ExpressionError: an expression in it can't be read.
    """
    if text.startswith("@") and not text.startswith(("@@", "@{")):
        return Template((parse(text[1:]),), whole=True)
    parts: list[str | Node] = []
    plain, at = "", 0
    if text.startswith("@@") and not text.startswith("@@{"):
        plain, at = "@", 2
    while at < len(text):
        if text.startswith("@@{", at):
            plain, at = f"{plain}@{{", at + 3
        elif text.startswith("@{", at):
            end = _closing(text, at + 2)
            parts += [plain] if plain else []
            parts.append(parse(text[at + 2 : end]))
            plain, at = "", end + 1
        else:
            plain, at = plain + text[at], at + 1
    parts += [plain] if plain or not parts else []
    return Template(tuple(parts))


def _closing(text: str, start: int) -> int:
    """Where the brace closes that opened before ``start``; braces in strings don't count."""
    quoted = False
    for at in range(start, len(text)):
        if text[at] == "'":
            quoted = not quoted
        elif text[at] == "}" and not quoted:
            return at
    raise ExpressionError(f"'@{{' is never closed in '{text}'")


def evaluated(value: Any, evaluate: Callable[[Node], Any]) -> Any:
    """A value with every expression in it evaluated; keys of objects too.

    Raises:
        ExpressionError: one fails.
    """
    if isinstance(value, str):
        template = read(value)
        if template.whole:
            return evaluate(template.parts[0])  # pyright: ignore[reportArgumentType] (a node)
        return "".join(part if isinstance(part, str) else as_text(evaluate(part)) for part in template.parts)
    if isinstance(value, dict):
        return {as_text(evaluated(key, evaluate)): evaluated(one, evaluate) for key, one in value.items()}
    if isinstance(value, list):
        return [evaluated(one, evaluate) for one in value]
    return value


def calls_in(value: Any) -> Iterator[Call]:
    """All function calls in a value's expressions.

    Raises:
        ExpressionError: an expression can't be read.
    """
    return (call for node in nodes_in(value, _expressions) for call in calls(node))


def _expressions(text: str) -> list[Node]:
    return [part for part in read(text).parts if not isinstance(part, str)]
