"""Production's private network, and its policies, as the program asks for it."""

import pytest
from recorded_program import run

from infra.cloud import PUBLIC
from infra.network.rule import COMPUTE_RULES, ENDPOINT_RULES


@pytest.fixture(scope="module")
def prod():
    return run("prod")


@pytest.fixture(scope="module")
def dev():
    return run("dev")


def leads_to(recording):
    """Group and ARM id of what each private endpoint leads to."""
    return {
        endpoint.name.removeprefix("mlops-")
        .replace("workspace-entrance-", "entrances-")
        .removeprefix("entrances-"): (
            connection["groupIds"][0],
            connection["privateLinkServiceId"],
        )
        for endpoint in recording.of("network:PrivateEndpoint")
        for connection in endpoint.inputs["privateLinkServiceConnections"]
    }


def test_a_stack_with_public_access_has_no_network(dev):
    assert not dev.of("network:VirtualNetwork")


def test_everything_that_holds_data_or_models_has_its_private_endpoints(prod):
    account, lake = prod.one("mlops-storage-account").id, prod.one("mlops-storage-lake").id
    assert leads_to(prod) == {
        "storage-blob": ("blob", account),
        "storage-file": ("file", account),
        "storage-queue": ("queue", account),
        "storage-table": ("table", account),
        "lake-blob": ("blob", lake),
        "lake-dfs": ("dfs", lake),
        "vault": ("vault", prod.one("mlops-vault-vault").id),
        "registry": ("registry", prod.one("mlops-registry-registry").id),
        "workspace": ("amlworkspace", prod.one("mlops-workspace-workspace").id),
    }


def test_every_private_endpoint_has_its_names_in_zones_that_the_network_asks(prod):
    assert {zone.physical_name for zone in prod.of("PrivateZone")} == set(PUBLIC.all_zones)
    network = prod.one("mlops-network-vnet").id
    links = prod.of("VirtualNetworkLink")
    assert {link.inputs["privateZoneName"] for link in links} == set(PUBLIC.all_zones)
    assert all(link.inputs["virtualNetwork"] == {"id": network} for link in links)
    assert not [link.name for link in links if link.inputs["registrationEnabled"]]
    groups = prod.of("PrivateDnsZoneGroup")
    assert len(groups) == len(prod.of("network:PrivateEndpoint"))
    (workspace,) = [group for group in groups if group.name.endswith("entrance-workspace-names")]
    named = [
        config["privateDnsZoneId"].rsplit("/", 1)[1] for config in workspace.inputs["privateDnsZoneConfigs"]
    ]
    assert named == list(PUBLIC.zones["amlworkspace"])


def test_a_hub_team_can_own_the_zones():
    recording = run("prod", models=[], network={"mode": "private", "dns": {"zones": "policy"}})
    assert len(recording.of("network:PrivateEndpoint")) == 9
    assert not recording.of("PrivateZone")
    assert not recording.of("PrivateDnsZoneGroup")


def test_the_workspace_waits_for_the_endpoints_of_what_it_stands_on(prod):
    needed = prod.needs(prod.one("mlops-workspace-workspace"))
    assert {"mlops-entrances-storage-blob-names", "mlops-entrances-vault-names"} <= needed
    assert "mlops-entrances-registry-names" in needed


def test_what_is_in_the_workspace_and_the_models_wait_for_its_endpoint(prod):
    for name in (
        "mlops-compute-cpu-cluster",
        "mlops-data-lake",
        "flight-delay-endpoint",
        "flight-delay-environment",
    ):
        assert "mlops-workspace-entrance-workspace-names" in prod.needs(prod.one(name))
    assert "mlops-entrances-lake-blob-names" in prod.needs(prod.one("flight-delay-data"))


def test_clusters_are_in_the_network_without_public_addresses(prod):
    subnet = prod.one("mlops-network-compute")
    for name in ("mlops-compute-cpu-cluster", "mlops-compute-gpu-cluster"):
        properties = prod.one(name).inputs["properties"]["properties"]
        assert properties["subnet"] == {"id": subnet.id}
        assert properties["enableNodePublicIp"] is False


def test_only_the_clusters_go_out_and_through_a_gateway_of_their_own(prod):
    endpoints, compute = prod.one("mlops-network-endpoints"), prod.one("mlops-network-compute")
    assert "natGateway" not in endpoints.inputs
    assert compute.inputs["natGateway"] == {"id": prod.one("mlops-network-gateway").id}
    assert not endpoints.inputs["defaultOutboundAccess"]
    assert not compute.inputs["defaultOutboundAccess"]
    # Azure changes one subnet of a network at a time.
    assert "mlops-network-endpoints" in prod.needs(compute)


@pytest.mark.parametrize("rules", [ENDPOINT_RULES, COMPUTE_RULES])
def test_rules_let_nobody_in_from_outside_and_end_with_a_refusal(rules):
    for direction in ("Inbound", "Outbound"):
        mine = [rule for rule in rules if rule.direction == direction]
        assert len({rule.priority for rule in mine}) == len(mine)
        assert max(mine, key=lambda rule: rule.priority).access == "Deny"
    allowed = [rule for rule in rules if rule.direction == "Inbound" and rule.access == "Allow"]
    assert {rule.source for rule in allowed} <= {"VirtualNetwork", "AzureLoadBalancer"}
    assert all(len(rule.why) <= 140 for rule in rules)


def test_every_resource_that_logs_has_a_diagnostic_setting(prod):
    targets = {setting.inputs["resourceUri"]: setting.inputs for setting in prod.of("DiagnosticSetting")}
    watched = [
        prod.one(name).id
        for name in (
            "mlops-workspace-workspace",
            "mlops-storage-account",
            "mlops-storage-lake",
            "mlops-vault-vault",
            "mlops-registry-registry",
            "mlops-observability-log-analytics",
            "mlops-events-topic",
        )
    ]
    assert set(watched) <= set(targets)
    account = prod.one("mlops-storage-account").id
    assert "logs" not in targets[account]
    assert targets[f"{account}/blobServices/default"]["logs"] == [
        {"categoryGroup": "allLogs", "enabled": True}
    ]
    logs = prod.one("mlops-observability-log-analytics").id
    assert {inputs["workspaceId"] for inputs in targets.values()} == {logs}


def test_productions_endpoints_are_closed_and_nobody_has_a_key(prod, dev):
    endpoint = prod.one("flight-delay-endpoint").inputs
    assert endpoint["auth"] == "aad_token"
    assert endpoint["public_access"] is False
    assert prod.one("flight-delay-deployment").inputs["public_egress"] is False
    open_one = dev.one("flight-delay-endpoint").inputs
    assert (open_one["auth"], open_one["public_access"]) == ("key", True)


@pytest.mark.parametrize("rules", [ENDPOINT_RULES, COMPUTE_RULES])
def test_the_rules_of_a_security_group_have_names_and_priorities_of_their_own(rules):
    names = [rule.name.lower() for rule in rules]
    assert len(set(names)) == len(names)
    places = [(rule.direction, rule.priority) for rule in rules]
    assert len(set(places)) == len(places)
