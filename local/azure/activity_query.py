"""Microsoft.Insights/eventtypes and eventcategories: the activity log, asked for through Azure Resource Manager.

Scope: events of the subscription and of the tenant with ``$filter`` (times, resource, group, provider, correlation id, caller,
level, operation, status, joined by ``and``), ``$select`` and pages; the categories of events. Omitted: events of other
categories than Administrative: there are none.

Source: Microsoft Learn, "Activity Logs - List".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from local.azure import activity_log
from local.azure.errors import ArmError, bad_request
from local.azure.resource_type import Answer, Call, Json, Route
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.azure.azure import Azure

_PAGE = 200
_CATEGORIES = ("Administrative", "Security", "ServiceHealth", "Alert", "Recommendation", "Policy", "Autoscale", "ResourceHealth")  # fmt: skip
#: Times may be without quotes: so the Azure CLI sends them.
_TERM = re.compile(r"(\w+)\s+(eq|ge|le|gt|lt)\s+(?:'([^']*)'|(\d{4}-[^\s']+))", re.IGNORECASE)
_FIELDS: dict[str, Callable[[Json], str]] = {
    "eventtimestamp": lambda event: event["eventTimestamp"],
    "resourcegroupname": lambda event: event.get("resourceGroupName", ""),
    "resourceprovider": lambda event: event["resourceProviderName"]["value"],
    "resourceuri": lambda event: event["resourceId"],
    "resourceid": lambda event: event["resourceId"],
    "resourcetype": lambda event: event["resourceType"]["value"],
    "correlationid": lambda event: event["correlationId"],
    "caller": lambda event: event["caller"],
    "levels": lambda event: event["level"],
    "operations": lambda event: event["operationName"]["value"],
    "status": lambda event: event["status"]["value"],
    "eventchannels": lambda _event: "Admin, Operation",
}
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda found, wanted: found == wanted,
    "ge": lambda found, wanted: found >= wanted,
    "le": lambda found, wanted: found <= wanted,
    "gt": lambda found, wanted: found > wanted,
    "lt": lambda found, wanted: found < wanted,
}


def passes(text: str) -> Callable[[Json], bool]:
    """A ``$filter`` as a test of events.

    Raises:
        ArmError: 400, it isn't understood.
    """
    terms = _TERM.findall(text)
    left = re.sub(r"\band\b|\s", "", _TERM.sub("", text), flags=re.IGNORECASE)
    unknown = [field for field, *_ in terms if field.lower() not in _FIELDS]
    if left or unknown:
        raise bad_request(
            f"The $filter '{text}' isn't understood; join terms such as \"eventTimestamp ge '2026-01-01T00:00:00Z'\" by 'and' "
            f"(fields: {', '.join(sorted(_FIELDS))}).",
            code="InvalidFilter",
        )

    def holds(event: Json) -> bool:
        return all(
            _COMPARISONS[comparison.lower()](_FIELDS[field.lower()](event).lower(), (wanted or time).lower())
            for field, comparison, wanted, time in terms
        )

    return holds


async def _events(azure: Azure, call: Call) -> Answer:
    subscription = call.captured.get("subscription")
    if subscription is not None and subscription.lower() != SUBSCRIPTION_ID:
        raise ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
    holds = passes(call.query.get("$filter", ""))
    selected = {name.strip().lower() for name in call.query.get("$select", "").split(",") if name.strip()}
    start = _number(call.query.get("$skipToken") or call.query.get("$skiptoken") or "0")
    found: list[Json] = []
    for at, event in enumerate(
        event for event in activity_log.read(azure.directory.activity) if holds(event)
    ):
        if at >= start + _PAGE:
            query = {**call.query, "$skipToken": str(start + _PAGE)}
            next_link = f"https://{call.host}{call.path}?{urlencode(query)}"
            return Answer(200, {"value": found, "nextLink": next_link})
        if at >= start:
            found.append({key: one for key, one in event.items() if not selected or key.lower() in selected})
    return Answer(200, {"value": found})


def _number(text: str) -> int:
    if not text.isdigit():
        raise bad_request(
            f"$skipToken '{text}' is no number; use the nextLink as it is.", code="InvalidSkipToken"
        )
    return int(text)


async def _categories(_azure: Azure, _call: Call) -> Answer:
    return Answer(200, {"value": [{"value": name, "localizedValue": name} for name in _CATEGORIES]})


_ARM = re.compile(r"management\.azure\.com")
ROUTES = (
    Route(
        _ARM,
        re.compile(
            r"(?:/subscriptions/(?P<subscription>[^/]+))?/providers/Microsoft\.Insights/eventtypes/management/values",
            re.IGNORECASE,
        ),
        _events,
        ("GET",),
    ),
    Route(
        _ARM,
        re.compile(r"/providers/Microsoft\.Insights/eventcategories", re.IGNORECASE),
        _categories,
        ("GET",),
    ),
)
