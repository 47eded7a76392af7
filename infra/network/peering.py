"""A peering with the network of a hub: how a platform is reached from an organisation's other networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import network as azure

from infra.names import resource_group_of
from infra.network.identifier import VirtualNetworkId  # noqa: TC001 (pydantic reads it)
from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.scope import Scope


#: What changes with the other network, and a refresh would take for changes of this one.
_THE_OTHER_SIDES = (
    "peeringState",
    "peeringSyncLevel",
    "remoteAddressSpace",
    "remoteVirtualNetworkAddressSpace",
)


class HubConfig(Section):
    """``mlops:network.hub``."""

    network: VirtualNetworkId = setting(
        breaks="the platform's network is peered with it",
        write="the id of a virtual network (`az network vnet show --query id`)",
    )
    peer_back: bool = setting(
        True,
        breaks="a peering connects once both networks have one, and the hub's needs rights on the hub's network",
        write="true, or false where the hub's team makes the peering to this network",
    )
    use_gateway: bool = setting(
        False,
        breaks="Azure refuses a peering that uses a gateway which the hub doesn't have",
        write="true where the hub has a VPN or ExpressRoute gateway that this network is to use, else false",
    )


class Peering(pulumi.ComponentResource):
    """Both directions of a peering, or this network's alone."""

    id: pulumi.Output[str]  #: known once both directions exist

    def __init__(
        self,
        name: str,
        config: HubConfig,
        *,
        scope: Scope,
        network_id: pulumi.Output[str],
        network_name: pulumi.Input[str],
        hub_provider: pulumi.ProviderResource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``hub_provider``: what makes the hub's direction, where the hub is in another subscription."""
        super().__init__("mlops:infra:Peering", name, None, opts)
        # A gateway can be used once its network lets it: the hub's direction comes first.
        after: list[pulumi.Resource] = []
        if config.peer_back:
            back = azure.VirtualNetworkPeering(
                f"{name}-from-hub",
                resource_group_name=resource_group_of(config.network),
                virtual_network_name=config.network.rsplit("/", 1)[1],
                virtual_network_peering_name=scope.named(lambda names: names.virtual_network),
                remote_virtual_network=azure.SubResourceArgs(id=network_id),
                allow_virtual_network_access=True,
                allow_forwarded_traffic=True,
                allow_gateway_transit=config.use_gateway,
                opts=pulumi.ResourceOptions(
                    parent=self, provider=hub_provider, ignore_changes=list(_THE_OTHER_SIDES)
                ),
            )
            after.append(back)
        self.id = azure.VirtualNetworkPeering(
            f"{name}-to-hub",
            resource_group_name=scope.resource_group_name,
            virtual_network_name=network_name,
            virtual_network_peering_name="hub",
            remote_virtual_network=azure.SubResourceArgs(id=config.network),
            allow_virtual_network_access=True,
            # What comes from networks behind the hub.
            allow_forwarded_traffic=True,
            use_remote_gateways=config.use_gateway,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after, ignore_changes=list(_THE_OTHER_SIDES)),
        ).id
        self.register_outputs({"id": self.id})
