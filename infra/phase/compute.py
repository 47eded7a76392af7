"""Phase 5: what jobs run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.compute.cluster import Compute

if TYPE_CHECKING:
    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.network import Reach
    from infra.phase.workspace import Centre


def compose_compute(ground: Ground, reach: Reach, foundation: Foundation, centre: Centre) -> Compute:
    """The workspace's clusters."""
    return Compute(
        ground.called("compute"),
        ground.config.compute,
        scope=ground.scope,
        workspace_name=centre.name,
        identity_id=foundation.identity_id("compute"),
        subnet_id=reach.compute_subnet_id,
        opts=ground.child,
    )
