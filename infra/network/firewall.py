"""A firewall that everything from the clusters goes through: it lets pass what Azure ML needs, and what the stack names.

Source: Microsoft's "Configure inbound and outbound network traffic" and "Azure Firewall rule processing logic".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import pulumi
from pulumi_azure_native import network as azure
from pydantic import StringConstraints

from infra.network.firewall_rule import application_rules, network_rules
from infra.network.public_address import public_address
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.cloud import Cloud
    from infra.scope import Scope

HostName = Annotated[
    str, StringConstraints(pattern=r"^(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$")
]
_GROUP = "azureml"


class FirewallConfig(Section):
    """``mlops:network.firewall``: how the firewall is that ``egress.through: firewall`` makes."""

    tier: Literal["Standard", "Premium"] = setting(
        "Standard",
        breaks="it decides what the firewall can inspect, and what it costs",
        write="Standard, or Premium for TLS inspection and intrusion detection",
    )
    threat_intelligence: Literal["Alert", "Deny", "Off"] = setting(
        "Deny",
        breaks="it decides about traffic to addresses that Microsoft knows as malicious",
        write="Deny, Alert or Off",
    )
    allowed_hosts: tuple[HostName, ...] = setting(
        (),
        breaks="the clusters reach only these hosts over HTTPS besides what Azure ML itself needs",
        write="a list of host names such as packages.example.com or *.example.com",
    )


class Firewall(pulumi.ComponentResource):
    """An Azure Firewall with a policy and its rules, and the public address that everything leaves from."""

    private_address: pulumi.Output[str]  #: known once the rules hold

    def __init__(
        self,
        name: str,
        config: FirewallConfig,
        *,
        scope: Scope,
        cloud: Cloud,
        subnet_id: pulumi.Input[str],
        sources: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes the firewall.

        Args:
            name: the component's name.
            config: how it is.
            scope: where it goes.
            cloud: which service tags there are.
            subnet_id: an AzureFirewallSubnet.
            sources: the ranges that may pass.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Firewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        address = public_address(
            f"{name}-address", lambda names: names.public_ip_of("firewall"), scope=scope, opts=child
        )
        policy = azure.FirewallPolicy(
            f"{name}-policy",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            firewall_policy_name=scope.named(lambda names: names.firewall_policy),
            sku=azure.FirewallPolicySkuArgs(tier=config.tier),
            threat_intel_mode=config.threat_intelligence,
            tags=scope.tags,
            opts=child,
        )
        rules = azure.FirewallPolicyRuleCollectionGroup(
            f"{name}-rules",
            resource_group_name=scope.resource_group_name,
            firewall_policy_name=policy.name,
            rule_collection_group_name=_GROUP,
            priority=200,
            rule_collections=[
                _collection("azureml-services", 200, network_rules(scope.location, cloud, sources)),
                *(
                    [_collection("allowed-hosts", 300, application_rules(config.allowed_hosts, sources))]
                    if config.allowed_hosts
                    else []
                ),
            ],
            opts=child,
        )
        firewall = azure.AzureFirewall(
            f"{name}-firewall",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            azure_firewall_name=scope.named(lambda names: names.firewall),
            sku=azure.AzureFirewallSkuArgs(name=azure.AzureFirewallSkuName.AZF_W_V_NET, tier=config.tier),
            firewall_policy=azure.SubResourceArgs(id=policy.id),
            ip_configurations=[
                azure.AzureFirewallIPConfigurationArgs(
                    name="platform",
                    subnet=azure.SubResourceArgs(id=subnet_id),
                    public_ip_address=azure.SubResourceArgs(id=address.id),
                )
            ],
            tags=scope.tags,
            # Azure changes a policy and what uses it one after the other.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rules]),
        )
        self.private_address = firewall.ip_configurations.apply(
            lambda configurations: str((configurations or [])[0].private_ip_address)
        )
        self.register_outputs({"privateAddress": self.private_address})


def _collection(
    name: str, priority: int, rules: Sequence[azure.NetworkRuleArgs | azure.ApplicationRuleArgs]
) -> azure.FirewallPolicyFilterRuleCollectionArgs:
    return azure.FirewallPolicyFilterRuleCollectionArgs(
        name=name,
        priority=priority,
        rule_collection_type="FirewallPolicyFilterRuleCollection",
        action=azure.FirewallPolicyFilterRuleCollectionActionArgs(
            type=azure.FirewallPolicyFilterRuleCollectionActionType.ALLOW
        ),
        rules=list(rules),
    )
