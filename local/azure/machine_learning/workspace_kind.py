"""What is particular about hubs, projects and feature stores among the workspaces. Pure but for reading the store.

A project stands on its hub: it is in the hub's region, takes storage, vault, registry and Application Insights from it,
and has no network or keys of its own. A hub shows its projects and can't go before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, conflict
from local.azure.machine_learning.asset import WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record

DEFAULT, HUB, PROJECT, FEATURE_STORE = "Default", "Hub", "Project", "FeatureStore"
_KINDS = (DEFAULT, HUB, PROJECT, FEATURE_STORE)
_FROM_HUB = ("storageAccount", "keyVault", "containerRegistry", "applicationInsights")
#: What a project can't have of its own.
_HUBS_ALONE = (
    *_FROM_HUB,
    "managedNetwork",
    "encryption",
    "workspaceHubConfig",
    "featureStoreSettings",
    "imageBuildCompute",
)
#: Azure docs, "Managed feature store top-level entities": the Spark of its materialization jobs unless another is named.
_SPARK = "3.4.0"


def of(wanted: str, old: Record | None) -> str:
    """The kind, as Azure spells it.

    Raises:
        ArmError: 400, it is none, or another one than before.
    """
    before = str(old.body["kind"]) if old else ""
    kind = {one.lower(): one for one in _KINDS}.get((wanted or before or DEFAULT).lower())
    if kind is None:
        raise bad_request(
            f"The kind is '{wanted}'; it must be one of {', '.join(_KINDS)}.",
            code="ValidationError",
            target="kind",
        )
    if before and kind != before:
        raise bad_request(
            f"The kind of a workspace can't be changed: it is {before}.",
            code="ValidationError",
            target="kind",
        )
    return kind


def inherit(
    azure: Azure, kind: str, location: str | None, given: Mapping[str, Any], before: Mapping[str, Any]
) -> Json:
    """The properties that a workspace of a kind has from elsewhere; empty but for projects and feature stores.

    Raises:
        ArmError: 400, a project without a hub, with what is the hub's, or with another hub than before.
    """
    if kind == FEATURE_STORE:
        settings: Json = {
            **(before.get("featureStoreSettings") or {}),
            **(given.get("featureStoreSettings") or {}),
        }
        runtime = {"sparkRuntimeVersion": _SPARK, **(settings.get("computeRuntime") or {})}
        return {"featureStoreSettings": {**settings, "computeRuntime": runtime}}
    if kind != PROJECT:
        if given.get("hubResourceId"):
            raise bad_request(
                f"A workspace of kind {kind} has no hub; hubResourceId is for projects.",
                code="ValidationError",
                target="properties.hubResourceId",
            )
        return {}
    hub_id = str(given.get("hubResourceId") or before.get("hubResourceId") or "")
    if before.get("hubResourceId") and hub_id.lower() != str(before["hubResourceId"]).lower():
        raise bad_request(
            "The hub of a project can't be changed.",
            code="ValidationError",
            target="properties.hubResourceId",
        )
    hub = azure.store.get(hub_id) if hub_id else None
    if hub is None or hub.type.lower() != WORKSPACE.lower() or hub.body.get("kind") != HUB:
        raise bad_request(
            f"A project needs a hub; hubResourceId is '{hub_id}'.",
            code="ValidationError",
            target="properties.hubResourceId",
        )
    if location and location != hub.body["location"]:
        raise bad_request(
            f"A project is in its hub's region, {hub.body['location']}, not in {location}.",
            code="ValidationError",
            target="location",
        )
    theirs: Mapping[str, Any] = hub.body["properties"]
    for name in _HUBS_ALONE:
        own = given.get(name)
        inherited = name in _FROM_HUB and str(own).lower() == str(theirs.get(name)).lower()
        if own and own != before.get(name) and not inherited:
            raise bad_request(
                f"A project has its hub's {name}; leave it out.",
                code="ValidationError",
                target=f"properties.{name}",
            )
    return {"hubResourceId": hub.id, **{name: theirs.get(name) for name in _FROM_HUB}}


def compute(azure: Azure, compute_id: str) -> Record | None:
    """A workspace's compute; a project's jobs run on its hub's too, under the project's own ids."""
    found = azure.store.get(compute_id)
    workspace_id, _, name = compute_id.rpartition("/computes/")
    workspace = azure.store.get(workspace_id) if found is None and workspace_id else None
    hub_id = (workspace.body["properties"] if workspace else {}).get("hubResourceId")
    return azure.store.get(f"{hub_id}/computes/{name}") if hub_id else found


def projects(azure: Azure, hub: Record) -> list[str]:
    """The ids of a hub's projects."""
    return [
        one.id
        for one in azure.store.of_type(WORKSPACE)
        if str(one.body["properties"].get("hubResourceId") or "").lower() == hub.id.lower()
    ]


def guard_delete(azure: Azure, record: Record) -> None:
    """409 for a hub that has projects."""
    found = projects(azure, record) if record.body.get("kind") == HUB else []
    if found:
        names = ", ".join(one.rsplit("/", 1)[-1] for one in found)
        raise conflict(f"The hub '{record.name}' has projects ({names}); delete them first.")
