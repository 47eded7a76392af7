"""Batch deployments of models and of pipelines: kept and checked; nothing runs until their endpoint is invoked (``batch_job.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.machine_learning import batch_pipeline, workspace_kind
from local.azure.machine_learning.asset import workspace_of
from local.azure.machine_learning.batch_endpoint import ENDPOINT
from local.azure.machine_learning.duration import seconds
from local.azure.machine_learning.online_deployment import check_assets
from local.azure.machine_learning.online_endpoint import location_of
from local.azure.resource_type import ResourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

DEPLOYMENT = f"{ENDPOINT}/deployments"
_OUTPUT_ACTIONS = ("AppendRow", "SummaryOnly")


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    kind = batch_pipeline.kind_of(given)
    if kind not in ("Model", batch_pipeline.KIND):
        raise unsupported(f"A batch deployment of type '{kind}'")
    action = str(given.get("outputAction") or "AppendRow")
    if action not in _OUTPUT_ACTIONS:
        raise bad_request(
            f"outputAction is '{action}'; it must be one of {', '.join(_OUTPUT_ACTIONS)}.",
            target="properties.outputAction",
        )
    retry: Json = {"maxRetries": 3, "timeout": "PT30S", **(given.get("retrySettings") or {})}
    seconds(retry["timeout"])
    resources = {"instanceCount": 1, "instanceType": None, "properties": {}, **(given.get("resources") or {})}
    properties: Json = {
        "description": None,
        "environmentVariables": {},
        "errorThreshold": -1,
        "loggingLevel": "Info",
        "maxConcurrencyPerInstance": 1,
        "miniBatchSize": 10,
        "outputFileName": "predictions.csv",
        **given,
        "outputAction": action,
        "properties": given.get("properties") or {},
        "resources": resources,
        "retrySettings": retry,
    }
    for name, least in (("miniBatchSize", 1), ("maxConcurrencyPerInstance", 1), ("errorThreshold", -1)):
        if int(properties[name]) < least:
            raise bad_request(
                f"{name} is {properties[name]}; the least is {least}.", target=f"properties.{name}"
            )
    if kind == batch_pipeline.KIND:
        properties["deploymentConfiguration"] = batch_pipeline.complete(azure, resource_id, given)
    else:
        check_assets(azure, resource_id, properties)
        _check_compute(azure, resource_id, properties)
    return {
        "location": location_of(azure, resource_id, body, old),
        "kind": body.get("kind"),
        "tags": body.get("tags") or {},
        "identity": body.get("identity"),
        "sku": body.get("sku"),
        "properties": properties,
    }


def _check_compute(azure: Azure, resource_id: ResourceId, properties: Json) -> None:
    named = properties.get("compute")
    if not named:
        raise bad_request("A batch deployment needs a compute.", target="properties.compute")
    compute = str(named).removeprefix("azureml:")
    if not compute.startswith("/"):
        compute = f"{workspace_of(resource_id.text)}/computes/{compute}"
    found = workspace_kind.compute(azure, compute)
    if found is None:
        raise bad_request(
            f"The compute '{named}' does not exist.", code="BadArgument", target="properties.compute"
        )
    properties["compute"] = found.id


def merge(stored: Json, patch: Json) -> Json:
    """PATCH: tags and the description."""
    description = (patch.get("properties") or {}).get("description")
    changed: Mapping[str, Any] = {"description": description} if description is not None else {}
    tags = {"tags": patch["tags"]} if patch.get("tags") is not None else {}
    return {**stored, **tags, "properties": {**stored["properties"], **changed}}


async def _settle(_azure: Azure, _record: Record) -> None:
    """Nothing runs until the endpoint is invoked."""


async def _vanish(azure: Azure, record: Record) -> None:
    """The endpoint has no default any more if this was it."""
    endpoint = azure.store.get(azure.parse(record.id).parent)
    if endpoint is None or endpoint.body["properties"]["defaults"]["deploymentName"] != record.name:
        return
    properties = {**endpoint.body["properties"], "defaults": {"deploymentName": None}}
    azure.store.put(endpoint.id, {**endpoint.body, "properties": properties})


TYPES = (
    ResourceType(
        DEPLOYMENT,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        merge=merge,
        operation=("mfeOperationsStatus", "bd"),
    ),
)
