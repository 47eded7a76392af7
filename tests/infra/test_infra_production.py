"""Production on local Azure: its own policies, mandatory, let it through, and stop what breaks them before anything is made."""

import re

import pytest
import yaml
from deployed_stack import Stack
from recorded_program import REPOSITORY

from local.settings import PRINCIPAL_ID

DEPLOYERS = {
    "principals": {"local": {"id": PRINCIPAL_ID, "type": "ServicePrincipal"}},
    "table": [{"who": "local", "role": "deployer"}],
}


def policies(level):
    folder = REPOSITORY / "policy"
    return ("--policy-pack", str(folder), "--policy-pack-config", str(folder / f"{level}.json"))


@pytest.fixture(scope="module")
def stack(local_azure, warm_engine, tmp_path_factory):
    """Production's settings, without models and without protection, which a test couldn't destroy; deployed."""
    made = Stack(
        tmp_path_factory.mktemp("prod"), local_azure, warm_engine, "prod", access=DEPLOYERS, protect=False
    )
    said = made.run("up", "--yes", "--skip-preview", *policies("prod"))
    assert "mlops-policies" in said
    assert "[mandatory]" not in said
    return made


def test_production_passes_its_mandatory_policies_a_second_time_and_nothing_changes(stack):
    stack.run("refresh", "--yes", "--expect-no-changes")
    said = stack.run("up", "--yes", "--skip-preview", "--expect-no-changes", *policies("prod"))
    assert "mlops-policies" in said
    assert "[mandatory]" not in said


def test_what_production_stands_on_is_behind_private_endpoints(stack, local_azure):
    resources = stack.resources()
    for name, groups, api_version in (
        ("mlops-workspace-workspace", {"amlworkspace"}, "2025-12-01"),
        ("mlops-storage-account", {"blob", "file", "queue", "table"}, "2024-01-01"),
        ("mlops-storage-lake", {"blob", "dfs"}, "2024-01-01"),
        ("mlops-vault-vault", {"vault"}, "2024-11-01"),
        ("mlops-registry-registry", {"registry"}, "2023-07-01"),
    ):
        _, _, found = local_azure.arm("GET", resources[name]["id"], api_version=api_version)
        connections = found["properties"]["privateEndpointConnections"]
        assert {group for one in connections for group in one["properties"]["groupIds"]} == groups
        assert found["properties"]["publicNetworkAccess"] == "Disabled"
    cluster = resources["mlops-compute-cpu-cluster"]["outputs"]["properties"]["properties"]
    assert cluster["enableNodePublicIp"] is False
    assert cluster["subnet"]["id"] == resources["mlops-network-compute"]["id"]


def test_production_is_destroyed_without_anything_left(stack, local_azure):
    group = stack.resources()["mlops-group"]["id"]
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.resources() == {}
    assert local_azure.arm("GET", group, api_version="2024-03-01")[0] == 404


PROGRAM = """
import pulumi
from pulumi_azure_native import resources, storage

group = resources.ResourceGroup("tiny-group", location="eastus", tags={"owner": "us"})
storage.StorageAccount(
    "account", resource_group_name=group.name, kind="StorageV2", sku={"name": "Standard_LRS"}, location="eastus"
)
"""


@pytest.fixture
def tiny(local_azure, warm_engine, tmp_path):
    """A program that breaks policies; not deployed."""
    (tmp_path / "__main__.py").write_text(PROGRAM)
    stack = Stack(tmp_path, local_azure, warm_engine, "prod")
    project = {
        "name": "tiny",
        "runtime": {"name": "python", "options": {"virtualenv": str(REPOSITORY / ".venv")}},
    }
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    stack.command("stack", "init", "tiny", cwd=tmp_path)
    return lambda *words: stack.attempt(*words, "--stack", "tiny", cwd=tmp_path)


BROKEN = ("storage-public-access", "storage-shared-keys", "tls", "tags", "regions", "private-endpoints")


def test_an_advisory_policy_says_what_it_would_refuse_and_lets_it_pass(tiny):
    result = tiny("preview", *policies("dev"))
    assert result.returncode == 0
    for name in BROKEN:
        assert re.search(rf"\[advisory\] .* {name}  \(", result.stdout)


def test_a_mandatory_policy_stops_an_update_before_its_first_change(tiny, local_azure):
    result = tiny("up", "--yes", *policies("prod"))
    assert result.returncode != 0
    for name in BROKEN:
        assert re.search(rf"\[mandatory\] .* {name}  \(", result.stdout)
    assert "location is eastus; allowed are northeurope, westeurope" in result.stdout
    status, _, groups = local_azure.arm(
        "GET", f"/subscriptions/{local_azure.subscription_id}/resourceGroups", api_version="2024-03-01"
    )
    assert status == 200
    assert not [group["name"] for group in groups["value"] if group["name"].startswith("tiny-group")]
