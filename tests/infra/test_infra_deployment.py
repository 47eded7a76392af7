"""The platform, deployed by the embedded engine to local Azure, from the first update to the end.

First as the profile `sandbox` with a public network, then again as `standard` with a managed one; the profile `regulated`
with a private network is in `test_infra_production.py`.
"""

import json

import pytest
from deployed_stack import Stack

#: Nothing leaves the workspace but what is named, and what the platform stands on is reached privately.
MANAGED = {
    "mode": "managed",
    "managed": {
        "isolation": "AllowOnlyApprovedOutbound",
        "hosts": {"packages": "packages.example.com"},
        "serviceTags": {"factory": {"tag": "AzureDataFactory"}},
    },
}


@pytest.fixture(scope="module")
def stack(local_azure, warm_engine, tmp_path_factory):
    """The platform, deployed."""
    deployed = Stack(tmp_path_factory.mktemp("stack"), local_azure, warm_engine)
    deployed.run("up", "--yes", "--skip-preview")
    return deployed


def test_a_second_update_changes_nothing(stack):
    before = stack.resources()
    stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert stack.resources().keys() == before.keys()


def test_a_refresh_finds_no_difference_and_leaves_none_behind(stack):
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.run("preview", "--expect-no-changes")


def test_azure_has_what_the_program_says(stack, local_azure):
    resources = stack.resources()
    workspace_id = resources["mlops-workspace-workspace"]["id"]
    status, _, workspace = local_azure.arm("GET", workspace_id, api_version="2025-12-01")
    assert status == 200
    assert workspace["identity"]["type"] == "UserAssigned"
    assert workspace["properties"]["v1LegacyMode"] is False
    assert (
        workspace["properties"]["storageAccount"].lower() == resources["mlops-storage-account"]["id"].lower()
    )
    status, _, datastore = local_azure.arm("GET", f"{workspace_id}/datastores/lake", api_version="2025-12-01")
    assert status == 200
    assert datastore["properties"]["credentials"]["credentialsType"] == "None"
    for name, resource in resources.items():
        if name.startswith(("mlops-access-", "mlops-workspace-access-")):
            status, _, assignment = local_azure.arm("GET", resource["id"], api_version="2022-04-01")
            assert status == 200
            assert assignment["properties"]["principalType"] == "ServicePrincipal"


def test_the_state_holds_no_key_of_any_account(stack, local_azure):
    text = json.dumps(stack.resources())
    for name in ("mlops-storage-account", "mlops-storage-lake"):
        account = stack.resources()[name]["id"]
        status, _, keys = local_azure.arm("POST", f"{account}/listKeys", api_version="2024-01-01")
        assert status == 200
        assert not [key for key in keys["keys"] if key["value"] in text]


def test_a_destroyed_platform_leaves_nothing_and_comes_back_under_other_names(stack, local_azure):
    first = stack.resources()
    group = first["mlops-group"]["id"]
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.resources() == {}
    status, _, _ = local_azure.arm("GET", group, api_version="2024-03-01")
    assert status == 404
    stack.say(profile="standard", network=MANAGED, registry={"sku": "Premium"})
    stack.run("up", "--yes", "--skip-preview")
    second = stack.resources()
    assert {name for name in first if not name.endswith("-purge")} <= second.keys()
    # Names are drawn anew: those of a vault and a workspace that nobody purged are taken for a while.
    assert second["mlops-vault-vault"]["id"] != first["mlops-vault-vault"]["id"]


def test_a_managed_network_is_as_the_stack_says_and_stays_so(stack, local_azure):
    stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    stack.run("refresh", "--yes", "--expect-no-changes")
    workspace_id = stack.resources()["mlops-workspace-workspace"]["id"]
    _, _, workspace = local_azure.arm("GET", workspace_id, api_version="2025-12-01")
    assert workspace["properties"]["managedNetwork"]["isolationMode"] == "AllowOnlyApprovedOutbound"
    _, _, rules = local_azure.arm("GET", f"{workspace_id}/outboundRules", api_version="2025-12-01")
    assert {"packages", "factory", "lake-dfs"} <= {rule["name"] for rule in rules["value"]}


def test_a_platform_with_a_managed_network_is_destroyed_without_anything_left(stack, local_azure):
    group = stack.resources()["mlops-group"]["id"]
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.resources() == {}
    assert local_azure.arm("GET", group, api_version="2024-03-01")[0] == 404
