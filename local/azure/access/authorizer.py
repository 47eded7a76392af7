"""Decides requests by the role assignments in the store.

A principal may do what the roles permit that are assigned to it, or to a group it is in, at the scope or above it. The
service principal of ``python -m local env`` is *Owner* of the subscription by an assignment like any other (made with the
subscription); as in Azure, an owner may give itself data roles and has none by itself.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from local.azure.access import condition, directory, linked, run_token, vantage, vault_operation
from local.azure.access.operation import demand, workspace_demand
from local.azure.access.permission import Permission
from local.azure.errors import ArmError
from local.azure.store import FOUNDED
from local.settings import PRINCIPAL_ID, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.access.storage_operation import DataDemand
    from local.azure.azure import Azure
    from local.azure.catalog import Catalog
    from local.azure.resource_type import Call, Record
    from local.azure.store import SqliteStore

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
_SUBSCRIPTION = f"/subscriptions/{SUBSCRIPTION_ID}"
_SUFFIX = "/providers/microsoft.authorization/roleassignments/"
#: Azure lists these where the caller may read nothing else: what the caller itself may do.
#: What conditions of roles that may assign others are about.
_GRANTING = frozenset({f"{ASSIGNMENT}/{verb}".lower() for verb in ("write", "delete")})
_OWN = frozenset({"microsoft.authorization/permissions/read"})


@dataclass(frozen=True)
class _Grant:
    """What an assignment gives: a role's permissions at a scope, under its condition."""

    scope: str
    permissions: tuple[Permission, ...]
    condition: str = ""

    @property
    def conditional(self) -> bool:
        return bool(self.condition) or any(permission.condition for permission in self.permissions)

    def permits(self, operation: str, asked: condition.Request, *, data: bool) -> bool:
        return any(
            permission.allows(operation, data=data)
            and all(condition.holds(one, asked) for one in (self.condition, permission.condition) if one)
            for permission in self.permissions
        )


def found_subscription(store: SqliteStore) -> None:
    """Makes the subscription, and assigns *Owner* of it to the service principal of ``python -m local env``; both once."""
    with store.transaction():
        if store.get(_SUBSCRIPTION) is None:
            store.put(_SUBSCRIPTION, {})
        if store.secret(FOUNDED) is None:
            store.put_secret(FOUNDED, _grant_owner(store).lower())


def _grant_owner(store: SqliteStore) -> str:
    name = uuid.UUID(hashlib.sha256(f"{_SUBSCRIPTION}{PRINCIPAL_ID}{OWNER}".encode()).hexdigest()[:32])
    body = {
        "properties": {
            "roleDefinitionId": f"{_SUBSCRIPTION}/providers/{DEFINITION}/{OWNER}",
            "principalId": PRINCIPAL_ID,
            "principalType": "ServicePrincipal",
            "scope": _SUBSCRIPTION,
            "condition": None,
            "conditionVersion": None,
            "description": None,
            "delegatedManagedIdentityResourceId": None,
        }
    }
    return store.put(f"{_SUBSCRIPTION}/providers/{ASSIGNMENT}/{name}", body).id


