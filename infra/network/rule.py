"""What may pass in the private network: the rules of its subnets' security groups.

Source: Microsoft's "Configure inbound and outbound network traffic", clusters without public addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pulumi_azure_native import network as azure

_NETWORK = "VirtualNetwork"
_ANY = ("*",)


@dataclass(frozen=True)
class Rule:
    """One rule. ``{region}`` in a service tag is the platform's region."""

    name: str
    priority: int  #: 100 to 4096; the lowest that fits decides
    direction: Literal["Inbound", "Outbound"]
    why: str  #: at most 140 characters
    source: str = "*"
    destination: str = "*"
    protocol: Literal["Tcp", "Udp", "*"] = "*"
    ports: tuple[str, ...] = _ANY
    access: Literal["Allow", "Deny"] = "Allow"

    def arguments(self, region: str) -> azure.SecurityRuleArgs:
        """The rule as Azure takes it."""
        many = len(self.ports) > 1
        return azure.SecurityRuleArgs(
            name=self.name,
            priority=self.priority,
            direction=self.direction,
            access=self.access,
            protocol=self.protocol,
            description=self.why,
            source_address_prefix=self.source,
            source_port_range="*",
            destination_address_prefix=self.destination.format(region=region),
            destination_port_range=None if many else self.ports[0],
            destination_port_ranges=list(self.ports) if many else None,
        )


def _out(
    name: str, priority: int, destination: str, protocol: Literal["Tcp", "Udp", "*"], why: str, *ports: str
) -> Rule:
    return Rule(name, priority, "Outbound", why, _NETWORK, destination, protocol, ports or _ANY)


def _nothing_else(direction: Literal["Inbound", "Outbound"]) -> Rule:
    return Rule(
        f"deny-{direction.lower()}", 4000, direction, "Nothing but what the rules above name.", access="Deny"
    )


#: The subnet of the private endpoints: asked by the network, and asking nobody.
ENDPOINT_RULES: tuple[Rule, ...] = (
    Rule(
        "allow-network",
        100,
        "Inbound",
        "HTTPS, and SMB for file shares, from this and peered networks.",
        _NETWORK,
        _NETWORK,
        "Tcp",
        ("443", "445"),
    ),
    _nothing_else("Inbound"),
    _nothing_else("Outbound"),
)

#: The subnet of the clusters.
COMPUTE_RULES: tuple[Rule, ...] = (
    Rule("allow-network", 100, "Inbound", "The nodes of a cluster talk to each other.", _NETWORK, _NETWORK),
    Rule("allow-probes", 110, "Inbound", "Azure's health probes.", "AzureLoadBalancer"),
    _nothing_else("Inbound"),
    _out("allow-within-network", 100, _NETWORK, "*", "Private endpoints, and the nodes of a cluster."),
    _out("allow-entra", 110, "AzureActiveDirectory", "Tcp", "Tokens of managed identities.", "80", "443"),
    _out("allow-azureml", 120, "AzureMachineLearning", "Tcp", "Azure ML.", "443", "8787", "18881"),
    _out("allow-azureml-udp", 130, "AzureMachineLearning", "Udp", "Azure ML's way to the nodes.", "5831"),
    _out(
        "allow-batch",
        140,
        "BatchNodeManagement.{region}",
        "*",
        "Azure Batch, which manages the nodes.",
        "443",
    ),
    _out("allow-https", 150, "Internet", "Tcp", "Packages, base images, and Azure's other services.", "443"),
    _nothing_else("Outbound"),
)

#: Subnets for machines of a team's own, such as build agents: reached through a bastion or from other machines inside.
OTHER_RULES: tuple[Rule, ...] = (
    Rule(
        "allow-network",
        100,
        "Inbound",
        "SSH, RDP and HTTPS from this and peered networks, such as through a bastion.",
        _NETWORK,
        _NETWORK,
        "Tcp",
        ("22", "443", "3389"),
    ),
    _nothing_else("Inbound"),
    _out("allow-within-network", 100, _NETWORK, "*", "Private endpoints, and machines of the network."),
    _out("allow-entra", 110, "AzureActiveDirectory", "Tcp", "Tokens.", "80", "443"),
    _out("allow-https", 120, "Internet", "Tcp", "Azure's management, packages and sources.", "443"),
    _nothing_else("Outbound"),
)

#: The subnet of a bastion: what Microsoft's "Working with NSG access and Azure Bastion" asks for.
BASTION_RULES: tuple[Rule, ...] = (
    Rule(
        "allow-browsers",
        100,
        "Inbound",
        "Sessions come in over HTTPS.",
        "Internet",
        protocol="Tcp",
        ports=("443",),
    ),
    Rule(
        "allow-manager",
        110,
        "Inbound",
        "Azure manages the bastion.",
        "GatewayManager",
        protocol="Tcp",
        ports=("443",),
    ),
    Rule(
        "allow-probes",
        120,
        "Inbound",
        "Azure's health probes.",
        "AzureLoadBalancer",
        protocol="Tcp",
        ports=("443",),
    ),
    Rule(
        "allow-bastion",
        130,
        "Inbound",
        "The bastion's machines talk to each other.",
        _NETWORK,
        _NETWORK,
        ports=("5701", "8080"),
    ),
    _nothing_else("Inbound"),
    Rule(
        "allow-sessions",
        100,
        "Outbound",
        "SSH and RDP to machines inside.",
        destination=_NETWORK,
        ports=("22", "3389"),
    ),
    Rule(
        "allow-azure",
        110,
        "Outbound",
        "Logs of sessions.",
        destination="AzureCloud",
        protocol="Tcp",
        ports=("443",),
    ),
    Rule(
        "allow-within-bastion",
        120,
        "Outbound",
        "The bastion's machines talk to each other.",
        _NETWORK,
        _NETWORK,
        ports=("5701", "8080"),
    ),
    Rule(
        "allow-certificates",
        130,
        "Outbound",
        "Lists of revoked certificates.",
        destination="Internet",
        ports=("80",),
    ),
    _nothing_else("Outbound"),
)
