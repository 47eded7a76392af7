"""Phase 2: the private network, where the platform has one. What leads to a resource is made with that resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.network.private_endpoint import ALL_ZONES, PrivateEndpoints
from infra.network.virtual_network import Network

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pulumi

    from infra.network.private_endpoint import Entrance
    from infra.phase.ground import Ground


@dataclass(frozen=True)
class Reach:
    """How the platform's parts reach each other."""

    ground: Ground
    network: Network | None  #: None: over the internet

    @property
    def compute_subnet_id(self) -> pulumi.Output[str] | None:
        """Where clusters get their addresses; None: a network of Azure's."""
        return None if self.network is None else self.network.compute_subnet_id

    def entrances(self, part: str, wanted: Iterable[Entrance]) -> PrivateEndpoints | None:
        """Private endpoints, where the platform has a network of its own."""
        if self.network is None:
            return None
        return PrivateEndpoints(
            self.ground.called(part),
            self.network,
            wanted,
            scope=self.ground.scope,
            opts=self.ground.child,
        )


def compose_network(ground: Ground) -> Reach:
    """The network that ``network.mode`` asks for."""
    config = ground.config.network
    network = (
        None
        if config.public_access
        else Network(ground.called("network"), config, ALL_ZONES, scope=ground.scope, opts=ground.child)
    )
    return Reach(ground, network)
