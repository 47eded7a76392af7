"""Microsoft.Storage: the four services of an account, each named ``default``, and what shares of an account use.

Scope: their properties with Azure's rules (retention ranges, no versioning on a hierarchical namespace, what restoring
needs); usages of provisioned file shares. Soft delete, versions, the change feed and restoring are kept, not applied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.blob import ACCOUNT
from local.azure.computed_resource import computed, made, plain
from local.azure.errors import ArmError, bad_request, conflict
from local.azure.resource_id import parse
from local.azure.resource_type import ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_SERVICES = ("blobServices", "fileServices", "queueServices", "tableServices")
_RETENTIONS = ("deleteRetentionPolicy", "containerDeleteRetentionPolicy", "shareDeleteRetentionPolicy")


def _defaults(service: str) -> Json:
    properties: Json = {"cors": {"corsRules": []}}
    if service == "blobservices":
        properties["deleteRetentionPolicy"] = {"allowPermanentDelete": False, "enabled": False}
    if service == "fileservices":
        properties["shareDeleteRetentionPolicy"] = {"enabled": True, "days": 7}
    return properties


def _service(resource_type: str) -> str:
    return resource_type.lower().rsplit("/", 1)[1]


def _implicit(azure: Azure, resource_id: ResourceId) -> Json | None:
    account = azure.store.get(resource_id.parent)
    if account is None or resource_id.name.lower() != "default":
        return None
    return {"sku": account.body["sku"], "properties": _defaults(_service(resource_id.type))}


def _listing(azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """The service that nobody has changed yet is listed too."""
    if records:
        return records
    account, name = call.path.rstrip("/").rsplit("/", 1)
    parent = parse(account)
    resource_id = parse(f"{account}/{name}/default")
    body = _implicit(azure, resource_id)
    return [] if body is None else [made(parent, resource_id.type, "default", body)]


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if resource_id.name.lower() != "default":
        raise bad_request(
            f"The name of a storage service is 'default', not '{resource_id.name}'.",
            code="InvalidResourceName",
        )
    account = azure.store.get(resource_id.parent)
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    if account is None:
        raise ArmError(404, "ParentResourceNotFound", f"The account of '{resource_id.text}' was not found.")
    if given.get("isVersioningEnabled") and account.body["properties"].get("isHnsEnabled"):
        raise bad_request(
            "Blob versioning is not supported for accounts with a hierarchical namespace.",
            code="FeatureNotSupportedForAccount",
        )
    for policy in _RETENTIONS:
        found: Json = given.get(policy) or {}
        if found.get("enabled") and not 1 <= int(found.get("days") or 0) <= 365:
            raise bad_request(
                f"The days of '{policy}' must be from 1 to 365.",
                code="InvalidRequestPropertyValue",
                target=policy,
            )
    if (given.get("restorePolicy") or {}).get("enabled"):
        given["restorePolicy"] = _restore_policy(given, azure.now().isoformat())
    tracking: Json = given.get("lastAccessTimeTrackingPolicy") or {}
    if "enable" in tracking:
        default = {"name": "AccessTimeTracking", "trackingGranularityInDays": 1, "blobType": ["blockBlob"]}
        given["lastAccessTimeTrackingPolicy"] = {**default, **tracking}
    defaults: Json = {"cors": {"corsRules": []}}
    return {"sku": account.body["sku"], "properties": {**defaults, **given}}


def _restore_policy(given: Json, now: str) -> Json:
    """Restoring needs versions, the change feed, and soft delete for longer than it goes back."""
    wanted: Json = given["restorePolicy"]
    days = int(wanted.get("days") or 0)
    kept: Json = given.get("deleteRetentionPolicy") or {}
    ready = (
        given.get("isVersioningEnabled")
        and (given.get("changeFeed") or {}).get("enabled")
        and kept.get("enabled")
        and 1 <= days < int(kept.get("days") or 0)
    )
    if not ready:
        raise conflict(
            "restorePolicy needs isVersioningEnabled, changeFeed and deleteRetentionPolicy, and fewer days than the latter.",
            code="ConflictFeatureEnabled",
        )
    return {"lastEnabledTime": now, "minRestoreTime": now, **wanted}


def _keep(_azure: Azure, record: Record) -> None:
    raise conflict(
        f"'{record.type}' goes with its storage account; it can't be deleted by itself.",
        code="OperationNotAllowed",
    )


def _usages(azure: Azure, service: ResourceId) -> dict[str, Json]:
    """What shares may be, and are, provisioned. Source: Microsoft Learn, "Azure Files scalability and performance targets"."""
    shares = azure.store.below(service.parent, f"{ACCOUNT}/fileServices/shares")

    def total(key: str) -> int:
        return sum(int(share.body["properties"].get(key) or 0) for share in shares)

    live = {
        "fileShareCount": len(shares),
        "provisionedStorageGiB": total("shareQuota"),
        "provisionedIOPS": total("provisionedIops"),
        "provisionedBandwidthMiBPerSec": total("provisionedBandwidthMibps"),
    }
    most = {
        "maxProvisionedStorageGiB": 262144,
        "maxProvisionedIOPS": 102400,
        "maxProvisionedBandwidthMiBPerSec": 10340,
    }
    least = {
        "minProvisionedStorageGiB": 32,
        "minProvisionedIOPS": 3000,
        "minProvisionedBandwidthMiBPerSec": 125,
    }
    properties: Json = {
        "storageAccountLimits": {"maxFileShares": 50, **most},
        "fileShareLimits": {**least, **most},
        "fileShareRecommendations": {
            "baseIOPS": 3000,
            "baseBandwidthMiBPerSec": 125,
            "ioScalar": 1,
            "bandwidthScalar": 0.1,
        },
        "burstingConstants": {"burstFloorIOPS": 10000, "burstIOScalar": 3, "burstTimeframeSeconds": 3600},
        "storageAccountUsage": {"liveShares": live, "softDeletedShares": dict.fromkeys(live, 0)},
    }
    return {"default": {"properties": properties}}


TYPES = (
    *(
        ResourceType(
            f"{ACCOUNT}/{name}",
            prepare=_prepare,
            implicit=_implicit,
            guard_delete=_keep,
            created=200,
            listing=_listing,
            view=plain,
            patch=False,
        )
        for name in _SERVICES
    ),
    computed(f"{ACCOUNT}/fileServices/usages", _usages),
)
