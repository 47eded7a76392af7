"""Storage accounts and blobs, through ARM and azure-storage-blob."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas
from running_azure import LocalAzure, unique

if TYPE_CHECKING:
    from collections.abc import Generator

API = "2024-01-01"
BODY: dict[str, Any] = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}


@pytest.fixture(scope="module")
def account(local_azure: LocalAzure) -> Generator[dict[str, str]]:
    group = local_azure.group()
    name = unique("st")
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    local_azure.put(path, BODY, api_version=API)
    _, _, keys = local_azure.arm("POST", f"{path}/listKeys", api_version=API)
    yield {"id": path, "name": name, "key": keys["keys"][0]["value"], "group": group}


@pytest.fixture
def through_proxy(local_azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, local_azure.env[name])


def credential(azure: LocalAzure) -> ClientSecretCredential:
    return ClientSecretCredential(
        azure.env["AZURE_TENANT_ID"], azure.env["AZURE_CLIENT_ID"], azure.env["AZURE_CLIENT_SECRET"]
    )


def service(account: dict[str, str], credential: Any) -> BlobServiceClient:
    return BlobServiceClient(f"https://{account['name']}.blob.core.windows.net", credential=credential)


@pytest.mark.usefixtures("through_proxy")
def test_blobs_are_written_and_read_with_the_account_key(account: dict[str, str]) -> None:
    with service(account, account["key"]) as client, client.create_container(unique("c")) as container:
        container.upload_blob("folder/ä b+c.txt", b"hello", metadata={"k": "v"})
        blob = container.get_blob_client("folder/ä b+c.txt")
        assert blob.download_blob().readall() == b"hello"
        assert blob.get_blob_properties().metadata == {"k": "v"}
        assert [found.name for found in container.list_blobs("folder/")] == ["folder/ä b+c.txt"]


@pytest.mark.usefixtures("through_proxy")
def test_blobs_are_written_and_read_with_a_token(local_azure: LocalAzure, account: dict[str, str]) -> None:
    with (
        service(account, credential(local_azure)) as client,
        client.create_container(unique("c")) as container,
    ):
        content = os.urandom(9 << 20)
        container.upload_blob("large bin", content, max_concurrency=2)
        assert container.download_blob("large bin").readall() == content
        assert [found.name for found in container.list_blobs()] == ["large bin"]
