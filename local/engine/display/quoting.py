"""Single values as text, as Go prints them: numbers, quoted strings; pure."""

from __future__ import annotations

from decimal import Decimal

_ESCAPES = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
    "\\": "\\\\", '"': '\\"',
}  # fmt: skip
_EXPONENT_FROM, _EXPONENT_BELOW = 6, -4
_JSON_EXPONENT_FROM = 1e21


def quoted(text: str) -> str:
    """A string in quotes, as Go's %q."""
    return f'"{escaped(text)}"'


def escaped(text: str) -> str:
    """What is between the quotes."""
    return "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def number(value: float) -> str:
    """A number: whole ones without an exponent, others as Go's %g."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{float(value):.0f}"
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    exponent = Decimal(repr(value)).adjusted()
    if _EXPONENT_BELOW <= exponent < _EXPONENT_FROM:
        return format(Decimal(repr(value)).normalize(), "f")
    text = "".join(map(str, digits))
    mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def json_number(value: float) -> float:
    """A number that JSON shows as Go would: large whole ones in full."""
    return int(value) if value.is_integer() and abs(value) < _JSON_EXPONENT_FROM else value
