"""Microsoft.Network: firewall policies, their rule collection groups, drafts and signature overrides.

Scope: groups with their priorities and rules, base policies, drafts kept beside what they would replace. Omitted: nothing is
filtered; lists of IDPS signatures and the deployment of drafts are 501.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network.name import FIREWALL, POLICY
from local.azure.network.record import kept
from local.azure.network.reference import check_reference, in_use, same, users

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_GROUP = f"{POLICY}/ruleCollectionGroups"
_KINDS = ("FirewallPolicyFilterRuleCollection", "FirewallPolicyNatRuleCollection")
_TIERS = ("Basic", "Standard", "Premium")


def _write(azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None) -> Json:
    check_reference(azure, properties.get("basePolicy"))
    if same(properties.get("basePolicy"), resource_id.text):
        raise bad_request(
            f"Firewall policy {resource_id.text} can't be its own base.", code="FirewallPolicyBaseIsItself"
        )
    tier = (properties.get("sku") or {}).get("tier", "Standard")
    if tier not in _TIERS:
        raise bad_request(
            f"The SKU tier '{tier}' of a firewall policy must be one of {', '.join(_TIERS)}.",
            code="InvalidRequestFormat",
        )
    return {"threatIntelMode": "Alert", **properties, "sku": {"tier": tier}}


def _read(azure: Azure, record: Record, properties: Json) -> Json:
    children = [
        other
        for other in users(azure, record.id, (POLICY,))
        if same(other.body["properties"].get("basePolicy"), record.id)
    ]
    groups = azure.store.below(record.id, _GROUP)
    return {
        **properties,
        "size": _size([record, *groups]),
        "firewalls": [{"id": user.id} for user in users(azure, record.id, (FIREWALL,))],
        "childPolicies": [{"id": one.id} for one in children],
        "ruleCollectionGroups": [{"id": group.id} for group in groups],
    }


def _size(records: list[Record]) -> str:
    """How Azure writes a size. Azure measures the compiled rules, local Azure their JSON."""
    return f"{sum(len(json.dumps(record.body)) for record in records) / 1_000_000:.1f}MB"


def _read_group(_azure: Azure, record: Record, properties: Json) -> Json:
    return {**properties, "size": _size([record])}


def _keep_used(azure: Azure, record: Record) -> None:
    for user in users(azure, record.id, (FIREWALL, POLICY)):
        raise in_use("FirewallPolicy", record, user.id)


def _write_group(
    azure: Azure, resource_id: ResourceId, body: Json, properties: Json, old: Record | None
) -> Json:
    checked = _write_draft(azure, resource_id, body, properties, old)
    for other in azure.store.below(resource_id.parent, _GROUP):
        if (
            other.id.lower() != resource_id.key
            and other.body["properties"]["priority"] == checked["priority"]
        ):
            raise bad_request(
                f"Rule collection group '{other.name}' has the priority {checked['priority']} already.",
                code="FirewallPolicyRuleCollectionGroupPriorityConflict",
            )
    return checked


def _write_draft(
    _azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None
) -> Json:
    priority = int(properties.get("priority") or 0)
    if not 100 <= priority <= 65000:
        raise bad_request(
            f"The priority {priority} of rule collection group '{resource_id.name}' must be from 100 to 65000.",
            code="FirewallPolicyRuleCollectionGroupInvalidPriorityValue",
        )
    names: set[str] = set()
    for collection in properties.get("ruleCollections") or []:
        if collection.get("ruleCollectionType") not in _KINDS:
            raise bad_request(
                f"The ruleCollectionType '{collection.get('ruleCollectionType')}' must be one of {', '.join(_KINDS)}.",
                code="InvalidRequestFormat",
            )
        if str(collection.get("name")).lower() in names:
            raise bad_request(
                f"Two rule collections of '{resource_id.name}' have the name '{collection['name']}'.",
                code="FirewallPolicyRuleCollectionGroupDuplicateName",
            )
        names.add(str(collection.get("name")).lower())
    return {**properties, "ruleCollections": properties.get("ruleCollections") or []}


TYPES = (
    kept(
        POLICY,
        write=_write,
        read=_read,
        read_only=("firewalls", "childPolicies", "ruleCollectionGroups", "size"),
        guard=_keep_used,
    ),
    kept(_GROUP, write=_write_group, read=_read_group, read_only=("size",), located=False, patch=False),
    kept(
        f"{_GROUP}/ruleCollectionGroupDrafts",
        write=_write_draft,
        located=False,
        patch=False,
        vanish_now=True,
    ),
    kept(f"{POLICY}/firewallPolicyDrafts", located=False, patch=False, vanish_now=True),
    kept(f"{POLICY}/signatureOverrides", located=False, created=200),
)
