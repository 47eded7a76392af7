"""Microsoft.Authorization: role assignments at any scope, built-in and custom role definitions.

Scope: assignments with Azure's rules (GUID names, one per scope, principal and role, nothing but the description changes),
the built-in roles that platforms such as this use, custom roles (their conditions are read). Omitted: PIM. Evaluation is in
``access``; beside it: ``role_rule.py``, ``permission.py``, ``lock.py``, ``policy.py``.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from local.azure import role_rule
from local.azure.built_in_role import BUILT_IN_ROLES
from local.azure.errors import ArmError, bad_request, conflict, unsupported
from local.azure.operation import present
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType
from local.settings import PRINCIPAL_ID, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.access.permission import Permission
    from local.azure.azure import Azure

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
_MADE = "2015-02-02T21:55:09.8806423Z"
_PRINCIPALS = ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")


def _guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _check_role(azure: Azure, role: str, definition: str) -> None:
    if definition not in BUILT_IN_ROLES and not azure.store.named(DEFINITION, definition):
        if role.lower().startswith("/providers/"):
            raise unsupported(f"The built-in role '{definition}' (it has {len(BUILT_IN_ROLES)} of Azure's)")
        raise ArmError(
            404,
            "RoleDefinitionDoesNotExist",
            f"The specified role definition with ID '{definition}' does not exist (local Azure knows {len(BUILT_IN_ROLES)} built-in roles).",
        )


def _prepare_assignment(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if not _guid(resource_id.name):
        raise bad_request(
            f"The role assignment ID '{resource_id.name}' is not valid. The role assignment ID must be a GUID.",
            code="InvalidRoleAssignmentId",
        )
    given: Json = body.get("properties") or {}
    principal, role = str(given.get("principalId") or ""), str(given.get("roleDefinitionId") or "")
    if not _guid(principal):
        raise bad_request(
            f"The principal '{principal}' is no object id.", code="InvalidPrincipalId", target="principalId"
        )
    definition = role.rsplit("/", 1)[-1].lower()
    _check_role(azure, role, definition)
    kind = given.get("principalType")
    if kind is not None and kind not in _PRINCIPALS:
        raise bad_request(
            f"The principal type '{kind}' is none of {', '.join(_PRINCIPALS)}.",
            code="UnsupportedPrincipalType",
        )
    known = role_rule.kind_of(azure, principal)
    role_rule.check_kind(principal, kind, known)
    if kind is None and known is None:
        raise bad_request(
            f"Principal {principal.replace('-', '')} does not exist in the directory. Check that you have the correct "
            "principal ID. If you are creating this principal and then immediately assigning a role, set 'principalType'.",
            code="PrincipalNotFound",
        )
    role_rule.check_scope(azure, definition, resource_id.scope)
    role_rule.check_condition(given)
    key = (principal.lower(), definition)
    if old is not None:
        before: Json = old.body["properties"]
        if _key(before) != key:
            raise conflict(
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
                code="RoleAssignmentUpdateNotPermitted",
            )
    for other in azure.store.below(resource_id.scope, ASSIGNMENT):
        same_scope = parse(other.id).scope.lower() == resource_id.scope.lower()
        if (
            same_scope
            and other.name.lower() != resource_id.name.lower()
            and _key(other.body["properties"]) == key
        ):
            raise conflict(
                f"The role assignment already exists. The ID of the conflicting role assignment is {other.name.replace('-', '')}.",
                code="RoleAssignmentExists",
            )
    now = azure.now().isoformat()
    created: Json = (
        old.body["properties"] if old is not None else {"createdOn": now, "createdBy": PRINCIPAL_ID}
    )
    optional = {
        name: given.get(name)
        for name in ("condition", "conditionVersion", "description", "delegatedManagedIdentityResourceId")
    }
    properties = {
        **optional,
        "roleDefinitionId": _definition_id(definition),
        "principalId": principal,
        "principalType": kind or known,
        "scope": resource_id.scope,
        "createdOn": created["createdOn"],
        "createdBy": created["createdBy"],
        "updatedOn": now,
        "updatedBy": PRINCIPAL_ID,
    }
    return {"properties": properties}


def _key(properties: Json) -> tuple[str, str]:
    return properties["principalId"].lower(), properties["roleDefinitionId"].rsplit("/", 1)[-1].lower()


def _list_assignments(azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """Those at, below and above the scope, as Azure lists them; ``$filter=atScope()`` leaves out those below."""
    scope = call.path[: call.path.lower().rindex("/providers/microsoft.authorization")]
    condition = call.query.get("$filter", "")
    found = {record.id.lower(): record for record in records}
    if "atscope" in condition.lower():
        found = {
            key: record for key, record in found.items() if parse(record.id).scope.lower() == scope.lower()
        }
    for record in azure.store.of_type(ASSIGNMENT):
        above = parse(record.id).scope.lower()
        if scope.lower().startswith(f"{above}/"):
            found[record.id.lower()] = record
    principal = re.search(r"(?:principalId eq|assignedTo\()\s*'([^']+)'", condition)
    return [
        record
        for record in sorted(found.values(), key=lambda record: record.name)
        if principal is None or record.body["properties"]["principalId"].lower() == principal[1].lower()
    ]


def _definition_id(name: str) -> str:
    return f"/subscriptions/{SUBSCRIPTION_ID}/providers/{DEFINITION}/{name}"


def _built_in(name: str) -> Json:
    role = BUILT_IN_ROLES[name]
    properties: Json = {
        "roleName": role.name,
        "type": "BuiltInRole",
        "description": role.description,
        "assignableScopes": ["/"],
        "permissions": [permission(one) for one in role.permissions],
        "createdOn": _MADE,
        "updatedOn": _MADE,
        "createdBy": None,
        "updatedBy": None,
    }
    return {"properties": properties}


def permission(one: Permission) -> Json:
    """A permission as ARM shows it."""
    return {
        "actions": list(one.actions),
        "notActions": list(one.not_actions),
        "dataActions": list(one.data_actions),
        "notDataActions": list(one.not_data_actions),
        **({"condition": one.condition, "conditionVersion": one.condition_version} if one.condition else {}),
    }


def _implicit_definition(azure: Azure, resource_id: ResourceId) -> Json | None:
    """A built-in role at any scope, and a custom role below the subscription, wherever it was PUT."""
    name = resource_id.name.lower()
    if name in BUILT_IN_ROLES:
        return _built_in(name)
    made = azure.store.named(DEFINITION, name)
    return (
        dict(made[0].body)
        if made and resource_id.scope.lower() == f"/subscriptions/{SUBSCRIPTION_ID}"
        else None
    )


def _prepare_definition(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if not _guid(resource_id.name):
        raise bad_request("The name of a role definition must be a GUID.", code="InvalidRoleDefinitionId")
    if resource_id.name.lower() in BUILT_IN_ROLES:
        raise bad_request("A built-in role can't be changed.", code="RoleDefinitionReadOnly")
    given: Json = body.get("properties") or {}
    if "properties" not in body:
        # Azure documents a definition without anything in it.
        given = {"roleName": resource_id.name, "assignableScopes": [resource_id.scope], "permissions": [{}]}
    for key in ("roleName", "assignableScopes", "permissions"):
        if not given.get(key):
            raise bad_request(f"A role definition needs '{key}'.", code="InvalidRequestContent", target=key)
    for other in azure.store.of_type(DEFINITION):
        same = other.body["properties"]["roleName"].lower() == str(given["roleName"]).lower()
        if same and other.id.lower() != resource_id.key:
            raise conflict(
                f"A custom role with the same name already exists in this directory: '{given['roleName']}'.",
                code="RoleDefinitionWithSameNameExists",
            )
    now = azure.now().isoformat()
    before: Json = old.body["properties"] if old is not None else {}
    stamps = {
        "createdOn": before.get("createdOn") or now,
        "updatedOn": now,
        "createdBy": before.get("createdBy") or PRINCIPAL_ID,
        "updatedBy": PRINCIPAL_ID,
    }
    return {"properties": {"description": "", **given, "type": "CustomRole", **stamps}}


def _guard_definition(azure: Azure, record: Record) -> None:
    used = [
        one
        for one in azure.store.of_type(ASSIGNMENT)
        if one.body["properties"]["roleDefinitionId"].rsplit("/", 1)[-1].lower() == record.name.lower()
    ]
    if used:
        raise bad_request(
            f"There are existing role assignments referencing role (code: RoleDefinitionHasAssignments): {used[0].id}.",
            code="RoleDefinitionHasAssignments",
        )


def _delete(azure: Azure, call: Call, _resource_id: ResourceId, record: Record | None) -> Answer | None:
    """What was deleted is the answer."""
    if record is None:
        return None
    kind = next(kind for kind in TYPES if kind.name == record.type)
    if kind.guard_delete is not None:
        kind.guard_delete(azure, record)
    body = present(azure, kind, record, call.api_version)
    azure.store.delete(record.id)
    return Answer(200, body)


def _list_definitions(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    built_in = [
        Record(_definition_id(name), DEFINITION, name, _built_in(name), "", _MADE, _MADE, "")
        for name in BUILT_IN_ROLES
    ]
    wanted = re.search(r"roleName eq '([^']*)'", call.query.get("$filter", ""), re.IGNORECASE)
    found = [*built_in, *records]
    if wanted is None:
        return found
    return [record for record in found if record.body["properties"]["roleName"].lower() == wanted[1].lower()]


def _plain(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return body


TYPES = (
    ResourceType(
        ASSIGNMENT,
        prepare=_prepare_assignment,
        listing=_list_assignments,
        view=_plain,
        guard_delete=role_rule.guard_last,
        on_delete=_delete,
        patch=False,
    ),
    ResourceType(
        DEFINITION,
        prepare=_prepare_definition,
        implicit=_implicit_definition,
        listing=_list_definitions,
        view=_plain,
        guard_delete=_guard_definition,
        on_delete=_delete,
        patch=False,
        updated=201,
    ),
)
