"""Workspaces: what they stand on, what comes with them, and how they go.

A deleted workspace keeps its name until it is purged (``DELETE …?forceToPurge=true``, also after the deletion). What
stood on its account stays, as on Azure. Hubs, projects and feature stores are in ``workspace_kind.py``, managed networks in
``managed_network.py``, customer-managed keys in ``customer_key.py``, what a workspace answers to POSTs in
``workspace_action.py``. Omitted: recovery of a deleted workspace, notebooks.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, conflict
from local.azure.machine_learning import (
    customer_key,
    datastore,
    managed_network,
    resource_identity,
    workspace_action,
    workspace_kind,
    workspace_role,
)
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.resource_type import Answer, ResourceType
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_DELETED = "Microsoft.MachineLearningServices/deletedWorkspaces"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
#: What can't change once the workspace exists.
_FIXED = ("storageAccount", "keyVault", "hbiWorkspace", "enableDataIsolation")
_PURGE = "purge"


def tombstone(resource_id: ResourceId) -> str:
    """The id under which a deleted workspace is remembered; below the subscription, since its group may go too."""
    return (
        f"/subscriptions/{resource_id.subscription_id}/providers/{_DELETED}"
        f"/{resource_id.resource_group}~{resource_id.name}"
    )


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    _check_name(azure, resource_id, old)
    kind = workspace_kind.of(str(body.get("kind") or ""), old)
    given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    location = body.get("location") or (old.body["location"] if old else None)
    given |= workspace_kind.inherit(azure, kind, location, given, before)
    _check_dependencies(azure, given, before)
    _check_storage(azure, given.get("storageAccount"), kind)
    given["managedNetwork"] = managed_network.complete(
        given.get("managedNetwork"), before.get("managedNetwork")
    )
    if old is not None:
        managed_network.check_empty(azure, old.id, given["managedNetwork"], before.get("managedNetwork"))
    encryption = customer_key.complete(
        azure, given.get("encryption"), before.get("encryption"), new=old is None, region=str(location)
    )
    if encryption is not None:
        given["encryption"] = encryption
    identity = resource_identity.complete(
        azure, resource_id, body.get("identity") or {"type": "SystemAssigned"}, old
    )
    primary = given.get("primaryUserAssignedIdentity")
    if identity and identity["type"] == "UserAssigned" and not primary:
        raise bad_request(
            "A workspace with user-assigned identities alone needs primaryUserAssignedIdentity.",
            target="properties.primaryUserAssignedIdentity",
        )
    if not location:
        raise bad_request("The location property is required.", code="LocationRequired", target="location")
    return {
        "location": location,
        "kind": kind,
        "tags": body.get("tags") or {},
        "sku": body.get("sku") or {"name": "Basic", "tier": "Basic"},
        "identity": identity,
        "etag": None,
        "properties": _properties(resource_id, location, {**before, **given}),
    }


def _check_name(azure: Azure, resource_id: ResourceId, old: Record | None) -> None:
    if _NAME.fullmatch(resource_id.name) is None:
        raise bad_request(
            f"'{resource_id.name}' is no name of a workspace: 3 to 33 letters, digits, '-' and '_'.",
            code="ValidationError",
        )
    if old is None and azure.store.get(tombstone(resource_id)) is not None:
        raise conflict(
            f"Soft-deleted workspace '{resource_id.name}' exists. Please purge or recover it. "
            "https://aka.ms/wsoftdelete"
        )


def _check_dependencies(azure: Azure, given: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    for name in _FIXED:
        # What a workspace was made without, it stays without.
        set_before = before.get(name) or (bool(before) and isinstance(given.get(name), bool))
        if (
            set_before
            and name in given
            and str(given[name] or "").lower() != str(before.get(name) or "").lower()
        ):
            raise bad_request(f"The {name} of a workspace can't be changed.", target=f"properties.{name}")
    for name in ("storageAccount", "keyVault"):
        if not (given.get(name) or before.get(name)):
            raise bad_request(
                f"A workspace needs a {name}.", target=f"properties.{name}", code="ValidationError"
            )
    for name in workspace_action.DEPENDENCIES:
        if given.get(name) and azure.store.get(given[name]) is None:
            raise bad_request(
                f"The {name} '{given[name]}' does not exist.",
                target=f"properties.{name}",
                code="ValidationError",
            )


def _properties(resource_id: ResourceId, location: str, given: Mapping[str, Any]) -> Json:
    workspace_id = given.get("workspaceId") or str(uuid.uuid4())
    host = f"{location}.api.azureml.ms"
    return {
        "friendlyName": resource_id.name,
        "description": "",
        "applicationInsights": None,
        "containerRegistry": None,
        "imageBuildCompute": None,
        "hbiWorkspace": False,
        "v1LegacyMode": False,
        "softDeleteEnabled": True,
        "allowPublicAccessWhenBehindVnet": False,
        "publicNetworkAccess": "Enabled",
        "enableDataIsolation": False,
        "systemDatastoresAuthMode": "accessKey",
        **given,
        "storageHnsEnabled": False,
        "privateLinkCount": 0,
        "privateEndpointConnections": [],
        "tenantId": TENANT_ID,
        "workspaceId": workspace_id,
        "discoveryUrl": f"https://{host}/discovery",
        "mlFlowTrackingUri": f"azureml://{host}/mlflow/v1.0{resource_id.text}",
        "notebookInfo": {
            "resourceId": workspace_id.replace("-", ""),
            "fqdn": f"ml-{resource_id.name}-{location}-{workspace_id}.{location}.notebooks.azure.net",
            "isPrivateLinkEnabled": False,
            "notebookPreparationError": None,
        },
    }


def _check_storage(azure: Azure, account_id: str | None, kind: str) -> None:
    """The default account holds models, code and logs: Azure takes neither premium nor hierarchical ones.

    But for feature stores, whose default account is hierarchical in the template that ``azure-ai-ml`` makes them by.
    """
    record = azure.store.get(account_id) if account_id else None
    if record is None:
        return
    sku = str((record.body.get("sku") or {}).get("name", ""))
    hierarchical = (record.body.get("properties") or {}).get("isHnsEnabled")
    if sku.lower().startswith("premium") or (hierarchical and kind != workspace_kind.FEATURE_STORE):
        raise bad_request(
            f"The storage account '{record.name}' can't be a workspace's default: it is premium or has a hierarchical "
            "namespace. Use a standard account without one; data can go to a second account.",
            target="properties.storageAccount",
            code="ValidationError",
        )


async def _settle(azure: Azure, record: Record) -> Json:
    """Makes the outbound rules, the default datastores and their containers."""
    properties: Mapping[str, Any] = record.body["properties"]
    account = properties["storageAccount"].rsplit("/", 1)[-1]
    identity = str(properties["systemDatastoresAuthMode"]).lower() == "identity"
    made = datastore.of_workspace(properties["workspaceId"], account, identity=identity)
    for name, body in made.items():
        container = body["properties"].get("containerName")
        if container:
            await azure.blobs.make_container(account, container)
        store_id = f"{record.id}/datastores/{name}"
        before = azure.store.get(store_id)
        if before is None:
            azure.store.put(store_id, body, by=record.created_by)
        elif before.body["properties"]["credentials"] != body["properties"]["credentials"]:
            changed = {**before.body["properties"], "credentials": body["properties"]["credentials"]}
            azure.store.put(store_id, {**before.body, "properties": changed})
    workspace_role.grant(azure, record)
    return managed_network.settle(azure, record)


def _on_delete(azure: Azure, call: Call, resource_id: ResourceId, record: Record | None) -> Answer | None:
    """``forceToPurge``: the name is free afterwards, also of a workspace that was deleted before."""
    if str(call.query.get("forceToPurge", "")).lower() != "true":
        return None
    deleted = azure.store.get(tombstone(resource_id))
    if deleted is not None:
        azure.store.delete(deleted.id)
    if record is not None:
        azure.store.put(record.id, {**record.body, _PURGE: True})
        return None
    return Answer(200) if deleted is not None else None


async def _vanish(azure: Azure, record: Record) -> None:
    if not record.body.get(_PURGE):
        body = {
            "properties": {
                "workspaceId": record.body["properties"]["workspaceId"],
                "deleted": str(azure.now()),
            }
        }
        azure.store.put(tombstone(azure.parse(record.id)), body, by=record.created_by)


def _view(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    properties: Json = dict(body["properties"])
    if "managedNetwork" in properties:
        properties["managedNetwork"] = managed_network.view(azure, record, properties["managedNetwork"])
    if record.body.get("kind") == workspace_kind.HUB:
        properties["associatedWorkspaces"] = workspace_kind.projects(azure, record)
    properties["privateLinkCount"] = len(properties.get("privateEndpointConnections") or [])
    return {**{key: value for key, value in body.items() if key != _PURGE}, "properties": properties}


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """``kind``: those of these kinds, comma between."""
    wanted = {one.strip().lower() for one in call.query.get("kind", "").split(",") if one.strip()}
    return [one for one in records if not wanted or str(one.body.get("kind")).lower() in wanted]


TYPES = (
    ResourceType(
        WORKSPACE,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        view=_view,
        on_delete=_on_delete,
        created=202,
        operation=("workspaceOperationsStatus", "op"),
        actions=workspace_action.ACTIONS,
        listing=_listing,
        guard_delete=workspace_kind.guard_delete,
    ),
)
