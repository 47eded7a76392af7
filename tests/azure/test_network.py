"""Private networks: endpoints with their connections and names, and Azure's rules for what refers to what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from running_azure import LocalAzure, unique

if TYPE_CHECKING:
    from conftest import Workspace

NETWORK = "2024-05-01"
ZONES = "2024-06-01"


def at(group: str, kind: str, name: str) -> str:
    return f"{group}/providers/Microsoft.Network/{kind}/{name}"


class Place:
    """A network with one subnet, and what is put there."""

    def __init__(self, azure: LocalAzure, group: str) -> None:
        self.azure, self.group = azure, group
        self.network = at(group, "virtualNetworks", unique("vnet-"))
        self.subnet = f"{self.network}/subnets/endpoints"
        space = {"addressSpace": {"addressPrefixes": ["10.3.0.0/24"]}}
        azure.put(self.network, {"location": "westeurope", "properties": space}, api_version=NETWORK)
        azure.put(self.subnet, {"properties": {"addressPrefix": "10.3.0.0/28"}}, api_version=NETWORK)

    def endpoint(self, target: str, group_id: str, **more: Any) -> tuple[str, dict[str, Any]]:
        connection = {
            "name": "it",
            "properties": {"privateLinkServiceId": target, "groupIds": [group_id]},
        }
        properties = {"subnet": {"id": self.subnet}, "privateLinkServiceConnections": [connection], **more}
        return (
            at(self.group, "privateEndpoints", unique("pep-")),
            {"location": "westeurope", "properties": properties},
        )


@pytest.fixture(scope="module")
def place(local_azure: LocalAzure, empty_workspace: Workspace) -> Place:
    return Place(local_azure, empty_workspace.group_id)


def account_of(workspace: Workspace) -> str:
    return f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"


def test_a_private_endpoint_is_approved_and_shows_on_what_it_leads_to(
    local_azure: LocalAzure, empty_workspace: Workspace, place: Place
) -> None:
    path, body = place.endpoint(account_of(empty_workspace), "blob")
    made = local_azure.put(path, body, api_version=NETWORK)
    (connection,) = made["properties"]["privateLinkServiceConnections"]
    assert connection["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"
    (name,) = made["properties"]["customDnsConfigs"]
    assert name == {
        "fqdn": f"{empty_workspace.storage_account}.blob.core.windows.net",
        "ipAddresses": ["10.3.0.4"],
    }
    _, _, account = local_azure.arm("GET", account_of(empty_workspace), api_version="2024-01-01")
    (shown,) = account["properties"]["privateEndpointConnections"]
    assert shown["properties"]["privateEndpoint"]["id"] == path

    again = local_azure.put(path, body, api_version=NETWORK)
    assert again["properties"]["customDnsConfigs"] == made["properties"]["customDnsConfigs"]

    refused = local_azure.arm("DELETE", place.subnet, api_version=NETWORK)
    assert (refused[0], refused[2]["error"]["code"]) == (400, "InUseSubnetCannotBeDeleted")
    local_azure.wait(local_azure.arm("DELETE", path, api_version=NETWORK)[1], api_version=NETWORK)
    _, _, account = local_azure.arm("GET", account_of(empty_workspace), api_version="2024-01-01")
    assert account["properties"]["privateEndpointConnections"] == []


def test_a_workspaces_endpoint_has_its_names_in_two_zones(
    local_azure: LocalAzure, empty_workspace: Workspace, place: Place
) -> None:
    path, body = place.endpoint(empty_workspace.id, "amlworkspace")
    made = local_azure.put(path, body, api_version=NETWORK)
    addresses = [one["ipAddresses"][0] for one in made["properties"]["customDnsConfigs"]]
    assert len(set(addresses)) == 4
    zones = [
        at(place.group, "privateDnsZones", zone)
        for zone in ("privatelink.api.azureml.ms", "privatelink.notebooks.azure.net")
    ]
    for zone in zones:
        local_azure.put(zone, {"location": "global"}, api_version=ZONES)
    configs = [
        {"name": f"zone-{number}", "properties": {"privateDnsZoneId": zone}}
        for number, zone in enumerate(zones)
    ]
    group = local_azure.put(
        f"{path}/privateDnsZoneGroups/default",
        {"properties": {"privateDnsZoneConfigs": configs}},
        api_version=NETWORK,
    )
    shown = [one["properties"]["recordSets"] for one in group["properties"]["privateDnsZoneConfigs"]]
    assert [len(sets) for sets in shown] == [3, 1]
    assert shown[1][0]["fqdn"].endswith(".privatelink.notebooks.azure.net")
    status, _, body = local_azure.arm(
        "PUT",
        f"{path}/privateDnsZoneGroups/second",
        {"properties": {"privateDnsZoneConfigs": configs}},
        api_version=NETWORK,
    )
    assert status == 400
    assert "can have one" in body["error"]["message"]


@pytest.mark.parametrize(
    ("group_id", "more", "refusal"),
    [
        ("vault", {}, (400, "needs one groupId of blob")),
        ("blob", {"subnet": {"id": "/subscriptions/x"}}, (400, "at path 'properties.subnet.id' is invalid")),
        ("blob", {"privateLinkServiceConnections": []}, (400, "has one connection")),
        ("blob", {"manualPrivateLinkServiceConnections": [{}]}, (400, "has one connection; ")),
    ],
)
def test_a_private_endpoint_that_leads_nowhere_is_refused(
    empty_workspace: Workspace, place: Place, group_id: str, more: dict[str, Any], refusal: tuple[int, str]
) -> None:
    path, body = place.endpoint(account_of(empty_workspace), group_id, **more)
    status, _, answer = place.azure.arm("PUT", path, body, api_version=NETWORK)
    assert status == refusal[0]
    assert refusal[1] in answer["error"]["message"]


def test_a_registry_takes_private_endpoints_as_premium_only(local_azure: LocalAzure, place: Place) -> None:
    registry = f"{place.group}/providers/Microsoft.ContainerRegistry/registries/{unique('cr')}"
    local_azure.put(
        registry, {"location": "westeurope", "sku": {"name": "Standard"}}, api_version="2023-07-01"
    )
    status, _, answer = local_azure.arm("PUT", *place.endpoint(registry, "registry"), api_version=NETWORK)
    assert (status, "need Premium" in answer["error"]["message"]) == (400, True)


def test_a_gateway_keeps_its_address_and_a_subnet_keeps_its_gateway_and_rules(
    local_azure: LocalAzure, place: Place
) -> None:
    address = at(place.group, "publicIPAddresses", unique("pip-"))
    body: dict[str, Any] = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    made = local_azure.put(address, body, api_version=NETWORK)
    assert made["properties"]["ipAddress"].startswith("203.0.113.")
    gateway = at(place.group, "natGateways", unique("ng-"))
    local_azure.put(
        gateway,
        {
            "location": "westeurope",
            "sku": {"name": "Standard"},
            "properties": {"publicIpAddresses": [{"id": address}]},
        },
        api_version=NETWORK,
    )
    rules = at(place.group, "networkSecurityGroups", unique("nsg-"))
    local_azure.put(rules, {"location": "westeurope", "properties": {}}, api_version=NETWORK)
    subnet = f"{place.network}/subnets/{unique('s')}"
    local_azure.put(
        subnet,
        {
            "properties": {
                "addressPrefix": "10.3.0.128/26",
                "natGateway": {"id": gateway},
                "networkSecurityGroup": {"id": rules},
            }
        },
        api_version=NETWORK,
    )
    for path, code in (
        (address, "PublicIPAddressCannotBeDeleted"),
        (gateway, "InUseNatGatewayCannotBeDeleted"),
        (rules, "InUseNetworkSecurityGroupCannotBeDeleted"),
    ):
        status, _, answer = local_azure.arm("DELETE", path, api_version=NETWORK)
        assert (status, answer["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    ("priorities", "code"),
    [((90,), "SecurityRuleInvalidPriority"), ((100, 100), "SecurityRuleConflict")],
)
def test_rules_of_a_security_group_have_priorities_of_their_own(
    local_azure: LocalAzure, place: Place, priorities: tuple[int, ...], code: str
) -> None:
    rules = [
        {
            "name": f"rule-{number}",
            "properties": {"access": "Allow", "direction": "Inbound", "protocol": "*", "priority": priority},
        }
        for number, priority in enumerate(priorities)
    ]
    status, _, answer = local_azure.arm(
        "PUT",
        at(place.group, "networkSecurityGroups", unique("nsg-")),
        {"location": "westeurope", "properties": {"securityRules": rules}},
        api_version=NETWORK,
    )
    assert (status, answer["error"]["code"]) == (400, code)
