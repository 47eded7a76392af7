"""Microsoft.Storage: accounts.

Scope: accounts with Azure's rules (names unique in all of Azure, which kind goes with which SKU, what can't be changed),
documented defaults and read-only facts; keys and signatures (``account_key``), failover to the second region, keys of a
vault for encryption (they must exist), accounts that were deleted, name availability. Omitted: migrations (of the
hierarchical namespace, to zones), restoring ranges of blobs: 501. Firewall rules, soft delete and versions of blobs,
lifecycle rules are kept and not applied; nothing is encrypted. Storage of files and of the hierarchical namespace
(``dfs``) is answered 501 by the data plane.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from local.azure import name_availability
from local.azure.blob import ACCOUNT, AzuriteBlobs, key_name
from local.azure.errors import bad_request, conflict
from local.azure.key_vault import key_store, protecting_key
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.azure.resources import check_location
from local.azure.storage import account_key, account_rule, deleted_account
from local.azure.storage.endpoint import endpoints, is_geo_redundant, locations
from local.azure.storage.immutability import locked_containers

if TYPE_CHECKING:
    from local.azure.azure import Azure


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    name = resource_id.name
    account_rule.check_name(name)
    _check_unique(azure, resource_id)
    check_location(body)
    sku, kind = (body.get("sku") or {}).get("name", ""), body.get("kind", "")
    account_rule.check_sku(sku, kind)
    given: Json = {
        key: value
        for key, value in (body.get("properties") or {}).items()
        if value is not None and key not in account_rule.READ_ONLY
    }
    before: Json = (old.body.get("properties") or {}) if old is not None else {}
    now = azure.now().isoformat()
    kept: Json = {key: before[key] for key in ("lastGeoFailoverTime",) if key in before}
    if old is not None:
        old_sku = old.body["sku"]["name"]
        account_rule.check_change(
            given, before, kind=kind, old_kind=old.body["kind"], sku=sku, old_sku=old_sku
        )
        kept |= _conversion(before, old_sku, sku, now)
    properties = {**account_rule.DEFAULTS, **_written(before), **given}
    account_rule.check_properties(properties)
    properties |= {
        "networkAcls": account_rule.network_rules(properties.get("networkAcls")),
        "encryption": _encryption(azure, given.get("encryption"), before.get("encryption"), now),
        **kept,
        "provisioningState": "Succeeded",
        "creationTime": before.get("creationTime", now),
        "keyCreationTime": before.get("keyCreationTime", {"key1": now, "key2": now}),
        "privateEndpointConnections": before.get("privateEndpointConnections", []),
        **locations(before.get("primaryLocation", body["location"]), sku, before.get("secondaryLocation")),
        **endpoints(name, kind, sku, properties),
    }
    if (tier := account_rule.tier_of(sku, kind, properties)) is not None:
        properties["accessTier"] = tier
    kept_outside = {
        key: old.body[key]
        for key in ("extendedLocation", "identity", "zones")
        if old is not None and key in old.body and key not in body
    }
    placed = {"zones": ["1"]} if body.get("placement") and not body.get("zones") else {}
    return {
        **kept_outside,
        **body,
        **placed,
        "sku": {"name": sku, "tier": "Premium" if sku.startswith("Premium") else "Standard"},
        "kind": kind,
        "tags": body.get("tags") or {},
        "properties": properties,
    }


def _written(before: Json) -> Json:
    return {key: value for key, value in before.items() if key not in account_rule.READ_ONLY}


def _conversion(before: Json, old_sku: str, sku: str, now: str) -> Json:
    if old_sku == sku:
        found = before.get("storageAccountSkuConversionStatus")
        return {"storageAccountSkuConversionStatus": found} if found else {}
    status = {"skuConversionStatus": "Succeeded", "targetSkuName": sku, "startTime": now, "endTime": now}
    return {"storageAccountSkuConversionStatus": status}


def _encryption(azure: Azure, given: Json | None, before: Json | None, now: str) -> Json:
    whole = account_rule.encryption(given, before, now)
    if str(whole["keySource"]).lower() != "microsoft.keyvault":
        return {key: value for key, value in whole.items() if key not in ("keyvaultproperties", "identity")}
    wanted: Json = whole.get("keyvaultproperties") or {}
    if not wanted.get("keyname") or not wanted.get("keyvaulturi"):
        raise bad_request(
            "encryption.keySource is Microsoft.Keyvault: it needs keyvaultproperties with keyname and keyvaulturi.",
            code="InvalidRequestPropertyValue",
            target="encryption",
        )
    found = key_store.versioned(
        azure, str(wanted["keyvaulturi"]), str(wanted["keyname"]), str(wanted.get("keyversion") or "")
    )
    identity: Json = whole.get("identity") or {}
    if not identity.get("federatedIdentityClientId"):  # else the vault is another tenant's
        protecting_key.check(azure, found, identity=identity.get("userAssignedIdentity"))
    old: Json = (before or {}).get("keyvaultproperties") or {}
    same = old.get("currentVersionedKeyIdentifier") == found
    rotated = old.get("lastKeyRotationTimestamp", now) if same else now
    whole["keyvaultproperties"] = {
        "keyversion": "",
        **wanted,
        "currentVersionedKeyIdentifier": found,
        "currentVersionedKeyExpirationTimestamp": key_store.expires(azure, found),
        "lastKeyRotationTimestamp": rotated,
    }
    return whole


def _merge(stored: Json, patch: Json) -> Json:
    """What PATCH makes of an account: only StorageV2 is a kind to become; rules and encryption keep what isn't named."""
    patch = dict(patch)
    if patch.get("kind") != "StorageV2":
        patch.pop("kind", None)
    properties = dict(stored["properties"])
    for key, value in (patch.pop("properties", None) or {}).items():
        inner = key in ("networkAcls", "azureFilesIdentityBasedAuthentication") and isinstance(value, dict)
        properties[key] = {**(properties.get(key) or {}), **value} if inner else value
    named = {key: value for key, value in patch.items() if value is not None}
    return {**stored, **named, "properties": properties}


