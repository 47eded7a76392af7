"""Checks of all rules at once, which Azure doesn't have: ``python -m local alerts run``.

``POST {subscription}/providers/Local.Azure/evaluateMetricAlerts``: rules on metrics with the current minute, rules on logs until now.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from local.azure import alert_rule, metric_alert, query_alert
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call


async def _evaluate(azure: Azure, _call: Call) -> Answer:
    now = azure.now()
    on_metrics = metric_alert.evaluate(azure, end=alert_rule.window_end(now, early=True))
    on_logs = query_alert.evaluate(azure, end=now + timedelta(milliseconds=1))
    return Answer(200, {"value": [*on_metrics, *on_logs]})


ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(r"/subscriptions/[^/]+/providers/Local\.Azure/evaluateMetricAlerts", re.IGNORECASE),
        _evaluate,
        ("POST",),
    ),
)
