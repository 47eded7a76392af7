"""azure-mgmt-network and azure-mgmt-privatedns, unmodified: networks, rules, private endpoints and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.privatedns import PrivateDnsManagementClient
from running_azure import unique

if TYPE_CHECKING:
    from conftest import Management


@pytest.fixture(scope="module")
def client(management: Management) -> NetworkManagementClient:
    return management.client(NetworkManagementClient)


@pytest.fixture(scope="module")
def network(client: NetworkManagementClient, management: Management) -> str:
    name = unique("vnet-")
    body = {
        "location": "westeurope",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
            "subnets": [{"name": "first", "properties": {"addressPrefix": "10.1.0.0/24"}}],
        },
    }
    made = client.virtual_networks.begin_create_or_update(management.group, name, body).result()
    assert (made.provisioning_state, made.subnets[0].name) == ("Succeeded", "first")
    return name


def test_subnets_with_rules_and_routes(client: NetworkManagementClient, management: Management, network: str):
    group = management.group
    rules = client.network_security_groups.begin_create_or_update(
        group, unique("nsg-"), {"location": "westeurope"}
    ).result()
    rule = {
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "443",
        "access": "Allow",
        "direction": "Inbound",
        "priority": 100,
    }
    client.security_rules.begin_create_or_update(group, rules.name, "https", {"properties": rule}).result()
    table = client.route_tables.begin_create_or_update(
        group, unique("rt-"), {"location": "westeurope"}
    ).result()
    hop = {"addressPrefix": "0.0.0.0/0", "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.1.9.4"}
    client.routes.begin_create_or_update(group, table.name, "all", {"properties": hop}).result()
    subnet = {
        "addressPrefix": "10.1.1.0/24",
        "networkSecurityGroup": {"id": rules.id},
        "routeTable": {"id": table.id},
    }
    made = client.subnets.begin_create_or_update(group, network, "second", {"properties": subnet}).result()
    assert (made.network_security_group.id, made.route_table.id) == (rules.id, table.id)
    assert sorted(one.name for one in client.subnets.list(group, network)) == ["first", "second"]
    assert client.virtual_networks.check_ip_address_availability(
        group, network, ip_address="10.1.1.9"
    ).available
    with pytest.raises(HttpResponseError, match="NetcfgSubnetRangesOverlap"):
        client.subnets.begin_create_or_update(
            group, network, "third", {"properties": {"addressPrefix": "10.1.1.128/25"}}
        ).result()
    with pytest.raises(HttpResponseError, match="InUse"):
        client.network_security_groups.begin_delete(group, rules.name).result()


def test_a_private_endpoint_writes_its_name_into_a_zone(
    client: NetworkManagementClient, management: Management, network: str
):
    group, azure = management.group, management.azure
    account = unique("st")
    storage = azure.put(
        f"{management.group_id}/providers/Microsoft.Storage/storageAccounts/{account}",
        {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
        api_version="2024-01-01",
    )
    names = management.client(PrivateDnsManagementClient)
    zone = names.private_zones.begin_create_or_update(
        group, "privatelink.blob.core.windows.net", {"location": "global"}
    ).result()
    found = client.virtual_networks.get(group, network)
    link = {
        "location": "global",
        "properties": {"virtualNetwork": {"id": found.id}, "registrationEnabled": False},
    }
    linked = names.virtual_network_links.begin_create_or_update(group, zone.name, network, link).result()
    assert linked.virtual_network_link_state == "Completed"
    endpoint = client.private_endpoints.begin_create_or_update(
        group,
        unique("pe-"),
        {
            "location": "westeurope",
            "properties": {
                "subnet": {"id": found.subnets[0].id},
                "privateLinkServiceConnections": [
                    {
                        "name": "blob",
                        "properties": {"privateLinkServiceId": storage["id"], "groupIds": ["blob"]},
                    }
                ],
            },
        },
    ).result()
    (connection,) = endpoint.private_link_service_connections
    assert connection.private_link_service_connection_state.status == "Approved"
    zones = {"privateDnsZoneConfigs": [{"name": "blob", "properties": {"privateDnsZoneId": zone.id}}]}
    client.private_dns_zone_groups.begin_create_or_update(
        group, endpoint.name, "default", {"properties": zones}
    ).result()
    record = names.record_sets.get(group, zone.name, "A", account)
    assert record.a_records[0].ipv4_address.startswith("10.1.0.")
    by_hand = names.record_sets.create_or_update(
        group,
        zone.name,
        "A",
        "other",
        {"properties": {"ttl": 60, "aRecords": [{"ipv4Address": "10.1.0.77"}]}},
    )
    assert by_hand.fqdn == f"other.{zone.name}."
    assert {one.name for one in names.record_sets.list(group, zone.name)} == {"@", "other", account}
