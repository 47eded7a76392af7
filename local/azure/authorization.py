"""Microsoft.Authorization: role assignments at any scope, built-in and custom role definitions.

Scope: assignments with Azure's rules (GUID names, one per scope, principal and role, nothing but the description changes),
the built-in roles that platforms such as this use, custom roles. Omitted: evaluation (nobody is refused for a missing role),
deny assignments, PIM, locks and policies.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from local.azure.errors import ArmError, bad_request, conflict
from local.azure.resource_id import parse
from local.azure.resource_type import Call, Json, Record, ResourceId, ResourceType
from local.settings import PRINCIPAL_ID, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
#: Source: Microsoft Learn, "Azure built-in roles".
BUILT_IN = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "69566ab7-960f-475b-8e7c-b3118f30c6bd": "Storage File Data Privileged Contributor",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "8a0f0c08-91a1-4084-bc3d-661d67233fed": "Storage Queue Data Message Processor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "f25e0fa2-a7c8-4377-a976-54943a77a395": "Key Vault Contributor",
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "14b46e9e-c2b7-41b4-b07b-48a6ebf60603": "Key Vault Crypto Officer",
    "21090545-7ca7-4776-b22c-e363652d74d2": "Key Vault Reader",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "8311e382-0749-4cb8-b61a-304f252e45ec": "AcrPush",
    "f6c7c914-8db3-469d-8ca1-694a8f32e121": "AzureML Data Scientist",
    "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815": "AzureML Compute Operator",
    "1823dd4f-9b8c-4ab6-ab4e-7397a3684615": "AzureML Registry User",
    "635dd51f-9968-44d3-b7fb-6d9a6bd613ae": "AzureML Metrics Writer (preview)",
    "b556d68e-0be0-4f35-a333-ad7ee1ce17ea": "Azure AI Enterprise Network Connection Approver",
    "43d0d8ad-25c7-4714-9337-8ba259a9fe05": "Monitoring Reader",
    "749f88d5-cbae-40b8-bcfc-e573ddc772fa": "Monitoring Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "92aaf0da-9dab-42b6-94a3-d43ce8d16293": "Log Analytics Contributor",
    "73c42c96-874c-492b-b04d-ab87d138a893": "Log Analytics Reader",
    "f1a07417-d97a-45cb-824c-7a7467783830": "Managed Identity Operator",
    "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59": "Managed Identity Contributor",
    "4d97b98b-1d4f-4787-a291-c67834d212e7": "Network Contributor",
    "d5a91429-5739-47e2-a06b-3470a27159e7": "EventGrid Data Sender",
}
_MADE = "2015-02-02T21:55:09.8806423Z"
_PRINCIPALS = ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")


def _guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


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
    if definition not in BUILT_IN and azure.store.get(_definition_id(definition)) is None:
        raise ArmError(
            404,
            "RoleDefinitionDoesNotExist",
            f"The specified role definition with ID '{definition}' does not exist (local Azure knows {len(BUILT_IN)} built-in roles).",
        )
    kind = given.get("principalType")
    if kind is not None and kind not in _PRINCIPALS:
        raise bad_request(
            f"The principal type '{kind}' is none of {', '.join(_PRINCIPALS)}.",
            code="UnsupportedPrincipalType",
        )
    if kind is None and not _known(azure, principal):
        raise bad_request(
            f"Principal {principal.replace('-', '')} does not exist in the directory. Check that you have the correct "
            "principal ID. If you are creating this principal and then immediately assigning a role, set 'principalType'.",
            code="PrincipalNotFound",
        )
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
        "principalType": kind or "ServicePrincipal",
        "scope": resource_id.scope,
        "createdOn": created["createdOn"],
        "createdBy": created["createdBy"],
        "updatedOn": now,
        "updatedBy": PRINCIPAL_ID,
    }
    return {"properties": properties}


def _key(properties: Json) -> tuple[str, str]:
    return properties["principalId"].lower(), properties["roleDefinitionId"].rsplit("/", 1)[-1].lower()


def _known(azure: Azure, principal: str) -> bool:
    if principal.lower() == PRINCIPAL_ID:
        return True
    for record in azure.store.below(f"/subscriptions/{SUBSCRIPTION_ID}"):
        for holder in (record.body.get("properties") or {}, record.body.get("identity") or {}):
            if (
                isinstance(holder, dict)
                and str(holder.get("principalId", "")).lower() == principal.lower()
                and record.type != ASSIGNMENT
            ):
                return True
    return False


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
    properties: Json = {
        "roleName": BUILT_IN[name],
        "type": "BuiltInRole",
        "description": f"Azure's built-in role {BUILT_IN[name]}.",
        "assignableScopes": ["/"],
        "permissions": [{"actions": [], "notActions": [], "dataActions": [], "notDataActions": []}],
        "createdOn": _MADE,
        "updatedOn": _MADE,
        "createdBy": None,
        "updatedBy": None,
    }
    return {"properties": properties}


def _implicit_definition(_azure: Azure, resource_id: ResourceId) -> Json | None:
    name = resource_id.name.lower()
    return _built_in(name) if name in BUILT_IN else None


def _prepare_definition(_azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if not _guid(resource_id.name):
        raise bad_request("The name of a role definition must be a GUID.", code="InvalidRoleDefinitionId")
    if resource_id.name.lower() in BUILT_IN:
        raise bad_request("A built-in role can't be changed.", code="RoleDefinitionReadOnly")
    given: Json = body.get("properties") or {}
    for key in ("roleName", "assignableScopes", "permissions"):
        if not given.get(key):
            raise bad_request(f"A role definition needs '{key}'.", code="InvalidRequestContent", target=key)
    return {"properties": {"type": "CustomRole", **given}}


def _list_definitions(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    built_in = [
        Record(_definition_id(name), DEFINITION, name, _built_in(name), "", _MADE, _MADE, "")
        for name in BUILT_IN
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
        ASSIGNMENT, prepare=_prepare_assignment, listing=_list_assignments, view=_plain, patch=False
    ),
    ResourceType(
        DEFINITION,
        prepare=_prepare_definition,
        implicit=_implicit_definition,
        listing=_list_definitions,
        view=_plain,
        patch=False,
    ),
)
