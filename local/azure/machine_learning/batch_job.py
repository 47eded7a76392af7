"""Jobs of batch endpoints: ``POST {endpoint}/jobs`` starts one, which scores files with a deployment's script.

As on Azure, it is a pipeline job with one step, ``batchscoring``, whose output ``score`` is the pipeline's too. It runs
with what the deployment was when it was invoked (``batch_driver.py``), in at most as many processes as this machine has
processors. Deployments of pipelines: ``batch_pipeline``. Repeated requests (``repeatability_request-id``) start one job. Omitted, and refused by name: MLflow models
without a script, more than one input, datasets of version 1, other compute than the deployment's.
"""

from __future__ import annotations

import json
import re
import shlex
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, conflict, not_found
from local.azure.machine_learning import batch_pipeline, job, job_run, job_state, run_identity
from local.azure.machine_learning.asset import workspace_of
from local.azure.machine_learning.batch_endpoint import ENDPOINT
from local.azure.machine_learning.batch_request import Plan, lower, plan
from local.azure.machine_learning.job_state import JOB, Job
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

_DRIVER = Path(__file__).with_name("batch_driver.py")
_STEP = "batchscoring"
_SCORE = "score"
_AUDIENCES = ("https://ml.azure.com",)
_DEPLOYMENT_HEADER = "azureml-model-deployment"
_REPEATED_HEADER = "repeatability_request-id"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")


def _body(wanted: Plan, name: str, given: Mapping[str, Any]) -> Json:
    """The job as ARM shows it, with the tags and properties that Azure gives it."""
    key, kind, uri = wanted.input
    where = wanted.output or job_state.output(name, _SCORE)
    own: Mapping[str, Any] = given.get("properties") or {}
    return {
        "jobType": "Pipeline",
        "displayName": name,
        "experimentName": str(own.get("experimentName") or wanted.endpoint),
        "isArchived": False,
        "status": job_state.NOT_STARTED,
        "jobs": {},
        "inputs": {key: {"jobInputType": kind, "mode": "ReadOnlyMount", "uri": uri}},
        "outputs": {
            _SCORE: {"jobOutputType": "uri_folder", "mode": "ReadWriteMount", "uri": where},
            "default": {
                "jobOutputType": "uri_folder",
                "mode": "ReadWriteMount",
                "uri": job_state.artifacts(name),
            },
        },
        "services": {},
        "settings": {},
        "tags": {
            "azureml.batchrun": "true",
            "azureml.deploymentname": wanted.deployment,
            "azureml.jobtype": "azureml.pipelinejob",
        },
        "properties": {
            "azureml.endpointname": wanted.endpoint,
            "azureml.deploymentname": wanted.deployment,
            "azureml.runLineageType": "batchDeployment",
            "runSource": "BatchDeployment",
            "runType": "HTTP",
        },
    }


async def _invoke(azure: Azure, call: Call) -> Answer:
    claims = azure.identity.check(call.headers.get("authorization"), _AUDIENCES)
    endpoint = _endpoint(azure, call)
    azure.access.require(claims["oid"], f"{endpoint.type}/jobs/write", endpoint.id)
    repeated = call.headers.get(_REPEATED_HEADER)
    for record in _jobs(azure, endpoint) if repeated else ():
        if record.body["run"].get("request") == repeated:
            return Answer(201, shown(endpoint, record))
    given = lower((call.body or {}).get("properties"))
    deployment = _deployment(azure, call, endpoint)
    name = str(given.get("name") or f"batchjob-{uuid.uuid4()}")
    if _NAME.fullmatch(name) is None:
        raise bad_request(f"'{name}' is no name of a job: letters, digits, _ and -.", target="name")
    started = Job(azure, f"{workspace_of(endpoint.id)}/jobs/{name}")
    if azure.store.get(started.id) is not None:
        raise conflict(f"A job of the name '{name}' exists already.")
    run: Json = {"request": repeated} if repeated else {}
    if batch_pipeline.kind_of(deployment.body["properties"]) == batch_pipeline.KIND:
        properties = batch_pipeline.body(azure, endpoint, deployment, name, given)
        execution = batch_pipeline.run
    else:
        wanted = plan(endpoint, deployment, given)
        properties, execution = _body(wanted, name, given), _execution(wanted)
    record = azure.store.put(started.id, {"properties": properties, "run": run}, by=claims["oid"])
    job.submit(started, execution)
    return Answer(201, shown(endpoint, record))


def _endpoint(azure: Azure, call: Call) -> Record:
    for record in azure.store.named(ENDPOINT, call.captured["endpoint"]):
        if str(record.body["location"]).lower() == call.captured["location"].lower():
            return record
    raise ArmError(404, "NotFound", f"There is no batch endpoint '{call.captured['endpoint']}'.")


def _deployment(azure: Azure, call: Call, endpoint: Record) -> Record:
    named = call.headers.get(_DEPLOYMENT_HEADER) or endpoint.body["properties"]["defaults"]["deploymentName"]
    if not named:
        raise ArmError(
            404,
            "NotFound",
            f"The endpoint '{endpoint.name}' has no default deployment; name one, or set one.",
        )
    found = azure.store.get(f"{endpoint.id}/deployments/{named}")
    if found is None:
        raise ArmError(404, "NotFound", f"The endpoint '{endpoint.name}' has no deployment '{named}'.")
    return found


