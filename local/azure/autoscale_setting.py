"""Microsoft.Insights/autoscaleSettings: what Azure refuses of them, and what it fills in. ``autoscale`` acts on them.

Refused as Azure does: more than 20 profiles or 10 rules in one, a second default profile, limits out of order, words and times
that aren't the documented ones, an action greater than the limits are apart, a metric that the resource doesn't have, a
target that isn't there, a second setting for one target. Omitted: predictive scaling (501).

Source: REST reference ``AutoscaleSettings`` 2022-10-01; Microsoft Learn, "Understand autoscale settings".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local.azure.autoscale_rule import AGGREGATIONS, DAYS, OPERATORS, STATISTICS
from local.azure.errors import ArmError, bad_request, conflict, unsupported
from local.azure.kept import kept
from local.azure.machine_learning import deployment_metric, request_metric
from local.azure.machine_learning.due import TriggerError, moment, zone
from local.azure.machine_learning.duration import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.azure.azure import Azure
    from local.azure.machine_learning.request_metric import Measured
    from local.azure.resource_type import Json, Record, ResourceId

SETTING = "Microsoft.Insights/autoscaleSettings"
_PROFILES, _RULES = 20, 10
_MINUTE, _HALF_DAY, _WEEK = 60, 12 * 3600, 7 * 86400
_MEASURED: dict[str, Measured] = {
    one.namespace.lower(): one for one in (request_metric.ENDPOINT, deployment_metric.DEPLOYMENT)
}


def _refused(message: str, target: str, code: str = "BadRequest") -> ArmError:
    return bad_request(message, code=code, target=target)


def _check(azure: Azure, resource_id: ResourceId, properties: Json) -> None:
    profiles: list[Json] = properties["profiles"]
    if len(profiles) > _PROFILES:
        raise _refused(f"A setting has {_PROFILES} profiles at most.", "properties.profiles")
    plain = [one for one in profiles if not one.get("fixedDate") and not one.get("recurrence")]
    if len(plain) > 1:
        raise _refused(
            f"Only one profile can be without fixedDate and recurrence; these are: {_names(plain)}.",
            "properties.profiles",
        )
    if str((properties.get("predictiveAutoscalePolicy") or {}).get("scaleMode") or "Disabled") == "Enabled":
        target = str(properties.get("targetResourceUri") or "").lower()
        if "/onlineendpoints/" in target:
            raise unsupported("Predictive scaling of an online deployment")
    target = str(properties.get("targetResourceUri") or "")
    for profile in profiles:
        _check_profile(azure, profile, target)
    if target:
        _check_target(azure, resource_id, target)


def _names(profiles: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"'{one.get('name')}'" for one in profiles)


def _check_target(azure: Azure, resource_id: ResourceId, target: str) -> None:
    if azure.parse(target).type.lower() in _MEASURED and azure.store.get(target) is None:
        raise _refused(
            f"The target resource '{target}' was not found.",
            "properties.targetResourceUri",
            "TargetResourceNotFound",
        )
    for other in azure.store.of_type(SETTING):
        same = str(other.body["properties"].get("targetResourceUri") or "").lower() == target.lower()
        if same and other.id.lower() != resource_id.key:
            raise conflict(
                f"The resource '{target}' has the autoscale setting '{other.name}' already; there can be one."
            )


def _check_profile(azure: Azure, profile: Json, target: str) -> None:
    capacity: Json = profile.get("capacity") or {}
    numbers: dict[str, int] = {}
    for key in ("minimum", "maximum", "default"):
        text = str(capacity.get(key, ""))
        if not text.isdigit():
            raise _refused(
                f"The {key} capacity of the profile '{profile.get('name')}' is '{text}'; it must be a whole number.",
                f"properties.profiles.capacity.{key}",
            )
        numbers[key] = int(text)
        capacity[key] = text
    low, high, usual = numbers["minimum"], numbers["maximum"], numbers["default"]
    if low > usual:
        raise _refused(
            f"The minimum capacity value '{low}' that you specified in the autoscale setting is greater than the default "
            f"capacity of '{usual}'.  Enter a minimum capacity less than '{usual}'.",
            "properties.profiles.capacity",
        )
    if usual > high:
        raise _refused(
            f"The default capacity value '{usual}' that you specified in the autoscale setting is greater than the maximum "
            f"capacity of '{high}'.  Enter a default capacity less than '{high}'.",
            "properties.profiles.capacity",
        )
    rules: list[Json] = profile.get("rules") or []
    profile["rules"] = rules
    if len(rules) > _RULES:
        raise _refused(
            f"The profile '{profile.get('name')}' has {len(rules)} rules; {_RULES} are the most.",
            "properties.profiles.rules",
        )
    for rule in rules:
        _check_trigger(azure, rule.get("metricTrigger") or {}, target)
        _check_action(rule.get("scaleAction") or {}, low, high)
        if "/onlineendpoints/" in target.lower() and rule["scaleAction"]["type"] == "ServiceAllowedNextValue":
            raise unsupported("The scale type 'ServiceAllowedNextValue' of an online deployment")
    _check_times(profile)


def _word(given: Json, key: str, words: Iterable[str]) -> None:
    """Writes a word as Azure does, or refuses it."""
    known = {word.lower(): word for word in words}
    text = str(given.get(key) or "")
    if text.lower() not in known:
        raise _refused(
            f"The value '{text}' of '{key}' is invalid; it is one of {', '.join(known.values())}.",
            f"properties.profiles.rules.{key}",
            "InvalidRequestContent",
        )
    given[key] = known[text.lower()]


def _span(given: Json, key: str, least: int, most: int) -> float:
    found = seconds(str(given.get(key) or ""))
    if not least <= found <= most:
        raise _refused(
            f"{key} is {given[key]}; it must be from {least} to {most} seconds.",
            f"properties.profiles.rules.{key}",
        )
    return found


def _check_trigger(azure: Azure, trigger: Json, target: str) -> None:
    if not trigger.get("metricName"):
        raise _refused("A rule needs a metricName.", "properties.profiles.rules.metricTrigger")
    trigger["metricResourceUri"] = str(trigger.get("metricResourceUri") or target)
    trigger.setdefault("dividePerInstance", False)
    _word(trigger, "operator", OPERATORS)
    _word(trigger, "statistic", STATISTICS)
    _word(trigger, "timeAggregation", AGGREGATIONS)
    grain = _span(trigger, "timeGrain", _MINUTE, _HALF_DAY)
    if _span(trigger, "timeWindow", _MINUTE, _HALF_DAY) < grain:
        raise _refused("timeWindow is shorter than timeGrain.", "properties.profiles.rules.metricTrigger")
    if not isinstance(trigger.get("threshold"), (int, float)):
        raise _refused("A rule needs a threshold.", "properties.profiles.rules.metricTrigger")
    of = _MEASURED.get(azure.parse(trigger["metricResourceUri"]).type.lower())
    if of is None:
        return
    named = {metric.name.lower(): metric.name for metric in of.metrics} | {
        name.lower(): name for name in of.others
    }
    if str(trigger["metricName"]).lower() not in named:
        raise _refused(
            f"The metric '{trigger['metricName']}' isn't one of {of.namespace}: {', '.join(sorted(named.values()))}.",
            "properties.profiles.rules.metricTrigger.metricName",
            "UnsupportedMetric",
        )
    trigger["metricName"] = named[str(trigger["metricName"]).lower()]


def _check_action(action: Json, low: int, high: int) -> None:
    _word(action, "direction", ("None", "Increase", "Decrease"))
    _word(action, "type", ("ChangeCount", "PercentChangeCount", "ExactCount", "ServiceAllowedNextValue"))
    _span(action, "cooldown", _MINUTE, _WEEK)
    value = str(action.get("value") or 1)
    action["value"] = value
    if not value.isdigit() or int(value) < 1:
        raise _refused(
            f"The value of a scale action is '{value}'.", "properties.profiles.rules.scaleAction.value"
        )
    if action["type"] == "ChangeCount" and int(value) > high - low and high > low:
        raise _refused(
            f"The autoscale setting you provided has an invalid scale action value ('{value}'). Specify a scale value less "
            f"than or equal to the difference between the capacity maximum {high} and the capacity minimum {low}.",
            "properties.profiles.rules.scaleAction.value",
            "InvalidActionValue",
        )


def _check_times(profile: Json) -> None:
    try:
        dates: Json | None = profile.get("fixedDate")
        if dates:
            where = zone(str(dates.get("timeZone") or "UTC"))
            begin, end = (
                moment(str(dates.get(key) or ""), where, f"fixedDate.{key}") for key in ("start", "end")
            )
            if begin >= end:
                raise TriggerError(f"it starts {dates['start']} and ends {dates['end']}", "fixedDate")
        if profile.get("recurrence"):
            _check_recurrence(profile["recurrence"])
    except TriggerError as error:
        raise _refused(
            f"The times of the profile '{profile.get('name')}' are invalid: {error}.",
            f"properties.profiles.{error.target}",
        ) from None


def _check_recurrence(recurrence: Json) -> None:
    _word(recurrence, "frequency", ("None", "Second", "Minute", "Hour", "Day", "Week", "Month", "Year"))
    if recurrence["frequency"] != "Week":
        raise TriggerError(f"its frequency is {recurrence['frequency']}; Week is supported", "recurrence")
    schedule: Json = recurrence.get("schedule") or {}
    zone(str(schedule.get("timeZone") or ""))
    for key, most in (("hours", 23), ("minutes", 59)):
        for number in schedule.get(key) or [-1]:
            if not isinstance(number, int) or not 0 <= number <= most:
                raise TriggerError(f"its {key} are {schedule.get(key)}", f"recurrence.schedule.{key}")
    for day in schedule.get("days") or [""]:
        if str(day).lower() not in {known.lower() for known in DAYS} | {str(n) for n in range(7)}:
            raise TriggerError(f"'{day}' is no day of the week", "recurrence.schedule.days")


def _computed(_azure: Azure, resource_id: ResourceId, properties: Json, _before: Json) -> Json:
    return {"name": properties.get("name") or resource_id.name}


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    return {key: value for key, value in body.items() if key not in ("systemData", "local")}


_kept = kept(
    SETTING,
    defaults={
        "enabled": False,
        "notifications": [],
        "predictiveAutoscalePolicy": {"scaleMode": "Disabled"},
    },
    required=("profiles",),
    computed=_computed,
    check=_check,
)


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    assert _kept.prepare is not None  # noqa: S101 (what is kept is prepared)
    prepared = _kept.prepare(azure, resource_id, body, old)
    # When it scaled last counts for its cooldowns, whatever was changed since.
    kept_before = {"local": old.body["local"]} if old is not None and "local" in old.body else {}
    return {**prepared, **kept_before}


TYPES = (replace(_kept, prepare=_prepare, view=_view),)
