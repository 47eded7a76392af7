"""The private network that leads to the platform where the internet doesn't.

Sources: Microsoft's "Secure an Azure Machine Learning workspace with virtual networks" and "Configure inbound and
outbound network traffic" (what a cluster without public addresses must reach).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import Provider
from pulumi_azure_native import network as azure

from infra.names import resource_group_of, subscription_of
from infra.network.bastion import Bastion
from infra.network.config import other_network
from infra.network.firewall import Firewall
from infra.network.peering import Peering
from infra.network.public_address import public_address
from infra.network.rule import BASTION_RULES, COMPUTE_RULES, ENDPOINT_RULES, OTHER_RULES
from infra.network.zone import PLATFORM, link_name, make_zone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.cloud import Cloud
    from infra.network.config import NetworkConfig
    from infra.network.rule import Rule
    from infra.scope import Scope

#: What guards each of the platform's subnets; a firewall's takes no security group.
_RULES: Mapping[str, tuple[Rule, ...] | None] = {
    "endpoints": ENDPOINT_RULES,
    "firewall": None,
    "bastion": BASTION_RULES,
    "compute": COMPUTE_RULES,
}
#: The names that Azure's services insist on.
_AZURES = {"firewall": "AzureFirewallSubnet", "bastion": "AzureBastionSubnet"}


class Network(pulumi.ComponentResource):
    """A virtual network with subnets for private endpoints, clusters and what else a stack asks for, and their names.

    It is the platform's own, somebody else's that gets the platform's subnets, or somebody else's whose subnets exist.
    Nothing comes in from the internet but browsers to a bastion. What goes out goes through a NAT gateway, a firewall or
    an appliance, as new subnets have no way out.
    """

    endpoint_subnet_id: pulumi.Input[str]
    compute_subnet_id: pulumi.Input[str] | None  #: None: clusters are in the workspace's managed network
    zone_ids: Mapping[str, pulumi.Input[str]]  #: empty where a hub's policy writes the records

    def __init__(
        self,
        name: str,
        config: NetworkConfig,
        cloud: Cloud,
        *,
        scope: Scope,
        subscription_id: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``subscription_id``: where the stack deploys, if known; networks elsewhere get a provider of their own then."""
        super().__init__("mlops:infra:Network", name, None, opts)
        self._name, self._config, self._cloud, self._scope = name, config, cloud, scope
        self._subscription_id = subscription_id
        self._last: list[pulumi.Resource] = []
        existing = other_network(config)
        self._elsewhere: dict[str, pulumi.ProviderResource] = {}
        self._network_maker = None if existing is None else self._maker(existing)
        self._group = scope.resource_group_name if existing is None else resource_group_of(existing)
        self._network_name: pulumi.Input[str]
        network_id: pulumi.Input[str]
        if existing is None:
            network = self._network()
            self._network_name, network_id = network.name, network.id
            if config.hub is not None:
                Peering(
                    f"{name}-hub",
                    config.hub,
                    scope=scope,
                    network_id=network.id,
                    network_name=network.name,
                    hub_provider=self._maker(config.hub.network),
                    opts=pulumi.ResourceOptions(parent=self),
                )
        else:
            self._network_name, network_id = existing.rsplit("/", 1)[1], existing
        if config.given_subnets and config.existing is not None:
            self.endpoint_subnet_id = config.existing.endpoints or ""
            self.compute_subnet_id = config.existing.compute if config.mode == "private" else None
        else:
            made = self._subnets()
            self.endpoint_subnet_id = made["endpoints"].id
            self.compute_subnet_id = made["compute"].id if "compute" in made else None
        self.zone_ids = self._zones(network_id)
        self.register_outputs(
            {"endpointSubnetId": self.endpoint_subnet_id, "computeSubnetId": self.compute_subnet_id}
        )

    def _maker(self, resource_id: str) -> pulumi.ProviderResource | None:
        """What makes things in a subscription that may not be the stack's own."""
        subscription = subscription_of(resource_id).lower()
        if subscription == (self._subscription_id or subscription).lower():
            return None
        if subscription not in self._elsewhere:
            self._elsewhere[subscription] = Provider(
                f"{self._name}-{subscription}",
                subscription_id=subscription,
                environment=self._cloud.environment,
                opts=pulumi.ResourceOptions(parent=self),
            )
        return self._elsewhere[subscription]

    def _network(self) -> azure.VirtualNetwork:
        scope, config = self._scope, self._config
        return azure.VirtualNetwork(
            f"{self._name}-vnet",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            virtual_network_name=scope.named(lambda names: names.virtual_network),
            address_space=azure.AddressSpaceArgs(address_prefixes=[config.address_space]),
            dhcp_options=azure.DhcpOptionsArgs(dns_servers=list(config.dns.servers))
            if config.dns.servers
            else None,
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _subnets(self) -> dict[str, azure.Subnet]:
        """The subnets, one after the other: Azure changes one subnet of a network at a time."""
        config, scope, ranges = self._config, self._scope, self._config.ranges
        made = {
            name: self._subnet(name, ranges[name], _RULES[name])
            for name in ("endpoints", "firewall", "bastion")
            if name in ranges
        }
        if "bastion" in made:
            Bastion(
                f"{self._name}-bastion-host",
                config.bastion,
                scope=scope,
                subnet_id=made["bastion"].id,
                opts=pulumi.ResourceOptions(parent=self),
            )
        guests = [name for name in ranges if name not in made]
        if not guests:
            return made
        gateway = self._gateway() if config.egress.through == "gateway" else None
        routes = self._routes(made.get("firewall"), [ranges[name] for name in guests])
        for name in guests:
            made[name] = self._subnet(name, ranges[name], _RULES.get(name, OTHER_RULES), gateway, routes)
        return made

    def _subnet(
        self,
        subnet_name: str,
        prefix: str,
        rules: Sequence[Rule] | None,
        gateway: azure.NatGateway | None = None,
        routes: azure.RouteTable | None = None,
    ) -> azure.Subnet:
        scope = self._scope
        group = self._security_group(subnet_name, rules) if rules else None
        own = _AZURES.get(subnet_name)
        subnet = azure.Subnet(
            f"{self._name}-{subnet_name}",
            resource_group_name=self._group,
            virtual_network_name=self._network_name,
            subnet_name=own
            or (
                subnet_name
                if self._config.existing is None
                else scope.named(lambda names: names.subnet(subnet_name))
            ),
            address_prefix=prefix,
            default_outbound_access=False,
            nat_gateway=None if gateway is None else azure.SubResourceArgs(id=gateway.id),
            network_security_group=azure.NetworkSecurityGroupArgs(id=group.id) if group else None,
            route_table=None if routes is None else azure.RouteTableArgs(id=routes.id),
            # Else the rules wouldn't hold for private endpoints.
            private_endpoint_network_policies=azure.VirtualNetworkPrivateEndpointNetworkPolicies.ENABLED,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*self._last], provider=self._network_maker),
        )
        self._last = [subnet]
        return subnet

    def _security_group(self, subnet_name: str, rules: Sequence[Rule]) -> azure.NetworkSecurityGroup:
        scope = self._scope
        return azure.NetworkSecurityGroup(
            f"{self._name}-{subnet_name}-rules",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            network_security_group_name=scope.named(lambda names: names.security_group(subnet_name)),
            security_rules=[rule.arguments(scope.location) for rule in rules],
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _routes(
        self, firewall_subnet: azure.Subnet | None, sources: Sequence[str]
    ) -> azure.RouteTable | None:
        """Sends everything to the stack's firewall or to somebody else's; None: the way out is another one."""
        scope, config = self._scope, self._config
        target: pulumi.Input[str] | None = config.egress.appliance_address
        if firewall_subnet is not None:
            target = Firewall(
                f"{self._name}-firewall-host",
                config.firewall,
                scope=scope,
                cloud=self._cloud,
                subnet_id=firewall_subnet.id,
                sources=sources,
                opts=pulumi.ResourceOptions(parent=self),
            ).private_address
        if target is None:
            return None
        return azure.RouteTable(
            f"{self._name}-routes",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            route_table_name=scope.named(lambda names: names.route_table),
            # What a peered network announces must not lead around the firewall.
            disable_bgp_route_propagation=True,
            routes=[
                azure.RouteArgs(
                    name="everything",
                    address_prefix="0.0.0.0/0",
                    next_hop_type=azure.RouteNextHopType.VIRTUAL_APPLIANCE,
                    next_hop_ip_address=target,
                )
            ],
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _gateway(self) -> azure.NatGateway:
        scope = self._scope
        address = public_address(
            f"{self._name}-address",
            lambda names: names.public_ip,
            scope=scope,
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

    def _zones(self, network_id: pulumi.Input[str]) -> Mapping[str, pulumi.Input[str]]:
        config, zones = self._config, self._cloud.all_zones
        if config.zones == "policy":
            return {}
        if config.zones == "hub":
            return {zone: config.dns.zone_id(zone) or "" for zone in zones}
        networks: dict[str, pulumi.Input[str]] = {PLATFORM: network_id}
        networks |= {link_name(id_): id_ for id_ in config.dns.linked_networks}
        return {zone: make_zone(self._name, zone, networks, scope=self._scope, parent=self) for zone in zones}
