"""Code: what jobs and deployments run. Clients look for it by its hash, else upload it to a container of its own."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from local.azure.errors import parent_not_found, unsupported
from local.azure.machine_learning import asset
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_SAS_LIFETIME = timedelta(hours=1)


def _complete(_azure: Azure, _id: ResourceId, properties: Json) -> Json:
    asset.required(properties, "codeUri")
    return properties


def _among(azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """Code of a hash is looked for under all names: clients give theirs at random."""
    if "hash" not in call.query:
        return records
    return azure.store.below(asset.workspace_of(call.path), f"{asset.WORKSPACE}/codes/versions")


async def _start_upload(azure: Azure, call: Call) -> Answer:
    """A new container and a link that may write to it, before the version exists."""
    # Takes as long to load as the rest of the server, and few need it.
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas  # noqa: PLC0415

    workspace = azure.store.get(call.captured["workspace"])
    if workspace is None:
        raise parent_not_found(call.captured["workspace"])
    wanted = (call.body or {}).get("pendingUploadType") or "TemporaryBlobReference"
    if wanted != "TemporaryBlobReference":
        raise unsupported(f"A pending upload of type '{wanted}'")
    storage = workspace.body["properties"]["storageAccount"]
    account = storage.rsplit("/", 1)[-1]
    container = str(uuid.uuid4())
    await azure.blobs.make_container(account, container)
    signature = generate_container_sas(
        account,
        container,
        account_key=await azure.blobs.key(account),
        permission=ContainerSasPermissions(read=True, write=True, list=True, add=True, create=True),
        expiry=azure.now() + _SAS_LIFETIME,
    )
    uri = f"https://{account}.blob.core.windows.net/{container}"
    return Answer(
        200,
        {
            "pendingUploadId": str(uuid.uuid4()),
            "pendingUploadType": wanted,
            "blobReferenceForConsumption": {
                "blobUri": uri,
                "storageAccountArmId": storage,
                "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{signature}"},
            },
        },
    )


CODE = asset.Kind("codes", fixed=("codeUri",), complete=_complete, refusal=asset.path_refusal, among=_among)
TYPES = CODE.types()
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com", re.IGNORECASE),
        re.compile(
            r"(?P<workspace>/subscriptions/[^/]+/resourceGroups/[^/]+/providers"
            r"/Microsoft\.MachineLearningServices/workspaces/[^/]+)"
            r"/codes/[^/]+/versions/[^/]+/startPendingUpload",
            re.IGNORECASE,
        ),
        _start_upload,
        methods=("POST",),
    ),
)
