"""Nobody has more rights than their work asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Resource, ResourceRule, at, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Roles that can give roles, the same ids in every tenant (Azure's list of built-in roles).
_GIVING = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
_CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
_WIDE = re.compile(r"/subscriptions/[^/]+(/resourceGroups/[^/]+)?/?", re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: What lets a role change roles, or everything.
_EVERYTHING = frozenset({"*", "*/write", "*/action"})
_ROLES = re.compile(r"microsoft\.authorization/(\*|roleassignments/|roledefinitions/|elevateaccess/).*")


def _privileged(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """Roles that give roles are given by the subscription's owner; Contributor only on a single resource."""
    if resource.type != azure.ROLE_ASSIGNMENT:
        return
    definition, scope = at(resource.props, "roleDefinitionId"), at(resource.props, "scope")
    role = str(definition).lower().rpartition("/")[2]
    if role in _GIVING and not at(resource.props, "condition"):
        yield f"it makes somebody {_GIVING[role]} without a condition"
    if role == _CONTRIBUTOR and isinstance(scope, str) and _WIDE.fullmatch(scope):
        yield f"it makes somebody Contributor of all of {scope.rstrip('/').rpartition('/')[2]}"


def _typed(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type == azure.ROLE_ASSIGNMENT and at(resource.props, "principalType") is None:
        yield "principalType is not set"


def _named(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """The name is a GUID that the program derives; without, Pulumi draws one, and a second stack may grant it again."""
    name = at(resource.props, "roleAssignmentName") if resource.type == azure.ROLE_ASSIGNMENT else UNKNOWN
    if name is not UNKNOWN and not (isinstance(name, str) and _GUID.fullmatch(name.lower())):
        yield "roleAssignmentName is no GUID" if name else "roleAssignmentName is not set"


def _boundless(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type != azure.ROLE_DEFINITION:
        return
    for permission in items(resource.props, "permissions"):
        for key in ("actions", "dataActions"):
            for action in items(permission, key):
                if str(action).lower() in _EVERYTHING or _ROLES.fullmatch(str(action).lower()):
                    yield f"it allows {action}"


PRIVILEGED = ResourceRule(
    name="privileged-roles",
    title="No standing administrators",
    category="identity",
    controls=("PA-1", "PA-7"),
    severity="critical",
    reason="Who can give roles can give every role; who may change a whole group may change what guards it.",
    fix="Give a narrower role under `mlops:access`; whoever must be Owner asks for it in Privileged Identity Management.",
    link="https://learn.microsoft.com/azure/role-based-access-control/best-practices",
    check=_privileged,
)
TYPED = ResourceRule(
    name="principal-types",
    title="Role assignments name their principal's type",
    category="identity",
    controls=("PA-7",),
    severity="low",
    reason="Azure looks the type up where it is left out, and doesn't find a principal that was made a moment ago.",
    fix="Set `principal_type`; the table `mlops:access` takes it as `type`.",
    link="https://learn.microsoft.com/azure/role-based-access-control/troubleshooting",
    check=_typed,
)
NAMED = ResourceRule(
    name="role-assignment-names",
    title="Role assignments have names of their own",
    category="identity",
    controls=("PA-7",),
    severity="low",
    reason="Under a random name the same grant is asked for twice, and Azure refuses it: RoleAssignmentExists.",
    fix="Derive the name from scope, principal and role, as `infra/names.py` does.",
    link="https://learn.microsoft.com/azure/role-based-access-control/role-assignments",
    check=_named,
)
BOUNDLESS = ResourceRule(
    name="custom-role-actions",
    title="Custom roles without wildcards for everything",
    category="identity",
    controls=("PA-7", "CIS 1.23"),
    severity="critical",
    reason="A custom role that may do everything, or give roles, is an Owner that no report lists as one.",
    fix="Name the actions that the work needs, such as Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write.",
    link="https://learn.microsoft.com/azure/role-based-access-control/custom-roles",
    check=_boundless,
)
