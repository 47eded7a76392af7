"""Microsoft.Storage: encryption scopes of an account.

Scope: scopes with a key of Microsoft's or of a vault (a vault that local Azure has must have the key), disabled instead of
deleted, as in Azure. Kept, not applied: nothing is encrypted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.blob import ACCOUNT
from local.azure.computed_resource import plain
from local.azure.errors import ArmError, bad_request
from local.azure.key_vault import key_store
from local.azure.resource_type import ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_READ_ONLY = ("creationTime", "lastModifiedTime")


def _prepare(azure: Azure, _resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    now = azure.now().isoformat()
    before: Json = old.body["properties"] if old is not None else {}
    given: Json = {
        key: value
        for key, value in (body.get("properties") or {}).items()
        if key not in _READ_ONLY and value is not None
    }
    properties: Json = {
        "source": "Microsoft.Storage",
        "state": "Enabled",
        **before,
        **given,
        "creationTime": before.get("creationTime", now),
        "lastModifiedTime": now,
    }
    if str(properties["source"]).lower() == "microsoft.keyvault":
        properties["keyVaultProperties"] = _key(azure, properties.get("keyVaultProperties") or {}, now)
    else:
        properties.pop("keyVaultProperties", None)
    if properties["state"] not in ("Enabled", "Disabled"):
        raise bad_request(
            f"The state '{properties['state']}' is neither Enabled nor Disabled.",
            code="InvalidRequestPropertyValue",
            target="state",
        )
    return {"properties": properties}


def _key(azure: Azure, given: Json, now: str) -> Json:
    current = key_store.by_url(azure, str(given.get("keyUri") or ""))
    return {**given, "currentVersionedKeyIdentifier": current, "lastKeyRotationTimestamp": now}


def _refuse_delete(_azure: Azure, _call: Call, resource_id: ResourceId, _record: Record | None) -> None:
    raise ArmError(
        405, "MethodNotAllowed", f"An encryption scope is disabled, not deleted: '{resource_id.text}'."
    )


TYPES = (
    ResourceType(
        f"{ACCOUNT}/encryptionScopes", prepare=_prepare, view=plain, on_delete=_refuse_delete, created=201
    ),
)
