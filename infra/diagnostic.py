"""Diagnostic settings: every resource's logs and metrics in Log Analytics, where an audit finds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import monitor

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What of a storage account writes logs of its own; the account itself has metrics only.
STORAGE_SERVICES = ("blob", "file", "queue", "table")


def storage_targets(label: str, account_id: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
    """An account's services, each of which logs who read and wrote what."""
    return {
        f"{label}-{service}": account_id.apply(
            lambda id_, service=service: f"{id_}/{service}Services/default"
        )
        for service in STORAGE_SERVICES
    }


@dataclass(frozen=True)
class Watchable:
    """What Azure Monitor takes from a type of resource (Microsoft Learn, "Supported resource log categories")."""

    logs: bool = True
    metrics: bool = True


#: Types with logs or metrics that components make, besides those that the platform names by itself.
WATCHABLE: Mapping[str, Watchable] = {
    "azure-native:network:NetworkSecurityGroup": Watchable(metrics=False),
    "azure-native:network:VirtualNetwork": Watchable(),
    "azure-native:network:PublicIPAddress": Watchable(),
    "azure-native:network:NatGateway": Watchable(logs=False),
    "azure-native:network:AzureFirewall": Watchable(),
    "azure-native:network:BastionHost": Watchable(),
    "azure-native:redis:Redis": Watchable(),
    "azure-native:logic:Workflow": Watchable(),
    "azure-native:servicebus:Namespace": Watchable(),
}


@dataclass
class Watched:
    """Everything with logs or metrics that components have made so far, so that none is forgotten."""

    found: dict[str, tuple[pulumi.CustomResource, Watchable]] = field(
        default_factory=dict[str, tuple[pulumi.CustomResource, Watchable]]
    )

    def see(self, args: pulumi.ResourceTransformationArgs) -> None:
        """A transformation that changes nothing."""
        kind = WATCHABLE.get(args.type_)
        if kind is not None and isinstance(args.resource, pulumi.CustomResource):
            self.found[args.name] = (args.resource, kind)

    def take(self, prefix: str) -> dict[str, tuple[pulumi.Output[str], Watchable]]:
        """What was found since the last time: ids, by names without ``prefix``."""
        found, self.found = self.found, {}
        return {name.removeprefix(prefix): (resource.id, kind) for name, (resource, kind) in found.items()}


class Diagnostics(pulumi.ComponentResource):
    """A diagnostic setting per resource, for all categories of logs it has, and all metrics."""

    def __init__(
        self,
        name: str,
        targets: Mapping[str, pulumi.Input[str]],
        *,
        without_logs: Mapping[str, pulumi.Input[str]] = MappingProxyType({}),
        without_metrics: Mapping[str, pulumi.Input[str]] = MappingProxyType({}),
        log_analytics_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Watches resources.

        Args:
            name: the component's name.
            targets: ARM ids of what has logs and metrics, by a label for resource names.
            without_logs: the same of what has metrics only; Azure refuses logs there.
            without_metrics: the same of what has logs only; Azure refuses metrics there.
            log_analytics_id: where both go.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Diagnostics", name, None, opts)
        every_log = monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)
        every_metric = monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)
        for label, target in {**targets, **without_logs, **without_metrics}.items():
            monitor.DiagnosticSetting(
                f"{name}-{label}",
                name="log-analytics",
                resource_uri=target,
                workspace_id=log_analytics_id,
                logs=None if label in without_logs else [every_log],
                metrics=None if label in without_metrics else [every_metric],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def of_found(
    found: Mapping[str, tuple[pulumi.Output[str], Watchable]],
) -> tuple[dict[str, pulumi.Input[str]], dict[str, pulumi.Input[str]], dict[str, pulumi.Input[str]]]:
    """What was found, as ``Diagnostics`` takes it: what has both, metrics only, logs only."""
    both: dict[str, pulumi.Input[str]] = {}
    metrics: dict[str, pulumi.Input[str]] = {}
    logs: dict[str, pulumi.Input[str]] = {}
    for label, (id_, kind) in found.items():
        into = both if kind.logs and kind.metrics else logs if kind.logs else metrics
        into[label] = id_
    return both, metrics, logs
