"""Microsoft.Storage: blob containers, real ones in Azurite.

Scope: containers with metadata and public access (Azurite has both), leases (Azurite's), legal holds and immutability
policies (``immutability``; the data plane keeps to them). Omitted: containers that were deleted can't be restored,
migration to version-level immutability: 501; encryption scopes are kept, not applied.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from local.azure.blob import ACCOUNT
from local.azure.errors import ArmError, bad_request, conflict, unsupported
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, ResourceType
from local.azure.storage import immutability
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.blob import AzuriteBlobs
    from local.azure.resource_type import Call, Json, Record, ResourceId

CONTAINER = f"{ACCOUNT}/blobServices/containers"
NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*|\$(root|web|logs)")
_HOLD = re.compile(r"[a-z0-9]{3,23}")
_MOST_HOLDS = 10
_ACCESS = ("None", "Blob", "Container")
_READ_ONLY = (
    "deleted",
    "deletedTime",
    "hasImmutabilityPolicy",
    "hasLegalHold",
    "immutabilityPolicy",
    "lastModifiedTime",
    "leaseDuration",
    "leaseState",
    "leaseStatus",
    "legalHold",
    "remainingRetentionDays",
    "version",
)


def check_name(name: str, what: str) -> None:
    """Refuses a name that no container, share or queue can have (400)."""
    if not NAME.fullmatch(name):
        raise bad_request(
            f"'{name}' is not a valid {what} name: 3 to 63 lower-case letters, digits and single hyphens.",
            code="InvalidResourceName",
        )


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_name(resource_id.name, "container")
    given: Json = {
        key: value
        for key, value in (body.get("properties") or {}).items()
        if key not in _READ_ONLY and value is not None
    }
    access = given.get("publicAccess", "None")
    if access not in _ACCESS:
        raise bad_request(
            f"The value '{access}' is not allowed for property publicAccess; use one of {', '.join(_ACCESS)}.",
            code="InvalidRequestPropertyValue",
            target="publicAccess",
        )
    account = azure.store.get("/".join(resource_id.text.split("/")[:9]))
    if access != "None" and account is not None and not account.body["properties"]["allowBlobPublicAccess"]:
        raise conflict(
            "Public access is not permitted on this storage account.", code="PublicAccessNotPermitted"
        )
    before: Json = old.body["properties"] if old is not None else {}
    versioned: Json = given.get("immutableStorageWithVersioning") or {}
    if versioned.get("enabled"):
        since = (before.get("immutableStorageWithVersioning") or {}).get("timeStamp")
        given["immutableStorageWithVersioning"] = {
            "timeStamp": since or azure.now().isoformat(),
            **versioned,
        }
    properties = {
        "deleted": False,
        "remainingRetentionDays": 0,
        "defaultEncryptionScope": "$account-encryption-key",
        "denyEncryptionScopeOverride": False,
        "publicAccess": "None",
        "leaseStatus": "Unlocked",
        "leaseState": "Available",
        "hasLegalHold": False,
        **before,
        **given,
        "lastModifiedTime": azure.now().isoformat(),
    }
    return {"properties": properties}


def _view(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    policy = immutability.shown_in_container(azure, record)
    properties = {"hasImmutabilityPolicy": policy is not None, "hasLegalHold": False, **body["properties"]}
    if policy is not None:
        properties["immutabilityPolicy"] = policy
    return {**body, "properties": properties, "etag": f'"{record.etag}"'}


def _blobs(azure: Azure) -> AzuriteBlobs:
    return cast("AzuriteBlobs", azure.blobs)


def _account_of(record: Record) -> str:
    return parse(record.id).names[0]


async def _settle(azure: Azure, record: Record) -> Json | None:
    properties: Json = record.body["properties"]
    await _blobs(azure).set_container(
        _account_of(record), record.name, properties.get("metadata"), properties.get("publicAccess", "None")
    )
    return None


def _guard_delete(azure: Azure, record: Record) -> None:
    if record.body["properties"].get("leaseState") == "Leased":
        raise ArmError(
            412,
            "LeaseIdMissing",
            "There is currently a lease on the container and no lease ID was specified in the request.",
        )
    if (reason := immutability.container_refusal(azure, record)) is not None:
        raise conflict(reason.message, code=reason.code)


async def _vanish(azure: Azure, record: Record) -> None:
    await _blobs(azure).delete_container(_account_of(record), record.name)


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    if "deleted" in call.query.get("$include", "").lower():
        raise unsupported("Listing deleted containers (none are kept)")
    wanted = re.fullmatch(r"startswith\(name, *'?([^')]*)'?\)", call.query.get("$filter", ""))
    return [record for record in records if wanted is None or record.name.startswith(wanted[1])]


# --- actions


def _holds(call: Call) -> list[str]:
    tags = [str(tag).lower() for tag in (call.body or {}).get("tags") or []]
    if not tags or not all(_HOLD.fullmatch(tag) for tag in tags):
        raise bad_request(
            "tags must be legal hold tags: 3 to 23 letters and digits each.",
            code="InvalidRequestPropertyValue",
            target="tags",
        )
    return tags


async def _set_legal_hold(azure: Azure, call: Call, record: Record) -> Answer:
    given: Json = call.body or {}
    held: list[Json] = (record.body["properties"].get("legalHold") or {}).get("tags") or []
    new = [
        {
            "tag": tag,
            "timestamp": azure.now().isoformat(),
            "objectIdentifier": call.principal_id,
            "tenantId": TENANT_ID,
        }
        for tag in _holds(call)
        if tag not in {hold["tag"] for hold in held}
    ]
    if len(held) + len(new) > _MOST_HOLDS:
        raise bad_request(
            f"A container has at most {_MOST_HOLDS} legal hold tags.", code="InvalidRequestPropertyValue"
        )
    return _held(azure, record, [*held, *new], given.get("allowProtectedAppendWritesAll"))


async def _clear_legal_hold(azure: Azure, call: Call, record: Record) -> Answer:
    held: list[Json] = (record.body["properties"].get("legalHold") or {}).get("tags") or []
    cleared = _holds(call)
    return _held(azure, record, [hold for hold in held if hold["tag"] not in cleared], None)


def _held(azure: Azure, record: Record, tags: list[Json], appends: bool | None) -> Answer:
    hold: Json = {"hasLegalHold": bool(tags), "tags": tags}
    if appends is not None:
        hold["protectedAppendWritesHistory"] = {
            "allowProtectedAppendWritesAll": appends,
            "timestamp": azure.now().isoformat(),
        }
    properties = {**record.body["properties"], "hasLegalHold": bool(tags), "legalHold": hold}
    azure.store.put(record.id, {**record.body, "properties": properties})
    shown: Json = {"hasLegalHold": bool(tags), "tags": [tag["tag"] for tag in tags]}
    if appends is not None:
        shown["allowProtectedAppendWritesAll"] = appends
    return Answer(200, shown)


async def _lease(azure: Azure, call: Call, record: Record) -> Answer:
    given: Json = call.body or {}
    action = str(given.get("action", "")).lower()
    if action not in immutability.LEASE_STATES:
        raise bad_request(
            f"The lease action '{given.get('action')}' is none of Acquire, Renew, Change, Release, Break.",
            code="InvalidRequestPropertyValue",
            target="action",
        )
    headers = {
        "x-ms-lease-action": action,
        "x-ms-lease-id": given.get("leaseId") if action != "break" else None,
        "x-ms-proposed-lease-id": given.get("proposedLeaseId"),
        "x-ms-lease-duration": given.get("leaseDuration", -1) if action == "acquire" else None,
        "x-ms-lease-break-period": given.get("breakPeriod"),
    }
    status, answered = await _blobs(azure).lease_container(
        _account_of(record),
        record.name,
        {name: str(value) for name, value in headers.items() if value is not None},
    )
    if status >= 400:
        code = answered.get("x-ms-error-code", "LeaseOperationFailed")
        raise ArmError(status, code, f"The lease of '{record.name}' can't be changed ({code}).")
    infinite = given.get("leaseDuration", -1) == -1
    azure.store.put(record.id, immutability.with_lease(record.body, action, infinite=infinite))
    if action == "break":
        return Answer(200, {"leaseTimeSeconds": answered.get("x-ms-lease-time", "0")})
    return Answer(200, {"leaseId": answered["x-ms-lease-id"]} if "x-ms-lease-id" in answered else {})


TYPES = (
    ResourceType(
        CONTAINER,
        prepare=_prepare,
        settle=_settle,
        guard_delete=_guard_delete,
        vanish=_vanish,
        settle_now=True,
        vanish_now=True,
        view=_view,
        listing=_listing,
        actions={
            "setLegalHold": _set_legal_hold,
            "clearLegalHold": _clear_legal_hold,
            "lease": _lease,
        },
    ),
)
