"""Microsoft.Authorization/policyDefinitions and policySetDefinitions: what policies and initiatives say.

Scope: custom definitions and sets of the subscription with their versions, a few of Azure's built-in definitions by their own
ids, lists of both. What an assigned one does is in ``policy_rule``. Omitted: management groups, data policy manifests, all other
built-in definitions and built-in sets: 501.

Source: Microsoft Learn, "Azure Policy definition structure"; the built-in definitions as Azure/azure-policy has them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, conflict, unsupported
from local.azure.kept import given, need, one_of
from local.azure.operation import present
from local.azure.policy_rule import check
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure

DEFINITION = "Microsoft.Authorization/policyDefinitions"
SET = "Microsoft.Authorization/policySetDefinitions"
ASSIGNMENT = "Microsoft.Authorization/policyAssignments"
_VERSION = re.compile(r"\d+\.\d+\.\d+(-\w+)?")
_MADE = "2020-01-01T00:00:00Z"
_NAME_LIMIT = 64
BUILT_IN: dict[str, Json] = json.loads(
    Path(__file__).with_name("built_in_policy.json").read_text(encoding="utf-8")
)


def refers_to(azure: Azure, identifier: str) -> Record | Json:
    """The definition or set of an id.

    Raises:
        ArmError: 404 there is none, 501 it is a built-in one that local Azure doesn't have.
    """
    resource_id = azure.parse(identifier)
    record = azure.store.get(identifier)
    if record is not None:
        return record
    if _is_built_in(resource_id):
        return BUILT_IN[resource_id.name.lower()]
    kind = "set definition" if resource_id.type.lower() == SET.lower() else "definition"
    if not resource_id.subscription_id:
        raise unsupported(f"The policy {kind} '{identifier}'")
    code = "PolicySetDefinitionNotFound" if kind.startswith("set") else "PolicyDefinitionNotFound"
    raise ArmError(404, code, f"The policy {kind} '{resource_id.name}' could not be found.")


def _is_built_in(resource_id: ResourceId) -> bool:
    found = BUILT_IN.get(resource_id.name.lower())
    kind = SET if found is not None and "policyDefinitions" in found else DEFINITION
    return found is not None and resource_id.type.lower() == kind.lower()


def latest(versions: list[str]) -> str:
    """The newest of versions."""
    return max(versions, key=lambda text: [int(part) for part in text.split("-")[0].split(".")])


def _check_name(resource_id: ResourceId) -> None:
    if len(resource_id.name) > _NAME_LIMIT or set(resource_id.name) & set("<>*%&:\\?+/"):
        raise bad_request(
            f"The name '{resource_id.name}' is invalid: up to {_NAME_LIMIT} characters without <>*%&:\\?.+/.",
            code="InvalidPolicyDefinitionName",
        )


def _metadata(azure: Azure, body: Json, old: Record | None, by: str = "") -> Json:
    before: Json = (old.body["properties"].get("metadata") or {}) if old is not None else {}
    now = azure.now().isoformat()
    return {
        **(body.get("metadata") or {}),
        "createdBy": before.get("createdBy") or by,
        "createdOn": before.get("createdOn") or now,
        "updatedBy": by if old is not None else None,
        "updatedOn": now if old is not None else None,
    }


def _check_rule(properties: Json) -> None:
    need(properties, "policyRule")
    rule = properties["policyRule"]
    if not isinstance(rule, dict) or "if" not in rule or not isinstance(rule.get("then"), dict):
        raise bad_request("A policy rule has 'if' and 'then'.", code="InvalidPolicyRule", target="policyRule")
    if not rule["then"].get("effect"):
        raise bad_request("The 'then' of a policy rule needs an effect.", code="InvalidPolicyRule")
    check.check(properties)


def _check_members(azure: Azure, properties: Json) -> None:
    need(properties, "policyDefinitions")
    for member in properties["policyDefinitions"]:
        identifier = str(member.get("policyDefinitionId") or "")
        if not identifier:
            raise bad_request(
                "Each policy of a set needs its policyDefinitionId.", code="InvalidPolicySetDefinition"
            )
        if azure.parse(identifier).subscription_id:
            refers_to(azure, identifier)


def _complete_members(properties: Json) -> Json:
    found: list[Json] = []
    for number, member in enumerate(properties["policyDefinitions"]):
        reference = member.get("policyDefinitionReferenceId") or str(number + 1)
        found.append(
            {
                "definitionVersion": "1.*.*",
                "parameters": {},
                **member,
                "policyDefinitionReferenceId": reference,
            }
        )
    return {"parameters": {}, **properties, "policyDefinitions": found}


def _prepare(kind: str) -> Any:
    def prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
        if resource_id.type.lower() == kind.lower():
            _check_name(resource_id)
            if resource_id.name.lower() in BUILT_IN:
                raise bad_request(
                    "A built-in policy can't be changed.", code="InvalidCreatePolicyDefinitionRequest"
                )
        elif not _VERSION.fullmatch(resource_id.name):
            raise bad_request(
                f"The version '{resource_id.name}' is none; write MAJOR.MINOR.PATCH.",
                code="InvalidPolicyDefinitionVersion",
            )
        properties = given(body)
        one_of(properties, "policyType", ("NotSpecified", "Custom"))
        version = resource_id.name if resource_id.type.lower() != kind.lower() else properties.get("version")
        if kind == DEFINITION:
            _check_rule(properties)
            properties = {"mode": "Indexed", **properties}
        else:
            _check_members(azure, properties)
            properties = _complete_members(properties)
        properties.pop("versions", None)
        return {
            "properties": {
                **properties,
                "policyType": "Custom",
                "version": version or (old.body["properties"]["version"] if old is not None else "1.0.0"),
                "metadata": _metadata(azure, properties, old),
            }
        }

    return prepare


def _versions(azure: Azure, record: Record) -> list[str]:
    held = [one.name for one in azure.store.below(record.id, f"{record.type}/versions")]
    return sorted({*held, str(record.body["properties"]["version"])}, reverse=True)


def _view(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    if record.created_at == _MADE:
        body.pop("systemData", None)
        return body
    return {**body, "properties": {**body["properties"], "versions": _versions(azure, record)}}


def _built_in(name: str) -> Json:
    properties = BUILT_IN[name]
    return {"properties": {**properties, "policyType": "BuiltIn", "versions": [properties["version"]]}}


def _implicit(azure: Azure, resource_id: ResourceId) -> Json | None:
    if _is_built_in(resource_id):
        return _built_in(resource_id.name.lower())
    if not resource_id.scope:
        refers_to(azure, resource_id.text)
    return None


def _implicit_version(azure: Azure, resource_id: ResourceId) -> Json | None:
    """The version that the definition itself has."""
    found = refers_to(azure, resource_id.parent)
    properties: Json = found if isinstance(found, dict) else found.body["properties"]
    if properties["version"] != resource_id.name:
        return None
    return {"properties": {key: value for key, value in properties.items() if key != "versions"}}


def _list(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """The subscription's own and the built-in ones known here; ``$filter`` may choose by ``policyType`` or category."""
    kind = SET if call.path.lower().endswith("/policysetdefinitions") else DEFINITION
    if call.path.lower().startswith("/providers/"):
        raise unsupported(
            f"The list of all built-in {kind.rsplit('/', 1)[1]} (it has {len(BUILT_IN)} of Azure's)"
        )
    condition = call.query.get("$filter", "").lower()
    static = [] if "custom" in condition or "atexactscope" in condition else _static(kind)
    custom = [] if "builtin" in condition else records
    category = re.search(r"category eq '([^']*)'", condition)
    return [
        record
        for record in [*static, *custom]
        if category is None
        or str((record.body["properties"].get("metadata") or {}).get("category", "")).lower() == category[1]
    ]


