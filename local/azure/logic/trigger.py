"""Microsoft.Logic/workflows/triggers and versions: what starts a workflow, and the version it has now.

Scope: triggers (read, listed, run by hand, the schema of what they take), the current version of a workflow, validation of
definitions. Omitted: histories of triggers, earlier versions, callback URLs of versions, Swagger, upgrades, moves: 501.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.logic import callback, definition
from local.azure.logic.history import WORKFLOW, refuse_delete, refuse_write
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure

VERSION = f"{WORKFLOW}/versions"


def _workflow(azure: Azure, call: Call) -> Record:
    record = azure.store.get(call.captured["workflow"])
    if record is None:
        raise ArmError(404, "ResourceNotFound", f"The resource '{call.captured['workflow']}' was not found.")
    return record


def _trigger(workflow: Record, name: str) -> tuple[str, Json]:
    triggers: Json = workflow.body["properties"]["definition"]["triggers"]
    for found, one in triggers.items():
        if found.lower() == name.lower():
            return found, one
    raise ArmError(404, "WorkflowTriggerNotFound", f"The workflow '{workflow.name}' has no trigger '{name}'.")


def _shown(workflow: Record, name: str) -> Json:
    properties: Json = workflow.body["properties"]
    version = properties["version"]
    return {
        "id": f"{workflow.id}/triggers/{name}",
        "name": name,
        "type": f"{WORKFLOW}/triggers",
        "properties": {
            "provisioningState": "Succeeded",
            "createdTime": properties["createdTime"],
            "changedTime": properties["changedTime"],
            "state": properties["state"],
            "workflow": {"id": f"{workflow.id}/versions/{version}", "name": version, "type": VERSION},
        },
    }


async def _read(azure: Azure, call: Call) -> Answer:
    workflow = _workflow(azure, call)
    wanted = call.captured["trigger"]
    if wanted:
        return Answer(200, _shown(workflow, _trigger(workflow, wanted)[0]))
    names = workflow.body["properties"]["definition"]["triggers"]
    return Answer(200, {"value": [_shown(workflow, name) for name in names]})


async def _run(azure: Azure, call: Call) -> Answer:
    """Starts the workflow as the portal's button does."""
    workflow = _workflow(azure, call)
    name, _ = _trigger(workflow, call.captured["trigger"])
    outputs: Json = {"headers": {}}
    if call.body is not None:
        outputs["body"] = call.body
    run = callback.begin(azure, workflow, name, outputs)
    return Answer(202, None, {"x-ms-workflow-run-id": run, "x-ms-workflow-name": workflow.name})


async def _schema(azure: Azure, call: Call) -> Answer:
    _, trigger = _trigger(_workflow(azure, call), call.captured["trigger"])
    schema = (trigger.get("inputs") or {}).get("schema") or {}
    return Answer(200, {"title": "schema.json", "content": json.dumps(schema)})


async def _validate(_azure: Azure, call: Call) -> Answer:
    """Checks a definition as a PUT would; says nothing if it is right."""
    properties: Json = (call.body or {}).get("properties") or {} if isinstance(call.body, dict) else {}
    wanted = properties.get("definition")
    if not isinstance(wanted, dict):
        raise bad_request("A workflow needs a definition.", code="WorkflowDefinitionNotSpecified")
    values: Json = {name: one.get("value") for name, one in (properties.get("parameters") or {}).items()}
    identity: Json = (call.body or {}).get("identity") or {}
    held = frozenset(str(one).lower() for one in identity.get("userAssignedIdentities") or {})
    definition.check(wanted, values, held)
    return Answer(200)


def _version(azure: Azure, resource_id: ResourceId) -> Json | None:
    workflow = azure.store.get(resource_id.parent)
    if workflow is None:
        return None
    if workflow.body["properties"]["version"].lower() != resource_id.name.lower():
        raise unsupported(f"A version of a workflow before its present one ('{resource_id.name}')")
    return {key: workflow.body[key] for key in ("location", "tags", "properties") if key in workflow.body}


def _versions(azure: Azure, call: Call, _records: list[Record]) -> list[Record]:
    workflow = azure.store.get(call.path.rsplit("/", 1)[0])
    if workflow is None:
        return []
    version = str(workflow.body["properties"]["version"])
    body = _version(azure, azure.parse(f"{workflow.id}/versions/{version}")) or {}
    made = (workflow.created_at, workflow.modified_at, workflow.created_by)
    return [Record(f"{workflow.id}/versions/{version}", VERSION, version, body, workflow.etag, *made)]


TYPES = (
    ResourceType(
        VERSION,
        prepare=refuse_write,
        guard_delete=refuse_delete,
        implicit=_version,
        listing=_versions,
        patch=False,
    ),
)
_ARM = re.compile(r"management\.azure\.com")
_GROUP = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Logic"
_WORKFLOW = rf"(?P<workflow>{_GROUP}/workflows/[^/]+)"
ROUTES = (
    Route(
        _ARM,
        re.compile(rf"{_WORKFLOW}/triggers(?:/(?P<trigger>[^/]+))?", re.IGNORECASE),
        _read,
        ("GET",),
    ),
    Route(_ARM, re.compile(rf"{_WORKFLOW}/triggers/(?P<trigger>[^/]+)/run", re.IGNORECASE), _run, ("POST",)),
    Route(
        _ARM,
        re.compile(rf"{_WORKFLOW}/triggers/(?P<trigger>[^/]+)/schemas/json", re.IGNORECASE),
        _schema,
        ("GET",),
    ),
    Route(
        _ARM,
        re.compile(rf"{_GROUP}/(?:locations/[^/]+/)?workflows/[^/]+/validate", re.IGNORECASE),
        _validate,
        ("POST",),
    ),
)
