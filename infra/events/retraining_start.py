"""How a retraining is started: as a job of Azure ML, or by an event to a GitHub repository. Pure.

Sources: Microsoft Learn, "Jobs - Create Or Update" (Azure ML's REST API), "Get Secret" (Key Vault's); GitHub REST API,
"Create a repository dispatch event".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.events.workflow_action import (
    BROKEN,
    OK,
    Json,
    after,
    branch,
    compose,
    http,
    increment,
    secured,
    set_variable,
)

Start = Literal["job", "github"]

#: The event that GitHub's workflows listen for (``on: repository_dispatch``).
EVENT_TYPE = "model-monitor-breached"
_MACHINE_LEARNING = "2025-12-01"
_KEY_VAULT = "7.4"
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
    #: the stack that the repository's workflow retrains (``github``)
    stack: str = ""
    #: ``OWNER/NAME`` (``github``)
    repository: str = ""
    #: the URL of the secret with GitHub's token (``github``)
    token: str = ""


def job_actions(loop: Loop) -> Json:
    """Submits the schedule's job under the first name of its lineage that is free: the next attempt after failed ones."""
    workspace = "https://management.azure.com@{parameters('workspaceId')}"
    version = {"api-version": _MACHINE_LEARNING}
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


def github_actions(loop: Loop) -> Json:
    """Sends a repository the event; the token is neither in the history nor in messages."""
    token = http(
        "GET",
        "@{parameters('token')}",
        identity_id=loop.identity_id,
        queries={"api-version": _KEY_VAULT},
        audience="https://vault.azure.net",
    )
    dispatch = http(
        "POST",
        "https://api.github.com/repos/@{parameters('repository')}/dispatches",
        identity_id=None,
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": "Bearer @{body('Get_token')?['value']}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        body={
            "event_type": EVENT_TYPE,
            "client_payload": {
                "model": "@parameters('model')",
                "stack": "@parameters('stack')",
                "monitor": "@parameters('monitor')",
                "run": "@outputs('Event')['run']",
                "event": "@outputs('Event')['id']",
            },
        },
    )
    return {
        "Get_token": token | secured("outputs"),
        "Dispatch": dispatch | secured("inputs") | after("Get_token"),
        "Dispatched": set_variable("state", "dispatched") | after("Dispatch"),
    }