class Authorizer:
    """Answers whether a principal may do something. Reads the store; what it derives is kept until assignments change."""

    def __init__(self, azure: Azure, store: SqliteStore, catalog: Catalog) -> None:
        self._azure = azure
        self._store = store
        self._catalog = catalog
        self._revision = -1
        self._grants: dict[str, list[_Grant]] = {}
        self._decided: dict[tuple[str, str, tuple[int, ...], bool], bool] = {}

    # --- requests

    def check(self, call: Call, *, filtered: bool) -> None:
        """Refuses an ARM request that the caller's roles don't permit.

        Args:
            call: the request.
            filtered: whether its answer, if it is a list in the subscription, leaves out what the caller may not read.

        Raises:
            ArmError: 403 ``AuthorizationFailed`` with the operation and the scope, as ARM words it.
        """
        wanted = demand(call.method, call.path)
        principal = call.principal_id
        if wanted is None or principal is None or wanted.operation.lower() in _OWN:
            return
        if wanted.scope and not f"{wanted.scope.lower()}/".startswith(f"{_SUBSCRIPTION}/"):
            return  # not a subscription of local Azure: that it isn't there is what is answered
        about = self._of_assignment(call) if wanted.operation.lower() in _GRANTING else None
        if self.permits(principal, wanted.operation, wanted.scope, about=about):
            return
        if (
            not wanted.scope.strip("/")
            and call.method in ("GET", "HEAD")
            and "assignment" not in wanted.operation.lower()
        ):
            return  # the tenant's catalogs (built-in definitions, topic types, categories) are everybody's
        if wanted.operation.lower() == "microsoft.authorization/elevateaccess/action":
            return  # a matter of the directory's roles, not of these: ARM says that it isn't served
        if wanted.listing and filtered and wanted.scope.lower() == _SUBSCRIPTION:
            return
        raise refusal(principal, wanted.operation, wanted.scope)

    def check_linked(self, call: Call) -> None:
        """Refuses a write whose body names resources that the caller's roles don't let it join, assign or approve.

        Raises:
            ArmError: 403 ``LinkedAuthorizationFailed``, 400 ``LinkedInvalidPropertyId``.
        """
        if call.method not in ("PUT", "PATCH") or call.principal_id is None:
            return
        wanted = demand(call.method, call.path)
        if wanted is None or wanted.listing or not _resource(wanted.scope):
            return
        missing = [
            link
            for link in linked.links(wanted.scope, call.body)
            if not self.permits(call.principal_id, link.operation, link.scope)
        ]
        if missing:
            raise linked.refusal(call.principal_id, wanted.operation, wanted.scope, missing)

    def check_workspace(self, call: Call) -> None:
        """Refuses a request to a workspace's own services that the caller's roles don't permit.

        Raises:
            ArmError: 403 ``AuthorizationFailed``.
        """
        wanted = workspace_demand(call.method, call.path)
        if wanted is None or call.principal_id is None:
            return
        workspace = self._store.get(wanted.scope)
        if workspace is not None and vantage.refused(self._store, call.vantage, workspace):
            raise ArmError(
                403,
                "UserError",
                f"Public network access is disabled for the workspace '{workspace.name}': call from a network with a "
                "private endpoint to it (`python -m local env --inside VNET`).",
            )
        if not run_token.permits(call.principal_id, call.path, wanted.scope):
            self.require(call.principal_id, wanted.operation, wanted.scope)

    def check_vault(self, principal: str, vault: Record, method: str, path: str) -> None:
        """Refuses a request to a vault's data that roles or, where the vault goes by them, access policies don't permit.

        Raises:
            ArmError: 403 ``Forbidden``, as Key Vault words it.
        """
        wanted = vault_operation.demand(method, path)
        properties = vault.body.get("properties") or {}
        by_roles = properties.get("enableRbacAuthorization")
        if by_roles:
            name = path.strip("/").split("/")[1:2]
            scope = "/".join([vault.id, wanted.kind, *name])
            if self.permits(principal, wanted.action, scope, data=True):
                return
        else:
            holders = [principal, *directory.groups(self._store, principal)]
            policies = properties.get("accessPolicies") or ()
            if vault_operation.policy_allows(policies, holders, wanted.kind, wanted.permission):
                return
        why = (
            f"Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
            f"definitions were changed recently, please observe propagation time.\r\nCaller: oid={principal}\r\n"
            f"Action: '{wanted.action}'\r\nResource: '{vault.id}'\r\nAssignment: (not found)"
            if by_roles
            else f"The user, group or application 'oid={principal}' does not have {wanted.kind} {wanted.permission} "
            f"permission on key vault '{vault.name};location={vault.body.get('location')}'. For help resolving this issue, "
            "please see https://go.microsoft.com/fwlink/?linkid=2125287"
        )
        raise ArmError(403, "Forbidden", why, inner="ForbiddenByRbac" if by_roles else "ForbiddenByPolicy")

    def check_storage(self, principal: str, account: Record, wanted: DataDemand) -> None:
        """Refuses a request with a token to an account's data that roles don't permit.

        Raises:
            ArmError: 403 ``AuthorizationPermissionMismatch``.
        """
        scope, about = f"{account.id}{wanted.scope}", wanted.about(account.name)
        if not any(
            self.permits(principal, one, scope, data=wanted.data, about=about) for one in wanted.operations
        ):
            raise ArmError(
                403,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            )

    def require(self, principal: str | None, operation: str, scope: str, *, data: bool = False) -> None:
        """Refuses what a principal may not do.

        Raises:
            ArmError: 403 ``AuthorizationFailed``.
        """
        if principal is None or not self.permits(principal, operation, scope, data=data):
            raise refusal(principal or "unknown", operation, scope)

    def visible(self, principal: str | None, records: list[Record], kind: str, scope: str) -> list[Record]:
        """The records of a list at a scope that a caller may read; all of them where it may read the scope."""
        operation = f"{_readable(kind)}/read"
        if principal is None or self.permits(principal, operation, scope):
            return records
        return [
            record
            for record in records
            if self.permits(principal, f"{_readable(record.type)}/read", record.id)
        ]

    # --- decisions

    def permits(
        self,
        principal: str,
        operation: str,
        scope: str,
        *,
        data: bool = False,
        about: condition.Request | None = None,
    ) -> bool:
        """Whether roles at the scope or above it permit an operation; ``about`` is what their conditions are asked."""
        self._refresh()
        who, at = principal.lower(), f"{scope.lower().rstrip('/')}/"
        grants = self._of(who)
        # Which grants hold here is told at once; what they permit is kept: thousands of resources share the same few.
        here = tuple(number for number, grant in enumerate(grants) if at.startswith(f"{grant.scope}/"))
        if any(grants[number].conditional for number in here):
            asked = replace(about or condition.Request(), action=operation)
            return any(grants[number].permits(operation, asked, data=data) for number in here)
        key = (who, operation.lower(), here, data)
        decided = self._decided.get(key)
        if decided is None:
            asked = condition.Request(operation)
            decided = any(grants[number].permits(operation, asked, data=data) for number in here)
            if len(self._decided) > 10_000:
                self._decided.clear()
            self._decided[key] = decided
        return decided

    def holds_any_role(self, principal: str | None) -> bool:
        """Whether a principal has any role anywhere."""
        self._refresh()
        return principal is not None and bool(self._of(principal.lower()))

    def granted(self, principal: str, scope: str) -> list[Permission]:
        """All that a principal's roles permit at a scope: what ``Microsoft.Authorization/permissions`` lists."""
        self._refresh()
        at = scope.lower().rstrip("/")
        return [
            permission
            for grant in self._of(principal.lower())
            if at == grant.scope or at.startswith(f"{grant.scope}/") or not grant.scope
            for permission in grant.permissions
        ]

    def _refresh(self) -> None:
        revision = self._store.access_revision
        if revision != self._revision:
            self._grants.clear()
            self._decided.clear()
            self._revision = revision

    def _of_assignment(self, call: Call) -> condition.Request:
        """What conditions can ask of a request for a role assignment: what it is, and what it is to be."""
        attributes: dict[str, str] = {}
        stored = self._store.get(call.path)
        try:
            body: Any = call.body if call.body is not None else json.loads(call.content or b"{}")
        except ValueError:
            body = None
        asked: Any = body.get("properties") if isinstance(body, dict) else None
        for source, properties in (("request", asked), ("resource", stored and stored.body["properties"])):
            for name in ("roleDefinitionId", "principalId", "principalType"):
                value = properties.get(name) if isinstance(properties, dict) else None
                if value:
                    attributes[f"{source}[{ASSIGNMENT}:{name}]".lower()] = str(value).rsplit("/", 1)[-1]
        return condition.Request(attributes=attributes)

    def _of(self, principal: str) -> list[_Grant]:
        found = self._grants.get(principal)
        if found is None:
            holders = {principal, *directory.groups(self._store, principal)}
            found = [
                _Grant(
                    _scope(record),
                    self._permissions(record.body["properties"]["roleDefinitionId"]),
                    str(record.body["properties"].get("condition") or ""),
                )
                for record in self._store.of_type(ASSIGNMENT)
                if record.body["properties"]["principalId"].lower() in holders
            ]
            self._grants[principal] = found
        return found

    def _permissions(self, definition: str) -> tuple[Permission, ...]:
        resource_id = self._azure.parse(definition)
        record = self._store.get(definition)
        kind = self._catalog.find(DEFINITION)
        body = record.body if record is not None else None
        if body is None and kind is not None and kind.implicit is not None:
            body = kind.implicit(self._azure, resource_id)
        entries = ((body or {}).get("properties") or {}).get("permissions") or []
        return tuple(Permission.read(entry) for entry in entries)


def refusal(principal: str, operation: str, scope: str) -> ArmError:
    """ARM's 403, word for word."""
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{principal}' with object id '{principal}' does not have authorization to perform action "
        f"'{operation}' over scope '{scope or '/'}' or the scope is invalid. If access was recently granted, please "
        "refresh your credentials.",
    )


def _resource(scope: str) -> bool:
    """Whether a scope is the id of a resource of a provider."""
    provided = scope.lower().rpartition("/providers/")[2].split("/")
    return "/providers/" in scope.lower() and len(provided) > 1 and len(provided) % 2 == 1


def _scope(assignment: Record) -> str:
    return assignment.id.lower().rsplit(_SUFFIX, 1)[0]


def _readable(kind: str) -> str:
    return (
        "Microsoft.Resources/subscriptions/resourceGroups"
        if kind == "Microsoft.Resources/resourceGroups"
        else kind
    )
