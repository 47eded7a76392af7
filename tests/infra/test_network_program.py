"""What each network mode makes, as the program asks for it."""

import itertools

import pytest
from recorded_program import run

from infra.cloud import PUBLIC
from infra.network.firewall_rule import services
from infra.network.rule import BASTION_RULES, OTHER_RULES
from infra.phase import network

GROUP = "/subscriptions/00000000-1111-4222-8333-444444444444/resourceGroups/hub"
NETWORKS = f"{GROUP}/providers/Microsoft.Network/virtualNetworks"


def dev(**network):
    return run("dev", models=[], registry={"sku": "Premium"}, network=network)


@pytest.fixture(scope="module")
def guarded():
    """Everything that a network of the platform's own can have."""
    return dev(
        mode="private",
        egress={"through": "firewall"},
        firewall={"allowedHosts": ["packages.example.com"]},
        bastion={"enabled": True},
        hub={"network": f"{NETWORKS}/hub"},
        dns={"servers": ["10.100.0.53"], "linkedNetworks": [f"{NETWORKS}/hub"]},
        subnets={"others": {"agents": "10.0.65.0/24"}},
    )


@pytest.fixture(scope="module")
def managed():
    target = f"{GROUP}/providers/Microsoft.Sql/servers/features"
    return dev(
        mode="managed",
        inbound="private",
        managed={
            "isolation": "AllowOnlyApprovedOutbound",
            "spark": True,
            "hosts": {"packages": "packages.example.com"},
            "serviceTags": {"factory": {"tag": "AzureDataFactory", "ports": "80, 8080-8089"}},
            "privateEndpoints": {"features": {"resource": target, "group": "sqlServer"}},
        },
    )


@pytest.fixture(scope="module")
def spoke():
    """Subnets of the platform's in somebody else's network, with a hub's zones and a hub's firewall."""
    return dev(
        mode="private",
        addressSpace="10.20.64.0/20",
        existing={"network": f"{NETWORKS}/spoke"},
        dns={"zones": "hub", "zoneGroup": GROUP},
        egress={"through": "appliance", "applianceAddress": "10.100.0.4"},
    )


def test_what_leaves_the_clusters_and_the_agents_goes_through_the_firewall(guarded):
    (route,) = guarded.one("mlops-network-routes").inputs["routes"]
    assert (route["addressPrefix"], route["nextHopType"]) == ("0.0.0.0/0", "VirtualAppliance")
    table = {"id": guarded.one("mlops-network-routes").id}
    for subnet in ("compute", "agents"):
        assert guarded.one(f"mlops-network-{subnet}").inputs["routeTable"] == table
    assert "routeTable" not in guarded.one("mlops-network-endpoints").inputs
    assert not guarded.of("NatGateway")
    # Without its rules it would let nothing pass.
    assert "mlops-network-firewall-host-rules" in guarded.needs(guarded.one("mlops-network-compute"))


def test_the_firewall_lets_pass_what_azure_ml_needs_and_the_hosts_of_the_stack(guarded):
    network, hosts = guarded.one("mlops-network-firewall-host-rules").inputs["ruleCollections"]
    tags = {rule["destinationAddresses"][0] for rule in network["rules"]}
    assert tags == {service.tag.format(region="westeurope") for service in services(PUBLIC)}
    assert {
        "AzureMachineLearning",
        "AzureActiveDirectory",
        "BatchNodeManagement.westeurope",
        "MicrosoftContainerRegistry",
        "AzureFrontDoor.FirstParty",
    } <= tags
    (rule,) = hosts["rules"]
    assert rule["targetFqdns"] == ["packages.example.com"]
    everything = [*network["rules"], *hosts["rules"]]
    assert all(rule["sourceAddresses"] == ["10.0.128.0/17", "10.0.65.0/24"] for rule in everything)


def test_services_of_azure_have_their_subnets_under_azures_names(guarded):
    firewall, bastion = guarded.one("mlops-network-firewall"), guarded.one("mlops-network-bastion")
    assert (firewall.inputs["subnetName"], firewall.inputs["addressPrefix"]) == (
        "AzureFirewallSubnet",
        "10.0.64.0/26",
    )
    assert "networkSecurityGroup" not in firewall.inputs
    assert (bastion.inputs["subnetName"], bastion.inputs["addressPrefix"]) == (
        "AzureBastionSubnet",
        "10.0.64.64/26",
    )
    (place,) = guarded.one("mlops-network-firewall-host-firewall").inputs["ipConfigurations"]
    assert place["subnet"] == {"id": firewall.id}
    (place,) = guarded.one("mlops-network-bastion-host-bastion").inputs["ipConfigurations"]
    assert place["subnet"] == {"id": bastion.id}


