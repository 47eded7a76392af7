"""Which rights a body asks for besides the write itself: those on the resources that it names. Pure.

Azure Resource Manager checks them before the resource provider sees the request: who writes a network interface must be
allowed to *join* its subnet, who gives a resource an identity to *assign* it, who makes a private endpoint to *approve* its
connection (without that right the endpoint has to be asked for in ``manualPrivateLinkServiceConnections``).

Sources: Microsoft Learn, "Azure permissions" (descriptions of the join, assign and approval actions), "Manage private endpoints"
(approval), "Event Grid security" (write access to the destination), "Diagnostic settings"; the wording as MicrosoftDocs/azure-docs#96892,
JimGBritt/AzurePolicy#17 and hashicorp/terraform-provider-azurerm#12134 show it. Omitted: linked subscriptions and tenants (there is one
of each), and links that no type of local Azure has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.resource_id import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NET = "Microsoft.Network"
_ID = re.compile(r"/(subscriptions/[^/]+/.|providers/[^/]+/.).*", re.IGNORECASE | re.DOTALL)
#: Key of a reference in ``properties``, in lower case → the type it leads to and what has to be permitted there.
_LINKS: Mapping[str, tuple[str, str]] = {
    key.lower(): (f"{_NET}/{kind}", f"{_NET}/{kind}/{action}/action")
    for key, kind, action in (
        ("subnet", "virtualNetworks/subnets", "join"),
        ("vnetSubnetID", "virtualNetworks/subnets", "join"),
        ("podSubnetID", "virtualNetworks/subnets", "join"),
        ("customerSubnet", "virtualNetworks/subnets", "join"),
        ("virtualNetworkRules", "virtualNetworks/subnets", "joinViaServiceEndpoint"),
        ("networkSecurityGroup", "networkSecurityGroups", "join"),
        ("routeTable", "routeTables", "join"),
        ("natGateway", "natGateways", "join"),
        ("serviceEndpointPolicies", "serviceEndpointPolicies", "join"),
        ("ddosProtectionPlan", "ddosProtectionPlans", "join"),
        ("publicIPAddress", "publicIPAddresses", "join"),
        ("publicIPPrefix", "publicIPPrefixes", "join"),
        ("firewallPolicy", "firewallPolicies", "join"),
        ("basePolicy", "firewallPolicies", "join"),
        ("sourceIpGroups", "ipGroups", "join"),
        ("destinationIpGroups", "ipGroups", "join"),
        ("loadBalancerBackendAddressPools", "loadBalancers/backendAddressPools", "join"),
        ("loadBalancerFrontendIpConfigurations", "loadBalancers/frontendIPConfigurations", "join"),
        ("remoteVirtualNetwork", "virtualNetworks", "peer"),
        ("privateDnsZoneId", "privateDnsZones", "join"),
        ("applicationSecurityGroups", "applicationSecurityGroups", "joinIpConfiguration"),
        ("sourceApplicationSecurityGroups", "applicationSecurityGroups", "joinNetworkSecurityRule"),
        ("destinationApplicationSecurityGroups", "applicationSecurityGroups", "joinNetworkSecurityRule"),
    )
}
#: The same, where only bodies of one type link by the key; elsewhere it shows who refers.
_LINKS_OF: Mapping[tuple[str, str], tuple[str, str]] = {
    (of.lower(), key.lower()): (kind, action)
    for of, key, kind, action in (
        (f"{_NET}/natGateways", "publicIpAddresses", f"{_NET}/publicIPAddresses", f"{_NET}/publicIPAddresses/join/action"),
        (f"{_NET}/natGateways", "publicIpPrefixes", f"{_NET}/publicIPPrefixes", f"{_NET}/publicIPPrefixes/join/action"),
        (f"{_NET}/privateDnsZones/virtualNetworkLinks", "virtualNetwork", f"{_NET}/virtualNetworks", f"{_NET}/virtualNetworks/join/action"),
        (
            "Microsoft.Insights/diagnosticSettings", "workspaceId",
            "Microsoft.OperationalInsights/workspaces", "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
        ),
        (
            "Microsoft.Insights/diagnosticSettings", "storageAccountId",
            "Microsoft.Storage/storageAccounts", "Microsoft.Storage/storageAccounts/listKeys/action",
        ),
        (
            "Microsoft.Authorization/policyExemptions", "policyAssignmentId",
            "Microsoft.Authorization/policyAssignments", "Microsoft.Authorization/policyAssignments/exempt/action",
        ),
    )
}  # fmt: skip
_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
_APPROVAL = "PrivateEndpointConnectionsApproval/action"
_EVENT_SUBSCRIPTION = "eventsubscriptions"


@dataclass(frozen=True)
class Link:
    """A right that a body asks for: ``operation`` on ``scope``; ``shown`` is how a refusal writes it."""

    operation: str
    scope: str
    shown: str


def links(resource_id: str, body: Any) -> list[Link]:
    """What a PUT or PATCH asks for on other resources, each right once.

    Args:
        resource_id: what is written.
        body: its JSON.

    Raises:
        ArmError: 400 ``LinkedInvalidPropertyId``, a reference is no id of a resource.
    """
    if not isinstance(body, dict):
        return []
    own = parse(resource_id)
    kind = own.type.lower()
    if kind == "microsoft.resources/deployments":
        return []  # a template names what it makes by expressions; each resource is asked for when it is made
    properties: Any = body.get("properties")
    found = [*_identities(body.get("identity"))]
    if isinstance(properties, dict):
        found += _found(_table(kind), ("properties",), properties, "")
    if kind == f"{_NET}/privateEndpoints".lower():
        found += _approvals(body.get("properties"))
    if kind.startswith("microsoft.eventgrid/") and kind.endswith(_EVENT_SUBSCRIPTION):
        found += _destinations(body.get("properties") or body)
    below = f"{own.key}/"
    return list(dict.fromkeys(link for link in found if not f"{link.scope.lower()}/".startswith(below)))


def refusal(principal: str, operation: str, scope: str, missing: list[Link]) -> ArmError:
    """ARM's 403 for rights on other resources."""
    actions = ",".join(link.shown for link in missing)
    scopes = ",".join(link.scope for link in missing)
    return ArmError(
        403,
        "LinkedAuthorizationFailed",
        f"The client '{principal}' with object id '{principal}' has permission to perform action '{operation}' on scope "
        f"'{scope}'; however, it does not have permission to perform action(s) '{actions}' on the linked scope(s) '{scopes}' "
        "(respectively) or the linked scope(s) are invalid.",
    )


