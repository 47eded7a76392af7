"""Run history, the data plane of jobs at ``{location}.api.azureml.ms``.

What ``jobs.stream``, ``jobs.download``, ``jobs.get`` of a child, ``jobs.list(parent_job_name=…)``, ``jobs.archive``,
``jobs.restore`` and ``jobs.update`` of azure-ai-ml ask.
"""

from __future__ import annotations

import copy
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, not_found, unsupported
from local.azure.machine_learning import asset_location, job, job_event, job_run, job_state
from local.azure.machine_learning.job_state import Job
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

_SCOPE = (
    r"(?P<workspace>/subscriptions/[^/]+/resourceGroups/[^/]+"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+)"
)
_RUN = r"(?:/experiments/[^/]+|/experimentids/[^/]+)?/runs/(?P<run>[^/]+)"
_HOST = re.compile(r"[^.]+\.api\.azureml\.ms", re.IGNORECASE)
_OUTPUT_ASSET = re.compile(r".*/data/azureml_(?P<job>.+?)_output_data_(?P<output>.+)/versions/1")
_SAS_LIFETIME = timedelta(minutes=30)


def _find(azure: Azure, call: Call, name: str) -> Job:
    found = Job(azure, f"{call.captured['workspace']}/jobs/{name}")
    if azure.store.get(found.id) is None:
        raise not_found(found.id)
    return Job(azure, found.record.id)


def run_body(record: Record) -> Json:
    """A job as run history shows it."""
    properties: Mapping[str, Any] = record.body["properties"]
    history: Mapping[str, Any] = record.body.get("run") or {}
    outputs: Json = {}
    if properties["status"] == job_state.COMPLETED:
        for name, output in job_run.outputs(record.name, properties.get("outputs") or {}).items():
            asset = f"azureml://data/azureml_{record.name}_output_data_{name}/versions/1"
            outputs[name] = {"assetId": asset, "type": output.type}
    body: Json = {
        "runId": record.name,
        "runUuid": record.name,
        "rootRunId": history.get("root") or record.name,
        "parentRunId": history.get("parent"),
        "experimentId": properties.get("experimentName"),
        "status": properties["status"],
        "createdUtc": record.created_at,
        "startTimeUtc": history.get("started"),
        "endTimeUtc": history.get("ended"),
        "displayName": properties.get("displayName"),
        "description": properties.get("description"),
        "hidden": bool(properties.get("isArchived")),
        "runType": job_event.RUN_TYPES.get(properties["jobType"], "azureml.scriptrun"),
        "properties": properties.get("properties") or {},
        "tags": properties.get("tags") or {},
        "services": {},
        "inputs": {},
        "outputs": outputs,
        "warnings": [],
    }
    if history.get("error"):
        body["error"] = {"error": {"code": "UserError", "message": history["error"], "details": []}}
    return {name: value for name, value in body.items() if value is not None}


async def _run(azure: Azure, call: Call) -> Answer:
    found = _find(azure, call, call.captured["run"])
    if call.method == "PATCH":
        _change(azure, found, call.body or {})
    return Answer(200, run_body(found.record))


def _change(azure: Azure, found: Job, change: Mapping[str, Any]) -> None:
    """Tags and properties are merged, names replaced; anything else can't be changed from outside."""
    record = found.record
    body = copy.deepcopy(record.body)
    properties: Json = body["properties"]
    for name in ("tags", "properties"):
        properties[name] = {**(properties.get(name) or {}), **(change.get(name) or {})}
    for given, stored in (
        ("displayName", "displayName"),
        ("description", "description"),
        ("hidden", "isArchived"),
    ):
        if change.get(given) is not None:
            properties[stored] = change[given]
    if change.get("status") is not None:
        raise unsupported("Setting the status of a run")
    azure.store.put(record.id, body, by=record.created_by)


async def _details(azure: Azure, call: Call) -> Answer:
    found = _find(azure, call, call.captured["run"])
    return Answer(200, {**run_body(found.record), "logFiles": await _log_files(found)})


async def _log_files(found: Job) -> dict[str, str]:
    """The job's logs with links that need no token, as Azure gives them."""
    # Takes as long to load as the rest of the server, and few need it.
    from azure.storage.blob import BlobSasPermissions, generate_blob_sas  # noqa: PLC0415

    azure = found.azure
    place = await asset_location.locate(azure, found.workspace, found.artifacts)
    prefix = place.path.rstrip("/") + "/"
    names = await azure.blobs.names(place.account, place.container, prefix)
    key = await azure.blobs.key(place.account) if names else ""
    links: dict[str, str] = {}
    for name in names:
        signature = generate_blob_sas(
            place.account,
            place.container,
            name,
            account_key=key,
            permission=BlobSasPermissions(read=True),
            expiry=azure.now() + _SAS_LIFETIME,
        )
        link = f"https://{place.account}.blob.core.windows.net/{place.container}/{name}?{signature}"
        links[name.removeprefix(prefix)] = link
    return links


async def _children(azure: Azure, call: Call) -> Answer:
    found = _find(azure, call, call.captured["run"])
    return Answer(200, {"value": [run_body(child) for child in job.children(azure, found.record)]})


async def _run_data(azure: Azure, call: Call) -> Answer:
    found = _find(azure, call, str((call.body or {}).get("runId")))
    return Answer(200, {"runMetadata": run_body(found.record)})


async def _service_instances(azure: Azure, call: Call) -> Answer:
    _find(azure, call, call.captured["run"])
    return Answer(200, {"instances": {}})


async def _resolved_uris(azure: Azure, call: Call) -> Answer:
    """Where the outputs of jobs are."""
    values: Json = {}
    for asset in (call.body or {}).get("values") or []:
        named = _OUTPUT_ASSET.fullmatch(asset)
        if named is None:
            raise ArmError(404, "NotFound", f"'{asset}' is not the output of a job.")
        found = _find(azure, call, named["job"])
        output = job_run.outputs(found.name, found.properties.get("outputs") or {}).get(named["output"])
        if output is None:
            raise ArmError(404, "NotFound", f"The job '{found.name}' has no output '{named['output']}'.")
        values[asset] = {"uri": output.uri, "type": output.type}
    return Answer(200, {"values": values})


def _history(path: str, handle: Any, *methods: str) -> Route:
    return Route(_HOST, re.compile(r"/history/v1\.0" + _SCOPE + path, re.IGNORECASE), handle, methods=methods)


ROUTES = (
    _history(_RUN, _run, "GET", "PATCH"),
    _history(_RUN + "/details", _details, "GET"),
    _history(_RUN + "/children", _children, "GET"),
    _history(_RUN + r"/serviceinstances/\d+", _service_instances, "GET"),
    _history("/rundata", _run_data, "POST"),
    Route(
        _HOST,
        re.compile(r"/data/v1\.0" + _SCOPE + "/dataversion/batchGetResolvedUris", re.IGNORECASE),
        _resolved_uris,
        methods=("POST",),
    ),
)
