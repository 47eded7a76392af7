"""Roles decide: principals of the directory, managed identities and federated tokens against a running local Azure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import ARM, LocalAzure, unique

from local.azure import identity as entra
from local.azure.access import federation
from local.settings import PRINCIPAL_ID, TENANT_ID

if TYPE_CHECKING:
    from conftest import Workspace

ROLES = "2022-04-01"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
DATA_SCIENTIST = "f6c7c914-8db3-469d-8ca1-694a8f32e121"
BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


@dataclass(frozen=True)
class Somebody:
    """A service principal with a token for ARM."""

    azure: LocalAzure
    object_id: str
    client_id: str
    secret: str

    def token(self, resource: str = ARM) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.secret,
            "scope": f"{resource}/.default",
        }
        url = f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/v2.0/token"
        return str(self.azure.session.post(url, data=form, timeout=30).json()["access_token"])

    def arm(self, method: str, path: str, body: Any = None, *, api_version: str) -> tuple[int, Any]:
        return as_bearer(self.azure, self.token(), method, path, body, api_version=api_version)


def as_bearer(
    azure: LocalAzure, token: str, method: str, path: str, body: Any = None, *, api_version: str
) -> tuple[int, Any]:
    response = azure.session.request(
        method,
        f"{ARM}{path}?api-version={api_version}",
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    return response.status_code, response.json() if response.content else None


def graph(azure: LocalAzure, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {azure.token('https://graph.microsoft.com/.default')}"}
    response = azure.session.request(
        method, f"https://graph.microsoft.com/v1.0{path}", json=body, headers=headers, timeout=30
    )
    assert response.ok, response.text
    return response.json() if response.content else None


def somebody(azure: LocalAzure) -> Somebody:
    """A new service principal, made as `az ad sp create-for-rbac` makes one."""
    application = graph(azure, "POST", "/applications", {"displayName": unique("app-")})
    principal = graph(azure, "POST", "/servicePrincipals", {"appId": application["appId"]})
    password = graph(azure, "POST", f"/applications/{application['id']}/addPassword", {})
    return Somebody(azure, principal["id"], application["appId"], password["secretText"])


def assign(azure: LocalAzure, scope: str, role: str, principal: str) -> str:
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definition = (
        f"/subscriptions/{azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    )
    body = {"properties": {"principalId": principal, "roleDefinitionId": definition}}
    status, _, answer = azure.arm("PUT", path, body, api_version=ROLES)
    assert status == 201, answer
    return path


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


def identity_path(group: str) -> str:
    return f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"


def test_who_has_no_role_is_told_the_operation_and_the_scope(local_azure: LocalAzure, group: str) -> None:
    nobody = somebody(local_azure)
    status, answer = nobody.arm("GET", group, api_version="2024-03-01")
    assert (status, answer["error"]["code"]) == (403, "AuthorizationFailed")
    assert f"'{nobody.object_id}'" in answer["error"]["message"]
    assert "'Microsoft.Resources/subscriptions/resourceGroups/read'" in answer["error"]["message"]
    assert group in answer["error"]["message"]
    assert nobody.arm("GET", "/subscriptions", api_version="2022-12-01")[1]["value"] == []


def test_a_reader_of_a_group_reads_what_is_in_it_and_writes_nothing(
    local_azure: LocalAzure, group: str
) -> None:
    other = local_azure.group()
    inside, outside = identity_path(group), identity_path(other)
    for path in (inside, outside):
        local_azure.put(path, {"location": "westeurope"}, api_version="2023-01-31")
    reader = somebody(local_azure)
    assignment = assign(local_azure, group, READER, reader.object_id)
    assert reader.arm("GET", inside, api_version="2023-01-31")[0] == 200
    assert reader.arm("GET", outside, api_version="2023-01-31")[0] == 403
    for method in ("PUT", "PATCH", "DELETE"):
        status, answer = reader.arm(method, inside, {"location": "westeurope"}, api_version="2023-01-31")
        assert (status, answer["error"]["code"]) == (403, "AuthorizationFailed"), method
    # Lists of the subscription show what the caller may read.
    everywhere = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    seen = reader.arm("GET", everywhere, api_version="2023-01-31")[1]["value"]
    assert inside in [one["id"] for one in seen]
    assert outside not in [one["id"] for one in seen]
    groups = reader.arm(
        "GET", f"/subscriptions/{local_azure.subscription_id}/resourcegroups", api_version="2024-03-01"
    )[1]["value"]
    assert [one["id"] for one in groups] == [group]
    # A role taken away is gone at once.
    assert local_azure.arm("DELETE", assignment, api_version=ROLES)[0] == 200
    assert reader.arm("GET", inside, api_version="2023-01-31")[0] == 403


def test_a_contributor_writes_everything_but_roles(local_azure: LocalAzure, group: str) -> None:
    contributor = somebody(local_azure)
    assign(local_azure, group, CONTRIBUTOR, contributor.object_id)
    path = identity_path(group)
    assert contributor.arm("PUT", path, {"location": "westeurope"}, api_version="2023-01-31")[0] == 201
    grant = f"{group}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definition = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
    body = {"properties": {"principalId": contributor.object_id, "roleDefinitionId": definition}}
    status, answer = contributor.arm("PUT", grant, body, api_version=ROLES)
    assert (status, answer["error"]["code"]) == (403, "AuthorizationFailed")
    assert "'Microsoft.Authorization/roleAssignments/write'" in answer["error"]["message"]


def test_a_custom_role_permits_what_it_names_and_a_change_of_it_holds_at_once(
    local_azure: LocalAzure, group: str
) -> None:
    role = str(uuid.uuid4())
    definition = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"

    def define(*not_actions: str) -> None:
        permissions = [{"actions": ["Microsoft.ManagedIdentity/*"], "notActions": list(not_actions)}]
        properties = {
            "roleName": f"Identities {role}",
            "type": "CustomRole",
            "assignableScopes": [f"/subscriptions/{local_azure.subscription_id}"],
            "permissions": permissions,
        }
        local_azure.arm("PUT", definition, {"properties": properties}, api_version=ROLES)

    define("Microsoft.ManagedIdentity/*/delete")
    person = somebody(local_azure)
    assign(local_azure, group, role, person.object_id)
    path = identity_path(group)
    assert person.arm("PUT", path, {"location": "westeurope"}, api_version="2023-01-31")[0] == 201
    assert person.arm("DELETE", path, api_version="2023-01-31")[0] == 403
    define()
    assert person.arm("DELETE", path, api_version="2023-01-31")[0] == 200


def test_members_have_the_roles_of_their_group(local_azure: LocalAzure, group: str) -> None:
    member = somebody(local_azure)
    team = graph(local_azure, "POST", "/groups", {"displayName": unique("team-")})
    assign(local_azure, group, READER, team["id"])
    assert member.arm("GET", group, api_version="2024-03-01")[0] == 403
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{member.object_id}"}
    graph(local_azure, "POST", f"/groups/{team['id']}/members/$ref", reference)
    assert member.arm("GET", group, api_version="2024-03-01")[0] == 200


def test_a_federated_token_signs_in_the_identity_that_trusts_it_and_no_other(
    local_azure: LocalAzure, group: str
) -> None:
    path = identity_path(group)
    identity = local_azure.put(path, {"location": "westeurope"}, api_version="2023-01-31")["properties"]
    issuer, subject = "https://token.actions.githubusercontent.com", "repo:acme/models:environment:prod"
    trusted = {"issuer": issuer, "subject": subject, "audiences": ["api://AzureADTokenExchange"]}
    local_azure.put(
        f"{path}/federatedIdentityCredentials/github", {"properties": trusted}, api_version="2023-01-31"
    )
    assign(local_azure, group, READER, identity["principalId"])

    signer = entra.load(local_azure.dir.identity)

    def federated_token(issuer: str, subject: str) -> str:
        return federation.assertion(signer, issuer, subject)

    def sign_in(assertion: str) -> dict[str, Any]:
        form = {
            "grant_type": "client_credentials",
            "client_id": identity["clientId"],
            "scope": f"{ARM}/.default",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        url = f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/v2.0/token"
        return local_azure.session.post(url, data=form, timeout=30).json()

    token = sign_in(federated_token(issuer, subject))["access_token"]
    assert as_bearer(local_azure, token, "GET", group, api_version="2024-03-01")[0] == 200
    other = sign_in(federated_token(issuer, "repo:acme/models:ref:refs/heads/fork"))
    assert "AADSTS70021" in other["error_description"]
    # The assertion itself opens nothing.
    direct = federated_token(issuer, subject)
    assert as_bearer(local_azure, direct, "GET", group, api_version="2024-03-01")[0] == 401


def test_a_wrong_secret_and_an_unknown_client_are_refused_as_entra_does(local_azure: LocalAzure) -> None:
    person = somebody(local_azure)
    url = f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/v2.0/token"
    form = {"grant_type": "client_credentials", "scope": f"{ARM}/.default", "client_id": person.client_id}
    wrong = local_azure.session.post(url, data={**form, "client_secret": "guess"}, timeout=30)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    unknown = local_azure.session.post(
        url, data={**form, "client_id": str(uuid.uuid4()), "client_secret": "x"}, timeout=30
    )
    assert "AADSTS700016" in unknown.json()["error_description"]


def test_the_first_principal_owns_the_subscription_by_an_assignment(local_azure: LocalAzure) -> None:
    path = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization/roleAssignments"
    _, _, answer = local_azure.arm("GET", f"{path}?$filter=atScope()", api_version=ROLES)
    owners = [
        one["properties"]["principalId"]
        for one in answer["value"]
        if one["properties"]["roleDefinitionId"].endswith(OWNER)
    ]
    assert PRINCIPAL_ID in owners


def test_scoring_with_a_token_needs_a_role_on_the_endpoint(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    name = unique("e")
    path = f"{workspace.id}/onlineEndpoints/{name}"
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "AADToken"},
    }
    made = local_azure.put(path, body, api_version="2025-12-01")
    person = somebody(local_azure)

    def score() -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {person.token('https://ml.azure.com')}"}
        answer = local_azure.session.post(
            made["properties"]["scoringUri"], json={}, headers=headers, timeout=30
        )
        return answer.status_code, answer.text

    assert score() == (401, "token_auth_access_denied")
    assign(local_azure, path, DATA_SCIENTIST, person.object_id)
    status, text = score()
    assert status == 404, text
    assert "no deployment with traffic" in text


def test_blobs_and_secrets_go_by_data_roles_and_access_policies(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    person = somebody(local_azure)
    assign(local_azure, workspace.group_id, OWNER, person.object_id)
    blobs = f"https://{workspace.storage_account}.blob.core.windows.net"
    account = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"

    def write() -> tuple[int, str]:
        headers = {
            "Authorization": f"Bearer {person.token('https://storage.azure.com')}",
            "x-ms-version": "2024-08-04",
            "x-ms-blob-type": "BlockBlob",
        }
        url = f"{blobs}/{container}/{person.object_id}"
        answer = local_azure.session.put(url, data=b"x", headers=headers, timeout=30)
        return answer.status_code, answer.headers.get("x-ms-error-code", "")

    container = unique("c")
    local_azure.put(
        f"{account}/blobServices/default/containers/{container}", {"properties": {}}, api_version="2024-01-01"
    )
    # Owners own the account and not its data.
    assert write() == (403, "AuthorizationPermissionMismatch")
    assign(
        local_azure,
        f"{account}/blobServices/default/containers/{container}",
        BLOB_DATA_CONTRIBUTOR,
        person.object_id,
    )
    assert write()[0] == 201

    vault = unique("kv-")
    vault_id = f"{workspace.group_id}/providers/Microsoft.KeyVault/vaults/{vault}"
    properties = {
        "tenantId": TENANT_ID,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": False,
        "accessPolicies": [],
    }
    local_azure.put(vault_id, {"location": "westeurope", "properties": properties}, api_version="2024-11-01")

    def secret(method: str, **content: Any) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {person.token('https://vault.azure.net')}"}
        url = f"https://{vault}.vault.azure.net/secrets/s?api-version=7.5"
        answer = local_azure.session.request(method, url, headers=headers, timeout=30, **content)
        return answer.status_code, answer.json()

    status, refused = secret("PUT", json={"value": "v"})
    assert (status, refused["error"]["innererror"]["code"]) == (403, "ForbiddenByPolicy")
    policy = {"tenantId": TENANT_ID, "objectId": person.object_id, "permissions": {"secrets": ["set"]}}
    changed = {**properties, "accessPolicies": [policy]}
    local_azure.put(vault_id, {"location": "westeurope", "properties": changed}, api_version="2024-11-01")
    assert secret("PUT", json={"value": "v"})[0] == 200
    assert secret("GET")[0] == 403
    by_roles = {**properties, "enableRbacAuthorization": True}
    local_azure.put(vault_id, {"location": "westeurope", "properties": by_roles}, api_version="2024-11-01")
    status, refused = secret("GET")
    assert (status, refused["error"]["innererror"]["code"]) == (403, "ForbiddenByRbac")
    assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in refused["error"]["message"]
    assign(local_azure, vault_id, KEY_VAULT_SECRETS_USER, person.object_id)
    assert secret("GET")[1]["value"] == "v"
    assert secret("DELETE")[0] == 403


def test_no_token_secret_or_key_is_in_a_log_or_in_the_activity(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    person = somebody(local_azure)
    account = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"
    _, _, keys = local_azure.arm("POST", f"{account}/listKeys", api_version="2024-01-01")
    value = unique("value-")
    vault = local_azure.token("https://vault.azure.net/.default")
    local_azure.session.put(
        f"https://{workspace.vault}.vault.azure.net/secrets/logged?api-version=7.5",
        json={"value": value},
        headers={"Authorization": f"Bearer {vault}"},
        timeout=30,
    ).raise_for_status()
    token = person.token()
    assert as_bearer(local_azure, token, "DELETE", account, api_version="2024-01-01")[0] == 403
    wrong = {"properties": {"value": value, "attributes": "none"}}
    path = f"{workspace.group_id}/providers/Microsoft.KeyVault/vaults/{workspace.vault}/secrets/wrong"
    local_azure.arm("PUT", path, wrong, api_version="2024-11-01")
    hidden = [person.secret, token, vault, value, *(one["value"] for one in keys["keys"])]
    hidden.append(local_azure.env["AZURE_CLIENT_SECRET"])
    files = [*local_azure.dir.root.rglob("*.log"), *local_azure.dir.root.glob("activity.db*")]
    assert any(file.stat().st_size for file in files)
    for file in files:
        content = file.read_bytes()
        assert not [text for text in hidden if text.encode() in content], file.name
