"""What doesn't fit together in a stack's network although each key is right. Pure.

Each mistake is one line that begins with a key: what would break, and what to write instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.network.address import prefix_for, range_mistakes, room
from infra.network.config import OWN_SUBNETS
from infra.network.managed import managed_mistakes
from infra.network.zone import zone_mistakes

if TYPE_CHECKING:
    from infra.cloud import Cloud
    from infra.network.config import NetworkConfig

#: Names that Azure's services insist on, and what makes the subnet.
_RESERVED = {
    "azurefirewallsubnet": "write egress.through: firewall, and subnets.firewall for its range",
    "azurefirewallmanagementsubnet": "the platform's firewall needs none; remove it",
    "azurebastionsubnet": "write bastion.enabled: true, and subnets.bastion for its range",
    "gatewaysubnet": "leave a range free, and make it with the gateway",
    "routeserversubnet": "leave a range free, and make it with the route server",
}


def network_mistakes(config: NetworkConfig, cloud: Cloud) -> list[str]:
    """What doesn't fit together although each key is right: one line per mistake, each beginning with a key."""
    if config.mode == "public" and config.inbound == "private":
        return [
            (
                "network.inbound: private, but in public mode nothing leads inside, so nobody could reach the platform; "
                "write mode: private or mode: managed"
            )
        ]
    found = managed_mistakes(config.managed) if config.mode == "managed" else []
    if not config.has_network:
        return found
    return [
        *found,
        *_existing_mistakes(config),
        *_subnet_mistakes(config),
        *_egress_mistakes(config),
        *_dns_mistakes(config, cloud),
    ]


def _existing_mistakes(config: NetworkConfig) -> list[str]:
    existing = config.existing
    if existing is None:
        return []
    if existing.network is not None:
        if existing.endpoints or existing.compute:
            return [
                (
                    "network.existing.network: subnets of the same section exist already, and the platform makes none then; "
                    "write network, or the subnets"
                )
            ]
        found = []
        if "address_space" not in config.model_fields_set:
            found.append(
                "network.addressSpace: missing, and the platform's subnets would be cut out of 10.0.0.0/16, which the existing "
                "network may not have; write the part of it that is the platform's"
            )
        if config.hub is not None or config.dns.servers:
            key = "hub" if config.hub is not None else "dns.servers"
            found.append(
                f"network.{key}: the network is somebody else's (network.existing), who peers it and sets its DNS servers; remove it"
            )
        return found
    found = []
    wanted = {
        "endpoints": existing.endpoints,
        "compute": existing.compute if config.mode == "private" else "none",
    }
    missing = [name for name, id_ in wanted.items() if id_ is None]
    if missing:
        found.append(
            f"network.existing.{missing[0]}: missing; there is no subnet for "
            f"{'private endpoints' if missing[0] == 'endpoints' else 'the clusters'}; write its id, or existing.network to have "
            "subnets made"
        )
    for key, given in (
        ("subnets", bool(config.subnets.model_fields_set)),
        ("bastion.enabled", config.bastion.enabled),
        ("hub", config.hub is not None),
        ("dns.servers", bool(config.dns.servers)),
    ):
        if given:
            found.append(
                f"network.{key}: the subnets exist (network.existing), and the platform changes nothing in their network; "
                "remove it, or write existing.network to have subnets made"
            )
    return found


def _subnet_mistakes(config: NetworkConfig) -> list[str]:
    found: list[str] = []
    for name in config.subnets.others:
        remedy = _RESERVED.get(name.lower())
        if remedy is not None:
            found.append(
                f"network.subnets.others.{name}: Azure keeps this name for a service, whose subnet takes no other machines; {remedy}"
            )
        elif name.lower() in OWN_SUBNETS:
            found.append(
                f"network.subnets.others.{name}: the platform has a subnet of this name; write subnets.{name.lower()}, or another name"
            )
    if found:
        return found
    keys = {
        name: f"network.subnets.others.{name}" if name in config.subnets.others else f"network.subnets.{name}"
        for name in config.ranges
    }
    return range_mistakes(config.address_space, config.ranges, keys)


def _egress_mistakes(config: NetworkConfig) -> list[str]:
    egress = config.egress
    found: list[str] = []
    if egress.through == "firewall" and config.given_subnets:
        found.append(
            "network.egress.through: firewall, but where subnets are given (network.existing) there is none for it, which must be "
            "AzureFirewallSubnet; write none and route the subnets yourself, or existing.network to have subnets made"
        )
    if egress.through == "appliance" and egress.appliance_address is None:
        found.append(
            "network.egress.applianceAddress: missing, so what leaves the clusters would have nowhere to go; "
            "write the private address of the firewall"
        )
    if egress.through != "appliance" and egress.appliance_address is not None:
        found.append(
            f"network.egress.applianceAddress: nothing is sent there while through is {egress.through}; "
            "write through: appliance, or remove it"
        )
    if config.firewall.allowed_hosts and egress.through != "firewall":
        found.append(
            f"network.firewall.allowedHosts: there is no firewall while egress.through is {egress.through}, so clusters would reach "
            "more than these; write egress.through: firewall, or remove it"
        )
    return found


def _dns_mistakes(config: NetworkConfig, cloud: Cloud) -> list[str]:
    if config.dns.zones is None and config.existing is not None:
        return [
            (
                "network.dns.zones: missing; in an existing network nobody says who writes the names of the private endpoints, and "
                "without them nothing is found; write create, hub or policy"
            )
        ]
    decided = config.dns.model_copy(update={"zones": config.zones})
    return zone_mistakes(decided, cloud.all_zones)


def node_mistakes(config: NetworkConfig, nodes: int) -> list[str]:
    """What is wrong with the clusters' subnet for as many nodes as they may have, each of which takes an address."""
    range_ = config.ranges.get("compute")
    if range_ is None or nodes <= room(range_):
        return []
    return [
        (
            f"network.subnets.compute: {range_} has {room(range_)} addresses for nodes, and clusters and instances may be {nodes}, "
            f"so the last ones would never start; write a /{prefix_for(nodes)} or larger, a larger addressSpace, or fewer nodes"
        )
    ]