def _execution(wanted: Plan) -> Callable[[Job], Awaitable[None]]:
    async def execution(parent: Job) -> None:
        parent.update(status=job_state.RUNNING)
        child = _child(parent, wanted)
        folder = parent.azure.directory.jobs / parent.name
        staging = job_run.Staging(
            parent.azure,
            parent.workspace,
            folder / "inputs",
            run_identity.reader(parent, {"computeId": wanted.compute}),
        )
        try:
            await _say(parent, f"Step {_STEP} starts; its logs are those of job {child.name}.")
            await job_run.perform(child, _work(parent, wanted, staging), folder / _STEP)
            child.update(status=job_state.COMPLETED)
        except ArmError as error:
            child.update(status=job_state.FAILED, error=error.message)
            raise
        except Exception as error:
            child.update(status=job_state.FAILED, error=f"Local Azure itself failed: {error!r}")
            raise
        finally:
            await staging.close()

    return execution


async def _say(parent: Job, text: str) -> None:
    """The pipeline's own log, which ``jobs.stream`` shows."""
    line = f"[{parent.azure.now():%Y-%m-%d %H:%M:%SZ}] {text}\n"
    await job_run.put_artifact(parent, "logs/azureml/executionlogs.txt", line.encode())


def _work(parent: Job, wanted: Plan, staging: job_run.Staging) -> job_run.Work:
    async def inputs() -> Mapping[str, str]:
        found = {"data": str(await staging.path(wanted.input[2]))}
        if wanted.model is not None:
            found["model"] = str(await staging.path(wanted.model))
        return found

    return job_run.Work(
        command=f"exec python {shlex.quote(str(_DRIVER))}",
        code=wanted.code,
        environment=wanted.environment,
        inputs=inputs,
        outputs={_SCORE: job_run.Output("uri_folder", parent.properties["outputs"][_SCORE]["uri"])},
        variables={**wanted.variables, "AZUREML_BATCH_SETTINGS": json.dumps(asdict(wanted.settings))},
        root=parent.name,
        experiment=str(parent.properties["experimentName"]),
    )


def _child(parent: Job, wanted: Plan) -> Job:
    """The record of the step that scores."""
    child = Job(parent.azure, f"{parent.workspace}/jobs/{uuid.uuid4()}")
    given = parent.properties
    properties: Json = {
        "jobType": "Command",
        "status": job_state.NOT_STARTED,
        "displayName": _STEP,
        "experimentName": given["experimentName"],
        "computeId": wanted.compute,
        "inputs": given["inputs"],
        "outputs": {_SCORE: given["outputs"][_SCORE]},
        "properties": {"azureml.moduleName": _STEP},
        "tags": {},
        "services": {},
        "isArchived": False,
    }
    run: Json = {"parent": parent.name, "root": parent.name, "step": _STEP}
    parent.azure.store.put(child.id, {"properties": properties, "run": run}, by=parent.record.created_by)
    return child


def _jobs(azure: Azure, endpoint: Record, deployment: str | None = None) -> list[Record]:
    """The jobs that an endpoint was invoked for, newest first."""
    wanted = {"azureml.endpointname": endpoint.name} | (
        {"azureml.deploymentname": deployment} if deployment else {}
    )
    found = [
        record
        for record in azure.store.below(workspace_of(endpoint.id), JOB)
        if wanted.items() <= (record.body["properties"].get("properties") or {}).items()
    ]
    return sorted(found, key=lambda record: record.created_at, reverse=True)


def shown(endpoint: Record, record: Record, deployment: str | None = None) -> Json:
    """A job as its endpoint (or deployment) shows it."""
    properties: Mapping[str, Any] = record.body["properties"]
    below = f"/deployments/{deployment}" if deployment else ""
    return {
        "id": f"{endpoint.id}{below}/jobs/{record.name}",
        "name": record.name,
        "type": f"{ENDPOINT}{'/deployments' if deployment else ''}/jobs",
        "properties": {
            "name": properties.get("displayName"),
            "provisioningState": "Succeeded",
            "status": properties["status"],
            "tags": properties.get("tags") or {},
            "properties": properties.get("properties") or {},
            "outputData": {name: one for name, one in properties["outputs"].items() if name != "default"},
        },
        "systemData": {"createdAt": record.created_at, "lastModifiedAt": record.modified_at},
    }


async def _get(azure: Azure, call: Call) -> Answer:
    claims = azure.identity.check(call.headers.get("authorization"), _AUDIENCES)
    endpoint = _endpoint(azure, call)
    azure.access.require(claims["oid"], f"{endpoint.type}/jobs/read", endpoint.id)
    for record in _jobs(azure, endpoint):
        if record.name == call.captured["job"]:
            return Answer(200, shown(endpoint, record))
    raise ArmError(404, "NotFound", f"The endpoint '{endpoint.name}' has no job '{call.captured['job']}'.")


async def _list(azure: Azure, call: Call) -> Answer:
    endpoint = azure.store.get(call.captured["resource"])
    if endpoint is None:
        raise not_found(call.captured["resource"])
    deployment = call.captured.get("deployment")
    found = _jobs(azure, endpoint, deployment)
    return Answer(200, {"value": [shown(endpoint, record, deployment) for record in found]})


_INFERENCE = re.compile(r"(?P<endpoint>[^.]+)\.(?P<location>[^.]+)\.inference\.ml\.azure\.com", re.IGNORECASE)
_ENDPOINT = (
    r"(?P<resource>/subscriptions/[^/]+/resourceGroups/[^/]+"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+/batchEndpoints/[^/]+)"
)
ROUTES = (
    Route(_INFERENCE, re.compile("/jobs", re.IGNORECASE), _invoke, methods=("POST",)),
    Route(_INFERENCE, re.compile("/jobs/(?P<job>[^/]+)", re.IGNORECASE), _get, methods=("GET",)),
    Route(
        re.compile(r"[^.]+\.api\.azureml\.ms", re.IGNORECASE),
        re.compile(
            f"/mferp/managementfrontend{_ENDPOINT}(?:/deployments/(?P<deployment>[^/]+))?/jobs", re.IGNORECASE
        ),
        _list,
        methods=("GET",),
    ),
)
