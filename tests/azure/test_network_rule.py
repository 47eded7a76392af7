"""Networks keep Azure's rules: what must exist, what is in use, who approves whom, which names a zone gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from running_azure import LocalAzure, unique

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORK = "2024-05-01"
ZONES = "2024-06-01"
_IN = {"location": "westeurope"}


class Net:
    """A resource group, and what is put there."""

    def __init__(self, azure: LocalAzure) -> None:
        self.azure = azure
        self.group = azure.group()

    def at(self, path: str) -> str:
        return f"{self.group}/providers/Microsoft.Network/{path}"

    def put(self, path: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """PUTs a resource of Microsoft.Network and returns it when it is done."""
        whole = {**({} if path.count("/") > 1 else _IN), **more, "properties": properties or {}}
        return self.azure.put(self.at(path), whole, api_version=NETWORK)

    def refused(self, method: str, path: str, properties: dict[str, Any] | None = None, **more: Any) -> str:
        """The code of a refusal with 400."""
        body = None if method == "DELETE" else {**_IN, **more, "properties": properties or {}}
        status, _, answer = self.azure.arm(method, self.at(path), body, api_version=NETWORK)
        assert status == 400, answer
        return str(answer["error"]["code"])

    def get(self, path: str, version: str = NETWORK) -> Any:
        status, _, answer = self.azure.arm("GET", self.at(path), api_version=version)
        assert status == 200, answer
        return answer

    def delete(self, path: str) -> None:
        status, headers, answer = self.azure.arm("DELETE", self.at(path), api_version=NETWORK)
        assert status == 202, answer
        self.azure.wait(headers, api_version=NETWORK)

    def network(self, space: str = "10.0.0.0/16", **subnets: str) -> str:
        """A virtual network; returns its path below the provider."""
        path = f"virtualNetworks/{unique('vnet-')}"
        listed = [{"name": name, "properties": {"addressPrefix": prefix}} for name, prefix in subnets.items()]
        self.put(path, {"addressSpace": {"addressPrefixes": [space]}, "subnets": listed})
        return path


@pytest.fixture(scope="module")
def net(local_azure: LocalAzure) -> Net:
    return Net(local_azure)


def test_a_peering_is_connected_once_both_sides_have_one(net: Net) -> None:
    hub, spoke = net.network("10.1.0.0/16"), net.network("10.2.0.0/16")
    there = {"remoteVirtualNetwork": {"id": net.at(spoke)}, "allowForwardedTraffic": True}
    assert net.put(f"{hub}/virtualNetworkPeerings/to", there)["properties"]["peeringState"] == "Initiated"
    back = {"remoteVirtualNetwork": {"id": net.at(hub)}}
    assert net.put(f"{spoke}/virtualNetworkPeerings/back", back)["properties"]["peeringState"] == "Connected"
    (shown,) = net.get(hub)["properties"]["virtualNetworkPeerings"]
    assert shown["properties"]["peeringState"] == "Connected"
    net.delete(spoke)
    assert net.get(f"{hub}/virtualNetworkPeerings/to")["properties"]["peeringState"] == "Disconnected"

    same = net.network("10.1.128.0/17")
    overlapping = {"remoteVirtualNetwork": {"id": net.at(same)}}
    assert net.refused("PUT", f"{hub}/virtualNetworkPeerings/two", overlapping) == "VnetAddressSpacesOverlap"


@pytest.mark.parametrize(
    ("subnets", "code"),
    [
        ({"one": "10.0.0.0/24", "two": "10.0.0.128/25"}, "NetcfgSubnetRangesOverlap"),
        ({"one": "10.9.0.0/24"}, "NetcfgInvalidSubnet"),
        ({"one": "10.0.0.0/30"}, "NetcfgInvalidSubnet"),
        ({"one": "10.0.0.1/24"}, "InvalidAddressPrefixFormat"),
    ],
)
def test_subnets_written_with_their_network_are_checked_at_once(
    net: Net, subnets: dict[str, str], code: str
) -> None:
    listed = [{"name": name, "properties": {"addressPrefix": prefix}} for name, prefix in subnets.items()]
    space = {"addressPrefixes": ["10.0.0.0/22"]}
    refused = net.refused(
        "PUT", f"virtualNetworks/{unique('vnet-')}", {"addressSpace": space, "subnets": listed}
    )
    assert refused == code


def test_a_firewall_stands_in_its_subnet_and_keeps_what_it_uses(net: Net) -> None:
    network = net.network(AzureFirewallSubnet="10.0.0.0/26", other="10.0.1.0/24")
    address = f"publicIPAddresses/{unique('pip-')}"
    net.put(address, {"publicIPAllocationMethod": "Static"}, sku={"name": "Standard"})
    policy = f"firewallPolicies/{unique('fp-')}"
    net.put(policy)
    rules = [
        {
            "name": "out",
            "priority": 200,
            "ruleCollectionType": "FirewallPolicyFilterRuleCollection",
            "action": {"type": "Allow"},
            "rules": [],
        }
    ]
    net.put(f"{policy}/ruleCollectionGroups/ml", {"priority": 200, "ruleCollections": rules})

    def firewall(subnet: str) -> dict[str, Any]:
        configuration = {
            "subnet": {"id": net.at(f"{network}/subnets/{subnet}")},
            "publicIPAddress": {"id": net.at(address)},
        }
        return {
            "firewallPolicy": {"id": net.at(policy)},
            "ipConfigurations": [{"name": "one", "properties": configuration}],
        }

    path = f"azureFirewalls/{unique('fw-')}"
    assert net.refused("PUT", path, firewall("other")) == "SubnetNameMustBeAzureFirewallSubnet"
    made = net.put(path, firewall("AzureFirewallSubnet"))
    (configuration,) = made["properties"]["ipConfigurations"]
    assert configuration["properties"]["privateIPAddress"] == "10.0.0.4"
    assert configuration["id"] == f"{net.at(path)}/ipConfigurations/one"
    shown = net.get(policy)["properties"]
    assert [one["id"] for one in shown["firewalls"]] == [net.at(path)]
    assert [one["id"] for one in shown["ruleCollectionGroups"]] == [
        net.at(f"{policy}/ruleCollectionGroups/ml")
    ]
    assert net.refused("DELETE", f"{network}/subnets/AzureFirewallSubnet") == "InUseSubnetCannotBeDeleted"
    assert net.refused("DELETE", address) == "PublicIPAddressCannotBeDeleted"
    assert net.refused("DELETE", policy) == "InUseFirewallPolicyCannotBeDeleted"


def test_security_rules_are_resources_of_their_own_beside_azures_own(net: Net) -> None:
    group = f"networkSecurityGroups/{unique('nsg-')}"
    rule = {"access": "Allow", "direction": "Inbound", "protocol": "Tcp", "priority": 100}
    net.put(
        group, {"securityRules": [{"name": "https", "properties": {**rule, "destinationPortRange": "443"}}]}
    )
    net.put(f"{group}/securityRules/ssh", {**rule, "priority": 110, "destinationPortRange": "22"})
    shown = net.get(group)["properties"]
    assert [one["name"] for one in shown["securityRules"]] == ["https", "ssh"]
    assert len(shown["defaultSecurityRules"]) == 6
    assert len(net.get(f"{group}/defaultSecurityRules")["value"]) == 6
    assert net.refused("PUT", f"{group}/securityRules/again", rule) == "SecurityRuleConflict"
    bad = {**rule, "priority": 120, "destinationPortRange": "70000"}
    assert net.refused("PUT", f"{group}/securityRules/bad", bad) == "SecurityRuleInvalidPortRange"

    status, _, answer = net.azure.arm("PATCH", net.at(group), {"tags": {"team": "ml"}}, api_version=NETWORK)
    assert (status, answer["tags"], answer["properties"]["provisioningState"]) == (
        200,
        {"team": "ml"},
        "Succeeded",
    )
    assert net.refused("PATCH", group, {"flushConnection": True}) == "OnlyTagsSupportedForPatch"


def test_a_write_with_an_old_etag_is_refused(net: Net) -> None:
    table = f"routeTables/{unique('rt-')}"
    first = net.put(table)
    match = {"If-Match": first["etag"]}
    body = {**_IN, "properties": {"disableBgpRoutePropagation": True}}
    status, headers, _ = net.azure.arm("PUT", net.at(table), body, api_version=NETWORK, headers=match)
    assert status == 200
    net.azure.wait(headers, api_version=NETWORK)
    status, _, _ = net.azure.arm("PUT", net.at(table), body, api_version=NETWORK, headers=match)
    assert status == 412


@pytest.fixture(scope="module")
def vault(net: Net) -> str:
    """The id of a vault that private endpoints can lead to."""
    path = f"{net.group}/providers/Microsoft.KeyVault/vaults/{unique('kv-')}"
    sku = {"family": "A", "name": "standard"}
    tenant = {"tenantId": "10ca1000-0000-4000-8000-000000000002", "sku": sku, "accessPolicies": []}
    net.azure.put(path, {**_IN, "properties": tenant}, api_version="2023-07-01")
    return path


@pytest.fixture
def endpoint(net: Net, vault: str) -> Callable[..., str]:
    """Makes a private endpoint to the vault in a network of its own; its path."""

    def make(kind: str, **more: Any) -> str:
        network = net.network(endpoints="10.0.0.0/28")
        connection = {"name": "it", "properties": {"privateLinkServiceId": vault, "groupIds": ["vault"]}}
        path = f"privateEndpoints/{unique('pep-')}"
        net.put(path, {"subnet": {"id": net.at(f"{network}/subnets/endpoints")}, kind: [connection], **more})
        return path

    return make


def test_a_connection_is_approved_and_rejected_by_hand(
    net: Net, vault: str, endpoint: Callable[..., str]
) -> None:
    kind = "manualPrivateLinkServiceConnections"
    path = endpoint(kind)

    def state() -> str:
        (connection,) = net.get(path)["properties"][kind]
        return str(connection["properties"]["privateLinkServiceConnectionState"]["status"])

    assert state() == "Pending"
    connections = f"{vault}/privateEndpointConnections"
    _, _, listed = net.azure.arm("GET", connections, api_version="2023-07-01")
    (name,) = [
        one["name"] for one in listed["value"] if one["properties"]["privateEndpoint"]["id"] == net.at(path)
    ]
    for status in ("Approved", "Rejected"):
        decision = {"privateLinkServiceConnectionState": {"status": status, "description": "by hand"}}
        code, _, answer = net.azure.arm(
            "PUT", f"{connections}/{name}", {"properties": decision}, api_version="2023-07-01"
        )
        assert (code, state()) == (200, status), answer
    code, _, _ = net.azure.arm("DELETE", f"{connections}/{name}", api_version="2023-07-01")
    assert (code < 300, state()) == (True, "Disconnected")


def test_an_endpoints_interface_and_names_come_and_go_with_it(
    net: Net, vault: str, endpoint: Callable[..., str]
) -> None:
    static = {"groupId": "vault", "memberName": "default", "privateIPAddress": "10.0.0.9"}
    path = endpoint(
        "privateLinkServiceConnections",
        customNetworkInterfaceName="nic-of-vault",
        ipConfigurations=[{"name": "fixed", "properties": static}],
    )
    (nic,) = net.get(path)["properties"]["networkInterfaces"]
    assert nic["id"] == net.at("networkInterfaces/nic-of-vault")
    (configuration,) = net.get("networkInterfaces/nic-of-vault")["properties"]["ipConfigurations"]
    assert configuration["properties"]["privateIPAddress"] == "10.0.0.9"
    assert net.refused("DELETE", "networkInterfaces/nic-of-vault") == "NicInUseWithPrivateEndpoint"

    zone = "privateDnsZones/privatelink.vaultcore.azure.net"
    net.azure.put(net.at(zone), {"location": "global"}, api_version=ZONES)
    config = {"name": "vault", "properties": {"privateDnsZoneId": net.at(zone)}}
    net.put(f"{path}/privateDnsZoneGroups/default", {"privateDnsZoneConfigs": [config]})
    name = vault.rsplit("/", 1)[1]
    record = net.get(f"{zone}/A/{name}", ZONES)["properties"]
    assert (record["fqdn"], record["aRecords"]) == (
        f"{name}.privatelink.vaultcore.azure.net.",
        [{"ipv4Address": "10.0.0.9"}],
    )
    assert net.get(zone, ZONES)["properties"]["numberOfRecordSets"] == 2
    net.delete(path)
    names = [(one["type"].rsplit("/", 1)[1], one["name"]) for one in net.get(f"{zone}/ALL", ZONES)["value"]]
    assert names == [("SOA", "@")]
    status, _, _ = net.azure.arm("GET", nic["id"], api_version=NETWORK)
    assert status == 404


def test_record_sets_of_a_zone_keep_its_rules(net: Net) -> None:
    zone = net.at(f"privateDnsZones/{unique('z')}.example")
    net.azure.put(zone, {"location": "global"}, api_version=ZONES)

    def put(path: str, **properties: Any) -> tuple[int, Any]:
        status, _, answer = net.azure.arm(
            "PUT", f"{zone}/{path}", {"properties": properties}, api_version=ZONES
        )
        return status, answer

    status, made = put("A/Web", ttl=60, aRecords=[{"ipv4Address": "10.0.0.4"}])
    assert (status, made["name"], made["properties"]["fqdn"]) == (
        201,
        "web",
        f"web.{zone.rsplit('/', 1)[1]}.",
    )
    assert put("A/bad", aRecords=[{"ipv4Address": "::1"}])[0] == 400
    assert put("CNAME/web", cnameRecord={"cname": "other.example"})[0] == 409
    assert put("CNAME/@", cnameRecord={"cname": "other.example"})[0] == 400
    assert put("SOA/@", soaRecord={"email": "me.example"})[1]["properties"]["soaRecord"]["serialNumber"] == 1
    status, _, answer = net.azure.arm("DELETE", f"{zone}/SOA/@", api_version=ZONES)
    assert (status, "can't be deleted" in answer["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    "kind", ["applicationGateways", "virtualHubs", "virtualNetworkGateways", "networkManagers"]
)
def test_what_isnt_served_is_refused_by_name(net: Net, kind: str) -> None:
    for method, path in (
        ("GET", f"{kind}/one"),
        ("PUT", f"{kind}/one"),
        ("GET", kind),
        ("POST", f"{kind}/one/start"),
    ):
        status, _, answer = net.azure.arm(
            method, net.at(path), {} if method != "GET" else None, api_version=NETWORK
        )
        assert (status, kind in answer["error"]["message"]) == (501, True)
