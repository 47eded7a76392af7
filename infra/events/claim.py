"""How a Logic App starts something once per event, however often Event Grid delivers it. Pure.

A claim is a blob that is made only if it isn't there (`If-None-Match: *`). If the start fails it is deleted and the answer
is 500: Event Grid tries again. Event Grid waits 30 s for an answer, so no action is tried again by the Logic App itself.

Sources: Microsoft Learn, "Webhook event delivery", "Specifying conditional headers for Blob service operations".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.events.workflow_action import BROKEN, OK, Json, after, branch, http, initialize, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The trigger, whose callback URL starts the workflow.
TRIGGER = "event"
SCHEMA = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#"
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_BLOB = "2021-12-02"
_EVENT = "events/@{uriComponent(outputs('Event')['id'])}"


def definition(parameters: Json, actions: Json) -> Json:
    """A workflow that an event starts."""
    return {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": parameters,
        "triggers": {TRIGGER: {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}},
        "actions": actions,
        "outputs": {},
    }


def text_parameters(values: Mapping[str, str]) -> Json:
    """Parameters with their values as defaults: they show in the portal apart from what is done with them."""
    return {name: {"type": "String", "defaultValue": value} for name, value in values.items()}


def beginning() -> Json:
    """The variable that says how far a run came, and the answer to Event Grid's handshake (ends with ``Handshake``)."""
    return {
        "State": initialize("state", "string", "nothing done yet"),
        "Handshake": branch(
            {"equals": ["@triggerBody()?[0]?['eventType']", _VALIDATION]},
            stop(
                "Handshake", {"validationResponse": "@triggerBody()?[0]?['data']?['validationCode']"}
            ),
        )
        | after("State"),
    }  # fmt: skip


def data(capital: str, small: str, default: str, of: str = "") -> str:
    """A value of the event's data, whose keys vary in case; text, also where there is none."""
    source = "triggerBody()?[0]?['data']"
    found = f"coalesce({source}?['{capital}'], {source}?['{small}'], {default})"
    return f"@coalesce({found}{of}, '')" if of else f"@{found}"


def blob(
    identity_id: str, method: str, name: str, headers: Mapping[str, str] | None = None, body: str = ""
) -> Json:
    """A request for a blob of the container in the parameter ``claims``."""
    put = {"x-ms-blob-type": "BlockBlob"} if method == "PUT" else {}
    return http(
        method,
        f"@{{parameters('claims')}}/{name}",
        identity_id=identity_id,
        audience="https://storage.azure.com/",
        headers={"x-ms-version": _BLOB, "x-ms-date": "@{utcNow('R')}", **put, **(headers or {})},
        body=body if method == "PUT" else None,
    )


def claim_event(identity_id: str, body: str) -> Json:
    """The claim on the event that the action ``Event`` has the id of."""
    return blob(identity_id, "PUT", _EVENT, {"If-None-Match": "*"}, body)


def release_event(identity_id: str) -> Json:
    """The end of that claim."""
    return blob(identity_id, "DELETE", _EVENT)


def seen_before(said: Callable[[str], Json]) -> Json:
    """Ends the run where ``Claim_event`` found a claim, or couldn't be written at all; nothing has to be undone then."""
    status = "@outputs('Claim_event')?['statusCode']"
    code = "@{coalesce(actions('Claim_event')?['code'], 'no answer')}"
    message = f"The claim on the event could not be written: {code}."
    return branch(
        {"equals": ["@contains(createArray(409, 412), coalesce(outputs('Claim_event')?['statusCode'], 0))", True]},
        stop("Seen_before", said("this event was handled before")),
        {
            "Not_claimed": branch(
                {"not": {"equals": [status, 201]}},
                stop("Not_claimed", said(message), 500, ("ClaimFailed", message)),
            )
        },
    ) | after("Claim_event", *OK, *BROKEN)  # fmt: skip
