"""A dashboard for a wall: the workspace's jobs, and each endpoint's requests and latency.

``lenses`` is pure. Source: Microsoft Learn, "The structure of Azure dashboards", "Programmatically create Azure dashboards".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_azure_native import portal

from infra.observability import chart
from infra.observability.chart import AGGREGATIONS, Chart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.scope import Scope

Json = dict[str, Any]
#: A tile's width and height, in the portal's units.
_WIDTH, _HEIGHT = 6, 4
_IN_A_ROW = 3
_MARKDOWN = "Extension/HubsExtension/PartType/MarkdownPart"
_CHART = "Extension/HubsExtension/PartType/MonitorChartPart"
_LINE, _DAY = 2, 86400000


def tiles(workspace_id: str, endpoints: Mapping[str, str]) -> list[tuple[Json, Json]]:
    """Places and parts. Pure.

    Args:
        workspace_id: the workspace.
        endpoints: ids of online endpoints, by the name of their model.
    """
    workspace = workspace_id.rsplit("/", 1)[-1]
    rows: list[list[Json]] = [
        [
            _markdown(
                "Workspace",
                f"# {workspace}\nJobs and models of the last day. Details: the workbook *ML platform*.",
            ),
            _part(chart.RUNS, workspace_id, "Jobs"),
            _part(chart.MODELS, workspace_id, "Models"),
        ],
        *(
            [
                _markdown(model, f"# {model}\nRequests by status, and how long they take."),
                _part(chart.REQUESTS, id_, f"{model}: {chart.REQUESTS.title}"),
                _part(chart.LATENCY, id_, f"{model}: {chart.LATENCY.title}"),
            ]
            for model, id_ in sorted(endpoints.items())
        ),
    ]
    return [
        ({"x": column * _WIDTH, "y": row * _HEIGHT, "colSpan": _WIDTH, "rowSpan": _HEIGHT}, part)
        for row, parts in enumerate(rows)
        for column, part in enumerate(parts[:_IN_A_ROW])
    ]


def _markdown(title: str, text: str) -> Json:
    settings = {"content": text, "title": title, "subtitle": "", "markdownSource": 1}
    return {"type": _MARKDOWN, "inputs": [], "settings": {"content": {"settings": settings}}}


def _part(one: Chart, resource_id: str, title: str) -> Json:
    drawn: Json = {
        "metrics": [
            {
                "resourceMetadata": {"id": resource_id},
                "name": metric,
                "namespace": one.namespace,
                "aggregationType": AGGREGATIONS[one.aggregation],
                "metricVisualization": {"displayName": metric},
            }
            for metric in one.metrics
        ],
        "title": title,
        "titleKind": 2,
        "visualization": {"chartType": _LINE},
        "timespan": {"relative": {"duration": _DAY}, "showUTCTime": False, "grain": 1},
    }
    if one.split_by:
        drawn["grouping"] = {"dimension": one.split_by, "sort": 2, "top": 10}
    return {
        "type": _CHART,
        "inputs": [{"name": "options", "isOptional": True}, {"name": "sharedTimeRange", "isOptional": True}],
        "settings": {"content": {"options": {"chart": drawn}}},
    }


class Dashboard(pulumi.ComponentResource):
    """The dashboard, shared with whoever may read the resource group."""

    def __init__(
        self,
        name: str,
        *,
        scope: Scope,
        workspace_id: pulumi.Output[str],
        endpoints: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes it; ``endpoints``: names of online endpoints, by the name of their model."""
        super().__init__("mlops:infra:Dashboard", name, None, opts)

        def parts(known: dict[str, Any]) -> list[portal.DashboardPartsArgs]:
            ids = {
                model: f"{known['workspace']}/onlineEndpoints/{one}"
                for model, one in known["endpoints"].items()
            }
            return [
                portal.DashboardPartsArgs(
                    position=portal.DashboardPartsPositionArgs(
                        x=place["x"], y=place["y"], col_span=place["colSpan"], row_span=place["rowSpan"]
                    ),
                    metadata=portal.DashboardPartMetadataArgs(
                        type=part["type"], inputs=part["inputs"], settings=part["settings"]
                    ),
                )
                for place, part in tiles(known["workspace"], ids)
            ]

        drawn = pulumi.Output.all(
            workspace=workspace_id, endpoints=pulumi.Output.from_input(dict(endpoints))
        ).apply(parts)  # fmt: skip
        portal.Dashboard(
            f"{name}-dashboard",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            dashboard_name=scope.named(lambda names: names.dashboard),
            properties=portal.DashboardPropertiesWithProvisioningStateArgs(
                lenses=[portal.DashboardLensArgs(order=0, parts=drawn)]
            ),
            tags={
                **scope.tags,
                # What the portal shows as its name.
                "hidden-title": scope.named(lambda names: f"ML platform {names.project} {names.environment}"),
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
