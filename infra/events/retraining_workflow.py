"""What the Logic App does with an event of a monitor, in the Workflow Definition Language. Pure.

handshake → is it this monitor's breach? → claim the event → claim the cool-down → start → answer

The event is claimed as ``claim.py`` says. The cool-down's claim is made likewise, or renewed if it is old enough
(`If-Unmodified-Since`), so two events at once start one retraining too. If the start fails both claims are deleted.

Sources: Microsoft Learn, "Schema reference for trigger and action types in Azure Logic Apps", "Authenticate access and
connections to Azure resources with managed identities", "Specifying conditional headers for Blob service operations".
"""

from __future__ import annotations

from infra.events import claim
from infra.events.claim import TRIGGER
from infra.events.purpose import BREACH_TAG, BREACH_TEXT
from infra.events.retraining_start import EXHAUSTED, UNREADABLE, Loop, Start, actions, steps
from infra.events.workflow_action import (
    BROKEN,
    OK,
    Json,
    after,
    branch,
    compose,
    initialize,
    response,
    scope,
    stop,
    terminate,
)

__all__ = ["BREACH_TAG", "BREACH_TEXT", "TRIGGER", "definition"]

_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-"


def definition(loop: Loop, start: Start) -> Json:
    """The workflow's definition."""
    own: dict[Start, dict[str, str]] = {
        "job": {"workspaceId": loop.workspace_id, "schedule": loop.schedule},
        "github": {"stack": loop.stack, "repository": loop.repository, "token": loop.token},
        "azureDevOps": {
            "stack": loop.stack,
            "organization": loop.organization,
            "project": loop.project,
            "pipeline": loop.pipeline,
            "branch": loop.branch,
            "token": loop.token,
        },
    }
    values = {"model": loop.model, "monitor": loop.monitor, "claims": loop.claims, **own[start]}
    parameters = claim.text_parameters(values)
    parameters["coolDownMinutes"] = {"type": "Int", "defaultValue": loop.cool_down_minutes}
    return claim.definition(parameters, _actions(loop, start))


def _actions(loop: Loop, start: Start) -> Json:
    identity = loop.identity_id
    return {
        **claim.beginning(),
        "Attempt": initialize("attempt", "integer", 1) | after("Handshake"),
        "Event": compose(
            {
                "id": "@triggerBody()?[0]?['id']",
                "run": claim.data("RunId", "runId", "''"),
                "breach": claim.data("RunTags", "runTags", "json('{}')", f"?['{BREACH_TAG}']"),
            }
        )
        | after("Attempt"),
        "Of_another_monitor": branch({"or": _no_breach()}, stop("Ignored", _said("not this monitor's breach")))
        | after("Event"),
        "Claim_event": claim.claim_event(identity, "@{parameters('model')}") | after("Of_another_monitor"),
        "Seen_before": claim.seen_before(_said),
        "Cool_down": scope(_cool_down(identity)) | after("Seen_before"),
        "Cooling_down": branch(
            {"equals": ["@outputs('Renew_cool_down')?['statusCode']", 412]},
            stop("Cooling_down", _said("a retraining was started within the cool-down")),
        )
        | after("Cool_down", *BROKEN),
        "Start": scope(actions(loop, start)) | after("Cool_down"),
        "Outcome": branch(
            {"and": [{"equals": ["@actions('Start')?['status']", "Succeeded"]}, *(_decided() if start == "job" else ())]},
            {"Answer": response(200, _said("@{variables('state')}"))},
            _undo(loop, start),
        )
        | {"runAfter": {"Start": [*OK, *BROKEN, "Skipped"], "Cooling_down": [*OK, "Skipped"]}},
    }  # fmt: skip


def _no_breach() -> list[Json]:
    """Conditions, of which one suffices: the run isn't this monitor's, or it didn't breach.

    Azure tells monitors apart by the names of their signals alone, which therefore begin with the monitor's. Another
    monitor's name may end with this one's: what stands before it must be no part of a name.
    """
    breach = "outputs('Event')['breach']"
    before = f"last(concat(' ', first(split({breach}, concat(parameters('monitor'), '_')))))"
    return [
        {"not": {"contains": [f"@{breach}", "@concat(parameters('monitor'), '_')"]}},
        {"not": {"contains": [f"@{breach}", BREACH_TEXT]}},
        {"contains": [_NAME, f"@{before}"]},
    ]


def _said(text: str) -> Json:
    return {"retraining": text}


def _cool_down(identity: str) -> Json:
    since = "@{addMinutes(utcNow(), mul(-1, parameters('coolDownMinutes')), 'R')}"
    model = "@{parameters('model')}"
    return {
        "Claim_cool_down": claim.blob(identity, "PUT", "cool-down", {"If-None-Match": "*"}, model),
        "Renew_cool_down": claim.blob(identity, "PUT", "cool-down", {"If-Unmodified-Since": since}, model)
        | after("Claim_cool_down", *BROKEN),
    }


def _decided() -> list[Json]:
    """Conditions: the job was submitted, or didn't have to be."""
    return [
        {"not": {"equals": ["@variables('state')", EXHAUSTED]}},
        {"not": {"equals": ["@variables('state')", UNREADABLE]}},
    ]


def _undo(loop: Loop, start: Start) -> Json:
    """Releases what was claimed, so that Event Grid's next try may start what this one couldn't."""
    identity = loop.identity_id
    tried = ("Cool_down", *steps(loop, start))
    codes = ", ".join(f"{step} @{{coalesce(actions('{step}')?['code'], '-')}}" for step in tried)
    message = (
        f"The retraining of @{{parameters('model')}} could not be started (@{{variables('state')}}): {codes}."
    )
    return {
        "Release_cool_down": branch(
            {"equals": ["@actions('Cool_down')?['status']", "Succeeded"]},
            {"Delete_cool_down": claim.blob(identity, "DELETE", "cool-down")},
        ),
        "Release_event": claim.release_event(identity),
        "Answer_failure": response(500, _said(message))
        | {"runAfter": {"Release_cool_down": [*OK, *BROKEN], "Release_event": [*OK, *BROKEN]}},
        "Fail": terminate("Failed", "RetrainingNotStarted", message) | after("Answer_failure"),
    }  # fmt: skip
