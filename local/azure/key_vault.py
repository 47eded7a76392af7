"""Microsoft.KeyVault: vaults, and their secrets through ARM.

Scope: vaults with Azure's rules (names unique in all of Azure, purge protection and retention can't be taken back), soft
delete, recovery and purge; secrets written through ARM (the value is never answered). Secrets' data plane is in
``key_vault_secret``. Omitted: keys and certificates (501), HSMs; access policies and firewall rules are kept, not applied.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from local.azure import key_vault_secret, name_availability
from local.azure.errors import ArmError, bad_request, conflict
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.azure.resources import check_location
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

VAULT = "Microsoft.KeyVault/vaults"
DELETED = "Microsoft.KeyVault/locations/deletedVaults"
_NAME = re.compile(r"(?=.{3,24}$)[A-Za-z](?!.*--)[A-Za-z0-9-]*[A-Za-z0-9]")


def _deleted_id(location: str, name: str) -> str:
    return f"/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{name}"


def _check_name(azure: Azure, resource_id: ResourceId, *, recover: bool) -> None:
    name = resource_id.name
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name "
            "must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.",
            code="VaultNameNotValid",
        )
    for other in azure.store.named(VAULT, name):
        if other.id.lower() != resource_id.key:
            raise conflict(f"The vault name '{name}' is already in use.", code="VaultAlreadyExists")
    if azure.store.named(DELETED, name) and not recover:
        raise conflict(
            f"A vault with the same name already exists in deleted state. Recover '{name}' (createMode 'recover') or purge it.",
            code="ConflictError",
        )


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    recover = given.pop("createMode", "default") == "recover"
    _check_name(azure, resource_id, recover=recover and old is None)
    check_location(body)
    before: Json = old.body["properties"] if old is not None else {}
    if recover and old is None:
        deleted = azure.store.named(DELETED, resource_id.name)
        if not deleted:
            raise ArmError(
                404, "VaultNotFound", f"There is no deleted vault '{resource_id.name}' to recover."
            )
        before = deleted[0].body["vault"]["properties"]
    merged = {**before, **given}
    sku: Json = merged.get("sku") or {}
    if str(sku.get("family")) != "A" or str(sku.get("name")).lower() not in ("standard", "premium"):
        raise bad_request(
            "A vault needs sku.family 'A' and sku.name 'standard' or 'premium'.",
            code="InvalidSku",
            target="properties.sku",
        )
    if not merged.get("tenantId"):
        raise bad_request(
            "A vault needs properties.tenantId.", code="BadRequest", target="properties.tenantId"
        )
    if given.get("enablePurgeProtection") is False:
        raise bad_request(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an '
            "irreversible action.",
        )
    if given.get("enableSoftDelete") is False:
        raise bad_request('The property "enableSoftDelete" can\'t be set to false: soft delete is always on.')
    days = int(merged.get("softDeleteRetentionInDays") or 90)
    if not 7 <= days <= 90:
        raise bad_request(
            "softDeleteRetentionInDays must be from 7 to 90.", target="properties.softDeleteRetentionInDays"
        )
    if before and days != before["softDeleteRetentionInDays"]:
        raise bad_request(
            'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.'
        )
    if not merged.get("enableRbacAuthorization") and not isinstance(merged.get("accessPolicies"), list):
        raise bad_request(
            "A vault without enableRbacAuthorization needs accessPolicies.",
            target="properties.accessPolicies",
        )
    properties = {
        "accessPolicies": [],
        "enabledForDeployment": False,
        "enableRbacAuthorization": False,
        "publicNetworkAccess": "Enabled",
        **merged,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": days,
        "vaultUri": f"https://{resource_id.name.lower()}.vault.azure.net/",
        "provisioningState": "Succeeded",
    }
    return {"location": body["location"], "tags": body.get("tags") or {}, "properties": properties}


async def _settle(azure: Azure, record: Record) -> Json | None:
    for deleted in azure.store.named(DELETED, record.name):
        azure.store.delete(deleted.id)
    return None


async def _vanish(azure: Azure, record: Record) -> None:
    properties: Json = record.body["properties"]
    now = azure.now()
    # Its secrets stay with it until it is purged.
    azure.store.put(
        _deleted_id(record.body["location"], record.name),
        {
            "vault": record.body,
            "properties": {
                "vaultId": record.id,
                "location": record.body["location"],
                "tags": record.body.get("tags") or {},
                "deletionDate": now.isoformat(),
                "scheduledPurgeDate": (
                    now + timedelta(days=properties["softDeleteRetentionInDays"])
                ).isoformat(),
                "purgeProtectionEnabled": properties.get("enablePurgeProtection"),
            },
        },
    )


def _without_vault(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    return {key: value for key, value in body.items() if key not in ("vault", "systemData")}


async def _purge(azure: Azure, _call: Call, record: Record) -> Answer:
    if record.body["properties"]["purgeProtectionEnabled"]:
        raise conflict(
            f"The vault '{record.name}' has purge protection on; it can't be purged before its date.",
            code="MethodNotAllowed",
        )
    key_vault_secret.forget(azure, record.name)
    azure.store.delete(record.id)
    return Answer(202)


async def _list_deleted(azure: Azure, _call: Call) -> Answer:
    found = azure.store.of_type(DELETED)
    value = [
        {
            "id": record.id,
            "name": record.name,
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": record.body["properties"],
        }
        for record in found
    ]
    return Answer(200, {"value": value})


async def _check_name_availability(azure: Azure, call: Call) -> Answer:
    name = name_availability.asked(call)
    invalid = None if _NAME.fullmatch(name) else f"The vault name '{name}' is invalid."
    taken = f"The vault name '{name}' is already in use."
    return name_availability.answer(azure, name, (VAULT, DELETED), invalid=invalid, taken=taken)


def _prepare_secret(_azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    key_vault_secret.check_name(resource_id.name)
    given: Json = body.get("properties") or {}
    return {"tags": body.get("tags") or {}, "properties": given}


async def _settle_secret(azure: Azure, record: Record) -> Json | None:
    """Hands the value to the vault, and keeps none of it here."""
    vault = azure.parse(record.id).names[0]
    properties: Json = dict(record.body["properties"])
    value = properties.pop("value", None)
    if value is not None:
        content = {
            "value": value,
            "contentType": properties.get("contentType"),
            "tags": record.body["tags"],
            "attributes": properties.get("attributes"),
        }
        key_vault_secret.put(azure, vault, record.name, content)
    return {"tags": record.body["tags"], **key_vault_secret.arm_view(azure, vault, record.name)}


def _implicit_secret(azure: Azure, resource_id: ResourceId) -> Json | None:
    return key_vault_secret.arm_view_or_none(azure, resource_id.names[0], resource_id.name)


_ARM = re.compile(r"management\.azure\.com")
_SUBSCRIPTION = r"/subscriptions/[^/]+/providers/Microsoft\.KeyVault"
TYPES = (
    ResourceType(VAULT, prepare=_prepare, settle=_settle, vanish=_vanish, vanish_now=True),
    ResourceType(
        f"{VAULT}/secrets",
        prepare=_prepare_secret,
        settle=_settle_secret,
        settle_now=True,
        implicit=_implicit_secret,
    ),
    ResourceType(DELETED, view=_without_vault, actions={"purge": _purge}, patch=False),
)
ROUTES = (
    Route(_ARM, re.compile(rf"{_SUBSCRIPTION}/deletedVaults", re.IGNORECASE), _list_deleted, ("GET",)),
    Route(
        _ARM,
        re.compile(rf"{_SUBSCRIPTION}/checkNameAvailability", re.IGNORECASE),
        _check_name_availability,
        ("POST",),
    ),
)
