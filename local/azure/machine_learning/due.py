"""When a trigger is due: cron and recurrence, their start, end and time zone. Pure.

A trigger's times are its zone's: ``startTime`` and ``endTime`` carry no offset, zones have the names that Windows gives
them. A time that a zone skips in spring comes an hour later, one that it has twice in autumn comes once. As Azure does, a
cron expression's days and months are ignored, and hours and minutes of a recurrence count for days, weeks and months alone.
Different: without ``startTime`` nothing is due at once, but first when the trigger says so after ``made``.

Source: Microsoft Learn, "CLI (v2) schedule YAML schema".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from dateutil.rrule import rrule

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_PART = re.compile(r"(?:(?P<any>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")
#: How far zones move their clocks at once, and a little more.
_SHIFT = timedelta(hours=3)


class TriggerError(ValueError):
    """A trigger that can't be understood; the message says what is wrong, ``target`` which of its properties."""

    def __init__(self, message: str, target: str) -> None:
        super().__init__(message)
        self.target = target


@dataclass(frozen=True)
class Cron:
    """What counts of a cron expression; days of the week from 0, a Sunday, to 6."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    week_days: tuple[int, ...]


def cron(expression: str) -> Cron:
    """The parts of an expression of five fields.

    Raises:
        TriggerError: it is none.
    """
    fields = expression.split()
    try:
        if len(fields) != 5:
            raise ValueError(expression)
        week_days = {day % 7 for day in _field(fields[4], 0, 7)}
        return Cron(_field(fields[0], 0, 59), _field(fields[1], 0, 23), tuple(sorted(week_days)))
    except ValueError:
        raise TriggerError(f"'{expression}' is no cron expression of five fields.", "expression") from None


def _field(text: str, low: int, high: int) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(part)
        first = low if match["any"] else _number(match["first"])
        last = _number(match["last"]) if match["last"] else first
        if match["any"] or (match["step"] and not match["last"]):
            # Seven is another name of Sunday: it isn't a day of its own.
            last = min(high, 6) if high == 7 else high
        step = int(match["step"] or 1)
        if not low <= first <= last <= high or step == 0:
            raise ValueError(part)
        found.update(range(first, last + 1, step))
    return tuple(sorted(found))


def _number(text: str) -> int:
    for number, day in enumerate(_DAYS):
        if text.lower() in (day, day[:3]):
            return number
    return int(text)


@lru_cache
def zone(name: str) -> tzinfo:
    """The time zone that Windows, or the IANA, gives a name.

    Raises:
        TriggerError: none has that name.
    """
    from tzlocal.windows_tz import win_tz  # noqa: PLC0415 (a table that few requests need)

    if name.upper() == "UTC":
        return UTC
    known = {windows.lower(): iana for windows, iana in win_tz.items()}
    try:
        return ZoneInfo(known.get(name.lower(), name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TriggerError(
            f"'{name}' is no time zone; use one such as 'W. Europe Standard Time' or 'UTC'.", "timeZone"
        ) from None


def moment(text: str, where: tzinfo, target: str) -> datetime:
    """A time of a trigger, in UTC; one without an offset is its zone's.

    Raises:
        TriggerError: it is no time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise TriggerError(f"'{text}' is no time; write it as 2022-06-01T00:00:01.", target) from None
    return (found if found.tzinfo else found.replace(tzinfo=where)).astimezone(UTC)


def check(trigger: Mapping[str, Any]) -> None:
    """Refuses a trigger that has no times.

    Raises:
        TriggerError: says what it lacks.
    """
    next_due(trigger, datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC))


def next_due(trigger: Mapping[str, Any], made: datetime, after: datetime) -> datetime | None:
    """The first time after ``after`` that a trigger is due, in UTC; None: it ended before. ``made`` is when it was set.

    Raises:
        TriggerError: it can't be understood.
    """
    where = zone(str(trigger.get("timeZone") or "UTC"))
    given_start, given_end = trigger.get("startTime"), trigger.get("endTime")
    start = moment(str(given_start), where, "startTime") if given_start else None
    end = moment(str(given_end), where, "endTime") if given_end else None
    # A start that is given is itself a time; the moment in which a schedule is made is none.
    after = max(after, start - timedelta(microseconds=1) if start else made)
    found = _next(trigger, (start or made).astimezone(where), after, where)
    return None if found is None or (end is not None and found > end) else found


