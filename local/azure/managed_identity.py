"""Microsoft.ManagedIdentity, and the identities that other resources carry.

Scope: user-assigned identities with stable principal and client ids, federated credentials (recorded only); the principal
of a system-assigned identity and the ids behind ``userAssignedIdentities`` of any resource. Omitted: tokens of managed
identities (IMDS): children of local Azure sign in as its service principal.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.resource_type import Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}")


def _prepare(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if not _NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"The resource name '{resource_id.name}' is invalid: 3 to 128 letters, digits, '-' and '_', beginning with a "
            "letter or digit.",
            code="InvalidResourceName",
        )
    check_location(body)
    before: Json = old.body["properties"] if old is not None else {}
    properties = {
        "tenantId": TENANT_ID,
        "principalId": before.get("principalId") or str(uuid.uuid4()),
        "clientId": before.get("clientId") or str(uuid.uuid4()),
    }
    return {"location": body["location"], "tags": body.get("tags") or {}, "properties": properties}


def _prepare_credential(_azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    properties: Json = body.get("properties") or {}
    for key in ("issuer", "subject", "audiences"):
        if not properties.get(key):
            raise bad_request(
                f"A federated credential needs '{key}'.", code="InvalidRequestPropertyValue", target=key
            )
    return {"properties": {key: properties[key] for key in ("issuer", "subject", "audiences")}}


def filled(azure: Azure, identity: Any, old: Record | None) -> Json | None:
    """The ``identity`` of a resource's body with what Azure adds: principal ids, and those of user-assigned identities.

    Raises:
        ArmError: 400, the type is none of Azure's, or a user-assigned identity isn't there.
    """
    if not isinstance(identity, dict) or not identity.get("type"):
        return None
    kinds = {part.strip().lower() for part in str(identity["type"]).split(",")}
    unknown = kinds - {"systemassigned", "userassigned", "none"}
    if unknown:
        raise bad_request(
            f"The identity type '{identity['type']}' is not one of Azure's.",
            code="InvalidIdentityType",
            target="identity.type",
        )
    before: Json = (old.body.get("identity") or {}) if old is not None else {}
    result: Json = {"type": identity["type"]}
    if "systemassigned" in kinds:
        result["principalId"] = before.get("principalId") or identity.get("principalId") or str(uuid.uuid4())
        result["tenantId"] = TENANT_ID
    if "userassigned" in kinds:
        given = identity.get("userAssignedIdentities") or {}
        if not given:
            raise bad_request(
                "An identity of type UserAssigned needs userAssignedIdentities.",
                code="InvalidIdentityValues",
                target="identity",
            )
        result["userAssignedIdentities"] = {
            key: _user_assigned(azure, key) for key, value in given.items() if value is not None
        }
    return result


def _user_assigned(azure: Azure, identity_id: str) -> Json:
    record = azure.store.get(identity_id)
    if record is None or record.type != TYPE:
        raise bad_request(
            f"The user-assigned identity '{identity_id}' was not found.",
            code="FailedIdentityOperation",
            target="identity",
        )
    properties: Json = record.body["properties"]
    return {"principalId": properties["principalId"], "clientId": properties["clientId"]}


TYPES = (
    ResourceType(TYPE, prepare=_prepare),
    ResourceType(f"{TYPE}/federatedIdentityCredentials", prepare=_prepare_credential, patch=False),
)
