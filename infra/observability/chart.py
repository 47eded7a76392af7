"""What workbook and dashboard draw: charts of metrics, and tables of logs. Pure.

Source: Microsoft Learn, "Supported metrics for Microsoft.MachineLearningServices/workspaces" and "…/onlineEndpoints".
"""

from __future__ import annotations

from dataclasses import dataclass

WORKSPACE = "microsoft.machinelearningservices/workspaces"
ENDPOINT = "microsoft.machinelearningservices/workspaces/onlineendpoints"
#: Aggregations, as the portal numbers them.
AGGREGATIONS = {"Total": 1, "Average": 4}


@dataclass(frozen=True)
class Chart:
    """Metrics of one kind of resource over time."""

    title: str
    namespace: str
    metrics: tuple[str, ...]
    aggregation: str
    split_by: str | None = None


@dataclass(frozen=True)
class Table:
    """Rows of the logs."""

    title: str
    query: str


RUNS = Chart("Jobs", WORKSPACE, ("Completed Runs", "Failed Runs", "Cancelled Runs"), "Total")
MODELS = Chart(
    "Models",
    WORKSPACE,
    ("Model Register Succeeded", "Model Deploy Succeeded", "Model Deploy Failed"),
    "Total",
)
NODES = Chart("Nodes of clusters", WORKSPACE, ("Active Nodes", "Idle Nodes", "Preempted Nodes"), "Average")
REQUESTS = Chart("Requests a minute", ENDPOINT, ("RequestsPerMinute",), "Average", "statusCodeClass")
LATENCY = Chart(
    "Latency in ms", ENDPOINT, ("RequestLatency_P50", "RequestLatency_P95", "RequestLatency_P99"), "Average"
)
FAILED_JOBS = Table(
    "Failed jobs",
    'AmlRunStatusChangedEvent\n| where Status == "Failed"\n| project TimeGenerated, RunId, WorkspaceName\n'
    "| order by TimeGenerated desc\n| take 50",
)
DENIED = Table(
    "Refused secrets",
    'AzureDiagnostics\n| where ResourceProvider == "MICROSOFT.KEYVAULT" and ResultSignature == "Forbidden"\n'
    "| summarize Refused = count() by OperationName, CallerIPAddress\n| order by Refused desc",
)
CHANGES = Table(
    "Who changed what",
    'AzureActivity\n| where ActivityStatusValue == "Success" and OperationNameValue endswith "/write"\n'
    "| summarize Changes = count() by Caller, OperationNameValue\n| order by Changes desc\n| take 50",
)
