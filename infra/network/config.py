"""``mlops:network``: one word says how the platform is reached and what it reaches; the rest has defaults.

| mode | what the clusters are in | who reaches the platform |
|---|---|---|
| public | a network of Azure's | everybody who may sign in |
| private | a virtual network, the platform's or one that exists | who is in that network or in one that leads there |
| managed | the workspace's managed network | everybody who may sign in, or (``inbound: private``) as in private mode |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import StringConstraints

from infra.network.address import (
    Address,
    AddressRange,
    AddressSpace,
    cut,
)
from infra.network.bastion import BastionConfig
from infra.network.firewall import FirewallConfig
from infra.network.identifier import SubnetId, VirtualNetworkId, network_of
from infra.network.managed import ISOLATIONS, Isolation, ManagedConfig
from infra.network.peering import HubConfig  # noqa: TC001 (pydantic reads it)
from infra.network.zone import DnsConfig, Zones
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping


Mode = Literal["public", "private", "managed"]
Inbound = Literal["public", "private"]
SubnetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?$")]
#: The subnets that the platform knows what to do with, in the order of their making.
OWN_SUBNETS = ("endpoints", "firewall", "bastion", "compute")
_RANGE = "write a range within addressSpace such as 10.0.64.0/26, or leave the key out"


class SubnetsConfig(Section):
    """``mlops:network.subnets``: ranges; what is left out is cut out of the address space."""

    endpoints: AddressRange | None = setting(
        None, breaks="private endpoints have their addresses in it", write=_RANGE
    )
    compute: AddressRange | None = setting(
        None, breaks="each node of a cluster takes an address of it", write=_RANGE
    )
    firewall: AddressRange | None = setting(
        None, breaks="Azure Firewall needs a subnet of its own", write=_RANGE
    )
    bastion: AddressRange | None = setting(
        None, breaks="Azure Bastion needs a subnet of its own", write=_RANGE
    )
    others: dict[SubnetName, AddressRange] = setting(
        {},
        breaks="each is a subnet for machines of yours, such as build agents; Azure takes names of 1 to 80 letters, digits, _.-",
        write="a mapping from names to ranges such as {agents: 10.0.65.0/24}",
    )


class ExistingConfig(Section):
    """``mlops:network.existing``: a network that isn't the platform's."""

    network: VirtualNetworkId | None = setting(
        None,
        breaks="the platform makes its subnets in it",
        write="the id of a virtual network (`az network vnet show --query id`)",
    )
    endpoints: SubnetId | None = setting(
        None,
        breaks="private endpoints have their addresses in it",
        write="the id of a subnet (`az network vnet subnet show --query id`)",
    )
    compute: SubnetId | None = setting(
        None,
        breaks="nodes of clusters have their addresses in it",
        write="the id of a subnet (`az network vnet subnet show --query id`)",
    )


class EgressConfig(Section):
    """``mlops:network.egress``: how clusters in a virtual network reach what is outside of it."""

    through: Literal["gateway", "firewall", "appliance", "none"] = setting(
        "gateway",
        breaks="new subnets have no way out, and a cluster without one gets no node",
        write="gateway for a NAT gateway, firewall for an Azure Firewall, appliance for a firewall elsewhere, or none",
    )
    appliance_address: Address | None = setting(
        None,
        breaks="it is where through: appliance sends everything",
        write="the private address of a firewall, such as that of a hub",
    )


class NetworkConfig(Section):
    """``mlops:network``: who reaches the platform, and how."""

    moved: ClassVar[Mapping[str, str]] = {
        "publicAccess": "mode: private for what was false, mode: public for what was true",
        "privateDnsZones": "dns: {zones: create} for what was true, dns: {zones: policy} for what was false",
    }

    mode: Mode = setting(
        "public",
        breaks="it decides what reaches the platform and what the platform reaches",
        write="public, private (a virtual network) or managed (Azure ML's own)",
    )
    inbound: Inbound | None = setting(
        None,
        breaks="it decides whether workspace, storage, vault, registry and endpoints answer on the internet",
        write="private, public, or leave the key out: private mode answers inside only, the others everywhere",
    )
    address_space: AddressSpace = setting(
        "10.0.0.0/16",
        breaks="subnets are cut out of it, and networks to be joined must not overlap",
        write="a private range from /16 to /22 such as 10.1.0.0/16",
    )
    subnets: SubnetsConfig = SubnetsConfig()
    existing: ExistingConfig | None = setting(
        None,
        breaks="the platform would make a network of its own",
        write="a mapping with the id of a network, or of the subnets endpoints and compute; left out, the platform makes one",
    )
    dns: DnsConfig = DnsConfig()
    egress: EgressConfig = EgressConfig()
    firewall: FirewallConfig = FirewallConfig()
    bastion: BastionConfig = BastionConfig()
    hub: HubConfig | None = setting(
        None,
        breaks="without a peering nobody outside of the network reaches the platform",
        write="a mapping with the id of the hub's network, or leave the key out",
    )
    managed: ManagedConfig = ManagedConfig()

    @property
    def reached(self) -> Inbound:
        """From where the platform answers."""
        return self.inbound or ("private" if self.mode == "private" else "public")

    @property
    def public_access(self) -> bool:
        """Whether the platform answers on the internet."""
        return self.reached == "public"

    @property
    def public_network_access(self) -> Literal["Enabled", "Disabled"]:
        """Azure's word for it."""
        return "Enabled" if self.public_access else "Disabled"

    @property
    def default_action(self) -> Literal["Allow", "Deny"]:
        """What firewalls of storage accounts and vaults do with what no rule names."""
        return "Allow" if self.public_access else "Deny"

    @property
    def isolation(self) -> Isolation:
        """The isolation of the workspace's managed network."""
        return self.managed.isolation if self.mode == "managed" else "Disabled"

    @property
    def has_network(self) -> bool:
        """Whether a virtual network leads to the platform."""
        return self.mode == "private" or (self.mode == "managed" and not self.public_access)

    @property
    def needs_premium_registry(self) -> bool:
        """Whether something reaches the registry through a private endpoint, which Premium ones have alone."""
        return self.has_network or self.isolation == ISOLATIONS[-1]

    @property
    def builds_images(self) -> bool:
        """Whether a cluster builds images, since Azure's own builders can't reach the registry."""
        return not self.public_access

    @property
    def zones(self) -> Zones:
        """Who owns the private DNS zones."""
        return self.dns.zones or "create"

    @property
    def given_subnets(self) -> bool:
        """Whether subnets exist that the platform leaves as they are."""
        return self.existing is not None and self.existing.network is None

    @property
    def ranges(self) -> dict[str, str]:
        """The ranges of the subnets that the platform makes, by their names, in the order of their making."""
        if not self.has_network or self.given_subnets:
            return {}
        wanted = {
            "endpoints": True,
            "firewall": self.routed and self.egress.through == "firewall",
            "bastion": self.bastion.enabled,
            "compute": self.mode == "private",
        }
        free = cut(self.address_space)
        own = {name: getattr(self.subnets, name) or free[name] for name in OWN_SUBNETS if wanted[name]}
        return {**own, **self.subnets.others}

    @property
    def routed(self) -> bool:
        """Whether there is a subnet that the platform gives a way out."""
        return (
            self.has_network
            and not self.given_subnets
            and (self.mode == "private" or bool(self.subnets.others))
        )


def other_network(config: NetworkConfig) -> str | None:
    """The id of the network that exists, if the platform makes none."""
    existing = config.existing
    if not config.has_network or existing is None:
        return None
    return existing.network or network_of(existing.endpoints or "")
