"""Where the content of an asset is: every form of reference that Azure ML takes, down to account, container and path.

Forms: ``azureml://datastores/D/paths/P`` and its long form with subscription, group and workspace;
``azureml://jobs/J/outputs/O[/paths/P]``; ``azureml:NAME:VERSION``; ARM ids of data, model and code versions, also after
``azureml:``; ``azureml://locations/…/workspaces/…/models/N/versions/V`` and its short forms;
``azureml://registries/R/models/N/versions/V`` (or ``labels/latest``); URLs of blobs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from local.azure.errors import ArmError, bad_request, unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure

#: The property of a version that says where its content is, by collection.
_URI = {"data": "dataUri", "models": "modelUri", "codes": "codeUri"}
_DEPTH = 8

_DATASTORE = re.compile(
    r"azureml:/{1,2}(?:subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)/(?:providers/[^/]+/)?"
    r"workspaces/(?P<workspace>[^/]+)/)?datastores/(?P<datastore>[^/]+)(?:/paths)?(?:/(?P<path>.*))?",
    re.IGNORECASE,
)
_JOB = re.compile(
    r"azureml://jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths)?(?:/(?P<path>.*))?", re.IGNORECASE
)
_ARM = re.compile(r"(?:azureml:)?(?P<id>/subscriptions/.+)", re.IGNORECASE)
_VERSION = re.compile(
    r"azureml://(?:subscriptions/(?P<subscription>[^/]+)/)?(?:resourcegroups/(?P<group>[^/]+)/)?"
    r"(?:locations/[^/]+/)?(?:workspaces/(?P<workspace>[^/]+)/)?"
    r"(?P<kind>data|models|codes|environments|components)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)",
    re.IGNORECASE,
)
_IN_REGISTRY = re.compile(
    r"azureml:/{2,3}registries/(?P<registry>[^/]+)/(?P<kind>data|models|codes|environments|components)/(?P<name>[^/]+)"
    r"/(?:versions/(?P<version>[^/]+)|labels/latest)",
    re.IGNORECASE,
)
_REGISTRY = "Microsoft.MachineLearningServices/registries"
_NAMED = re.compile(r"(?:azureml:)?(?P<name>[^/:]+):(?P<version>[^/:]+)", re.IGNORECASE)
_BLOB = re.compile(
    r"(?:https|wasbs|abfss)://(?:(?P<in>[^@/]+)@)?(?P<account>[^./]+)\.(?:blob|dfs)\.core\.windows\.net"
    r"/(?P<path>[^?]*)(?:\?.*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """Blobs: one named ``path``, or all below it; empty for the whole container."""

    account: str
    container: str
    path: str
    #: whether it is in a datastore that holds no keys, so that roles decide who may have it
    identity_based: bool = field(default=False, compare=False)

    @property
    def url(self) -> str:
        """As Azure shows it in ``codeUri`` and the like."""
        return f"https://{self.account}.blob.core.windows.net/{self.container}/{self.path}"


def resource_id(workspace: str, reference: str, kind: str = "data") -> str:
    """The ARM id of what a reference names; ``kind`` is the collection of a bare ``NAME:VERSION``.

    Raises:
        ArmError: it names something in a registry (501) or nothing (400).
    """
    if found := _ARM.fullmatch(reference):
        return found["id"].rstrip("/")
    if found := _VERSION.fullmatch(reference):
        # A location form has the workspace's GUID: it is the asker's own.
        scope = (
            f"/subscriptions/{found['subscription']}/resourceGroups/{found['group']}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{found['workspace']}"
            if found["subscription"] and found["group"] and found["workspace"]
            else workspace
        )
        return f"{scope}/{found['kind'].lower()}/{found['name']}/versions/{found['version']}"
    if found := _NAMED.fullmatch(reference):
        return f"{workspace}/{kind}/{found['name']}/versions/{found['version']}"
    if reference.lower().startswith(("azureml://registries/", "azureml://feeds/")):
        raise unsupported(f"An asset of a registry ('{reference}')")
    raise bad_request(f"'{reference}' names no asset of a workspace.", code="ValidationError")


def asset_id(azure: Azure, workspace: str, reference: str, kind: str = "data") -> str:
    """The ARM id of what a reference names, also in a registry or another workspace.

    Raises:
        ArmError: there is no such registry or workspace (404), or it names nothing (400).
    """
    if found := _IN_REGISTRY.fullmatch(reference):
        registries = azure.store.named(_REGISTRY, found["registry"])
        if not registries:
            raise ArmError(404, "UserError", f"There is no registry '{found['registry']}'.")
        asset = f"{registries[0].id}/{found['kind'].lower()}/{found['name']}"
        version = found["version"]
        if version is None:
            newest = max(azure.store.below(asset), key=lambda one: one.created_at, default=None)
            version = newest.name if newest is not None else "latest"
        return f"{asset}/versions/{version}"
    if (found := _VERSION.fullmatch(reference)) and found["workspace"] and not found["subscription"]:
        return f"{_by_guid(azure, workspace, found['workspace'])}/{found['kind'].lower()}/{found['name']}/versions/{found['version']}"
    return resource_id(workspace, reference, kind)


def _by_guid(azure: Azure, workspace: str, guid: str) -> str:
    """The workspace that has a GUID; one that is named in its place is the asker's own."""
    for record in azure.store.of_type("Microsoft.MachineLearningServices/workspaces"):
        if str((record.body.get("properties") or {}).get("workspaceId")) == guid:
            return record.id
    return workspace


