"""Capability hosts: which of a hub's or project's connections its agents keep threads, files and vectors in.

Records: the connections must exist, and no agent runs here. A host can't be changed, only made anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.machine_learning.record_type import given, nothing
from local.azure.resource_type import ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

HOST = f"{WORKSPACE}/capabilityHosts"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,253}")
_CONNECTIONS = (
    "aiServicesConnections",
    "storageConnections",
    "threadStorageConnections",
    "vectorStoreConnections",
)
#: What of a host never changes.
_FIXED = (*_CONNECTIONS, "capabilityHostKind", "customerSubnet")


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if _NAME.fullmatch(resource_id.name) is None:
        raise bad_request(
            f"'{resource_id.name}' is no name of a capability host: 3 to 254 letters, digits, '-' and '_'.",
            code="ValidationError",
        )
    properties = given(body)
    kind = str(properties.get("capabilityHostKind") or "Agents")
    if kind != "Agents":
        raise bad_request(
            f"capabilityHostKind is '{kind}'; it must be Agents.", target="properties.capabilityHostKind"
        )
    for field in _CONNECTIONS:
        for name in properties.get(field) or []:
            if not _exists(azure, resource_id.parent, str(name)):
                raise bad_request(
                    f"There is no connection '{name}' in the workspace.", target=f"properties.{field}"
                )
    completed = {"description": None, "tags": {}, "properties": {}, **properties, "capabilityHostKind": kind}
    before: Json = old.body["properties"] if old else {}
    for field in _FIXED:
        if before and (before.get(field) or None) != (completed.get(field) or None):
            raise bad_request(
                f"The {field} of a capability host can't be changed; delete it and make it again.",
                target=f"properties.{field}",
            )
    return {"properties": completed}


def _exists(azure: Azure, workspace: str, name: str) -> bool:
    if azure.store.get(f"{workspace}/connections/{name}") is not None:
        return True
    record = azure.store.get(workspace)
    hub = record.body["properties"].get("hubResourceId") if record else None
    return bool(hub) and azure.store.get(f"{hub}/connections/{name}") is not None


TYPES = (
    ResourceType(
        HOST,
        prepare=_prepare,
        settle=nothing,
        vanish=nothing,
        patch=False,
        operation=("capabilityHostOperationsStatus", "op"),
    ),
)
