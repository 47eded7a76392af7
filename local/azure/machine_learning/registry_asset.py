"""How assets get into a registry from a workspace: ``publish`` of a version, and the registry's own ``import``.

The registry gets a copy: the content of data, models and code goes into a container of the registry's account, the
description of environments and components is copied as it is. What a component refers to isn't copied with it.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, conflict, not_found
from local.azure.machine_learning import asset_location, pending_upload
from local.azure.machine_learning.asset import REGISTRY, workspace_of
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

#: The property that says where the content is.
_URI = {"models": "modelUri", "data": "dataUri", "codes": "codeUri"}
_SCOPE = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices/"


async def share(azure: Azure, source: Record, registry: Record, named: tuple[str, str], by: str) -> Record:
    """Copies a version into a registry, content and all.

    Raises:
        ArmError: 409, the registry has that version already.
    """
    name, version = named
    kind = source.id.rsplit("/", 4)[1]
    target = f"{registry.id}/{kind}/{name}/versions/{version}"
    if azure.store.get(target) is not None:
        raise conflict(
            f"A version '{version}' of '{name}' already exists in the registry '{registry.name}'.",
            code="UserError",
        )
    properties: Json = {**source.body["properties"], "provisioningState": "Succeeded"}
    if kind in _URI:
        properties[_URI[kind]] = await _copied(azure, source, str(properties[_URI[kind]]), registry)
    if azure.store.get(f"{registry.id}/{kind}/{name}") is None:
        container: Json = {"description": None, "tags": {}, "properties": {}, "isArchived": False}
        if kind == "data":
            container["dataType"] = properties.get("dataType")
        azure.store.put(f"{registry.id}/{kind}/{name}", {"properties": container}, by=by)
    return azure.store.put(target, {"properties": properties}, by=by)


async def _copied(azure: Azure, source: Record, uri: str, registry: Record) -> str:
    """The place in the registry's account that got a copy of the content."""
    place = asset_location.find(azure, workspace_of(source.id), uri)
    to = await pending_upload.container(azure, pending_upload.storage_of(azure, registry))
    with tempfile.TemporaryDirectory(dir=azure.directory.root) as folder:
        await azure.blobs.download_folder(place.account, place.container, place.path, Path(folder))
        await azure.blobs.upload_folder(Path(folder), to.account, to.container, "")
    single = place.path.rsplit("/", 1)[-1]
    found = await azure.blobs.names(to.account, to.container)
    # A file stays a file, a folder a folder.
    return f"{to.url.rstrip('/')}/{single}" if found == [single] else to.url.rstrip("/")


def _registry(azure: Azure, name: str) -> Record:
    found = azure.store.named(REGISTRY, name)
    if not found:
        raise ArmError(404, "ResourceNotFound", f"There is no registry '{name}'.")
    return found[0]


async def _publish(azure: Azure, call: Call) -> Answer:
    source = azure.store.get(call.captured["source"])
    if source is None:
        raise not_found(call.captured["source"])
    given: Json = call.body or {}
    for field in ("registryName", "destinationName", "destinationVersion"):
        if not given.get(field):
            raise bad_request(f"{field} is required.", target=field)
    registry = _registry(azure, str(given["registryName"]))
    named = str(given["destinationName"]), str(given["destinationVersion"])
    await share(azure, source, registry, named, call.principal_id or "")
    return Answer(200)


async def _import(azure: Azure, call: Call) -> Answer:
    given: Json = (call.body or {}).get("properties") or {}
    registry = azure.store.get(call.captured["registry"])
    if registry is None:
        raise not_found(call.captured["registry"])
    reference = str(given.get("sourceAssetId") or "")
    source = azure.store.get(asset_location.asset_id(azure, "", reference)) if reference else None
    if source is None:
        raise ArmError(404, "UserError", f"There is no asset '{reference}'.")
    name = str(given.get("destinationName") or source.id.rsplit("/", 3)[1])
    version = str(given.get("destinationVersion") or source.name)
    await share(azure, source, registry, (name, version), call.principal_id or "")
    return Answer(200)


def _route(path: str, handle: Any) -> Route:
    host = re.compile(r"management\.azure\.com", re.IGNORECASE)
    return Route(host, re.compile(path, re.IGNORECASE), handle, methods=("POST",))


ROUTES = (
    _route(
        rf"(?P<source>{_SCOPE}workspaces/[^/]+/(?:codes|components|data|environments|models)/[^/]+/versions/[^/]+)/publish",
        _publish,
    ),
    _route(rf"(?P<registry>{_SCOPE}registries/[^/]+)/import", _import),
)
