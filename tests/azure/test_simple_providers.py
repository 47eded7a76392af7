"""Key Vault, registries, observability, identities and roles, through ARM and their data planes."""

from __future__ import annotations

from typing import Any

import pytest
from running_azure import LocalAzure, unique

from local.settings import CLIENT_ID, PRINCIPAL_ID, TENANT_ID

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


def vault_body(**properties: Any) -> dict[str, Any]:
    sku = {"family": "A", "name": "standard"}
    return {
        "location": "westeurope",
        "properties": {"tenantId": TENANT_ID, "sku": sku, "enableRbacAuthorization": True, **properties},
    }


def test_a_vault_keeps_secrets_that_arm_never_shows(local_azure: LocalAzure, group: str) -> None:
    name = unique("kv-")
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
    vault = local_azure.put(path, vault_body(), api_version="2024-11-01")
    assert vault["properties"]["vaultUri"] == f"https://{name}.vault.azure.net/"

    secret = local_azure.put(
        f"{path}/secrets/password", {"properties": {"value": "s3cret"}}, api_version="2024-11-01"
    )
    assert "value" not in secret["properties"]
    headers = {"Authorization": f"Bearer {local_azure.token('https://vault.azure.net/.default')}"}
    url = f"https://{name}.vault.azure.net"
    got = local_azure.session.get(f"{url}/secrets/password?api-version=7.5", headers=headers, timeout=30)
    assert got.json()["value"] == "s3cret"

    set_ = local_azure.session.put(
        f"{url}/secrets/password?api-version=7.5", headers=headers, json={"value": "new"}, timeout=30
    )
    assert set_.status_code == 200
    versions = local_azure.session.get(
        f"{url}/secrets/password/versions?api-version=7.5", headers=headers, timeout=30
    ).json()
    assert len(versions["value"]) == 2
    old = local_azure.session.get(got.json()["id"] + "?api-version=7.5", headers=headers, timeout=30)
    assert old.json()["value"] == "s3cret"
    listed = local_azure.session.get(f"{url}/secrets?api-version=7.5", headers=headers, timeout=30).json()[
        "value"
    ]
    assert [(item["id"], "value" in item) for item in listed] == [(f"{url}/secrets/password", False)]


def test_the_vault_challenges_a_client_without_a_token(local_azure: LocalAzure, group: str) -> None:
    name = unique("kv-")
    local_azure.put(
        f"{group}/providers/Microsoft.KeyVault/vaults/{name}", vault_body(), api_version="2024-11-01"
    )
    response = local_azure.session.get(
        f"https://{name}.vault.azure.net/secrets/x?api-version=7.5", timeout=30
    )
    assert response.status_code == 401
    assert 'resource="https://vault.azure.net"' in response.headers["WWW-Authenticate"]


def test_a_deleted_vault_keeps_its_name_until_it_is_purged_and_can_be_recovered(
    local_azure: LocalAzure, group: str
) -> None:
    name = unique("kv-")
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
    local_azure.put(path, vault_body(), api_version="2024-11-01")
    local_azure.put(f"{path}/secrets/kept", {"properties": {"value": "v"}}, api_version="2024-11-01")
    assert local_azure.arm("DELETE", path, api_version="2024-11-01")[0] == 200
    status, _, body = local_azure.arm("PUT", path, vault_body(), api_version="2024-11-01")
    assert (status, body["error"]["code"]) == (409, "ConflictError")

    local_azure.put(path, vault_body(createMode="recover"), api_version="2024-11-01")
    assert local_azure.arm("GET", f"{path}/secrets/kept", api_version="2024-11-01")[0] == 200

    local_azure.arm("DELETE", path, api_version="2024-11-01")
    deleted = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/{name}"
    assert local_azure.arm("POST", f"{deleted}/purge", api_version="2024-11-01")[0] == 202
    local_azure.put(path, vault_body(), api_version="2024-11-01")
    assert local_azure.arm("GET", f"{path}/secrets/kept", api_version="2024-11-01")[0] == 404


