"""Microsoft.Network: bastion hosts.

Scope: the subnet and address they need, what each SKU can do. Omitted: there are no machines to reach; sessions and shareable
links are 501.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network.firewall import check_subnet
from local.azure.network.interface import placed
from local.azure.network.name import BASTION
from local.azure.network.record import Part, before, kept, named
from local.azure.network.reference import check_reference
from local.azure.resource_id import resource_group_id

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

#: The second one is what Azure's own examples of the REST API use.
_SUBNETS = ("AzureBastionSubnet", "BastionHostSubnet")
_SKUS = ("Basic", "Developer", "Premium", "Standard")
_PARTS = (
    Part(
        "ipConfigurations",
        {"privateIPAllocationMethod": "Dynamic"},
        segment="bastionHostIpConfigurations",
        typed=True,
    ),
)
_OFF = (
    "disableCopyPaste",
    "enableFileCopy",
    "enableIpConnect",
    "enableKerberos",
    "enablePrivateOnlyBastion",
    "enableSessionRecording",
    "enableShareableLink",
    "enableTunneling",
)
_DEFAULTS = {"scaleUnits": 2, **dict.fromkeys(_OFF, False)}


def _write(azure: Azure, resource_id: ResourceId, body: Json, properties: Json, old: Record | None) -> Json:
    developer = bool(properties.get("virtualNetwork"))
    sku = (body.get("sku") or {}).get("name") or ("Developer" if developer else "Standard")
    if sku not in _SKUS:
        raise bad_request(f"The SKU '{sku}' must be one of {', '.join(_SKUS)}.", code="InvalidBastionHostSku")
    body["sku"] = {"name": sku}
    body.setdefault("zones", [])
    check_reference(azure, properties.get("virtualNetwork"))
    configurations = named(properties.get("ipConfigurations") or [], "ipConfigurations")
    if not configurations and not developer:
        raise bad_request(
            f"Bastion host {resource_id.text} needs one of ipConfigurations, or virtualNetwork for the SKU Developer.",
            code="BastionHostWithoutIpConfiguration",
        )
    for one in configurations:
        check_subnet(azure, one, _SUBNETS, "SubnetNameMustBeAzureBastionSubnet", "Azure Bastion")
    name = before(old).get("dnsName") or f"bst-{uuid.uuid4()}.bastion.azure.com"
    return {
        **properties,
        "ipConfigurations": placed(azure, resource_id, configurations, old),
        "dnsName": name,
    }


def _locate(azure: Azure, resource_id: ResourceId, body: Json) -> Json:
    """Azure's own examples leave the location out: it is the group's then."""
    group = azure.store.get(resource_group_id(resource_id.subscription_id, resource_id.resource_group or ""))
    if body.get("location") or group is None:
        return body
    return {**body, "location": group.body["location"]}


TYPES = (kept(BASTION, write=_write, defaults=_DEFAULTS, parts=_PARTS, locate=_locate),)
