"""Values of a template with expressions in them: ``[expression]``, and ``[[`` for text that begins with ``[``. Pure.

The grammar inside the brackets is that of workflow expressions (``local/azure/logic/expression_parser.py``).

Source: Microsoft Learn, "Understand the structure and syntax of ARM templates", "Template expressions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.logic.expression_parser import Call, Node, calls, nodes_in, parse

if TYPE_CHECKING:
    from collections.abc import Iterator


def expression(text: str) -> Node | None:
    """The expression that a text is, or None for plain text.

    Raises:
        ExpressionError: it can't be read.
    """
    if text.startswith("[") and text.endswith("]") and not text.startswith("[["):
        return parse(text[1:-1])
    return None


def plain(text: str) -> str:
    """Text that is no expression, as it is meant."""
    return text[1:] if text.startswith("[[") else text


def escaped(value: Any) -> Any:
    """A value that evaluates to itself."""
    if isinstance(value, str):
        return f"[{value}" if value.startswith("[") else value
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return value


def calls_in(value: Any) -> Iterator[Call]:
    """All function calls in a value's expressions.

    Raises:
        ExpressionError: an expression can't be read.
    """
    return (call for node in nodes_in(value, _expressions) for call in calls(node))


def _expressions(text: str) -> tuple[Node, ...]:
    node = expression(text)
    return (node,) if node is not None else ()
