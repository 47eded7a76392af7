"""What a role assignment must keep to besides its own shape: the principal's type, the role's scopes, its condition, the last owner.

Sources: Microsoft Learn, "Troubleshoot Azure RBAC" (``UnmatchedPrincipalType``, the last owner, assignable scopes), "Azure role
assignment condition format and syntax". Azure documents the refusal of the last owner's deletion by its message alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.access import condition, directory
from local.azure.errors import ArmError, bad_request
from local.azure.resource_id import parse
from local.settings import PRINCIPAL_ID, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
#: Owner and User Access Administrator: who may give roles.
_ADMINISTRATORS = frozenset({"8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"})


def kind_of(azure: Azure, principal: str) -> str | None:
    """The type of a principal that the directory or a resource knows; None: nobody knows it."""
    if principal.lower() == PRINCIPAL_ID:
        return "ServicePrincipal"
    found = directory.get(azure.store, principal)
    if found is not None:
        return found.kind
    for record in azure.store.below(f"/subscriptions/{SUBSCRIPTION_ID}"):
        for holder in (record.body.get("properties") or {}, record.body.get("identity") or {}):
            named: Any = holder.get("principalId") if isinstance(holder, dict) else None
            if record.type != ASSIGNMENT and str(named or "").lower() == principal.lower():
                return "ServicePrincipal"
    return None


def check_kind(principal: str, given: str | None, known: str | None) -> None:
    """Refuses a type that isn't the principal's.

    Raises:
        ArmError: 400 ``UnmatchedPrincipalType``.
    """
    if given is not None and known is not None and given != known:
        raise bad_request(
            f"The PrincipalId '{principal.replace('-', '')}' has type '{known}' , which is different from specified "
            f"PrinciaplType '{given}'.",
            code="UnmatchedPrincipalType",
        )


def check_scope(azure: Azure, definition: str, scope: str) -> None:
    """Refuses a custom role outside of its assignable scopes.

    Raises:
        ArmError: 400 ``RoleAssignmentScopeNotAssignableToRoleDefinition``.
    """
    for custom in azure.store.named(DEFINITION, definition):
        allowed = [str(one).lower().rstrip("/") for one in custom.body["properties"]["assignableScopes"]]
        if not any(f"{scope.lower()}/".startswith(f"{one}/") for one in allowed):
            raise bad_request(
                f"The role assignment scope '{scope}' must match the AssignableScopes of the role definition "
                f"'{custom.body['properties']['roleName']}': {', '.join(allowed)}.",
                code="RoleAssignmentScopeNotAssignableToRoleDefinition",
            )


def check_condition(given: Json) -> None:
    """Refuses a condition that can't be read (400), or evaluated (501)."""
    if given.get("condition"):
        condition.check(str(given["condition"]), given.get("conditionVersion"))


def guard_last(azure: Azure, record: Record) -> None:
    """Refuses to delete the last assignment by which somebody may give roles in the subscription.

    Raises:
        ArmError: 403.
    """
    if not _administers(record):
        return
    others = [one for one in azure.store.of_type(ASSIGNMENT) if one.id != record.id and _administers(one)]
    if not others:
        raise ArmError(
            403, "CannotDeleteLastRbacAdminAssignment", "Cannot delete the last RBAC admin assignment."
        )


def _administers(record: Record) -> bool:
    role = str(record.body["properties"]["roleDefinitionId"]).rsplit("/", 1)[-1].lower()
    at = parse(record.id).scope.lower()
    return role in _ADMINISTRATORS and at in ("", f"/subscriptions/{SUBSCRIPTION_ID}".lower())
