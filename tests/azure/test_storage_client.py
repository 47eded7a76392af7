"""Storage accounts and blobs, through ARM and azure-storage-blob."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas
from running_azure import LocalAzure, unique

API = "2024-01-01"
BODY: dict[str, Any] = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}


@pytest.fixture(scope="module")
def account(local_azure: LocalAzure) -> dict[str, str]:
    group = local_azure.group()
    name = unique("st")
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    local_azure.put(path, BODY, api_version=API)
    _, _, keys = local_azure.arm("POST", f"{path}/listKeys", api_version=API)
    return {"id": path, "name": name, "key": keys["keys"][0]["value"], "group": group}


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


@pytest.mark.usefixtures("through_proxy")
def test_a_sas_goes_as_far_as_it_says(account: dict[str, str]) -> None:
    name = unique("c")
    with service(account, account["key"]) as client, client.create_container(name) as container:
        container.upload_blob("b", b"x")
    sas = generate_container_sas(
        account["name"],
        name,
        account_key=account["key"],
        permission=ContainerSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    with service(account, sas) as client:
        container = client.get_container_client(name)
        assert container.download_blob("b").readall() == b"x"
        with pytest.raises(HttpResponseError):
            container.upload_blob("c", b"y")


@pytest.mark.usefixtures("through_proxy")
def test_a_wrong_key_and_a_token_for_another_audience_are_refused(
    local_azure: LocalAzure, account: dict[str, str]
) -> None:
    with (
        service(account, base64.b64encode(b"guessed").decode()) as client,
        pytest.raises(HttpResponseError, match="failed to authenticate"),
    ):
        client.get_account_information()
    answer = local_azure.session.get(
        f"https://{account['name']}.blob.core.windows.net/?comp=list",
        headers={"Authorization": f"Bearer {local_azure.token()}", "x-ms-version": "2023-11-03"},
        timeout=30,
    )
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (
        401,
        "InvalidAuthenticationTokenAudience",
    )


@pytest.mark.usefixtures("through_proxy")
def test_an_account_without_shared_keys_takes_tokens_only(
    local_azure: LocalAzure, account: dict[str, str]
) -> None:
    name = unique("st")
    path = f"{account['group']}/providers/Microsoft.Storage/storageAccounts/{name}"
    local_azure.put(path, {**BODY, "properties": {"allowSharedKeyAccess": False}}, api_version=API)
    _, _, keys = local_azure.arm("POST", f"{path}/listKeys", api_version=API)
    own = {**account, "name": name}
    with (
        service(own, keys["keys"][0]["value"]) as client,
        pytest.raises(HttpResponseError, match="Key based"),
    ):
        client.create_container("data")
    with service(own, credential(local_azure)) as client, client.create_container("data") as container:
        assert not list(container.list_blobs())


@pytest.mark.usefixtures("through_proxy")
def test_arm_and_the_data_plane_show_the_same_containers(
    local_azure: LocalAzure, account: dict[str, str]
) -> None:
    base = f"{account['id']}/blobServices/default/containers"
    by_arm, by_client = unique("arm"), unique("client")
    assert local_azure.arm("PUT", f"{base}/{by_arm}", {"properties": {}}, api_version=API)[0] == 201
    with service(account, account["key"]) as client:
        client.create_container(by_client).close()
        assert {by_arm, by_client} <= {found.name for found in client.list_containers()}
        _, _, listed = local_azure.arm("GET", base, api_version=API)
        assert {by_arm, by_client} <= {found["name"] for found in listed["value"]}
        assert local_azure.arm("DELETE", f"{base}/{by_arm}", api_version=API)[0] == 200
        client.delete_container(by_client)
        assert not {by_arm, by_client} & {found.name for found in client.list_containers()}
    assert local_azure.arm("GET", f"{base}/{by_client}", api_version=API)[0] == 404


@pytest.mark.usefixtures("through_proxy")
def test_an_account_made_anew_is_empty_and_has_other_keys(local_azure: LocalAzure) -> None:
    group = local_azure.group()
    name = unique("st")
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    seen = []
    for _ in range(2):
        local_azure.put(path, BODY, api_version=API)
        _, _, keys = local_azure.arm("POST", f"{path}/listKeys", api_version=API)
        with service({"name": name}, keys["keys"][0]["value"]) as client:
            assert not list(client.list_containers())
            client.create_container("data").close()
        seen.append(keys["keys"][0]["value"])
        assert local_azure.arm("DELETE", path, api_version=API)[0] == 200
    assert seen[0] != seen[1]


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("Bad-Name", {}, "AccountNameInvalid"),
        ("", {"sku": {"name": "Standard_GOLD"}}, "InvalidSku"),
        ("", {"kind": "Cupboard"}, "InvalidRequestPropertyValue"),
        ("", {"location": ""}, "LocationRequired"),
    ],
)
def test_an_account_that_breaks_azures_rules_is_refused(
    local_azure: LocalAzure, account: dict[str, str], name: str, change: dict[str, Any], code: str
) -> None:
    path = f"{account['group']}/providers/Microsoft.Storage/storageAccounts/{name or unique('st')}"
    status, _, body = local_azure.arm("PUT", path, {**BODY, **change}, api_version=API)
    assert (status, body["error"]["code"]) == (400, code)


def test_services_of_an_account_exist_with_it(local_azure: LocalAzure, account: dict[str, str]) -> None:
    path = f"{account['id']}/blobServices/default"
    status, _, before = local_azure.arm("GET", path, api_version=API)
    assert (status, before["name"]) == (200, "default")
    kept = {
        "properties": {"deleteRetentionPolicy": {"enabled": True, "days": 7}, "isVersioningEnabled": True}
    }
    status, _, after = local_azure.arm("PUT", path, kept, api_version=API)
    assert status == 200
    assert after["properties"]["deleteRetentionPolicy"]["days"] == 7


def test_a_hierarchical_namespace_has_no_versions(local_azure: LocalAzure, account: dict[str, str]) -> None:
    path = f"{account['group']}/providers/Microsoft.Storage/storageAccounts/{unique('lake')}"
    local_azure.put(path, {**BODY, "properties": {"isHnsEnabled": True}}, api_version=API)
    versioned = {"properties": {"isVersioningEnabled": True}}
    status, _, _ = local_azure.arm("PUT", f"{path}/blobServices/default", versioned, api_version=API)
    assert status == 400
    changed = {**BODY, "properties": {"isHnsEnabled": False}}
    status, _, body = local_azure.arm("PUT", path, changed, api_version=API)
    assert (status, body["error"]["code"]) == (409, "PropertyCannotBeUpdated")


def test_an_account_that_is_not_there_is_told(local_azure: LocalAzure) -> None:
    answer = local_azure.session.get("https://nosuchaccount.blob.core.windows.net/c/b", timeout=30)
    assert answer.status_code == 404
    assert "nosuchaccount" in answer.text
