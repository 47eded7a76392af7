"""The registry that workspaces share through, recorded."""

import pytest
from recorded_program import SUBSCRIPTION, SUFFIX, run

from infra.access.role import Role
from infra.config import ConfigError, parse

GIVEN = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/registries/mlr-shared"
GOOD = {"environment": "dev", "location": "westeurope", "owner": "team", "costCenter": "1"}


def users(recording, registry):
    role = Role.AZUREML_REGISTRY_USER.value
    return {
        r.name.removeprefix("mlops-shared-registry-access-").split("-azureml")[0]
        for r in recording.of("authorization:RoleAssignment")
        if r.inputs["roleDefinitionId"].endswith(role) and r.inputs["scope"] == registry
    }


def test_a_registry_has_storage_in_each_region_and_no_public_blobs():
    recording = run("local", models=[], sharedRegistry={"enabled": True, "regions": ["northeurope"]})
    registry = recording.one("mlops-shared-registry-registry")
    assert registry.inputs["registryName"] == f"mlr-mlops-local-{SUFFIX}"
    regions = registry.inputs["regionDetails"]
    assert [one["location"] for one in regions] == ["westeurope", "northeurope"]
    account = regions[1]["storageAccountDetails"][0]["systemCreatedStorageAccount"]
    assert account == {
        "storageAccountType": "Standard_LRS",
        "storageAccountHnsEnabled": False,
        "allowBlobPublicAccess": False,
    }
    assert users(recording, registry.id) == {"endpoint", "compute", "10ca1000-0000-4000-8000-000000000004"}
    assert "sharedRegistry" in recording.outputs


def test_another_stacks_registry_is_used_and_not_made():
    recording = run("local", models=[], sharedRegistry={"enabled": True, "id": GIVEN})
    assert not recording.of("machinelearningservices:Registry")
    # Two stacks can't make the same grant: people's are the other stack's.
    assert users(recording, GIVEN) == {"endpoint", "compute"}


def test_in_a_private_network_the_registry_has_a_private_endpoint():
    recording = run(
        "local",
        models=[],
        sharedRegistry={"enabled": True},
        network={"mode": "private"},
        registry={"sku": "Premium"},
    )
    assert recording.one("mlops-shared-registry-registry").inputs["publicNetworkAccess"] == "Disabled"
    endpoint = recording.one("mlops-shared-registry-entrance-shared-registry").inputs
    assert endpoint["privateLinkServiceConnections"][0]["groupIds"] == ["amlregistry"]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"enabled": True, "regions": ["westeurope"]},
            "sharedRegistry.regions: westeurope is the stack's own region, which a registry always has; remove it",
        ),
        (
            {"enabled": True, "regions": ["northeurope", "northeurope"]},
            "sharedRegistry: the region northeurope is listed twice, and Azure refuses that; list it once",
        ),
        (
            {"enabled": True, "id": GIVEN, "regions": ["northeurope"]},
            (
                "sharedRegistry: regions are listed for a given registry, whose regions are another stack's to choose; remove "
                "regions or id"
            ),
        ),
        (
            {"id": GIVEN},
            "sharedRegistry: a registry is described while enabled is false, so nothing would be shared; write enabled: true",
        ),
    ],
)
def test_a_mistake_is_one_line(section, message):
    with pytest.raises(ConfigError) as error:
        parse({**GOOD, "sharedRegistry": section})
    assert str(error.value) == f"mlops:{message}"