def test_subnets_of_one_network_are_made_one_after_the_other(guarded):
    order = ["endpoints", "firewall", "bastion", "compute", "agents"]
    for before, after in itertools.pairwise(order):
        assert f"mlops-network-{before}" in guarded.needs(guarded.one(f"mlops-network-{after}"))


def test_both_sides_of_a_peering_with_a_hub_are_made_the_hubs_first(guarded):
    there, back = guarded.one("mlops-network-hub-to-hub"), guarded.one("mlops-network-hub-from-hub")
    assert there.inputs["remoteVirtualNetwork"] == {"id": f"{NETWORKS}/hub"}
    assert (back.inputs["resourceGroupName"], back.inputs["virtualNetworkName"]) == ("hub", "hub")
    assert back.inputs["remoteVirtualNetwork"] == {"id": guarded.one("mlops-network-vnet").id}
    assert "mlops-network-hub-from-hub" in guarded.needs(there)


def test_names_are_asked_by_the_hub_too(guarded):
    links = guarded.of("VirtualNetworkLink")
    assert len(links) == 2 * len(PUBLIC.all_zones)
    linked = {link.inputs["virtualNetwork"]["id"] for link in links}
    assert linked == {guarded.one("mlops-network-vnet").id, f"{NETWORKS}/hub"}
    options = guarded.one("mlops-network-vnet").inputs["dhcpOptions"]
    assert options == {"dnsServers": ["10.100.0.53"]}


@pytest.mark.parametrize("rules", [BASTION_RULES, OTHER_RULES])
def test_rules_of_further_subnets_end_with_a_refusal_and_have_names_of_their_own(rules):
    assert len({rule.name for rule in rules}) == len(rules)
    for direction in ("Inbound", "Outbound"):
        mine = [rule for rule in rules if rule.direction == direction]
        assert len({rule.priority for rule in mine}) == len(mine)
        assert max(mine, key=lambda rule: rule.priority).access == "Deny"


def test_only_a_bastion_is_open_to_the_internet():
    open_ones = [
        rule
        for rules in (BASTION_RULES, OTHER_RULES)
        for rule in rules
        if rule.direction == "Inbound" and rule.access == "Allow" and rule.source in ("Internet", "*")
    ]
    assert [(rule.name, rule.ports) for rule in open_ones] == [("allow-browsers", ("443",))]


def test_a_managed_network_has_the_stacks_rules_and_the_platforms(managed):
    rules = {
        rule.inputs["ruleName"]: rule.inputs["properties"]
        for rule in managed.of("ManagedNetworkSettingsRule")
    }
    assert rules.keys() == {
        "lake-blob",
        "lake-dfs",
        "storage-queue",
        "storage-table",
        "features",
        "factory",
        "packages",
    }
    assert rules["lake-dfs"]["destination"] == {
        "serviceResourceId": managed.one("mlops-storage-lake").id,
        "subresourceTarget": "dfs",
        "sparkEnabled": True,
    }
    assert (rules["packages"]["type"], rules["packages"]["destination"]) == ("FQDN", "packages.example.com")
    assert rules["factory"]["destination"] == {
        "serviceTag": "AzureDataFactory",
        "protocol": "TCP",
        "portRanges": "80, 8080-8089",
    }
    workspace = managed.one("mlops-workspace-workspace").inputs
    assert workspace["managedNetwork"]["isolationMode"] == "AllowOnlyApprovedOutbound"


def test_the_workspace_may_approve_every_private_endpoint_before_a_rule_asks_for_one(managed):
    approvals = [one for one in managed.of("RoleAssignment") if one.name.startswith("mlops-approvals-")]
    assert {one.inputs["scope"] for one in approvals} == {
        managed.one(name).id
        for name in (
            "mlops-storage-account",
            "mlops-storage-lake",
            "mlops-vault-vault",
            "mlops-registry-registry",
        )
    } | {f"{GROUP}/providers/Microsoft.Sql/servers/features"}
    assert all(
        one.inputs["roleDefinitionId"].endswith("/b556d68e-0be0-4f35-a333-ad7ee1ce17ea") for one in approvals
    )
    first = managed.one("mlops-managed-network-lake-blob")
    assert {one.name for one in approvals} <= managed.needs(first)


