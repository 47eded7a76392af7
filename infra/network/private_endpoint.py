"""Private endpoints: how the private network reaches what doesn't answer on the internet.

Groups: Microsoft's "Azure Private Endpoint private DNS zone values"; zones are the cloud's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import network as azure

from infra.waiting import after

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.access.work import Target
    from infra.cloud import Cloud, Group
    from infra.network.virtual_network import Network
    from infra.scope import Scope

_ACCOUNT_GROUPS: tuple[Group, ...] = ("blob", "file", "queue", "table")
_LAKE_GROUPS: tuple[Group, ...] = ("blob", "dfs")


@dataclass(frozen=True)
class Entrance:
    """A resource, and the part of it that is to be reached."""

    label: str
    resource_id: pulumi.Input[str]
    group: Group


def foundation_entrances(targets: Mapping[Target, pulumi.Input[str]]) -> tuple[Entrance, ...]:
    """How to reach what the workspace stands on; batch scoring wants queues and tables of the workspace's account too."""
    return (
        *(Entrance(f"storage-{group}", targets["storage"], group) for group in _ACCOUNT_GROUPS),
        *(Entrance(f"lake-{group}", targets["lake"], group) for group in _LAKE_GROUPS),
        Entrance("vault", targets["vault"], "vault"),
        Entrance("registry", targets["registry"], "registry"),
    )


def workspace_entrances(workspace_id: pulumi.Input[str]) -> tuple[Entrance, ...]:
    """How to reach the workspace and its online endpoints."""
    return (Entrance("workspace", workspace_id, "amlworkspace"),)


class PrivateEndpoints(pulumi.ComponentResource):
    """A private endpoint per entrance, with its address in the private DNS zones."""

    def __init__(
        self,
        name: str,
        network: Network,
        entrances: Iterable[Entrance],
        *,
        scope: Scope,
        cloud: Cloud,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:PrivateEndpoints", name, None, opts)
        self._name, self._network, self._scope, self._cloud = name, network, scope, cloud
        #: known once the network reaches what is behind it
        self.ids = [self._endpoint(entrance) for entrance in entrances]
        self.register_outputs({})

    def _endpoint(self, entrance: Entrance) -> pulumi.Output[str]:
        scope, name = self._scope, f"{self._name}-{entrance.label}"
        endpoint = azure.PrivateEndpoint(
            name,
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            private_endpoint_name=scope.named(lambda names: names.private_endpoint(entrance.label)),
            subnet=azure.SubnetArgs(id=self._network.endpoint_subnet_id),
            private_link_service_connections=[
                azure.PrivateLinkServiceConnectionArgs(
                    name=entrance.label,
                    group_ids=[entrance.group],
                    private_link_service_id=entrance.resource_id,
                )
            ],
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        zones = {
            zone: self._network.zone_ids[zone]
            for zone in self._cloud.zones[entrance.group]
            if zone in self._network.zone_ids
        }
        if not zones:  # a hub team's policy writes the records
            return endpoint.id
        return azure.PrivateDnsZoneGroup(
            f"{name}-names",
            resource_group_name=scope.resource_group_name,
            private_endpoint_name=endpoint.name,
            private_dns_zone_group_name="default",
            private_dns_zone_configs=[
                azure.PrivateDnsZoneConfigArgs(name=zone.replace(".", "-"), private_dns_zone_id=zone_id)
                for zone, zone_id in zones.items()
            ],
            opts=pulumi.ResourceOptions(parent=self),
        ).id


def reachable(value: pulumi.Output[str], through: PrivateEndpoints | None) -> pulumi.Output[str]:
    """``value``, once these private endpoints work; as it is where there are none."""
    return value if through is None else after(value, through.ids)
