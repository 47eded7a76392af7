"""Microsoft.Authorization: what a caller may do at a scope, and which operations providers have.

Scope: the caller's permissions (of the roles assigned to it at the scope and above), deny assignments and classic
administrators (there are none: their lists are empty), operations of the providers that local Azure serves. Omitted: making
deny assignments, elevating access, PIM's schedules, policies and requests: 501.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.authorization import ASSIGNMENT, DEFINITION, permission
from local.azure.built_in_role import BUILT_IN_ROLES
from local.azure.errors import unsupported
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.settings import PRINCIPAL_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

_OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


async def _permissions(azure: Azure, call: Call) -> Answer:
    scope = call.captured["scope"].lower()
    # Local Azure's own service principal owns everything, as who makes a subscription does.
    roles = [_OWNER] if (call.principal_id or "").lower() == PRINCIPAL_ID else []
    for record in azure.store.of_type(ASSIGNMENT):
        own = parse(record.id).scope.lower()
        mine = record.body["properties"]["principalId"].lower() == (call.principal_id or "").lower()
        if mine and (own == scope or scope.startswith(f"{own}/")):
            roles.append(record.body["properties"]["roleDefinitionId"].rsplit("/", 1)[-1].lower())
    found: list[Json] = []
    for name in dict.fromkeys(roles):
        if name in BUILT_IN_ROLES:
            found += [permission(one) for one in BUILT_IN_ROLES[name].permissions]
        for custom in azure.store.named(DEFINITION, name):
            found += custom.body["properties"]["permissions"]
    return Answer(200, {"value": found})


async def _none(_azure: Azure, _call: Call) -> Answer:
    return Answer(200, {"value": []})


async def _operations(azure: Azure, call: Call) -> Answer:
    namespaces = azure.namespaces()
    wanted = call.captured["namespace"]
    if not wanted:
        return Answer(200, {"value": [_provider(name, types) for name, types in sorted(namespaces.items())]})
    found = next((name for name in namespaces if name.lower() == wanted.lower()), None)
    if found is None:
        raise unsupported(f"The resource provider '{wanted}'")
    return Answer(200, _provider(found, namespaces[found]))


def _provider(namespace: str, types: list[str]) -> Json:
    return {
        "id": f"/providers/Microsoft.Authorization/providerOperations/{namespace}",
        "type": "Microsoft.Authorization/providerOperations",
        "name": namespace,
        "displayName": namespace,
        "operations": [],
        "resourceTypes": [
            {"name": kind, "displayName": kind, "operations": _verbs(f"{namespace}/{kind}")} for kind in types
        ],
    }


def _verbs(kind: str) -> list[Json]:
    return [
        {
            "name": f"{kind}/{verb}",
            "displayName": f"{verb.capitalize()} {kind}",
            "description": f"{verb.capitalize()} {kind}",
            "origin": "user,system",
            "properties": None,
            "isDataAction": False,
        }
        for verb in ("read", "write", "delete")
    ]


def _refuse(_azure: Azure, _resource_id: ResourceId, _body: Json, _old: Record | None) -> Json:
    raise unsupported("Making a deny assignment")


TYPES = (ResourceType("Microsoft.Authorization/denyAssignments", prepare=_refuse, patch=False),)
_ARM = re.compile(r"management\.azure\.com")

ROUTES = (
    *(
        Route(_ARM, re.compile(pattern, re.IGNORECASE), handle, ("GET",))
        for pattern, handle in (
            (r"(?P<scope>/subscriptions/.+)/providers/Microsoft\.Authorization/permissions", _permissions),
            (r"/subscriptions/[^/]+/providers/Microsoft\.Authorization/classicAdministrators", _none),
            (
                r"/providers/Microsoft\.Authorization/providerOperations(?:/(?P<namespace>[^/]+))?",
                _operations,
            ),
        )
    ),
)
