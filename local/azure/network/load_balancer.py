"""Microsoft.Network: load balancers, as a private link service or a cluster names them.

Scope: frontends with addresses, pools, rules, probes and outbound rules, kept with Azure's ids and the references between them.
Omitted: nothing is balanced; health, migrations and the lists of interfaces are 501.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.network.interface import placed
from local.azure.network.name import LINK_SERVICE, LOAD_BALANCER
from local.azure.network.record import Part, kept, named, parts_of, view_of
from local.azure.network.reference import in_use, mentions, users

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId, ResourceType

_RULE = {"enableFloatingIP": False, "enableTcpReset": False, "idleTimeoutInMinutes": 4}
_PARTS = (
    Part(
        "frontendIPConfigurations",
        {"privateIPAllocationMethod": "Dynamic", "privateIPAddressVersion": "IPv4"},
        typed=True,
    ),
    Part("backendAddressPools", typed=True),
    Part(
        "loadBalancingRules",
        {**_RULE, "disableOutboundSnat": False, "loadDistribution": "Default"},
        typed=True,
    ),
    Part("probes", {"intervalInSeconds": 15, "numberOfProbes": 2, "probeThreshold": 1}, typed=True),
    Part("inboundNatRules", _RULE, typed=True),
    Part("inboundNatPools", _RULE, typed=True),
    Part(
        "outboundRules",
        {"allocatedOutboundPorts": 1024, "enableTcpReset": False, "idleTimeoutInMinutes": 4},
        typed=True,
    ),
)
#: what names frontends, pools and probes, which show it
_RULES = ("loadBalancingRules", "inboundNatRules", "inboundNatPools", "outboundRules")
_SHOWN_ON = ("frontendIPConfigurations", "backendAddressPools", "probes")
#: parts that Azure lets be written by themselves too: that is 501 here
_WRITABLE = ("backendAddressPools", "inboundNatRules")


def _write(azure: Azure, resource_id: ResourceId, body: Json, properties: Json, old: Record | None) -> Json:
    body["sku"] = {"name": "Basic", "tier": "Regional", **(body.get("sku") or {})}
    shown = dict(properties)
    for part in _PARTS:
        items = named(shown.get(part.at) or [], part.at)
        for item in items:
            for key in ("inboundNatRules", "loadBalancingRules", "outboundRules", "inboundNatPools"):
                if part.at in _SHOWN_ON:
                    (item.get("properties") or {}).pop(key, None)
        shown[part.at] = items
    shown["frontendIPConfigurations"] = placed(
        azure, resource_id, shown["frontendIPConfigurations"], old, "frontendIPConfigurations"
    )
    _check_inner(resource_id, shown)
    return shown


def _check_inner(resource_id: ResourceId, properties: Json) -> None:
    """Refuses rules that name a frontend, pool or probe that the balancer lacks (400)."""
    for segment in _RULES:
        for rule in properties.get(segment) or []:
            for reference in _references(rule.get("properties") or {}):
                below = reference.lower().removeprefix(f"{resource_id.key}/")
                if below == reference.lower() or below.count("/") != 1:
                    continue
                kind, name = below.split("/")
                known = next((part.at for part in _PARTS if part.at.lower() == kind), "")
                if not any(str(one["name"]).lower() == name for one in properties.get(known) or []):
                    raise bad_request(
                        f"Resource {reference} referenced by resource {resource_id.text}/{segment}/{rule['name']} was not "
                        "found.",
                        code="InvalidResourceReference",
                    )


def _references(properties: Json) -> list[str]:
    return [
        str(one["id"])
        for value in properties.values()
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, dict) and one.get("id")
    ]


def _read(_azure: Azure, _record: Record, properties: Json) -> Json:
    shown = dict(properties)
    for segment in _SHOWN_ON:
        shown[segment] = [_with_rules(properties, one) for one in properties.get(segment) or []]
    return shown


def _with_rules(properties: Json, item: Json) -> Json:
    inner: Json = dict(item["properties"])
    for segment in _RULES:
        ids: list[Any] = [
            {"id": rule["id"]}
            for rule in properties.get(segment) or []
            if mentions(rule.get("properties"), str(item["id"]).lower())
        ]
        if ids:
            inner[segment] = ids
    return {**item, "properties": inner}


def _keep_used(azure: Azure, record: Record) -> None:
    for frontend in record.body["properties"]["frontendIPConfigurations"]:
        for user in users(azure, f"{record.id}/frontendIPConfigurations/{frontend['name']}", (LINK_SERVICE,)):
            raise in_use("LoadBalancer", record, user.id)


def _items(segment: str) -> Any:
    shaped = parts_of(segment, _PARTS)

    def items(azure: Azure, record: Record) -> list[Json]:
        if segment not in _SHOWN_ON:
            return shaped(azure, record)
        every = {part.at: parts_of(part.at, _PARTS)(azure, record) for part in _PARTS}
        return [_with_rules(every, one) for one in every[segment]]

    return items


def _part_type(segment: str) -> ResourceType:
    return view_of(f"{LOAD_BALANCER}/{segment}", _items(segment))


TYPES = (
    kept(LOAD_BALANCER, write=_write, read=_read, parts=_PARTS, guard=_keep_used, has_guid=True),
    *(_part_type(part.at) for part in _PARTS if part.at != "inboundNatPools" and part.at not in _WRITABLE),
)
