"""What the firewall lets pass: the services that Azure ML needs, and the hosts that a stack names.

Source: Microsoft's "Configure inbound and outbound network traffic" (required outbound service tags). Hosts that Python
packages come from aren't among them: a stack names those that its images are built from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pulumi_azure_native import network as azure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.cloud import Cloud


@dataclass(frozen=True)
class ServiceRule:
    """A service that clusters must reach. ``{region}`` in a tag is the platform's region."""

    name: str
    tag: str
    why: str
    ports: tuple[str, ...] = ("443",)
    protocol: Literal["TCP", "UDP", "Any"] = "TCP"


SERVICES: tuple[ServiceRule, ...] = (
    ServiceRule("entra", "AzureActiveDirectory", "Tokens of managed identities.", ("80", "443")),
    ServiceRule("azureml", "AzureMachineLearning", "Azure ML.", ("443", "8787", "18881")),
    ServiceRule("azureml-udp", "AzureMachineLearning", "Azure ML's way to the nodes.", ("5831",), "UDP"),
    ServiceRule(
        "batch", "BatchNodeManagement.{region}", "Azure Batch, which manages the nodes.", protocol="Any"
    ),
    ServiceRule("resource-manager", "AzureResourceManager", "Azure ML makes resources."),
    ServiceRule(
        "storage", "Storage.{region}", "Accounts of Azure ML and Batch; SMB for shares.", ("443", "445")
    ),
    ServiceRule("images", "MicrosoftContainerRegistry", "Base images by Microsoft."),
    ServiceRule("image-layers", "AzureFrontDoor.FirstParty", "Where layers of these images come from."),
    ServiceRule("monitor", "AzureMonitor", "Logs and metrics of jobs."),
)
#: Only where there is a Front Door.
STUDIO = ServiceRule("studio", "AzureFrontDoor.FrontEnd", "Azure ML's studio.")


def services(cloud: Cloud) -> tuple[ServiceRule, ...]:
    """What clusters must reach in a cloud."""
    return (*SERVICES, STUDIO) if cloud.front_door else SERVICES


def network_rules(region: str, cloud: Cloud, sources: Sequence[str]) -> list[azure.NetworkRuleArgs]:
    """The rules for Azure's services."""
    return [
        azure.NetworkRuleArgs(
            name=service.name,
            rule_type="NetworkRule",
            description=service.why,
            ip_protocols=[service.protocol],
            source_addresses=list(sources),
            destination_addresses=[service.tag.format(region=region)],
            destination_ports=list(service.ports),
        )
        for service in services(cloud)
    ]


def application_rules(hosts: Sequence[str], sources: Sequence[str]) -> list[azure.ApplicationRuleArgs]:
    """The rule for the hosts that a stack names."""
    return [
        azure.ApplicationRuleArgs(
            name="hosts",
            rule_type="ApplicationRule",
            description="Hosts that the stack names.",
            protocols=[azure.FirewallPolicyRuleApplicationProtocolArgs(protocol_type="Https", port=443)],
            source_addresses=list(sources),
            target_fqdns=list(hosts),
        )
    ]
