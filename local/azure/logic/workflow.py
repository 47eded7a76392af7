"""Microsoft.Logic/workflows: Logic Apps on the Consumption plan that a request starts, and their history.

Scope: workflows (checked, versioned, enabled and disabled), callback URLs with Azure's signatures, runs that execute the
definition, runs and their actions as Azure shows them, secured data left out. A run that a stop interrupts is Aborted at the
next start. Omitted: managed connectors, other triggers, integration accounts, earlier versions, cancelling and
resubmitting runs, repetitions of loops: 501.
"""

from __future__ import annotations

import re
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.logic import callback, definition, history, time_function
from local.azure.logic.history import ACTION, RUN, WORKFLOW
from local.azure.resource_type import Answer, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_NAME = re.compile(r"[A-Za-z0-9._()-]{1,80}")


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if not _NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"The workflow name '{resource_id.name}' is invalid: 1 to 80 letters, digits, '-', '.', '_', '(' and ')'.",
            code="InvalidResourceName",
        )
    check_location(body)
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    for key in ("integrationAccount", "integrationServiceEnvironment", "accessControl"):
        if given.get(key):
            raise unsupported(f"'{key}' of a workflow")
    wanted = given.get("definition")
    if not isinstance(wanted, dict):
        raise bad_request("A workflow needs a definition.", code="WorkflowDefinitionNotSpecified")
    values: Json = {name: one.get("value") for name, one in (given.get("parameters") or {}).items()}
    identity: Json = body.get("identity") or {}
    held = frozenset(str(one).lower() for one in identity.get("userAssignedIdentities") or {})
    definition.check(wanted, values, held)
    state = given.get("state", "Enabled")
    if state not in ("Enabled", "Disabled"):
        raise bad_request(f"A workflow is Enabled or Disabled, not '{state}'.", code="InvalidWorkflowState")
    before: Json = old.body["properties"] if old is not None else {}
    now = time_function.write(azure.now())
    number = secrets.randbelow(100)
    endpoint = (
        f"https://prod-{number:02d}.{body['location']}.logic.azure.com:443/workflows/{uuid.uuid4().hex}"
    )
    properties = {
        **{key: given[key] for key in ("definition", "parameters", "endpointsConfiguration") if key in given},
        "parameters": given.get("parameters") or {},
        "state": state,
        "version": history.run_name(azure.now())[:20],
        "createdTime": before.get("createdTime") or now,
        "changedTime": now,
        "accessEndpoint": before.get("accessEndpoint") or endpoint,
        "provisioningState": "Succeeded",
    }
    kept = {key: body[key] for key in ("location", "identity") if body.get(key) is not None}
    return {**kept, "tags": body.get("tags") or {}, "properties": properties}


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    """Without the values of secure parameters, which nobody can read back."""
    properties: Json = body["properties"]
    declared: Json = properties["definition"].get("parameters") or {}
    shown = {
        name: one
        for name, one in (properties.get("parameters") or {}).items()
        if not str((declared.get(name) or {}).get("type", "")).lower().startswith("secure")
    }
    kept = {key: value for key, value in body.items() if key != "systemData"}
    return {**kept, "properties": {**properties, "parameters": shown}}


async def _vanish(_azure: Azure, record: Record) -> None:
    await callback.cancel_runs(record.id)


def _state(state: str) -> Any:
    async def act(azure: Azure, _call: Call, record: Record) -> Answer:
        properties = {
            **record.body["properties"],
            "state": state,
            "changedTime": time_function.write(azure.now()),
        }
        azure.store.put(record.id, {**record.body, "properties": properties})
        return Answer(200)

    return act


async def _regenerate(azure: Azure, call: Call, record: Record) -> Answer:
    which = str((call.body or {}).get("keyType") or "Primary").lower()
    if which not in ("primary", "secondary"):
        raise bad_request(f"'{which}' is none of the keys Primary and Secondary.", code="InvalidKeyType")
    azure.store.put_secret(f"{record.id}/accesskey/{which}", secrets.token_hex(32))
    return Answer(200)


async def start(azure: Azure) -> None:
    """Ends the runs that a stop interrupted."""
    history.abort_interrupted(azure)


TYPES = (
    ResourceType(
        WORKFLOW,
        prepare=_prepare,
        view=_view,
        vanish=_vanish,
        vanish_now=True,
        actions={
            "enable": _state("Enabled"),
            "disable": _state("Disabled"),
            "regenerateAccessKey": _regenerate,
        },
    ),
    ResourceType(
        RUN,
        prepare=history.refuse_write,
        guard_delete=history.refuse_delete,
        view=history.view_run,
        patch=False,
    ),
    ResourceType(
        ACTION,
        prepare=history.refuse_write,
        guard_delete=history.refuse_delete,
        view=history.view_action,
        patch=False,
    ),
)
