"""What the model sees of a flight: the one definition that training and scoring share.

A flight is scored when it leaves the gate: the timetable is known, and how late it leaves. The month isn't a feature, as
a model of the first months has never seen the others; nor is the day of the week, of which three months have too few.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

#: Name → (lowest, highest) believable value. Minutes, miles, hours of the day.
NUMERIC: dict[str, tuple[float, float]] = {
    "departure_delay": (-180, 3000),
    "scheduled_hour": (0, 23),
    "scheduled_minutes": (0, 1440),
    "distance": (1, 12000),
}
CATEGORICAL = ("carrier", "origin", "destination")
FEATURES = (*NUMERIC, *CATEGORICAL)
LABEL = "late"
#: Minutes after schedule from which on an arrival counts as late.
LATE_AFTER = 15


class InvalidRequestError(ValueError):
    """A request that can't be scored; the message names the row and what to send instead."""


def from_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """The features of flights as the airlines report them (a row each, same index)."""
    # Times are local to each airport, so this is the timetable's difference, not the time in the air.
    scheduled = _minutes(flights["sched_arr_time"]) - _minutes(flights["sched_dep_time"])
    return pd.DataFrame(
        {
            "departure_delay": flights["dep_delay"].astype("float64"),
            "scheduled_hour": flights["sched_dep_time"] // 100,
            "scheduled_minutes": scheduled % 1440,
            "distance": flights["distance"],
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "destination": flights["dest"],
        }
    )


def late(flights: pd.DataFrame) -> Any:
    """The label: whether a flight arrived late. Missing where it didn't arrive (cancelled, diverted)."""
    return (flights["arr_delay"] > LATE_AFTER).where(flights["arr_delay"].notna())


def from_request(body: Any) -> pd.DataFrame:
    """The features in a scoring request, ``{"data": [{feature: value, …}, …]}``; null is a missing value.

    Raises:
        InvalidRequestError: It isn't one.
    """
    if not isinstance(body, dict) or not isinstance(body.get("data"), list) or not body["data"]:
        raise InvalidRequestError('send {"data": [{feature: value, ...}, ...]} with at least one flight')
    rows = [_checked(number, row) for number, row in enumerate(body["data"])]
    frame = pd.DataFrame(rows, columns=list(FEATURES))
    return frame.astype(dict.fromkeys(NUMERIC, "float64") | dict.fromkeys(CATEGORICAL, "object"))


def _checked(number: int, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise InvalidRequestError(f"data[{number}] is no object; send one with {', '.join(FEATURES)}")
    if unknown := sorted(map(str, row.keys() - set(FEATURES))):
        raise InvalidRequestError(
            f"data[{number}] has unknown {', '.join(unknown)}; known are {', '.join(FEATURES)}"
        )
    if absent := [name for name in FEATURES if name not in row]:
        raise InvalidRequestError(f"data[{number}] lacks {', '.join(absent)}; send null for what isn't known")
    for name, (low, high) in NUMERIC.items():
        value = row[name]
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            raise InvalidRequestError(f"data[{number}].{name} is {value!r}; send a number or null")
        if not low <= value <= high:
            raise InvalidRequestError(f"data[{number}].{name} is {value}; send {low} to {high}, or null")
    for name in CATEGORICAL:
        if row[name] is not None and not isinstance(row[name], str):
            raise InvalidRequestError(f"data[{number}].{name} is {row[name]!r}; send text or null")
    return row


def _minutes(clock: Any) -> Any:
    """Minutes since midnight of times written as 1545."""
    return clock // 100 * 60 + clock % 100