def _check_unique(azure: Azure, resource_id: ResourceId) -> None:
    for other in azure.store.named(ACCOUNT, resource_id.name):
        if other.id.lower() != resource_id.key:
            raise conflict(
                f"The storage account named {resource_id.name} is already taken (in Azure these names are unique in the "
                f"world; here by {other.id}).",
                code="StorageAccountAlreadyTaken",
            )


async def _settle(azure: Azure, record: Record) -> Json | None:
    await account_key.make(azure, record.name)
    deleted_account.forget(azure, record.name)
    return None


def _guard_delete(azure: Azure, record: Record) -> None:
    if locked := locked_containers(azure, record.id):
        raise conflict(
            f"The storage account {record.name} is protected from deletion. The container(s) {', '.join(locked)} have a "
            "locked immutability policy.",
            code="AccountProtectedFromDeletion",
        )


async def _vanish(azure: Azure, record: Record) -> None:
    if azure.store.secret(key_name(record.name, 1)) is not None:
        # An account that is made anew under this name must be empty.
        await cast("AzuriteBlobs", azure.blobs).empty(record.name)
    azure.store.delete_secrets(f"storage/{record.name}")
    deleted_account.remember(azure, record)


def _view(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    """Adds how far the second region is: as far as the first, for there is one copy."""
    body.pop("systemData", None)
    sku = str(record.body["sku"]["name"])
    if not is_geo_redundant(sku):
        return body
    stats = {
        "status": "Live",
        "lastSyncTime": azure.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        "canFailover": True,
        "canPlannedFailover": True,
        "postFailoverRedundancy": _after_failover(sku),
        "postPlannedFailoverRedundancy": sku,
    }
    return {**body, "properties": {**body["properties"], "geoReplicationStats": stats}}


def _after_failover(sku: str) -> str:
    return "Standard_ZRS" if "GZRS" in sku else "Standard_LRS"


async def _failover(azure: Azure, call: Call, record: Record) -> Answer:
    """Makes the second region the first one; an unplanned failover leaves no second one, as in Azure."""
    sku = str(record.body["sku"]["name"])
    if not is_geo_redundant(sku):
        raise conflict(
            f"The account {record.name} is of the SKU {sku}: there is no second region to fail over to.",
            code="OperationNotAllowedOnKind",
        )
    planned = call.query.get("failoverType", "").lower() == "planned"
    after = sku if planned else _after_failover(sku)
    old: Json = record.body["properties"]
    dropped = ("secondaryLocation", "statusOfSecondary", "secondaryEndpoints")
    properties: Json = {
        **{key: value for key, value in old.items() if key not in dropped},
        **locations(old["secondaryLocation"], after, old["primaryLocation"]),
        **endpoints(record.name, record.body["kind"], after, old),
        "lastGeoFailoverTime": azure.now().isoformat(),
    }
    azure.store.put(
        record.id, {**record.body, "sku": {**record.body["sku"], "name": after}, "properties": properties}
    )
    return Answer(200)


async def _check_name(azure: Azure, call: Call) -> Answer:
    name = name_availability.asked(call)
    invalid = (
        None if account_rule.ACCOUNT_NAME.fullmatch(name) else f"{name} is not a valid storage account name."
    )
    taken = f"The storage account named {name} is already taken."
    return name_availability.answer(azure, name, (ACCOUNT,), invalid=invalid, taken=taken)


TYPES = (
    ResourceType(
        ACCOUNT,
        prepare=_prepare,
        settle=_settle,
        settle_updates=False,
        guard_delete=_guard_delete,
        vanish=_vanish,
        vanish_now=True,
        created=202,
        merge=_merge,
        view=_view,
        actions={
            "listKeys": account_key.list_keys,
            "regenerateKey": account_key.regenerate_key,
            "ListAccountSas": account_key.list_account_sas,
            "ListServiceSas": account_key.list_service_sas,
            "revokeUserDelegationKeys": account_key.revoke_user_delegation_keys,
            "failover": _failover,
        },
    ),
)
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Storage/checkNameAvailability", re.IGNORECASE),
        _check_name,
        ("POST",),
    ),
)
