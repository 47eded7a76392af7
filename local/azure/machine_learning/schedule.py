"""Schedules of jobs and model monitors: kept, checked, switched on and off, and run when they are triggered.

Local Azure doesn't watch the clock: a schedule runs when its ``trigger`` action is called, whether it is on or off.
One that is on can't be deleted. Schedules that invoke batch endpoints are kept, and triggering one is refused; those that
import data are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
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
_FREQUENCIES = ("minute", "hour", "day", "week", "month")
_CRON = re.compile(r"\S+(?: \S+){4}")


def _prepare(_azure: Azure, _id: ResourceId, body: Json, old: Record | None) -> Json:
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
    return {
        "properties": {
            "description": None,
            "tags": {},
            "properties": {},
            **given,
            "displayName": name or before.get("displayName"),
            "isEnabled": bool(given.get("isEnabled", True)),
            "trigger": trigger(given.get("trigger") or {}),
        }
    }


def trigger(given: Mapping[str, Any]) -> Json:
    """A trigger as it is stored; ``ArmError`` 400 if it is none."""
    kind = str(given.get("triggerType", ""))
    if kind == "Recurrence":
        frequency = str(given.get("frequency", "")).lower()
        if frequency not in _FREQUENCIES:
            raise bad_request(
                f"frequency is '{frequency}'; it must be one of {', '.join(_FREQUENCIES)}.",
                target="properties.trigger.frequency",
            )
        if int(given.get("interval") or 0) < 1:
            raise bad_request("interval must be 1 or more.", target="properties.trigger.interval")
    elif kind == "Cron":
        if _CRON.fullmatch(str(given.get("expression", ""))) is None:
            raise bad_request(
                f"'{given.get('expression')}' is no cron expression of five fields.",
                target="properties.trigger.expression",
            )
    else:
        raise bad_request(f"'{kind}' is no type of trigger.", target="properties.trigger.triggerType")
    return {"timeZone": "UTC", "startTime": None, "endTime": None, **given}


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
        patch=False,
        operation=("mfeOperationsStatus", "schedule"),
        listing=_listing,
        actions={"trigger": _run},
    ),
)
