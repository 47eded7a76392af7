"""What the Logic App does with an event of a monitor, in the Workflow Definition Language. Pure.

handshake → is it this monitor's breach? → claim the event → claim the cool-down → start → answer

A claim is a blob. The event's is made only if it isn't there (`If-None-Match: *`), so an event that comes twice starts one
retraining. The cool-down's is made likewise, or renewed if it is old enough (`If-Unmodified-Since`), so two events at once
start one too. If the start fails both claims are deleted and the answer is 500: Event Grid tries again.

Event Grid waits 30 s for an answer, so no action is tried again here: Event Grid is who tries again.

Sources: Microsoft Learn, "Schema reference for trigger and action types in Azure Logic Apps", "Authenticate access and
connections to Azure resources with managed identities", "Webhook event delivery", "Specifying conditional headers for Blob
service operations".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.events.retraining_start import EXHAUSTED, UNREADABLE, Loop, Start, github_actions, job_actions
from infra.events.workflow_action import (
    BROKEN,
    OK,
    Json,
    after,
    branch,
    compose,
    http,
    initialize,
    response,
    scope,
    stop,
    terminate,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The trigger, whose callback URL starts the workflow.
TRIGGER = "event"
#: Event types, tags and texts of Azure ML's monitors: Microsoft Learn, "Monitor the performance of models deployed to
#: production", section "Integrate with Event Grid".
BREACH_TAG = "azureml_modelmonitor_threshold_breached"
BREACH_TEXT = "has failed due to one or more features violating metric thresholds"

_SCHEMA = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#"
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_BLOB = "2021-12-02"
_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-"


def definition(loop: Loop, start: Start) -> Json:
    """The workflow's definition."""
    values = {
        "model": loop.model,
        "monitor": loop.monitor,
        "claims": loop.claims,
        **(
            {"workspaceId": loop.workspace_id, "schedule": loop.schedule}
            if start == "job"
            else {"stack": loop.stack, "repository": loop.repository, "token": loop.token}
        ),
    }
    parameters: Json = {name: {"type": "String", "defaultValue": value} for name, value in values.items()}
    parameters["coolDownMinutes"] = {"type": "Int", "defaultValue": loop.cool_down_minutes}
    return {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": parameters,
        "triggers": {TRIGGER: {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}},
        "actions": _actions(loop, start),
        "outputs": {},
    }


def _actions(loop: Loop, start: Start) -> Json:
    claim_event = _blob(loop, "PUT", "events/@{uriComponent(outputs('Event')['id'])}", {"If-None-Match": "*"})
    found = "@outputs('Claim_event')?['statusCode']"
    return {
        "State": initialize("state", "string", "nothing done yet"),
        "Attempt": initialize("attempt", "integer", 1) | after("State"),
        "Handshake": branch(
            {"equals": ["@triggerBody()?[0]?['eventType']", _VALIDATION]},
            stop("Handshake", {"validationResponse": "@triggerBody()?[0]?['data']?['validationCode']"}),
        )
        | after("Attempt"),
        "Event": compose(
            {
                "id": "@triggerBody()?[0]?['id']",
                "run": _data("RunId", "runId", "''"),
                "breach": _data("RunTags", "runTags", "json('{}')", f"?['{BREACH_TAG}']"),
            }
        )
        | after("Handshake"),
        "Of_another_monitor": branch({"or": _no_breach()}, stop("Ignored", _said("not this monitor's breach")))
        | after("Event"),
        "Claim_event": claim_event | after("Of_another_monitor"),
        "Seen_before": branch(
            {"equals": ["@contains(createArray(409, 412), coalesce(outputs('Claim_event')?['statusCode'], 0))", True]},
            stop("Seen_before", _said("this event was handled before")),
            _unless_claimed(found),
        )
        | after("Claim_event", *OK, *BROKEN),
        "Cool_down": scope(_cool_down(loop)) | after("Seen_before"),
        "Cooling_down": branch(
            {"equals": ["@outputs('Renew_cool_down')?['statusCode']", 412]},
            stop("Cooling_down", _said("a retraining was started within the cool-down")),
        )
        | after("Cool_down", *BROKEN),
        "Start": scope(job_actions(loop) if start == "job" else github_actions(loop))
        | after("Cool_down"),
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


def _data(capital: str, small: str, default: str, of: str = "") -> str:
    """A value of the event's data, whose keys vary in case; text, also where there is none."""
    data = "triggerBody()?[0]?['data']"
    found = f"coalesce({data}?['{capital}'], {data}?['{small}'], {default})"
    return f"@coalesce({found}{of}, '')" if of else f"@{found}"


def _cool_down(loop: Loop) -> Json:
    since = "@{addMinutes(utcNow(), mul(-1, parameters('coolDownMinutes')), 'R')}"
    return {
        "Claim_cool_down": _blob(loop, "PUT", "cool-down", {"If-None-Match": "*"}),
        "Renew_cool_down": _blob(loop, "PUT", "cool-down", {"If-Unmodified-Since": since})
        | after("Claim_cool_down", *BROKEN),
    }


def _unless_claimed(status: str) -> Json:
    """Ends the run where the claims can't be written at all; nothing has to be undone then."""
    code = "@{coalesce(actions('Claim_event')?['code'], 'no answer')}"
    message = f"The claim on the event could not be written: {code}."
    return {
        "Not_claimed": branch(
            {"not": {"equals": [status, 201]}},
            stop("Not_claimed", _said(message), 500, ("ClaimFailed", message)),
        )
    }


def _decided() -> list[Json]:
    """Conditions: the job was submitted, or didn't have to be."""
    return [
        {"not": {"equals": ["@variables('state')", EXHAUSTED]}},
        {"not": {"equals": ["@variables('state')", UNREADABLE]}},
    ]


def _undo(loop: Loop, start: Start) -> Json:
    """Releases what was claimed, so that Event Grid's next try may start what this one couldn't."""
    steps = (
        ("Cool_down", "Get_schedule", "Find_attempt", "Submit_job")
        if start == "job"
        else ("Cool_down", "Get_token", "Dispatch")
    )
    codes = ", ".join(f"{step} @{{coalesce(actions('{step}')?['code'], '-')}}" for step in steps)
    message = (
        f"The retraining of @{{parameters('model')}} could not be started (@{{variables('state')}}): {codes}."
    )
    return {
        "Release_cool_down": branch(
            {"equals": ["@actions('Cool_down')?['status']", "Succeeded"]},
            {"Delete_cool_down": _blob(loop, "DELETE", "cool-down")},
        ),
        "Release_event": _blob(loop, "DELETE", "events/@{uriComponent(outputs('Event')['id'])}"),
        "Answer_failure": response(500, _said(message))
        | {"runAfter": {"Release_cool_down": [*OK, *BROKEN], "Release_event": [*OK, *BROKEN]}},
        "Fail": terminate("Failed", "RetrainingNotStarted", message) | after("Answer_failure"),
    }  # fmt: skip


def _blob(loop: Loop, method: str, name: str, headers: Mapping[str, str] | None = None) -> Json:
    put = {"x-ms-blob-type": "BlockBlob"} if method == "PUT" else {}
    return http(
        method,
        f"@{{parameters('claims')}}/{name}",
        identity_id=loop.identity_id,
        audience="https://storage.azure.com/",
        headers={"x-ms-version": _BLOB, "x-ms-date": "@{utcNow('R')}", **put, **(headers or {})},
        body="@{parameters('model')}" if method == "PUT" else None,
    )
