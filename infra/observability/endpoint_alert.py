"""What of a model's online endpoint somebody is told of: latency, errors, availability, and how full its instances are.

Azure Monitor has no rule for all endpoints of a workspace: a rule on their metrics is about one, so these are made beside
each endpoint. Those on instances follow the deployment that a rollout makes.

Sources: Microsoft Learn, "Supported metrics for Microsoft.MachineLearningServices/workspaces/onlineEndpoints" and
"…/onlineEndpoints/deployments".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import monitor

from infra.observability import query
from infra.observability.rule import Threshold, log_alert, metric_alert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.observability.contact import EndpointAlertConfig
    from infra.observability.rule import Operator, Place

ENDPOINT = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
DEPLOYMENT = f"{ENDPOINT}/deployments"
#: What an endpoint answers where the caller isn't to blame (Microsoft Learn, "Troubleshoot online endpoints").
FAILURES = ("408", "424", "500", "502", "503", "504")


@dataclass(frozen=True)
class Watch:
    """What alerts on endpoints need of the platform."""

    place: Place
    workspace_id: pulumi.Output[str]
    log_analytics_id: pulumi.Output[str]


def on_endpoint(config: EndpointAlertConfig) -> Iterator[tuple[str, Threshold, str]]:
    """The rules on an endpoint's requests: what tells them apart, when they fire, what they mean. Pure."""
    for percent, limit in ((50, config.p50_ms), (95, config.p95_ms), (99, config.p99_ms)):
        if limit is not None:
            threshold = Threshold(f"RequestLatency_P{percent}", ENDPOINT, "Average", limit)
            yield (
                f"p{percent}",
                threshold,
                f"More than {100 - percent} of 100 requests take longer than {limit:g} ms.",
            )
    if config.server_errors is not None:
        failed = Threshold(
            "RequestsPerMinute",
            ENDPOINT,
            "Average",
            config.server_errors,
            # A model that fails is 424, one that takes too long 408.
            dimensions=(("statusCode", FAILURES),),
        )
        yield (
            "errors",
            failed,
            f"More than {config.server_errors:g} requests a minute fail with one status.",
        )


def on_deployment(config: EndpointAlertConfig) -> Iterator[tuple[str, Threshold, str]]:
    """The rules on a deployment's instances, likewise. Pure."""
    for called, metric, limit, what in (
        ("cpu", "CpuUtilizationPercentage", config.cpu_percent, "CPUs are busier"),
        ("memory", "CpuMemoryUtilizationPercentage", config.memory_percent, "memory is fuller"),
        ("disk", "DiskUtilization", config.disk_percent, "disk is fuller"),
        ("gpu", "GpuUtilizationPercentage", config.gpu_percent, "GPUs are busier"),
        ("gpu-memory", "GpuMemoryUtilizationPercentage", config.gpu_memory_percent, "GPUs' memory is fuller"),
    ):
        if limit is not None:
            threshold = Threshold(metric, DEPLOYMENT, "Average", limit)
            yield called, threshold, f"The instances' {what} than {limit:g} %."


class EndpointAlerts(pulumi.ComponentResource):
    """The rules of one endpoint."""

    def __init__(
        self,
        name: str,
        config: EndpointAlertConfig,
        *,
        watch: Watch,
        model: str,
        endpoint: pulumi.Output[str],
        deployment: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes them.

        Args:
            name: the component's name.
            config: what is too much.
            watch: where, and who is told.
            model: the model's name.
            endpoint: the endpoint's name.
            deployment: the name of the newest deployment.
            opts: the usual options.
        """
        super().__init__("mlops:infra:EndpointAlerts", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        endpoint_id = pulumi.Output.concat(watch.workspace_id, "/onlineEndpoints/", endpoint)
        deployment_id = pulumi.Output.concat(endpoint_id, "/deployments/", deployment)
        for resource_id, rules in (
            (endpoint_id, on_endpoint(config)),
            (deployment_id, on_deployment(config)),
        ):
            for called, threshold, said in rules:
                metric_alert(
                    f"{name}-{called}",
                    watch.place,
                    threshold,
                    called=f"{model}-{called}",
                    said=f"{model}: {said}",
                    resource_id=resource_id,
                    minutes=config.window_minutes,
                    opts=child,
                )
        if config.reads_logs:
            self._on_logs(name, config, watch, model, endpoint_id)
        self.register_outputs({})

    def _on_logs(
        self,
        name: str,
        config: EndpointAlertConfig,
        watch: Watch,
        model: str,
        endpoint_id: pulumi.Output[str],
    ) -> None:
        child = pulumi.ResourceOptions(parent=self)
        traffic = monitor.DiagnosticSetting(
            f"{name}-traffic-log",
            name="traffic",
            resource_uri=endpoint_id,
            workspace_id=watch.log_analytics_id,
            logs=[monitor.DiagnosticsLogSettingsArgs(category="AmlOnlineEndpointTrafficLog", enabled=True)],
            opts=child,
        )
        rules: tuple[tuple[str, Callable[[str], str], Operator, float | None, str], ...] = (
            ("error-percent", query.error_percent, "GreaterThan", config.error_percent, "answered 4xx or 5xx are more than"),
            ("availability", query.availability_percent, "LessThan", config.availability_percent, "answered are fewer than"),
        )  # fmt: skip
        for called, asked, operator, limit, said in rules:
            if limit is not None:
                log_alert(
                    f"{name}-{called}",
                    watch.place,
                    endpoint_id.apply(asked),
                    called=f"{model}-{called}",
                    said=f"{model}: requests {said} {limit:g} %.",
                    log_analytics_id=watch.log_analytics_id,
                    minutes=config.window_minutes,
                    measured=("Percent", operator, limit),
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[traffic]),
                )
