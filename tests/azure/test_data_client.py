"""What keeps data, through its own clients: keys and secrets of vaults, signatures, holds, what belongs to a registry."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import (
    CryptographyClient,
    EncryptionAlgorithm,
    KeyWrapAlgorithm,
    SignatureAlgorithm,
)
from azure.keyvault.secrets import SecretClient
from azure.storage.blob import BlobServiceClient, generate_blob_sas, generate_container_sas
from running_azure import LocalAzure, unique

from local import principal
from local.settings import PRINCIPAL_ID, TENANT_ID

STORAGE, VAULT, REGISTRY = "2024-01-01", "2024-11-01", "2023-07-01"
LOGS = "2025-07-01"


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


@pytest.fixture(autouse=True)
def through_proxy(local_azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, local_azure.env[name])


@pytest.fixture
def credential(local_azure: LocalAzure) -> ClientSecretCredential:
    env = local_azure.env
    return ClientSecretCredential(env["AZURE_TENANT_ID"], env["AZURE_CLIENT_ID"], env["AZURE_CLIENT_SECRET"])


def make_vault(azure: LocalAzure, group: str, **properties: Any) -> tuple[str, str]:
    name = unique("kv-")
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
    given = {
        "tenantId": TENANT_ID,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        **properties,
    }
    azure.put(path, {"location": "westeurope", "properties": given}, api_version=VAULT)
    return path, f"https://{name}.vault.azure.net"


def make_account(azure: LocalAzure, group: str, **properties: Any) -> str:
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/{unique('st')}"
    body = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": properties,
    }
    azure.put(path, body, api_version=STORAGE)
    return path


def blobs(account: str, credential: Any) -> BlobServiceClient:
    return BlobServiceClient(
        f"https://{account.rsplit('/', 1)[1]}.blob.core.windows.net", credential=credential, retry_total=0
    )


def test_keys_of_a_vault_encrypt_sign_and_rotate_for_real(
    local_azure: LocalAzure, group: str, credential: ClientSecretCredential
) -> None:
    path, url = make_vault(local_azure, group)
    with KeyClient(url, credential) as client:
        first = client.create_rsa_key("wrapping", size=2048)
        assert first.key.n is not None
        assert len(first.key.n) == 256
        assert not first.key.d
        crypto = CryptographyClient(first, credential)
        secret = crypto.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"plain").ciphertext
        assert crypto.decrypt(EncryptionAlgorithm.rsa_oaep_256, secret).plaintext == b"plain"
        wrapped = crypto.wrap_key(KeyWrapAlgorithm.rsa_oaep, b"k" * 32).encrypted_key
        assert crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep, wrapped).key == b"k" * 32
        digest = hashlib.sha256(b"text").digest()
        signed = crypto.sign(SignatureAlgorithm.ps256, digest).signature
        assert crypto.verify(SignatureAlgorithm.ps256, digest, signed).is_valid

        curve = client.create_ec_key("signing", curve="P-256")
        by_curve = CryptographyClient(curve, credential)
        signed = by_curve.sign(SignatureAlgorithm.es256, digest).signature
        assert by_curve.verify(SignatureAlgorithm.es256, digest, signed).is_valid
        other = hashlib.sha256(b"else").digest()
        assert not by_curve.verify(SignatureAlgorithm.es256, other, signed).is_valid

        assert client.rotate_key("wrapping").properties.version != first.properties.version
        assert len(list(client.list_properties_of_key_versions("wrapping"))) == 2
        client.update_key_properties("signing", curve.properties.version, enabled=False)
        with pytest.raises(HttpResponseError, match="disabled"):
            by_curve.sign(SignatureAlgorithm.es256, digest)

        client.begin_delete_key("wrapping").wait()
        with pytest.raises(ResourceNotFoundError):
            client.get_key("wrapping")
        with pytest.raises(ResourceExistsError):
            client.create_rsa_key("wrapping")
        client.begin_recover_deleted_key("wrapping").wait()
        assert client.get_key("wrapping").name == "wrapping"
    _, _, listed = local_azure.arm("GET", f"{path}/keys", api_version=VAULT)
    assert sorted(key["name"] for key in listed["value"]) == ["signing", "wrapping"]
    assert local_azure.arm("DELETE", f"{path}/keys/signing", api_version=VAULT)[0] == 405


def test_purge_protection_keeps_secrets_and_stays_on(
    local_azure: LocalAzure, group: str, credential: ClientSecretCredential
) -> None:
    path, url = make_vault(local_azure, group, enablePurgeProtection=True, softDeleteRetentionInDays=7)
    with SecretClient(url, credential) as client:
        made = client.set_secret("password", "s3cret")
        assert (made.properties.recovery_level, made.properties.recoverable_days) == (
            "CustomizedRecoverable",
            7,
        )
        client.begin_delete_secret("password").wait()
        with pytest.raises(HttpResponseError, match="purge"):
            client.purge_deleted_secret("password")
        client.begin_recover_deleted_secret("password").wait()
        assert client.get_secret("password").value == "s3cret"
    off = {"properties": {"enablePurgeProtection": False}}
    assert local_azure.arm("PATCH", path, off, api_version=VAULT)[0] == 400


def test_access_policies_are_added_and_removed_by_principal(local_azure: LocalAzure, group: str) -> None:
    path, _ = make_vault(local_azure, group, enableRbacAuthorization=False, accessPolicies=[])
    principal = {"tenantId": TENANT_ID, "objectId": "11111111-1111-4111-8111-111111111111"}

    def changed(how: str, *permissions: str) -> Any:
        body = {
            "properties": {"accessPolicies": [{**principal, "permissions": {"secrets": list(permissions)}}]}
        }
        status, _, answer = local_azure.arm("PUT", f"{path}/accessPolicies/{how}", body, api_version=VAULT)
        assert status == 200
        return [policy["permissions"]["secrets"] for policy in answer["properties"]["accessPolicies"]]

    assert changed("add", "get") == [["get"]]
    assert changed("add", "list") == [["get", "list"]]
    assert changed("remove", "get") == [["list"]]
    assert changed("remove", "list") == []


def test_an_account_encrypts_with_a_key_that_its_vault_has(local_azure: LocalAzure, group: str) -> None:
    vault, url = make_vault(local_azure, group)
    account = make_account(local_azure, group)
    wanted = {"keySource": "Microsoft.Keyvault", "keyvaultproperties": {"keyname": "own", "keyvaulturi": url}}
    body = {"properties": {"encryption": wanted}}
    status, _, answer = local_azure.arm("PATCH", account, body, api_version=STORAGE)
    assert (status, answer["error"]["code"]) == (400, "KeyVaultEncryptionKeyNotFound")
    key = local_azure.put(f"{vault}/keys/own", {"properties": {"kty": "RSA"}}, api_version=VAULT)
    status, _, answer = local_azure.arm("PATCH", account, body, api_version=STORAGE)
    assert (status, answer["error"]["code"]) == (400, "KeyVaultPolicyError")
    protected = {"properties": {"enablePurgeProtection": True}}
    assert local_azure.arm("PATCH", vault, protected, api_version=VAULT)[0] == 200
    status, _, answer = local_azure.arm("PATCH", account, body, api_version=STORAGE)
    assert status == 200
    found = answer["properties"]["encryption"]["keyvaultproperties"]["currentVersionedKeyIdentifier"]
    assert found == key["properties"]["keyUriWithVersion"]


def test_signatures_that_arm_makes_open_what_they_say(local_azure: LocalAzure, group: str) -> None:
    account = make_account(local_azure, group)
    name, container = account.rsplit("/", 1)[1], unique("c")
    _, _, keys = local_azure.arm("POST", f"{account}/listKeys", api_version=STORAGE)
    with blobs(account, keys["keys"][0]["value"]) as client:
        client.create_container(container).upload_blob("b", b"x")
    expiry = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    asked = {
        "signedServices": "b",
        "signedResourceTypes": "sco",
        "signedPermission": "rl",
        "signedExpiry": expiry,
    }
    _, _, answer = local_azure.arm("POST", f"{account}/ListAccountSas", asked, api_version=STORAGE)
    with blobs(account, AzureSasCredential(answer["accountSasToken"])) as client:
        assert client.get_blob_client(container, "b").download_blob().readall() == b"x"
        with pytest.raises(HttpResponseError):
            client.get_blob_client(container, "b").delete_blob()
    asked = {
        "canonicalizedResource": f"/blob/{name}/{container}",
        "signedResource": "c",
        "signedPermission": "r",
        "signedExpiry": expiry,
    }
    _, _, answer = local_azure.arm("POST", f"{account}/ListServiceSas", asked, api_version=STORAGE)
    with blobs(account, AzureSasCredential(answer["serviceSasToken"])) as client:
        assert client.get_blob_client(container, "b").download_blob().readall() == b"x"

    off = {"properties": {"allowSharedKeyAccess": False}}
    assert local_azure.arm("PATCH", account, off, api_version=STORAGE)[0] == 200
    with blobs(account, AzureSasCredential(answer["serviceSasToken"])) as client:
        with pytest.raises(HttpResponseError) as refused:
            client.get_blob_client(container, "b").download_blob()
        assert refused.value.error_code == "KeyBasedAuthenticationNotPermitted"


def test_blobs_under_a_hold_or_a_policy_stay_as_they_are(
    local_azure: LocalAzure, group: str, credential: ClientSecretCredential
) -> None:
    account = make_account(local_azure, group)
    container = f"{account}/blobServices/default/containers/kept"
    local_azure.put(container, {"properties": {"metadata": {"k": "v"}}}, api_version=STORAGE)
    with blobs(account, credential) as client:
        blob = client.get_blob_client("kept", "b")
        blob.upload_blob(b"first")
        assert client.get_container_client("kept").get_container_properties().metadata == {"k": "v"}

        held = {"tags": ["case1"]}
        assert (
            local_azure.arm("POST", f"{container}/setLegalHold", held, api_version=STORAGE)[2]["hasLegalHold"]
            is True
        )
        for change in (blob.delete_blob, lambda: blob.upload_blob(b"second", overwrite=True)):
            with pytest.raises(HttpResponseError) as refused:
                change()
            assert refused.value.error_code == "BlobImmutableDueToLegalHold"
        assert local_azure.arm("DELETE", container, api_version=STORAGE)[0] == 409
        local_azure.arm("POST", f"{container}/clearLegalHold", held, api_version=STORAGE)

        policy = f"{container}/immutabilityPolicies/default"
        days = {"properties": {"immutabilityPeriodSinceCreationInDays": 3}}
        _, _, made = local_azure.arm("PUT", policy, days, api_version=STORAGE)
        with pytest.raises(HttpResponseError) as refused:
            blob.delete_blob()
        assert refused.value.error_code == "BlobImmutableDueToPolicy"
        wrong = {"If-Match": '"other"'}
        status, _, answer = local_azure.arm("DELETE", policy, api_version=STORAGE, headers=wrong)
        assert (status, answer["error"]["code"]) == (412, "ContainerImmutabilityPolicyFailure")
        right = {"If-Match": made["etag"]}
        local_azure.arm("POST", f"{policy}/lock", api_version=STORAGE, headers=right)
        status, _, answer = local_azure.arm("DELETE", account, api_version=STORAGE)
        assert (status, answer["error"]["code"]) == (409, "AccountProtectedFromDeletion")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"sku": {"name": "Standard_ZRS"}}, 409, "StorageAccountTypeConversionNotAllowed"),
        ({"properties": {"isHnsEnabled": True}}, 409, "PropertyCannotBeUpdated"),
        ({"properties": {"minimumTlsVersion": "TLS9"}}, 400, "InvalidRequestPropertyValue"),
    ],
)
def test_an_account_cannot_become_what_azure_rules_out(
    local_azure: LocalAzure, group: str, change: dict[str, Any], status: int, code: str
) -> None:
    account = make_account(local_azure, group)
    found, _, answer = local_azure.arm("PATCH", account, change, api_version=STORAGE)
    assert (found, answer["error"]["code"]) == (status, code)


def test_tables_made_through_arm_are_there_for_clients_with_a_token(
    local_azure: LocalAzure, group: str
) -> None:
    account = make_account(local_azure, group)
    url = f"https://{account.rsplit('/', 1)[1]}.table.core.windows.net/Tables"
    local_azure.put(f"{account}/tableServices/default/tables/mine", {}, api_version=STORAGE)
    headers = {
        "Authorization": f"Bearer {local_azure.token('https://storage.azure.com/.default')}",
        "Accept": "application/json;odata=nometadata",
        "x-ms-version": "2020-12-06",
    }
    listed = local_azure.session.get(url, headers=headers, timeout=30).json()
    assert [table["TableName"] for table in listed["value"]] == ["mine"]


def test_a_token_of_a_registry_gets_passwords_that_are_shown_once(
    local_azure: LocalAzure, group: str
) -> None:
    registry = f"{group}/providers/Microsoft.ContainerRegistry/registries/{unique('cr')}"
    local_azure.put(registry, {"location": "westeurope", "sku": {"name": "Standard"}}, api_version=REGISTRY)
    replica = {"location": "northeurope"}
    status, _, answer = local_azure.arm(
        "PUT", f"{registry}/replications/north", replica, api_version=REGISTRY
    )
    assert (status, answer["error"]["code"]) == (400, "UnsupportedSku")
    token = f"{registry}/tokens/puller"
    scope_map = f"{registry}/scopeMaps/_repositories_pull"
    local_azure.put(token, {"properties": {"scopeMapId": scope_map}}, api_version=REGISTRY)
    _, _, answer = local_azure.arm(
        "POST", f"{registry}/generateCredentials", {"tokenId": token}, api_version=REGISTRY
    )
    assert len({password["value"] for password in answer["passwords"]}) == 2
    _, _, shown = local_azure.arm("GET", token, api_version=REGISTRY)
    assert all("value" not in password for password in shown["properties"]["credentials"]["passwords"])


def test_a_deleted_log_workspace_comes_back_with_its_id(local_azure: LocalAzure, group: str) -> None:
    path = f"{group}/providers/Microsoft.OperationalInsights/workspaces/{unique('log-')}"
    body = {"location": "westeurope", "properties": {}}
    first = local_azure.put(path, body, api_version=LOGS)["properties"]["customerId"]
    local_azure.arm("DELETE", path, api_version=LOGS)
    deleted = f"{group}/providers/Microsoft.OperationalInsights/deletedWorkspaces"
    _, _, listed = local_azure.arm("GET", deleted, api_version=LOGS)
    assert [found["id"] for found in listed["value"]] == [path]
    assert local_azure.put(path, body, api_version=LOGS)["properties"]["customerId"] == first
    local_azure.arm("DELETE", f"{path}?force=true", api_version=LOGS)
    assert local_azure.put(path, body, api_version=LOGS)["properties"]["customerId"] != first


def test_a_user_signs_for_blobs_and_may_give_what_its_roles_give(
    local_azure: LocalAzure, group: str, credential: ClientSecretCredential
):
    account = make_account(local_azure, group, allowSharedKeyAccess=False)
    name = account.rsplit("/", 1)[-1]
    url = f"https://{name}.blob.core.windows.net"
    users = BlobServiceClient(url, credential)
    container = users.create_container("models")
    container.upload_blob("a.txt", b"one")
    now = datetime.now(UTC)
    key = users.get_user_delegation_key(now - timedelta(minutes=1), now + timedelta(hours=1))
    assert key.signed_oid == PRINCIPAL_ID

    def signed(
        permission: str, blob: str | None = "a.txt", expiry: datetime = now + timedelta(hours=1)
    ) -> str:
        if blob is None:
            return generate_container_sas(
                name, "models", user_delegation_key=key, permission=permission, expiry=expiry
            )
        return generate_blob_sas(
            name, "models", blob, user_delegation_key=key, permission=permission, expiry=expiry
        )

    def read(sas: str, blob: str = "a.txt") -> bytes:
        with BlobServiceClient(url, AzureSasCredential(sas)).get_blob_client("models", blob) as client:
            return client.download_blob(max_concurrency=1).readall()

    assert read(signed("r")) == b"one"
    assert read(signed("rl", None)) == b"one"
    writer = BlobServiceClient(url, AzureSasCredential(signed("cw", "b.txt"))).get_blob_client(
        "models", "b.txt"
    )
    writer.upload_blob(b"two")
    assert read(signed("r", "b.txt"), "b.txt") == b"two"
    refused = {
        "another blob": (signed("r"), "b.txt"),
        "more than it permits": (signed("d"), "a.txt"),
        "after its time": (signed("r", expiry=now - timedelta(minutes=1)), "a.txt"),
        "changed": (signed("r").replace("sp=r", "sp=rw"), "a.txt"),
    }
    for why, (sas, blob) in refused.items():
        with pytest.raises(HttpResponseError) as refusal:
            read(sas, blob)
        assert refusal.value.status_code == 403, why
    with pytest.raises(HttpResponseError, match="within seven days"):
        users.get_user_delegation_key(now, now + timedelta(days=8))

    # What a user's roles don't give, its signature doesn't either.
    graph, reader = principal.Client(local_azure.dir), unique("reader-")
    made = principal.create(graph, reader, "application")
    env = principal.environment(graph, local_azure.dir, reader)
    limited = BlobServiceClient(
        url, ClientSecretCredential(TENANT_ID, env["AZURE_CLIENT_ID"], env["AZURE_CLIENT_SECRET"])
    )
    with pytest.raises(HttpResponseError) as refusal:
        limited.get_user_delegation_key(now, now + timedelta(hours=1))
    assert refusal.value.status_code == 403
    local_azure.assign(
        account, "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", made["objectId"]
    )  # Storage Blob Data Reader
    key = limited.get_user_delegation_key(now - timedelta(minutes=1), now + timedelta(hours=1))
    assert read(signed("rw")) == b"one"
    writer = BlobServiceClient(url, AzureSasCredential(signed("rw"))).get_blob_client("models", "a.txt")
    with pytest.raises(HttpResponseError) as refusal:
        writer.upload_blob(b"three", overwrite=True)
    assert refusal.value.status_code == 403
