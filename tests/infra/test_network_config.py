"""What a stack can't say about its network, and the line that it is told."""

import pytest

from infra.cloud import CHINA, CLOUDS, PUBLIC, US_GOVERNMENT, environment_mistake
from infra.config import ConfigError, parse
from infra.network.address import prefix_for, room
from infra.network.managed import ISOLATIONS
from ml import client

LEAST = {"environment": "dev", "location": "westeurope", "owner": "us", "costCenter": "1"}
PREMIUM = {**LEAST, "registry": {"sku": "Premium"}}
GROUP = "/subscriptions/10ca1000-0000-4000-8000-000000000001/resourceGroups/hub"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/spoke"
SUBNETS = {"endpoints": f"{NETWORK}/subnets/endpoints", "compute": f"{NETWORK}/subnets/compute"}
BLOB = "privatelink.blob.core.windows.net"
ZONES = f"{GROUP}/providers/Microsoft.Network/privateDnsZones"


def network(mode="private", **settings):
    return parse({**PREMIUM, "network": {"mode": mode, **settings}}).network


REFUSED = [
    (
        {"inbound": "private"},
        (
            "inbound: private, but in public mode nothing leads inside, so nobody could reach the platform; write mode: private or "
            "mode: managed"
        ),
    ),
    (
        {"mode": "open"},
        (
            "mode: 'open' can't be used: it decides what reaches the platform and what the platform reaches; write public, private "
            "(a virtual network) or managed (Azure ML's own)"
        ),
    ),
    (
        {"mode": "private", "subnets": {"endpoints": "10.0.128.0/24"}},
        (
            "subnets.compute: 10.0.128.0/17 overlaps with 10.0.128.0/24 of endpoints, and Azure refuses it; write a range of "
            "10.0.0.0/16 that no other subnet has"
        ),
    ),
    (
        {"mode": "private", "subnets": {"compute": "10.0.200.0/28"}},
        "subnets.compute: 10.0.200.0/28 has 16 addresses, and nodes of clusters need 32; write a /27 or larger",
    ),
    (
        {"mode": "private", "subnets": {"endpoints": "10.1.0.0/24"}},
        (
            "subnets.endpoints: 10.1.0.0/24 is outside of the network's 10.0.0.0/16, and Azure refuses it; write a range within "
            "10.0.0.0/16"
        ),
    ),
    (
        {"mode": "private", "egress": {"through": "firewall"}, "subnets": {"firewall": "10.0.64.0/27"}},
        "subnets.firewall: 10.0.64.0/27 has 32 addresses, and Azure Firewall needs 64; write a /26 or larger",
    ),
    (
        {"mode": "private", "bastion": {"enabled": True}, "subnets": {"bastion": "10.0.64.0/28"}},
        "subnets.bastion: 10.0.64.0/28 has 16 addresses, and Azure Bastion needs 64; write a /26 or larger",
    ),
    (
        {"mode": "private", "subnets": {"others": {"AzureFirewallSubnet": "10.0.65.0/26"}}},
        (
            "subnets.others.AzureFirewallSubnet: Azure keeps this name for a service, whose subnet takes no other machines; write "
            "egress.through: firewall, and subnets.firewall for its range"
        ),
    ),
    (
        {"mode": "private", "subnets": {"others": {"GatewaySubnet": "10.0.65.0/26"}}},
        (
            "subnets.others.GatewaySubnet: Azure keeps this name for a service, whose subnet takes no other machines; leave a range "
            "free, and make it with the gateway"
        ),
    ),
    (
        {"mode": "private", "subnets": {"others": {"compute": "10.0.65.0/26"}}},
        "subnets.others.compute: the platform has a subnet of this name; write subnets.compute, or another name",
    ),
    (
        {"mode": "private", "existing": SUBNETS},
        (
            "dns.zones: missing; in an existing network nobody says who writes the names of the private endpoints, and without them "
            "nothing is found; write create, hub or policy"
        ),
    ),
    (
        {"mode": "private", "existing": {"endpoints": SUBNETS["endpoints"]}, "dns": {"zones": "policy"}},
        "existing.compute: missing; there is no subnet for the clusters; write its id, or existing.network to have subnets made",
    ),
    (
        {"mode": "private", "existing": {**SUBNETS, "network": NETWORK}, "dns": {"zones": "policy"}},
        (
            "existing.network: subnets of the same section exist already, and the platform makes none then; write network, or the "
            "subnets"
        ),
    ),
    (
        {"mode": "private", "existing": {"network": NETWORK}, "dns": {"zones": "policy"}},
        (
            "addressSpace: missing, and the platform's subnets would be cut out of 10.0.0.0/16, which the existing network may not "
            "have; write the part of it that is the platform's"
        ),
    ),
    (
        {
            "mode": "private",
            "existing": SUBNETS,
            "dns": {"zones": "policy"},
            "egress": {"through": "firewall"},
        },
        (
            "egress.through: firewall, but where subnets are given (network.existing) there is none for it, which must be "
            "AzureFirewallSubnet; write none and route the subnets yourself, or existing.network to have subnets made"
        ),
    ),
    (
        {"mode": "private", "existing": SUBNETS, "dns": {"zones": "policy"}, "bastion": {"enabled": True}},
        (
            "bastion.enabled: the subnets exist (network.existing), and the platform changes nothing in their network; remove it, or "
            "write existing.network to have subnets made"
        ),
    ),
    (
        {"mode": "private", "existing": {"network": "spoke"}, "dns": {"zones": "policy"}},
        (
            "existing.network: 'spoke' is no id of a virtual network, so nothing would be found there; write "
            "/subscriptions/…/virtualNetworks/NETWORK as `az network vnet show --query id` prints it"
        ),
    ),
    (
        {"mode": "private", "dns": {"zones": "hub"}},
        (
            f"dns.zones: hub, but nothing says where {', '.join(PUBLIC.all_zones)} are, so names wouldn't lead to the private "
            "endpoints; write dns.zoneGroup, or dns.zoneIds for each"
        ),
    ),
    (
        {
            "mode": "private",
            "dns": {"zones": "hub", "zoneGroup": GROUP, "zoneIds": {BLOB: f"{ZONES}/other.example"}},
        },
        (
            f"dns.zoneIds.{BLOB}: the id is that of other.example, where nobody asks for names of {BLOB}; write the id of the zone "
            "of that name"
        ),
    ),
    (
        {"mode": "private", "dns": {"zoneGroup": GROUP}},
        "dns.zoneGroup: only zones: hub writes into existing zones, so it would have no effect; write dns.zones: hub, or remove it",
    ),
    (
        {"mode": "private", "dns": {"zones": "policy", "linkedNetworks": [NETWORK]}},
        "dns.linkedNetworks: the platform links only zones that it makes; link a hub's zones there, and remove it",
    ),
    (
        {"mode": "private", "dns": {"servers": ["8.8.8.8"]}},
        (
            "dns.servers[0]: 8.8.8.8 is an address on the internet, which a private network doesn't send to; write one such as "
            "10.1.0.4"
        ),
    ),
    (
        {"mode": "private", "egress": {"through": "appliance"}},
        (
            "egress.applianceAddress: missing, so what leaves the clusters would have nowhere to go; write the private address of "
            "the firewall"
        ),
    ),
    (
        {"mode": "private", "egress": {"applianceAddress": "10.100.0.4"}},
        "egress.applianceAddress: nothing is sent there while through is gateway; write through: appliance, or remove it",
    ),
    (
        {"mode": "private", "firewall": {"allowedHosts": ["packages.example.com"]}},
        (
            "firewall.allowedHosts: there is no firewall while egress.through is gateway, so clusters would reach more than these; "
            "write egress.through: firewall, or remove it"
        ),
    ),
    (
        {
            "mode": "private",
            "egress": {"through": "firewall"},
            "firewall": {"allowedHosts": ["https://a.example"]},
        },
        (
            "firewall.allowedHosts[0]: 'https://a.example' can't be used: the clusters reach only these hosts over HTTPS besides what "
            "Azure ML itself needs; write a list of host names such as packages.example.com or *.example.com"
        ),
    ),
    (
        {"mode": "managed", "managed": {"hosts": {"packages": "packages.example.com"}}},
        (
            "managed.hosts.packages: only AllowOnlyApprovedOutbound has such rules, and Azure refuses it; write isolation: "
            "AllowOnlyApprovedOutbound, or remove it"
        ),
    ),
    (
        {"mode": "managed", "managed": {"serviceTags": {"factory": {"tag": "AzureDataFactory"}}}},
        (
            "managed.serviceTags.factory: only AllowOnlyApprovedOutbound has such rules, and Azure refuses it; write isolation: "
            "AllowOnlyApprovedOutbound, or remove it"
        ),
    ),
    (
        {
            "mode": "managed",
            "managed": {"privateEndpoints": {"lake-dfs": {"resource": NETWORK, "group": "dfs"}}},
        },
        (
            "managed.privateEndpoints.lake-dfs: the platform's own rules have that name already, and one would replace the other; "
            "write another name"
        ),
    ),
]


