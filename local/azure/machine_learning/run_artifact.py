"""Artifacts of runs in run history: listed, and links to read and write them, as ``azureml-mlflow`` asks for them.

The links are to blobs below the job's artifacts, signed for half an hour. Omitted: attributes of artifacts, deleting them.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.machine_learning import asset_location
from local.azure.machine_learning.job_state import Job
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.machine_learning.asset_location import Place
    from local.azure.resource_type import Call, Json

_LIFETIME = timedelta(minutes=30)


async def _place(azure: Azure, call: Call) -> Place:
    workspace, run = call.captured["workspace"], call.captured["run"]
    job = Job(azure, f"{workspace}/jobs/{run}")
    if azure.store.get(job.id) is None:
        raise ArmError(404, "NotFound", f"Run '{run}' not found")
    return await asset_location.locate(azure, workspace, job.artifacts)


async def _described(azure: Azure, call: Call, place: Place, path: str, *, write: bool) -> Json:
    """An artifact with a link that needs no token."""
    # Takes as long to load as the rest of the server, and few need it.
    from azure.storage.blob import BlobSasPermissions, generate_blob_sas  # noqa: PLC0415

    if not path or ".." in path.split("/"):
        raise bad_request(f"'{path}' is no path of an artifact.")
    name = f"{place.path.rstrip('/')}/{path}"
    signature = generate_blob_sas(
        place.account,
        place.container,
        name,
        account_key=await azure.blobs.key(place.account),
        permission=BlobSasPermissions(read=True, write=write, create=write),
        expiry=azure.now() + _LIFETIME,
    )
    return {
        **_named(call, path),
        "contentUri": f"https://{place.account}.blob.core.windows.net/{place.container}/{name}?{signature}",
    }


def _named(call: Call, path: str) -> Json:
    return {"origin": "ExperimentRun", "container": f"dcid.{call.captured['run']}", "path": path}


async def _paths(azure: Azure, place: Place) -> list[str]:
    prefix = place.path.rstrip("/") + "/"
    names = await azure.blobs.names(place.account, place.container, prefix)
    return [name.removeprefix(prefix) for name in names]


async def _list(azure: Azure, call: Call) -> Answer:
    place = await _place(azure, call)
    return Answer(200, {"value": [_named(call, path) for path in await _paths(azure, place)]})


async def _content(azure: Azure, call: Call) -> Answer:
    place, path = await _place(azure, call), call.query.get("path", "")
    if path not in await _paths(azure, place):
        raise ArmError(404, "NotFound", f"The run '{call.captured['run']}' has no artifact '{path}'.")
    return Answer(200, await _described(azure, call, place, path, write=False))


async def _create(azure: Azure, call: Call) -> Answer:
    place = await _place(azure, call)
    asked: list[Any] = (call.body or {}).get("paths") or []
    paths = [str(one.get("path") or "") for one in asked]
    described = {path: await _described(azure, call, place, path, write=True) for path in paths}
    artifacts = {path: {**_named(call, path), "artifactId": f"ExperimentRun/{path}"} for path in paths}
    return Answer(200, {"artifacts": artifacts, "artifactContentInformation": described, "errors": {}})


def _route(path: str, handle: Any, method: str) -> Route:
    scope = (
        r"/history/v1\.0(?P<workspace>/subscriptions/[^/]+/resourceGroups/[^/]+/providers"
        r"/Microsoft\.MachineLearningServices/workspaces/[^/]+)"
        r"(?:/experiments/[^/]+|/experimentids/[^/]+)/runs/(?P<run>[^/]+)/artifacts"
    )
    return Route(
        re.compile(r"[^.]+\.api\.azureml\.ms", re.IGNORECASE),
        re.compile(scope + path, re.IGNORECASE),
        handle,
        methods=(method,),
    )


ROUTES = (
    _route("", _list, "GET"),
    _route("/contentinfo", _content, "GET"),
    _route("/batch/metadata", _create, "POST"),
)
