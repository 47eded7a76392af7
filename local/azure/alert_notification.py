"""What an alert says, and to whom: the receivers of action groups.

Scope: web hooks and Logic Apps get the common alert schema, or the older one where they don't ask for it, by POST; hosts
that aren't on this machine only through ``MLOPS_LOCAL_FORWARD``. E-mail, SMS, voice, push, runbooks, functions, event hubs,
ITSM, roles, and web hooks that sign in with Entra ID get nothing; ``notifications.log`` has a line for every receiver, whatever
came of it (``python -m local logs notifications``). URLs are secrets and in no line.

A receiver that is silent or answers 408, 429, 503 or 504 is tried again; Azure waits 5, 20 and 40 seconds, here it is less.

Source: Microsoft Learn, "Common alert schema", "Non-common alert schema definitions", "Action groups" (retry logic of web
hooks).
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from local.azure import outbound
from local.azure.errors import ArmError

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, ResourceId

_LOG = "notifications.log"
_ACTIVITY = "Activity Log"
_WAITS = (0.2, 1.0, 5.0)
_AGAIN = frozenset({408, 429, 503, 504})
_PATIENCE = 10.0
#: Where a receiver that is called has its URL.
CALLED = {"webhookReceivers": "serviceUri", "logicAppReceivers": "callbackUrl"}


def common(rule: ResourceId, properties: Json, alert: Json, notice: Json, custom: Json | None) -> Json:
    """The common alert schema.

    Args:
        rule: the rule's id.
        properties: the rule's.
        alert: the essentials of the alert, as ``Microsoft.AlertsManagement`` has them.
        notice: what happened: ``condition``, ``id``, ``time``, ``context``.
        custom: the properties that the rule's action gives its web hooks.
    """
    resolved: Json = {"resolvedDateTime": notice["time"]} if notice["condition"] == "Resolved" else {}
    data: Json = {
        "essentials": {
            "alertId": notice["id"],
            "alertRule": rule.name,
            "alertRuleID": rule.text,
            "targetResourceType": str(alert["targetResourceType"]).lower(),
            "targetResourceGroup": alert["targetResourceGroup"],
            "severity": alert["severity"],
            "signalType": alert["signalType"],
            "monitorCondition": notice["condition"],
            "monitoringService": alert["monitorService"],
            "alertTargetIDs": [str(alert["targetResource"]).lower()],
            "configurationItems": [alert["targetResourceName"]],
            "originAlertId": alert["sourceCreatedId"],
            "firedDateTime": alert["startDateTime"],
            **resolved,
            "description": properties.get("description") or "",
            "essentialsVersion": "1.0",
            "alertContextVersion": "1.0",
        },
        "alertContext": notice["context"]
        if alert["signalType"] == _ACTIVITY
        else {"properties": custom, **notice["context"]},
    }
    if properties.get("customProperties"):
        data["customProperties"] = properties["customProperties"]
    return {"schemaId": "azureMonitorCommonAlertSchema", "data": data}


def older(rule: ResourceId, properties: Json, alert: Json, notice: Json, custom: Json | None) -> Json:
    """What a receiver gets that doesn't use the common alert schema; arguments as in ``common``.

    Alerts on logs have that schema alone.
    """
    if alert["signalType"] == "Log":
        return common(rule, properties, alert, notice, custom)
    if alert["signalType"] == _ACTIVITY:
        context = {"activityLog": notice["context"]}
        data: Json = {"status": "Activated", "context": context, "properties": custom or {}}
        return {"schemaId": "Microsoft.Insights/activityLogs", "data": data}
    return {
        "schemaId": "AzureMonitorMetricAlert",
        "data": {
            "version": "2.0",
            "properties": custom,
            "status": "Activated" if notice["condition"] == "Fired" else "Deactivated",
            "context": {
                "timestamp": notice["time"],
                "id": rule.text,
                "name": rule.name,
                "description": properties.get("description") or "",
                "conditionType": notice["context"]["conditionType"],
                "severity": str(properties["severity"]),
                "condition": notice["context"]["condition"],
                "subscriptionId": rule.subscription_id,
                "resourceGroupName": alert["targetResourceGroup"],
                "resourceName": alert["targetResourceName"],
                "resourceType": alert["targetResourceType"],
                "resourceId": alert["targetResource"],
                "portalLink": f"https://portal.azure.com/#resource{alert['targetResource']}",
            },
        },
    }


async def tell(azure: Azure, rule: ResourceId, properties: Json, alert: Json, notice: Json) -> None:
    """Tells the receivers of all action groups of a rule."""
    for reference, custom in _groups(properties):
        group = azure.store.get(reference)
        title = f"{notice['condition']} {rule.name}"
        if group is None or not group.body["properties"].get("enabled", True):
            why = "not there" if group is None else "disabled"
            write(azure, f"{title}: the action group {reference} is {why}; nobody was told")
            continue
        given = (rule, properties, alert, notice, custom)
        receivers = [
            (kind, one)
            for kind, listed in group.body["properties"].items()
            if kind.endswith("Receivers")
            for one in listed
        ]
        for kind, receiver in receivers:
            url = str(receiver.get(CALLED.get(kind, "")) or "")
            name = f"{title}: {group.name}, {kind.removesuffix('Receivers')} '{receiver.get('name')}'"
            if not url or receiver.get("useAadAuth"):
                write(azure, f"{name} wasn't told: local Azure has no such channel")
                continue
            schema = common if receiver.get("useCommonAlertSchema") else older
            write(azure, f"{name} {await call(azure, url, schema(*given))}")


def _groups(properties: Json) -> list[tuple[str, Json | None]]:
    """The action groups of a rule and what it adds for their web hooks: each kind of rule writes them otherwise."""
    actions = properties.get("actions") or []
    if isinstance(actions, list):  # on metrics
        return [(str(one.get("actionGroupId") or ""), one.get("webHookProperties")) for one in actions]
    listed: list[Any] = actions.get("actionGroups") or []
    return [
        (one, actions.get("actionProperties"))  # on logs
        if isinstance(one, str)
        else (str(one.get("actionGroupId") or ""), one.get("webhookProperties"))  # on the activity log
        for one in listed
    ]


async def call(azure: Azure, url: str, payload: Json) -> str:
    """Calls a receiver, several times if need be; what came of it, in words."""
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "IcMBroadcaster/1.0"}
    content = json.dumps(payload).encode()
    said = ""
    for wait in (0.0, *_WAITS):
        await asyncio.sleep(wait)
        try:
            reply = await outbound.send(
                azure, "POST", url, headers=headers, content=content, timeout=_PATIENCE
            )
        except ArmError as error:
            return f"wasn't told: {error.message}"
        except (aiohttp.ClientError, TimeoutError) as error:
            said = f"wasn't told: nobody answered ({type(error).__name__})"
            continue
        if reply.status not in _AGAIN:
            return f"was told, and answered {reply.status}"
        said = f"was told, and answered {reply.status} to {len(_WAITS) + 1} attempts"
    return said


def write(azure: Azure, text: str) -> None:
    """Notes whom somebody was told of, or why not."""
    with (azure.directory.logs / _LOG).open("a") as file:
        file.write(f"{azure.now().isoformat(timespec='seconds')} {text}\n")