def _static(kind: str) -> list[Record]:
    return [
        Record(f"/providers/{kind}/{name}", kind, name, _built_in(name), "", _MADE, _MADE, "")
        for name, one in BUILT_IN.items()
        if ("policyDefinitions" in one) == (kind == SET)
    ]


def _list_versions(azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    owner = azure.store.get(call.path.rsplit("/", 1)[0])
    if owner is None:
        return records
    return [*records, *_own_version(owner, {record.name for record in records})]


def _own_version(owner: Record, held: set[str]) -> list[Record]:
    version = str(owner.body["properties"]["version"])
    if version in held:
        return []
    made = (owner.created_at, owner.modified_at, owner.created_by)
    kind = f"{owner.type}/versions"
    return [Record(f"{owner.id}/versions/{version}", kind, version, owner.body, owner.etag, *made)]


def _guard(azure: Azure, record: Record) -> None:
    for assignment in azure.store.of_type(ASSIGNMENT):
        if str(assignment.body["properties"]["policyDefinitionId"]).lower() == record.id.lower():
            raise conflict(
                f"The policy definition '{record.name}' can't be deleted: the policy assignment '{assignment.id}' uses it.",
                code="PolicyDefinitionInUse",
            )
    for owner in azure.store.of_type(SET) if record.type == DEFINITION else []:
        members = owner.body["properties"]["policyDefinitions"]
        if record.id.lower() in {str(member["policyDefinitionId"]).lower() for member in members}:
            raise conflict(
                f"The policy definition '{record.name}' can't be deleted: the policy set definition '{owner.id}' has it.",
                code="PolicyDefinitionInUse",
            )


async def _all_versions(azure: Azure, call: Call) -> Answer:
    """``listPolicyDefinitionVersions``: those of all definitions, or of all sets."""
    kind = SET if call.captured["what"].lower() == "policyset" else DEFINITION
    if not call.captured["subscription"]:
        raise unsupported("The list of the versions of all built-in policies")
    shown = next(one for one in TYPES if one.name == f"{kind}/versions")
    found: list[Json] = []
    for owner in azure.store.of_type(kind):
        held = azure.store.below(owner.id, shown.name)
        for record in [*held, *_own_version(owner, {one.name for one in held})]:
            found.append(present(azure, shown, record, call.api_version))  # noqa: PERF401 (two loops read better)
    return Answer(200, {"value": found})


def _types(kind: str) -> tuple[ResourceType, ResourceType]:
    return (
        ResourceType(
            kind,
            prepare=_prepare(kind),
            view=_view,
            implicit=_implicit,
            listing=_list,
            guard_delete=_guard,
            patch=False,
            # Of sets 200, of definitions 201.
            updated=200 if "Set" in kind else 201,
        ),
        ResourceType(
            f"{kind}/versions",
            prepare=_prepare(kind),
            implicit=_implicit_version,
            listing=_list_versions,
            patch=False,
        ),
    )


TYPES = (*_types(DEFINITION), *_types(SET))
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            r"(?:/subscriptions/(?P<subscription>[^/]+))?/providers/Microsoft\.Authorization"
            r"/list(?P<what>Policy|PolicySet)DefinitionVersions",
            re.IGNORECASE,
        ),
        _all_versions,
        ("POST",),
    ),
)
