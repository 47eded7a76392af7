"""When triggers are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from azure.ai.ml.constants import TimeZone
from hypothesis import given, settings
from hypothesis import strategies as st

from local.azure.machine_learning import due

MADE = "2026-11-21T10:00"  # a Saturday
BERLIN = "W. Europe Standard Time"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(trigger: dict[str, Any], count: int, made: str = MADE) -> list[str]:
    """The first times of a trigger."""
    found: list[str] = []
    after = at(made)
    while len(found) < count and (time := due.next_due(trigger, at(made), after)) is not None:
        found.append(f"{time:%m-%d %H:%M}")
        after = time
    return found


def cron(expression: str, **more: str) -> dict[str, Any]:
    return {"triggerType": "Cron", "expression": expression, **more}


def every(
    interval: int, frequency: str, schedule: dict[str, Any] | None = None, **more: str
) -> dict[str, Any]:
    return {
        "triggerType": "Recurrence",
        "frequency": frequency,
        "interval": interval,
        "schedule": schedule,
        **more,
    }


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (cron("0 6 * * 1"), ["11-23 06:00", "11-30 06:00"]),
        (cron("0 6 * * mon-tue"), ["11-23 06:00", "11-24 06:00", "11-30 06:00"]),
        (cron("15 8-10/2 * * 7"), ["11-22 08:15", "11-22 10:15", "11-29 08:15"]),
        (cron("*/30 * * * *"), ["11-21 10:30", "11-21 11:00"]),
        # Azure takes days and months, and ignores them.
        (cron("0 12 31 2 *"), ["11-21 12:00", "11-22 12:00"]),
        (cron("0 6 * * *", timeZone=BERLIN), ["11-22 05:00", "11-23 05:00"]),
        (cron("0 6 * * *", startTime="2026-12-01T07:00:00", timeZone=BERLIN), ["12-02 05:00"]),
        (cron("0 6 * * *", endTime="2026-11-23 06:00:00"), ["11-22 06:00", "11-23 06:00"]),
        (every(90, "minute"), ["11-21 11:30", "11-21 13:00"]),
        (every(5, "Hour", startTime="2026-11-20T00:30:00"), ["11-21 11:30", "11-21 16:30"]),
        (every(1, "day", startTime="2026-12-01T07:00:00"), ["12-01 07:00", "12-02 07:00"]),
        (every(3, "day", {"hours": [], "minutes": []}), ["11-24 10:00", "11-27 10:00"]),
        (
            every(2, "week", {"hours": [3], "minutes": [0, 30], "weekDays": ["Monday", "Friday"]}),
            ["11-30 03:00", "11-30 03:30", "12-04 03:00", "12-04 03:30", "12-14 03:00"],
        ),
        (every(1, "week"), ["11-28 10:00", "12-05 10:00"]),
        (
            every(1, "month", {"hours": [4], "minutes": [5], "monthDays": [31]}),
            ["12-31 04:05", "01-31 04:05"],
        ),
    ],
)
def test_a_trigger_is_due(trigger: dict[str, Any], expected: list[str]) -> None:
    assert times(trigger, len(expected)) == expected


def test_a_trigger_that_ended_is_due_no_more() -> None:
    assert times(every(1, "day", endTime="2026-11-23T10:00:00"), 9) == ["11-22 10:00", "11-23 10:00"]


def test_where_clocks_are_moved_nothing_is_left_out_and_nothing_comes_twice() -> None:
    daily = cron("30 2 * * *", timeZone=BERLIN)
    # There is no half past two on 29 March; on 25 October it comes twice.
    assert times(daily, 3, "2026-03-28T00:00") == ["03-28 01:30", "03-29 01:30", "03-30 00:30"]
    assert times(daily, 3, "2026-10-24T00:00") == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]


@settings(max_examples=40, deadline=None)
@given(
    past=st.timedeltas(timedelta(0), timedelta(days=365)),
    pattern=st.fixed_dictionaries(
        {
            "minutes": st.lists(st.integers(0, 59), min_size=1, max_size=3, unique=True),
            "hours": st.lists(st.integers(0, 23), min_size=1, max_size=3, unique=True),
        }
    ),
    interval=st.integers(1, 4),
    frequency=st.sampled_from(["day", "week", "month"]),
    zone=st.sampled_from(["UTC", BERLIN, "Lord Howe Standard Time", "Pacific Standard Time"]),
)
def test_times_are_in_order_as_the_clock_on_the_wall_shows_them(
    past: timedelta, pattern: dict[str, list[int]], interval: int, frequency: str, zone: str
) -> None:
    made = at("2027-01-01") - past
    trigger = every(interval, frequency, pattern, timeZone=zone)
    found = [made]
    for _ in range(8):
        time = due.next_due(trigger, made, found[-1])
        assert time is not None
        # Whenever it is asked for in between, the answer is the same.
        assert due.next_due(trigger, made, time - timedelta(microseconds=1)) == time
        found.append(time)
    assert all(earlier < later for earlier, later in pairwise(found))
    where = due.zone(zone)
    wall = [time.astimezone(where) for time in found[1:]]
    moved = {day.date() for day in wall if day.utcoffset() != (day - timedelta(days=1)).utcoffset()}
    assert all(
        time.minute in pattern["minutes"] and time.hour in pattern["hours"]
        for time in wall
        if time.date() not in moved
    )


def test_all_time_zones_that_the_client_names_are_known() -> None:
    unknown: list[str] = []
    for one in TimeZone:
        try:
            due.zone(one.value)
        except due.TriggerError:
            unknown.append(one.value)
    # The Unicode consortium's table has no place for these two, which Windows no longer uses.
    assert unknown == ["Mid-Atlantic Standard Time", "Kamchatka Standard Time"]
    assert due.zone("w. europe standard time") == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (cron("60 * * * *"), "no cron expression"),
        (cron("0 0 * *"), "no cron expression"),
        (cron("5-1 * * * *"), "no cron expression"),
        (cron("0 0 * * *", timeZone="Atlantis Standard Time"), "is no time zone"),
        (cron("0 0 * * *", startTime="soon"), "is no time"),
        (every(0, "day"), "interval must be 1 or more"),
        (every(1, "day", {"hours": [24], "minutes": [0]}), "schedule can't be"),
        (every(1, "week", {"hours": [1], "minutes": [0], "weekDays": ["Caturday"]}), "no day of the week"),
    ],
)
def test_a_trigger_without_times_is_refused(trigger: dict[str, Any], said: str) -> None:
    with pytest.raises(due.TriggerError, match=said):
        due.check(trigger)
