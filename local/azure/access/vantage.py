"""From where a request comes, and what it reaches from there.

A connection says where it comes from in the proxy's address: ``http://inside:VNET@127.0.0.1:PORT`` (a virtual network's id),
``http://from:ADDRESS@…`` (a public address), ``http://managed:WORKSPACE@…`` (a workspace's managed network); without any it
comes from the internet. ``python -m local env --inside`` and ``--from`` write such addresses, and what local Azure runs gets
that of its compute's subnet.

Where public access is disabled, only private endpoints lead in: one whose connection is approved, in the network or in one
peered with it, and whose name resolves to its address in a private DNS zone linked to the network: without the zone the name
is public, as in Azure. Where a firewall denies by default, its rules for networks and addresses count too (Microsoft Learn,
"Configure Azure Storage firewalls and virtual networks", "Private endpoint DNS configuration"). Omitted: resource access
rules, network security perimeters, security groups and firewalls on the way, service endpoints of peered networks.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from local.azure.network.name import ENDPOINT, PEERING, ZONE_LINK
from local.azure.network.private_link import LISTS
from local.azure.network.zone_group import public

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Store
    from local.azure.resource_type import Record

INSIDE, FROM, MANAGED = "inside", "from", "managed"
_OUTBOUND_RULE = "Microsoft.MachineLearningServices/workspaces/outboundRules"
#: What a workspace stands on; its managed network has private endpoints to them without being told.
_OWN = ("storageAccount", "keyVault", "containerRegistry")


def proxy_address(port: int, how: str, place: str) -> str:
    """The proxy's address for clients at a place. ``how`` is ``inside``, ``from`` or ``managed``."""
    return f"http://{how}:{quote(place, safe='')}@127.0.0.1:{port}"


def read(authorization: str) -> str:
    """Where a connection comes from, by its ``Proxy-Authorization``: ``inside:VNET``, ``from:ADDRESS``, … or empty."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        how, _, place = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return f"{how}:{unquote(place)}" if how in (INSIDE, FROM, MANAGED) and place else ""


def refused(store: Store, vantage: str, target: Record, host: str = "") -> str:
    """Why a request doesn't reach a resource's data: ``connection``, ``firewall``; empty: it does.

    Args:
        store: networks, endpoints and zones.
        vantage: where it comes from, of ``read``.
        target: the storage account, vault or workspace.
        host: the name that the client asked for; empty where a resource has many.
    """
    properties: Mapping[str, Any] = target.body.get("properties") or {}
    rules: Mapping[str, Any] = properties.get("networkAcls") or {}
    closed = properties.get("publicNetworkAccess") == "Disabled"
    guarded = str(rules.get("defaultAction") or "Allow") == "Deny"
    if not closed and not guarded:
        return ""
    how, _, place = vantage.partition(":")
    if how == INSIDE and _private_path(store, place, target, host):
        return ""
    if how == MANAGED and _managed_path(store, place, target):
        return ""
    if not closed and _let_in(how, place, rules):
        return ""
    return "connection" if closed else "firewall"


def _private_path(store: Store, network: str, target: Record, host: str) -> bool:
    reachable = {network.lower(), *_peered(store, network)}
    for endpoint in store.of_type(ENDPOINT):
        properties: Mapping[str, Any] = endpoint.body["properties"]
        subnet = str((properties.get("subnet") or {}).get("id") or "").lower()
        if subnet.rpartition("/subnets/")[0] not in reachable or not _approved(properties, target):
            continue
        for config in properties.get("customDnsConfigs") or []:
            name = str(config["fqdn"]).lower()
            if host and name != host.lower():
                continue
            if set(_resolved(store, network, name)) & set(config["ipAddresses"]):
                return True
    return False


def _approved(properties: Mapping[str, Any], target: Record) -> bool:
    for segment in LISTS:
        for connection in properties.get(segment) or []:
            inner: Mapping[str, Any] = connection["properties"]
            state = (inner.get("privateLinkServiceConnectionState") or {}).get("status")
            if str(inner["privateLinkServiceId"]).lower() == target.id.lower() and state == "Approved":
                return True
    return False


def _peered(store: Store, network: str) -> set[str]:
    return {
        str(peering.body["properties"]["remoteVirtualNetwork"]["id"]).lower()
        for peering in store.below(network, PEERING)
    }


def _resolved(store: Store, network: str, name: str) -> list[str]:
    """The addresses of a name in the private zones that are linked to a network."""
    for link in store.of_type(ZONE_LINK):
        linked = (link.body["properties"].get("virtualNetwork") or {}).get("id")
        if str(linked).lower() != network.lower():
            continue
        zone_id = link.id.rsplit("/", 2)[0]
        zone = zone_id.rsplit("/", 1)[1]
        ending = f".{public(zone)}"
        record = store.get(f"{zone_id}/A/{name.removesuffix(ending)}") if name.endswith(ending) else None
        if record is not None:
            return [one["ipv4Address"] for one in record.body["properties"].get("aRecords") or []]
    return []


def _managed_path(store: Store, workspace_id: str, target: Record) -> bool:
    workspace = store.get(workspace_id)
    if workspace is None:
        return False
    properties: Mapping[str, Any] = workspace.body["properties"]
    own = {str(properties.get(key) or "").lower() for key in _OWN} | {workspace.id.lower()}
    for rule in store.below(workspace.id, _OUTBOUND_RULE):
        destination = rule.body["properties"].get("destination")
        if rule.body["properties"].get("type") == "PrivateEndpoint" and isinstance(destination, dict):
            own.add(str(destination.get("serviceResourceId") or "").lower())
    return target.id.lower() in own


def _let_in(how: str, place: str, rules: Mapping[str, Any]) -> bool:
    if how == INSIDE:
        subnets = [
            str(rule.get("id") or "").lower().rpartition("/subnets/")[0]
            for rule in rules.get("virtualNetworkRules") or []
        ]
        return place.lower() in subnets
    if how == FROM:
        try:
            address = ipaddress.ip_address(place)
            return any(
                address in ipaddress.ip_network(str(rule["value"]), strict=False)
                for rule in rules.get("ipRules") or []
            )
        except ValueError:
            return False
    return False
