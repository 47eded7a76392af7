"""Phase 2: the network that ``network.mode`` asks for. What leads to a resource is made with that resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.config import subscription
from infra.network.approval import Approvals
from infra.network.managed_network import ManagedNetwork, approval_targets
from infra.network.private_endpoint import PrivateEndpoints
from infra.network.virtual_network import Network
from infra.waiting import after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pulumi

    from infra.network.private_endpoint import Entrance
    from infra.phase.ground import Ground


@dataclass(frozen=True)
class Reach:
    """How the platform's parts reach each other."""

    ground: Ground
    network: Network | None  #: None: over the internet, or within the workspace's managed network

    @property
    def compute_subnet_id(self) -> pulumi.Input[str] | None:
        """Where clusters get their addresses; None: a network of Azure's."""
        return None if self.network is None else self.network.compute_subnet_id

    def approvals(
        self, principal_id: pulumi.Output[str] | None, targets: Mapping[str, pulumi.Output[str]]
    ) -> Approvals | None:
        """The right to approve the private endpoints of the workspace's managed network, where it has one.

        ``principal_id``: the workspace's identity, None: one that Microsoft grants it to; ``targets``: the ids of what it
        stands on.
        """
        config = self.ground.config.network
        if config.mode != "managed" or principal_id is None:
            return None
        return Approvals(
            self.ground.called("approvals"),
            principal_id,
            approval_targets(config, targets),
            opts=self.ground.child,
        )

    def managed(
        self,
        workspace_name: pulumi.Output[str],
        targets: Mapping[str, pulumi.Output[str]],
        approvals: Approvals | None,
    ) -> Callable[[pulumi.Output[str]], pulumi.Output[str]]:
        """Rules and provisioning of the workspace's managed network; what comes back makes a value wait for them."""
        config = self.ground.config.network
        if config.mode != "managed":
            return lambda value: value
        network = ManagedNetwork(
            self.ground.called("managed-network"),
            config,
            scope=self.ground.scope,
            workspace_name=workspace_name,
            targets=targets,
            approvals=approvals.ids if approvals else [],
            opts=self.ground.child,
        )
        return lambda value: after(value, network.ids)

    def entrances(self, part: str, wanted: Iterable[Entrance]) -> PrivateEndpoints | None:
        """Private endpoints, where the platform has a network of its own."""
        if self.network is None:
            return None
        return PrivateEndpoints(
            self.ground.called(part),
            self.network,
            wanted,
            scope=self.ground.scope,
            cloud=self.ground.config.azure,
            opts=self.ground.child,
        )


def compose_network(ground: Ground) -> Reach:
    """The virtual network, where one leads to the platform."""
    config = ground.config.network
    network = (
        Network(
            ground.called("network"),
            config,
            ground.config.azure,
            scope=ground.scope,
            subscription_id=subscription(),
            opts=ground.child,
        )
        if config.has_network
        else None
    )
    return Reach(ground, network)
