"""``python -m local autoscale``: autoscale settings of the running local Azure, evaluated through Azure Resource Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.principal import ARM
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.principal import Client

_URL = f"{ARM}/subscriptions/{SUBSCRIPTION_ID}/providers/Local.Azure/evaluateAutoscaleSettings"


def evaluate(client: Client) -> list[dict[str, Any]]:
    """Evaluates all settings now, and scales; what was found, by setting."""
    return client.call("POST", f"{_URL}?api-version=2024-01-01", {})["value"]


def line(found: dict[str, Any]) -> str:
    """What came of a setting, in one line.

    >>> line({"setting": "/x/autoscaleSettings/live", "evaluated": False, "reason": "it is disabled"})
    'live: not evaluated, it is disabled'
    >>> scaled = {"target": "/x/deployments/blue", "profile": "usual", "capacity": 1, "wanted": 2, "reason": "so"}
    >>> line({"setting": "/x/autoscaleSettings/live", "evaluated": True, **scaled})
    "live: blue has 1 instances, gets 2 by the profile 'usual': so"
    """
    name = found["setting"].rsplit("/", 1)[-1]
    if not found["evaluated"]:
        return f"{name}: not evaluated, {found['reason']}"
    target, before, after = found["target"].rsplit("/", 1)[-1], found["capacity"], found["wanted"]
    what = f"gets {after}" if after != before else "keeps them"
    failed = f"; it failed: {found['error']}" if "error" in found else ""
    return f"{name}: {target} has {before} instances, {what} by the profile '{found['profile']}': {found['reason']}{failed}"
