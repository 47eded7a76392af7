"""Microsoft.Network: what Azure says about a region.

Scope: usages and limits, services to delegate subnets to, services with endpoints, types that take private endpoints, whether a
DNS label is free. Omitted: service tags (their address ranges are Azure's own and change weekly): 501.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.network import name
from local.azure.network.delegation import DELEGATIONS, ENDPOINT_SERVICES
from local.azure.network.private_link import TARGETS
from local.azure.network.public_address import domain, label_taken
from local.azure.resource_type import Answer, Call, Json, Route
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

#: name, as shown, type, limit per region (learn.microsoft.com, "Azure subscription limits: networking")
_LIMITS = (
    ("VirtualNetworks", "Virtual Networks", name.VIRTUAL_NETWORK, 1000),
    ("NetworkSecurityGroups", "Network Security Groups", name.SECURITY_GROUP, 5000),
    ("PublicIPAddresses", "Public IP Addresses", name.PUBLIC_ADDRESS, 1000),
    ("PublicIpPrefixes", "Public Ip Prefixes", name.PUBLIC_PREFIX, 100),
    ("NatGateways", "Nat Gateways", name.GATEWAY, 2000),
    ("NetworkInterfaces", "Network Interfaces", name.INTERFACE, 65536),
    ("PrivateEndpoints", "Private Endpoints", name.ENDPOINT, 65536),
    ("PrivateLinkServices", "Private Link Services", name.LINK_SERVICE, 800),
    ("LoadBalancers", "Load Balancers", name.LOAD_BALANCER, 1000),
    ("ApplicationSecurityGroups", "Application Security Groups.", name.APPLICATION_GROUP, 3000),
    ("RouteTables", "Route Tables", name.ROUTE_TABLE, 200),
    ("NetworkWatchers", "Network Watchers", name.WATCHER, 1),
    ("ServiceEndpointPolicies", "Service Endpoint Policies", name.SERVICE_POLICY, 500),
    ("DDoSProtectionPlans", "DDoS Protection Plans.", name.DDOS_PLAN, 1),
    ("AzureFirewalls", "Azure Firewalls", name.FIREWALL, 100),
)
#: what a service endpoint policy may allow beside storage accounts
_ALIASES = (
    "/services/Azure",
    "/services/Azure/Batch",
    "/services/Azure/DataFactory",
    "/services/Azure/MachineLearning",
    "/services/Azure/ManagedInstance",
    "/services/Azure/WebPI",
)
_PROVIDER = f"/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.Network"


async def _usages(azure: Azure, call: Call) -> Answer:
    location = call.captured["location"].replace("%20", "").replace(" ", "").lower()
    value: list[Json] = []
    for key, shown, kind, limit in _LIMITS:
        count = sum(record.body.get("location") == location for record in azure.store.of_type(kind))
        usage = {
            "currentValue": count,
            "id": f"{_PROVIDER}/locations/{location}/usages/{key}",
            "limit": limit,
            "name": {"localizedValue": shown, "value": key},
            "unit": "Count",
        }
        value.append(usage)
    static = [
        record
        for record in azure.store.of_type(name.PUBLIC_ADDRESS)
        if record.body.get("location") == location
        and record.body["properties"].get("publicIPAllocationMethod") == "Static"
    ]
    usage = {
        "currentValue": len(static),
        "id": f"{_PROVIDER}/locations/{location}/usages/StaticPublicIPAddresses",
        "limit": 1000,
        "name": {"localizedValue": "Static Public IP Addresses", "value": "StaticPublicIPAddresses"},
        "unit": "Count",
    }
    return Answer(200, {"value": [*value, usage]})


async def _delegations(_azure: Azure, _call: Call) -> Answer:
    value = [
        {
            "name": service.replace("/", "."),
            "id": f"{_PROVIDER}/availableDelegations/{service.replace('/', '.')}",
            "type": "Microsoft.Network/availableDelegations",
            "serviceName": service,
            "actions": list(actions),
        }
        for service, actions in DELEGATIONS.items()
    ]
    return Answer(200, {"value": value})


async def _endpoint_types(_azure: Azure, _call: Call) -> Answer:
    value = [
        {
            "name": target.type.replace("/", "."),
            "id": f"{_PROVIDER}/AvailablePrivateEndpointTypes/{target.type.replace('/', '.')}",
            "type": "Microsoft.Network/AvailablePrivateEndpointTypes",
            "resourceName": target.type,
        }
        for target in TARGETS.values()
    ]
    return Answer(200, {"value": value})


async def _endpoint_services(_azure: Azure, _call: Call) -> Answer:
    value = [
        {
            "name": service,
            "id": f"{_PROVIDER}/virtualNetworkEndpointServices/{service}",
            "type": "Microsoft.Network/virtualNetworkEndpointServices",
        }
        for service in ENDPOINT_SERVICES
    ]
    return Answer(200, {"value": value})


async def _aliases(_azure: Azure, _call: Call) -> Answer:
    value = [
        {
            "name": alias.strip("/").replace("/", ""),
            "id": f"{_PROVIDER}/AvailableServiceAliases/{alias.strip('/').replace('/', '')}",
            "type": "Microsoft.Network/AvailableServiceAliases",
            "resourceName": alias,
        }
        for alias in _ALIASES
    ]
    return Answer(200, {"value": value})


async def _check_label(azure: Azure, call: Call) -> Answer:
    label = call.query.get("domainNameLabel")
    if not label:
        raise bad_request("The query needs domainNameLabel.", code="MissingQueryParameter")
    location = call.captured["location"].replace(" ", "").lower()
    return Answer(200, {"available": label_taken(azure, domain(label, location)) is None})


def _route(action: str, handle: Any, *, grouped: bool = False) -> Route:
    group = "(/resourceGroups/[^/]+)?" if grouped else ""
    path = rf"/subscriptions/[^/]+{group}/providers/Microsoft\.Network/locations/(?P<location>[^/]+)/{action}"
    return Route(re.compile(r"management\.azure\.com"), re.compile(path, re.IGNORECASE), handle, ("GET",))


ROUTES = (
    _route("usages", _usages),
    _route("availableDelegations", _delegations, grouped=True),
    _route("availablePrivateEndpointTypes", _endpoint_types, grouped=True),
    _route("virtualNetworkAvailableEndpointServices", _endpoint_services),
    _route("availableServiceAliases", _aliases, grouped=True),
    _route("CheckDnsNameAvailability", _check_label),
)
