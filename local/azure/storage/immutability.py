"""Microsoft.Storage: immutability policies and legal holds of containers, and what they forbid on the data plane.

Scope: time-based policies (unlocked, locked, extended), protected appends, legal holds; blobs in such a container can't be
overwritten, nor deleted before their time. Omitted: policies of single blobs and versions.
Source: Microsoft Learn, "Store business-critical blob data with immutable storage" and the REST reference of
immutabilityPolicies; error codes as in "Blob service error codes" and MicrosoftDocs/feedback#1844.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from local.azure.blob import ACCOUNT
from local.azure.errors import ArmError, bad_request, conflict
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, ResourceType
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure, Store
    from local.azure.resource_type import Call, Json, Record, ResourceId

_TYPE = f"{ACCOUNT}/blobServices/containers/immutabilityPolicies"
_PERIOD = "immutabilityPeriodSinceCreationInDays"
_LONGEST = 146_000
_MOST_EXTENSIONS = 5
_SETTINGS = (_PERIOD, "allowProtectedAppendWrites", "allowProtectedAppendWritesAll")


@dataclass(frozen=True)
class Refusal:
    """Why a container or blob can't be changed."""

    code: str
    message: str


def policy_of(store: Store, container: str) -> Json | None:
    """The properties of a container's policy, or None."""
    found = store.get(f"{container}/immutabilityPolicies/default")
    return found.body["properties"] if found is not None else None


def locked_containers(azure: Azure, account: str) -> list[str]:
    """The containers of an account whose policy is locked: they keep the account from being deleted."""
    found = azure.store.below(account, _TYPE)
    return [parse(record.id).names[2] for record in found if record.body["properties"]["state"] == "Locked"]


def shown_in_container(azure: Azure, container: Record) -> Json | None:
    """What a container shows of its policy."""
    record = azure.store.get(f"{container.id}/immutabilityPolicies/default")
    if record is None:
        return None
    return {
        "etag": f'"{record.etag}"',
        "properties": record.body["properties"],
        "updateHistory": [
            {**entry, "objectIdentifier": entry["objectIdentifier"] or record.created_by}
            for entry in record.body.get("history") or []
        ],
    }


def container_refusal(azure: Azure, container: Record) -> Refusal | None:
    """Why a container can't be deleted through ARM, or None."""
    return kept_container(container.body["properties"], policy_of(azure.store, container.id))


def kept_container(container: Json, policy: Json | None) -> Refusal | None:
    """Why a container can't be deleted, or None. Pure."""
    if container.get("hasLegalHold"):
        return Refusal(
            "ContainerHasLegalHold",
            "The requested operation is not allowed as the container has one or more legal holds.",
        )
    if policy is not None and policy["state"] == "Locked":
        return Refusal(
            "ContainerImmutabilityPolicyLocked",
            "The requested operation is not allowed as the container has a locked immutability policy.",
        )
    return None


def kept_blob(
    container: Json, policy: Json | None, created: datetime, now: datetime, *, deletes: bool, appends: bool
) -> Refusal | None:
    """Why a blob that exists can't be deleted or written to, or None. Pure."""
    if container.get("hasLegalHold"):
        history: Json = (container.get("legalHold") or {}).get("protectedAppendWritesHistory") or {}
        if not (appends and history.get("allowProtectedAppendWritesAll")):
            return Refusal(
                "BlobImmutableDueToLegalHold",
                "This operation is not permitted as the blob is immutable due to one or more legal holds.",
            )
    if policy is None:
        return None
    if appends and (policy.get("allowProtectedAppendWrites") or policy.get("allowProtectedAppendWritesAll")):
        return None
    if deletes and created + timedelta(days=policy[_PERIOD]) <= now:
        return None
    return Refusal(
        "BlobImmutableDueToPolicy",
        "This operation is not permitted as the blob is immutable due to a policy.",
    )


LEASE_STATES = {
    "acquire": ("Leased", "Locked"),
    "renew": ("Leased", "Locked"),
    "change": ("Leased", "Locked"),
    "release": ("Available", "Unlocked"),
    "break": ("Broken", "Unlocked"),
}


def with_lease(body: Json, action: str, *, infinite: bool = False) -> Json:
    """The body of a container or share after an action on its lease."""
    state, status = LEASE_STATES[action]
    properties: Json = {**body["properties"], "leaseState": state, "leaseStatus": status}
    properties.pop("leaseDuration", None)
    if state == "Leased":
        properties["leaseDuration"] = "Infinite" if infinite else "Fixed"
    return {**body, "properties": properties}


