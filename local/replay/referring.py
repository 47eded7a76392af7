"""What refers to a resource, where the documentation shows it there: a NAT gateway's subnets, an address's interface.

Azure computes such keys from the other side, so the other side is made, with a reference to the documented resource. In a
body, ``$this`` is that resource, ``$part`` the last name of the documented id, ``$number`` a number of its own.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_IN = {"location": "westeurope"}
_NET = "Microsoft.Network"
_VNET = "$group/providers/Microsoft.Network/virtualNetworks/replay-vnet/subnets"
_SUBNET = {"id": f"{_VNET}/referring"}
_FIREWALL = {
    "ipConfigurations": [
        {
            "name": "replay",
            "properties": {
                "subnet": {"id": f"{_VNET}/AzureFirewallSubnet"},
                "publicIPAddress": {
                    "id": "$group/providers/Microsoft.Network/publicIPAddresses/replay-firewall-ip"
                },
            },
        }
    ]
}


def _subnet(**properties: Any) -> Json:
    return {"properties": {"addressPrefix": "10.$number.0.0/24", **properties}}


def _interface(**properties: Any) -> Json:
    configuration = {"name": "$part", "properties": {"subnet": _SUBNET, **properties}}
    return {**_IN, "properties": {"ipConfigurations": [configuration]}}


def _balancer(**properties: Any) -> Json:
    frontend = {"name": "$part", "properties": properties}
    return {**_IN, "sku": {"name": "Standard"}, "properties": {"frontendIPConfigurations": [frontend]}}


_THIS = {"id": "$this"}
_FRONTEND = f"{_NET}/loadBalancers/frontendIPConfigurations"
_NIC_ADDRESS = f"{_NET}/networkInterfaces/ipConfigurations"
_RULE = {
    "name": "replay",
    "properties": {
        "priority": 100,
        "action": {"type": "Allow"},
        "rules": [
            {
                "name": "replay",
                "protocols": ["TCP"],
                "sourceIpGroups": ["$this"],
                "destinationAddresses": ["*"],
                "destinationPorts": ["443"],
            }
        ],
    },
}
#: (type, key that shows who refers, type of the documented id) → the body of one that does
REFERRING: dict[tuple[str, str, str], Json] = {
    (one.lower(), key, other.lower()): body
    for (one, key, other), body in {
        (f"{_NET}/natGateways", "subnets", f"{_NET}/virtualNetworks/subnets"): _subnet(natGateway=_THIS),
        (f"{_NET}/networkSecurityGroups", "subnets", f"{_NET}/virtualNetworks/subnets"): _subnet(
            networkSecurityGroup=_THIS
        ),
        (f"{_NET}/routeTables", "subnets", f"{_NET}/virtualNetworks/subnets"): _subnet(routeTable=_THIS),
        (f"{_NET}/serviceEndpointPolicies", "subnets", f"{_NET}/virtualNetworks/subnets"): _subnet(
            serviceEndpointPolicies=[_THIS]
        ),
        (f"{_NET}/publicIPAddresses", "ipConfiguration", _NIC_ADDRESS): _interface(publicIPAddress=_THIS),
        (f"{_NET}/publicIPAddresses", "ipConfiguration", _FRONTEND): _balancer(publicIPAddress=_THIS),
        (f"{_NET}/publicIPPrefixes", "loadBalancerFrontendIpConfiguration", _FRONTEND): _balancer(
            publicIPPrefix=_THIS
        ),
        (f"{_NET}/publicIPPrefixes", "publicIPAddresses", f"{_NET}/publicIPAddresses"): {
            **_IN,
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static", "publicIPPrefix": _THIS},
        },
        (f"{_NET}/ddosProtectionPlans", "publicIPAddresses", f"{_NET}/publicIPAddresses"): {
            **_IN,
            "properties": {"ddosSettings": {"protectionMode": "Enabled", "ddosProtectionPlan": _THIS}},
        },
        (f"{_NET}/ddosProtectionPlans", "virtualNetworks", f"{_NET}/virtualNetworks"): {
            **_IN,
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "ddosProtectionPlan": _THIS,
            },
        },
        (f"{_NET}/ipGroups", "firewalls", f"{_NET}/azureFirewalls"): {
            **_IN,
            "properties": {**_FIREWALL, "networkRuleCollections": [_RULE]},
        },
        (f"{_NET}/firewallPolicies", "firewalls", f"{_NET}/azureFirewalls"): {
            **_IN,
            "properties": {**_FIREWALL, "firewallPolicy": _THIS},
        },
        (
            f"{_NET}/firewallPolicies",
            "ruleCollectionGroups",
            f"{_NET}/firewallPolicies/ruleCollectionGroups",
        ): {"properties": {"priority": 200, "ruleCollections": []}},
        (f"{_NET}/privateLinkServices", "privateEndpointConnections", f"{_NET}/privateEndpoints"): {
            **_IN,
            "properties": {
                "subnet": _SUBNET,
                "privateLinkServiceConnections": [
                    {"name": "replay", "properties": {"privateLinkServiceId": "$this"}}
                ],
            },
        },
        (f"{_NET}/virtualNetworks/subnets", "ipConfigurations", _FRONTEND): _balancer(subnet=_THIS),
        (f"{_NET}/virtualNetworks/subnets", "ipConfigurations", _NIC_ADDRESS): {
            **_IN,
            "properties": {"ipConfigurations": [{"name": "$part", "properties": {"subnet": _THIS}}]},
        },
    }.items()
}
#: Bodies of what stands under a key, beside what a type's least body has: peered networks must not overlap.
UNDER_KEY: dict[str, Json] = {
    "remoteVirtualNetwork": {
        **_IN,
        "properties": {
            "addressSpace": {"addressPrefixes": ["100.$number.0.0/16"]},
            "bgpCommunities": {"virtualNetworkCommunity": "12076:20002"},
            "encryption": {"enabled": True, "enforcement": "AllowUnencrypted"},
        },
    }
}