@pytest.mark.parametrize(("settings", "line"), REFUSED)
def test_a_network_that_cannot_work_is_refused_in_one_line(settings, line):
    with pytest.raises(ConfigError) as caught:
        parse({**PREMIUM, "network": settings})
    assert str(caught.value) == f"mlops:network.{line}"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"mode": "private"}, "network.mode is private"),
        ({"mode": "private", "inbound": "public"}, "network.mode is private"),
        ({"mode": "managed", "inbound": "private"}, "network.mode is managed"),
        (
            {"mode": "managed", "managed": {"isolation": "AllowOnlyApprovedOutbound"}},
            "network.managed.isolation is AllowOnlyApprovedOutbound",
        ),
    ],
)
def test_what_reaches_the_registry_privately_needs_a_premium_one(settings, why):
    with pytest.raises(ConfigError) as caught:
        parse({**LEAST, "registry": {"sku": "Standard"}, "network": settings})
    assert str(caught.value) == (
        f"mlops:registry.sku: a Standard registry has no private endpoints, so no image could be pulled while {why}; write Premium"
    )


@pytest.mark.parametrize(("nodes", "prefix"), [(27, 27), (28, 26), (59, 26), (60, 25), (1000, 22)])
def test_a_subnet_has_room_for_every_node(nodes, prefix):
    assert prefix_for(nodes) == prefix
    assert room(f"10.0.0.0/{prefix}") >= nodes > room(f"10.0.0.0/{prefix + 1}")


