"""Where clients put the content of an asset before the asset is there, and where they get a registry's content from.

``startPendingUpload`` of code, data and models in workspaces and registries, a registry's ``datareferences``, and the two
older names that ``azure-ai-ml`` uses with a registry's own host: ``tempdatarefs`` and ``datarefs``. Each upload gets a
container of its own and a link that may write to it for an hour.
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, conflict, parent_not_found, unsupported
from local.azure.machine_learning import asset_location, registry
from local.azure.machine_learning.asset import REGISTRY
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.machine_learning.asset_location import Place
    from local.azure.resource_type import Call, Json, Record

_SAS_LIFETIME = timedelta(hours=1)
_TEMPORARY = "TemporaryBlobReference"
_SCOPE = r"(?P<scope>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices/"
_REGISTRY_ASSET = re.compile(
    r"azureml://registries/[^/]+/(?P<kind>\w+)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)", re.IGNORECASE
)


def storage_of(azure: Azure, scope: Record) -> str:
    """The id of the account that holds the content of a workspace or a registry."""
    if scope.type.lower() == REGISTRY.lower():
        return registry.storage_account(scope)
    del azure
    return str(scope.body["properties"]["storageAccount"])


async def container(azure: Azure, account_id: str) -> Place:
    """A new, empty container."""
    place = asset_location.Place(account_id.rsplit("/", 1)[-1], str(uuid.uuid4()), "")
    await azure.blobs.make_container(place.account, place.container)
    return place


async def _signed(azure: Azure, place: Place, **rights: bool) -> str:
    """The signature that opens a container."""
    # Takes as long to load as the rest of the server, and few need it.
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas  # noqa: PLC0415

    return generate_container_sas(
        place.account,
        place.container,
        account_key=await azure.blobs.key(place.account),
        permission=ContainerSasPermissions(read=True, list=True, **rights),
        expiry=azure.now() + _SAS_LIFETIME,
    )


def _scope(azure: Azure, call: Call) -> Record:
    found = azure.store.get(call.captured["scope"])
    if found is None:
        raise parent_not_found(call.captured["scope"])
    return found


async def _reference(azure: Azure, account_id: str) -> Json:
    """A new container and a link that may write to it."""
    place = await container(azure, account_id)
    signature = await _signed(azure, place, write=True, add=True, create=True)
    uri = place.url.rstrip("/")
    return {
        "blobUri": uri,
        "storageAccountArmId": account_id,
        "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{signature}"},
    }


async def _start_upload(azure: Azure, call: Call) -> Answer:
    scope = _scope(azure, call)
    given: Json = call.body or {}
    wanted = given.get("pendingUploadType") or _TEMPORARY
    if wanted not in (_TEMPORARY, "None"):
        raise unsupported(f"A pending upload of type '{wanted}'")
    return Answer(
        200,
        {
            "pendingUploadId": given.get("pendingUploadId") or str(uuid.uuid4()),
            "pendingUploadType": _TEMPORARY,
            "blobReferenceForConsumption": await _reference(azure, storage_of(azure, scope)),
        },
    )


async def _temporary_reference(azure: Azure, call: Call) -> Answer:
    """The older name of the same; 409 where the asset is there already, which tells clients not to upload."""
    scope = _scope(azure, call)
    given: Json = call.body or {}
    named = _REGISTRY_ASSET.fullmatch(str(given.get("assetId", "")))
    if named is None:
        raise bad_request(f"'{given.get('assetId')}' is no asset of a registry.", target="assetId")
    asset = f"{scope.id}/{named['kind']}/{named['name']}/versions/{named['version']}"
    if azure.store.get(asset) is not None:
        raise conflict(f"The asset '{given['assetId']}' already exists.", code="UserError")
    return Answer(
        200,
        {
            "temporaryDataReferenceId": str(uuid.uuid4()),
            "temporaryDataReferenceType": _TEMPORARY,
            "blobReferenceForConsumption": await _reference(azure, storage_of(azure, scope)),
        },
    )


async def _data_reference(azure: Azure, call: Call) -> Answer:
    """A link that may read the content of an asset."""
    scope = _scope(azure, call)
    given: Json = call.body or {}
    uri = str(given.get("blobUri") or "")
    if not uri:
        raise bad_request("blobUri is required.", target="blobUri")
    place = asset_location.find(azure, scope.id, uri)
    accounts = {
        one.rsplit("/", 1)[-1].lower(): one for _, _, one in registry.accounts(scope.body["properties"])
    }
    account = accounts.get(place.account.lower())
    if account is None:
        raise ArmError(403, "AuthorizationFailed", f"'{uri}' is not in this registry's storage.")
    # Clients look for the path in the container themselves.
    opened = asset_location.Place(place.account, place.container, "").url.rstrip("/")
    credential = {"credentialType": "SAS", "sasUri": f"{opened}?{await _signed(azure, place)}"}
    reference = {"blobUri": uri, "storageAccountArmId": account, "credential": credential}
    return Answer(200, {"blobReferenceForConsumption": reference})


def _route(path: str, handle: Any, method: str) -> Route:
    return Route(
        re.compile(r"management\.azure\.com", re.IGNORECASE),
        re.compile(_SCOPE + path, re.IGNORECASE),
        handle,
        methods=(method,),
    )


ROUTES = (
    _route(
        r"(?:workspaces|registries)/[^/]+)/(?:codes|data|models)/[^/]+/versions/[^/]+/startPendingUpload",
        _start_upload,
        "POST",
    ),
    _route(r"registries/[^/]+)/tempdatarefs/[^/]+/versions/[^/]+", _temporary_reference, "PUT"),
    _route(r"registries/[^/]+)/(?:datareferences|datarefs)/[^/]+/versions/[^/]+", _data_reference, "POST"),
)