def _identities(identity: Any) -> Iterator[Link]:
    assigned: Any = identity.get("userAssignedIdentities") if isinstance(identity, dict) else None
    for key, value in assigned.items() if isinstance(assigned, dict) else ():
        if value is not None:
            yield _link(_IDENTITY, key, f"identity.userAssignedIdentities['{key}']")


def _approvals(properties: Any) -> Iterator[Link]:
    connections: Any = (
        properties.get("privateLinkServiceConnections") if isinstance(properties, dict) else None
    )
    listed: list[Any] = connections if isinstance(connections, list) else []
    for number, one in enumerate(listed):
        given: Any = one.get("properties") if isinstance(one, dict) else None
        target = given.get("privateLinkServiceId") if isinstance(given, dict) else None
        if target:
            where = f"properties.privateLinkServiceConnections[{number}].properties.privateLinkServiceId"
            checked = _link("", str(target), where)
            yield Link(f"{parse(checked.scope).type}/{_APPROVAL}", checked.scope, _APPROVAL)


def _destinations(properties: Any) -> Iterator[Link]:
    """Whoever sends a resource events must be allowed to write it."""
    if not isinstance(properties, dict):
        return
    for outer, inner in (
        ("", "destination"),
        ("deliveryWithResourceIdentity", "destination"),
        ("", "deadLetterDestination"),
        ("deadLetterWithResourceIdentity", "deadLetterDestination"),
    ):
        holder: Any = (properties.get(outer) or {}) if outer else properties
        destination: Any = holder.get(inner)
        target = (
            (destination.get("properties") or {}).get("resourceId") if isinstance(destination, dict) else None
        )
        if target:
            where = ".".join(part for part in ("properties", outer, inner, "properties.resourceId") if part)
            checked = _link("", str(target), where)
            yield Link(f"{parse(checked.scope).type}/write", checked.scope, "write")


@lru_cache(maxsize=512)
def _table(kind: str) -> Mapping[str, tuple[str, str]]:
    """The keys that link in bodies of a type."""
    return {**_LINKS, **{key: link for (of, key), link in _LINKS_OF.items() if of == kind}}


def _found(
    table: Mapping[str, tuple[str, str]], where: tuple[str, ...], value: Any, key: str
) -> Iterator[Link]:
    """Every link of a value; ``key`` is what it stands under, ``where`` the way to it."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, dict | str | list):
                yield from _found(table, (*where, f"[{number}]"), item, key)
        return
    link = table.get(key)
    if isinstance(value, str):
        # Some have ids as plain text, and some call other things ``subnet``.
        if link is not None and (value.startswith("/") or (value and key.endswith("id"))):
            yield from _checked(link, value, where)
    else:
        yield from _in_object(table, where, value, link)


def _in_object(
    table: Mapping[str, tuple[str, str]],
    where: tuple[str, ...],
    value: Mapping[str, Any],
    link: tuple[str, str] | None,
) -> Iterator[Link]:
    named = value.get("id")
    if link is not None and isinstance(named, str):
        yield from _checked(link, named, (*where, ".id"))
        if len(value) == 1:
            return
    for name, item in value.items():
        if isinstance(item, dict | list):
            yield from _found(table, (*where, f".{name}"), item, name.lower())
        elif isinstance(item, str) and (lower := name.lower()) in table:
            yield from _found(table, (*where, f".{name}"), item, lower)


def _checked(link: tuple[str, str], value: str, where: tuple[str, ...]) -> Iterator[Link]:
    expected, operation = link
    at = "".join(where)
    found = _link(operation, value, at)
    try:
        named = parse(found.scope).type.lower()
    except ArmError:
        raise _no_id(value, at) from None
    if named == expected.lower():
        yield found


def _link(operation: str, value: str, where: str) -> Link:
    if not _ID.fullmatch(value):
        raise _no_id(value, where)
    return Link(operation, value.rstrip("/"), operation)


def _no_id(value: str, where: str) -> ArmError:
    return bad_request(
        f"Property id '{value}' at path '{where}' is invalid. Expect fully qualified resource Id that start with "
        "'/subscriptions/{subscriptionId}' or '/providers/{resourceProviderNamespace}/'.",
        code="LinkedInvalidPropertyId",
    )
