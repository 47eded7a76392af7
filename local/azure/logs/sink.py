"""What resources log goes where their diagnostic settings say: to tables of Log Analytics workspaces.

Scope: the categories ``Administrative`` of the subscription, ``AmlRunStatusChangedEvent`` of workspaces,
``AmlOnlineEndpointTrafficLog`` of online endpoints, ``AuditEvent`` of vaults and those of blob services (``storage_log``), to Log
Analytics. Omitted: all other categories, metrics, and the other sinks, which get nothing.

Sources: Microsoft Learn, "Diagnostic settings in Azure Monitor", "Azure Monitor Logs reference", "Azure Key Vault logging".
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

from local.azure.diagnostic_setting import TYPE
from local.azure.logs import store
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Answer, Call, Json, Record

logger = logging.getLogger(__name__)
_VAULT = "Microsoft.KeyVault/vaults"
_GROUPS = ("alllogs", "audit")
#: Categories that are no part of the group ``audit``.
_NO_AUDIT = frozenset({"AmlOnlineEndpointTrafficLog"})
_STATUS = {"Succeeded": "Success", "Failed": "Failure", "Accepted": "Accept"}
_VAULT_HOST = re.compile(r"([a-z0-9-]+)\.vault\.azure\.net", re.IGNORECASE)
_VERBS = {"GET": "Get", "PUT": "Set", "PATCH": "Update", "DELETE": "Delete"}
_KINDS = {"secrets": "Secret", "keys": "Key", "certificates": "Certificate"}


def sinks(azure: Azure, resource: str, category: str) -> list[str]:
    """The ids of the Log Analytics workspaces that a category of a resource's logs goes to."""
    found: list[str] = []
    # What is below the settings' own path, by the database's key: this is asked at every write.
    for setting in azure.store.below(f"{resource}/providers/{TYPE}"):
        properties: Json = setting.body["properties"]
        workspace = str(properties.get("workspaceId") or "")
        if workspace and any(_takes(one, category) for one in properties.get("logs") or []):
            found.append(workspace)
    return found


def _takes(one: Json, category: str) -> bool:
    if not one.get("enabled"):
        return False
    if one.get("category"):
        return str(one["category"]).lower() == category.lower()
    group = str(one.get("categoryGroup")).lower()
    return group in _GROUPS and not (group == "audit" and category in _NO_AUDIT)


def emit(azure: Azure, resource: str, category: str, table: str, row: Json) -> None:
    """Logs a row; whatever is wrong with that is no matter of what is logged."""
    try:
        for workspace in sinks(azure, resource, category):
            target = azure.store.get(workspace)
            if target is None:
                continue
            common = {
                "TenantId": target.body["properties"].get("customerId"),
                "Type": table,
                "SourceSystem": "Azure",
                "_ResourceId": resource.lower(),
                "_SubscriptionId": SUBSCRIPTION_ID,
            }
            store.of(azure).write(workspace, table, azure.now(), {**common, **row})
    except Exception:
        logger.exception("a row of %s can't be logged", table)


def activity(azure: Azure, event: Json) -> None:
    """Logs an event of the activity log."""
    resource, operation = str(event["resourceId"]), event["operationName"]["value"]
    status = event["status"]["value"]
    row: Json = {
        "OperationName": operation,
        "OperationNameValue": operation.upper(),
        "Level": event["level"],
        "ActivityStatus": status,
        "ActivityStatusValue": _STATUS.get(status, status),
        "ActivitySubstatus": event["subStatus"]["localizedValue"],
        "ActivitySubstatusValue": event["subStatus"]["value"],
        "ResourceGroup": event.get("resourceGroupName", ""),
        "SubscriptionId": event["subscriptionId"],
        "CorrelationId": event["correlationId"],
        "Caller": event["caller"],
        "CallerIpAddress": event["httpRequest"]["clientIpAddress"],
        "Category": "Administrative",
        "CategoryValue": "Administrative",
        "EventDataId": event["eventDataId"],
        "EventSubmissionTimestamp": event["submissionTimestamp"],
        "Resource": resource.rsplit("/", 1)[-1],
        "ResourceProvider": event["resourceProviderName"]["value"],
        "ResourceProviderValue": event["resourceProviderName"]["value"].upper(),
        "ResourceId": resource,
        "_ResourceId": resource.lower(),
        "OperationId": event["operationId"],
        "HTTPRequest": json.dumps(event["httpRequest"]),
        "Properties": json.dumps(event["properties"]),
        "Properties_d": event["properties"],
        "Authorization": json.dumps(event["authorization"]),
        "Authorization_d": event["authorization"],
        "Claims": json.dumps(event["claims"]),
        "Claims_d": event["claims"],
        "Hierarchy": event["properties"].get("hierarchy"),
    }
    emit(azure, f"/subscriptions/{SUBSCRIPTION_ID}", "Administrative", "AzureActivity", row)


