"""What of the platform itself somebody is told of: failed jobs, refused access, changed rights and deletions.

Sources: Microsoft Learn, "Supported metrics for Microsoft.MachineLearningServices/workspaces"; CIS Microsoft Azure
Foundations Benchmark, section "Monitoring using Activity Log Alerts".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.observability import query
from infra.observability.rule import Threshold, activity_alert, log_alert, metric_alert

if TYPE_CHECKING:
    from infra.observability.contact import AlertsConfig
    from infra.observability.rule import Place

WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
#: What changes are told, by what tells the rule apart: operations, and what they mean.
CHANGES: dict[str, tuple[tuple[str, ...], str]] = {
    "rights": (
        (
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "Microsoft.Authorization/roleDefinitions/write",
            "Microsoft.Authorization/policyAssignments/write",
            "Microsoft.Authorization/policyAssignments/delete",
        ),
        "Somebody changed who may do what.",
    ),
    "deletions": (
        (
            "Microsoft.MachineLearningServices/workspaces/delete",
            "Microsoft.Storage/storageAccounts/delete",
            "Microsoft.KeyVault/vaults/delete",
            "Microsoft.ContainerRegistry/registries/delete",
            "Microsoft.Authorization/locks/delete",
            "Microsoft.Insights/diagnosticSettings/delete",
        ),
        "Something that holds data, guards it or logs it was deleted.",
    ),
    "network": (
        (
            "Microsoft.Network/networkSecurityGroups/write",
            "Microsoft.Network/networkSecurityGroups/delete",
            "Microsoft.Network/networkSecurityGroups/securityRules/write",
            "Microsoft.Network/networkSecurityGroups/securityRules/delete",
            "Microsoft.Network/publicIPAddresses/write",
            "Microsoft.Network/publicIPAddresses/delete",
        ),
        "Somebody changed what the network lets through.",
    ),
}


class PlatformAlerts(pulumi.ComponentResource):
    """The rules of a platform."""

    def __init__(
        self,
        name: str,
        config: AlertsConfig,
        *,
        place: Place,
        workspace_id: pulumi.Output[str],
        log_analytics_id: pulumi.Output[str],
        group_id: pulumi.Output[str],
        diagnostics: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes them.

        Args:
            name: the component's name.
            config: what somebody is told of.
            place: where, and who.
            workspace_id: the workspace.
            log_analytics_id: where logs are.
            group_id: the resource group's id.
            diagnostics: whether logs get there.
            opts: the usual options.
        """
        super().__init__("mlops:infra:PlatformAlerts", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        if config.failed_runs:
            metric_alert(
                f"{name}-failed-runs",
                place,
                Threshold("Failed Runs", WORKSPACE, "Total", 0),
                called="failed-runs",
                said="A job failed.",
                resource_id=workspace_id,
                opts=child,
            )
        if config.failed_runs and diagnostics:
            # Says which, minutes later.
            log_alert(
                f"{name}-failed-jobs",
                place,
                query.FAILED_JOBS,
                called="failed-jobs",
                said="Jobs failed; the rows say which.",
                log_analytics_id=log_analytics_id,
                severity=3,
                opts=child,
            )
        if config.denied_access:
            for called, asked, said in (
                ("denied-secrets", query.DENIED_SECRETS, "The vault refused somebody a secret or a key."),
                ("denied-data", query.DENIED_DATA, "A storage account refused somebody its blobs."),
            ):
                log_alert(
                    f"{name}-{called}",
                    place,
                    asked,
                    called=called,
                    said=said,
                    log_analytics_id=log_analytics_id,
                    opts=child,
                )
        if config.changes:
            for called, (operations, said) in CHANGES.items():
                activity_alert(
                    f"{name}-{called}",
                    place,
                    operations,
                    called=called,
                    said=said,
                    resource_id=group_id,
                    opts=child,
                )
        self.register_outputs({})
