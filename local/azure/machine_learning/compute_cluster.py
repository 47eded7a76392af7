"""Clusters (AmlCompute): what is checked and kept of one. Their sizes and scale are kept; jobs run on this machine whatever they say. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.machine_learning import vm_size
from local.azure.machine_learning.duration import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.resource_type import Json

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
    "subnet",
)


def complete(given: Mapping[str, Any], before: Mapping[str, Any]) -> Json:
    """The cluster's own properties as they are stored.

    Raises:
        ArmError: 400, its size or scale is none, or what never changes would.
    """
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