@pytest.mark.parametrize(
    ("name", "properties", "code"),
    [
        ("a" * 25, {}, "VaultNameNotValid"),
        ("kv--twice", {}, "VaultNameNotValid"),
        ("", {"enablePurgeProtection": False}, "BadRequest"),
        ("", {"softDeleteRetentionInDays": 5}, "BadRequest"),
        ("", {"sku": {"family": "A", "name": "gold"}}, "InvalidSku"),
    ],
)
def test_a_vault_that_breaks_azures_rules_is_refused(
    local_azure: LocalAzure, group: str, name: str, properties: dict[str, Any], code: str
) -> None:
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{name or unique('kv-')}"
    status, _, body = local_azure.arm("PUT", path, vault_body(**properties), api_version="2024-11-01")
    assert (status, body["error"]["code"]) == (400, code)


def test_names_that_azure_keeps_unique_are_unique_over_groups(local_azure: LocalAzure, group: str) -> None:
    other = local_azure.group()
    name = unique("kv-")
    local_azure.put(
        f"{group}/providers/Microsoft.KeyVault/vaults/{name}", vault_body(), api_version="2024-11-01"
    )
    path = f"{other}/providers/Microsoft.KeyVault/vaults/{name}"
    status, _, body = local_azure.arm("PUT", path, vault_body(), api_version="2024-11-01")
    assert (status, body["error"]["code"]) == (409, "VaultAlreadyExists")


def test_a_registry_has_a_login_server_and_credentials_only_for_its_admin(
    local_azure: LocalAzure, group: str
) -> None:
    name = unique("cr")
    path = f"{group}/providers/Microsoft.ContainerRegistry/registries/{name}"
    body: dict[str, Any] = {"location": "West Europe", "sku": {"name": "Basic"}, "properties": {}}
    registry = local_azure.put(path, body, api_version="2023-07-01")
    assert registry["properties"]["loginServer"] == f"{name}.azurecr.io"
    assert registry["location"] == "westeurope"
    assert local_azure.arm("POST", f"{path}/listCredentials", api_version="2023-07-01")[0] == 400
    local_azure.put(path, {**body, "properties": {"adminUserEnabled": True}}, api_version="2023-07-01")
    status, _, credentials = local_azure.arm("POST", f"{path}/listCredentials", api_version="2023-07-01")
    assert status == 200
    assert credentials["username"] == name
    assert len({password["value"] for password in credentials["passwords"]}) == 2


def test_application_insights_has_a_connection_string_and_needs_its_log_analytics(
    local_azure: LocalAzure, group: str
) -> None:
    logs = f"{group}/providers/Microsoft.OperationalInsights/workspaces/{unique('log-')}"
    component = f"{group}/providers/Microsoft.Insights/components/{unique('appi-')}"
    body = {
        "location": "westeurope",
        "kind": "web",
        "properties": {"Application_Type": "web", "WorkspaceResourceId": logs},
    }
    assert local_azure.arm("PUT", component, body, api_version="2020-02-02")[0] == 400
    made = local_azure.put(logs, {"location": "westeurope", "properties": {}}, api_version="2023-09-01")
    assert made["properties"]["sku"]["name"] == "PerGB2018"
    first = local_azure.put(component, body, api_version="2020-02-02")["properties"]
    again = local_azure.put(component, body, api_version="2020-02-02")["properties"]
    assert first["InstrumentationKey"] in first["ConnectionString"]
    assert first["InstrumentationKey"] == again["InstrumentationKey"]


def test_an_identity_keeps_its_principal_and_resources_show_it(local_azure: LocalAzure, group: str) -> None:
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    first = local_azure.put(path, {"location": "westeurope"}, api_version="2023-01-31")["properties"]
    again = local_azure.put(path, {"location": "westeurope", "tags": {"a": "b"}}, api_version="2023-01-31")[
        "properties"
    ]
    assert first == again
    registry = local_azure.put(
        f"{group}/providers/Microsoft.ContainerRegistry/registries/{unique('cr')}",
        {
            "location": "westeurope",
            "sku": {"name": "Premium"},
            "identity": {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {path: {}}},
        },
        api_version="2023-07-01",
    )
    carried = registry["identity"]["userAssignedIdentities"][path]
    assert carried == {"principalId": first["principalId"], "clientId": first["clientId"]}
    assert registry["identity"]["tenantId"] == TENANT_ID


