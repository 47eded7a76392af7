"""What a stack says of alerts and budgets, and how a mistake in it is explained: one line, with the remedy."""

import pytest

from infra.config import ConfigError, parse

BASE = {"environment": "dev", "location": "westeurope", "owner": "ml", "costCenter": "ml"}
TOLD = {"emails": ["ml@example.com"]}
PERCENT = "write a number above 0, up to 100, or leave the key out"


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        (
            {"emails": ["ml-team"]},
            ("mlops:alerts.emails[0]: 'ml-team' can't be used: these get a mail; write a list of addresses such as "
            "ml-team@example.com"),
        ),
        (
            {"emails": ["ml@example.com", "ml@example.com"]},
            "mlops:alerts: emails: ml@example.com is listed twice, and the receivers of an action group need names of their own; list it once",
        ),
        (
            {"webhooks": ["http://pager.example.com"]},
            ("mlops:alerts.webhooks[0]: Azure calls web hooks over https at public host names only, so nothing would arrive; "
            "write https://HOST/PATH"),
        ),
        (
            {"webhooks": ["https://localhost/hook"]},
            ("mlops:alerts.webhooks[0]: Azure calls web hooks over https at public host names only, so nothing would arrive; "
            "write https://HOST/PATH"),
        ),
        (
            {"teams": {"urlSecret": "https://prod.logic.azure.com/workflows/s3cret"}},
            ("mlops:alerts.teams.urlSecret: no secret of a key vault can have this name, so nothing could be read; write the "
            "secret's name, 1 to 127 letters, digits and hyphens, and put the token or URL itself into the vault"),
        ),
        (
            {"failedRuns": True},
            ("mlops:alerts: nobody would be told of failedRuns, as there are no emails, webhooks or teams; write emails: "
            "[ADDRESS]"),
        ),
        (
            {**TOLD, "deniedAccess": True},
            ("mlops:alerts.deniedAccess: no logs arrive in Log Analytics while observability.diagnostics is false; write "
            "observability.diagnostics: true"),
        ),
        (
            {**TOLD, "endpoint": {"errorPercent": 5}},
            ("mlops:alerts.endpoint.errorPercent: no logs arrive in Log Analytics while observability.diagnostics is false; "
            "write observability.diagnostics: true, or serverErrors, which needs none"),
        ),
        (
            {**TOLD, "endpoint": {"cpuPercent": 101}},
            f"mlops:alerts.endpoint.cpuPercent: 101 can't be used: an instance's CPUs may be this busy; {PERCENT}",
        ),
        (
            {**TOLD, "endpoint": {"p95Ms": 0}},
            "mlops:alerts.endpoint.p95Ms: 0 can't be used: 95 of 100 requests may take this long; write milliseconds above 0",
        ),
        (
            {**TOLD, "endpoint": {"p50Ms": 900, "p99Ms": 500}},
            ("mlops:alerts.endpoint: p50Ms 900 is above p99Ms 500, and no percentile is above a higher one, so it would never "
            "be the first to fire; write p50Ms below p99Ms"),
        ),
        (
            {**TOLD, "endpoint": {"windowMinutes": 7}},
            ("mlops:alerts.endpoint.windowMinutes: 7 can't be used: metrics and logs are looked at over this time; write 1, 5, "
            "15, 30 or 60"),
        ),
        (
            {**TOLD, "endpoints": {}},
            "mlops:alerts.endpoints: unknown key, it would have no effect; did you mean endpoint?",
        ),
    ],
)  # fmt: skip
def test_alerts_that_cannot_work_are_one_line_with_the_remedy(alerts, said):
    with pytest.raises(ConfigError) as refusal:
        parse({**BASE, "alerts": alerts})
    assert str(refusal.value) == said


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (
            {"amount": 500},
            "mlops:budget: nobody would be told; write emails: [ADDRESS] here or under mlops:alerts",
        ),
        (
            {"emails": ["ml@example.com"]},
            "mlops:budget.amount: missing; shares of this amount are what somebody is told of; write an amount of money above 0",
        ),
        (
            {"amount": 0, **TOLD},
            ("mlops:budget.amount: 0 can't be used: shares of this amount are what somebody is told of; write an amount of "
            "money above 0"),
        ),
        (
            {"amount": 500, "actual": [1001], **TOLD},
            ("mlops:budget.actual[0]: 1001 can't be used: somebody is told once so many percent were spent; write a list of "
            "percentages above 0, up to 1000"),
        ),
        (
            {"amount": 500, "actual": [10, 20, 30, 40, 50], **TOLD},
            "mlops:budget: actual and forecast have 6 thresholds, and a budget has 5 at most; leave some out",
        ),
        (
            {"amount": 500, "actual": [], "forecast": [], **TOLD},
            "mlops:budget: actual and forecast are empty, so nobody would ever be told; write actual: [80, 100]",
        ),
        (
            {"amount": 500, "start": "2026-11-15", **TOLD},
            ("mlops:budget.start: '2026-11-15' can't be used: a budget's months are counted from the first of one; write "
            "YYYY-MM-01, or leave the key out for the month in which the budget is made"),
        ),
        (
            {"amount": 500, "tag": "team", **TOLD},
            ("mlops:budget.tag: nothing of this stack has the tag team, so the budget would be empty; write one of "
            "cost-center, environment, managed-by, owner, project"),
        ),
    ],
)  # fmt: skip
def test_budgets_that_cannot_work_are_one_line_with_the_remedy(budget, said):
    with pytest.raises(ConfigError) as refusal:
        parse({**BASE, "budget": budget})
    assert str(refusal.value) == said


def test_teams_cannot_be_told_from_behind_a_private_network():
    private = {"network": {"mode": "private"}, "registry": {"sku": "Premium"}}
    with pytest.raises(
        ConfigError, match=r"^mlops:alerts\.teams: the Logic App is outside of the network"
    ) as refusal:
        parse({**BASE, **private, "alerts": {"teams": {}}})
    assert "\n" not in str(refusal.value)


def test_secrets_in_urls_arent_repeated():
    for alerts in ({"webhooks": ["http://a.example.com/s3cret"]}, {"teams": {"urlSecret": "https://s3cret"}}):
        with pytest.raises(ConfigError) as refusal:
            parse({**BASE, "alerts": alerts})
        assert "s3cret" not in str(refusal.value)


def test_whom_alerts_tell_is_enough_for_a_budget():
    assert parse({**BASE, "alerts": TOLD, "budget": {"amount": 500}}).budget.forecast == (100.0,)