def _next(trigger: Mapping[str, Any], start: datetime, after: datetime, where: tzinfo) -> datetime | None:
    frequency = str(trigger.get("frequency", "")).lower()
    interval = int(trigger.get("interval") or 0)
    kind = str(trigger.get("triggerType", ""))
    if kind == "Recurrence" and frequency in _STEPS:
        if interval < 1:
            raise TriggerError("interval must be 1 or more.", "interval")
        # Of these what passes counts, not what the clock shows.
        step = _STEPS[frequency] * interval
        first = start.astimezone(UTC)
        return first if after < first else first + step * ((after - first) // step + 1)
    since = after.astimezone(where).replace(tzinfo=None) - _SHIFT
    own = start.replace(tzinfo=None)
    if kind == "Cron":
        rule = _cron_rule(cron(str(trigger.get("expression", ""))), max(since, own))
    elif kind == "Recurrence":
        rule = _recurrence_rule(frequency, interval, trigger.get("schedule") or {}, own, since)
    else:
        raise TriggerError(f"'{kind}' is no type of trigger.", "triggerType")
    return _first(rule.xafter(since, inc=True), after, where)


def _first(times: Iterator[datetime], after: datetime, where: tzinfo) -> datetime | None:
    """The first of local times that is after ``after``: where clocks are moved, it needn't be the first that is listed."""
    found: datetime | None = None
    until: datetime | None = None
    for time in times:
        if until is not None and time > until:
            break
        instant = time.replace(tzinfo=where).astimezone(UTC)
        if instant > after and (found is None or instant < found):
            found, until = instant, until or time + _SHIFT
    return found


def _cron_rule(given: Cron, start: datetime) -> rrule:
    from dateutil.rrule import DAILY, rrule  # noqa: PLC0415 (few requests need it)

    return rrule(
        DAILY,
        dtstart=start.replace(second=0, microsecond=0),
        byweekday=[(day - 1) % 7 for day in given.week_days],
        byhour=given.hours,
        byminute=given.minutes,
        bysecond=0,
    )


def _recurrence_rule(
    frequency: str, interval: int, schedule: Mapping[str, Any], start: datetime, since: datetime
) -> rrule:
    from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule  # noqa: PLC0415 (few requests need it)

    rules: dict[str, Literal[1, 2, 3]] = {"day": DAILY, "week": WEEKLY, "month": MONTHLY}
    if frequency not in rules:
        raise TriggerError(
            f"frequency is '{frequency}'; it must be one of {', '.join([*_STEPS, *rules])}.", "frequency"
        )
    if interval < 1:
        raise TriggerError("interval must be 1 or more.", "interval")
    hours, minutes = list(schedule.get("hours") or ()), list(schedule.get("minutes") or ())
    days = [_week_day(day) for day in schedule.get("weekDays") or ()] if frequency != "day" else []
    month_days = list(schedule.get("monthDays") or ()) if frequency == "month" else []
    if hours or minutes:
        # Whole minutes then; a start within the minute itself is past it.
        hours, minutes = hours or [start.hour], minutes or [0]
    length = timedelta(days=interval) if frequency == "day" else timedelta(weeks=interval)
    first = start
    if frequency != "month":
        # Nearer to what is asked for, in whole intervals: a rule counts all its times from its first.
        ahead = max((since - start) // length - 1, 0)
        if frequency == "week":
            days = days or [start.weekday()]
        first += length * ahead
    try:
        return rrule(
            rules[frequency],
            interval=interval,
            dtstart=first.replace(microsecond=0),
            byweekday=days or None,
            bymonthday=month_days or None,
            byhour=hours or None,
            byminute=minutes or None,
            bysecond=0 if hours else None,
        )
    except (ValueError, TypeError) as error:
        raise TriggerError(f"The recurrence's schedule can't be: {error}.", "schedule") from None


def _week_day(name: object) -> int:
    if str(name).lower() not in _DAYS:
        raise TriggerError(f"'{name}' is no day of the week.", "schedule.weekDays")
    return (_DAYS.index(str(name).lower()) - 1) % 7
