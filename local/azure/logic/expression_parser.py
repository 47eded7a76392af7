"""The grammar of expressions in the Workflow Definition Language: text → tree, and what templates do with it, too. Pure.

``concat('a', triggerBody()?['x'].y[0])``: calls, literals, and what is taken from them with ``.name``, ``[index]`` and the
forgiving ``?.name`` and ``?[index]``. Quotes in strings are doubled.

Source: Microsoft Learn, "Workflow Definition Language schema reference", section "Expressions" and "Operators".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\?\.|\?\[|[.\[\](),]))"
)


class ExpressionError(Exception):
    """An expression can't be read or evaluated; the message says why."""


@dataclass(frozen=True)
class Literal:
    """A number, string, ``true``, ``false`` or ``null``."""

    value: float | int | str | bool | None


@dataclass(frozen=True)
class Call:
    """A function with its arguments; its name in lower case, as case doesn't matter."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Member:
    """What is taken from a value; ``forgiving``: null where there is nothing to take it from."""

    of: Node
    key: Node
    forgiving: bool


Node = Literal | Call | Member
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


@dataclass
class _Reader:
    text: str
    tokens: list[tuple[str, str]]
    at: int = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, *signs: str) -> str | None:
        kind, value = self.peek()
        if kind == "sign" and value in signs:
            self.at += 1
            return value
        return None

    def expect(self, sign: str) -> None:
        if self.take(sign) is None:
            found = self.peek()[1] or "the end"
            raise ExpressionError(f"expected '{sign}' and found {found} in '{self.text}'")

    def expression(self) -> Node:
        node = self.primary()
        while sign := self.take(".", "?.", "[", "?["):
            if sign.endswith("."):
                kind, value = self.peek()
                if kind != "name":
                    raise ExpressionError(f"expected a name behind '{sign}' in '{self.text}'")
                self.at += 1
                key: Node = Literal(value)
            else:
                key = self.expression()
                self.expect("]")
            node = Member(node, key, forgiving=sign.startswith("?"))
        return node

    def primary(self) -> Node:
        kind, value = self.peek()
        self.at += 1
        match kind:
            case "number":
                return Literal(float(value) if any(c in value for c in ".eE") else int(value))
            case "string":
                return Literal(value[1:-1].replace("''", "'"))
            case "name" if self.take("("):
                return Call(value.lower(), self.arguments())
            case "name" if value.lower() in _WORDS:
                return Literal(_WORDS[value.lower()])
            case "name":
                raise ExpressionError(f"'{value}' is neither a function call nor a literal in '{self.text}'")
            case _:
                raise ExpressionError(f"expected a value and found {value or 'the end'} in '{self.text}'")

    def arguments(self) -> tuple[Node, ...]:
        if self.take(")"):
            return ()
        found = [self.expression()]
        while self.take(","):
            found.append(self.expression())
        self.expect(")")
        return tuple(found)


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        token = _TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise ExpressionError(f"can't read '{text[at : at + 20].strip()}' in '{text}'")
        found.append((token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


@lru_cache(maxsize=2048)
def parse(text: str) -> Node:
    """The tree of an expression, given without its ``@``.

    Raises:
        ExpressionError: it isn't one.
    """
    reader = _Reader(text, _tokens(text))
    node = reader.expression()
    if reader.peek()[0] != "end":
        raise ExpressionError(f"there is more than one expression in '{text}': {reader.peek()[1]}")
    return node


def calls(node: Node) -> list[Call]:
    """All calls in a tree, outermost first."""
    match node:
        case Literal():
            return []
        case Call():
            return [node, *(inner for one in node.arguments for inner in calls(one))]
        case Member():
            return [*calls(node.of), *calls(node.key)]


def nodes_in(value: Any, read: Callable[[str], Iterable[Node]]) -> Iterator[Node]:
    """The expressions in the texts of a JSON value, keys of objects too; ``read`` says which a text has."""
    if isinstance(value, str):
        yield from read(value)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from nodes_in(key, read)
            yield from nodes_in(one, read)
    elif isinstance(value, list):
        for one in value:
            yield from nodes_in(one, read)


def called(name: str, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """What a function makes of its arguments.

    Raises:
        ExpressionError: it can't, or it doesn't take so many; says which function.
    """
    try:
        return function(*arguments)
    except ExpressionError as error:
        raise ExpressionError(f"{name}: {error}") from None
    except TypeError:
        raise ExpressionError(f"{name}: it doesn't take these {len(arguments)} arguments") from None
