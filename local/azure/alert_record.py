"""Alerts that have fired, as ``Microsoft.AlertsManagement/alerts`` has them. Written down before anybody is told."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.azure import metric_alert

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record


@dataclass(frozen=True)
class Signal:
    """What kind of rule fired."""

    type: str  #: ``signalType``: ``Activity Log``, ``Log``
    service: str  #: ``monitorService``
    source: str  #: what Azure's own ids of such alerts have in them


def fire(
    azure: Azure, rule: Record, signal: Signal, *, severity: int, target: str, context: Json, series: str = ""
) -> Record:
    """Writes down a new alert, and has it told.

    Args:
        azure: local Azure.
        rule: the rule that fired.
        signal: of what kind it is.
        severity: from 0 to 4.
        target: the resource that it is about.
        context: the ``alertContext``.
        series: what tells this alert of the rule from others.
    """
    rule_id, target_id, now = azure.parse(rule.id), azure.parse(target), azure.now().isoformat()
    path = f"/subscriptions/{rule_id.subscription_id}/providers/{metric_alert.ALERT}/{uuid.uuid4()}"
    origin = "_".join((rule_id.subscription_id, rule_id.resource_group or "", signal.source, rule_id.name))
    essentials: Json = {
        "severity": f"Sev{severity}",
        "signalType": signal.type,
        "alertState": "New",
        "monitorCondition": "Fired",
        "monitorService": signal.service,
        "targetResource": target,
        "targetResourceName": target_id.name if target_id.names else target,
        "targetResourceGroup": target_id.resource_group,
        "targetResourceType": target_id.type,
        "sourceCreatedId": f"{origin}_{uuid.uuid4()}",
        "alertRule": rule.id,
        "description": rule.body["properties"].get("description") or "",
        "startDateTime": now,
        "lastModifiedDateTime": now,
        "lastModifiedUserName": "System",
        "actionStatus": {"isSuppressed": False},
    }
    local: Json = {
        "rule": rule.id.lower(),
        "target": target.lower(),
        "series": [],
        "group": series,
        "healthy": 0,
        "notices": [{"condition": "Fired", "id": path, "time": now, "context": context}],
    }
    body: Json = {"properties": {"essentials": essentials, "context": context}, "local": local}
    record = azure.store.put(path, body)
    azure.spawn(f"alert {rule.name}", metric_alert.tell_waiting(azure, path))
    return record


def resolve(azure: Azure, alert: Record, context: Json) -> None:
    """Writes down that an alert is over, and has that told."""
    now, local = azure.now().isoformat(), alert.body["local"]
    notice: Json = {"condition": "Resolved", "id": alert.id, "time": now, "context": context}
    essentials: Json = {
        **alert.body["properties"]["essentials"],
        "monitorCondition": "Resolved",
        "monitorConditionResolvedDateTime": now,
        "lastModifiedDateTime": now,
    }
    waiting = bool(local["notices"])
    azure.store.put(
        alert.id,
        {
            "properties": {"essentials": essentials, "context": context},
            "local": {**local, "notices": [*local["notices"], notice]},
        },
    )
    if not waiting:
        azure.spawn(f"alert {alert.name}", metric_alert.tell_waiting(azure, alert.id))