def test_a_role_is_assigned_once_per_scope_and_principal(local_azure: LocalAzure, group: str) -> None:
    identity = local_azure.put(
        f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}",
        {"location": "westeurope"},
        api_version="2023-01-31",
    )
    scope = identity["id"]
    principal = identity["properties"]["principalId"]
    role = f"/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    body = {
        "properties": {
            "roleDefinitionId": role,
            "principalId": principal,
            "principalType": "ServicePrincipal",
        }
    }
    names = [f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2)]
    paths = [f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}" for name in names]
    made = local_azure.put(paths[0], body, api_version="2022-04-01")
    assert made["properties"]["scope"] == scope
    local_azure.put(paths[0], body, api_version="2022-04-01")
    status, _, answer = local_azure.arm("PUT", paths[1], body, api_version="2022-04-01")
    assert (status, answer["error"]["code"]) == (409, "RoleAssignmentExists")

    assignments = f"{group}/providers/Microsoft.Authorization/roleAssignments"
    query = f"{assignments}?$filter=principalId eq '{principal}'"
    _, _, listed = local_azure.arm("GET", query, api_version="2022-04-01")
    assert [found["id"] for found in listed["value"]] == [paths[0]]
    assert local_azure.arm("DELETE", paths[0], api_version="2022-04-01")[0] == 200
    assert local_azure.arm("DELETE", paths[0], api_version="2022-04-01")[0] == 204


def test_a_role_for_an_unknown_principal_needs_its_type(local_azure: LocalAzure, group: str) -> None:
    role = f"/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    path = f"{group}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000009"
    unknown = {"properties": {"roleDefinitionId": role, "principalId": CLIENT_ID}}
    status, _, answer = local_azure.arm("PUT", path, unknown, api_version="2022-04-01")
    assert (status, answer["error"]["code"]) == (400, "PrincipalNotFound")
    known = {"properties": {"roleDefinitionId": role, "principalId": PRINCIPAL_ID}}
    assert local_azure.arm("PUT", path, known, api_version="2022-04-01")[0] == 201


def test_built_in_roles_are_listed_by_name(local_azure: LocalAzure) -> None:
    scope = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions"
    _, _, listed = local_azure.arm("GET", f"{scope}?$filter=roleName eq 'AcrPull'", api_version="2022-04-01")
    assert [found["name"] for found in listed["value"]] == ["7f951dda-4ed3-4680-a7ca-43fe172d538d"]
    status, _, reader = local_azure.arm("GET", f"{scope}/{READER}", api_version="2022-04-01")
    assert (status, reader["properties"]["roleName"]) == (200, "Reader")


@pytest.mark.parametrize(
    ("provider", "kind", "version", "body"),
    [
        ("Storage", "storageAccounts", "2024-01-01", {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}}),
        ("KeyVault", "vaults", "2024-11-01", vault_body()),
    ],
)
def test_whether_a_name_is_free_can_be_asked(
    local_azure: LocalAzure, provider: str, kind: str, version: str, body: dict[str, Any]
) -> None:
    name = unique("free")
    path = (
        f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.{provider}/checkNameAvailability"
    )

    def asked(wanted: str) -> Any:
        status, _, answer = local_azure.arm(
            "POST", path, {"name": wanted, "type": f"Microsoft.{provider}/{kind}"}, api_version=version
        )
        assert status == 200
        return answer

    assert asked(name) == {"nameAvailable": True}
    assert asked("no name!")["reason"] == "AccountNameInvalid"
    resource = f"{local_azure.group()}/providers/Microsoft.{provider}/{kind}/{name}"
    local_azure.put(resource, {"location": "westeurope", **body}, api_version=version)
    taken = asked(name)
    assert (taken["nameAvailable"], taken["reason"]) == (False, "AlreadyExists")
    assert name in taken["message"]
    if kind == "vaults":
        local_azure.arm("DELETE", resource, api_version=version)
        assert not asked(name)["nameAvailable"]
