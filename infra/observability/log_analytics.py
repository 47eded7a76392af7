"""Where logs and traces go: Log Analytics, and Application Insights on top of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import applicationinsights, operationalinsights

from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.scope import Scope


class ObservabilityConfig(Section):
    """``mlops:observability``: which logs are kept, and for how long."""

    retention_days: int = setting(
        30,
        ge=30,
        le=730,
        breaks="logs older than this are gone, and Azure keeps them for 30 to 730 days",
        write="a whole number from 30 to 730",
    )
    daily_quota_gb: float | None = setting(
        None,
        gt=0,
        breaks="above it no more logs are taken in that day",
        write="a number of gigabytes above 0, or leave the key out for no limit",
    )
    workbook: bool = setting(
        True,
        breaks="it decides whether Azure Monitor has a workbook of jobs, models, endpoints, access and costs",
        write="true, or false",
    )
    dashboard: bool = setting(
        True,
        breaks="it decides whether the portal has a dashboard of jobs, requests and latency",
        write="true, or false",
    )
    diagnostics: bool = setting(
        False,
        breaks="it decides whether every resource's logs and metrics are kept in Log Analytics, which charges by the gigabyte",
        write="true for production, else false",
    )


class Observability(pulumi.ComponentResource):
    """A Log Analytics workspace and the Application Insights component that writes to it."""

    log_analytics_id: pulumi.Output[str]
    application_insights_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: ObservabilityConfig,
        *,
        scope: Scope,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Observability", name, None, opts)
        log_analytics = operationalinsights.Workspace(
            f"{name}-log-analytics",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            workspace_name=scope.named(lambda names: names.log_analytics),
            sku=operationalinsights.WorkspaceSkuArgs(
                name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018
            ),
            retention_in_days=config.retention_days,
            workspace_capping=None
            if config.daily_quota_gb is None
            else operationalinsights.WorkspaceCappingArgs(daily_quota_gb=config.daily_quota_gb),
            features=operationalinsights.WorkspaceFeaturesArgs(
                enable_log_access_using_only_resource_permissions=True
            ),
            tags=scope.tags,
            opts=scope.holding_data(self),
        )
        # Without an explicit Log Analytics workspace Azure makes one of its own, and every deployment shows a change.
        insights = applicationinsights.Component(
            f"{name}-application-insights",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            resource_name_=scope.named(lambda names: names.application_insights),
            kind="web",
            application_type=applicationinsights.ApplicationType.WEB,
            ingestion_mode=applicationinsights.IngestionMode.LOG_ANALYTICS,
            workspace_resource_id=log_analytics.id,
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.log_analytics_id = log_analytics.id
        self.application_insights_id = insights.id
        self.register_outputs(
            {
                "logAnalyticsId": self.log_analytics_id,
                "applicationInsightsId": self.application_insights_id,
            }
        )
