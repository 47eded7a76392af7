"""What an invocation of a batch endpoint asks for: the deployment as it is now, changed by what the request says. No I/O."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.machine_learning.asset import workspace_of
from local.azure.machine_learning.batch_driver import Settings
from local.azure.machine_learning.duration import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.resource_type import Record


@dataclass(frozen=True)
class Plan:
    """What an invocation runs: the deployment as it is now, changed by what the request says."""

    endpoint: str
    deployment: str
    workspace: str
    code: str
    environment: str
    model: str | None
    variables: Mapping[str, str]
    compute: str
    #: the name, type and place of the one input
    input: tuple[str, str, str]
    #: where the folder of the output goes, None for Azure's default
    output: str | None
    settings: Settings


def plan(endpoint: Record, deployment: Record, given: Mapping[str, Any]) -> Plan:
    """What an invocation asks for.

    Args:
        endpoint: the endpoint.
        deployment: its deployment that is invoked.
        given: the request's properties, their names in lower case.

    Raises:
        ArmError: 400 for what is wrong in it, 501 for what isn't supported.
    """
    properties: Mapping[str, Any] = deployment.body["properties"]
    code: Mapping[str, Any] = properties.get("codeConfiguration") or {}
    if not code.get("codeId") or not code.get("scoringScript") or not properties.get("environmentId"):
        raise unsupported("A batch deployment without a scoring script and an environment (MLflow models)")
    resources: Mapping[str, Any] = {
        **(properties.get("resources") or {}),
        **{name: value for name, value in (given.get("compute") or {}).items() if value is not None},
    }
    if resources.get("target") and str(resources["target"]).lower() != str(properties["compute"]).lower():
        raise unsupported("Other compute for one job of a batch deployment")
    retry = {**properties["retrySettings"], **(given.get("retrysettings") or {})}
    processes = int(resources.get("instanceCount") or 1) * int(properties["maxConcurrencyPerInstance"])
    folder, file = _output(given)
    appends = properties["outputAction"] == "AppendRow"
    name = str(given.get("outputfilename") or file or properties["outputFileName"])
    if not re.fullmatch(r"[^/\\]+", name):
        raise bad_request(f"outputFileName is '{name}'; it must be a file's name.", target="outputFileName")
    settings = Settings(
        script=str(code["scoringScript"]),
        mini_batch_size=int(given.get("minibatchsize", properties["miniBatchSize"])),
        workers=max(1, min(processes, os.cpu_count() or 1)),
        error_threshold=int(given.get("errorthreshold", properties["errorThreshold"])),
        max_retries=int(retry["maxRetries"]),
        timeout=seconds(str(retry["timeout"])),
        output=name if appends else None,
        quiet=str(properties.get("loggingLevel")).lower() == "warning",
    )
    if settings.mini_batch_size < 1:
        raise bad_request("miniBatchSize must be 1 or more.", target="miniBatchSize")
    model = properties.get("model")
    variables: Mapping[str, Any] = properties.get("environmentVariables") or {}
    return Plan(
        endpoint=endpoint.name,
        deployment=deployment.name,
        workspace=workspace_of(endpoint.id),
        code=str(code["codeId"]),
        environment=str(properties["environmentId"]),
        model=model.get("assetId") if isinstance(model, dict) else model,
        variables={str(key): str(value) for key, value in variables.items()},
        compute=str(properties["compute"]),
        input=_input(given),
        output=folder,
        settings=settings,
    )


def lower(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Names in lower case: clients write them in camel case, Azure's documentation in Pascal case."""
    return {name.lower(): value for name, value in (given or {}).items() if value is not None}


def _input(given: Mapping[str, Any]) -> tuple[str, str, str]:
    if given.get("dataset"):
        raise unsupported("A dataset of version 1 as the input of a batch job")
    inputs: Mapping[str, Any] = given.get("inputdata") or {}
    if len(inputs) != 1:
        raise bad_request(
            f"A batch deployment of a model takes one input; {len(inputs)} are given.", target="inputData"
        )
    ((name, one),) = inputs.items()
    one = lower(one)
    kind = {"urifolder": "uri_folder", "urifile": "uri_file"}.get(str(one.get("jobinputtype")).lower())
    if kind is None:
        raise bad_request(
            f"The input '{name}' is of the type '{one.get('jobinputtype')}'; it must be UriFolder or UriFile.",
            target="inputData",
        )
    if not one.get("uri"):
        raise bad_request(f"The input '{name}' has no uri.", target="inputData")
    return name, kind, str(one["uri"])


def _output(given: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The folder and the file that a request wants its rows in, where it says so."""
    old = lower(given.get("outputdataset"))
    outputs: Mapping[str, Any] = given.get("outputdata") or {}
    if old.get("datastoreid"):
        store = str(old["datastoreid"]).rsplit("/", 1)[-1]
        return f"azureml://datastores/{store}/paths/{str(old.get('path') or '').strip('/')}/", None
    if len(outputs) > 1:
        raise bad_request("A batch deployment of a model has one output.", target="outputData")
    for one in map(lower, outputs.values()):
        # azure-ai-ml leaves its own prefix in the name of the datastore.
        uri = str(one.get("uri") or "").replace("/datastores/azureml:", "/datastores/")
        if not uri:
            return None, None
        if str(one.get("joboutputtype")).lower() != "urifile":
            return uri, None
        folder, _, file = uri.rpartition("/")
        return f"{folder}/", file
    return None, None
