"""What a Logic App does with an event that starts something, in the Workflow Definition Language. Pure.

handshake → claim the event → start → answer; if the start fails the claim is deleted, and Event Grid tries again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.events import claim
from infra.events.start import (
    AzureDevOps,
    GitHub,
    Job,
    azure_devops_actions,
    github_actions,
    job_actions,
    secret_url,
)
from infra.events.workflow_action import (
    BROKEN,
    OK,
    Json,
    after,
    branch,
    compose,
    response,
    scope,
    terminate,
)

if TYPE_CHECKING:
    from infra.events.purpose import Purpose

AnyStart = GitHub | AzureDevOps | Job


@dataclass(frozen=True)
class Starter:
    """What a start needs to know besides its settings."""

    name: str  #: of the target in the stack's YAML
    stack: str
    workspace_id: str
    vault: str  #: the name of the platform's vault
    claims: str  #: the URL of the container of claims
    identity_id: str  #: the user-assigned identity that everything is done as


def definition(starter: Starter, start: AnyStart, purpose: Purpose) -> Json:
    """The workflow's definition."""
    values = {"name": starter.name, "stack": starter.stack, "claims": starter.claims}
    values |= _parameters(starter, start)
    return claim.definition(claim.text_parameters(values), _actions(starter, start, purpose))


def _parameters(starter: Starter, start: AnyStart) -> dict[str, str]:
    match start:
        case GitHub():
            return {
                "repository": start.repository,
                "token": secret_url(starter.vault, start.token_secret),
            }
        case AzureDevOps():
            token = {"token": secret_url(starter.vault, start.token_secret)} if start.token_secret else {}
            return {
                "organization": start.organization,
                "project": start.project,
                "pipeline": str(start.pipeline),
                "branch": start.branch,
                **token,
            }
        case Job():
            return {"workspaceId": starter.workspace_id, "schedule": start.schedule}


def _start(starter: Starter, start: AnyStart, purpose: Purpose) -> tuple[Json, tuple[str, ...]]:
    """What starts it, and the requests that a failure is told by."""
    told = {name: f"@outputs('Event')['{name}']" for name, _ in purpose.told}
    stack = {"stack": "@parameters('stack')"}
    match start:
        case GitHub():
            payload = {**told, **stack, "event": "@outputs('Event')['id']"}
            return github_actions(starter.identity_id, purpose.dispatch, payload), ("Get_token", "Dispatch")
        case AzureDevOps():
            own = start.token_secret is not None
            steps = ("Get_token", "Run_pipeline") if own else ("Run_pipeline",)
            return azure_devops_actions(starter.identity_id, {**told, **stack}, token=own), steps
        case Job():
            return job_actions(starter.identity_id), ("Get_schedule", "Submit_job")


def _actions(starter: Starter, start: AnyStart, purpose: Purpose) -> Json:
    started, steps = _start(starter, start, purpose)
    event = {
        "id": "@triggerBody()?[0]?['id']",
        **{name: claim.data(*keys, "''") for name, keys in purpose.told},
    }
    codes = ", ".join(f"{step} @{{coalesce(actions('{step}')?['code'], '-')}}" for step in steps)
    message = f"@{{parameters('name')}} could not be started (@{{variables('state')}}): {codes}."
    return {
        **claim.beginning(),
        "Event": compose(event) | after("Handshake"),
        "Claim_event": claim.claim_event(starter.identity_id, "@{parameters('name')}") | after("Event"),
        "Seen_before": claim.seen_before(_said),
        "Start": scope(started) | after("Seen_before"),
        "Outcome": branch(
            {"equals": ["@actions('Start')?['status']", "Succeeded"]},
            {"Answer": response(200, _said("@{variables('state')}"))},
            {
                "Release_event": claim.release_event(starter.identity_id),
                "Answer_failure": response(500, _said(message)) | after("Release_event", *OK, *BROKEN),
                "Fail": terminate("Failed", "NotStarted", message) | after("Answer_failure"),
            },
        )
        | after("Start", *OK, *BROKEN),
    }


def _said(text: str) -> Json:
    return {"start": text}
