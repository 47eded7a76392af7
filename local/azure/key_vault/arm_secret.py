"""Microsoft.KeyVault: secrets through ARM.

Scope: secrets written, read (never their value) and listed; those of the data plane show too. ARM deletes none: that is the
data plane's, as in Azure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.computed_resource import made, plain
from local.azure.errors import ArmError
from local.azure.key_vault import secret
from local.azure.key_vault.admission import VAULT
from local.azure.resource_id import parse
from local.azure.resource_type import ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_TYPE = f"{VAULT}/secrets"


def location(azure: Azure, vault_id: str) -> Json:
    """Where a vault is, as its secrets and keys show it."""
    vault = azure.store.get(vault_id)
    return {"location": vault.body["location"]} if vault is not None else {}


def _prepare(_azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    secret.check_name(resource_id.name)
    return {"tags": body.get("tags") or {}, "properties": body.get("properties") or {}}


async def _settle(azure: Azure, record: Record) -> Json | None:
    """Hands the value to the vault, and keeps none of it here."""
    vault = parse(record.id).names[0]
    properties: Json = record.body["properties"]
    change = {
        key: properties[key] for key in ("contentType", "attributes") if properties.get(key) is not None
    }
    change["tags"] = record.body["tags"]
    if properties.get("value") is not None:
        secret.put(azure, vault, record.name, {**change, "value": properties["value"]})
    else:
        secret.update(azure, vault, record.name, "", change)
    return _shown(azure, parse(record.id))


def _shown(azure: Azure, resource_id: ResourceId) -> Json:
    found = secret.arm_view(azure, resource_id.names[0], resource_id.name)
    return {**location(azure, resource_id.parent), **found}


def _implicit(azure: Azure, resource_id: ResourceId) -> Json | None:
    if secret.arm_view_or_none(azure, resource_id.names[0], resource_id.name) is None:
        return None
    return _shown(azure, resource_id)


def _listing(azure: Azure, call: Call, _records: list[Record]) -> list[Record]:
    vault = parse(call.path.rstrip("/").rsplit("/", 1)[0])
    return [
        made(vault, _TYPE, name, _shown(azure, parse(f"{vault.text}/secrets/{name}")))
        for name in secret.names(azure, vault.name)
    ]


def refuse_delete(_azure: Azure, _call: Call, resource_id: ResourceId, _record: Record | None) -> None:
    """ARM has no DELETE for what is in a vault."""
    raise ArmError(
        405,
        "MethodNotAllowed",
        f"'{resource_id.text}' is deleted on the vault's data plane, not through Azure Resource Manager.",
    )


TYPES = (
    ResourceType(
        _TYPE,
        prepare=_prepare,
        settle=_settle,
        settle_now=True,
        implicit=_implicit,
        listing=_listing,
        on_delete=refuse_delete,
        view=plain,
    ),
)