async def locate(azure: Azure, workspace: str, reference: str) -> Place:
    """``find``, for callers that would wait for a remote answer."""
    return find(azure, workspace, reference)


def find(azure: Azure, workspace: str, reference: str) -> Place:
    """Where the content of ``reference`` is; ``workspace`` is the ARM id it is read in.

    Raises:
        ArmError: 404 for a missing datastore, asset, job or output; 400 for what is no reference; 501 for other
            stores than blobs.
    """
    for _ in range(_DEPTH):
        if found := _BLOB.fullmatch(reference):
            return _blob(found)
        if found := _DATASTORE.fullmatch(reference):
            scope = workspace
            if found["subscription"]:
                scope = (
                    f"/subscriptions/{found['subscription']}/resourceGroups/{found['group']}"
                    f"/providers/Microsoft.MachineLearningServices/workspaces/{found['workspace']}"
                )
            return in_datastore(azure, f"{scope}/datastores/{found['datastore']}", found["path"] or "")
        if found := _JOB.fullmatch(reference):
            reference = _job_output(azure, workspace, found["job"], found["output"], found["path"] or "")
        elif "://" in reference and not reference.lower().startswith("azureml:"):
            raise unsupported(f"Reading '{reference.partition('?')[0]}' (only blob storage is)")
        else:
            reference = _version_uri(azure, asset_id(azure, workspace, reference))
    raise bad_request(f"'{reference}' refers to itself.", code="ValidationError")


def identity(azure: Azure, workspace: str, reference: str) -> str:
    """What two spellings of one reference share: the id of a version, else where the blobs are.

    Raises:
        ArmError: as ``find``.
    """
    if any(form.fullmatch(reference) for form in (_BLOB, _DATASTORE, _JOB)):
        return find(azure, workspace, reference).url
    return asset_id(azure, workspace, reference).lower()


def long_form(workspace: str, reference: str) -> str:
    """A datastore path as Azure shows it, with subscription, group and workspace; anything else as it is."""
    found = _DATASTORE.fullmatch(reference)
    if found is None or found["subscription"]:
        return reference
    _, _, subscription, _, group, *_, name = workspace.split("/")
    return (
        f"azureml://subscriptions/{subscription}/resourcegroups/{group}/workspaces/{name}"
        f"/datastores/{found['datastore']}/paths/{found['path'] or ''}"
    )


def content_uri(azure: Azure, workspace: str, reference: str) -> str:
    """The reference that a new version keeps: outputs of jobs become the datastore path they are at.

    Raises:
        ArmError: its datastore, job or output doesn't exist.
    """
    if found := _JOB.fullmatch(reference):
        uri = _job_output(azure, workspace, found["job"], found["output"], found["path"] or "")
        find(azure, workspace, uri)
        return long_form(workspace, uri)
    if _DATASTORE.fullmatch(reference):
        find(azure, workspace, reference)
    return reference


def job_of(reference: str) -> str | None:
    """The job whose output a reference names."""
    found = _JOB.fullmatch(reference)
    return found["job"] if found else None


def in_datastore(azure: Azure, datastore: str, path: str) -> Place:
    """A path in a datastore, by the datastore's ARM id."""
    record = azure.store.get(datastore)
    if record is None:
        raise ArmError(404, "UserError", f"There is no datastore '{datastore.rsplit('/', 1)[-1]}'.")
    properties: Mapping[str, Any] = record.body["properties"]
    container = properties.get("containerName") or properties.get("filesystem")
    if properties.get("datastoreType") not in {"AzureBlob", "AzureDataLakeGen2"} or not container:
        raise unsupported(f"Data in a datastore of type '{properties.get('datastoreType')}' ({record.name})")
    keyless = str((properties.get("credentials") or {}).get("credentialsType") or "None") == "None"
    return Place(properties["accountName"], container, unquote(path), identity_based=keyless)


def _blob(found: re.Match[str]) -> Place:
    path = unquote(found["path"])
    container, _, below = (found["in"], "", path) if found["in"] else path.partition("/")
    return Place(found["account"], container, below)


def _job_output(azure: Azure, workspace: str, job: str, output: str, path: str) -> str:
    record = azure.store.get(f"{workspace}/jobs/{job}")
    if record is None:
        raise ArmError(404, "UserError", f"There is no job '{job}'.")
    outputs: Mapping[str, Any] = record.body["properties"].get("outputs") or {}
    # "artifacts" is how MLflow models name what a job wrote to its default output.
    named = outputs.get("default") if output == "artifacts" and output not in outputs else outputs.get(output)
    if not named or not named.get("uri"):
        raise ArmError(404, "UserError", f"The job '{job}' has no output '{output}'.")
    return f"{str(named['uri']).rstrip('/')}/{path}" if path else str(named["uri"])


def _version_uri(azure: Azure, asset: str) -> str:
    kind = next((part for part in asset.split("/")[::-1] if part.lower() in _URI), "").lower()
    record = azure.store.get(asset)
    if record is None:
        raise ArmError(404, "UserError", f"There is no asset '{asset}'.")
    uri = record.body["properties"].get(_URI.get(kind, ""))
    if not uri:
        raise bad_request(f"'{asset}' has no content of its own.", code="ValidationError")
    return str(uri)
