"""Hubs, projects, feature stores, managed networks and connections, through ``MLClient`` and plain ARM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml.constants._workspace import IsolationMode
from azure.ai.ml.entities import (
    APIKeyConnection,
    FeatureStore,
    FqdnDestination,
    PrivateEndpointDestination,
    ServiceTagDestination,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from running_azure import unique

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from conftest import Workspace
    from running_azure import LocalAzure

VERSION = "2025-12-01"


def of_kind(workspace: Workspace, kind: str, **properties: Any) -> tuple[str, dict[str, Any]]:
    """The id and body of another workspace of a kind, on the same account and vault unless it is a project."""
    given = workspace.body["properties"]
    path = f"{workspace.id.rsplit('/', 1)[0]}/{unique('mlw-')}"
    needed = {} if kind == "Project" else {key: given[key] for key in ("storageAccount", "keyVault")}
    return path, {"location": "westeurope", "kind": kind, "properties": {**needed, **properties}}


@pytest.fixture(scope="module")
def hub(local_azure: LocalAzure, workspace: Workspace) -> dict[str, Any]:
    """A hub whose network is managed."""
    path, body = of_kind(workspace, "Hub", managedNetwork={"isolationMode": "AllowInternetOutbound"})
    return local_azure.put(path, body, api_version=VERSION)


def test_a_project_stands_on_its_hub(
    local_azure: LocalAzure, ml_client: MLClient, workspace: Workspace, hub: dict[str, Any]
) -> None:
    path, body = of_kind(workspace, "Project", hubResourceId=hub["id"])
    project = local_azure.put(path, body, api_version=VERSION)
    assert project["properties"]["storageAccount"] == hub["properties"]["storageAccount"]
    found = ml_client.workspaces.get(project["name"])
    assert (found._kind.lower(), found.hub_id) == ("project", hub["id"])
    assert ml_client.workspaces.get(hub["name"]).associated_workspaces == [project["id"]]
    assert [one.name for one in ml_client.workspaces.list(filtered_kinds="project")] == [project["name"]]
    status, _, refused = local_azure.arm("DELETE", hub["id"], api_version=VERSION)
    assert (status, project["name"] in refused["error"]["message"]) == (409, True)
    _, headers, _ = local_azure.arm("DELETE", f"{path}?forceToPurge=true", api_version=VERSION)
    local_azure.wait(headers, api_version=VERSION)


def test_the_sdk_makes_feature_stores(ml_client: MLClient) -> None:
    store = FeatureStore(name=unique("fs"), location="westeurope")
    made = ml_client.feature_stores.begin_create(store).result()
    assert (made.name, made.location) == (store.name, "westeurope")
    assert store.name in [one.name for one in ml_client.feature_stores.list()]
    ml_client.feature_stores.begin_delete(store.name).result()


@pytest.mark.parametrize(
    ("kind", "properties", "said"),
    [
        ("Project", {}, "needs a hub"),
        ("Project", {"hubResourceId": "HUB", "location": "northeurope"}, "hub's region"),
        (
            "Project",
            {"hubResourceId": "HUB", "managedNetwork": {"isolationMode": "Disabled"}},
            "leave it out",
        ),
        ("Warehouse", {}, "must be one of"),
    ],
)
def test_a_workspace_of_a_kind_that_cannot_be_is_refused(  # noqa: PLR0917
    local_azure: LocalAzure,
    workspace: Workspace,
    hub: dict[str, Any],
    kind: str,
    properties: dict[str, Any],
    said: str,
) -> None:
    given = {key: hub["id"] if value == "HUB" else value for key, value in properties.items()}
    location = given.pop("location", "westeurope")
    path, body = of_kind(workspace, kind, **given)
    status, _, refused = local_azure.arm("PUT", path, {**body, "location": location}, api_version=VERSION)
    assert (status, refused["error"]["code"]) == (400, "ValidationError")
    assert said in refused["error"]["message"]


def test_the_isolation_of_a_managed_network_is_raised_never_lowered(
    local_azure: LocalAzure, ml_client: MLClient, workspace: Workspace
) -> None:
    path, body = of_kind(workspace, "Default", managedNetwork={"isolationMode": "AllowInternetOutbound"})
    made = local_azure.put(path, body, api_version=VERSION)
    rules = ml_client.workspace_outbound_rules
    with pytest.raises(HttpResponseError, match="AllowOnlyApprovedOutbound"):
        rules.begin_create(made["name"], FqdnDestination(name="packages", destination="packages.example"))
    raised = {"properties": {"managedNetwork": {"isolationMode": "AllowOnlyApprovedOutbound"}}}
    _, headers, _ = local_azure.arm("PATCH", path, raised, api_version=VERSION)
    local_azure.wait(headers, api_version=VERSION)
    rules.begin_create(
        made["name"], FqdnDestination(name="packages", destination="packages.example")
    ).result()
    tag = ServiceTagDestination(
        name="factory", service_tag="DataFactory", protocol="TCP", port_ranges="80, 443"
    )
    rules.begin_create(made["name"], tag).result()
    endpoint = PrivateEndpointDestination(
        name="lake",
        service_resource_id=made["properties"]["storageAccount"],
        subresource_target="blob",
        spark_enabled=True,
    )
    rules.begin_create(made["name"], endpoint).result()
    assert {one.name for one in rules.list(made["name"])} == {"packages", "factory", "lake"}
    assert rules.get(made["name"], "packages").destination == "packages.example"
    rules.begin_remove(made["name"], "packages").result()
    with pytest.raises(ResourceNotFoundError):
        rules.get(made["name"], "packages")
    assert (
        ml_client.workspaces.begin_provision_network(workspace_name=made["name"], include_spark=True)
        .result()
        .spark_ready
    )
    network = ml_client.workspaces.get(made["name"]).managed_network
    assert (network.isolation_mode, len(network.outbound_rules)) == (
        IsolationMode.ALLOW_ONLY_APPROVED_OUTBOUND,
        2,
    )
    for lower in ("AllowInternetOutbound", "Disabled"):
        lowered = {"properties": {"managedNetwork": {"isolationMode": lower}}}
        status, _, refused = local_azure.arm("PATCH", path, lowered, api_version=VERSION)
        assert (status, "raised only" in refused["error"]["message"]) == (400, True)


def test_a_workspace_gets_a_managed_network_while_it_has_no_computes(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    path, body = of_kind(workspace, "Default")
    local_azure.put(path, body, api_version=VERSION)
    scale = {"minNodeCount": 0, "maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT120S"}
    cluster = {"vmSize": "Standard_DS3_v2", "scaleSettings": scale}
    compute = {"location": "westeurope", "properties": {"computeType": "AmlCompute", "properties": cluster}}
    local_azure.put(f"{path}/computes/nodes", compute, api_version=VERSION)
    managed = {"properties": {"managedNetwork": {"isolationMode": "AllowInternetOutbound"}}}
    status, _, refused = local_azure.arm("PATCH", path, managed, api_version=VERSION)
    assert status == 400
    assert refused["error"]["message"].endswith("delete these first: nodes.")
    _, headers, _ = local_azure.arm(
        "DELETE", f"{path}/computes/nodes?underlyingResourceAction=Delete", api_version=VERSION
    )
    local_azure.wait(headers, api_version=VERSION)
    status, _, _ = local_azure.arm("PATCH", path, managed, api_version=VERSION)
    assert status in (200, 202)


def test_secrets_of_a_connection_are_only_listed(
    local_azure: LocalAzure, ml_client: MLClient, workspace: Workspace
) -> None:
    given = APIKeyConnection(name="service", api_base="https://service.example.com", api_key="s3cr3t")
    ml_client.connections.create_or_update(given)
    path = f"{workspace.id}/connections/service"
    for shown in (path, f"{workspace.id}/connections"):
        assert "s3cr3t" not in str(local_azure.arm("GET", shown, api_version=VERSION))
    found = ml_client.connections.get("service", populate_secrets=True)
    assert found.credentials.key == "s3cr3t"
    assert [one.name for one in ml_client.connections.list(connection_type="api_key")] == ["service"]
    assert local_azure.arm("POST", f"{path}/testconnection", {}, api_version=VERSION)[0] == 501
    ml_client.connections.delete("service")
    assert local_azure.arm("GET", path, api_version=VERSION)[0] == 404


def test_projects_see_the_connections_their_hub_shares(
    local_azure: LocalAzure, workspace: Workspace, hub: dict[str, Any]
) -> None:
    path, body = of_kind(workspace, "Project", hubResourceId=hub["id"])
    local_azure.put(path, body, api_version=VERSION)
    for name, shared in (("all", True), ("own", False)):
        properties = {"category": "AzureOpenAI", "authType": "AAD", "target": "t", "isSharedToAll": shared}
        status, _, _ = local_azure.arm(
            "PUT", f"{hub['id']}/connections/{name}-1", {"properties": properties}, api_version=VERSION
        )
        assert status == 200
    _, _, listed = local_azure.arm("GET", f"{path}/connections", api_version=VERSION)
    assert [one["name"] for one in listed["value"]] == ["all-1"]
    host = {"properties": {"capabilityHostKind": "Agents", "aiServicesConnections": ["all-1"]}}
    made = local_azure.put(f"{path}/capabilityHosts/agents", host, api_version=VERSION)
    assert made["properties"]["provisioningState"] == "Succeeded"
    host["properties"]["aiServicesConnections"] = ["own-1"]
    assert local_azure.arm("PUT", f"{path}/capabilityHosts/agents", host, api_version=VERSION)[0] == 400


def test_a_customer_managed_key_is_checked_and_stays(local_azure: LocalAzure, workspace: Workspace) -> None:
    vault = workspace.body["properties"]["keyVault"]
    key = f"https://{vault.rsplit('/', 1)[1]}.vault.azure.net/keys/workspace/0123456789abcdef"
    encryption = {
        "status": "Enabled",
        "keyVaultProperties": {"keyVaultArmId": vault, "keyIdentifier": key},
    }
    path, body = of_kind(workspace, "Default", encryption=encryption)
    status, _, refused = local_azure.arm("PUT", path, body, api_version=VERSION)
    assert (status, refused["error"]["code"]) == (400, "KeyVaultPolicyError")
    protected = {"properties": {"enablePurgeProtection": True}}
    assert local_azure.arm("PATCH", vault, protected, api_version="2023-07-01")[0] == 200
    made = local_azure.put(path, body, api_version=VERSION)
    assert made["properties"]["encryption"] == encryption
    ended = {"properties": {"encryption": {"status": "Disabled"}}}
    status, _, refused = local_azure.arm("PATCH", path, ended, api_version=VERSION)
    assert (status, "can't be changed" in refused["error"]["message"]) == (400, True)


def test_a_serverless_endpoint_is_a_record_with_keys(local_azure: LocalAzure, workspace: Workspace) -> None:
    model = "azureml://registries/azureml-meta/models/Llama-3"
    subscription = local_azure.put(
        f"{workspace.id}/marketplaceSubscriptions/llama",
        {"properties": {"modelId": model}},
        api_version=VERSION,
    )
    assert subscription["properties"]["marketplaceSubscriptionStatus"] == "Subscribed"
    path = f"{workspace.id}/serverlessEndpoints/chat"
    body = {"location": "westeurope", "properties": {"modelSettings": {"modelId": model}}}
    made = local_azure.put(path, body, api_version=VERSION)
    assert made["properties"]["marketplaceSubscriptionId"] == subscription["id"]
    before = local_azure.arm("POST", f"{path}/listKeys", api_version=VERSION)[2]
    wanted = {"keyType": "Secondary"}
    after = local_azure.arm("POST", f"{path}/regenerateKeys", wanted, api_version=VERSION)[2]
    assert (before["primaryKey"], before["secondaryKey"] != after["secondaryKey"]) == (
        after["primaryKey"],
        True,
    )
    uri = made["properties"]["inferenceEndpoint"]["uri"]
    answer = local_azure.session.post(f"{uri}/chat/completions", json={}, timeout=10)
    assert answer.status_code == 501
