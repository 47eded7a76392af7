"""The services that a subnet can be delegated to or endpoints of which it can have, and the BGP communities of regions.

From learn.microsoft.com: "Subnet delegation overview", "Virtual network service endpoints", "ExpressRoute routing
requirements" (regional communities, private peering).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUBNET = "Microsoft.Network/virtualNetworks/subnets"
_JOIN = (f"{_SUBNET}/join/action",)
_POLICIES = (
    *_JOIN,
    f"{_SUBNET}/prepareNetworkPolicies/action",
    f"{_SUBNET}/unprepareNetworkPolicies/action",
)
#: service → what it may do with the subnet
DELEGATIONS: Mapping[str, tuple[str, ...]] = {
    "Microsoft.App/environments": _JOIN,
    "Microsoft.ContainerInstance/containerGroups": (f"{_SUBNET}/action",),
    "Microsoft.DBforMySQL/flexibleServers": _JOIN,
    "Microsoft.DBforPostgreSQL/flexibleServers": _JOIN,
    "Microsoft.Databricks/workspaces": _POLICIES,
    "Microsoft.Netapp/volumes": ("Microsoft.Network/networkinterfaces/*", *_JOIN),
    "Microsoft.Network/dnsResolvers": _JOIN,
    "Microsoft.Sql/managedInstances": _POLICIES,
    "Microsoft.Web/serverFarms": (f"{_SUBNET}/action",),
}
#: the services a subnet can have endpoints of
ENDPOINT_SERVICES = (
    "Microsoft.AzureActiveDirectory",
    "Microsoft.AzureCosmosDB",
    "Microsoft.CognitiveServices",
    "Microsoft.ContainerRegistry",
    "Microsoft.EventHub",
    "Microsoft.KeyVault",
    "Microsoft.ServiceBus",
    "Microsoft.Sql",
    "Microsoft.Storage",
    "Microsoft.Storage.Global",
    "Microsoft.Web",
)

#: region → its BGP community
COMMUNITIES: Mapping[str, str] = {
    region: f"12076:500{number}"
    for region, number in {
        "eastus": "04",
        "eastus2": "05",
        "westus": "06",
        "westus2": "26",
        "westus3": "44",
        "westcentralus": "27",
        "northcentralus": "07",
        "southcentralus": "08",
        "centralus": "09",
        "canadacentral": "20",
        "canadaeast": "21",
        "brazilsouth": "14",
        "northeurope": "03",
        "westeurope": "02",
        "uksouth": "24",
        "ukwest": "25",
        "francecentral": "30",
        "francesouth": "31",
        "switzerlandnorth": "38",
        "switzerlandwest": "39",
        "germanynorth": "40",
        "germanywestcentral": "41",
        "norwayeast": "42",
        "norwaywest": "43",
        "eastasia": "10",
        "southeastasia": "11",
        "japaneast": "12",
        "japanwest": "13",
        "australiaeast": "15",
        "australiasoutheast": "16",
        "australiacentral": "32",
        "australiacentral2": "33",
        "southindia": "19",
        "westindia": "18",
        "centralindia": "17",
        "koreasouth": "28",
        "koreacentral": "29",
        "newzealandnorth": "59",
        "southafricanorth": "34",
        "southafricawest": "35",
        "uaenorth": "36",
        "uaecentral": "37",
    }.items()
}


def actions(service: str) -> list[str]:
    """What a service may do with a subnet delegated to it; empty for one that isn't known here."""
    return next((list(found) for name, found in DELEGATIONS.items() if name.lower() == service.lower()), [])
