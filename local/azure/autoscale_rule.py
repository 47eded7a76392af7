"""Autoscale settings, decided: which profile holds, which rules are triggered, and how many instances follow. No I/O.

The first fixed-date profile that holds counts, else the recurring profile that began last, else the default one. Capacity
outside of a profile's limits is put inside. Scale-out: one triggered rule is enough, the highest capacity wins. Scale-in:
all rules must be triggered, the highest capacity wins, and no scale-out rule may be triggered by what a metric would then be;
else as few instances are given up as avoid that, or none. A rule whose cooldown since the last scaling isn't over waits. Where
a metric can't be read and there are fewer instances than the default, the default it is.

Source: Microsoft Learn, "Understand autoscale settings", "Flapping in Autoscale", "Autoscale with multiple profiles".
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import ge, gt, le, lt
from statistics import fmean
from typing import TYPE_CHECKING, Any

from local.azure.machine_learning.due import moment, zone
from local.azure.machine_learning.duration import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.azure.resource_type import Json

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "Equals": lambda value, threshold: value == threshold,
    "NotEquals": lambda value, threshold: value != threshold,
    "GreaterThan": gt,
    "GreaterThanOrEqual": ge,
    "LessThan": lt,
    "LessThanOrEqual": le,
}
#: What the values of a time grain come to, and what the grains of the window come to.
STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Average": fmean,
    "Min": min,
    "Max": max,
    "Sum": sum,
    "Count": len,
}
AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "Average": fmean,
    "Minimum": min,
    "Maximum": max,
    "Total": sum,
    "Count": len,
    "Last": lambda values: values[-1],
}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Trigger:
    """The condition of a rule."""

    metric: str
    resource: str
    grain: timedelta
    window: timedelta
    statistic: str
    aggregation: str
    operator: str
    threshold: float
    per_instance: bool

    def value(self, minutes: Mapping[datetime, float], end: datetime, capacity: int) -> float | None:
        """What the values of the window's minutes come to; None: nothing was measured."""
        begin = end - self.window
        grains: dict[int, list[float]] = defaultdict(list)
        for minute, value in sorted(minutes.items()):
            if begin <= minute < end:
                grains[(minute - begin) // self.grain].append(value)
        if not grains:
            return None
        values = [float(STATISTICS[self.statistic](grains[number])) for number in sorted(grains)]
        found = float(AGGREGATIONS[self.aggregation](values))
        return found / max(capacity, 1) if self.per_instance else found

    def met(self, value: float) -> bool:
        """Whether a value triggers the rule."""
        return OPERATORS[self.operator](value, self.threshold)


@dataclass(frozen=True)
class Rule:
    """A condition and what follows."""

    trigger: Trigger
    increase: bool
    kind: str
    amount: int
    cooldown: timedelta

    def result(self, capacity: int) -> int:
        """The capacity that the rule asks for."""
        if self.kind == "ExactCount":
            return self.amount
        change = self.amount
        if self.kind == "PercentChangeCount":
            change = max(1, math.floor(capacity * self.amount / 100))
        return capacity + change if self.increase else capacity - change


@dataclass(frozen=True)
class Profile:
    """Limits and rules for some times."""

    name: str
    minimum: int
    maximum: int
    default: int
    rules: tuple[Rule, ...]
    given: Mapping[str, Any]

    def inside(self, capacity: int) -> int:
        """The capacity nearest to one that the profile allows."""
        return min(max(capacity, self.minimum), self.maximum)


@dataclass(frozen=True)
class Decision:
    """How many instances there should be, and why."""

    capacity: int
    reason: str


def read(given: Mapping[str, Any]) -> Profile:
    """A profile that was checked when it was written."""
    capacity: Json = given["capacity"]
    return Profile(
        name=str(given.get("name") or ""),
        minimum=int(capacity["minimum"]),
        maximum=int(capacity["maximum"]),
        default=int(capacity["default"]),
        rules=tuple(
            _rule(one) for one in given.get("rules") or [] if one["scaleAction"]["direction"] != "None"
        ),
        given=given,
    )


def _rule(given: Mapping[str, Any]) -> Rule:
    trigger, action = given["metricTrigger"], given["scaleAction"]
    return Rule(
        trigger=Trigger(
            metric=str(trigger["metricName"]),
            resource=str(trigger["metricResourceUri"]),
            grain=timedelta(seconds=seconds(str(trigger["timeGrain"]))),
            window=timedelta(seconds=seconds(str(trigger["timeWindow"]))),
            statistic=str(trigger["statistic"]),
            aggregation=str(trigger["timeAggregation"]),
            operator=str(trigger["operator"]),
            threshold=float(trigger["threshold"]),
            per_instance=bool(trigger.get("dividePerInstance")),
        ),
        increase=str(action["direction"]) == "Increase",
        kind=str(action["type"]),
        amount=int(action.get("value") or 1),
        cooldown=timedelta(seconds=seconds(str(action["cooldown"]))),
    )


def profile_at(profiles: Sequence[Profile], now: datetime) -> Profile | None:
    """The profile that holds; None where there is none, not even a default one."""
    for one in profiles:
        dates = one.given.get("fixedDate")
        if dates:
            where = zone(str(dates.get("timeZone") or "UTC"))
            begin, end = (moment(str(dates[key]), where, "fixedDate") for key in ("start", "end"))
            if begin <= now < end:
                return one
    recurring = [(began(one, now), one) for one in profiles if one.given.get("recurrence")]
    if recurring:
        return max(recurring, key=lambda pair: pair[0])[1]
    plain = [one for one in profiles if not one.given.get("fixedDate")]
    return plain[0] if plain else None


def began(profile: Profile, now: datetime) -> datetime:
    """When a recurring profile began last: it holds until another one begins.

    >>> given = {"recurrence": {"schedule": {"timeZone": "UTC", "days": ["Saturday"], "hours": [6], "minutes": [0]}}}
    >>> weekend = Profile("weekend", 1, 2, 1, (), given)
    >>> began(weekend, datetime(2026, 3, 4, 12, tzinfo=UTC)).isoformat()
    '2026-02-28T06:00:00+00:00'
    """
    schedule: Mapping[str, Any] = profile.given["recurrence"]["schedule"]
    local = now.astimezone(zone(str(schedule.get("timeZone") or "UTC")))
    days = {_day(str(day)) for day in schedule.get("days") or DAYS}
    found: list[datetime] = []
    for back in range(8):
        day = local - timedelta(days=back)
        if day.weekday() not in days:
            continue
        for hour in schedule.get("hours") or [0]:
            for minute in schedule.get("minutes") or [0]:
                time = day.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
                if time <= local:
                    found.append(time)
    return max(found, default=datetime(1970, 1, 1, tzinfo=UTC)).astimezone(UTC)


def _day(text: str) -> int:
    """A day of the week from 0, a Monday; numbers are .NET's, from 0, a Sunday."""
    return (int(text) - 1) % 7 if text.isdigit() else [day.lower() for day in DAYS].index(text.lower())


def decide(
    profile: Profile,
    capacity: int,
    values: Mapping[Trigger, float | None],
    *,
    now: datetime,
    scaled: datetime | None = None,
) -> Decision:
    """How many instances there should be.

    Args:
        profile: the profile that holds.
        capacity: how many there are.
        values: what each trigger's metric came to; None: it can't be read.
        now: the current time.
        scaled: when they were scaled last.
    """
    if profile.inside(capacity) != capacity:
        limits = f"{profile.minimum} to {profile.maximum}"
        return Decision(profile.inside(capacity), f"the profile '{profile.name}' allows {limits}")
    unread = [rule.trigger.metric for rule in profile.rules if values.get(rule.trigger) is None]
    if unread and capacity < profile.default:
        return Decision(profile.default, f"{unread[0]} can't be read, and the default is {profile.default}")
    triggered = [
        rule
        for rule in profile.rules
        if (value := values.get(rule.trigger)) is not None and rule.trigger.met(value)
    ]
    ready = [rule for rule in triggered if scaled is None or now - scaled >= rule.cooldown]
    out = [rule for rule in ready if rule.increase]
    if out:
        best = max(out, key=lambda rule: profile.inside(rule.result(capacity)))
        return _changed(capacity, profile.inside(best.result(capacity)), best, values)
    if any(rule.increase for rule in triggered):
        return Decision(capacity, "the cooldown isn't over")
    rules = [rule for rule in profile.rules if not rule.increase]
    if not rules or any(rule not in triggered for rule in rules):
        return Decision(capacity, "no rule is triggered")
    if any(rule not in ready for rule in rules):
        return Decision(capacity, "the cooldown isn't over")
    least = max(rules, key=lambda rule: rule.result(capacity))
    for fewer in range(profile.inside(least.result(capacity)), capacity):
        if not _flaps(profile, capacity, fewer, values):
            return _changed(capacity, fewer, least, values)
    return Decision(capacity, "to scale in would make it scale out again")


def _flaps(profile: Profile, capacity: int, fewer: int, values: Mapping[Trigger, float | None]) -> bool:
    """Whether fewer instances would each have so much to do that a rule adds some again."""
    shared = [
        rule.trigger
        for rule in profile.rules
        if rule.increase and (rule.trigger.per_instance or "cpu" in rule.trigger.metric.lower())
    ]
    return any(
        (value := values.get(trigger)) is not None and trigger.met(value * capacity / max(fewer, 1))
        for trigger in shared
    )


def _changed(capacity: int, wanted: int, rule: Rule, values: Mapping[Trigger, float | None]) -> Decision:
    trigger = rule.trigger
    said = f"{trigger.metric} is {values[trigger]:g}, {trigger.operator} {trigger.threshold:g}"
    if wanted == capacity:
        return Decision(capacity, f"{said}, and {capacity} instances are the limit")
    return Decision(wanted, said)
