"""Managed identities of workspaces, computes and endpoints: who they are once made. Pure but for reading the store."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from local.azure.errors import ArmError, bad_request
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_SYSTEM, _USER, _BOTH, _NONE = "SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned", "None"


def complete(
    azure: Azure, resource_id: ResourceId, given: Json | None, old: Record | None, *, both: bool = True
) -> Json | None:
    """The ``identity`` that is stored and answered; None where there is none.

    Args:
        azure: whose store has the user-assigned identities.
        resource_id: whose identity it is.
        given: the request's ``identity``.
        old: the resource before, whose system-assigned identity stays the same.
        both: whether one may have a system-assigned and user-assigned identities.

    Raises:
        ArmError: 400, a user-assigned identity doesn't exist or the type doesn't fit.
    """
    if not given:
        return None
    wanted = str(given.get("type") or _NONE).replace(" ", "")
    kind = {one.lower(): one for one in (_SYSTEM, _USER, _BOTH, _NONE)}.get(wanted.lower())
    if kind is None:
        raise bad_request(f"'{wanted}' is no type of identity.", target="identity.type")
    if kind == _BOTH and not both:
        raise bad_request(
            "Either a system-assigned identity or user-assigned ones, not both.", target="identity.type"
        )
    ids = given.get("userAssignedIdentities") or {}
    if (_USER in kind) != bool(ids):
        raise bad_request(
            f"Identity type {kind} and {len(ids)} user-assigned identities don't fit together.",
            target="identity.userAssignedIdentities",
        )
    completed: Json = {"type": kind}
    if _SYSTEM in kind:
        before = ((old.body.get("identity") if old else None) or {}).get("principalId")
        completed |= {"principalId": before or str(uuid.uuid4()), "tenantId": TENANT_ID}
    if ids:
        completed["userAssignedIdentities"] = {one: _user(azure, one) for one in ids}
    if kind == _NONE:
        return {"type": kind}
    del resource_id
    return completed


def _user(azure: Azure, identity: str) -> Json:
    record = azure.store.get(identity)
    if record is None:
        raise ArmError(
            400, "FailedIdentityOperation", f"The user-assigned identity '{identity}' was not found."
        )
    properties = record.body.get("properties") or {}
    return {"principalId": properties.get("principalId"), "clientId": properties.get("clientId")}
