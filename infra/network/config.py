"""What a stack says about its network."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator

from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
#: What Docker's bridge takes on every node of a cluster.
DOCKER_BRIDGE = IPv4Network("172.17.0.0/16")
_EXAMPLE = "write a range such as 10.1.0.0/16"
SubnetName = Literal["endpoints", "compute"]


def _address_space(text: str) -> str:
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
    if not 16 <= space.prefixlen <= 22:
        raise ValueError(
            f"{text} has {space.num_addresses} addresses; endpoints and clusters need 1024, and more than 65536 "
            "leave no room for other networks; write a range from /16 to /22"
        )
    return text


class NetworkConfig(Section):
    """``mlops:network``: who reaches the platform, and how."""

    moved: ClassVar[Mapping[str, str]] = {
        "publicAccess": "mode: private for what was false, mode: public for what was true"
    }

    mode: Literal["public", "private"] = setting(
        "public",
        breaks="it decides whether workspace, storage, vault, registry and endpoints answer on the internet",
        write="public, or private for a virtual network with private endpoints that lead to them",
    )
    address_space: Annotated[str, AfterValidator(_address_space)] = setting(
        "10.0.0.0/16",
        breaks="the private network's subnets are cut out of it, and networks to be joined must not overlap",
        write="a private range from /16 to /22 such as 10.1.0.0/16",
    )
    private_dns_zones: bool = setting(
        True,
        breaks="inside the network, names lead to the private endpoints only through these zones",
        write="true, or false where a hub team owns the zones and writes the records",
    )

    @property
    def public_access(self) -> bool:
        """Whether the platform answers on the internet."""
        return self.mode == "public"

    @property
    def public_network_access(self) -> Literal["Enabled", "Disabled"]:
        """Azure's word for it."""
        return "Enabled" if self.public_access else "Disabled"

    @property
    def default_action(self) -> Literal["Allow", "Deny"]:
        """What firewalls of storage accounts and vaults do with what no rule names."""
        return "Allow" if self.public_access else "Deny"

    @property
    def subnets(self) -> dict[SubnetName, str]:
        """The subnets' ranges: a quarter for private endpoints, half for the clusters; a quarter stays free."""
        space = IPv4Network(self.address_space)
        quarter, half = next(space.subnets(2)), list(space.subnets(1))[1]
        return {"endpoints": str(quarter), "compute": str(half)}
