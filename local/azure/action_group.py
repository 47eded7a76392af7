"""Microsoft.Insights/actionGroups: whom an alert tells.

Scope: action groups with all their receivers. Whom they tell when an alert fires, and how, is in ``alert_notification``; tests
of them are in ``notification_test``. Omitted: subscribing and unsubscribing of receivers, tenant action groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure import notification_test
from local.azure.errors import bad_request
from local.azure.kept import kept

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, ResourceId

TYPE = "Microsoft.Insights/actionGroups"
_RECEIVERS = (
    "armRoleReceivers", "automationRunbookReceivers", "azureAppPushReceivers", "azureFunctionReceivers", "emailReceivers",
    "eventHubReceivers", "itsmReceivers", "logicAppReceivers", "smsReceivers", "voiceReceivers", "webhookReceivers",
)  # fmt: skip
#: Receivers that people can unsubscribe themselves.
_SUBSCRIBED = ("emailReceivers", "smsReceivers")
#: Receivers that get the common alert schema on request.
_SCHEMAS = (
    "armRoleReceivers", "automationRunbookReceivers", "azureFunctionReceivers", "emailReceivers", "eventHubReceivers",
    "logicAppReceivers", "webhookReceivers",
)  # fmt: skip


def _check(_azure: Azure, _resource_id: ResourceId, properties: Json) -> None:
    short = str(properties["groupShortName"])
    if not 1 <= len(short) <= 12:
        raise bad_request(
            f"groupShortName '{short}' must have 1 to 12 characters.", code="InvalidRequestContent"
        )
    names = [str(receiver.get("name", "")) for kind in _RECEIVERS for receiver in properties.get(kind) or []]
    if not all(names):
        raise bad_request("Every receiver needs a name.", code="InvalidRequestContent")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise bad_request(
            f"Receivers' names must be unique in an action group; '{min(twice)}' isn't.",
            code="ReceiverNameNotUnique",
        )


def _complete(_azure: Azure, _resource_id: ResourceId, properties: Json, _before: Json) -> Json:
    found: Json = {}
    for kind in _RECEIVERS:
        defaults: Json = {"useCommonAlertSchema": False} if kind in _SCHEMAS else {}
        states: Json = {"status": "Enabled"} if kind in _SUBSCRIBED else {}
        found[kind] = [{**defaults, **states, **one} for one in properties.get(kind) or []]
    return found


TYPES = (
    kept(
        TYPE,
        defaults={"enabled": True, **{kind: [] for kind in _RECEIVERS}},
        required=("groupShortName",),
        check=_check,
        computed=_complete,
        system_data=False,
        actions={"createNotifications": notification_test.create},
    ),
)