def test_more_nodes_than_the_clusters_subnet_has_addresses_are_refused():
    clusters = [{"name": name, "vmSize": "Standard_DS3_v2", "maxNodes": 20} for name in ("one", "two")]
    private = {"mode": "private", "subnets": {"compute": "10.0.200.0/27"}}
    with pytest.raises(ConfigError) as caught:
        parse({**PREMIUM, "network": private, "compute": {"clusters": clusters}})
    assert str(caught.value) == (
        "mlops:network.subnets.compute: 10.0.200.0/27 has 27 addresses for nodes, and clusters and instances may be 40, so the "
        "last ones would never start; write a /26 or larger, a larger addressSpace, or fewer nodes"
    )
    clusters[0]["subnetId"] = f"{NETWORK}/subnets/compute"
    parse({**PREMIUM, "network": private, "compute": {"clusters": clusters}})


def test_ranges_are_cut_out_of_the_space_unless_the_stack_says_others():
    everything = network(
        egress={"through": "firewall"}, bastion={"enabled": True}, addressSpace="10.8.0.0/22"
    )
    assert everything.ranges == {
        "endpoints": "10.8.0.0/24",
        "firewall": "10.8.1.0/26",
        "bastion": "10.8.1.64/26",
        "compute": "10.8.2.0/23",
    }
    own = network(subnets={"endpoints": "10.0.9.0/27", "others": {"agents": "10.0.65.0/24"}})
    assert own.ranges == {"endpoints": "10.0.9.0/27", "compute": "10.0.128.0/17", "agents": "10.0.65.0/24"}


