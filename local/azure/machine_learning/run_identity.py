"""As whom jobs and deployments run, and whether that identity may have the data they name.

A command runs as its compute's managed identity, as whoever submitted it where it says ``UserIdentity``, and without one for
``AMLToken``; a deployment runs as its endpoint's identity. Where a datastore holds no keys, the identity's own roles decide
(Microsoft Learn, "Set up authentication between Azure Machine Learning and other services"; "Access Azure resources from an
online endpoint with a managed identity"). A job without any identity reads such data as its submitter. Omitted: pulling the
image from the registry: there are no images here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.access import instance_identity, vantage
from local.azure.access.storage_operation import blob
from local.azure.blob import ACCOUNT
from local.azure.errors import ArmError
from local.azure.machine_learning import workspace_kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from local.azure.azure import Azure
    from local.azure.machine_learning.asset_location import Place
    from local.azure.machine_learning.job_state import Job
    from local.azure.resource_type import Record

#: Principal and client id; the latter is empty for a system-assigned identity.
Holder = tuple[str, str]


def of_job(azure: Azure, record: Record, given: Mapping[str, Any]) -> Holder | None:
    """The identity of a command. ``given`` is its specification: ``identity`` and ``computeId``; None: it has none."""
    kind = str((given.get("identity") or {}).get("identityType") or "").lower()
    if kind == "useridentity":
        return (record.created_by, "") if record.created_by else None
    if kind == "amltoken":
        return None
    compute = workspace_kind.compute(azure, str(given.get("computeId") or ""))
    return instance_identity.holder(compute.body) if compute is not None else None


def place_of_job(azure: Azure, job: Job, given: Mapping[str, Any]) -> str:
    """The network a command's requests come from: its compute's subnet's, or its workspace's managed one."""
    compute = workspace_kind.compute(azure, str(given.get("computeId") or ""))
    properties: Mapping[str, Any] = ((compute.body if compute else {}).get("properties") or {}).get(
        "properties"
    ) or {}
    subnet = str((properties.get("subnet") or {}).get("id") or "")
    if subnet:
        return f"{vantage.INSIDE}:{subnet.rpartition('/subnets/')[0]}"
    return place_of_workspace(azure, job.workspace)


def place_of_workspace(azure: Azure, workspace: str) -> str:
    """The managed network of a workspace, if it has one; empty: the internet."""
    record = azure.store.get(workspace)
    managed = ((record.body["properties"] if record else {}).get("managedNetwork") or {}).get("isolationMode")
    return f"{vantage.MANAGED}:{workspace}" if managed not in (None, "Disabled") else ""


def principal(holder: Holder | None, job: Record) -> str | None:
    """Whose roles count for a job's data: its identity's, else its submitter's."""
    return holder[0] if holder is not None else job.created_by or None


def reader(job: Job, given: Mapping[str, Any]) -> str | None:
    """Whose roles count for what a job reads. ``given`` has ``identity`` and ``computeId``."""
    return principal(of_job(job.azure, job.record, given), job.record)


def of_endpoint(azure: Azure, endpoint: str) -> Holder | None:
    """The identity of an endpoint's deployments, by its ARM id."""
    record = azure.store.get(endpoint)
    return instance_identity.holder(record.body) if record is not None else None


def check_data(azure: Azure, principal: str | None, place: Place, *, write: bool = False) -> None:
    """Refuses data of a datastore without keys to an identity whose roles don't permit it.

    Raises:
        ArmError: 403 ``AuthorizationPermissionMismatch``, with the identity, the account and the role that is missing.
    """
    if not place.identity_based or not principal:
        return
    accounts = azure.store.named(ACCOUNT, place.account)
    wanted = blob("PUT" if write else "GET", f"/{place.container}/x", {})
    try:
        for account in accounts:
            azure.access.check_storage(principal, account, wanted)
    except ArmError as error:
        role = "Storage Blob Data Contributor" if write else "Storage Blob Data Reader"
        raise ArmError(
            error.status,
            error.code,
            f"{error.message} The identity '{principal}' needs the role {role} on the storage account "
            f"'{place.account}', whose datastore holds no keys.",
        ) from None
