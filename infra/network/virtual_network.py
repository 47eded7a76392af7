"""The private network that leads to the platform where the internet doesn't.

Sources: Microsoft's "Secure an Azure Machine Learning workspace with virtual networks" and "Configure inbound and
outbound network traffic" (what a cluster without public addresses must reach).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import network as azure
from pulumi_azure_native import privatedns

from infra.network.rule import COMPUTE_RULES, ENDPOINT_RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infra.network.config import NetworkConfig, SubnetName
    from infra.network.rule import Rule
    from infra.scope import Scope


class Network(pulumi.ComponentResource):
    """A virtual network with a subnet for private endpoints and one for clusters, and the private DNS zones.

    Nothing comes in from the internet. Clusters go out through a gateway of their own, as new subnets have no way out.
    """

    endpoint_subnet_id: pulumi.Output[str]
    compute_subnet_id: pulumi.Output[str]
    zone_ids: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        config: NetworkConfig,
        zones: Iterable[str],
        *,
        scope: Scope,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``zones``: the private DNS zones that private endpoints will be named in."""
        super().__init__("mlops:infra:Network", name, None, opts)
        self._name, self._scope = name, scope
        self._network = azure.VirtualNetwork(
            f"{name}-vnet",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            virtual_network_name=scope.named(lambda names: names.virtual_network),
            address_space=azure.AddressSpaceArgs(address_prefixes=[config.address_space]),
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        endpoints = self._subnet("endpoints", config.subnets["endpoints"], ENDPOINT_RULES)
        # Azure changes one subnet of a network at a time.
        compute = self._subnet(
            "compute", config.subnets["compute"], COMPUTE_RULES, gateway=self._gateway(), after=[endpoints]
        )
        self.endpoint_subnet_id = endpoints.id
        self.compute_subnet_id = compute.id
        self.zone_ids = {zone: self._zone(zone) for zone in zones} if config.private_dns_zones else {}
        self.register_outputs(
            {"endpointSubnetId": self.endpoint_subnet_id, "computeSubnetId": self.compute_subnet_id}
        )

    def _subnet(
        self,
        subnet_name: SubnetName,
        prefix: str,
        rules: Sequence[Rule],
        *,
        gateway: azure.NatGateway | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> azure.Subnet:
        scope = self._scope
        group = azure.NetworkSecurityGroup(
            f"{self._name}-{subnet_name}-rules",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            network_security_group_name=scope.named(lambda names: names.security_group(subnet_name)),
            security_rules=[rule.arguments(scope.location) for rule in rules],
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return azure.Subnet(
            f"{self._name}-{subnet_name}",
            resource_group_name=scope.resource_group_name,
            virtual_network_name=self._network.name,
            subnet_name=subnet_name,
            address_prefix=prefix,
            default_outbound_access=False,
            nat_gateway=None if gateway is None else azure.SubResourceArgs(id=gateway.id),
            network_security_group=azure.NetworkSecurityGroupArgs(id=group.id),
            # Else the rules wouldn't hold for private endpoints.
            private_endpoint_network_policies=azure.VirtualNetworkPrivateEndpointNetworkPolicies.ENABLED,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )

    def _gateway(self) -> azure.NatGateway:
        scope = self._scope
        address = azure.PublicIPAddress(
            f"{self._name}-address",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            public_ip_address_name=scope.named(lambda names: names.public_ip),
            public_ip_allocation_method=azure.IPAllocationMethod.STATIC,
            sku=azure.PublicIPAddressSkuArgs(name=azure.PublicIPAddressSkuName.STANDARD),
            tags=scope.tags,
            # Azure writes the gateway that uses the address into it, and a refresh would take that for a change.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["natGateway"]),
        )
        return azure.NatGateway(
            f"{self._name}-gateway",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            nat_gateway_name=scope.named(lambda names: names.nat_gateway),
            public_ip_addresses=[azure.SubResourceArgs(id=address.id)],
            sku=azure.NatGatewaySkuArgs(name=azure.NatGatewaySkuName.STANDARD),
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _zone(self, zone_name: str) -> pulumi.Output[str]:
        """A zone that the network asks, known once it does."""
        scope = self._scope
        zone = privatedns.PrivateZone(
            f"{self._name}-{zone_name}",
            resource_group_name=scope.resource_group_name,
            location="global",
            private_zone_name=zone_name,
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        link = privatedns.VirtualNetworkLink(
            f"{self._name}-{zone_name}-link",
            resource_group_name=scope.resource_group_name,
            location="global",
            private_zone_name=zone.name,
            virtual_network_link_name="platform",
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=self._network.id),
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pulumi.Output.all(zone.id, link.id).apply(lambda ids: ids[0])