# --- the policy as a resource


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if resource_id.name.lower() != "default":
        raise bad_request("The name of an immutability policy is 'default'.", code="InvalidResourceName")
    if old is not None and old.body["properties"]["state"] == "Locked":
        raise _locked()
    given: Json = body.get("properties") or {}
    return _with(azure, {}, {key: given.get(key) for key in _SETTINGS}, old, update="put", who="")


def _with(azure: Azure, before: Json, given: Json, old: Record | None, *, update: str, who: str) -> Json:
    defaults = {"allowProtectedAppendWrites": False, "allowProtectedAppendWritesAll": False}
    settings = {**defaults, **before, **{key: value for key, value in given.items() if value is not None}}
    days = settings.get(_PERIOD, 0)
    if not isinstance(days, int) or not 0 <= days <= _LONGEST:
        raise bad_request(
            f"{_PERIOD} must be from 1 to {_LONGEST} days.",
            code="InvalidRequestPropertyValue",
            target=_PERIOD,
        )
    if settings.get("allowProtectedAppendWrites") and settings.get("allowProtectedAppendWritesAll"):
        raise bad_request(
            "allowProtectedAppendWrites and allowProtectedAppendWritesAll exclude each other.",
            code="InvalidRequestPropertyValue",
        )
    entry = {
        "update": update,
        _PERIOD: days,
        "timestamp": azure.now().isoformat(),
        "objectIdentifier": who,
        "tenantId": TENANT_ID,
    }
    history = [*((old.body.get("history") or []) if old is not None else []), entry]
    return {"properties": {_PERIOD: days, "state": "Unlocked", **settings}, "history": history}


def _locked() -> ArmError:
    return conflict(
        "Operation not allowed on immutability policy with current state.",
        code="ContainerImmutabilityPolicyFailure",
    )


def _view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    shown = {key: value for key, value in body.items() if key not in ("systemData", "history")}
    return {**shown, "etag": f'"{record.etag}"'}


def _check_match(call: Call, record: Record) -> None:
    match = call.headers.get("if-match")
    if not record.etag or (match is not None and match.strip('"') not in ("*", record.etag)):
        raise ArmError(
            412,
            "ContainerImmutabilityPolicyFailure",
            "Operation not allowed on immutability policy with incorrect etag.",
        )


def _delete(azure: Azure, call: Call, _resource_id: ResourceId, record: Record | None) -> Answer | None:
    """Azure answers with what is left: a policy of no days."""
    if record is None:
        return None
    _check_match(call, record)
    if record.body["properties"]["state"] == "Locked":
        raise _locked()
    azure.store.delete(record.id)
    return Answer(200, {"id": record.id, "name": record.name, "type": record.type, **_none()})


def _none() -> Json:
    return {"etag": '""', "properties": {_PERIOD: 0, "state": "Unlocked"}}


def _implicit(azure: Azure, resource_id: ResourceId) -> Json | None:
    """A container without a policy shows one of no days."""
    there = azure.store.get(resource_id.parent) is not None
    return _none() if there and resource_id.name.lower() == "default" else None


def _answer(azure: Azure, record: Record) -> Answer:
    shown: Json = {"id": record.id, "name": record.name, "type": record.type, **record.body}
    return Answer(200, _view(azure, record, shown, ""))


async def _lock(azure: Azure, call: Call, record: Record) -> Answer:
    _check_match(call, record)
    body = _with(
        azure,
        record.body["properties"],
        {"state": "Locked"},
        record,
        update="lock",
        who=call.principal_id or "",
    )
    return _answer(azure, azure.store.put(record.id, body))


async def _extend(azure: Azure, call: Call, record: Record) -> Answer:
    _check_match(call, record)
    before: Json = record.body["properties"]
    given: Json = (call.body or {}).get("properties") or {}
    extensions = [entry for entry in record.body.get("history") or [] if entry["update"] == "extend"]
    longer = given.get(_PERIOD, before[_PERIOD]) >= before[_PERIOD]
    if before["state"] != "Locked" or not longer or len(extensions) >= _MOST_EXTENSIONS:
        raise _locked()
    wanted = {key: given.get(key) for key in _SETTINGS}
    body = _with(azure, before, wanted, record, update="extend", who=call.principal_id or "")
    return _answer(azure, azure.store.put(record.id, body))


TYPES = (
    ResourceType(
        _TYPE,
        prepare=_prepare,
        view=_view,
        implicit=_implicit,
        on_delete=_delete,
        created=200,
        patch=False,
        actions={"lock": _lock, "extend": _extend},
    ),
)
