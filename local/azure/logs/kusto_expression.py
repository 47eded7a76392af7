"""Expressions of the Kusto Query Language: read into functions of a row. Pure.

Scope: literals, columns, members of dynamic values, arithmetic, comparisons, text operators, ``in``, ``between``, ``and``,
``or``, ``not``, and the functions below. What isn't known is refused by name. A comparison with nothing is false.

Source: Microsoft Learn, "Kusto Query Language", "Scalar data types", "String operators".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.logs.kusto_function import COMPARISONS, FUNCTIONS, TEXTS, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Row = Mapping[str, Any]
    Expression = Callable[[Row], Any]

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<comment>//[^\n]*)
  | (?P<timespan>\d+(?:\.\d+)?(?:d|h|m|s|ms)\b)
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<string>@?"(?:[^"\\]|\\.)*"|@?'(?:[^'\\]|\\.)*')
  | (?P<name>in~|[A-Za-z_$][\w$]*(?:-(?:away|rename|keep|reorder)\b)?)
  | (?P<op>!in~|in~|!=|==|=~|!~|<=|>=|\.\.|![A-Za-z_]+|[-+*/%()<>,|=.\[\]])
    )""",
    re.VERBOSE,
)
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True)
class Token:
    """A piece of a query."""

    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    """A query in pieces.

    Raises:
        ArmError: 400.
    """
    found: list[Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise syntax(f"'{text[at:].strip()[:20]}' isn't understood")
        if match.lastgroup != "comment":
            found.append(Token(match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def syntax(message: str) -> Exception:
    """A query that can't be read, as Azure refuses it."""
    return bad_request(f"SYN0002: Query could not be parsed: {message}", code="BadArgumentError")


def semantic(message: str) -> Exception:
    """A query that means nothing, likewise."""
    return bad_request(f"SEM0100: {message}", code="BadArgumentError")


class Reader:
    """Reads tokens."""

    def __init__(self, found: Sequence[Token], now: datetime) -> None:
        self._tokens, self._at, self.now = found, 0, now

    @property
    def next(self) -> str:
        """The next token in lower case; empty at the end."""
        return self._tokens[self._at].text.lower() if self._at < len(self._tokens) else ""

    @property
    def kind(self) -> str:
        """The next token's kind."""
        return self._tokens[self._at].kind if self._at < len(self._tokens) else ""

    def take(self) -> str:
        """The next token, taken."""
        if self._at >= len(self._tokens):
            raise syntax("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1].text

    def met(self, *texts: str) -> bool:
        """Takes the next token if it is one of these."""
        if self.next in texts and self.kind != "string":
            self._at += 1
            return True
        return False

    def need(self, text: str) -> None:
        """Takes what must come."""
        if not self.met(text):
            raise syntax(f"'{text}' is expected before '{self.next}'")

    def ahead(self, text: str) -> bool:
        """Whether the token after the next is this one."""
        return self._at + 1 < len(self._tokens) and self._tokens[self._at + 1].text == text

    def name(self) -> str:
        """A name, taken."""
        if self.kind != "name":
            raise syntax(f"a name is expected before '{self.next}'")
        return self.take()

    # --- expressions, the loosest first

    def expression(self) -> Expression:
        """An expression."""
        left = self._both()
        while self.met("or"):
            left = _either(left, self._both())
        return left

    def _both(self) -> Expression:
        left = self._comparison()
        while self.met("and"):
            left = _and(left, self._comparison())
        return left

    def _comparison(self) -> Expression:
        left = self._sum()
        if self.kind == "op" and self.next in COMPARISONS:
            return _compared(COMPARISONS[self.take()], left, self._sum())
        if self.next in ("in", "in~", "!in", "!in~", "between", "!between") or self.next.lstrip("!") in TEXTS:
            return self._worded(left, self.take().lower())
        return left

    def _worded(self, left: Expression, word: str) -> Expression:
        plain = word.lstrip("!")
        if plain == "between":
            self.need("(")
            low = self._sum()
            self.need("..")
            high = self._sum()
            self.need(")")
            found: Expression = _and(
                _compared(COMPARISONS[">="], left, low), _compared(COMPARISONS["<="], left, high)
            )
        elif plain in ("in", "in~"):
            self.need("(")
            values = [self._sum()]
            while self.met(","):
                values.append(self._sum())
            self.need(")")
            same = COMPARISONS["=~" if plain == "in~" else "=="]
            options = [_compared(same, left, value) for value in values]
            found = lambda row: any(option(row) for option in options)  # noqa: E731 (beside its like)
        else:
            right, test = self._sum(), TEXTS[plain]
            found = lambda row: test(text_of(left(row)), text_of(right(row)))  # noqa: E731
        return (lambda row: not found(row)) if word.startswith("!") else found

    def _sum(self) -> Expression:
        left = self._product()
        while self.kind == "op" and self.next in ("+", "-"):
            left = _arithmetic(self.take(), left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while self.kind == "op" and self.next in ("*", "/", "%"):
            left = _arithmetic(self.take(), left, self._signed())
        return left

    def _signed(self) -> Expression:
        if self.met("-"):
            inner = self._signed()
            return lambda row: None if inner(row) is None else -inner(row)
        value = self._single()
        while self.kind == "op" and self.next in (".", "["):
            value = self._member(value)
        return value

    def _member(self, of: Expression) -> Expression:
        if self.met("."):
            key: Any = self.name()
            return lambda row: _member(of(row), key)
        self.need("[")
        inner = self.expression()
        self.need("]")
        return lambda row: _member(of(row), inner(row))

    def _single(self) -> Expression:
        kind = self.kind
        if self.met("("):
            inner = self.expression()
            self.need(")")
            return inner
        if kind not in ("number", "timespan", "string", "name"):
            raise syntax(f"'{self.next}' isn't expected")
        text = self.take()
        if kind != "name":
            value = literal(kind, text)
            return lambda _row: value
        if text.lower() in ("true", "false"):
            return lambda _row: text.lower() == "true"
        if self.next == "(":
            return self._call(text)
        return _column(text)

    def _call(self, name: str) -> Expression:
        self.need("(")
        if name == "datetime":
            parts: list[str] = []
            while self.next != ")":
                parts.append(self.take())
            self.need(")")
            when = time_of("".join(parts).replace('"', ""))
            return lambda _row: when
        given: list[Expression] = []
        while self.next != ")":
            given.append(self.expression())
            if not self.met(","):
                break
        self.need(")")
        if name == "now":
            return lambda _row: self.now
        if name == "ago":
            return lambda row: self.now - given[0](row)
        function = FUNCTIONS.get(name)
        if function is None:
            raise unsupported(f"The function '{name}' of the Kusto Query Language")
        return lambda row: function(*(one(row) for one in given))


def literal(kind: str, text: str) -> Any:
    """The value of a literal."""
    if kind == "timespan":
        number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
        return timedelta(seconds=float(number) * _UNITS[unit])
    if kind == "number":
        return int(text) if text.isdigit() else float(text)
    if text.startswith("@"):
        return text[2:-1]
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text[1:-1])


def _column(name: str) -> Expression:
    def value(row: Row) -> Any:
        if name not in row:
            raise semantic(f"Failed to resolve column or scalar expression named '{name}'")
        return row[name]

    return value


def _member(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int):
        return value[key] if -len(value) <= key < len(value) else None
    return None


def _either(left: Expression, right: Expression) -> Expression:
    return lambda row: bool(left(row)) or bool(right(row))


def _and(left: Expression, right: Expression) -> Expression:
    return lambda row: bool(left(row)) and bool(right(row))


def _compared(test: Callable[[Any, Any], bool], left: Expression, right: Expression) -> Expression:
    def value(row: Row) -> bool:
        one, other = left(row), right(row)
        if one is None or other is None:
            return False
        if isinstance(one, datetime) and isinstance(other, str):
            other = time_of(other)
        try:
            return test(one, other)
        except TypeError:
            raise semantic(
                f"Cannot compare values of types {type(one).__name__} and {type(other).__name__}"
            ) from None

    return value


def _arithmetic(operator: str, left: Expression, right: Expression) -> Expression:
    def value(row: Row) -> Any:
        one, other = left(row), right(row)
        if one is None or other is None:
            return None
        try:
            match operator:
                case "+":
                    return one + other
                case "-":
                    return one - other
                case "*":
                    return one * other
                case "%":
                    return one % other
                case _:
                    # Whole numbers stay whole, towards zero.
                    return (
                        int(one / other) if isinstance(one, int) and isinstance(other, int) else one / other
                    )
        except ZeroDivisionError:
            return None
        except TypeError:
            raise semantic(f"Operator '{operator}' isn't for such values") from None

    return value
