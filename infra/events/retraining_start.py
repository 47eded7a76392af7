"""How a retraining is started: as a job of Azure ML, or through GitHub or Azure DevOps. Pure.

Source: Microsoft Learn, "Jobs - Create Or Update" (Azure ML's REST API); the others' are in ``start.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.events.start import MACHINE_LEARNING, azure_devops_actions, github_actions
from infra.events.workflow_action import (
    BROKEN,
    OK,
    Json,
    after,
    branch,
    compose,
    http,
    increment,
    set_variable,
)

Start = Literal["job", "github", "azureDevOps"]

#: The event that GitHub's workflows listen for (``on: repository_dispatch``).
EVENT_TYPE = "model-monitor-breached"
#: Whoever needs more attempts has something to repair first.
_ATTEMPTS = 20
_FREE = "a name is free"
#: What keeps a job from being submitted although one has to be.
EXHAUSTED, UNREADABLE = f"{_ATTEMPTS} attempts have failed", "a job could not be read"


@dataclass(frozen=True)
class Loop:
    """What a model's loop is made of."""

    model: str
    #: the monitor's schedule, whose name its signals begin with
    monitor: str
    #: the schedule whose job definition retrains (``job``)
    schedule: str
    workspace_id: str
    #: the URL of the container of claims
    claims: str
    #: the id of the user-assigned identity that everything is done as
    identity_id: str
    cool_down_minutes: int
    #: the stack that the repository's workflow or pipeline retrains (``github``, ``azureDevOps``)
    stack: str = ""
    #: ``OWNER/NAME`` (``github``)
    repository: str = ""
    #: the URL of the secret with the token (``github``; ``azureDevOps`` where the identity doesn't do)
    token: str = ""
    #: where the pipeline is (``azureDevOps``)
    organization: str = ""
    project: str = ""
    pipeline: str = ""
    branch: str = ""


def job_actions(loop: Loop) -> Json:
    """Submits the schedule's job under the first name of its lineage that is free: the next attempt after failed ones."""
    workspace = "https://management.azure.com@{parameters('workspaceId')}"
    version = {"api-version": MACHINE_LEARNING}
    schedule = f"{workspace}/schedules/@{{parameters('schedule')}}"
    job = f"{workspace}/jobs/@{{outputs('Prefix')}}-@{{variables('attempt')}}"
    name = "concat(outputs('Prefix'), '-', variables('attempt'))"
    tags = "setProperty(outputs('Job')['tags'], 'StartedBy', outputs('Event')['run'])"
    status = "coalesce(body('Look')?['properties']?['status'], '')"
    return {
        "Get_schedule": http("GET", schedule, identity_id=loop.identity_id, queries=version),
        "Job": compose("@body('Get_schedule')['properties']['action']['jobDefinition']")
        | after("Get_schedule"),
        "Prefix": compose("@concat(parameters('model'), '-', substring(outputs('Job')['tags']['Lineage'], 0, 12))")
        | after("Job"),
        "Looking": set_variable("state", EXHAUSTED) | after("Prefix"),
        "Find_attempt": {
            "type": "Until",
            "expression": f"@not(equals(variables('state'), '{EXHAUSTED}'))",
            "limit": {"count": _ATTEMPTS, "timeout": "PT20S"},
            "actions": {
                "Look": http("GET", job, identity_id=loop.identity_id, queries=version),
                "Found": branch(
                    {"equals": ["@outputs('Look')?['statusCode']", 404]},
                    {"Free": set_variable("state", _FREE)},
                    {
                        "Ended_badly": branch(
                            {"or": [{"equals": [f"@{status}", "Failed"]}, {"equals": [f"@{status}", "Canceled"]}]},
                            {"Next_attempt": increment("attempt")},
                            {"Taken": set_variable("state", f"@if(equals({status}, ''), '{UNREADABLE}', 'running or done')")},
                        )
                    },
                )
                | after("Look", *OK, *BROKEN),
            },
        }
        | after("Looking"),
        "Submit": branch(
            {"equals": ["@variables('state')", _FREE]},
            {
                "Submit_job": http("PUT", job, identity_id=loop.identity_id, queries=version,
                    body={"properties": f"@setProperty(setProperty(outputs('Job'), 'displayName', {name}), 'tags', {tags})"},
                ),
                "Submitted": set_variable("state", "submitted") | after("Submit_job"),
            },
        )
        | after("Find_attempt"),
    }  # fmt: skip


def steps(loop: Loop, start: Start) -> tuple[str, ...]:
    """The requests of a start, in their order: a failure is told by their codes."""
    match start:
        case "job":
            return ("Get_schedule", "Find_attempt", "Submit_job")
        case "github":
            return ("Get_token", "Dispatch")
        case "azureDevOps":
            return ("Get_token", "Run_pipeline") if loop.token else ("Run_pipeline",)


def actions(loop: Loop, start: Start) -> Json:
    """What starts the retraining; the token is neither in the history nor in messages."""
    told = {
        "model": "@parameters('model')",
        "stack": "@parameters('stack')",
    }
    match start:
        case "job":
            return job_actions(loop)
        case "github":
            payload = {
                **told,
                "monitor": "@parameters('monitor')",
                "run": "@outputs('Event')['run']",
                "event": "@outputs('Event')['id']",
            }
            return github_actions(loop.identity_id, EVENT_TYPE, payload)
        case "azureDevOps":
            # The pipeline declares these (`.azuredevops/retrain.yml`); Azure DevOps refuses others.
            return azure_devops_actions(loop.identity_id, told, token=bool(loop.token))
