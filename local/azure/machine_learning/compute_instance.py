"""Compute instances: somebody's machine, with its schedules, setup script and idle shutdown, started and stopped.

States go Creating → Running, Running → Stopping → Stopped → Starting → Running; nothing runs in between, so nothing is idle,
no script is executed and no schedule fires: they are checked and kept. Pure.
"""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.machine_learning import vm_size
from local.azure.machine_learning.duration import seconds
from local.azure.machine_learning.schedule import trigger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from local.azure.resource_type import Json

RUNNING, STOPPED = "Running", "Stopped"
#: What of an instance can't change: Azure asks to delete and create it again.
_FIXED = (
    "vmSize",
    "subnet",
    "enableNodePublicIp",
    "personalComputeInstanceSettings",
    "computeInstanceAuthorizationType",
)
#: Azure docs, "Create a compute instance": idle time from 15 minutes to 3 days.
_IDLE = (15 * 60.0, 3 * 24 * 3600.0)
_SHARING = ("Personal", "Shared")
_DURING = {"start": "Starting", "stop": "Stopping", "restart": "Restarting"}
_AFTER = {"Starting": RUNNING, "Stopping": STOPPED, "Restarting": RUNNING, "Creating": RUNNING}


def complete(given: Mapping[str, Any], before: Mapping[str, Any], now: datetime, creator: Json) -> Json:
    """The instance's own properties as they are stored.

    Raises:
        ArmError: 400, its size, sharing, idle time or schedules are none, or what never changes would.
    """
    wanted = {key: value for key, value in given.items() if value is not None}
    size = wanted.get("vmSize") or before.get("vmSize")
    if not size:
        raise bad_request("A compute instance needs a vmSize.", target="properties.properties.vmSize")
    vm_size.check(size, "properties.properties.vmSize")
    for name in _FIXED:
        if before.get(name) is not None and name in wanted and _text(wanted[name]) != _text(before[name]):
            raise bad_request(
                f"The {name} of a compute instance can't be changed; delete the compute and create it again.",
                target=f"properties.properties.{name}",
            )
    sharing = str(
        wanted.get("applicationSharingPolicy") or before.get("applicationSharingPolicy") or "Shared"
    )
    if sharing not in _SHARING:
        raise bad_request(
            f"applicationSharingPolicy is '{sharing}'; it must be one of {', '.join(_SHARING)}.",
            target="properties.properties.applicationSharingPolicy",
        )
    idle = wanted.get("idleTimeBeforeShutdown")
    if idle is not None and not _IDLE[0] <= seconds(str(idle)) <= _IDLE[1]:
        raise bad_request(
            f"idleTimeBeforeShutdown is {idle}; it must be from PT15M to P3D.",
            target="properties.properties.idleTimeBeforeShutdown",
        )
    _check_person(wanted.get("personalComputeInstanceSettings") or {}, str(creator.get("userOrgId") or ""))
    _check_scripts(wanted.get("setupScripts") or {})
    return {
        "computeInstanceAuthorizationType": "personal",
        "enableNodePublicIp": True,
        "enableOSPatching": False,
        "enableRootAccess": True,
        "enableSSO": True,
        "releaseQuotaOnStop": False,
        **before,
        **wanted,
        "vmSize": size,
        "applicationSharingPolicy": sharing,
        "schedules": _schedules(wanted.get("schedules") or before.get("schedules")),
        "sshSettings": {"sshPublicAccess": "Disabled", **_ssh(wanted.get("sshSettings"), before)},
        "state": before.get("state") or "Creating",
        "createdBy": before.get("createdBy") or creator,
        "connectivityEndpoints": None,
        "applications": [],
        "containers": [],
        "dataDisks": before.get("dataDisks") or [],
        "dataMounts": [],
        "errors": [],
        "versions": {"runtime": None},
        "lastOperation": before.get("lastOperation") or _operation("Create", now),
    }


