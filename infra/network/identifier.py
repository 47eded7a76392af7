"""Ids of what somebody else has: networks, subnets, zones, and targets of private endpoints. Pure.

A stack names them in full, as ``az … show --query id`` prints them.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_GROUP = r"/subscriptions/[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/resourceGroups/[^/]{1,90}"
_NETWORK = rf"{_GROUP}/providers/Microsoft\.Network/virtualNetworks/[^/]+"


def _checked(pattern: str, what: str, shown: str, command: str) -> AfterValidator:
    whole = re.compile(pattern, re.IGNORECASE)

    def check(text: str) -> str:
        if whole.fullmatch(text) is None:
            raise ValueError(
                f"{text!r} is no id of a {what}, so nothing would be found there; write {shown} as `{command}` prints it"
            )
        return text

    return AfterValidator(check)


ResourceGroupId = Annotated[
    str,
    _checked(_GROUP, "resource group", "/subscriptions/…/resourceGroups/GROUP", "az group show --query id"),
]
VirtualNetworkId = Annotated[
    str,
    _checked(
        _NETWORK,
        "virtual network",
        "/subscriptions/…/virtualNetworks/NETWORK",
        "az network vnet show --query id",
    ),
]
SubnetId = Annotated[
    str,
    _checked(
        rf"{_NETWORK}/subnets/[^/]+",
        "subnet",
        "/subscriptions/…/virtualNetworks/NETWORK/subnets/SUBNET",
        "az network vnet subnet show --query id",
    ),
]
ZoneId = Annotated[
    str,
    _checked(
        rf"{_GROUP}/providers/Microsoft\.Network/privateDnsZones/[^/]+",
        "private DNS zone",
        "/subscriptions/…/privateDnsZones/ZONE",
        "az network private-dns zone show --query id",
    ),
]
ResourceId = Annotated[
    str,
    _checked(
        rf"{_GROUP}/providers/[^/]+/[^/]+/[^/]+(?:/[^/]+/[^/]+)*",
        "resource",
        "/subscriptions/…/providers/TYPE/NAME",
        "az resource show --query id",
    ),
]


def network_of(subnet_id: str) -> str:
    """The id of the network that a subnet is in."""
    return subnet_id.rsplit("/", 2)[0]
