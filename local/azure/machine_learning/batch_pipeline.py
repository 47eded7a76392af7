"""Batch deployments of pipeline components: what they are, and the job that an invocation of their endpoint starts.

``deploymentConfiguration`` of the type ``PipelineComponent`` names a version of a pipeline component and the settings of its
jobs (``default_compute``, ``continue_on_step_failure``, ``force_rerun``). An invocation takes the component's inputs, values and data,
and may say where its outputs go; its job is a pipeline job as any other.

Source: Microsoft Learn, "How to deploy pipelines with batch endpoints"; REST reference ``BatchDeployments`` 2024-10-01.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.machine_learning import job_run, job_state, nested_pipeline, pipeline
from local.azure.machine_learning.asset import workspace_of
from local.azure.machine_learning.batch_request import lower
from local.azure.machine_learning.online_deployment import existing
from local.azure.machine_learning.pipeline_run import PipelineRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.machine_learning.job_state import Job
    from local.azure.resource_type import Json, Record, ResourceId

KIND = "PipelineComponent"
_TYPES = {
    "literal": "literal",
    "urifile": "uri_file",
    "urifolder": "uri_folder",
    "mltable": "mltable",
    "mlflowmodel": "mlflow_model",
    "custommodel": "custom_model",
    "tritonmodel": "triton_model",
}


def kind_of(properties: Mapping[str, Any]) -> str:
    """The type of a deployment."""
    configured: Mapping[str, Any] = properties.get("deploymentConfiguration") or {}
    return str(configured.get("deploymentConfigurationType") or "Model")


def complete(azure: Azure, resource_id: ResourceId, given: Mapping[str, Any]) -> Json:
    """The configuration of a deployment, checked.

    Raises:
        ArmError: 400, its component isn't there or is no pipeline's.
    """
    configured: Json = dict(given["deploymentConfiguration"])
    named = (configured.get("componentId") or {}).get("assetId")
    target = "properties.deploymentConfiguration.componentId"
    if not named:
        raise bad_request("A deployment of a pipeline needs its component.", target=target)
    component = existing(azure, workspace_of(resource_id.text), str(named), "components")
    specification = _specification(azure, component)
    if not nested_pipeline.is_pipeline(specification):
        raise bad_request(
            f"The component '{named}' is of the type '{specification.get('type')}'; it must be a pipeline.",
            target=target,
        )
    pipeline.order(specification.get("jobs") or {})
    configured["componentId"] = {"referenceType": "Id", "assetId": component}
    configured["settings"] = {
        name: str(value) for name, value in (configured.get("settings") or {}).items() if value is not None
    }
    return configured


def _specification(azure: Azure, component: str) -> Mapping[str, Any]:
    record = azure.store.get(component)
    if record is None:
        raise bad_request(f"The component '{component}' does not exist.")
    return record.body["properties"]["componentSpec"]


def body(azure: Azure, endpoint: Record, deployment: Record, name: str, given: Mapping[str, Any]) -> Json:
    """The job that an invocation starts; ``given`` are the request's properties, their names in lower case.

    Raises:
        ArmError: 400 for inputs and outputs that the component doesn't have, or lacks.
    """
    configured: Mapping[str, Any] = deployment.body["properties"]["deploymentConfiguration"]
    component = str(configured["componentId"]["assetId"])
    specification = _specification(azure, component)
    settings: Mapping[str, Any] = configured.get("settings") or {}
    compute = settings.get("default_compute")
    own: Mapping[str, Any] = given.get("properties") or {}
    whose = f"The deployment '{deployment.name}'"
    return {
        "jobType": "Pipeline",
        "displayName": name,
        "experimentName": str(own.get("experimentName") or endpoint.name),
        "isArchived": False,
        "status": job_state.NOT_STARTED,
        "componentId": component,
        "computeId": _compute(azure, endpoint, str(compute)) if compute else None,
        "jobs": specification.get("jobs") or {},
        "inputs": nested_pipeline.inputs(whose, specification, _inputs(given.get("inputdata") or {})),
        "outputs": nested_pipeline.outputs(
            specification, _outputs(whose, specification, given.get("outputdata") or {}), name
        ),
        "services": {},
        "settings": dict(settings),
        "tags": {
            "azureml.batchrun": "true",
            "azureml.deploymentname": deployment.name,
            "azureml.jobtype": "azureml.pipelinejob",
        },
        "properties": {
            "azureml.endpointname": endpoint.name,
            "azureml.deploymentname": deployment.name,
            "azureml.runLineageType": "batchDeployment",
            "runSource": "BatchDeployment",
            "runType": "HTTP",
        },
    }


def _compute(azure: Azure, endpoint: Record, named: str) -> str:
    plain = named.removeprefix("azureml:")
    path = plain if plain.startswith("/") else f"{workspace_of(endpoint.id)}/computes/{plain}"
    found = azure.store.get(path)
    if found is None and plain.lower() != "serverless":
        raise bad_request(f"The compute '{named}' does not exist.", code="BadArgument")
    return found.id if found is not None else plain


def _inputs(given: Mapping[str, Any]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, item in given.items():
        one = lower(item)
        kind = _TYPES.get(str(one.get("jobinputtype") or "").lower().replace("_", ""))
        if kind is None:
            raise bad_request(
                f"The input '{name}' is of the type '{one.get('jobinputtype')}'; it must be one of {', '.join(_TYPES)}.",
                target="inputData",
            )
        if kind == "literal":
            found[name] = {"jobInputType": kind, "value": str(one.get("value", ""))}
        else:
            found[name] = {"jobInputType": kind, "mode": "ReadOnlyMount", "uri": str(one.get("uri") or "")}
    return found


def _outputs(
    whose: str, specification: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, job_run.Output]:
    declared: Mapping[str, Any] = specification.get("outputs") or {}
    found: dict[str, job_run.Output] = {}
    for name, item in given.items():
        one = lower(item)
        if name not in declared:
            raise bad_request(f"{whose} has no output '{name}'; it has {', '.join(declared) or 'none'}.")
        if one.get("uri"):
            kind = _TYPES.get(str(one.get("joboutputtype") or "").lower().replace("_", ""), "uri_folder")
            uri = str(one["uri"]).replace("/datastores/azureml:", "/datastores/")
            found[name] = job_run.Output(kind, uri)
    return found


async def run(job: Job) -> None:
    """Runs the job."""
    await PipelineRun(job, job.azure.directory.jobs / job.name).run()
