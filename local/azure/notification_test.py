"""``createNotifications``: whether the receivers of an action group can be told, tried with a sample alert.

Scope: tests of a resource group's action groups; web hooks and Logic Apps are really called, and what they answer decides; all
other receivers end as ``Failed``, with the reason: local Azure has no such channel. Omitted: tests at the subscription.

Source: Microsoft Learn, "Action Groups - Create Notifications At Action Group Resource Level".
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from local.azure import alert_notification
from local.azure.errors import ArmError, bad_request
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

_HOST = "management.azure.com"
_STATUS = "notificationStatus"
_ALERT_TYPES = (
    "servicehealth", "metricstaticthreshold", "metricsdynamicthreshold", "logalertv2", "smartalert", "webtestalert",
    "logalertv1numresult", "logalertv1metricmeasurement", "resourcehealth", "activitylog", "actualcostbudget",
    "forecastedbudget",
)  # fmt: skip
#: How tests call kinds of receivers.
_MECHANISMS = {
    "emailReceivers": "Email", "smsReceivers": "Sms", "webhookReceivers": "Webhook", "itsmReceivers": "Itsm",
    "azureAppPushReceivers": "AzureAppPush", "automationRunbookReceivers": "AutomationRunbook", "voiceReceivers": "Voice",
    "logicAppReceivers": "LogicApp", "azureFunctionReceivers": "AzureFunction", "armRoleReceivers": "ArmRole",
    "eventHubReceivers": "EventHub",
}  # fmt: skip


async def create(azure: Azure, call: Call, group: Record) -> Answer:
    """Begins a test; its state is at ``Location``."""
    body: Json = call.body or {}
    kind = str(body.get("alertType") or "")
    if kind.lower() not in _ALERT_TYPES:
        raise bad_request(
            f"The alert type '{kind}' is invalid; it is one of {', '.join(_ALERT_TYPES)}.",
            target="alertType",
        )
    receivers = [(name, one) for name in _MECHANISMS for one in body.get(name) or []]
    if not receivers:
        raise bad_request("There are no receivers to test.", code="InvalidRequestContent")
    number = str(uuid.uuid4().int)[:14]
    path = f"{group.id}/{_STATUS}/{number}"
    now = azure.now().isoformat()
    details: list[Json] = [
        {"MechanismType": _MECHANISMS[name], "Name": one.get("name"), "Status": "InProgress", "SubState": "Default"}
        for name, one in receivers
    ]  # fmt: skip
    state: Json = {
        "context": {"notificationSource": "Microsoft.Insights/TestNotification", "contextType": kind},
        "state": "InProgress",
        "createdTime": now,
        "completedTime": "0001-01-01T00:00:00+00:00",
        "actionDetails": details,
    }
    azure.store.put(path, state)
    azure.spawn(f"test of {group.name}", _run(azure, path, group, kind, receivers))
    location = f"https://{_HOST}{path}?api-version={call.api_version}"
    return Answer(202, None, {"Location": location})


async def _run(azure: Azure, path: str, group: Record, kind: str, receivers: list[tuple[str, Json]]) -> None:
    for number, (name, receiver) in enumerate(receivers):
        url = str(receiver.get(alert_notification.CALLED.get(name, "")) or "")
        if url and not receiver.get("useAadAuth"):
            said = await alert_notification.call(azure, url, sample(group.id, kind, azure.now().isoformat()))
        else:
            said = "wasn't told: local Azure has no such channel"
        alert_notification.write(
            azure, f"Test {group.name}, {name.removesuffix('Receivers')} '{receiver.get('name')}' {said}"
        )
        record = azure.store.get(path)
        if record is None:
            return
        details: list[Json] = [*record.body["actionDetails"]]
        reached = re.search(r"answered 2\d\d", said) is not None
        details[number] = {
            **details[number],
            "Status": "Completed" if reached else "Failed",
            "SendTime": azure.now().isoformat(),
            **({} if reached else {"Detail": said}),
        }
        azure.store.put(path, {**record.body, "actionDetails": details})
    record = azure.store.get(path)
    if record is not None:
        azure.store.put(path, {**record.body, "state": "Complete", "completedTime": azure.now().isoformat()})


def sample(group: str, kind: str, now: str) -> Json:
    """A sample alert in the common alert schema; it says that it is a test."""
    essentials: Json = {
        "alertId": f"{group.partition('/resourceGroups/')[0]}/providers/Microsoft.AlertsManagement/alerts/{uuid.uuid4()}",
        "alertRule": "test-alert-rule",
        "severity": "Sev3",
        "signalType": "Activity Log" if kind.lower() in ("activitylog", "servicehealth", "resourcehealth") else "Metric",
        "monitorCondition": "Fired",
        "monitoringService": "Platform",
        "alertTargetIDs": [group.lower()],
        "configurationItems": ["test-config-item"],
        "originAlertId": str(uuid.uuid4()),
        "firedDateTime": now,
        "description": "Test alert",
        "essentialsVersion": "1.0",
        "alertContextVersion": "1.0",
    }  # fmt: skip
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {"essentials": essentials, "alertContext": {"properties": {"contextType": kind}}},
    }


async def _status(azure: Azure, call: Call) -> Answer:
    record = azure.store.get(f"{call.captured['group']}/{_STATUS}/{call.captured['number']}")
    if record is None:
        raise ArmError(404, "NotFound", f"There is no test '{call.captured['number']}' of this action group.")
    return Answer(200, record.body)


ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            r"(?P<group>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Insights/actionGroups/[^/]+)"
            r"/notificationStatus/(?P<number>[^/]+)",
            re.IGNORECASE,
        ),
        _status,
        ("GET",),
    ),
)