def test_a_managed_network_needs_a_virtual_one_only_to_lead_inside():
    assert not network("managed").has_network
    inside = network("managed", inbound="private")
    assert inside.ranges == {"endpoints": "10.0.0.0/18"}
    assert not inside.public_access


def test_a_private_network_can_be_made_before_the_internet_is_closed():
    before = network(inbound="public")
    assert before.has_network
    assert before.public_network_access == "Enabled"
    assert network().public_network_access == "Disabled"


def test_only_a_managed_network_isolates():
    assert [network(mode).isolation for mode in ("public", "private", "managed")] == [
        ISOLATIONS[0],
        ISOLATIONS[0],
        ISOLATIONS[1],
    ]


def test_zones_of_a_hub_are_in_one_group_but_for_those_that_the_stack_names():
    elsewhere = f"{ZONES.replace('/hub/', '/dns/')}/{BLOB}"
    dns = network(dns={"zones": "hub", "zoneGroup": GROUP, "zoneIds": {BLOB: elsewhere}}).dns
    assert dns.zone_id(BLOB) == elsewhere
    assert dns.zone_id("privatelink.azurecr.io") == f"{ZONES}/privatelink.azurecr.io"


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=lambda cloud: cloud.name)
def test_a_cloud_has_zones_of_its_own_for_every_private_endpoint(cloud):
    assert len(cloud.all_zones) == len(set(cloud.all_zones)) == 9
    assert all(zone.startswith("privatelink.") for zone in cloud.all_zones)
    others = {zone for other in CLOUDS.values() if other is not cloud for zone in other.all_zones}
    assert not others & set(cloud.all_zones)


def test_names_of_sovereign_clouds():
    assert US_GOVERNMENT.blob("a") == "https://a.blob.core.usgovcloudapi.net"
    assert CHINA.vault_url("v") == "https://v.vault.azure.cn"
    assert CHINA.zones["amlworkspace"] == (
        "privatelink.api.ml.azure.cn",
        "privatelink.notebooks.chinacloudapi.cn",
    )


def test_a_workflow_asks_the_hosts_of_its_cloud():
    definition = {
        "$schema": "https://schema.management.azure.com/providers/x#",
        "actions": [{"uri": "https://management.azure.com@{parameters('workspaceId')}", "limit": 3}],
        "claims": f"{PUBLIC.blob('a')}/c",
        "audience": "https://vault.azure.net",
        "secret": f"{PUBLIC.vault_url('v')}/secrets/s",
    }
    assert PUBLIC.localized(definition) == definition
    assert US_GOVERNMENT.localized(definition) == {
        "$schema": "https://schema.management.azure.com/providers/x#",
        "actions": [{"uri": "https://management.usgovcloudapi.net@{parameters('workspaceId')}", "limit": 3}],
        "claims": "https://a.blob.core.usgovcloudapi.net/c",
        "audience": "https://vault.usgovcloudapi.net",
        "secret": "https://v.vault.usgovcloudapi.net/secrets/s",
    }


def test_providers_of_models_work_in_the_stacks_cloud():
    try:
        client.use_cloud("china")
        assert client.cloud() is CHINA
    finally:
        client.use_cloud(None)
    assert client.cloud() is PUBLIC


def test_a_cloud_and_azure_natives_environment_go_together():
    assert environment_mistake(PUBLIC, None) is None
    assert environment_mistake(CHINA, "china") is None
    assert environment_mistake(US_GOVERNMENT, None) == (
        "cloud: AzureUSGovernment has other names than azure-native:environment (public), so what is deployed wouldn't be found; "
        "write `pulumi config set azure-native:environment usgovernment`, or the cloud that goes with public"
    )
