"""When a compute instance starts and stops: a cron expression or a recurrence, in a time zone. Pure.

Source: Microsoft Learn, "Create an Azure Machine Learning compute instance" (schedules: NCronTab expressions of five
fields, or recurrences), "CLI (v2) schedule YAML schema" (days and months of an expression are ignored), and the types
``ComputeStartStopSchedule``, ``Cron`` and ``Recurrence`` of its API.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.compute.time_zone import TimeZone  # noqa: TC001 (pydantic reads it)
from infra.section import Section, setting

_FIELDS = (("minutes", 0, 59), ("hours", 0, 23), ("days", 1, 31), ("months", 1, 12), ("weekdays", 0, 7))
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?P<from>\*|\w+)(?:-(?P<to>\w+))?(?:/(?P<step>\d+))?")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Hour = Annotated[int, Field(ge=0, le=23)]
Minute = Annotated[int, Field(ge=0, le=59)]
MonthDay = Annotated[int, Field(ge=1, le=31)]


def _number(text: str, least: int, most: int, field: str) -> int:
    if field == "weekdays" and text.lower() in _DAYS:
        return _DAYS.index(text.lower())
    if not text.isdigit() or not least <= int(text) <= most:
        raise ValueError(
            f"its {field} are {text!r}, so it would never start; write numbers from {least} to {most}"
        )
    return int(text)


def _check(text: str, field: str, least: int, most: int) -> None:
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None or match["step"] == "0":
            raise ValueError(
                f"its {field} are {part!r}, which is no cron; write *, 8, 8-18, */2 or a list of those"
            )
        if match["from"] == "*":
            continue
        first = _number(match["from"], least, most, field)
        if match["to"] and _number(match["to"], least, most, field) < first:
            raise ValueError(
                f"its {field} are {part!r}, backwards, so it would never start; write the lower first"
            )


def _cron(text: str) -> str:
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            f"{text!r} has {len(parts)} fields, and Azure reads five; write minutes, hours, days, months and weekdays, "
            "such as 0 8 * * 1-5"
        )
    for part, field in zip(parts, _FIELDS, strict=True):
        _check(part, *field)
    if parts[2:4] != ["*", "*"]:
        raise ValueError(
            f"{text!r} names days or months, which Azure ignores, so it would start every day; write * for both, or a "
            "recurrence with monthDays"
        )
    return text


Cron = Annotated[str, AfterValidator(_cron)]


class RecurrenceConfig(Section):
    """``mlops:compute.instances[].schedules[].recurrence``: every so many days or weeks, at these hours."""

    frequency: Literal["minute", "hour", "day", "week", "month"] = setting(
        breaks="it is what the interval counts", write="minute, hour, day, week or month"
    )
    interval: int = setting(
        1, ge=1, le=1000, breaks="0 would never start", write="a whole number from 1 to 1000"
    )
    hours: tuple[Hour, ...] = setting(
        (), breaks="hours of the day are from 0 to 23", write="a list of whole numbers from 0 to 23"
    )
    minutes: tuple[Minute, ...] = setting(
        (), breaks="minutes of the hour are from 0 to 59", write="a list of whole numbers from 0 to 59"
    )
    week_days: tuple[Weekday, ...] = setting(
        (), breaks="a week has seven of them", write="a list of monday to sunday"
    )
    month_days: tuple[MonthDay, ...] = setting(
        (), breaks="days of a month are from 1 to 31", write="a list of whole numbers from 1 to 31"
    )

    @model_validator(mode="after")
    def _has_effect(self) -> Self:
        if self.week_days and self.frequency != "week":
            raise ValueError(
                f"weekDays have no effect on a recurrence by {self.frequency}; write frequency: week"
            )
        if self.month_days and self.frequency != "month":
            raise ValueError(
                f"monthDays have no effect on a recurrence by {self.frequency}; write frequency: month"
            )
        if (self.hours or self.minutes) and self.frequency in ("minute", "hour"):
            raise ValueError(
                f"hours and minutes have no effect on a recurrence by {self.frequency}; write frequency: day, week or month"
            )
        if self.frequency in ("day", "week", "month") and not (self.hours and self.minutes):
            raise ValueError(
                "without hours and minutes it would start at the hour of its creation; write both, such as "
                "hours: [18] and minutes: [0]"
            )
        return self


class ScheduleConfig(Section):
    """``mlops:compute.instances[].schedules[]``: when a machine starts or stops."""

    action: Literal["start", "stop"] = setting(
        breaks="a schedule starts an instance or stops it", write="start or stop"
    )
    cron: Cron | None = setting(
        None,
        breaks="it says when",
        write="minutes, hours, days, months and weekdays, such as 0 8 * * 1-5, or a recurrence instead",
    )
    recurrence: RecurrenceConfig | None = setting(
        None, breaks="it says when", write="a mapping with a frequency, or a cron instead"
    )
    time_zone: TimeZone = setting(
        "UTC",
        breaks="hours are of a time zone, and move with its summer time",
        write="a Windows name such as W. Europe Standard Time",
    )
    enabled: bool = setting(
        True, breaks="a schedule that is off is kept and starts nothing", write="true or false"
    )

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if (self.cron is None) == (self.recurrence is None):
            both = "neither a cron nor a recurrence, so it never starts" if self.cron is None else "both"
            raise ValueError(f"it has {both}; write exactly one of cron and recurrence")
        return self
