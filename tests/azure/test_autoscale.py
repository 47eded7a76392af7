"""Autoscale settings: which profile holds, what its rules decide, what is refused of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.monitor import MonitorManagementClient
from hypothesis import given, settings
from hypothesis import strategies as st
from running_azure import unique

from local.azure import autoscale_rule
from local.azure.autoscale_rule import decide, profile_at, read

if TYPE_CHECKING:
    from conftest import Management, Workspace

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
DEPLOYMENT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/onlineEndpoints/e/deployments/d"


def rule(operator: str, threshold: float, direction: str, value: int = 1, **more: Any) -> dict[str, Any]:
    """A rule on CPU unless ``more`` says otherwise."""
    trigger = {
        "metricName": "CpuUtilizationPercentage",
        "metricResourceUri": DEPLOYMENT,
        "timeGrain": "PT1M",
        "statistic": "Average",
        "timeWindow": "PT5M",
        "timeAggregation": "Average",
        "operator": operator,
        "threshold": threshold,
        "dividePerInstance": False,
    }
    action = {"direction": direction, "type": "ChangeCount", "value": str(value), "cooldown": "PT5M"}
    for key, one in more.items():
        (action if key in ("type", "cooldown") else trigger)[key] = one
    return {"metricTrigger": trigger, "scaleAction": action}


def profile(
    *rules: dict[str, Any], low: int = 1, high: int = 10, usual: int = 2, **more: Any
) -> dict[str, Any]:
    limits = {"minimum": str(low), "maximum": str(high), "default": str(usual)}
    return {"name": more.pop("name", "usual"), "capacity": limits, "rules": list(rules), **more}


def decided(given: dict[str, Any], capacity: int, *values: float | None, ago: float | None = None) -> int:
    """The capacity that follows where the rules' metrics have these values."""
    found = read(given)
    measured = {one.trigger: value for one, value in zip(found.rules, values, strict=True)}
    scaled = NOON - timedelta(minutes=ago) if ago is not None else None
    return decide(found, capacity, measured, now=NOON, scaled=scaled).capacity


OUT, IN = rule("GreaterThan", 70, "Increase", 2), rule("LessThan", 30, "Decrease", 1)


@pytest.mark.parametrize(
    ("capacity", "cpu", "expected"),
    [
        (3, 80.0, 5),
        (9, 80.0, 10),  # the most
        (10, 80.0, 10),
        (3, 50.0, 3),
        (3, 20.0, 2),
        (1, 20.0, 1),  # the least
        (12, 50.0, 10),
        (0, 50.0, 1),
        (1, None, 2),  # what can't be read has the default as its least
        (4, None, 4),
    ],
)
def test_rules_add_and_take_instances_within_the_limits(capacity: int, cpu: float | None, expected: int):
    assert decided(profile(OUT, IN), capacity, cpu, cpu) == expected


def test_one_rule_is_enough_to_scale_out_and_the_highest_capacity_wins():
    more = rule("GreaterThan", 50, "Increase", 50, type="PercentChangeCount")
    exact = rule("GreaterThan", 90, "Increase", 9, type="ExactCount")
    assert decided(profile(OUT, more, exact), 6, 80.0, 80.0, 80.0) == 9
    assert decided(profile(OUT, more, exact), 6, 60.0, 60.0, 60.0) == 9
    assert decided(profile(OUT, more, exact), 2, 60.0, 60.0, 60.0) == 3
    assert decided(profile(OUT, more, exact), 2, 95.0, 95.0, 95.0) == 9


def test_all_rules_have_to_agree_to_scale_in_and_the_least_is_given_up():
    rare = rule("LessThan", 100, "Decrease", 3, metricName="RequestsPerMinute")
    assert decided(profile(IN, rare), 8, 20.0, 500.0) == 8
    assert decided(profile(IN, rare), 8, 20.0, 50.0) == 7
    assert decided(profile(IN, rare), 8, 20.0, None) == 8


