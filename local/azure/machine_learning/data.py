"""Data assets: folders, files and tables in a datastore or anywhere in blob storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.machine_learning import asset, asset_location

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, ResourceId

_TYPES = ("uri_file", "uri_folder", "mltable")


def _type(given: str) -> str | None:
    """The type as it is written today; older clients write ``UriFile`` for ``uri_file``."""
    return {one.replace("_", ""): one for one in _TYPES}.get(given.lower().replace("_", ""))


def _complete(azure: Azure, resource_id: ResourceId, properties: Json) -> Json:
    asset.required(properties, "dataUri")
    given = str(properties.get("dataType") or "uri_folder")
    kind = _type(given)
    if kind is None:
        raise bad_request(f"dataType is '{given}'; it must be one of {', '.join(_TYPES)}.", target="dataType")
    container = azure.store.get(resource_id.parent)
    declared = container.body["properties"].get("dataType") if container else None
    if declared and _type(str(declared)) != kind:
        raise bad_request(
            f"The versions of '{resource_id.names[-2]}' are of type {declared}; this one is of type {kind}.",
            target="dataType",
        )
    workspace = asset.workspace_of(resource_id.text)
    uri = asset_location.content_uri(azure, workspace, properties["dataUri"])
    return {**properties, "dataType": kind, "dataUri": uri}


DATA = asset.Kind(
    "data",
    fixed=("dataUri", "dataType", "referencedUris"),
    complete=_complete,
    refusal=asset.content_refusal("data"),
    container=("dataType",),
)
TYPES = (*DATA.types(), *DATA.registry_types())
