"""The services that a subnet can be delegated to or endpoints of which it can have, as Azure lists them for every region.

Names and actions: learn.microsoft.com, "Subnet delegation overview" and "Virtual network service endpoints".
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


def actions(service: str) -> list[str]:
    """What a service may do with a subnet delegated to it; empty for one that isn't known here."""
    return next((list(found) for name, found in DELEGATIONS.items() if name.lower() == service.lower()), [])
