"""Microsoft.Network: private link services: what others' private endpoints lead to.

Scope: addresses, aliases, visibility and approval, the connections of endpoints (in ``private_link``). Omitted: nothing is
connected; the list of services that approve at once is 501.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.network import private_link
from local.azure.network.interface import make_of_owner, placed, remove_of_owner
from local.azure.network.name import INTERFACE, LINK_SERVICE
from local.azure.network.record import Part, before, kept, named
from local.azure.network.reference import check_reference, in_use
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, Route
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

_PARTS = (
    Part(
        "ipConfigurations",
        {"privateIPAllocationMethod": "Dynamic", "privateIPAddressVersion": "IPv4"},
        typed=True,
    ),
)


def _write(azure: Azure, resource_id: ResourceId, body: Json, properties: Json, old: Record | None) -> Json:
    frontends: list[Json] = properties.get("loadBalancerFrontendIpConfigurations") or []
    if not frontends and not properties.get("destinationIPAddress"):
        raise bad_request(
            f"Private link service {resource_id.text} needs loadBalancerFrontendIpConfigurations or destinationIPAddress.",
            code="PrivateLinkServiceWithoutLoadBalancerFrontendIpConfiguration",
        )
    for frontend in frontends:
        check_reference(azure, frontend)
    configurations = named(properties.get("ipConfigurations") or [], "ipConfigurations")
    if not configurations:
        raise bad_request(
            f"Private link service {resource_id.text} needs ipConfigurations.",
            code="PrivateLinkServiceWithoutIpConfiguration",
        )
    for one in configurations:
        subnet = azure.store.get(str(((one.get("properties") or {}).get("subnet") or {}).get("id")))
        if (
            subnet is not None
            and subnet.body["properties"].get("privateLinkServiceNetworkPolicies") != "Disabled"
        ):
            raise bad_request(
                f"Private link service {resource_id.text} cannot be created in a subnet {subnet.id} since it has private link "
                "service network policies enabled.",
                code="PrivateLinkServiceCannotBeCreatedInSubnetThatHasNetworkPoliciesEnabled",
            )
    nic = f"{resource_id.parent}/providers/{INTERFACE}/{resource_id.name}.nic"
    alias = f"{resource_id.name}.{uuid.uuid4()}.{body['location']}.azure.privatelinkservice"
    return {
        "enableProxyProtocol": False,
        "fqdns": [],
        "visibility": {"subscriptions": []},
        "autoApproval": {"subscriptions": []},
        **properties,
        "ipConfigurations": placed(azure, resource_id, configurations, old),
        "alias": before(old).get("alias") or alias,
        "networkInterfaces": before(old).get("networkInterfaces") or [{"id": f"{nic}.{uuid.uuid4()}"}],
    }


async def _settle(azure: Azure, record: Record) -> Json | None:
    """Makes the network interface."""
    make_of_owner(azure, record, "privateLinkService", record.body["properties"]["ipConfigurations"])
    return None


def _read(azure: Azure, record: Record, properties: Json) -> Json:
    return {**properties, "privateEndpointConnections": private_link.connections(azure, record) or []}


def _keep_used(azure: Azure, record: Record) -> None:
    for connection in private_link.connections(azure, record) or []:
        raise in_use("PrivateLinkService", record, connection["properties"]["privateEndpoint"]["id"])


def _allows(record: Record, key: str) -> bool:
    allowed: list[str] = (record.body["properties"].get(key) or {}).get("subscriptions") or []
    return "*" in allowed or SUBSCRIPTION_ID in [one.lower() for one in allowed]


async def _visible(azure: Azure, call: Call) -> Answer:
    """POST …/checkPrivateLinkServiceVisibility: whether this subscription may see a service, by its alias."""
    alias = str((call.body or {}).get("privateLinkServiceAlias") or "").lower()
    found = [
        one for one in azure.store.of_type(LINK_SERVICE) if one.body["properties"]["alias"].lower() == alias
    ]
    return Answer(200, {"visible": any(_allows(one, "visibility") for one in found)})


def _route(name: str, handle: Any, method: str) -> Route:
    scope = r"/subscriptions/[^/]+(/resourceGroups/[^/]+)?/providers/Microsoft\.Network"
    path = rf"{scope}/locations/(?P<location>[^/]+)/{name}"
    return Route(re.compile(r"management\.azure\.com"), re.compile(path, re.IGNORECASE), handle, (method,))


TYPES = (
    kept(
        LINK_SERVICE,
        write=_write,
        read=_read,
        read_only=("privateEndpointConnections", "networkInterfaces", "alias"),
        parts=_PARTS,
        guard=_keep_used,
        has_guid=True,
        settle=_settle,
        vanish=remove_of_owner,
        patch=False,
    ),
)
ROUTES = (_route("checkPrivateLinkServiceVisibility", _visible, "POST"),)
