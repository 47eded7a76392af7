"""Microsoft.Authorization/policyAssignments, policyExemptions and variables: where policies hold, and where they don't.

Scope: assignments and exemptions on the subscription, groups and resources, with Azure's references checked and its lists by
scope; variables and their values. What assigned policies do is in ``policy_rule``. Omitted: management groups; variables are kept and
read by no rule.

Source: Microsoft Learn, "Azure Policy assignment structure", "Azure Policy exemption structure".
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from local.azure.errors import ArmError, bad_request
from local.azure.kept import given, need, one_of
from local.azure.operation import present
from local.azure.policy import ASSIGNMENT, latest, refers_to
from local.azure.policy_rule import check
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure

EXEMPTION = "Microsoft.Authorization/policyExemptions"
VARIABLE = "Microsoft.Authorization/variables"
_NAME_LIMIT = 64


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if len(resource_id.name) > _NAME_LIMIT or set(resource_id.name) & set("<>*%&:\\?+/"):
        raise bad_request(
            f"The name '{resource_id.name}' is invalid: up to {_NAME_LIMIT} characters without <>*%&:\\?+/.",
            code="InvalidPolicyAssignmentName",
        )
    properties = given(body)
    need(properties, "policyDefinitionId")
    one_of(properties, "enforcementMode", ("Default", "DoNotEnforce", "Enroll"))
    definition = refers_to(azure, str(properties["policyDefinitionId"]))
    defined: Json = definition if isinstance(definition, dict) else definition.body["properties"]
    _check_parameters(defined, properties)
    _check_identity(azure, defined, body)
    if (body.get("identity") or {}).get("type") not in (None, "None"):
        # An identity lives somewhere.
        check_location(body)
    before: Json = old.body["properties"] if old is not None else {}
    now = azure.now().isoformat()
    stamped: Json = before.get("metadata") or {}
    kept: Json = {
        "definitionVersion": "1.*.*",
        "enforcementMode": "Default",
        "notScopes": [],
        "parameters": {},
        **properties,
        "metadata": {
            **(properties.get("metadata") or {}),
            "createdOn": stamped.get("createdOn") or now,
            "updatedOn": now if old is not None else None,
        },
        "scope": resource_id.scope,
        "instanceId": before.get("instanceId") or str(uuid.uuid4()),
    }
    for computed in ("effectiveDefinitionVersion", "latestDefinitionVersion"):
        kept.pop(computed, None)
    rest = {key: body[key] for key in ("identity", "location") if body.get(key) is not None}
    return {**rest, "properties": kept}


def _check_identity(azure: Azure, defined: Json, body: Json) -> None:
    """What may change or deploy something does so with an identity of its own."""
    members: list[Json] = defined.get("policyDefinitions") or []
    each = [defined] if not members else []
    for member in members:
        try:
            found = refers_to(azure, str(member["policyDefinitionId"]))
        except ArmError:
            continue
        each.append(found if isinstance(found, dict) else found.body["properties"])
    acting = {"modify": "Modify", "deployifnotexists": "DeployIfNotExists"}
    kinds = {
        acting[name] for one in each if "policyRule" in one for name in check.effects(one) if name in acting
    }
    if kinds and (body.get("identity") or {}).get("type") in (None, "None"):
        raise bad_request(
            f"Policy assignments must include a 'managed identity' when assigning '{min(kinds)}' policy definitions.",
            code="ResourceIdentityRequired",
        )


def _check_parameters(definition: Json, properties: Json) -> None:
    declared: Json = definition.get("parameters") or {}
    assigned: Json = properties.get("parameters") or {}
    missing = [name for name, one in declared.items() if "defaultValue" not in one and name not in assigned]
    if missing and definition.get("policyType") == "Custom":
        raise bad_request(
            f"The policy assignment is missing the parameter(s) '{', '.join(missing)}'.",
            code="MissingPolicyParameter",
        )
    custom = definition.get("policyType") == "Custom"
    unknown = [name for name in assigned if name not in declared]
    if unknown and custom:
        raise bad_request(
            f"The policy definition has no parameter(s) '{', '.join(unknown)}'.",
            code="UndefinedPolicyParameter",
        )
    for name, one in assigned.items():
        allowed = (declared.get(name) or {}).get("allowedValues")
        value = one.get("value") if isinstance(one, dict) else one
        values = value if isinstance(value, list) else [value]
        if allowed and any(item not in allowed for item in values):
            raise bad_request(
                f"The value of the policy parameter '{name}' is none of {allowed}.",
                code="PolicyParameterValueNotAllowed",
            )


def _listing(azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """Those at, above and below the scope, as Azure lists them; ``atScope()`` leaves out those below, ``atExactScope()`` all others."""
    scope = call.path[: call.path.lower().rindex("/providers/microsoft.authorization/")].lower()
    condition = call.query.get("$filter", "").lower()
    kind = call.path.rsplit("/", 1)[1]
    found: dict[str, Record] = {}
    for record in azure.store.of_type(f"Microsoft.Authorization/{kind}"):
        own = parse(record.id).scope.lower()
        at, above = own == scope, scope.startswith(f"{own}/")
        below = own.startswith(f"{scope}/") and "atscope" not in condition
        if at or ("atexactscope" not in condition and (above or below)):
            found[record.id.lower()] = record
    del records
    wanted = re.search(r"policydefinitionid eq '([^']*)'", condition)
    return [
        record
        for record in sorted(found.values(), key=lambda record: record.name.lower())
        if wanted is None or str(record.body["properties"].get("policyDefinitionId", "")).lower() == wanted[1]
    ]


def _view(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    """With the versions that hold now."""
    try:
        definition = refers_to(azure, str(record.body["properties"]["policyDefinitionId"]))
    except ArmError:
        return body
    owner = definition if isinstance(definition, dict) else definition.body["properties"]
    versions = [str(owner["version"])]
    if not isinstance(definition, dict):
        versions += [one.name for one in azure.store.below(definition.id, f"{definition.type}/versions")]
    newest = latest(versions)
    shown = {"effectiveDefinitionVersion": newest, "latestDefinitionVersion": newest}
    return {**body, "properties": {**body["properties"], **shown}}


def _delete(azure: Azure, call: Call, _resource_id: ResourceId, record: Record | None) -> Answer | None:
    """What was deleted is the answer."""
    if record is None:
        return None
    body = present(azure, TYPES[0], record, call.api_version)
    azure.store.delete(record.id)
    return Answer(200, body)


def _prepare_exemption(azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    properties = given(body)
    need(properties, "policyAssignmentId", "exemptionCategory")
    one_of(properties, "exemptionCategory", ("Waiver", "Mitigated"))
    one_of(properties, "assignmentScopeValidation", ("Default", "DoNotValidate"))
    assignment = str(properties["policyAssignmentId"])
    if azure.parse(assignment).subscription_id and azure.store.get(assignment) is None:
        raise ArmError(404, "PolicyAssignmentNotFound", f"The policy assignment '{assignment}' is not found.")
    return {"properties": {"assignmentScopeValidation": "Default", **properties}}


def _prepare_variable(_azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    properties = given(body)
    need(properties, "columns")
    return {"properties": properties}


def _prepare_value(_azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    properties = given(body)
    need(properties, "values")
    return {"properties": properties}


TYPES = (
    ResourceType(ASSIGNMENT, prepare=_prepare, view=_view, listing=_listing, on_delete=_delete, updated=201),
    ResourceType(EXEMPTION, prepare=_prepare_exemption, listing=_listing),
    ResourceType(VARIABLE, prepare=_prepare_variable, patch=False),
    ResourceType(f"{VARIABLE}/values", prepare=_prepare_value, patch=False),
)
