"""What belongs to a workspace's managed network: its rules, the right to approve its private endpoints, its provisioning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.network.managed import OWN_ENDPOINTS
from infra.network.provisioning import Provisioning
from infra.waiting import after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.network.config import NetworkConfig
    from infra.network.managed import EndpointSpec
    from infra.scope import Scope


#: Azure writes the rules and the provisioning into the workspace too, and a refresh would take that for changes.
NOT_THE_WORKSPACES = ("managedNetwork.outboundRules", "managedNetwork.status")


def managed_network(config: NetworkConfig) -> ml.ManagedNetworkSettingsArgs | None:
    """What the workspace says about its managed network; None: it has none. The rules are resources of their own."""
    if config.mode != "managed":
        return None
    return ml.ManagedNetworkSettingsArgs(
        isolation_mode=config.isolation, firewall_sku=config.managed.firewall
    )


def approval_targets(
    config: NetworkConfig, foundation: Mapping[str, pulumi.Output[str]]
) -> dict[str, pulumi.Input[str]]:
    """What the workspace's identity must approve private endpoints of, by what tells them apart."""
    targets: dict[str, pulumi.Input[str]] = dict(foundation)
    known: set[str] = set()
    for name, spec in config.managed.private_endpoints.items():
        if spec.resource.lower() not in known:
            known.add(spec.resource.lower())
            targets[name] = spec.resource
    return targets


class ManagedNetwork(pulumi.ComponentResource):
    """The rules, one a resource, and the provisioned network. Computes wait for ``ids``."""

    ids: list[pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        config: NetworkConfig,
        *,
        scope: Scope,
        workspace_name: pulumi.Output[str],
        targets: Mapping[str, pulumi.Output[str]],
        approvals: Sequence[pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes the rules and provisions the network.

        Args:
            name: the component's name.
            config: what the stack says.
            scope: where it goes.
            workspace_name: the workspace, which has a managed network already.
            targets: the ids of ``lake`` and ``storage``.
            approvals: known once the workspace may approve the rules' private endpoints.
            opts: the usual options.
        """
        super().__init__("mlops:infra:ManagedNetwork", name, None, opts)
        self._name, self._scope = name, scope
        # A rule's private endpoint is approved as the workspace's identity, once that may.
        self._workspace = after(workspace_name, approvals)
        self._last: list[ml.ManagedNetworkSettingsRule] = []
        managed = config.managed
        for rule, (target, group) in OWN_ENDPOINTS.items():
            self._endpoint(rule, targets[target], group, spark=managed.spark and target == "lake")
        for rule, spec in managed.private_endpoints.items():
            self._given(rule, spec)
        for rule, spec in managed.service_tags.items():
            self._rule(
                rule,
                ml.ServiceTagOutboundRuleArgs(
                    type="ServiceTag",
                    category=ml.RuleCategory.USER_DEFINED,
                    destination=ml.ServiceTagDestinationArgs(
                        service_tag=spec.tag, protocol=spec.protocol, port_ranges=spec.ports
                    ),
                ),
            )
        for rule, host in managed.hosts.items():
            self._rule(
                rule,
                ml.FqdnOutboundRuleArgs(type="FQDN", category=ml.RuleCategory.USER_DEFINED, destination=host),
            )
        self.ids = [resource.id for resource in self._last]
        if managed.provision:
            provisioned = Provisioning(
                f"{name}-provisioning",
                resource_group=scope.resource_group_name,
                workspace=self._workspace,
                spark=managed.spark,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[*self._last]),
            )
            self.ids = [provisioned.status]
        self.register_outputs({})

    def _given(self, rule: str, spec: EndpointSpec) -> None:
        self._endpoint(rule, spec.resource, spec.group, spark=spec.spark)

    def _endpoint(self, rule: str, target: pulumi.Input[str], group: str, *, spark: bool) -> None:
        self._rule(
            rule,
            ml.PrivateEndpointOutboundRuleArgs(
                type="PrivateEndpoint",
                category=ml.RuleCategory.USER_DEFINED,
                destination=ml.PrivateEndpointDestinationArgs(
                    service_resource_id=target, subresource_target=group, spark_enabled=spark
                ),
            ),
        )

    def _rule(
        self,
        rule: str,
        properties: ml.FqdnOutboundRuleArgs
        | ml.PrivateEndpointOutboundRuleArgs
        | ml.ServiceTagOutboundRuleArgs,
    ) -> None:
        """One rule after the other: Azure changes one at a time."""
        self._last = [
            ml.ManagedNetworkSettingsRule(
                f"{self._name}-{rule}",
                resource_group_name=self._scope.resource_group_name,
                workspace_name=self._workspace,
                rule_name=rule,
                properties=properties,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[*self._last]),
            )
        ]
