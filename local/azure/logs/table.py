"""The tables that are filled, and the types of their columns. Pure.

Source: Microsoft Learn, "Azure Monitor Logs reference": each table's page.
"""

from __future__ import annotations

_COMMON = {"TimeGenerated": "datetime", "_ResourceId": "string", "_SubscriptionId": "string", "TenantId": "string", "Type": "string", "SourceSystem": "string"}  # fmt: skip


def _strings(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), "string")


#: By name: the type of each column.
TABLES: dict[str, dict[str, str]] = {
    "AzureActivity": {
        **_COMMON,
        **_strings(
            "OperationName OperationNameValue Level ActivityStatus ActivityStatusValue ActivitySubstatus "
            "ActivitySubstatusValue ResourceGroup SubscriptionId CorrelationId Caller CallerIpAddress Category "
            "CategoryValue Properties HTTPRequest EventDataId Resource ResourceProvider ResourceProviderValue ResourceId "
            "OperationId Authorization Claims Hierarchy"
        ),
        "EventSubmissionTimestamp": "datetime",
        "Properties_d": "dynamic",
        "Authorization_d": "dynamic",
        "Claims_d": "dynamic",
    },
    "AmlRunStatusChangedEvent": {
        **_COMMON,
        **_strings(
            "CallerIpAddress CorrelationId DurationMs Identity Level Location Message OperationName OperationVersion "
            "ParentRunId ResultDescription ResultSignature ResultType RootRunId RunId Status TriggeringUserName WorkspaceId "
            "WorkspaceName"
        ),
    },
    "AmlOnlineEndpointTrafficLog": {
        **_COMMON,
        **_strings(
            "Method Path AzureMLWorkspaceId AzureMLWorkspaceName EndpointName DeploymentName Protocol ResponseCode "
            "ResponseCodeReason ModelStatusCode ModelStatusReason UserAgent XRequestId XMSClientRequestId IdentityData "
            "AuthType Location OperationName"
        ),
        "RequestPayloadSize": "int",
        "ResponsePayloadSize": "int",
        "TotalDurationMs": "real",
    },
    "StorageBlobLogs": {
        **_COMMON,
        **_strings(
            "AccountName Location Protocol OperationName OperationVersion AuthenticationType StatusCode StatusText Uri "
            "CallerIpAddress CorrelationId UserAgentHeader ServiceType ObjectKey Category RequesterObjectId"
        ),
    },
    "AzureDiagnostics": {
        **_COMMON,
        **_strings(
            "ResourceId Category ResourceGroup SubscriptionId ResourceProvider Resource ResourceType OperationName "
            "OperationVersion ResultType ResultSignature ResultDescription CorrelationId CallerIPAddress identity_claim_oid_g "
            "requestUri_s id_s clientInfo_s httpMethod_s"
        ),
        "httpStatusCode_d": "real",
        "DurationMs": "int",
    },
}
