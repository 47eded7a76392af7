"""``python -m local alerts``: metric alerts of the running local Azure, checked and listed through Azure Resource Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.principal import ARM
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.principal import Client

_SUBSCRIPTION = f"{ARM}/subscriptions/{SUBSCRIPTION_ID}"


def check(client: Client) -> list[dict[str, Any]]:
    """Checks all rules now; what was found, by rule."""
    url = f"{_SUBSCRIPTION}/providers/Local.Azure/evaluateMetricAlerts?api-version=2024-01-01"
    return client.call("POST", url, {})["value"]


def everything(client: Client) -> list[dict[str, Any]]:
    """All alerts, the newest first."""
    url = f"{_SUBSCRIPTION}/providers/Microsoft.AlertsManagement/alerts?api-version=2019-05-05-preview"
    return client.call("GET", url)["value"]


def line(alert: dict[str, Any]) -> str:
    """An alert in one line.

    >>> essentials = {"startDateTime": "T", "severity": "Sev1", "monitorCondition": "Fired", "alertState": "New"}
    >>> ids = {"alertRule": "/x/metricAlerts/errors", "targetResourceName": "live"}
    >>> line({"properties": {"essentials": {**essentials, **ids}}})
    'T Sev1 Fired (New) errors: live'
    """
    found = alert["properties"]["essentials"]
    state = f"{found['severity']} {found['monitorCondition']} ({found['alertState']})"
    rule = found["alertRule"].rsplit("/", 1)[-1]
    return f"{found['startDateTime']} {state} {rule}: {found['targetResourceName']}"


def lines(found: list[dict[str, Any]]) -> list[str]:
    """What a check found, a line for each rule and series.

    >>> lines([{"rule": "/x/metricAlerts/usual", "evaluated": False, "reason": "it is disabled"}])
    ['usual: not evaluated, it is disabled']
    """
    said: list[str] = []
    for rule in found:
        name = rule["rule"].rsplit("/", 1)[-1]
        if not rule["evaluated"]:
            said.append(f"{name}: not evaluated, {rule['reason']}")
        elif not rule["observations"]:
            said.append(f"{name}: nothing was measured")
        for one in rule.get("observations", []):
            series = "".join(f" {key}={value}" for key, value in one["dimensions"].items())
            values = ", ".join(
                f"{key} {'unknown' if value is None else f'{value:g}'}"
                for key, value in one["values"].items()
            )
            met = {True: "met", False: "not met", None: "unknown"}[one["met"]]
            change = f"; {one['change'].lower()}" if one["change"] else ""
            said.append(f"{name}: {one['target'].rsplit('/', 1)[-1]}{series}: {values}: {met}{change}")
    return said
