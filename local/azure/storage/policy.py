"""Microsoft.Storage: lifecycle rules, inventories and object replication of an account.

Scope: the policies with Azure's checks; a replication policy made as ``default`` gets its id, its rules get theirs. Kept,
not applied: nothing is moved, listed or copied by them.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from local.azure.blob import ACCOUNT
from local.azure.computed_resource import plain
from local.azure.errors import bad_request, not_found
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure

REPLICATION = f"{ACCOUNT}/objectReplicationPolicies"
_SHOWN = {"managementpolicies": "DefaultManagementPolicy", "inventorypolicies": "DefaultInventoryPolicy"}
_MOST_RULES = 100


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if resource_id.name.lower() != "default":
        raise bad_request(
            f"The name of a policy of this kind is 'default', not '{resource_id.name}'.",
            code="InvalidResourceName",
        )
    properties: Json = body.get("properties") or {}
    rules = (properties.get("policy") or {}).get("rules")
    if not isinstance(rules, list) or not 1 <= len(rules) <= _MOST_RULES:
        raise _invalid(f"A policy has 1 to {_MOST_RULES} rules (properties.policy.rules).")
    names = [str(rule.get("name")) for rule in rules]
    if len(set(names)) < len(names) or not all(rule.get("name") for rule in rules):
        raise _invalid("Each rule of a policy has a name, and no two the same.")
    check = _check_lifecycle if resource_id.type.lower().endswith("managementpolicies") else _check_inventory
    for rule in rules:
        check(rule)
    return {"properties": {**properties, "lastModifiedTime": azure.now().isoformat()}}


def _check_lifecycle(rule: Json) -> None:
    definition: Json = rule.get("definition") or {}
    if rule.get("type") != "Lifecycle":
        raise _invalid(f"The type of the rule '{rule['name']}' must be 'Lifecycle'.")
    if not any((definition.get("actions") or {}).values()):
        raise _invalid(f"The rule '{rule['name']}' needs an action (definition.actions).")


def _check_inventory(rule: Json) -> None:
    definition: Json = rule.get("definition") or {}
    missing = [key for key in ("format", "objectType", "schedule", "schemaFields") if not definition.get(key)]
    if not rule.get("destination"):
        missing.append("destination")
    if missing:
        raise _invalid(f"The rule '{rule['name']}' needs {', '.join(missing)}.")


def _invalid(message: str) -> Exception:
    return bad_request(message, code="InvalidRequestPropertyValue", target="properties.policy")


def _view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return {**body, "name": _SHOWN[record.type.lower().rsplit("/", 1)[1]]}


# --- object replication


def _prepare_replication(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    given: Json = body.get("properties") or {}
    for key in ("sourceAccount", "destinationAccount"):
        if not given.get(key):
            raise bad_request(
                f"A replication policy needs {key}.", code="InvalidRequestPropertyValue", target=key
            )
    account = resource_id.names[0].lower()
    ends = [_short(given[key]) for key in ("sourceAccount", "destinationAccount")]
    if account not in ends:
        raise bad_request(
            f"The account {account} is neither source nor destination of this policy.",
            code="InvalidRequestPropertyValue",
        )
    rules = [{"ruleId": str(uuid.uuid4()), **rule} for rule in given.get("rules") or []]
    properties = {**given, "policyId": resource_id.name, "rules": rules}
    if account == ends[0]:
        before: Json = old.body["properties"] if old is not None else {}
        properties["enabledTime"] = before.get("enabledTime") or azure.now().isoformat()
    return {"properties": properties}


def _short(account: str) -> str:
    """The name of an account that is given by name or by id."""
    return str(account).rsplit("/", 1)[-1].lower()


async def _make_replication(azure: Azure, call: Call) -> Answer:
    """PUT of ``default`` makes a policy with an id of its own (on the destination, which comes first)."""
    account = azure.store.get(call.captured["account"])
    if account is None:
        raise not_found(call.captured["account"])
    resource_id = parse(f"{account.id}/objectReplicationPolicies/{uuid.uuid4()}")
    body = _prepare_replication(azure, resource_id, call.body or {}, None)
    record = azure.store.put(resource_id.text, body, by=call.principal_id or "")
    return Answer(200, {"id": record.id, "name": record.name, "type": REPLICATION, **record.body})


TYPES = (
    ResourceType(f"{ACCOUNT}/managementPolicies", prepare=_prepare, created=200, view=_view, patch=False),
    ResourceType(f"{ACCOUNT}/inventoryPolicies", prepare=_prepare, created=200, view=_view, patch=False),
    ResourceType(REPLICATION, prepare=_prepare_replication, created=200, view=plain, patch=False),
)
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            r"(?P<account>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Storage/storageAccounts/[^/]+)"
            r"/objectReplicationPolicies/default",
            re.IGNORECASE,
        ),
        _make_replication,
        ("PUT",),
    ),
)
