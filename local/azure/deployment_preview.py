"""``validate``, ``whatIf`` and the operations of deployments: what a template would do, and what it did.

``whatIf`` compares what the template would PUT with what is there: Create, Modify with the properties that differ, NoChange,
Delete in complete mode. Expressions that read what isn't deployed yet stay as they are written, as in Azure. Omitted: Azure's
long operation (the answer comes at once), ``Ignore`` for what the template doesn't have.

Source: Microsoft Learn, "ARM template deployment what-if operation"; REST reference "Deployment Operations".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.deployment import validated
from local.azure.errors import ArmError, bad_request, not_found
from local.azure.logic.expression_parser import ExpressionError
from local.azure.operation import present
from local.azure.resource_id import join, parse
from local.azure.resource_type import Answer, Call, Json, ResourceType, Route
from local.azure.template.plan import DEPLOYMENT, NOT_BODY
from local.azure.template.scope import NeededError

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import ResourceId
    from local.azure.template.plan import Planned
    from local.azure.template.scope import Scope

_BY_AZURE = frozenset({"id", "name", "type", "etag", "systemData"})


def _body(call: Call) -> Json:
    if not isinstance(call.body, dict):
        raise bad_request("The request body must be a JSON object.", code="InvalidRequestContent")
    return call.body


async def _validate(azure: Azure, call: Call) -> Answer:
    deployment = _deployment(call)
    found = validated(azure, deployment, _body(call))
    return Answer(
        200,
        {
            "id": deployment.text,
            "name": deployment.name,
            "type": "Microsoft.Resources/deployments",
            "properties": {
                "mode": _body(call)["properties"].get("mode", "Incremental"),
                "provisioningState": "Succeeded",
                "timestamp": azure.now().isoformat(),
                "duration": "PT0S",
                "correlationId": call.headers.get("x-ms-correlation-request-id", ""),
                "validatedResources": [{"id": one.id} for one in found.resources],
            },
        },
    )


async def _what_if(azure: Azure, call: Call) -> Answer:
    deployment = _deployment(call)
    body = _body(call)
    ids_only = ((body.get("properties") or {}).get("whatIfSettings") or {}).get(
        "resultFormat"
    ) == "ResourceIdOnly"
    try:
        found = validated(azure, deployment, body)
    except ArmError as error:
        if error.status == 501:
            raise
        return Answer(200, {"status": "Failed", "error": error.body()["error"]})
    changes = [_change(azure, one, found.scope) for one in found.resources]
    if str(body["properties"].get("mode", "")).lower() == "complete":
        kept = {one.key for one in found.resources}
        changes += [
            {"resourceId": record.id, "changeType": "Delete", "before": {"id": record.id, **record.body}}
            for record in azure.store.below(deployment.scope)
            if record.id.lower() not in kept and len(parse(record.id).names) == 1
        ]
    if ids_only:
        changes = [{"resourceId": change["resourceId"], "changeType": "Deploy"} for change in changes]
    return Answer(200, {"status": "Succeeded", "properties": {"correlationId": "", "changes": changes}})


def _change(azure: Azure, one: Planned, scope: Scope) -> Json:
    after = {"id": one.id, "name": one.id.rpartition("/")[2], "type": one.type, "apiVersion": one.api_version}
    after |= _as_far_as_known(one, scope)
    record = azure.store.get(one.id)
    if record is None:
        return {"resourceId": one.id, "changeType": "Create", "after": after}
    before = present(azure, ResourceType(record.type), record, one.api_version)
    delta = list(
        _delta(
            before, {key: value for key, value in after.items() if key not in _BY_AZURE | {"apiVersion"}}, ""
        )
    )
    kind = "Modify" if delta else "NoChange"
    return {
        "resourceId": one.id,
        "changeType": kind,
        "before": before,
        "after": {**before, **after},
        "delta": delta,
    }


def _as_far_as_known(one: Planned, scope: Scope) -> Json:
    """A body; what reads the state of something that isn't deployed yet is left as its expression."""
    try:
        return one.body(scope)
    except (NeededError, ExpressionError):
        return {key: _value(raw, one.scope) for key, raw in one.raw.items() if key not in NOT_BODY}


def _value(raw: Any, scope: Scope) -> Any:
    try:
        return scope.value(raw)
    except (NeededError, ExpressionError):
        if isinstance(raw, dict):
            return {key: _value(item, scope) for key, item in raw.items()}
        if isinstance(raw, list):
            return [_value(item, scope) for item in raw]
        return raw


def _delta(before: Any, after: Any, path: str) -> Any:
    for key, value in after.items():
        here = f"{path}.{key}" if path else key
        old = before.get(key) if isinstance(before, dict) else None
        if isinstance(value, dict) and isinstance(old, dict):
            yield from _delta(old, value, here)
        elif old is None and value not in (None, {}, []):
            yield {"path": here, "propertyChangeType": "Create", "after": value}
        elif value is not None and old is not None and old != value and not _same_place(here, old, value):
            yield {"path": here, "propertyChangeType": "Modify", "before": old, "after": value}


def _same_place(path: str, one: Any, other: Any) -> bool:
    folded = [str(value).replace(" ", "").lower() for value in (one, other)]
    return path == "location" and folded[0] == folded[1]


def _deployment(call: Call) -> ResourceId:
    return parse(join(call.captured["scope"], DEPLOYMENT, [call.captured["deployment"]]))


async def _operations(azure: Azure, call: Call) -> Answer:
    record = azure.store.get(_deployment(call).text)
    if record is None:
        raise ArmError(
            404,
            "DeploymentNotFound",
            f"Deployment '{call.captured['deployment']}' could not be found.",
        )
    found: list[Json] = record.body["properties"].get("operations", [])
    if (name := call.captured.get("name")) is None:
        return Answer(200, {"value": found[: int(call.query.get("$top", len(found) or 1))]})
    for operation in found:
        if operation["operationId"].lower() == name.lower():
            return Answer(200, operation)
    raise not_found(call.path)


def _route(rest: str, handle: Any, method: str) -> Route:
    pattern = (
        # The provider is left out by older clients, azure-ai-ml's among them.
        r"(?P<scope>/subscriptions/[^/]+(?:/resourceGroups/[^/]+)?)(?:/providers/Microsoft\.Resources)?"
        r"/deployments/(?P<deployment>[^/]+)" + rest
    )
    return Route(re.compile(r"management\.azure\.com"), re.compile(pattern, re.IGNORECASE), handle, (method,))


ROUTES = (
    _route("/validate", _validate, "POST"),
    _route("/whatIf", _what_if, "POST"),
    _route("/operations", _operations, "GET"),
    _route("/operations/(?P<name>[^/]+)", _operations, "GET"),
)
