"""Diagnostic settings: every resource's logs and metrics in Log Analytics, where an audit finds them."""

from __future__ import annotations

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


class Diagnostics(pulumi.ComponentResource):
    """A diagnostic setting per resource, for all categories of logs it has, and all metrics."""

    def __init__(
        self,
        name: str,
        targets: Mapping[str, pulumi.Input[str]],
        *,
        without_logs: Mapping[str, pulumi.Input[str]],
        log_analytics_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Watches resources.

        Args:
            name: the component's name.
            targets: ARM ids of what has logs and metrics, by a label for resource names.
            without_logs: the same of what has metrics only; Azure refuses logs there.
            log_analytics_id: where both go.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Diagnostics", name, None, opts)
        every_log = monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)
        for label, target in {**targets, **without_logs}.items():
            monitor.DiagnosticSetting(
                f"{name}-{label}",
                name="log-analytics",
                resource_uri=target,
                workspace_id=log_analytics_id,
                logs=None if label in without_logs else [every_log],
                metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