def run_status(azure: Azure, workspace: str, job: Record, status: str) -> None:
    """Logs the status that a job has got."""
    ids = azure.parse(workspace)
    record = azure.store.get(workspace)
    row: Json = {
        "RunId": job.name,
        "Status": status,
        "OperationName": "Microsoft.MachineLearningServices/workspaces/experiments/runs/write",
        "ResultType": status,
        "Level": "Error" if status == "Failed" else "Informational",
        "WorkspaceId": record.body["properties"].get("workspaceId") if record is not None else None,
        "WorkspaceName": ids.name,
        "Location": record.body.get("location") if record is not None else None,
    }
    emit(azure, workspace, "AmlRunStatusChangedEvent", "AmlRunStatusChangedEvent", row)


def request(azure: Azure, endpoint: Record, call: Call, answer: Answer, milliseconds: float) -> None:
    """Logs a request to an online endpoint."""
    workspace = azure.store.get(azure.parse(endpoint.id).parent)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    row: Json = {
        "Method": call.method,
        "Path": call.path,
        "AzureMLWorkspaceId": workspace.body["properties"].get("workspaceId") if workspace else None,
        "AzureMLWorkspaceName": workspace.name if workspace else None,
        "EndpointName": endpoint.name,
        "DeploymentName": headers.get("azureml-model-deployment", ""),
        "Protocol": "HTTP/1.1",
        "ResponseCode": str(answer.status),
        "ModelStatusCode": headers.get("ms-azureml-model-error-statuscode") or str(answer.status),
        "RequestPayloadSize": len(call.content),
        "ResponsePayloadSize": len(answer.body) if isinstance(answer.body, bytes) else 0,
        "TotalDurationMs": milliseconds,
        "XRequestId": headers.get("x-request-id"),
        "XMSClientRequestId": call.headers.get("x-ms-client-request-id"),
        "UserAgent": call.headers.get("user-agent"),
        "Location": endpoint.body.get("location"),
    }
    emit(azure, endpoint.id, "AmlOnlineEndpointTrafficLog", "AmlOnlineEndpointTrafficLog", row)


def vault(azure: Azure, call: Call, answer: Answer) -> None:
    """Logs a request to a vault's data, if it is one."""
    host = _VAULT_HOST.fullmatch(call.host)
    found = azure.store.named(_VAULT, host[1]) if host is not None else []
    if not found or not sinks(azure, found[0].id, "AuditEvent"):
        return
    ids = azure.parse(found[0].id)
    row: Json = {
        "Category": "AuditEvent",
        "ResourceProvider": "MICROSOFT.KEYVAULT",
        "ResourceType": "VAULTS",
        "Resource": ids.name.upper(),
        "ResourceGroup": (ids.resource_group or "").upper(),
        "ResourceId": ids.text.upper(),
        "SubscriptionId": ids.subscription_id,
        "OperationName": _vault_operation(call),
        "OperationVersion": call.api_version,
        "ResultType": "Success",
        "ResultSignature": _signature(answer),
        "ResultDescription": _description(answer),
        "CallerIPAddress": "127.0.0.1",
        "httpStatusCode_d": float(answer.status),
        "httpMethod_s": call.method,
        "requestUri_s": f"https://{call.host}{call.path}",
        "clientInfo_s": call.headers.get("user-agent"),
    }
    emit(azure, found[0].id, "AuditEvent", "AzureDiagnostics", row)


def _vault_operation(call: Call) -> str:
    """``SecretGet``, ``SecretList``, ``KeySign``."""
    parts = call.path.strip("/").split("/")
    kind = _KINDS.get(parts[0], parts[0].capitalize())
    if len(parts) == 1:
        return f"{kind}List"
    if call.method == "POST" and len(parts) > 2:
        return f"{kind}{parts[-1].capitalize()}"
    return f"{kind}{_VERBS.get(call.method, call.method.capitalize())}"


def _signature(answer: Answer) -> str:
    return {200: "OK", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}.get(answer.status, str(answer.status))  # fmt: skip


def _description(answer: Answer) -> Any:
    if answer.status < 400 or not isinstance(answer.body, dict):
        return None
    return (answer.body.get("error") or {}).get("message")
