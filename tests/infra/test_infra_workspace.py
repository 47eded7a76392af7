"""The workspace's kinds, identity, keys and purge, recorded."""

import uuid

import pytest
from recorded_program import SUBSCRIPTION, SUFFIX, run

from infra.access.role import Role
from infra.diagnostic import WATCHABLE

CUSTOMER = {
    "encryption": {"keys": "customer", "rotateAfterDays": 90},
    "vault": {"purgeProtection": True},
    "registry": {"sku": "Premium"},
}
HUB_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-shared/providers/Microsoft.MachineLearningServices"
    "/workspaces/mlw-shared"
)


@pytest.fixture(scope="module")
def encrypted():
    return run("local", models=[], **CUSTOMER)


@pytest.fixture(scope="module")
def hub():
    return run(
        "local",
        models=[],
        workspace={"kind": "hub", "projects": ["delay", "price"], "purgeOnDestroy": True},
    )


def test_the_key_is_in_the_platforms_vault_and_rotates(encrypted):
    key = encrypted.one("mlops-encryption-key")
    assert key.inputs["vaultName"] == f"kv-mlops-local-{SUFFIX}"
    assert key.inputs["properties"]["keySize"] == 3072
    rotation = key.inputs["properties"]["rotationPolicy"]["lifetimeActions"]
    assert rotation == [{"action": {"type": "rotate"}, "trigger": {"timeAfterCreate": "P90D"}}]


def test_one_identity_may_wrap_with_the_key_and_do_nothing_else(encrypted):
    identity = encrypted.one("mlops-encryption-identity")
    principal = str(uuid.uuid5(uuid.NAMESPACE_URL, identity.id))
    granted = [
        r for r in encrypted.of("authorization:RoleAssignment") if r.inputs["principalId"] == principal
    ]
    assert [r.name for r in granted] == ["mlops-encryption-key-user"]
    wanted = Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER.value
    assert granted[0].inputs["roleDefinitionId"].endswith(wanted)
    assert granted[0].inputs["scope"] == encrypted.one("mlops-vault-vault").id
    assert identity.inputs["resourceName"] == f"id-encryption-mlops-local-{SUFFIX}"


@pytest.mark.parametrize(
    "name",
    ["mlops-storage-account", "mlops-storage-lake", "mlops-registry-registry", "mlops-workspace-workspace"],
)
def test_what_holds_data_is_encrypted_once_the_identity_may_open_the_key(encrypted, name):
    resource = encrypted.one(name)
    assert {"mlops-encryption-key", "mlops-encryption-key-user"} <= encrypted.needs(resource)
    assert encrypted.one("mlops-encryption-identity").id in str(resource.inputs["identity"])


def test_storage_and_registry_follow_rotations_and_the_workspace_is_told_of_each_version(encrypted):
    uri = f"https://kv-mlops-local-{SUFFIX}.vault.azure.net/keys/platform"
    account = encrypted.one("mlops-storage-account").inputs["encryption"]
    assert account["keySource"] == "Microsoft.Keyvault"
    assert account["keyVaultProperties"] == {"keyName": "platform", "keyVaultUri": uri.partition("/keys/")[0]}
    assert {service["keyType"] for service in account["services"].values()} == {"Account"}
    assert set(account["services"]) == {"blob", "file", "queue", "table"}
    registry = encrypted.one("mlops-registry-registry").inputs["encryption"]["keyVaultProperties"]
    assert registry["keyIdentifier"] == uri
    assert registry["identity"].startswith("client-of-")
    workspace = encrypted.one("mlops-workspace-workspace").inputs["encryption"]
    assert workspace["keyVaultProperties"]["keyIdentifier"] == f"{uri}/{'0' * 32}"
    assert workspace["status"] == "Enabled"


def test_a_given_key_is_used_where_it_is():
    vault_id = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-keys/providers/Microsoft.KeyVault/vaults/kv-keys"
    )
    key = f"https://kv-keys.vault.azure.net/keys/ml/{'1' * 32}"
    recording = run(
        "local",
        models=[],
        encryption={"keys": "customer", "key": key, "vaultId": vault_id},
        registry={"sku": "Premium"},
    )
    assert not recording.of("keyvault:Key")
    assert recording.one("mlops-encryption-key-user").inputs["scope"] == vault_id
    workspace = recording.one("mlops-workspace-workspace").inputs["encryption"]["keyVaultProperties"]
    assert workspace == {"keyIdentifier": key, "keyVaultArmId": vault_id}
    account = recording.one("mlops-storage-lake").inputs["encryption"]["keyVaultProperties"]
    assert account["keyVaultUri"] == "https://kv-keys.vault.azure.net"


