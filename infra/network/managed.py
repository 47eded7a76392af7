"""Azure ML's managed network: what it lets out, as a stack says it.

Source: Microsoft's "Workspace managed virtual network isolation" (modes, rules, required rules, provisioning).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import StringConstraints

from infra.network.firewall import HostName  # noqa: TC001 (pydantic reads it)
from infra.network.identifier import ResourceId  # noqa: TC001 (pydantic reads it)
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

Isolation = Literal["Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound"]
#: From the least isolation to the most.
ISOLATIONS: tuple[Isolation, ...] = ("Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound")
ONLY_APPROVED: Isolation = "AllowOnlyApprovedOutbound"
RuleName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$")]
_RULE_NAME = "a mapping from names of 1 to 80 letters, digits, _, . and -"


class ServiceTagSpec(Section):
    """A service tag rule."""

    tag: str = setting(
        pattern=r"^[A-Za-z0-9]+(\.[A-Za-z0-9]+)*$",
        breaks="it names the addresses that may be reached",
        write="a service tag such as AzureDataFactory or Storage.westeurope (`az network list-service-tags` lists them)",
    )
    protocol: Literal["TCP", "UDP", "ICMP", "*"] = setting(
        "TCP", breaks="it says what may be sent", write="TCP, UDP, ICMP or *"
    )
    ports: str = setting(
        "443",
        pattern=r"^(\*|\d{1,5}(-\d{1,5})?(, ?\d{1,5}(-\d{1,5})?)*)$",
        breaks="it says where it may be sent",
        write='ports in quotes such as "443" or "80, 8080-8089"',
    )


class EndpointSpec(Section):
    """A private endpoint rule."""

    resource: ResourceId = setting(
        breaks="the managed network gets a private endpoint to it",
        write="the id of a resource (`az resource show --query id`)",
    )
    group: str = setting(
        pattern=r"^[A-Za-z]+$",
        breaks="it names the part of the resource that is reached",
        write="the resource's subresource such as blob, dfs, vault or sqlServer (`az network private-link-resource list`)",
    )
    spark: bool = setting(
        False,
        breaks="serverless Spark reaches only what its rule says",
        write="true where serverless Spark reads from it, else false",
    )


class ManagedConfig(Section):
    """``mlops:network.managed``: what the managed network of mode: managed lets out."""

    isolation: Literal["AllowInternetOutbound", "AllowOnlyApprovedOutbound"] = setting(
        "AllowInternetOutbound",
        breaks="it decides what computes reach, and Azure raises it only, never lowers it",
        write="AllowInternetOutbound or AllowOnlyApprovedOutbound",
    )
    firewall: Literal["Basic", "Standard"] = setting(
        "Standard",
        breaks="it decides what Azure makes, and charges, for rules about hosts",
        write="Basic or Standard",
    )
    provision: bool = setting(
        True,
        breaks="without it the first compute waits for the network, and online deployments find none",
        write="true, or false to leave it to the first compute",
    )
    spark: bool = setting(
        False,
        breaks="serverless Spark, which model monitors run on, needs a network provisioned for it",
        write="true where monitors or Spark jobs run, else false",
    )
    hosts: dict[RuleName, HostName] = setting(
        {},
        breaks="each lets computes reach one host over HTTP and HTTPS, and makes a firewall that costs",
        write=f"{_RULE_NAME} to host names such as packages.example.com or *.example.com",
    )
    service_tags: dict[RuleName, ServiceTagSpec] = setting(
        {},
        breaks="each lets computes reach one of Azure's services",
        write=f"{_RULE_NAME} to mappings with a tag, a protocol and ports",
    )
    private_endpoints: dict[RuleName, EndpointSpec] = setting(
        {},
        breaks="each lets computes reach one resource privately",
        write=f"{_RULE_NAME} to mappings with a resource and a group",
    )


#: The private endpoints that the platform asks for itself: the lake isn't the workspace's own, and batch scoring wants
#: queues and tables of the workspace's account. Azure makes those to what the workspace stands on.
OWN_ENDPOINTS: Mapping[str, tuple[Literal["lake", "storage"], str]] = {
    "lake-blob": ("lake", "blob"),
    "lake-dfs": ("lake", "dfs"),
    "storage-queue": ("storage", "queue"),
    "storage-table": ("storage", "table"),
}


def managed_mistakes(config: ManagedConfig) -> list[str]:
    """What doesn't fit together: one line per mistake, each beginning with a key."""
    found: list[str] = []
    if config.isolation != ONLY_APPROVED:
        found += [
            f"network.managed.{key}.{name}: only AllowOnlyApprovedOutbound has such rules, and Azure refuses it; "
            "write isolation: AllowOnlyApprovedOutbound, or remove it"
            for key, rules in (("hosts", config.hosts), ("serviceTags", config.service_tags))
            for name in rules
        ]
    taken: dict[str, str] = dict.fromkeys(OWN_ENDPOINTS, "the platform's own rules")
    for key, rules in (
        ("hosts", config.hosts),
        ("serviceTags", config.service_tags),
        ("privateEndpoints", config.private_endpoints),
    ):
        for name in rules:
            if name.lower() in taken:
                found.append(
                    f"network.managed.{key}.{name}: {taken[name.lower()]} have that name already, and one would replace the other; "
                    "write another name"
                )
            taken.setdefault(name.lower(), key)
    return found