def test_instances_are_not_given_up_where_the_others_would_have_too_much_to_do():
    # Microsoft's example: 56 % on one instance, 28 % on two.
    out, back = rule("GreaterThan", 50, "Increase"), rule("LessThan", 30, "Decrease")
    assert decided(profile(out, back), 1, 56.0, 56.0) == 2
    assert decided(profile(out, back), 2, 28.0, 28.0) == 2
    assert decided(profile(out, back), 2, 24.0, 24.0) == 1
    # Less than asked for, where that is enough: 30 instances at 65 %, 70 % is the limit.
    wide = profile(rule("GreaterThan", 70, "Increase", 20), rule("LessThan", 66, "Decrease", 10), high=50)
    assert decided(wide, 30, 65.0, 65.0) == 28


def test_a_rule_waits_for_its_cooldown_and_limits_do_not():
    assert decided(profile(OUT, IN), 3, 80.0, 80.0, ago=4) == 3
    assert decided(profile(OUT, IN), 3, 80.0, 80.0, ago=5) == 5
    assert decided(profile(OUT, IN), 12, 80.0, 80.0, ago=1) == 10


@given(
    st.integers(0, 15),
    st.one_of(st.none(), st.floats(0, 100)),
    st.integers(1, 5),
    st.integers(0, 5),
    st.integers(0, 5),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_what_is_decided_is_within_the_limits_and_stays(
    capacity: int, cpu: float | None, low: int, more: int, again: int
):
    limits = profile(OUT, IN, low=low, usual=low + more, high=low + more + again)
    found = decided(limits, capacity, cpu, cpu)
    assert low <= found <= low + more + again


def test_a_window_is_read_by_grains_and_instances():
    minutes = {NOON - timedelta(minutes=back): float(back) for back in (1, 2, 3, 4, 6, 9)}
    (one,) = read(profile(rule("GreaterThan", 0, "Increase"))).rules
    assert one.trigger.value(minutes, NOON, 1) == 2.5  # of the last five minutes
    (last,) = read(profile(rule("GreaterThan", 0, "Increase", timeAggregation="Last"))).rules
    assert last.trigger.value(minutes, NOON, 1) == 1
    grains = rule(
        "GreaterThan",
        0,
        "Increase",
        timeGrain="PT2M",
        timeWindow="PT4M",
        statistic="Max",
        timeAggregation="Total",
    )
    (two,) = read(profile(grains)).rules
    assert two.trigger.value(minutes, NOON, 1) == 4 + 2
    (shared,) = read(profile(rule("GreaterThan", 0, "Increase", dividePerInstance=True))).rules
    assert shared.trigger.value(minutes, NOON, 5) == 0.5
    assert shared.trigger.value({}, NOON, 5) is None


def weekly(name: str, day: str, hour: int, zone: str = "UTC") -> dict[str, Any]:
    schedule = {"timeZone": zone, "days": [day], "hours": [hour], "minutes": [0]}
    return profile(name=name, recurrence={"frequency": "Week", "schedule": schedule})


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOON, "weekdays"),
        (datetime(2026, 3, 7, 0, 30, tzinfo=UTC), "weekend"),
        (datetime(2026, 3, 9, 2, 59, tzinfo=UTC), "weekend"),
        (datetime(2026, 3, 9, 3, 0, tzinfo=UTC), "weekdays"),  # 04:00 in Berlin
        (datetime(2026, 12, 24, 20, tzinfo=UTC), "christmas"),
    ],
)
def test_a_fixed_date_comes_before_what_recurs_and_that_before_the_default(now: datetime, expected: str):
    dates = {"timeZone": "UTC", "start": "2026-12-24T18:00:00", "end": "2026-12-24T23:59:00"}
    profiles = [
        read(one)
        for one in (
            profile(name="default"),
            weekly("weekdays", "Monday", 4, "W. Europe Standard Time"),
            weekly("weekend", "Saturday", 0),
            profile(name="christmas", fixedDate=dates),
        )
    ]
    found = profile_at(profiles, now)
    assert found is not None
    assert found.name == expected
    plain = profile_at([profiles[0], profiles[3]], NOON)
    assert plain is not None
    assert plain.name == "default"
    assert profile_at(profiles[3:], NOON) is None


@pytest.fixture(scope="module")
def monitor(management: Management) -> MonitorManagementClient:
    return management.client(MonitorManagementClient)


def body(*profiles: dict[str, Any], target: str = "", enabled: bool = True) -> dict[str, Any]:
    return {
        "location": "westeurope",
        "properties": {"enabled": enabled, "profiles": list(profiles), "targetResourceUri": target or None},
    }


