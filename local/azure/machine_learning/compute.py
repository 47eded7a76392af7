"""Compute: clusters (AmlCompute). Their sizes and scale are kept and checked; jobs run on this machine whatever they say.

Compute instances, Kubernetes, virtual machines and other attached compute are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.machine_learning import resource_identity, vm_size
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.machine_learning.duration import seconds
from local.azure.network.reference import check_reference
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

COMPUTE = f"{WORKSPACE}/computes"
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,22}[A-Za-z0-9])")
_MAX_NODES = 65_000
_IDLE = "PT120S"
_NO_NODES = {
    "idleNodeCount": 0,
    "leavingNodeCount": 0,
    "preemptedNodeCount": 0,
    "preparingNodeCount": 0,
    "runningNodeCount": 0,
    "unusableNodeCount": 0,
}
#: What of a cluster can't change: Azure asks to delete and create it again.
_FIXED = (
    "vmSize",
    "vmPriority",
    "osType",
    "remoteLoginPortPublicAccess",
    "enableNodePublicIp",
    "isolatedNetwork",
)


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if _NAME.fullmatch(resource_id.name) is None:
        raise bad_request(
            f"'{resource_id.name}' is no name of a compute: 2 to 24 letters, digits and hyphens, a letter first, "
            "no hyphen last.",
            code="ValidationError",
        )
    outer = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    kind = str(outer.get("computeType", ""))
    if kind.lower() != "amlcompute":
        raise unsupported(f"Compute of type '{kind}'")
    before: Json = old.body["properties"] if old else {}
    inner = _cluster(outer.get("properties") or {}, before.get("properties") or {})
    check_reference(azure, inner.get("subnet"))
    location = (
        body.get("location") or (old.body["location"] if old else None) or _location(azure, resource_id)
    )
    now = azure.now().isoformat()
    return {
        "location": location,
        "tags": body.get("tags") or {},
        "sku": body.get("sku"),
        "identity": resource_identity.complete(azure, resource_id, body.get("identity"), old, both=False),
        "properties": {
            "description": None,
            "resourceId": None,
            "disableLocalAuth": False,
            **outer,
            "computeType": "AmlCompute",
            "computeLocation": outer.get("computeLocation") or location,
            "createdOn": before.get("createdOn") or now,
            "modifiedOn": now,
            "isAttachedCompute": False,
            "provisioningErrors": None,
            "properties": inner,
        },
    }


def _cluster(given: Mapping[str, Any], before: Mapping[str, Any]) -> Json:
    given = {key: value for key, value in given.items() if value is not None}
    if not given.get("vmSize"):
        raise bad_request("A cluster needs a vmSize.", target="properties.properties.vmSize")
    vm_size.check(given["vmSize"], "properties.properties.vmSize")
    cluster: Json = {
        "osType": "Linux",
        "vmPriority": "Dedicated",
        "remoteLoginPortPublicAccess": "NotSpecified",
        "enableNodePublicIp": True,
        "isolatedNetwork": False,
        "subnet": None,
        "userAccountCredentials": None,
        **given,
        "scaleSettings": _scale(given.get("scaleSettings") or before.get("scaleSettings") or {}),
        "allocationState": "Steady",
        "allocationStateTransitionTime": before.get("allocationStateTransitionTime"),
        "errors": None,
        "currentNodeCount": 0,
        "targetNodeCount": 0,
        "nodeStateCounts": dict(_NO_NODES),
    }
    cluster["vmPriority"] = (
        "LowPriority" if str(cluster["vmPriority"]).lower() == "lowpriority" else "Dedicated"
    )
    for name in _FIXED:
        # What was never specified may be specified later: clients read it as disabled and write that back.
        settled = before and before.get(name) != "NotSpecified"
        if settled and name in given and str(before.get(name)).lower() != str(cluster[name]).lower():
            raise bad_request(
                f"The {name} of a cluster can't be changed; delete the compute and create it again.",
                target=f"properties.properties.{name}",
            )
    credentials = cluster["userAccountCredentials"]
    if credentials:
        # The password and key of the administrator are never shown.
        cluster["userAccountCredentials"] = {"adminUserName": credentials.get("adminUserName")}
    return cluster


def _scale(given: Mapping[str, Any]) -> Json:
    least, most = int(given.get("minNodeCount") or 0), given.get("maxNodeCount")
    if most is None:
        raise bad_request("A cluster needs scaleSettings.maxNodeCount.", target="scaleSettings.maxNodeCount")
    if not 0 <= least <= int(most) <= _MAX_NODES:
        raise bad_request(
            f"minNodeCount is {least} and maxNodeCount {most}: they must be in order, from 0 to {_MAX_NODES}.",
            target="scaleSettings",
        )
    idle = given.get("nodeIdleTimeBeforeScaleDown") or _IDLE
    seconds(idle)
    return {"minNodeCount": least, "maxNodeCount": int(most), "nodeIdleTimeBeforeScaleDown": idle}


def _location(azure: Azure, resource_id: ResourceId) -> str:
    workspace = azure.store.get(resource_id.parent)
    return str(workspace.body["location"]) if workspace else ""


def merge(stored: Json, patch: Json) -> Json:
    """PATCH changes a cluster's scale settings, and tags and identity."""
    given = ((patch.get("properties") or {}).get("properties") or {}).get("scaleSettings")
    outer: Json = stored["properties"]
    inner: Json = outer["properties"]
    scale = {**inner["scaleSettings"], **given} if given else inner["scaleSettings"]
    top = {key: patch[key] for key in ("tags", "identity") if key in patch}
    return {**stored, **top, "properties": {**outer, "properties": {**inner, "scaleSettings": scale}}}


async def _settle(_azure: Azure, _record: Record) -> None:
    """No machine is allocated: there is nothing to wait for."""


async def _vanish(_azure: Azure, _record: Record) -> None:
    """No machine has to be released."""


async def _list_nodes(_azure: Azure, _call: Call, _record: Record) -> Answer:
    return Answer(200, {"nodes": []})


def _refuse(what: str) -> Any:
    async def refuse(_azure: Azure, _call: Call, record: Record) -> Answer:
        raise ArmError(
            400, "InvalidOperation", f"'{record.name}' is a cluster, and a cluster can't be {what}."
        )

    return refuse


TYPES = (
    ResourceType(
        COMPUTE,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        merge=merge,
        operation=("computeOperationsStatus", "op"),
        actions={
            "listNodes": _list_nodes,
            "start": _refuse("started"),
            "stop": _refuse("stopped"),
            "restart": _refuse("restarted"),
        },
    ),
)
