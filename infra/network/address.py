"""Address ranges of a network: what a stack may write, and what is cut out of it where nothing is written. Pure.

Sources: Microsoft's "Virtual network FAQ" (five addresses of each subnet are Azure's), "Azure Firewall FAQ" and "About
Bastion configuration settings" (/26), "Secure Azure Machine Learning workspace resources" (an address per node).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import combinations
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
#: What Docker's bridge takes on every node of a cluster.
DOCKER_BRIDGE = IPv4Network("172.17.0.0/16")
_EXAMPLE = "write a range such as 10.1.0.0/16"

#: The longest prefix of each subnet that has a minimum, and who needs it.
SMALLEST: Mapping[str, tuple[int, str]] = {
    # Nine endpoints with fifteen addresses, Azure's five, and some for what a team adds.
    "endpoints": (27, "private endpoints need"),
    "compute": (27, "nodes of clusters need"),
    "firewall": (26, "Azure Firewall needs"),
    "bastion": (26, "Azure Bastion needs"),
}
_SMALLEST_OTHER = (29, "a subnet of Azure has at least")


def _range(text: str) -> str:
    """A private range, written as Azure wants it.

    Raises:
        ValueError: it is none.
    """
    try:
        space = IPv4Network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is no IPv4 range, so no subnet could be cut out of it; {_EXAMPLE}"
        ) from None
    if "/" not in text:
        raise ValueError(f"{text} is one address, so no subnet could be cut out of it; {_EXAMPLE}")
    if text != str(space):
        raise ValueError(f"{text} isn't the start of a range, and Azure refuses it; write {space}")
    if not any(space.subnet_of(private) for private in _PRIVATE):
        raise ValueError(
            f"{text} is in use on the internet, which the network couldn't reach any more; {_EXAMPLE}"
        )
    if space.overlaps(DOCKER_BRIDGE):
        raise ValueError(
            f"{text} overlaps with {DOCKER_BRIDGE}, which containers on the clusters' nodes use; {_EXAMPLE}"
        )
    return text


def _space(text: str) -> str:
    space = IPv4Network(_range(text))
    if not 16 <= space.prefixlen <= 22:
        raise ValueError(
            f"{text} has {space.num_addresses} addresses; endpoints and clusters need 1024, and more than 65536 "
            "leave no room for other networks; write a range from /16 to /22"
        )
    return text


def _address(text: str) -> str:
    try:
        address = IPv4Address(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no IPv4 address, so nothing could be sent there; write one such as 10.1.0.4"
        ) from None
    if not any(address in private for private in _PRIVATE):
        raise ValueError(
            f"{text} is an address on the internet, which a private network doesn't send to; write one such as 10.1.0.4"
        )
    return text


#: What a network's subnets are cut out of.
AddressSpace = Annotated[str, AfterValidator(_space)]
#: A subnet's range.
AddressRange = Annotated[str, AfterValidator(_range)]
#: One private address.
Address = Annotated[str, AfterValidator(_address)]


def cut(space: str) -> dict[str, str]:
    """The ranges that are cut out of a space where a stack names none.

    A quarter for private endpoints, half for the clusters; a firewall and a bastion take 64 addresses each from the
    beginning of the quarter between, the rest of which stays free.
    """
    whole = IPv4Network(space)
    quarters = list(whole.subnets(2))
    services = quarters[1].subnets(new_prefix=26)
    return {
        "endpoints": str(quarters[0]),
        "compute": str(list(whole.subnets(1))[1]),
        "firewall": str(next(services)),
        "bastion": str(next(services)),
    }


def range_mistakes(space: str, ranges: Mapping[str, str], keys: Mapping[str, str]) -> list[str]:
    """What is wrong with subnets' ranges.

    Args:
        space: what they must be in.
        ranges: each subnet's range by its name.
        keys: each subnet's key in the stack file by its name.

    Returns:
        One line per mistake, each beginning with a key.
    """
    whole = IPv4Network(space)
    found: list[str] = []
    for name, text in ranges.items():
        own = IPv4Network(text)
        longest, who = SMALLEST.get(name, _SMALLEST_OTHER)
        if not own.subnet_of(whole):
            found.append(
                f"{keys[name]}: {text} is outside of the network's {space}, and Azure refuses it; write a range within {space}"
            )
        if own.prefixlen > longest:
            needed = 2 ** (32 - longest)
            found.append(
                f"{keys[name]}: {text} has {own.num_addresses} addresses, and {who} {needed}; write a /{longest} or larger"
            )
    found += [
        f"{keys[two]}: {ranges[two]} overlaps with {ranges[one]} of {one}, and Azure refuses it; "
        f"write a range of {space} that no other subnet has"
        for one, two in combinations(ranges, 2)
        if IPv4Network(ranges[one]).overlaps(IPv4Network(ranges[two]))
    ]
    return found


#: Azure keeps the first four addresses of a subnet, and the last.
_KEPT = 5


def room(range_: str) -> int:
    """How many addresses of a subnet its machines can have."""
    return IPv4Network(range_).num_addresses - _KEPT


def prefix_for(machines: int) -> int:
    """The longest prefix of a subnet that has room for as many machines."""
    return 32 - (machines + _KEPT - 1).bit_length()
