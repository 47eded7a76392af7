"""Jobs run as the managed identity of their compute, and have the data that its roles permit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.entities import AmlCompute, AzureBlobDatastore, Environment, IdentityConfiguration
from azure.ai.ml.entities import ManagedIdentityConfiguration as Managed
from running_azure import LocalAzure, unique

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workspace

BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
#: Asks for a token as azure-identity does on Azure ML compute, and prints whose it is.
WHO = """\
import base64, json, os, sys, urllib.request
where = os.environ["MSI_ENDPOINT"] + "?api-version=2017-09-01&resource=https://storage.azure.com"
asked = urllib.request.Request(where, headers={"secret": os.environ["MSI_SECRET"]})
token = json.load(urllib.request.urlopen(asked))["access_token"]
payload = token.split(".")[1]
print("oid:", json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["oid"])
print("secret:", os.environ.get("AZURE_CLIENT_SECRET"))
print("data:", open(sys.argv[1]).read())
"""


@pytest.fixture(scope="module")
def identity(local_azure: LocalAzure, workspace: Workspace) -> dict[str, Any]:
    path = f"{workspace.group_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    return local_azure.put(path, {"location": "westeurope"}, api_version="2023-01-31")


def test_a_job_is_its_computes_identity_and_reads_what_that_identity_may(
    local_azure: LocalAzure,
    workspace: Workspace,
    ml_client: MLClient,
    identity: dict[str, Any],
    tmp_path: Path,
) -> None:
    cluster = AmlCompute(
        name=unique("c"),
        size="Standard_DS3_v2",
        max_instances=1,
        identity=IdentityConfiguration(
            type="user_assigned", user_assigned_identities=[Managed(resource_id=identity["id"])]
        ),
    )
    ml_client.compute.begin_create_or_update(cluster).result()
    container = unique("data")
    account = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"
    local_azure.put(
        f"{account}/blobServices/default/containers/{container}", {"properties": {}}, api_version="2024-01-01"
    )
    headers = {
        "Authorization": f"Bearer {local_azure.token('https://storage.azure.com/.default')}",
        "x-ms-version": "2024-08-04",
        "x-ms-blob-type": "BlockBlob",
    }
    url = f"https://{workspace.storage_account}.blob.core.windows.net/{container}/rows.txt"
    assert local_azure.session.put(url, data=b"one", headers=headers, timeout=30).status_code == 201
    keyless = AzureBlobDatastore(
        name=unique("keyless_"), account_name=workspace.storage_account, container_name=container
    )
    ml_client.datastores.create_or_update(keyless)
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies:\n- python=3.11\n")
    environment = Environment(name=unique("plain"), image="mcr.microsoft.com/azureml/x", conda_file=conda)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "who.py").write_text(WHO)
    job = command(
        command="python who.py ${{inputs.rows}}",
        code=str(tmp_path / "src"),
        environment=environment,
        compute=cluster.name,
        inputs={"rows": Input(type="uri_file", path=f"azureml://datastores/{keyless.name}/paths/rows.txt")},
    )

    def run() -> tuple[str, str]:
        name = str(ml_client.jobs.create_or_update(job).name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("builtins.print", lambda *_args, **_kwargs: None)
            try:
                ml_client.jobs.stream(name)
            except Exception as error:  # noqa: BLE001 (JobException with the reason)
                return "Failed", str(error)
        ml_client.jobs.download(name, download_path=tmp_path / name)
        log = next((tmp_path / name).rglob("std_log.txt")).read_text()
        return "Completed", log

    status, said = run()
    assert status == "Failed"
    assert "AuthorizationPermissionMismatch" in said or "needs the role Storage Blob Data Reader" in said
    principal = identity["properties"]["principalId"]
    local_azure.assign(account, BLOB_DATA_READER, principal)
    status, said = run()
    assert status == "Completed", said
    assert f"oid: {principal}" in said
    assert "secret: None" in said
    assert "data: one" in said
