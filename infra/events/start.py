"""What a Logic App starts: a workflow of a GitHub repository, a run of an Azure DevOps pipeline, a job of Azure ML. Pure.

Sources: GitHub REST API, "Create a repository dispatch event"; Microsoft Learn, "Runs - Run Pipeline" (Azure DevOps),
"Use service principals and managed identities in Azure DevOps" (its audience), "Get Secret" (Key Vault), "Jobs - Create
Or Update" (Azure ML).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.events.secret_name import SecretName  # noqa: TC001 (pydantic reads it)
from infra.events.workflow_action import Json, after, compose, http, secured, set_variable
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Azure DevOps, as Microsoft Entra ID knows it in every tenant.
DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798"
_KEY_VAULT = "7.4"
MACHINE_LEARNING = "2025-12-01"
REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$"
#: What a start that succeeded leaves in the variable ``state``.
DISPATCHED, QUEUED, SUBMITTED = "dispatched", "queued", "submitted"


class GitHub(Section):
    """``github``: an event to a repository, whose workflows listen for it."""

    repository: str = setting(
        pattern=REPOSITORY, breaks="GitHub is told of the event in a repository", write="OWNER/NAME"
    )
    token_secret: SecretName = setting(
        "github-token",
        breaks="GitHub's token is read from a secret of the platform's key vault",
        write="the secret's name, 1 to 127 letters, digits and hyphens, never the token",
    )


class AzureDevOps(Section):
    """``azureDevOps``: a run of a pipeline."""

    organization: str = setting(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,48}[A-Za-z0-9])?$",
        breaks="the pipeline's address begins with https://dev.azure.com/ORGANIZATION",
        write="the organization's name, without https://",
    )
    project: str = setting(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9 ._-]{0,62}[A-Za-z0-9])?$",
        breaks="the pipeline is in a project",
        write="the project's name or id",
    )
    pipeline: int = setting(
        ge=1,
        breaks="Azure DevOps knows its pipelines by number",
        write="the number behind definitionId= in the pipeline's address",
    )
    branch: str = setting(
        "main",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$",
        breaks="the run takes the pipeline from this branch",
        write="a branch's name, without refs/heads/",
    )
    token_secret: SecretName | None = setting(
        None,
        breaks="it takes the place of the Logic App's own identity, which needs no secret",
        write="the name of a vault's secret with a personal access token, or leave the key out",
    )


class Job(Section):
    """``job``: the job of a schedule of the workspace, which needn't be enabled."""

    schedule: str = setting(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$",
        breaks="what is submitted is the job definition of a schedule",
        write="the name of a schedule of the workspace",
    )


def secret_url(vault: str, secret: str) -> str:
    """Where a vault has a secret."""
    return f"https://{vault}.vault.azure.net/secrets/{secret}"


def read_secret(identity_id: str, parameter: str = "token") -> Json:
    """An action: a secret of the vault, by the URL in a parameter; kept out of the runs' history."""
    return http(
        "GET",
        f"@{{parameters('{parameter}')}}",
        identity_id=identity_id,
        queries={"api-version": _KEY_VAULT},
        audience="https://vault.azure.net",
    ) | secured("outputs")


def github_actions(identity_id: str, event_type: str, payload: Mapping[str, str]) -> Json:
    """Sends a repository an event (parameters ``repository``, ``token``)."""
    dispatch = http(
        "POST",
        "https://api.github.com/repos/@{parameters('repository')}/dispatches",
        identity_id=None,
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": "Bearer @{body('Get_token')?['value']}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        body={"event_type": event_type, "client_payload": dict(payload)},
    )
    return {
        "Get_token": read_secret(identity_id),
        "Dispatch": dispatch | secured("inputs") | after("Get_token"),
        "Dispatched": set_variable("state", DISPATCHED) | after("Dispatch"),
    }


def azure_devops_actions(identity_id: str, parameters: Mapping[str, str], *, token: bool) -> Json:
    """Queues a run of a pipeline (parameters ``organization``, ``project``, ``pipeline``, ``branch``, ``token``).

    Args:
        identity_id: what everything is done as.
        parameters: the pipeline's template parameters; it must declare them.
        token: whether a personal access token is used instead of the identity.
    """
    url = (
        "https://dev.azure.com/@{parameters('organization')}/@{uriComponent(parameters('project'))}/_apis/pipelines/"
        "@{parameters('pipeline')}/runs"
    )
    body = {
        "resources": {"repositories": {"self": {"refName": "refs/heads/@{parameters('branch')}"}}},
        "templateParameters": dict(parameters),
    }
    version = {"api-version": "7.1"}
    queued = {"Queued": set_variable("state", QUEUED) | after("Run_pipeline")}
    if not token:
        return {
            "Run_pipeline": http(
                "POST", url, identity_id=identity_id, audience=DEVOPS, queries=version, body=body
            ),
            **queued,
        }
    headers = {"Authorization": "Basic @{base64(concat(':', body('Get_token')?['value']))}"}
    run = http("POST", url, identity_id=None, headers=headers, queries=version, body=body)
    return {
        "Get_token": read_secret(identity_id),
        "Run_pipeline": run | secured("inputs") | after("Get_token"),
        **queued,
    }


def job_actions(identity_id: str) -> Json:
    """Submits a schedule's job under a name of the event's, so that it is submitted once (parameters ``workspaceId``, ``schedule``)."""
    workspace = "https://management.azure.com@{parameters('workspaceId')}"
    version = {"api-version": MACHINE_LEARNING}
    name = "concat(parameters('schedule'), '-', outputs('Event')['id'])"
    body: dict[str, Any] = {"properties": f"@setProperty(outputs('Job'), 'displayName', {name})"}
    return {
        "Get_schedule": http(
            "GET",
            f"{workspace}/schedules/@{{parameters('schedule')}}",
            identity_id=identity_id,
            queries=version,
        ),
        "Job": compose("@body('Get_schedule')['properties']['action']['jobDefinition']")
        | after("Get_schedule"),
        "Submit_job": http(
            "PUT", f"{workspace}/jobs/@{{{name}}}", identity_id=identity_id, queries=version, body=body
        )
        | after("Job"),
        "Submitted": set_variable("state", SUBMITTED) | after("Submit_job"),
    }
