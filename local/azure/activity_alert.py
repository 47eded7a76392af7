"""Rules on the activity log fire: at the event, in whose scope it was, by Azure's fields.

Scope: ``allOf`` of fields that equal or contain something, and ``anyOf`` of such; events of the category *Administrative*, as there
are no others here. Such alerts have the severity 4 and aren't resolved. Omitted: rules on service health, which never fires.

Source: Microsoft Learn, "Activity Log Alerts - Create Or Update"; "Common alert schema", section "Activity Log - Administrative".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from local.azure import alert_record
from local.azure.alert_record import Signal
from local.azure.insights import ACTIVITY_LOG_ALERT

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json

logger = logging.getLogger(__name__)
_SIGNAL = Signal("Activity Log", "Activity Log - Administrative", "Microsoft.Insights_activityLogAlerts")
_SEVERITY = 4


def heard(azure: Azure, event: Json) -> None:
    """Fires the rules that an event of the activity log meets. Whatever is wrong with a rule is no matter of the request's."""
    for rule in azure.store.of_type(ACTIVITY_LOG_ALERT):
        properties: Json = rule.body["properties"]
        try:
            if (
                properties.get("enabled", True)
                and _inside(event, properties)
                and meets(properties["condition"], event)
            ):
                alert_record.fire(
                    azure, rule, _SIGNAL, severity=_SEVERITY, target=str(event["resourceId"]), context=_context(event)
                )  # fmt: skip
        except Exception:
            logger.exception("the rule %s on the activity log can't be evaluated", rule.name)


def _inside(event: Json, properties: Json) -> bool:
    at = f"{event['resourceId']}/".lower()
    return any(
        at.startswith(f"{str(scope).rstrip('/')}/".lower()) for scope in properties.get("scopes") or []
    )


def meets(condition: Json, event: Json) -> bool:
    """Whether an event meets a rule's condition. Pure.

    >>> event = {"operationName": {"value": "A/write"}, "level": "Error"}
    >>> meets({"allOf": [{"field": "operationName", "equals": "a/WRITE"}, {"field": "level", "equals": "Error"}]}, event)
    True
    >>> meets({"allOf": [{"anyOf": [{"field": "operationName", "equals": "B/write"}]}]}, event)
    False
    """
    return all(
        any(_holds(leaf, event) for leaf in one["anyOf"]) if one.get("anyOf") else _holds(one, event)
        for one in condition.get("allOf") or []
    )


def _holds(leaf: Json, event: Json) -> bool:
    found = _field(event, str(leaf.get("field") or ""))
    if leaf.get("containsAny"):
        return any(str(text).lower() in found for text in leaf["containsAny"])
    return found == str(leaf.get("equals")).lower()


#: Fields of rules that events have under another name.
_NAMES = {"resourcegroup": "resourceGroupName", "resourceprovider": "resourceProviderName"}


def _field(event: Json, name: str) -> str:
    """A field of an event in lower case, empty if it has none."""
    found: object = event
    for part in name.split("."):
        if not isinstance(found, dict):
            return ""
        wanted = _NAMES.get(part.lower(), part).lower()
        found = next((value for key, value in found.items() if str(key).lower() == wanted), None)
    if isinstance(found, dict):
        found = found.get("value")
    return "" if found is None else str(found).lower()


def _context(event: Json) -> Json:
    """The ``alertContext``, as Azure shortens events for it."""
    return {
        "authorization": event["authorization"],
        "channels": event["channels"],
        "claims": event["claims"],
        "caller": event["caller"],
        "correlationId": event["correlationId"],
        "eventSource": event["category"]["value"],
        "eventTimestamp": event["eventTimestamp"],
        "eventDataId": event["eventDataId"],
        "level": event["level"],
        "operationName": event["operationName"]["value"],
        "operationId": event["operationId"],
        "properties": event["properties"],
        "status": event["status"]["value"],
        "subStatus": event["subStatus"]["value"],
        "submissionTimestamp": event["submissionTimestamp"],
    }
