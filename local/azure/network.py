"""Microsoft.Network: the thin part of it that a platform behind private endpoints names.

Scope: virtual networks with their subnets, security groups, private DNS zones with their links, as recorded facts with Azure's
references checked. Private endpoints are in ``network_link``, addresses and NAT gateways in ``network_address``. Omitted: nothing
is connected or filtered, and firewalls, other gateways and interfaces are 501.
"""

from __future__ import annotations

import ipaddress
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, conflict
from local.azure.resource_type import Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure

COMPUTE = "Microsoft.MachineLearningServices/workspaces/computes"
VIRTUAL_NETWORK = "Microsoft.Network/virtualNetworks"
SUBNET = f"{VIRTUAL_NETWORK}/subnets"
SECURITY_GROUP = "Microsoft.Network/networkSecurityGroups"
ZONE = "Microsoft.Network/privateDnsZones"
ENDPOINT = "Microsoft.Network/privateEndpoints"
GATEWAY = "Microsoft.Network/natGateways"
PUBLIC_ADDRESS = "Microsoft.Network/publicIPAddresses"


def _networks(prefixes: list[str], what: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(prefix) for prefix in prefixes]
    except ValueError as error:
        raise bad_request(
            f"The address prefix of {what} is invalid: {error}.", code="InvalidAddressPrefixFormat"
        ) from None


def _prefixes(properties: Json) -> list[str]:
    return properties.get("addressPrefixes") or (
        [properties["addressPrefix"]] if properties.get("addressPrefix") else []
    )