def test_computes_wait_for_the_provisioned_network(managed):
    cluster = managed.of("machinelearningservices:Compute")[0]
    provisioning = managed.one("mlops-managed-network-provisioning")
    assert provisioning.name in managed.needs(cluster)
    assert provisioning.inputs["spark"] is True
    rules = {rule.name for rule in managed.of("ManagedNetworkSettingsRule")}
    assert rules <= managed.needs(provisioning)
    assert "subnet" not in cluster.inputs["properties"]["properties"]


def test_a_managed_workspace_that_is_closed_is_reached_through_a_network_without_clusters(managed):
    subnets = managed.of("network:Subnet")
    assert [subnet.name for subnet in subnets] == ["mlops-network-endpoints"]
    assert len(managed.of("network:PrivateEndpoint")) == 9
    assert not managed.of("NatGateway")
    assert managed.one("mlops-workspace-workspace").inputs["publicNetworkAccess"] == "Disabled"


def test_subnets_go_into_a_network_that_exists_under_names_of_the_platforms_own(spoke):
    assert not spoke.of("network:VirtualNetwork")
    for name, prefix in (("endpoints", "10.20.64.0/22"), ("compute", "10.20.72.0/21")):
        inputs = spoke.one(f"mlops-network-{name}").inputs
        assert (inputs["resourceGroupName"], inputs["virtualNetworkName"]) == ("hub", "spoke")
        assert inputs["subnetName"] == f"snet-{name}-mlops-dev-abc123"
        assert inputs["addressPrefix"] == prefix
    (route,) = spoke.one("mlops-network-routes").inputs["routes"]
    assert route["nextHopIpAddress"] == "10.100.0.4"


def test_what_is_in_another_subscription_is_made_through_a_provider_of_its_own(monkeypatch):
    monkeypatch.setattr(network, "subscription", lambda: "99999999-0000-4000-8000-000000000000")
    recording = dev(
        mode="private",
        addressSpace="10.20.64.0/20",
        existing={"network": f"{NETWORKS}/spoke"},
        dns={"zones": "policy"},
    )
    (provider,) = recording.of("pulumi:providers:azure-native")
    assert provider.inputs["subscriptionId"] == "00000000-1111-4222-8333-444444444444"
    assert provider.inputs["environment"] == "public"
    assert provider.name in recording.one("mlops-network-endpoints").provider
    assert not recording.one("mlops-network-endpoints-rules").provider


def test_records_are_written_into_a_hubs_zones(spoke):
    assert not spoke.of("PrivateZone")
    written = {
        config["privateDnsZoneId"]
        for group in spoke.of("PrivateDnsZoneGroup")
        for config in group.inputs["privateDnsZoneConfigs"]
    }
    assert written == {
        f"{GROUP}/providers/Microsoft.Network/privateDnsZones/{zone}" for zone in PUBLIC.all_zones
    }


def test_subnets_that_exist_are_used_as_they_are():
    subnets = {name: f"{NETWORKS}/spoke/subnets/{name}" for name in ("endpoints", "compute")}
    given = dev(mode="private", existing=subnets, dns={"zones": "create"})
    for type_ in ("network:VirtualNetwork", "network:Subnet", "NetworkSecurityGroup", "NatGateway"):
        assert not given.of(type_)
    cluster = given.of("machinelearningservices:Compute")[0].inputs["properties"]["properties"]
    assert cluster["subnet"] == {"id": subnets["compute"]}
    assert {one.inputs["subnet"]["id"] for one in given.of("network:PrivateEndpoint")} == {
        subnets["endpoints"]
    }
    links = given.of("VirtualNetworkLink")
    assert {link.inputs["virtualNetwork"]["id"] for link in links} == {f"{NETWORKS}/spoke"}


def test_everything_waits_for_the_isolation_that_the_stack_remembers(managed):
    assert managed.one("mlops-isolation").inputs["isolation"] == "AllowOnlyApprovedOutbound"
    assert "mlops-isolation" in managed.needs(managed.one("mlops-suffix"))
    assert "mlops-isolation" in managed.needs(managed.one("mlops-group"))