def _check_person(settings: Mapping[str, Any], tenant: str) -> None:
    """An instance is made for a user of the workspace's tenant."""
    user: Mapping[str, Any] = settings.get("assignedUser") or {}
    if not user:
        return
    where = "properties.properties.personalComputeInstanceSettings.assignedUser"
    for key in ("objectId", "tenantId"):
        try:
            uuid.UUID(str(user.get(key)))
        except ValueError:
            raise bad_request(
                f"The {key} of an assigned user is '{user.get(key)}', which is no GUID.",
                target=f"{where}.{key}",
            ) from None
    if str(user["tenantId"]).lower() != tenant.lower():
        raise bad_request(
            f"The assigned user is of the tenant {user['tenantId']}, the workspace of {tenant}.",
            target=f"{where}.tenantId",
        )


def _check_scripts(settings: Mapping[str, Any]) -> None:
    """A setup script is a path in the workspace's file share, or comes along, in Base64."""
    scripts: Mapping[str, Any] = settings.get("scripts") or {}
    for name, script in scripts.items():
        where = f"properties.properties.setupScripts.scripts.{name}"
        if not script:
            continue
        source = str(script.get("scriptSource"))
        if source.lower() not in ("workspacestorage", "inline"):
            raise bad_request(
                f"The scriptSource of a setup script is '{source}'; it must be workspaceStorage or inline.",
                target=f"{where}.scriptSource",
            )
        try:
            base64.b64decode(str(script.get("scriptData") or ""), validate=source.lower() == "inline")
        except ValueError:
            raise bad_request(
                "The scriptData of an inline setup script must be Base64.", target=f"{where}.scriptData"
            ) from None


def _text(value: Any) -> str:
    return str(value).lower()


def _ssh(given: Mapping[str, Any] | None, before: Mapping[str, Any]) -> Json:
    """Settings of SSH; who may log in under which name is Azure's."""
    settings: Json = {**(before.get("sshSettings") or {}), **(given or {})}
    enabled = settings.get("sshPublicAccess") == "Enabled"
    return {**settings, "adminUserName": "azureuser", "sshPort": 50000 if enabled else None}


def _schedules(given: Mapping[str, Any] | None) -> Json | None:
    """Schedules with the ids and states that Azure gives them."""
    if not given:
        return None
    completed: list[Json] = []
    for one in given.get("computeStartStop") or []:
        kind = str(one.get("triggerType") or ("Cron" if one.get("cron") else "Recurrence"))
        if one.get("action") not in ("Start", "Stop"):
            raise bad_request(
                f"The action of a schedule is '{one.get('action')}'; it must be Start or Stop.",
                target="properties.properties.schedules",
            )
        detail: Json = one.get(kind.lower()) or {}
        if not one.get("schedule"):
            trigger({"triggerType": kind, **detail})
        completed.append(
            {
                "id": str(uuid.uuid4()),
                "status": "Enabled",
                **one,
                "triggerType": kind,
                "provisioningStatus": "Completed",
            }
        )
    return {"computeStartStop": completed}


def _operation(name: str, now: datetime, status: str = "InProgress") -> Json:
    return {
        "operationName": name,
        "operationTime": now.isoformat(),
        "operationStatus": status,
        "operationTrigger": "User",
    }


def asked(instance: Mapping[str, Any], action: str, now: datetime) -> Json:
    """The instance once ``start``, ``stop`` or ``restart`` was asked for.

    Raises:
        ArmError: 400, a stopped instance can't be restarted.
    """
    if action == "restart" and instance["state"] == STOPPED:
        raise bad_request("A stopped compute instance can't be restarted; start it.", code="InvalidOperation")
    return {**instance, "state": _DURING[action], "lastOperation": _operation(action.capitalize(), now)}


def settled(instance: Mapping[str, Any]) -> Json:
    """The instance once what was asked for is done."""
    return {
        **instance,
        "state": _AFTER.get(str(instance["state"]), instance["state"]),
        "lastOperation": {**instance["lastOperation"], "operationStatus": "Succeeded"},
    }
