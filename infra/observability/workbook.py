"""A workbook of the platform: jobs, models, endpoints, what was refused, and what it costs by tag.

``contents`` is pure. Sources: Microsoft Learn, "Azure Workbooks data sources", "Programmatically manage workbooks";
"Query - Usage" (Cost Management).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_azure_native import applicationinsights

from infra.observability import chart
from infra.observability.chart import AGGREGATIONS, Chart, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.scope import Scope

Json = dict[str, Any]
_SCHEMA = "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json"
#: Kinds of items.
_TEXT, _QUERY, _PARAMETERS, _METRICS = 1, 3, 9, 10
#: Where queries go: logs, Azure Resource Graph, Azure Resource Manager.
_LOGS, _GRAPH, _ARM = 0, 1, 12


def contents(*, workspace_id: str, log_analytics_id: str, tags: Sequence[str]) -> str:
    """The workbook, as the portal reads it.

    Args:
        workspace_id: the workspace.
        log_analytics_id: where logs are.
        tags: what costs are grouped by.
    """
    group = workspace_id.partition("/providers/")[0]
    workbook = {
        "version": "Notebook/1.0",
        "items": [
            _text("title", "# ML platform\nJobs, models, endpoints, what was refused, and what it costs."),
            _parameters(group),
            _text("jobs-title", "## Jobs and models"),
            *(_metrics(one, [workspace_id]) for one in (chart.RUNS, chart.MODELS, chart.NODES)),
            _logs(chart.FAILED_JOBS, log_analytics_id),
            _text("endpoints-title", "## Online endpoints"),
            *(_metrics(one, ["{Endpoints}"]) for one in (chart.REQUESTS, chart.LATENCY)),
            _text("access-title", "## Access and changes"),
            *(_logs(one, log_analytics_id) for one in (chart.DENIED, chart.CHANGES)),
            _text("cost-title", "## Cost of this month so far"),
            *(_cost(tag, group) for tag in tags),
        ],
        "fallbackResourceIds": [log_analytics_id],
        "$schema": _SCHEMA,
    }
    return json.dumps(workbook, separators=(",", ":"), sort_keys=True)


def _name(title: str) -> str:
    return title.lower().replace(" ", "-")


def _text(name: str, markdown: str) -> Json:
    return {"type": _TEXT, "name": name, "content": {"json": markdown}}


def _parameters(group: str) -> Json:
    endpoints = f"resources | where type =~ '{chart.ENDPOINT}' | where id startswith '{group}/' | project value = id, label = name"
    return {
        "type": _PARAMETERS,
        "name": "parameters",
        "content": {
            "version": "KqlParameterItem/1.0",
            "style": "pills",
            "parameters": [
                {
                    "id": "1f6a5cf2-0c05-4f8b-9a3e-6a0f1d2c3b01",
                    "version": "KqlParameterItem/1.0",
                    "name": "Time",
                    "type": 4,
                    "isRequired": True,
                    "value": {"durationMs": 86400000},
                    "typeSettings": {
                        "selectableValues": [
                            {"durationMs": milliseconds}
                            for milliseconds in (3600000, 86400000, 604800000, 2592000000)
                        ]
                    },
                },
                {
                    "id": "1f6a5cf2-0c05-4f8b-9a3e-6a0f1d2c3b02",
                    "version": "KqlParameterItem/1.0",
                    "name": "Endpoints",
                    "type": 5,
                    "multiSelect": True,
                    "quote": "'",
                    "delimiter": ",",
                    "query": endpoints,
                    "queryType": _GRAPH,
                    "resourceType": "microsoft.resourcegraph/resources",
                    "crossComponentResources": ["value::selected"],
                    "value": ["value::all"],
                    "typeSettings": {"additionalResourceOptions": ["value::all"]},
                },
            ],
        },
    }


def _metrics(one: Chart, resources: Sequence[str]) -> Json:
    return {
        "type": _METRICS,
        "name": _name(one.title),
        "content": {
            "version": "MetricsItem/2.0",
            "chartType": 2,
            "title": one.title,
            "resourceType": one.namespace,
            "metricScope": 0,
            "resourceIds": list(resources),
            "timeContextFromParameter": "Time",
            "size": 0,
            "metrics": [
                {
                    "namespace": one.namespace,
                    "metric": f"{one.namespace}--{metric}",
                    "aggregation": AGGREGATIONS[one.aggregation],
                    **({"splitBy": one.split_by} if one.split_by else {}),
                }
                for metric in one.metrics
            ],
        },
    }


def _logs(one: Table, log_analytics_id: str) -> Json:
    return {
        "type": _QUERY,
        "name": _name(one.title),
        "content": {
            "version": "KqlItem/1.0",
            "query": one.query,
            "title": one.title,
            "size": 0,
            "timeContextFromParameter": "Time",
            "queryType": _LOGS,
            "resourceType": "microsoft.operationalinsights/workspaces",
            "crossComponentResources": [log_analytics_id],
            "visualization": "table",
        },
    }


def _cost(tag: str, group: str) -> Json:
    """The month's cost by the values of a tag, from Cost Management."""
    asked = {
        "type": "ActualCost",
        "timeframe": "MonthToDate",
        "dataset": {
            "granularity": "None",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [{"type": "TagKey", "name": tag}],
        },
    }
    columns = [
        {"path": "$[0]", "columnid": "Cost"},
        {"path": "$[2]", "columnid": tag},
        {"path": "$[3]", "columnid": "Currency"},
    ]
    request = {
        "version": "ARMEndpoint/1.0",
        "method": "POST",
        "path": f"{group}/providers/Microsoft.CostManagement/query",
        "urlParams": [{"key": "api-version", "value": "2023-11-01"}],
        "batchDisabled": False,
        "body": json.dumps(asked, separators=(",", ":")),
        "transformers": [
            {"type": "jsonpath", "settings": {"tablePath": "$.properties.rows", "columns": columns}}
        ],
    }
    return {
        "type": _QUERY,
        "name": f"cost-by-{tag}",
        "content": {
            "version": "KqlItem/1.0",
            "query": json.dumps(request, separators=(",", ":")),
            "title": f"By {tag}",
            "size": 1,
            "queryType": _ARM,
            "visualization": "table",
        },
    }


class Workbook(pulumi.ComponentResource):
    """The workbook, in Azure Monitor's gallery."""

    workbook_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        scope: Scope,
        workspace_id: pulumi.Output[str],
        log_analytics_id: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Workbook", name, None, opts)
        tags = ("project", "environment", "owner", "cost-center")
        workbook = applicationinsights.Workbook(
            f"{name}-workbook",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            resource_name_=scope.named(lambda names: names.workbook_guid()),
            kind=applicationinsights.WorkbookSharedTypeKind.SHARED,
            category="workbook",
            display_name=scope.named(lambda names: f"ML platform {names.project} {names.environment}"),
            # Shown under Azure Monitor, not under one resource.
            source_id="azure monitor",
            serialized_data=pulumi.Output.all(workspace_id, log_analytics_id).apply(
                lambda ids: contents(workspace_id=ids[0], log_analytics_id=ids[1], tags=tags)
            ),
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.workbook_id = workbook.id
        self.register_outputs({"workbookId": self.workbook_id})
