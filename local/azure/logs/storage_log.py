"""``StorageBlobLogs``: who asked an account for its blobs, and what came of it.

Scope: the categories ``StorageRead``, ``StorageWrite`` and ``StorageDelete`` of the blob service, to Log Analytics. Omitted: the other
services; who asked (Azure logs the object id of tokens), sizes.

Source: Microsoft Learn, "StorageBlobLogs" (Azure Monitor Logs reference), "Storage Analytics logged operations and status messages".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.blob import ACCOUNT
from local.azure.logs import sink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure

_HOST = re.compile(r"([a-z0-9]+)\.blob\.core\.windows\.net")
_TABLE = "StorageBlobLogs"
#: Operations by method and ``comp``, of the service, of containers and of blobs.
_SERVICE = {
    ("GET", "list"): "ListContainers",
    ("GET", "properties"): "GetBlobServiceProperties",
    ("PUT", "properties"): "SetBlobServiceProperties",
    ("GET", "stats"): "GetBlobServiceStats",
    ("POST", "userdelegationkey"): "GetUserDelegationKey",
    ("POST", "batch"): "BlobBatch",
}
_CONTAINER = {
    ("GET", "list"): "ListBlobs",
    ("PUT", ""): "CreateContainer",
    ("DELETE", ""): "DeleteContainer",
    ("GET", ""): "GetContainerProperties",
    ("HEAD", ""): "GetContainerProperties",
    ("PUT", "metadata"): "SetContainerMetadata",
    ("GET", "acl"): "GetContainerACL",
    ("PUT", "acl"): "SetContainerACL",
    ("PUT", "lease"): "LeaseContainer",
}
_BLOB = {
    ("GET", ""): "GetBlob",
    ("HEAD", ""): "GetBlobProperties",
    ("PUT", ""): "PutBlob",
    ("DELETE", ""): "DeleteBlob",
    ("PUT", "block"): "PutBlock",
    ("PUT", "blocklist"): "PutBlockList",
    ("GET", "blocklist"): "GetBlockList",
    ("PUT", "appendblock"): "AppendBlock",
    ("PUT", "page"): "PutPage",
    ("PUT", "properties"): "SetBlobProperties",
    ("PUT", "metadata"): "SetBlobMetadata",
    ("GET", "metadata"): "GetBlobMetadata",
    ("GET", "tags"): "GetBlobTags",
    ("PUT", "tags"): "SetBlobTags",
    ("PUT", "tier"): "SetBlobTier",
    ("PUT", "lease"): "LeaseBlob",
    ("PUT", "snapshot"): "SnapshotBlob",
    ("PUT", "undelete"): "UndeleteBlob",
}


def operation(method: str, path: str, query: Mapping[str, str]) -> str:
    """What a request is called. Pure.

    >>> operation("GET", "/c/b", {}), operation("GET", "/c", {"restype": "container", "comp": "list"})
    ('GetBlob', 'ListBlobs')
    """
    comp = query.get("comp", "").lower()
    if not path.strip("/"):
        known = _SERVICE
    elif query.get("restype", "").lower() == "container":
        known = _CONTAINER
    else:
        known = _BLOB
    return known.get((method, comp), "Unknown")


def category(method: str) -> str:
    """Which category of logs a request is in. Pure."""
    return {"GET": "StorageRead", "HEAD": "StorageRead", "DELETE": "StorageDelete"}.get(
        method, "StorageWrite"
    )


def answered(
    azure: Azure,
    host: str,
    request: tuple[str, str, Mapping[str, str], Mapping[str, str]],
    answer: tuple[int, str],
) -> None:
    """Logs a request to blobs, if it is one.

    Args:
        azure: local Azure.
        host: whose it was.
        request: its method, path, query and headers.
        answer: the status, and the code of an error.
    """
    found = _HOST.fullmatch(host)
    records = azure.store.named(ACCOUNT, found[1]) if found is not None else []
    if not records:
        return
    (method, path, query, headers), (status, code) = request, answer
    service, kind = f"{records[0].id}/blobServices/default", category(method)
    if not sink.sinks(azure, service, kind):
        return
    scheme = headers.get("Authorization", "").partition(" ")[0].lower()
    row = {
        "AccountName": records[0].name,
        "Location": records[0].body.get("location"),
        "Protocol": "HTTPS",
        "OperationName": operation(method, path, query),
        "OperationVersion": headers.get("x-ms-version"),
        "AuthenticationType": {
            "bearer": "OAuth",
            "sharedkey": "AccountKey",
            "sharedkeylite": "AccountKey",
        }.get(scheme, "SAS" if "sig" in query else "Anonymous"),
        "StatusCode": str(status),
        "StatusText": code or "Success",
        "Uri": f"https://{host}{path}",
        "CallerIpAddress": "127.0.0.1",
        "UserAgentHeader": headers.get("User-Agent"),
        "ServiceType": "blob",
        "ObjectKey": f"/{records[0].name}{path}",
        "Category": kind,
    }
    sink.emit(azure, service, kind, _TABLE, row)
