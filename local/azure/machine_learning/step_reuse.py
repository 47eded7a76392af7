"""Steps of pipelines that needn't run again: what a step's outputs follow from, and the run that has them already.

As on Azure ("How to debug pipeline reuse issues", Microsoft Learn) a step is reused where its component's code, environment,
command, inputs, output settings and run settings are all the same, the component is deterministic (``is_deterministic``) and
the pipeline isn't forced to run again (``force_rerun``); steps of a forced pipeline aren't reused by others either. Inputs
are compared by what they refer to: versions of assets, places in datastores, values, and which run made an output.
A run whose outputs were deleted or written over since isn't reused.

What a step was a function of is kept below ``run.reuse`` of its job, with the blobs of its outputs and their etags.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from local.azure.machine_learning import asset_location, job_state, tracking_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.azure.azure import Azure
    from local.azure.machine_learning.job_state import Job
    from local.azure.resource_type import Json, Record

#: What of a component's specification and of a step says who it is and not what it does.
_NAMING = frozenset(
    {
        "$schema",
        "_source",
        "componentid",
        "creation_context",
        "description",
        "display_name",
        "inputs",
        "is_deterministic",
        "name",
        "outputs",
        "tags",
        "version",
    }
)
#: What of an environment's version makes an image.
_IMAGE = ("image", "condaFile", "build", "osType", "inferenceConfig")


def allowed(settings: Mapping[str, Any] | None, component: Mapping[str, Any]) -> bool:
    """Whether a step may be reused, and be what others reuse.

    >>> allowed({"force_rerun": False}, {"command": "true"})
    True
    >>> allowed({"force_rerun": "True"}, {}) or allowed(None, {"is_deterministic": False})
    False
    """
    forced = {name.replace("_", "").lower(): value for name, value in (settings or {}).items()}
    return not _yes(forced.get("forcererun", False)) and _yes(component.get("is_deterministic", True))


def _yes(value: object) -> bool:
    return str(value).lower() not in ("false", "none", "")


def key(
    azure: Azure,
    workspace: str,
    *,
    component: Mapping[str, Any],
    step: Mapping[str, Any],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
) -> str:
    """What a step's outputs follow from, as one hash.

    Args:
        azure: local Azure.
        workspace: the workspace's id.
        component: the specification of the step's component.
        step: the step as it was submitted, with what its pipeline adds.
        inputs: what identifies each input (``reference``, values, runs).
        outputs: type, mode and place of each output; None as a place that Azure ML chooses.
    """
    merged = {**_content(component), **_content(step)}
    for name in ("environmentId", "environment"):
        if isinstance(merged.get(name), str):
            merged[name] = _environment(azure, workspace, merged[name])
    if isinstance(merged.get("code"), str):
        merged["code"] = _code(azure, workspace, merged["code"])
    text = json.dumps([merged, inputs, outputs], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _content(given: Mapping[str, Any]) -> Json:
    return {
        name: value
        for name, value in given.items()
        if name.lower() not in _NAMING and value not in (None, {}, [])
    }


def _environment(azure: Azure, workspace: str, named: str) -> Any:
    record = azure.store.get(asset_location.asset_id(azure, workspace, named, "environments"))
    properties: Mapping[str, Any] = record.body["properties"] if record is not None else {}
    return {name: properties[name] for name in _IMAGE if properties.get(name) is not None} or named


def _code(azure: Azure, workspace: str, named: str) -> str:
    """Clients name what they upload at random, and keep a hash of it."""
    record = azure.store.get(asset_location.asset_id(azure, workspace, named, "codes"))
    if record is None:
        return named
    own: Mapping[str, Any] = record.body["properties"].get("properties") or {}
    return str(own.get("hash_sha256") or record.body["properties"].get("codeUri"))


def reference(azure: Azure, workspace: str, given: Mapping[str, Any]) -> Json:
    """What identifies an input that is given by a value or a reference."""
    kind = str(given.get("jobInputType") or given.get("job_input_type") or "literal").lower()
    if not given.get("uri"):
        return {"value": str(given.get("value", ""))}
    mode, where = str(given.get("mode") or "").lower(), str(given["uri"])
    if mode != "direct":
        where = asset_location.identity(azure, workspace, where)
    return {"uri": where, "type": kind, "mode": mode}


async def find(azure: Azure, workspace: str, wanted: str) -> Record | None:
    """The newest run of a step with this key whose outputs are as it left them."""
    for record in _runs(azure, workspace, wanted):
        if await _outputs(azure, workspace, record) == record.body["run"]["reuse"]["outputs"]:
            return record
    return None


def _runs(azure: Azure, workspace: str, wanted: str) -> Iterator[Record]:
    found = [
        record
        for record in azure.store.below(workspace, job_state.JOB)
        if ((record.body.get("run") or {}).get("reuse") or {}).get("key") == wanted
        and record.body["properties"]["status"] == job_state.COMPLETED
    ]
    yield from sorted(found, key=lambda record: record.created_at, reverse=True)


async def remember(job: Job, wanted: str) -> None:
    """Writes down that a step has run well, so that others may reuse it."""
    reuse = {"key": wanted, "outputs": await _outputs(job.azure, job.workspace, job.record)}
    job.keep(reuse=reuse)


async def _outputs(azure: Azure, workspace: str, record: Record) -> dict[str, str]:
    """What is at the outputs of a run now: a hash of names and etags of blobs, for each."""
    found: dict[str, str] = {}
    for name, output in sorted((record.body["properties"].get("outputs") or {}).items()):
        place = asset_location.find(azure, workspace, str(output["uri"]))
        path = place.path.rstrip("/")
        etags = await azure.blobs.etags(place.account, place.container, path)
        own = sorted(one for one in etags.items() if one[0] == path or one[0].startswith(f"{path}/"))
        found[name] = hashlib.sha256(json.dumps(own).encode()).hexdigest()
    return found


def adopt(child: Job, original: Record) -> None:
    """Makes a step's job show an earlier run's outputs, logs and metrics, with the properties that Azure gives it."""
    run: Mapping[str, Any] = original.body["run"]
    parent = str(run["parent"])
    reused = {
        "azureml.isreused": "true",
        "azureml.reusedrunid": original.name,
        "azureml.reusedpipeline": parent,
        "azureml.reusedpipelinerunid": parent,
    }
    child.keep(reused=original.name, params=run.get("params") or {})
    child.update(
        outputs=original.body["properties"]["outputs"],
        properties={**(child.properties.get("properties") or {}), **reused},
    )
    tracking_store.of(child.azure).copy(original.id, child.id)