def test_a_hubs_projects_have_nothing_that_is_the_hubs(hub):
    assert hub.one("mlops-workspace-workspace").inputs["kind"] == "Hub"
    for label in ("delay", "price"):
        project = hub.one(f"mlops-workspace-{label}")
        assert project.inputs["kind"] == "Project"
        assert project.inputs["hubResourceId"] == hub.one("mlops-workspace-workspace").id
        assert project.inputs["workspaceName"] == f"p-{label}-mlops-local-{SUFFIX}"
        forbidden = {"storageAccount", "keyVault", "containerRegistry", "applicationInsights", "encryption"}
        assert not forbidden & set(project.inputs)
        assert project.inputs["v1LegacyMode"] is False
        assert project.inputs["systemDatastoresAuthMode"] == "Identity"


def test_computes_are_the_hubs_and_data_is_its_first_projects(hub):
    names = {"hub": f"mlw-mlops-local-{SUFFIX}", "first": f"p-delay-mlops-local-{SUFFIX}"}
    assert {r.inputs["workspaceName"] for r in hub.of("machinelearningservices:Compute")} == {names["hub"]}
    assert {r.inputs["workspaceName"] for r in hub.of("machinelearningservices:Datastore")} == {
        names["first"]
    }


def test_roles_on_a_hub_are_granted_in_its_projects_too(hub):
    def roles(label):
        scope = hub.one(f"mlops-workspace-{label}").id
        return sorted(
            (r.inputs["principalId"], r.inputs["roleDefinitionId"])
            for r in hub.of("authorization:RoleAssignment")
            if r.inputs["scope"] == scope
        )

    assert roles("delay") == roles("price") == roles("workspace")
    assert roles("delay")


def test_each_workspace_and_the_vault_go_before_what_purges_them(hub):
    pairs = {
        "mlops-workspace-workspace": "mlops-workspace-purge",
        "mlops-workspace-delay": "mlops-workspace-delay-purge",
        "mlops-workspace-price": "mlops-workspace-price-purge",
        "mlops-vault-vault": "mlops-vault-purge",
    }
    for purged, purge in pairs.items():
        assert purge in hub.needs(hub.one(purged))
        assert "mlops-group" in hub.needs(hub.one(purge))


def test_a_vault_with_purge_protection_is_not_purged():
    recording = run("local", models=[], workspace={"purgeOnDestroy": True}, vault={"purgeProtection": True})
    assert [r.name for r in recording.of(":Purge")] == ["mlops-workspace-purge"]


def test_a_project_of_a_given_hub_stands_on_that_hub():
    recording = run("local", models=[], workspace={"kind": "project", "hub": HUB_ID})
    project = recording.one("mlops-workspace-workspace").inputs
    assert (project["kind"], project["hubResourceId"]) == ("Project", HUB_ID)
    assert "storageAccount" not in project
    hubs = {r.name for r in recording.of("authorization:RoleAssignment") if "rg-shared" in r.inputs["scope"]}
    assert "mlops-hub-access-endpoint-acr-pull-registry" in hubs
    assert "mlops-hub-access-workspace-storage-blob-data-contributor-storage" in hubs
    # Two stacks can't make the same grant: people's are the hub's stack's.
    assert not [one for one in hubs if "10ca1000" in one]
    workspace = recording.needs(recording.one("mlops-workspace-workspace"))
    assert {one for one in hubs if "-access-workspace-" in one} <= workspace


def test_microsoft_grants_a_system_assigned_identity_its_roles():
    recording = run("local", models=[], workspace={"identity": "system"})
    workspace = recording.one("mlops-workspace-workspace").inputs
    assert workspace["identity"] == {"type": "SystemAssigned"}
    assert "primaryUserAssignedIdentity" not in workspace


def test_with_a_customers_key_a_system_assigned_identity_has_the_keys_beside_it():
    recording = run("local", models=[], workspace={"identity": "system"}, **CUSTOMER)
    identity = recording.one("mlops-workspace-workspace").inputs["identity"]
    assert identity["type"] == "SystemAssigned,UserAssigned"
    assert identity["userAssignedIdentities"] == [recording.one("mlops-encryption-identity").id]


def test_everything_that_has_logs_or_metrics_is_watched():
    network = {"mode": "private"}
    recording = run(
        "prod",
        models=["flight_delay"],
        network=network,
        sharedRegistry={"enabled": True},
    )
    watched = {r.inputs["resourceUri"].lower(): r.inputs for r in recording.of("monitor:DiagnosticSetting")}
    silent = []
    for resource in recording.resources:
        if resource.type in WATCHABLE or resource.type.endswith(
            (
                "machinelearningservices:Workspace",
                "machinelearningservices:Registry",
                "SystemTopic",
                "keyvault:Vault",
            )
        ):
            silent += [resource.name] if resource.id.lower() not in watched else []
    assert silent == []
    groups = recording.of("network:NetworkSecurityGroup")
    assert groups
    assert all("metrics" not in watched[one.id.lower()] for one in groups)
    assert "metrics" not in watched[recording.one("mlops-shared-registry-registry").id.lower()]
    endpoints = [uri for uri in watched if "/onlineendpoints/" in uri]
    assert len(endpoints) == 1
