"""Microsoft.Storage: accounts with their services, containers, queues and lifecycle rules.

Scope: storage accounts (names unique in all of Azure, keys, soft facts such as endpoints), blobServices, containers (real,
in Azurite), managementPolicies, fileServices, shares (recorded only), queueServices, queues (real), tableServices; listKeys,
regenerateKey, name availability. Omitted: account and service SAS from ARM, local users, replication, immutability,
inventory, encryption scopes: 501. Firewall rules and lifecycle policies are kept and not applied. Storage of files and of
the hierarchical namespace (``dfs``) is answered 501 by the data plane.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING, cast

from local.azure import name_availability
from local.azure.blob import ACCOUNT, AzuriteBlobs, key_name
from local.azure.errors import ArmError, bad_request, conflict
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure

_ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*|\$(root|web|logs)")
_KINDS = ("Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage")
_SKU = re.compile(r"(Standard_(LRS|GRS|RAGRS|ZRS|GZRS|RAGZRS)|Premium_(LRS|ZRS))")
_SERVICES = {
    "blobServices": "blob",
    "fileServices": "file",
    "queueServices": "queue",
    "tableServices": "table",
}
_CREATE_ONLY = ("isHnsEnabled", "isNfsV3Enabled", "dnsEndpointType")


def _prepare_account(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    name = resource_id.name
    if not _ACCOUNT_NAME.fullmatch(name):
        raise bad_request(
            f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in "
            "length and use numbers and lower-case letters only.",
            code="AccountNameInvalid",
        )
    _check_unique(azure, resource_id)
    check_location(body)
    sku = (body.get("sku") or {}).get("name", "")
    if not _SKU.fullmatch(sku):
        raise bad_request(
            f"The sku '{sku}' is not a storage sku; name one, such as Standard_LRS.", code="InvalidSku"
        )
    kind = body.get("kind", "")
    if kind not in _KINDS:
        raise bad_request(
            f"The kind '{kind}' is not one of: {', '.join(_KINDS)}.",
            code="InvalidRequestPropertyValue",
            target="kind",
        )
    given: Json = dict(body.get("properties") or {})
    before: Json = (old.body.get("properties") or {}) if old is not None else {}
    for key in _CREATE_ONLY:
        if old is not None and key in given and (given[key] or None) != (before.get(key) or None):
            raise conflict(
                f"The property '{key}' was specified in the input, but it cannot be updated.",
                code="PropertyCannotBeUpdated",
            )
    tier = "Premium" if sku.startswith("Premium") else "Standard"
    now = azure.now().isoformat()
    properties = {
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
        "networkAcls": {
            "bypass": "AzureServices",
            "virtualNetworkRules": [],
            "ipRules": [],
            "defaultAction": "Allow",
        },
        "supportsHttpsTrafficOnly": True,
        "encryption": _encryption(now),
        "accessTier": "Hot",
        **before,
        **{key: value for key, value in given.items() if value is not None},
        "provisioningState": "Succeeded",
        "creationTime": before.get("creationTime", now),
        "keyCreationTime": before.get("keyCreationTime", {"key1": now, "key2": now}),
        "primaryLocation": body["location"],
        "statusOfPrimary": "available",
        "privateEndpointConnections": before.get("privateEndpointConnections", []),
        "primaryEndpoints": {
            service: f"https://{name}.{host}.core.windows.net/"
            for service, host in (
                ("dfs", "dfs"),
                ("web", "z6.web"),
                ("blob", "blob"),
                ("queue", "queue"),
                ("table", "table"),
                ("file", "file"),
            )
        },
    }
    return {
        **body,
        "sku": {"name": sku, "tier": tier},
        "kind": kind,
        "tags": body.get("tags") or {},
        "properties": properties,
    }


def _encryption(now: str) -> Json:
    service = {"keyType": "Account", "enabled": True, "lastEnabledTime": now}
    return {"keySource": "Microsoft.Storage", "services": {"file": service, "blob": service}}


def _check_unique(azure: Azure, resource_id: ResourceId) -> None:
    for other in azure.store.named(ACCOUNT, resource_id.name):
        if other.id.lower() != resource_id.key:
            raise conflict(
                f"The storage account named {resource_id.name} is already taken (in Azure these names are unique in the "
                f"world; here by {other.id}).",
                code="StorageAccountAlreadyTaken",
            )


async def _settle_account(azure: Azure, record: Record) -> Json | None:
    for number in (1, 2):
        if azure.store.secret(key_name(record.name, number)) is None:
            key = base64.b64encode(secrets.token_bytes(64)).decode()
            azure.store.put_secret(key_name(record.name, number), key)
    await azure.blobs.key(record.name)
    return None


async def _vanish_account(azure: Azure, record: Record) -> None:
    if azure.store.secret(key_name(record.name, 1)) is not None:
        # An account that is made anew under this name must be empty.
        await _blobs(azure).empty(record.name)
    azure.store.delete_secrets(f"storage/{record.name}")


def _blobs(azure: Azure) -> AzuriteBlobs:
    return cast("AzuriteBlobs", azure.blobs)


async def _list_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    created: Json = record.body["properties"].get("keyCreationTime") or {}
    keys = [
        {
            "creationTime": created.get(f"key{number}"),
            "keyName": f"key{number}",
            "value": azure.store.secret(key_name(record.name, number)),
            "permissions": "FULL",
        }
        for number in (1, 2)
    ]
    return Answer(200, {"keys": keys})


async def _regenerate_key(azure: Azure, call: Call, record: Record) -> Answer:
    wanted = (call.body or {}).get("keyName", "")
    if wanted not in ("key1", "key2"):
        raise bad_request(
            f"The key '{wanted}' is not key1 or key2.", code="InvalidValuesForRequestParameters"
        )
    azure.store.put_secret(
        key_name(record.name, int(wanted[-1])), base64.b64encode(secrets.token_bytes(64)).decode()
    )
    await azure.blobs.key(record.name)
    return await _list_keys(azure, call, record)


async def _check_name(azure: Azure, call: Call) -> Answer:
    name = name_availability.asked(call)
    invalid = None if _ACCOUNT_NAME.fullmatch(name) else f"{name} is not a valid storage account name."
    taken = f"The storage account named {name} is already taken."
    return name_availability.answer(azure, name, (ACCOUNT,), invalid=invalid, taken=taken)


def _implicit_service(azure: Azure, resource_id: ResourceId) -> Json | None:
    account = azure.store.get(resource_id.parent)
    if account is None or resource_id.name.lower() != "default":
        return None
    properties: Json = {"cors": {"corsRules": []}}
    if resource_id.type.lower().endswith("/blobservices"):
        properties["deleteRetentionPolicy"] = {"allowPermanentDelete": False, "enabled": False}
    return {"sku": account.body["sku"], "properties": properties}


def _prepare_service(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if resource_id.name.lower() != "default":
        raise bad_request(
            f"The name of a storage service is 'default', not '{resource_id.name}'.",
            code="InvalidResourceName",
        )
    account = azure.store.get(resource_id.parent)
    given: Json = body.get("properties") or {}
    if account is None:
        raise ArmError(404, "ParentResourceNotFound", f"The account of '{resource_id.text}' was not found.")
    if given.get("isVersioningEnabled") and account.body["properties"].get("isHnsEnabled"):
        raise bad_request(
            "Blob versioning is not supported for accounts with a hierarchical namespace.",
            code="FeatureNotSupportedForAccount",
        )
    for policy in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy", "shareDeleteRetentionPolicy"):
        found: Json = given.get(policy) or {}
        if found.get("enabled") and not 1 <= int(found.get("days") or 0) <= 365:
            raise bad_request(
                f"The days of '{policy}' must be from 1 to 365.",
                code="InvalidRequestPropertyValue",
                target=policy,
            )
    return {"sku": account.body["sku"], "properties": {"cors": {"corsRules": []}, **given}}


def _keep_service(_azure: Azure, record: Record) -> None:
    raise conflict(
        f"'{record.type}' goes with its storage account; it can't be deleted by itself.",
        code="OperationNotAllowed",
    )


def _prepare_container(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    name = resource_id.name
    if not _CONTAINER_NAME.fullmatch(name):
        raise bad_request(
            f"'{name}' is not a valid container name: 3 to 63 lower-case letters, digits and single hyphens.",
            code="InvalidResourceName",
        )
    given: Json = body.get("properties") or {}
    before: Json = old.body["properties"] if old is not None else {}
    properties = {
        "deleted": False,
        "remainingRetentionDays": 0,
        "defaultEncryptionScope": "$account-encryption-key",
        "denyEncryptionScopeOverride": False,
        "publicAccess": "None",
        "leaseStatus": "Unlocked",
        "leaseState": "Available",
        "hasImmutabilityPolicy": False,
        "hasLegalHold": False,
        **before,
        **given,
        "lastModifiedTime": _azure.now().isoformat(),
    }
    return {"properties": properties}


def _with_etag(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return {**body, "etag": f'"{record.etag}"'}


def _account_of(record: Record) -> str:
    return parse(record.id).names[0]


async def _settle_container(azure: Azure, record: Record) -> Json | None:
    await azure.blobs.make_container(_account_of(record), record.name)
    return None


async def _vanish_container(azure: Azure, record: Record) -> None:
    await _blobs(azure).delete_container(_account_of(record), record.name)


async def _settle_queue(azure: Azure, record: Record) -> Json | None:
    await _blobs(azure).make_queue(_account_of(record), record.name)
    return None


async def _vanish_queue(azure: Azure, record: Record) -> None:
    await _blobs(azure).delete_queue(_account_of(record), record.name)


def _prepare_queue(_azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if not _CONTAINER_NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"'{resource_id.name}' is not a valid queue name: 3 to 63 lower-case letters, digits and single hyphens.",
            code="InvalidResourceName",
        )
    return {"properties": {"metadata": {}, **(body.get("properties") or {})}}


def _prepare_share(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if not _CONTAINER_NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"'{resource_id.name}' is not a valid share name: 3 to 63 lower-case letters, digits and single hyphens.",
            code="InvalidResourceName",
        )
    properties = {
        "accessTier": "TransactionOptimized",
        "enabledProtocols": "SMB",
        "leaseState": "Available",
        "leaseStatus": "Unlocked",
        "shareQuota": 5120,
        **(body.get("properties") or {}),
        "lastModifiedTime": azure.now().isoformat(),
    }
    return {"properties": properties}


def _prepare_policy(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if resource_id.name.lower() != "default":
        raise bad_request("The name of a management policy is 'default'.", code="InvalidResourceName")
    properties: Json = body.get("properties") or {}
    rules = (properties.get("policy") or {}).get("rules")
    if not isinstance(rules, list) or not rules:
        raise bad_request(
            "A management policy needs at least one rule (properties.policy.rules).",
            code="InvalidRequestPropertyValue",
        )
    return {"properties": {**properties, "lastModifiedTime": azure.now().isoformat()}}


def _service(name: str) -> ResourceType:
    return ResourceType(
        f"{ACCOUNT}/{name}",
        prepare=_prepare_service,
        implicit=_implicit_service,
        guard_delete=_keep_service,
        created=200,
    )


TYPES = (
    ResourceType(
        ACCOUNT,
        prepare=_prepare_account,
        settle=_settle_account,
        vanish=_vanish_account,
        vanish_now=True,
        created=202,
        actions={"listKeys": _list_keys, "regenerateKey": _regenerate_key},
    ),
    *(_service(name) for name in _SERVICES),
    ResourceType(
        f"{ACCOUNT}/blobServices/containers",
        prepare=_prepare_container,
        settle=_settle_container,
        vanish=_vanish_container,
        settle_now=True,
        vanish_now=True,
        view=_with_etag,
    ),
    ResourceType(
        f"{ACCOUNT}/queueServices/queues",
        prepare=_prepare_queue,
        settle=_settle_queue,
        vanish=_vanish_queue,
        settle_now=True,
        vanish_now=True,
    ),
    ResourceType(f"{ACCOUNT}/fileServices/shares", prepare=_prepare_share, view=_with_etag),
    ResourceType(f"{ACCOUNT}/managementPolicies", prepare=_prepare_policy, created=200),
)
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Storage/checkNameAvailability", re.IGNORECASE),
        _check_name,
        ("POST",),
    ),
)
