"""Who owns the private DNS zones that lead to private endpoints, and the zones that the platform makes itself.

Source: Microsoft's "Private Link and DNS integration at scale": a hub's zones, whose records a policy of the hub writes or
whoever makes the endpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import privatedns

from infra.names import resource_group_of
from infra.network.address import Address  # noqa: TC001 (pydantic reads it)
from infra.network.identifier import ResourceGroupId, VirtualNetworkId, ZoneId  # noqa: TC001 (pydantic reads it)
from infra.section import Section, setting
from infra.waiting import after

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.scope import Scope

Zones = Literal["create", "hub", "policy"]


class DnsConfig(Section):
    """``mlops:network.dns``: who says in the network where private endpoints are."""

    zones: Zones | None = setting(
        None,
        breaks="inside the network, names lead to the private endpoints only where a private DNS zone says so",
        write="create for zones of the platform's own, hub for zones that exist elsewhere, or policy where a hub's policy "
        "writes the records",
    )
    zone_group: ResourceGroupId | None = setting(
        None,
        breaks="it is where the zones are that zones: hub writes records into",
        write="the id of a resource group (`az group show --query id`)",
    )
    zone_ids: dict[str, ZoneId] = setting(
        {},
        breaks="each says where one zone is, if not in zoneGroup",
        write="a mapping from names of zones to their ids",
    )
    linked_networks: tuple[VirtualNetworkId, ...] = setting(
        (),
        breaks="machines in other networks find the private endpoints only if their network asks the zones",
        write="a list of ids of virtual networks, such as that of build agents",
    )
    servers: tuple[Address, ...] = setting(
        (),
        breaks="they answer for all names that machines in the network ask for",
        write="a list of private addresses of DNS servers, or leave the key out for Azure's own",
    )

    def zone_id(self, zone: str) -> str | None:
        """Where a hub has a zone; None: nowhere that the stack says."""
        given = {name.lower(): id_ for name, id_ in self.zone_ids.items()}.get(zone)
        if given is not None or self.zone_group is None:
            return given
        return f"{self.zone_group}/providers/Microsoft.Network/privateDnsZones/{zone}"


def zone_mistakes(config: DnsConfig, needed: Iterable[str]) -> list[str]:
    """What is wrong with a hub's zones: one line per mistake, each beginning with a key."""
    zones = tuple(needed)
    found: list[str] = []
    for name, id_ in config.zone_ids.items():
        if name.lower() not in zones:
            found.append(
                f"network.dns.zoneIds.{name}: no private endpoint of the platform has names in this zone; "
                f"known here: {', '.join(zones)}"
            )
        elif id_.rsplit("/", 1)[1].lower() != name.lower():
            found.append(
                f"network.dns.zoneIds.{name}: the id is that of {id_.rsplit('/', 1)[1]}, where nobody asks for names of {name}; "
                "write the id of the zone of that name"
            )
    if config.zones == "hub":
        missing = [zone for zone in zones if config.zone_id(zone) is None]
        if missing:
            found.append(
                f"network.dns.zones: hub, but nothing says where {', '.join(missing)} {'is' if len(missing) == 1 else 'are'}, "
                "so names wouldn't lead to the private endpoints; write dns.zoneGroup, or dns.zoneIds for each"
            )
    elif config.zone_group is not None or config.zone_ids:
        key = "zoneGroup" if config.zone_group is not None else "zoneIds"
        found.append(
            f"network.dns.{key}: only zones: hub writes into existing zones, so it would have no effect; write dns.zones: hub, "
            "or remove it"
        )
    if config.zones != "create" and config.linked_networks:
        found.append(
            "network.dns.linkedNetworks: the platform links only zones that it makes; link a hub's zones there, and remove it"
        )
    return found


def make_zone(
    name: str,
    zone_name: str,
    networks: Mapping[str, pulumi.Input[str]],
    *,
    scope: Scope,
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """The id of a zone that ``networks`` (by the name of their link) ask, known once they do."""
    zone = privatedns.PrivateZone(
        f"{name}-{zone_name}",
        resource_group_name=scope.resource_group_name,
        location="global",
        private_zone_name=zone_name,
        tags=scope.tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    links = [
        privatedns.VirtualNetworkLink(
            f"{name}-{zone_name}-link" if link == PLATFORM else f"{name}-{zone_name}-link-{link}",
            resource_group_name=scope.resource_group_name,
            location="global",
            private_zone_name=zone.name,
            virtual_network_link_name=link,
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=network_id),
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=parent),
        ).id
        for link, network_id in networks.items()
    ]
    return after(zone.id, links)


#: The link to the platform's own network.
PLATFORM = "platform"


def link_name(network_id: str) -> str:
    """What tells the links to other networks apart: 1-80 letters, digits, ``_.-``."""
    return f"{resource_group_of(network_id)}-{network_id.rsplit('/', 1)[1]}"[:80].rstrip("-.").lower()
