"""What a storage account may be, and what Azure fills in. Pure, but for the key of a vault.

Source: the REST reference of Microsoft.Storage/storageAccounts (2025-01-01); Microsoft Learn, "Storage account overview"
(which kind goes with which SKU) and "Change the replication settings".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import bad_request, conflict

if TYPE_CHECKING:
    from local.azure.resource_type import Json

ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
KINDS = ("Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage")
SKU = re.compile(
    r"(Standard_(LRS|GRS|RAGRS|ZRS|GZRS|RAGZRS)|Premium_(LRS|ZRS)|StandardV2_(LRS|GRS|ZRS|GZRS)|PremiumV2_(LRS|ZRS))"
)
_CREATE_ONLY = ("isHnsEnabled", "isNfsV3Enabled", "dnsEndpointType")
_PROPERTIES = {
    "publicNetworkAccess": ("Enabled", "Disabled", "SecuredByPerimeter"),
    "minimumTlsVersion": ("TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"),
    "accessTier": ("Hot", "Cool", "Cold", "Premium"),
    "dnsEndpointType": ("Standard", "AzureDnsZone"),
    "largeFileSharesState": ("Disabled", "Enabled"),
    "allowedCopyScope": ("PrivateLink", "AAD"),
}
#: What Azure answers for what was left out.
DEFAULTS: Json = {
    "dnsEndpointType": "Standard",
    "publicNetworkAccess": "Enabled",
    "allowCrossTenantReplication": False,
    "isNfsV3Enabled": False,
    "isLocalUserEnabled": False,
    "isSftpEnabled": False,
    "minimumTlsVersion": "TLS1_0",
    "allowBlobPublicAccess": False,
    "allowSharedKeyAccess": True,
    "largeFileSharesState": "Disabled",
    "isHnsEnabled": False,
    "supportsHttpsTrafficOnly": True,
    "accountMigrationInProgress": False,
    "isSkuConversionBlocked": False,
}
#: What only Azure writes: not taken from a body.
READ_ONLY = (
    "accountMigrationInProgress",
    "blobRestoreStatus",
    "creationTime",
    "failoverInProgress",
    "geoReplicationStats",
    "isSkuConversionBlocked",
    "keyCreationTime",
    "lastGeoFailoverTime",
    "primaryEndpoints",
    "primaryLocation",
    "privateEndpointConnections",
    "provisioningState",
    "secondaryEndpoints",
    "secondaryLocation",
    "statusOfPrimary",
    "statusOfSecondary",
    "storageAccountSkuConversionStatus",
)


def check_name(name: str) -> None:
    """Refuses what isn't a storage account's name (400)."""
    if not ACCOUNT_NAME.fullmatch(name):
        raise bad_request(
            f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in "
            "length and use numbers and lower-case letters only.",
            code="AccountNameInvalid",
        )


def check_sku(sku: str, kind: str) -> None:
    """Refuses a SKU or kind that isn't one, and those that don't go together (400)."""
    if not SKU.fullmatch(sku):
        raise bad_request(
            f"The sku '{sku}' is not a storage sku; name one, such as Standard_LRS.", code="InvalidSku"
        )
    if kind not in KINDS:
        raise bad_request(
            f"The kind '{kind}' is not one of: {', '.join(KINDS)}.",
            code="InvalidRequestPropertyValue",
            target="kind",
        )
    fits = {
        "BlockBlobStorage": sku.startswith("Premium_"),
        "FileStorage": not sku.startswith("Standard_"),
        "BlobStorage": sku in ("Standard_LRS", "Standard_GRS", "Standard_RAGRS"),
    }.get(kind, sku.startswith("Standard_") or sku == "Premium_LRS")
    if not fits:
        raise bad_request(
            f"Values for request parameters are invalid: kind, sku. '{kind}' can't have the SKU {sku}.",
            code="InvalidValuesForRequestParameters",
        )


def check_change(given: Json, before: Json, *, kind: str, old_kind: str, sku: str, old_sku: str) -> None:
    """Refuses what an account can't become (409)."""
    for key in _CREATE_ONLY:
        if key in given and (given[key] or None) != (before.get(key) or None):
            raise _fixed(key)
    if kind not in (old_kind, "StorageV2"):
        raise _fixed("kind")
    if sku != old_sku and (_tier(sku) != _tier(old_sku) or _zonal(sku) != _zonal(old_sku)):
        raise conflict(
            f"Storage account type conversion from '{old_sku}' to '{sku}' is not allowed: neither the tier nor the "
            "replication over zones can be changed by an update.",
            code="StorageAccountTypeConversionNotAllowed",
        )


def _fixed(key: str) -> Exception:
    return conflict(
        f"The property '{key}' was specified in the input, but it cannot be updated.",
        code="PropertyCannotBeUpdated",
    )


def _tier(sku: str) -> str:
    return sku.partition("_")[0]


def _zonal(sku: str) -> bool:
    return sku.endswith("ZRS")


def check_properties(properties: Json) -> None:
    """Refuses values that aren't in Azure's lists (400)."""
    for key, allowed in _PROPERTIES.items():
        value = properties.get(key)
        if value is not None and value not in allowed:
            raise bad_request(
                f"The value '{value}' is not allowed for property {key}; use one of {', '.join(allowed)}.",
                code="InvalidRequestPropertyValue",
                target=key,
            )
    if properties.get("isNfsV3Enabled") and not properties.get("isHnsEnabled"):
        raise bad_request(
            "isNfsV3Enabled needs isHnsEnabled: NFS 3.0 works on a hierarchical namespace only.",
            code="InvalidRequestPropertyValue",
            target="isNfsV3Enabled",
        )


def tier_of(sku: str, kind: str, properties: Json) -> str | None:
    """The access tier that an account shows."""
    if sku.startswith("Premium"):
        return "Premium"
    return properties.get("accessTier") or (None if kind == "FileStorage" else "Hot")


def network_rules(given: Json | None) -> Json:
    """``networkAcls``, whole."""
    return {
        "bypass": "AzureServices",
        "virtualNetworkRules": [],
        "ipRules": [],
        "resourceAccessRules": [],
        "defaultAction": "Allow",
        **{key: value for key, value in (given or {}).items() if value is not None},
    }


def encryption(given: Json | None, before: Json | None, now: str) -> Json:
    """``encryption``, whole: blobs and files are always encrypted, since when is kept. 409 for another key of queues, tables."""
    given, before = given or {}, before or {}
    services: Json = {}
    for name in {"blob", "file", *(given.get("services") or {}), *(before.get("services") or {})}:
        old: Json = (before.get("services") or {}).get(name) or {}
        new: Json = (given.get("services") or {}).get(name) or {}
        if (
            before
            and name in ("queue", "table")
            and new.get("keyType", "Service") != old.get("keyType", "Service")
        ):
            # "Create an account that supports customer-managed keys for tables and queues": when it is made, or never.
            raise _fixed(f"encryption.services.{name}.keyType")
        services[name] = {
            "keyType": "Service" if name in ("queue", "table") else "Account",
            "enabled": True,
            **old,
            **{key: value for key, value in new.items() if key != "lastEnabledTime"},
            "lastEnabledTime": old.get("lastEnabledTime", now),
        }
    return {"keySource": "Microsoft.Storage", **before, **given, "services": services}
