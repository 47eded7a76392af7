"""Phase 5: what jobs run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.table import grants
from infra.compute.compute import Compute
from infra.compute.place import Place
from infra.phase.foundation import grant

if TYPE_CHECKING:
    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.network import Reach
    from infra.phase.workspace import Centre


def compose_compute(ground: Ground, reach: Reach, foundation: Foundation, centre: Centre) -> Compute:
    """The workspace's clusters, instances and attached Kubernetes, and who may do what with one of them."""
    compute = Compute(
        ground.called("compute"),
        ground.config.compute,
        place=Place(
            ground.scope,
            centre.compute_host_name,
            subnet_id=reach.compute_subnet_id,
            private=ground.config.network.mode != "public",
        ),
        identity_id=foundation.identity_id("compute"),
        tenant_id=foundation.identity.tenant_id,
        opts=ground.child,
    )
    computes = {f"compute/{name}": id_ for name, id_ in compute.ids.items()}
    if any(one.target in computes for one in grants(ground.config.access)):
        grant(ground, "compute-access", foundation.identity, foundation.custom_roles, computes)
    return compute
