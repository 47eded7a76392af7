"""Microsoft.Storage: file shares, as records.

Scope: shares with quota, tier, provisioned IOPS and bandwidth, access policies, leases (kept here). Omitted: files (the
``file`` service is 501), snapshots and restoring deleted shares (501); a deleted share is gone.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from local.azure.blob import ACCOUNT
from local.azure.errors import bad_request, conflict, unsupported
from local.azure.resource_type import Answer, ResourceType
from local.azure.storage.container import check_name
from local.azure.storage.immutability import with_lease

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_READ_ONLY = (
    "accessTierChangeTime",
    "accessTierStatus",
    "deleted",
    "deletedTime",
    "includedBurstIops",
    "lastModifiedTime",
    "leaseDuration",
    "leaseState",
    "leaseStatus",
    "maxBurstCreditsForIops",
    "nextAllowedProvisionedBandwidthDowngradeTime",
    "nextAllowedProvisionedIopsDowngradeTime",
    "nextAllowedQuotaDowngradeTime",
    "remainingRetentionDays",
    "shareUsageBytes",
    "snapshotTime",
    "version",
)
_LARGEST = 262_144
#: What Azure says where nothing has been lowered yet.
_NEVER = "Mon, 01 Jan 0001 00:00:00 UTC"


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_name(resource_id.name, "share")
    given: Json = {
        key: value
        for key, value in (body.get("properties") or {}).items()
        if key not in _READ_ONLY and value is not None
    }
    before: Json = old.body["properties"] if old is not None else {}
    quota = given.get("shareQuota", 1)
    if not isinstance(quota, int) or not 1 <= quota <= _LARGEST:
        raise bad_request(
            f"shareQuota is {quota}; it must be from 1 to {_LARGEST} GiB.",
            code="InvalidRequestPropertyValue",
            target="shareQuota",
        )
    protocol = given.get("enabledProtocols")
    if before and protocol is not None and protocol != before["enabledProtocols"]:
        raise conflict(
            "The property 'enabledProtocols' was specified in the input, but it cannot be updated.",
            code="PropertyCannotBeUpdated",
        )
    properties = {
        "accessTier": "TransactionOptimized",
        "enabledProtocols": "SMB",
        "leaseState": "Available",
        "leaseStatus": "Unlocked",
        "shareQuota": 5120,
        **before,
        **given,
        "lastModifiedTime": azure.now().isoformat(),
    }
    return {"properties": {**properties, **_provisioned(properties)}}


def _provisioned(properties: Json) -> Json:
    """What follows from provisioned IOPS. Source: Microsoft Learn, "Understand Azure Files billing" (provisioned v2)."""
    iops = properties.get("provisionedIops")
    if iops is None:
        return {}
    burst = max(3 * iops, 10_000)
    return {
        "includedBurstIops": burst,
        "maxBurstCreditsForIops": (burst - iops) * 3600,
        **dict.fromkeys(
            (
                "nextAllowedQuotaDowngradeTime",
                "nextAllowedProvisionedIopsDowngradeTime",
                "nextAllowedProvisionedBandwidthDowngradeTime",
            ),
            _NEVER,
        ),
    }


def _view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    shown = {key: value for key, value in body.items() if key not in ("systemData", "lease")}
    return {**shown, "etag": f'"{record.etag}"'}


def _expand(_azure: Azure, call: Call, _record: Record, body: Json) -> Json:
    if call.query.get("$expand", "").lower() != "stats":
        return body
    # Nothing can be written to a share here.
    return {**body, "properties": {**body["properties"], "shareUsageBytes": 0}}


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    if call.query.get("$expand"):
        raise unsupported("Listing snapshots and deleted file shares (none are kept)")
    return records


def _admit(_azure: Azure, call: Call, _resource_id: ResourceId) -> None:
    if call.method == "PUT" and "snapshots" in call.query.get("$expand", "").lower():
        raise unsupported("A snapshot of a file share")


async def _lease(azure: Azure, call: Call, record: Record) -> Answer:
    given: Json = call.body or {}
    action = str(given.get("action", "")).lower()
    held = record.body.get("lease")
    wanted = given.get("leaseId")
    if action == "acquire":
        if held and held != given.get("proposedLeaseId"):
            raise conflict("There is already a lease present.", code="LeaseAlreadyPresent")
        lease = given.get("proposedLeaseId") or str(uuid.uuid4())
    elif action in ("renew", "change", "release", "break"):
        if not held:
            raise conflict(
                "There is currently no lease on the share.", code="LeaseNotPresentWithShareOperation"
            )
        if action != "break" and wanted != held:
            raise conflict("The lease id is not the share's.", code="LeaseIdMismatchWithShareOperation")
        lease = {"renew": held, "change": given.get("proposedLeaseId") or held}.get(action)
    else:
        raise bad_request(
            f"The lease action '{given.get('action')}' is none of Acquire, Renew, Change, Release, Break.",
            code="InvalidRequestPropertyValue",
            target="action",
        )
    infinite = given.get("leaseDuration", -1) == -1
    azure.store.put(record.id, {**with_lease(record.body, action, infinite=infinite), "lease": lease})
    if action == "break":
        return Answer(200, {"leaseTimeSeconds": "0"})
    return Answer(200, {"leaseId": lease or wanted})


TYPES = (
    ResourceType(
        f"{ACCOUNT}/fileServices/shares",
        prepare=_prepare,
        view=_view,
        expand=_expand,
        admit=_admit,
        listing=_listing,
        actions={"lease": _lease},
    ),
)
