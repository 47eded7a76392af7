"""Microsoft.Network: zone groups of private endpoints, which keep an endpoint's names in private DNS zones.

Scope: one group per endpoint, up to five zones, A records made, renewed and deleted with the group. Omitted: nothing is resolved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network.name import ZONE, ZONE_GROUP
from local.azure.network.private_link import LISTS, TARGETS
from local.azure.network.record import kept
from local.azure.network.record_set import address_set
from local.azure.network.reference import check_reference
from local.azure.resource_id import parse

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_MOST_ZONES = 5
_TTL = 10


def _write(azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None) -> Json:
    configs: list[Json] = properties.get("privateDnsZoneConfigs") or []
    if not 1 <= len(configs) <= _MOST_ZONES:
        raise bad_request(
            f"A private DNS zone group has 1 to {_MOST_ZONES} zones; '{resource_id.name}' has {len(configs)}.",
            code="InvalidRequestFormat",
        )
    for other in azure.store.below(resource_id.parent, ZONE_GROUP):
        if other.id.lower() != resource_id.key:
            raise bad_request(
                f"The private endpoint has the zone group '{other.name}' already, and can have one.",
                code="PrivateDnsZoneGroupLimitReached",
            )
    for config in configs:
        reference = {"id": (config.get("properties") or {}).get("privateDnsZoneId")}
        check_reference(azure, reference)
        if azure.parse(str(reference["id"])).type.lower() != ZONE.lower():
            raise bad_request(f"{reference['id']} is no private DNS zone.", code="InvalidResourceReference")
        (config.get("properties") or {}).pop("recordSets", None)
    return {"privateDnsZoneConfigs": configs}


def public(zone: str) -> str:
    """The public zone that a private link zone stands for."""
    return zone.lower().removeprefix("privatelink.").replace("vaultcore", "vault")


def names_in(zone: str, fqdns: list[str], service_zones: list[str]) -> dict[str, str]:
    """Name in the zone → name of the endpoint, for those names that belong into a zone.

    A zone that isn't one of the service's gets all names, without the service's own ending, as in Azure.

    >>> names_in("privatelink.vaultcore.azure.net", ["v.vault.azure.net"], ["privatelink.vaultcore.azure.net"])
    {'v': 'v.vault.azure.net'}
    >>> names_in("corp.example", ["v.vault.azure.net"], ["privatelink.vaultcore.azure.net"])
    {'v': 'v.vault.azure.net'}
    """
    ending = f".{public(zone)}"
    if own := {fqdn.removesuffix(ending): fqdn for fqdn in fqdns if fqdn.endswith(ending)}:
        return own
    if zone.lower() in [one.lower() for one in service_zones]:
        return {}
    found: dict[str, str] = {}
    for fqdn in fqdns:
        endings = [f".{public(one)}" for one in service_zones if fqdn.endswith(f".{public(one)}")]
        found[fqdn.removesuffix(endings[0]) if endings else fqdn.split(".")[0]] = fqdn
    return found


def _sets(endpoint: Record, zone: str) -> list[Json]:
    """The record sets that an endpoint has in a zone."""
    properties: Json = endpoint.body["properties"]
    addresses = {entry["fqdn"]: entry["ipAddresses"] for entry in properties.get("customDnsConfigs") or []}
    zones: list[str] = []
    for segment in LISTS:
        for one in properties.get(segment) or []:
            target = TARGETS.get(parse(str(one["properties"]["privateLinkServiceId"])).type.lower())
            for group in one["properties"].get("groupIds") or []:
                known = (
                    next((name for name in target.groups if name.lower() == group.lower()), "")
                    if target
                    else ""
                )
                zones += target.zones_of(known) if target is not None and known else []
    return [
        {
            "recordType": "A",
            "recordSetName": name,
            "fqdn": f"{name}.{zone}",
            "ttl": _TTL,
            "ipAddresses": addresses[fqdn],
            "provisioningState": "Succeeded",
        }
        for name, fqdn in names_in(zone, list(addresses), zones).items()
    ]


def _creator(endpoint: Record) -> Json:
    guid = endpoint.body["properties"]["resourceGuid"]
    return {"creator": f"created by private endpoint {endpoint.name} with resource guid {guid}"}


def _remove(azure: Azure, endpoint: Record, but: set[str]) -> None:
    """Deletes the records that an endpoint made, except some."""
    for record in azure.store.of_type(f"{ZONE}/A"):
        if record.body["properties"].get("metadata") == _creator(endpoint) and record.id.lower() not in but:
            azure.store.delete(record.id)


async def _settle(azure: Azure, record: Record) -> Json | None:
    endpoint = azure.store.get(parse(record.id).parent)
    if endpoint is None:
        return None
    written: set[str] = set()
    for config in record.body["properties"]["privateDnsZoneConfigs"]:
        zone = azure.store.get(str(config["properties"]["privateDnsZoneId"]))
        if zone is None:
            continue
        for one in _sets(endpoint, zone.name):
            path, addresses = f"{zone.id}/A/{one['recordSetName']}", one["ipAddresses"]
            body = address_set(
                zone.name, one["recordSetName"], addresses, ttl=_TTL, metadata=_creator(endpoint)
            )
            written.add(path.lower())
            if (found := azure.store.get(path)) is None or found.body != body:
                azure.store.put(path, body)
    _remove(azure, endpoint, written)
    return None


async def _vanish(azure: Azure, record: Record) -> None:
    endpoint = azure.store.get(parse(record.id).parent)
    if endpoint is not None:
        _remove(azure, endpoint, set())


def _read(azure: Azure, record: Record, properties: Json) -> Json:
    endpoint = azure.store.get(parse(record.id).parent)
    configs: list[Json] = []
    for config in properties["privateDnsZoneConfigs"]:
        inner: Json = config["properties"]
        zone = str(inner["privateDnsZoneId"]).rsplit("/", 1)[1]
        sets = _sets(endpoint, zone) if endpoint is not None else []
        configs.append({**config, "properties": {**inner, "recordSets": sets}})
    return {**properties, "privateDnsZoneConfigs": configs}


TYPES = (
    kept(ZONE_GROUP, write=_write, read=_read, settle=_settle, vanish=_vanish, located=False, patch=False),
)