def _prepare_network(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_location(body)
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    space = _prefixes(given.get("addressSpace") or {})
    if not space:
        raise bad_request(
            "A virtual network needs addressSpace.addressPrefixes.", code="InvalidRequestFormat"
        )
    _networks(space, f"'{resource_id.name}'")
    before: Json = old.body["properties"] if old is not None else {}
    properties = {
        **given,
        "resourceGuid": before.get("resourceGuid") or str(uuid.uuid4()),
        "enableDdosProtection": given.get("enableDdosProtection", False),
        "virtualNetworkPeerings": [],
        "provisioningState": "Succeeded",
    }
    return {**body, "tags": body.get("tags") or {}, "properties": properties}


async def _settle_network(azure: Azure, record: Record) -> Json | None:
    """Subnets written with the network become resources of their own, as in Azure; those left out of a list go."""
    properties: Json = dict(record.body["properties"])
    given: list[Json] | None = properties.pop("subnets", None)
    if given is not None:
        names = {str(subnet["name"]).lower() for subnet in given}
        for subnet in azure.store.below(record.id, SUBNET):
            if subnet.name.lower() not in names:
                azure.store.delete(subnet.id)
        for subnet in given:
            subnet_id = azure.parse(f"{record.id}/subnets/{subnet['name']}")
            azure.store.put(
                subnet_id.text, _prepare_subnet(azure, subnet_id, subnet, azure.store.get(subnet_id.text))
            )
    return {**record.body, "properties": properties}


def _view_network(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    subnets = [
        {
            "id": subnet.id,
            "name": subnet.name,
            "type": subnet.type,
            "etag": f'W/"{subnet.etag}"',
            **subnet.body,
        }
        for subnet in azure.store.below(record.id, SUBNET)
    ]
    return plain(azure, record, {**body, "properties": {**body["properties"], "subnets": subnets}}, "")


def _prepare_subnet(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    network = azure.store.get(resource_id.parent)
    own = _networks(_prefixes(given), f"'{resource_id.name}'")
    space = (
        _networks(_prefixes(network.body["properties"]["addressSpace"]), "the network")
        if network is not None
        else []
    )
    for prefix in own:
        if not any(prefix.version == outer.version and prefix.subnet_of(outer) for outer in space):  # pyright: ignore[reportArgumentType]
            raise bad_request(
                f"Subnet '{resource_id.name}' is not valid because its IP address range is outside the IP address range of "
                "its virtual network.",
                code="NetcfgInvalidSubnet",
            )
        for other in azure.store.below(resource_id.parent, SUBNET):
            others = _networks(_prefixes(other.body["properties"]), other.name)
            if other.id.lower() != resource_id.key and any(prefix.overlaps(found) for found in others):
                raise bad_request(
                    f"Subnet '{resource_id.name}' overlaps with subnet '{other.name}'.",
                    code="NetcfgSubnetRangesOverlap",
                )
    check_reference(azure, given.get("networkSecurityGroup"))
    check_reference(azure, given.get("natGateway"))
    properties = {
        "delegations": [],
        "privateEndpointNetworkPolicies": "Disabled",
        "privateLinkServiceNetworkPolicies": "Enabled",
        **given,
        "provisioningState": "Succeeded",
    }
    return {"properties": properties}


def check_reference(azure: Azure, reference: Any) -> None:
    """Refuses ``{"id": …}`` of what doesn't exist (400)."""
    if isinstance(reference, dict) and azure.store.get(str(reference.get("id"))) is None:
        raise bad_request(
            f"Resource {reference.get('id')} referenced here was not found.", code="InvalidResourceReference"
        )


def _prepare_security_group(_azure: Azure, _resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_location(body)
    _check_rules((body.get("properties") or {}).get("securityRules") or [])
    before: Json = old.body["properties"] if old is not None else {}
    properties = {
        "securityRules": [],
        **(body.get("properties") or {}),
        "defaultSecurityRules": [],
        "resourceGuid": before.get("resourceGuid") or str(uuid.uuid4()),
        "provisioningState": "Succeeded",
    }
    return {**body, "tags": body.get("tags") or {}, "properties": properties}


def _prepare_zone(_azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if body.get("location") != "global":
        raise bad_request(
            "The location of a private DNS zone is 'global'.", code="LocationNotAvailableForResourceType"
        )
    if resource_id.name.count(".") < 1:
        raise bad_request(f"The zone '{resource_id.name}' needs at least two labels.", code="BadRequest")
    properties = {
        "maxNumberOfRecordSets": 25000,
        "maxNumberOfVirtualNetworkLinks": 1000,
        "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
        "numberOfRecordSets": 1,
        "provisioningState": "Succeeded",
    }
    return {"location": "global", "tags": body.get("tags") or {}, "properties": properties}


def _prepare_link(azure: Azure, _resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    given: Json = body.get("properties") or {}
    if not given.get("virtualNetwork"):
        raise bad_request("A link needs properties.virtualNetwork.", code="BadRequest")
    check_reference(azure, given["virtualNetwork"])
    properties = {
        "registrationEnabled": False,
        **given,
        "virtualNetworkLinkState": "Completed",
        "provisioningState": "Succeeded",
    }
    return {"location": "global", "tags": body.get("tags") or {}, "properties": properties}


def _keep_linked_zone(azure: Azure, record: Record) -> None:
    if azure.store.below(record.id, f"{ZONE}/virtualNetworkLinks"):
        raise conflict(
            f"The zone {record.name} still has links to virtual networks; delete them first.",
            code="CannotDeleteResource",
        )


async def settled(_azure: Azure, _record: Record) -> Json | None:
    """Nothing is left to do: the long operation ends at once."""
    return None


def in_use(what: str, record: Record, by: str) -> ArmError:
    """The refusal to delete what something else needs."""
    return bad_request(
        f"{what} {record.name} is in use by {by} and cannot be deleted.", code=f"InUse{what}CannotBeDeleted"
    )


def _same(reference: Any, record: Record) -> bool:
    return isinstance(reference, dict) and str(reference.get("id")).lower() == record.id.lower()


def _keep_used_subnet(azure: Azure, record: Record) -> None:
    for kind in (ENDPOINT, COMPUTE):
        for user in azure.store.of_type(kind):
            properties: Json = user.body["properties"]
            if _same(properties.get("subnet"), record) or _same(
                (properties.get("properties") or {}).get("subnet"), record
            ):
                raise in_use("Subnet", record, user.id)


def _keep_used_network(azure: Azure, record: Record) -> None:
    for subnet in azure.store.below(record.id, SUBNET):
        _keep_used_subnet(azure, subnet)


def _keep_used_group(azure: Azure, record: Record) -> None:
    for subnet in azure.store.of_type(SUBNET):
        if _same(subnet.body["properties"].get("networkSecurityGroup"), record):
            raise in_use("NetworkSecurityGroup", record, subnet.id)


def _check_rules(rules: list[Json]) -> None:
    """Names and priorities are unique per direction, priorities 100 to 4096."""
    taken: dict[tuple[str, int], str] = {}
    for rule in rules:
        given: Json = rule.get("properties") or {}
        missing = [key for key in ("access", "direction", "priority", "protocol") if given.get(key) is None]
        if missing:
            raise bad_request(
                f"Security rule '{rule.get('name')}' has no {missing[0]}.", code="InvalidRequestFormat"
            )
        priority, direction = int(given["priority"]), str(given["direction"])
        if not 100 <= priority <= 4096:
            raise bad_request(
                f"Security rule '{rule.get('name')}' has the priority {priority}; it must be from 100 to 4096.",
                code="SecurityRuleInvalidPriority",
            )
        other = taken.setdefault((direction, priority), str(rule.get("name")))
        if other != rule.get("name"):
            raise bad_request(
                f"Security rule {rule.get('name')} conflicts with rule {other}. Rules cannot have the same Priority and "
                "Direction.",
                code="SecurityRuleConflict",
            )


def plain(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    """What the provider answers: an etag, and no system data."""
    body.pop("systemData", None)
    return {**body, "etag": f'W/"{record.etag}"'}


TYPES = (
    ResourceType(
        VIRTUAL_NETWORK,
        prepare=_prepare_network,
        settle=_settle_network,
        guard_delete=_keep_used_network,
        view=_view_network,
    ),
    ResourceType(
        SUBNET,
        prepare=_prepare_subnet,
        settle=settled,
        guard_delete=_keep_used_subnet,
        view=plain,
        patch=False,
    ),
    ResourceType(
        SECURITY_GROUP,
        prepare=_prepare_security_group,
        settle=settled,
        guard_delete=_keep_used_group,
        view=plain,
    ),
    ResourceType(ZONE, prepare=_prepare_zone, settle=settled, guard_delete=_keep_linked_zone, view=plain),
    ResourceType(f"{ZONE}/virtualNetworkLinks", prepare=_prepare_link, settle=settled, view=plain),
)
