"""Functions on times: text in, text out, in .NET's formats. Pure but for ``utcNow``, whose clock is given.

Formats: ``o`` (the default), ``r``, ``s``, ``u`` and custom ones of the common specifiers; others are refused.

Source: Microsoft Learn, "Standard date and time format strings", "Custom date and time format strings" (.NET).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.azure.logic.expression_parser import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FRACTION = re.compile(r"(?<=\.)\d+")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SPECIFIER = re.compile(
    r"yyyy|yy|MMMM|MMM|MM|M|dddd|ddd|dd|d|HH|H|hh|h|mm|m|ss|s|f{1,7}|tt|zzz|K|'[^']*'|\\.|."
)
_PLAIN = re.compile(r"[^A-Za-z%]")


def read(text: Any) -> datetime:
    """A time in ISO 8601 (or RFC 1123), in UTC where it says nothing else.

    Raises:
        ExpressionError: it is no time.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"a time is text such as 2026-01-31T13:00:00Z, not {text!r}")
    try:
        found = datetime.fromisoformat(_FRACTION.sub(lambda digits: digits[0][:6], text))
    except ValueError:
        try:
            found = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        except ValueError:
            raise ExpressionError(f"'{text}' is no time") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def write(when: datetime, form: str = "o") -> str:
    """A time in a .NET format.

    Raises:
        ExpressionError: the format isn't known here.
    """
    match form:
        case "" | "o" | "O":
            return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond:06d}0Z"
        case "r" | "R":
            return (
                f"{_DAYS[when.weekday()][:3]}, {when:%d} {_MONTHS[when.month - 1][:3]} {when:%Y %H:%M:%S} GMT"
            )
        case "s":
            return f"{when:%Y-%m-%dT%H:%M:%S}"
        case "u":
            return f"{when:%Y-%m-%d %H:%M:%S}Z"
        case _ if len(form) == 1:
            raise ExpressionError(f"the time format '{form}' is not supported by local Azure")
        case _:
            return "".join(_specified(when, found[0]) for found in _SPECIFIER.finditer(form))


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_CUSTOM: Mapping[str, Callable[[datetime], str]] = {
    "yyyy": lambda t: f"{t.year:04d}",
    "yy": lambda t: f"{t.year % 100:02d}",
    "MMMM": lambda t: _MONTHS[t.month - 1],
    "MMM": lambda t: _MONTHS[t.month - 1][:3],
    "MM": lambda t: f"{t.month:02d}",
    "M": lambda t: str(t.month),
    "dddd": lambda t: _DAYS[t.weekday()],
    "ddd": lambda t: _DAYS[t.weekday()][:3],
    "dd": lambda t: f"{t.day:02d}",
    "d": lambda t: str(t.day),
    "HH": lambda t: f"{t.hour:02d}",
    "H": lambda t: str(t.hour),
    "hh": lambda t: f"{t.hour % 12 or 12:02d}",
    "h": lambda t: str(t.hour % 12 or 12),
    "mm": lambda t: f"{t.minute:02d}",
    "m": lambda t: str(t.minute),
    "ss": lambda t: f"{t.second:02d}",
    "s": lambda t: str(t.second),
    "tt": lambda t: "AM" if t.hour < 12 else "PM",
    "zzz": lambda _: "+00:00",
    "K": lambda _: "Z",
}


def _specified(when: datetime, part: str) -> str:
    if part in _CUSTOM:
        return _CUSTOM[part](when)
    if part.startswith("f"):
        return f"{when.microsecond:06d}0"[: len(part)]
    if part[0] in "'\\":
        return part.strip("'") if part[0] == "'" else part[1:]
    if part == "T" or _PLAIN.fullmatch(part):
        return part
    raise ExpressionError(f"'{part}' in a time format is not supported by local Azure")


def add(text: Any, amount: Any, unit: str, form: str = "o") -> str:
    """A time moved by so many units (``Hour``, ``Day``, …).

    Raises:
        ExpressionError: the amount is no whole number, or the unit isn't known here.
    """
    seconds = _UNITS.get(unit.lower())
    if seconds is None:
        raise ExpressionError(f"'{unit}' is none of the units of time {', '.join(_UNITS)}")
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise ExpressionError("the amount of time must be an Integer")
    try:
        return write(read(text) + timedelta(seconds=seconds * amount), form)
    except OverflowError:
        raise ExpressionError(f"{amount} {unit} from {text} is no time any more") from None


def ticks(text: Any) -> int:
    """The 100-nanosecond intervals since the year 1."""
    passed = read(text) - datetime(1, 1, 1, tzinfo=UTC)
    return (passed.days * 86400 + passed.seconds) * 10_000_000 + passed.microseconds * 10


def functions(now: Callable[[], datetime]) -> dict[str, Callable[..., Any]]:
    """The functions by name in lower case; ``now`` is the clock."""

    def current(form: str = "o") -> str:
        return write(now(), form)

    def moved(unit: str) -> Callable[..., str]:
        return lambda text, amount, form="o": add(text, amount, unit, form)

    return {
        "utcnow": current,
        "formatdatetime": lambda text, form="o": write(read(text), form),
        "addseconds": moved("second"),
        "addminutes": moved("minute"),
        "addhours": moved("hour"),
        "adddays": moved("day"),
        "addtotime": lambda text, amount, unit, form="o": add(text, amount, unit, form),
        "subtractfromtime": lambda text, amount, unit, form="o": add(text, -amount, unit, form),
        "getfuturetime": lambda amount, unit, form="o": add(current(), amount, unit, form),
        "getpasttime": lambda amount, unit, form="o": add(current(), -amount, unit, form),
        "ticks": ticks,
    }
