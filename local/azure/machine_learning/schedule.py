"""Schedules of jobs and model monitors: kept, checked, switched on and off, and run when they are triggered.

``schedule_clock`` runs those that are on when they are due; ``trigger`` runs any at once, whether it is on or off.
One that is on can't be deleted. Schedules that invoke batch endpoints are kept, and triggering one is refused; those that
import data are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.machine_learning import due
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

SCHEDULE = f"{WORKSPACE}/schedules"
_ACTIONS = {
    "CreateJob": "jobDefinition",
    "CreateMonitor": "monitorDefinition",
    "InvokeBatchEndpoint": "endpointInvocationDefinition",
}


def _prepare(azure: Azure, _id: ResourceId, body: Json, old: Record | None) -> Json:
    given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    action: Mapping[str, Any] = given.get("action") or {}
    kind = str(action.get("actionType", ""))
    if kind not in _ACTIONS:
        raise unsupported(f"A schedule with action '{kind}'")
    if not action.get(_ACTIONS[kind]):
        raise bad_request(f"The action {kind} needs a {_ACTIONS[kind]}.", target="properties.action")
    if kind == "CreateMonitor" and not action["monitorDefinition"].get("signals"):
        raise bad_request(
            "A monitor needs at least one signal.", target="properties.action.monitorDefinition.signals"
        )
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    name = given.get("displayName")
    if before.get("displayName") and name and name != before["displayName"]:
        raise bad_request("The displayName of a schedule can't be changed.", target="properties.displayName")
    properties = {
        "description": None,
        "tags": {},
        "properties": {},
        **given,
        "displayName": name or before.get("displayName"),
        "isEnabled": bool(given.get("isEnabled", True)),
        "trigger": trigger(given.get("trigger") or {}),
    }
    return {"properties": properties, "clock": _clock(azure, properties, old)}


def trigger(given: Mapping[str, Any]) -> Json:
    """A trigger as it is stored; ``ArmError`` 400 if it is none."""
    try:
        due.check(given)
    except due.TriggerError as error:
        raise bad_request(str(error), target=f"properties.trigger.{error.target}") from None
    return {"timeZone": "UTC", "startTime": None, "endTime": None, **given}


def _clock(azure: Azure, properties: Mapping[str, Any], old: Record | None) -> Json:
    """Since when a schedule's times count: from its first day, from a new trigger, and anew when it is switched on."""
    now = azure.now().isoformat()
    kept: Json = dict((old.body.get("clock") or {}) if old else {})
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    if not kept or before.get("trigger") != properties["trigger"]:
        return {**kept, "made": now, "ran": now}
    switched_on = properties["isEnabled"] and not before.get("isEnabled")
    return {**kept, "ran": now} if switched_on else kept


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    return {name: value for name, value in body.items() if name != "clock"}


async def _settle(_azure: Azure, _record: Record) -> None:
    """Nothing is started before it is triggered."""


async def _vanish(_azure: Azure, _record: Record) -> None:
    """Jobs that it started stay."""


def _guard_delete(_azure: Azure, record: Record) -> None:
    if record.body["properties"]["isEnabled"]:
        raise ArmError(
            400, "UserError", f"The schedule '{record.name}' is enabled. Disable it before deleting it."
        )


async def _run(azure: Azure, _call: Call, record: Record) -> Answer:
    from local.azure.machine_learning import monitor_run  # noqa: PLC0415 (it imports what runs jobs)

    if record.body["properties"]["action"]["actionType"] == "InvokeBatchEndpoint":
        raise unsupported(f"Triggering a schedule that invokes a batch endpoint ('{record.name}')")
    job = await monitor_run.trigger(azure, record)
    return Answer(
        200, {"scheduleActionType": record.body["properties"]["action"]["actionType"], "submissionId": job}
    )


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    query = {name.lower(): value for name, value in call.query.items()}
    view = query.get("listviewtype", "EnabledOnly").lower()
    return [
        record
        for record in records
        if view == "all" or record.body["properties"]["isEnabled"] == (view != "disabledonly")
    ]


TYPES = (
    ResourceType(
        SCHEDULE,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        guard_delete=_guard_delete,
        view=_view,
        patch=False,
        operation=("mfeOperationsStatus", "schedule"),
        listing=_listing,
        actions={"trigger": _run},
    ),
)
