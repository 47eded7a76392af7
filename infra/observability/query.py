"""What is asked of the logs, in the Kusto Query Language. Pure.

Sources: Microsoft Learn, "Azure Monitor Logs reference": ``AmlRunStatusChangedEvent``, ``AmlOnlineEndpointTrafficLog``,
``AzureDiagnostics`` (of Key Vault), ``StorageBlobLogs``.
"""

from __future__ import annotations

#: Jobs that failed, of people and pipelines alike.
FAILED_JOBS = """\
AmlRunStatusChangedEvent
| where Status == "Failed"
| project TimeGenerated, RunId, WorkspaceName, Status"""

#: Secrets and keys that a vault refused.
DENIED_SECRETS = """\
AzureDiagnostics
| where ResourceProvider == "MICROSOFT.KEYVAULT" and ResultSignature == "Forbidden"
| project TimeGenerated, Resource, OperationName, CallerIPAddress"""

#: Blobs that an account refused.
DENIED_DATA = """\
StorageBlobLogs
| where tostring(StatusCode) == "403"
| project TimeGenerated, AccountName, OperationName, StatusText, CallerIpAddress"""

#: Endpoints of which fewer requests say nothing about their share.
_FEWEST = 10


def _share(endpoint_id: str, counted: str) -> str:
    return f"""\
AmlOnlineEndpointTrafficLog
| where _ResourceId =~ "{endpoint_id}"
| summarize Requests = count(), Counted = countif({counted})
| where Requests >= {_FEWEST}
| project Percent = 100.0 * Counted / Requests"""


def error_percent(endpoint_id: str) -> str:
    """How many of a hundred requests were answered 4xx or 5xx; no row for few requests."""
    return _share(endpoint_id, "toint(ResponseCode) >= 400")


def availability_percent(endpoint_id: str) -> str:
    """How many of a hundred requests neither failed on the endpoint's side nor were turned away; no row for few requests.

    408 is a model that took too long, 424 one that failed, 429 an endpoint that is too busy (Microsoft Learn, "Troubleshoot
    online endpoints", section "HTTP status codes").
    """
    return _share(endpoint_id, "toint(ResponseCode) < 500 and toint(ResponseCode) !in (408, 424, 429)")
