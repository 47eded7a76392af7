"""Compute of a workspace: clusters, instances, and what is attached; kept, checked, and answered for.

``compute_cluster.py``, ``compute_instance.py`` and ``attached_compute.py`` say what is particular about each. DELETE with
``underlyingResourceAction=Detach`` is for what is attached; what a workspace made itself can only be deleted.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.machine_learning import (
    attached_compute,
    compute_cluster,
    compute_instance,
    managed_network,
    quota,
    resource_identity,
    vm_size,
)
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.network.reference import check_reference
from local.azure.resource_type import Answer, ResourceType
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

COMPUTE = f"{WORKSPACE}/computes"
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,22}[A-Za-z0-9])")
_CLUSTER, _INSTANCE = "AmlCompute", "ComputeInstance"
#: Where the secrets of what is attached wait until they are put where secrets are.
_SECRETS = "secrets"


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if _NAME.fullmatch(resource_id.name) is None:
        raise bad_request(
            f"'{resource_id.name}' is no name of a compute: 2 to 24 letters, digits and hyphens, a letter first, "
            "no hyphen last.",
            code="ValidationError",
        )
    outer = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    before: Json = old.body["properties"] if old else {}
    kind = _kind(str(outer.get("computeType") or before.get("computeType") or ""), before)
    location = (
        body.get("location") or (old.body["location"] if old else None) or _location(azure, resource_id)
    )
    inner, secrets = _inner(azure, kind, outer, before)
    check_reference(azure, inner.get("subnet"))
    if kind in (_CLUSTER, _INSTANCE):
        nodes = max(1, int((inner.get("scaleSettings") or {}).get("minNodeCount") or 0))
        quota.check(azure, location, str(inner["vmSize"]), nodes, but=resource_id.text)
    now = azure.now().isoformat()
    prepared: Json = {
        "location": location,
        "tags": body.get("tags") or {},
        "sku": body.get("sku"),
        "identity": resource_identity.complete(azure, resource_id, body.get("identity"), old, both=False),
        "properties": {
            "description": None,
            "resourceId": None,
            "disableLocalAuth": False,
            **outer,
            "computeType": kind,
            "computeLocation": outer.get("computeLocation") or location,
            "createdOn": before.get("createdOn") or now,
            "modifiedOn": now,
            "isAttachedCompute": kind not in (_CLUSTER, _INSTANCE),
            "provisioningErrors": None,
            "properties": inner,
        },
    }
    return {**prepared, _SECRETS: secrets} if secrets else prepared


def _kind(wanted: str, before: Json) -> str:
    known = {one.lower(): one for one in (_CLUSTER, _INSTANCE)}
    known |= {key: kind.name for key, kind in attached_compute.KINDS.items()}
    kind = known.get(wanted.lower())
    if kind is None:
        raise bad_request(
            f"'{wanted}' is no type of compute; it must be one of {', '.join(known.values())}.",
            target="properties.computeType",
        )
    if before and before["computeType"] != kind:
        raise bad_request(
            f"The type of a compute can't be changed: it is {before['computeType']}.",
            target="properties.computeType",
        )
    return kind


def _inner(azure: Azure, kind: str, outer: Json, before: Json) -> tuple[Json, Json]:
    """The compute's own properties, and those of them that are secret."""
    given: Json = outer.get("properties") or {}
    stored: Json = before.get("properties") or {}
    if kind == _CLUSTER:
        return compute_cluster.complete(given, stored), {}
    if kind == _INSTANCE:
        creator = {"userId": None, "userName": None, "userOrgId": TENANT_ID}
        return compute_instance.complete(given, stored, azure.now(), creator), {}
    attached = attached_compute.KINDS[kind.lower()]
    resource_id = outer.get("resourceId") or before.get("resourceId")
    return attached_compute.apart(attached, attached_compute.complete(attached, resource_id, given, stored))


def _location(azure: Azure, resource_id: ResourceId) -> str:
    workspace = azure.store.get(resource_id.parent)
    return str(workspace.body["location"]) if workspace else ""


def merge(stored: Json, patch: Json) -> Json:
    """PATCH changes a cluster's scale settings, an instance's idle time and schedules, and tags and identity."""
    given = (patch.get("properties") or {}).get("properties") or {}
    outer: Json = stored["properties"]
    inner: Json = outer["properties"]
    changed: Json = {}
    if given.get("scaleSettings") and inner.get("scaleSettings"):
        changed["scaleSettings"] = {**inner["scaleSettings"], **given["scaleSettings"]}
    changed |= {key: given[key] for key in ("idleTimeBeforeShutdown", "schedules") if key in given}
    top = {key: patch[key] for key in ("tags", "identity") if key in patch}
    return {**stored, **top, "properties": {**outer, "properties": {**inner, **changed}}}