@pytest.mark.parametrize(
    ("profiles", "code", "said"),
    [
        ([profile(low=6, usual=1)], "BadRequest", "The minimum capacity value '6' that you specified"),
        ([profile(usual=11)], "BadRequest", "greater than the maximum capacity of '10'"),
        ([profile(), profile(name="other")], "BadRequest", "Only one profile can be without"),
        ([weekly(str(n), "Monday", 1) for n in range(21)], "BadRequest", "20 profiles at most"),
        ([profile(*[OUT] * 11)], "BadRequest", "10 are the most"),
        ([profile(rule("GreaterThan", 1, "Increase", 10))], "InvalidActionValue", r"value \('10'\)"),
        ([profile(rule("More", 1, "Increase"))], "InvalidRequestContent", "one of Equals"),
        ([profile(rule("GreaterThan", 1, "Up"))], "InvalidRequestContent", "'direction' is invalid"),
        ([profile(rule("GreaterThan", 1, "Increase", cooldown="PT1S"))], "BadRequest", "cooldown is PT1S"),
        (
            [profile(rule("GreaterThan", 1, "Increase", timeGrain="PT10M"))],
            "BadRequest",
            "shorter than timeGrain",
        ),
        (
            [profile(rule("GreaterThan", 1, "Increase", metricName="Cpu"))],
            "UnsupportedMetric",
            "isn't one of",
        ),
        ([weekly("odd", "Someday", 1)], "BadRequest", "no day of the week"),
        ([weekly("odd", "Monday", 1, "Mars")], "BadRequest", "no time zone"),
    ],
)
def test_a_setting_that_azure_would_refuse_is_refused(
    monitor: MonitorManagementClient, management: Management, profiles: list[dict], code: str, said: str
):
    with pytest.raises(HttpResponseError, match=said) as refused:
        monitor.autoscale_settings.create_or_update(management.group, "wrong", body(*profiles))
    assert (refused.value.status_code, refused.value.error.code) == (400, code)


def test_a_deployment_that_is_not_there_is_no_target(
    monitor: MonitorManagementClient, management: Management, workspace: Workspace
):
    target = f"{workspace.id}/onlineEndpoints/none/deployments/none"
    with pytest.raises(HttpResponseError, match="was not found") as refused:
        monitor.autoscale_settings.create_or_update(management.group, "lost", body(profile(), target=target))
    assert refused.value.error.code == "TargetResourceNotFound"


def test_a_setting_is_kept_changed_and_the_only_one_of_its_target(
    monitor: MonitorManagementClient, management: Management
):
    group, name = management.group, unique("auto-")
    target = f"{management.group_id}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
    made = monitor.autoscale_settings.create_or_update(group, name, body(profile(OUT, IN), target=target))
    assert (made.name, made.profiles[0].capacity.minimum, made.profiles[0].rules[0].scale_action.value) == (
        name,
        "1",
        "2",
    )
    with pytest.raises(HttpResponseError, match="has the autoscale setting") as refused:
        monitor.autoscale_settings.create_or_update(group, "second", body(profile(), target=target))
    assert refused.value.status_code == 409
    aimless = unique("auto-")
    monitor.autoscale_settings.create_or_update(group, aimless, body(profile()))
    providers = f"/subscriptions/{management.azure.subscription_id}/providers"

    def reason(of: str) -> str:
        path = f"{providers}/Local.Azure/evaluateAutoscaleSettings"
        status, _, found = management.azure.arm("POST", path, {}, api_version="2024-01-01")
        assert status == 200
        (told,) = [one for one in found["value"] if one["setting"].endswith(of)]
        assert not told["evaluated"]
        return told["reason"]

    assert (reason(name), reason(aimless)) == ("only online deployments are scaled here", "it has no target")
    changed = monitor.autoscale_settings.update(group, name, {"properties": {"enabled": False}})
    assert not changed.enabled
    assert reason(name) == "it is disabled"
    monitor.autoscale_settings.delete(group, name)
    assert name not in [one.name for one in monitor.autoscale_settings.list_by_resource_group(group)]


def test_days_have_names_or_the_numbers_of_dot_net():
    assert [autoscale_rule._day(text) for text in ("Monday", "sunday", "0", "1", "6")] == [0, 6, 6, 0, 5]
