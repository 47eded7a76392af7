"""How long a compute instance runs in a week, by the schedules that start and stop it. Pure.

A schedule is what Azure takes: an action with a cron of five fields, of which Azure reads minutes, hours and weekdays
(Microsoft Learn, "CLI (v2) schedule YAML schema"), or a recurrence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY = 24 * 60
_WEEK = 7 * _DAY


def hours_per_week(schedules: Sequence[Mapping[str, Any]]) -> float | None:
    """Hours between starts and the stops that follow them; None where the schedules don't start and stop by the week."""
    moments: dict[int, str] = {}
    for schedule in schedules:
        if schedule.get("status") == "Disabled":
            continue
        minutes = _minutes(schedule)
        if minutes is None:
            return None
        moments |= dict.fromkeys(minutes, str(schedule.get("action")))
    if {"Start", "Stop"} - set(moments.values()):
        return None
    running = 0
    order = sorted(moments)
    for minute, following in zip(order, [*order[1:], order[0] + _WEEK], strict=True):
        if moments[minute] == "Start":
            running += following - minute
    return running / 60


def _minutes(schedule: Mapping[str, Any]) -> list[int] | None:
    """The minutes of a week, from Sunday, at which a schedule acts; None where a week doesn't say."""
    cron, recurrence = schedule.get("cron"), schedule.get("recurrence")
    if cron:
        minutes, hours, _, _, days = str(cron.get("expression")).split()
        return _all(
            [day % 7 for day in _field(days, 0, 7)], list(_field(hours, 0, 23)), list(_field(minutes, 0, 59))
        )
    if recurrence and recurrence.get("frequency") in ("Day", "Week") and recurrence.get("interval") == 1:
        inner = cast("dict[str, Any]", recurrence.get("schedule") or {})
        days = inner.get("weekDays") or _DAYS
        return _all(
            [_DAYS.index(str(day)[:3].lower()) for day in days],
            [int(hour) for hour in inner.get("hours") or [0]],
            [int(minute) for minute in inner.get("minutes") or [0]],
        )
    return None


def _all(days: list[int], hours: list[int], minutes: list[int]) -> list[int]:
    return [day * _DAY + hour * 60 + minute for day in set(days) for hour in hours for minute in minutes]


def _field(text: str, least: int, most: int) -> set[int]:
    """What a field of a cron names.

    >>> sorted(_field("1-5", 0, 7)), sorted(_field("*/20", 0, 59)), sorted(_field("8,18", 0, 23))
    ([1, 2, 3, 4, 5], [0, 20, 40], [8, 18])
    """
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin = least if first == "*" else _number(first)
        end = most if first == "*" or (step and not last) else _number(last or first)
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _DAYS.index(text.lower())