async def _settle(azure: Azure, record: Record) -> Json:
    """Puts secrets away, lets an instance reach its state, and has the first compute provision a managed network."""
    body = dict(record.body)
    secrets = body.pop(_SECRETS, None)
    if secrets:
        azure.store.put_secret(_secret(record), json.dumps(secrets))
    properties: Json = body["properties"]
    if properties["computeType"] == _INSTANCE:
        settled = compute_instance.settled(properties["properties"])
        body["properties"] = {**properties, "properties": settled}
    if properties["computeType"] in (_CLUSTER, _INSTANCE):
        managed_network.on_compute(azure, azure.parse(record.id).parent)
    return body


def _secret(record: Record) -> str:
    return f"{record.id}/secrets"


async def _vanish(azure: Azure, record: Record) -> None:
    azure.store.delete_secrets(_secret(record))


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    return {key: value for key, value in body.items() if key != _SECRETS}


def _on_delete(_azure: Azure, call: Call, _resource_id: ResourceId, record: Record | None) -> Answer | None:
    action = str(call.query.get("underlyingResourceAction") or "").lower()
    if record is None or action != "detach" or record.body["properties"]["isAttachedCompute"]:
        return None
    raise bad_request(
        f"'{record.name}' is compute of the workspace itself; it can be deleted, not detached.",
        code="InvalidOperation",
    )


async def _list_nodes(_azure: Azure, _call: Call, record: Record) -> Answer:
    _only(record, _CLUSTER, "nodes to list")
    if record.body["properties"]["properties"]["scaleSettings"]["minNodeCount"]:
        raise unsupported(
            f"Listing the nodes that '{record.name}' always keeps: no machine is allocated, so it"
        )
    return Answer(200, {"nodes": []})


async def _list_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    """The secrets of what is attached, by its type."""
    kind = record.body["properties"]["computeType"]
    if kind not in ("AKS", "Kubernetes", "VirtualMachine", "HDInsight", "Databricks"):
        raise ArmError(400, "InvalidOperation", f"'{record.name}' is of type {kind}, which has no keys.")
    kept = azure.store.secret(_secret(record))
    secrets: Json = json.loads(kept) if kept else {}
    if kind == "Databricks":
        return Answer(
            200, {"computeType": kind, "databricksAccessToken": secrets.get("databricksAccessToken")}
        )
    if kind in ("VirtualMachine", "HDInsight"):
        account: Json = record.body["properties"]["properties"].get("administratorAccount") or {}
        return Answer(200, {"computeType": "VirtualMachine", "administratorAccount": {**account, **secrets}})
    raise unsupported(f"Listing the keys of an attached cluster ('{record.name}'), which only Azure has,")


def _only(record: Record, kind: str, what: str) -> None:
    found = record.body["properties"]["computeType"]
    if found != kind:
        raise ArmError(400, "InvalidOperation", f"'{record.name}' is of type {found}, which has no {what}.")


def _turn(action: str) -> Any:
    async def turn(azure: Azure, _call: Call, record: Record) -> Answer:
        properties: Json = record.body["properties"]
        if properties["computeType"] != _INSTANCE:
            raise ArmError(
                400,
                "InvalidOperation",
                f"'{record.name}' is of type {properties['computeType']}; only a compute instance can be asked to {action}.",
            )
        asked = compute_instance.asked(properties["properties"], action, azure.now())
        azure.store.put(record.id, {**record.body, "properties": {**properties, "properties": asked}})
        return Answer(200)

    return turn


async def _resize(azure: Azure, call: Call, record: Record) -> Answer:
    """Another size for a stopped instance."""
    _only(record, _INSTANCE, "size to change")
    properties: Json = record.body["properties"]
    inner: Json = properties["properties"]
    size = str((call.body or {}).get("targetVMSize") or "")
    vm_size.check(size, "targetVMSize")
    if inner["state"] != compute_instance.STOPPED:
        raise bad_request(
            f"'{record.name}' is {inner['state']}; stop it before it is resized.", code="InvalidOperation"
        )
    azure.store.put(
        record.id, {**record.body, "properties": {**properties, "properties": {**inner, "vmSize": size}}}
    )
    return Answer(200)


async def _idle(azure: Azure, call: Call, record: Record) -> Answer:
    """Another idle time for an instance."""
    _only(record, _INSTANCE, "idle time")
    properties: Json = record.body["properties"]
    creator: Json = properties["properties"]["createdBy"]
    given = {"idleTimeBeforeShutdown": (call.body or {}).get("idleTimeBeforeShutdown")}
    inner = compute_instance.complete(given, properties["properties"], azure.now(), creator)
    azure.store.put(record.id, {**record.body, "properties": {**properties, "properties": inner}})
    return Answer(200)


TYPES = (
    ResourceType(
        COMPUTE,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        view=_view,
        merge=merge,
        on_delete=_on_delete,
        operation=("computeOperationsStatus", "op"),
        long_actions=frozenset({"start", "stop", "restart"}),
        actions={
            "listNodes": _list_nodes,
            "listKeys": _list_keys,
            "start": _turn("start"),
            "stop": _turn("stop"),
            "restart": _turn("restart"),
            "resize": _resize,
            "updateIdleShutdownSetting": _idle,
        },
    ),
)
