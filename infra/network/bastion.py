"""Azure Bastion: how people reach machines in the network from their browser, without a VPN and a public address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import network as azure

from infra.network.public_address import public_address
from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.scope import Scope


class BastionConfig(Section):
    """``mlops:network.bastion``: a way in for people, from their browser."""

    enabled: bool = setting(
        False,
        breaks="it is how people reach machines in the network that have no public address",
        write="true, or false where a VPN or a peered network leads inside",
    )
    sku: Literal["Basic", "Standard"] = setting(
        "Basic",
        breaks="it decides what sessions can do, and what the bastion costs",
        write="Basic, or Standard for native clients and tunnels",
    )


class Bastion(pulumi.ComponentResource):
    """A bastion in its own subnet, with the public address that browsers connect to."""

    id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: BastionConfig,
        *,
        scope: Scope,
        subnet_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``subnet_id``: an AzureBastionSubnet."""
        super().__init__("mlops:infra:Bastion", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        address = public_address(
            f"{name}-address", lambda names: names.public_ip_of("bastion"), scope=scope, opts=child
        )
        bastion = azure.BastionHost(
            f"{name}-bastion",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            bastion_host_name=scope.named(lambda names: names.bastion),
            sku=azure.SkuArgs(name=config.sku),
            enable_tunneling=config.sku == "Standard",
            ip_configurations=[
                azure.BastionHostIPConfigurationArgs(
                    name="platform",
                    subnet=azure.SubResourceArgs(id=subnet_id),
                    public_ip_address=azure.SubResourceArgs(id=address.id),
                    private_ip_allocation_method=azure.IPAllocationMethod.DYNAMIC,
                )
            ],
            tags=scope.tags,
            opts=child,
        )
        self.id = bastion.id
        self.register_outputs({"id": self.id})
