"""Phase 5: what jobs run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.compute.compute import Compute
from infra.compute.place import Place

if TYPE_CHECKING:
    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.network import Reach
    from infra.phase.workspace import Centre


def compose_compute(ground: Ground, reach: Reach, foundation: Foundation, centre: Centre) -> Compute:
    """The workspace's clusters, instances and attached Kubernetes."""
    return Compute(
        ground.called("compute"),
        ground.config.compute,
        place=Place(
            ground.scope,
            centre.compute_host_name,
            subnet_id=reach.compute_subnet_id,
            private=not ground.config.network.public_access,
        ),
        identity_id=foundation.identity_id("compute"),
        tenant_id=foundation.identity.tenant_id,
        opts=ground.child,
    )
