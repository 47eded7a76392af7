"""Phase 8: the registry that workspaces share models, components and environments through, where a stack has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.access.grant import Access, Grant
from infra.access.role import Role
from infra.access.table import deployers, grants
from infra.access.work import SHARED_REGISTRY
from infra.data.shared_registry import SharedRegistry
from infra.network.private_endpoint import Entrance

if TYPE_CHECKING:
    import pulumi

    from infra.access.grant import PrincipalType
    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.network import Reach


@dataclass(frozen=True)
class Sharing:
    """The registry and who may use it; nothing where the stack has none."""

    registry: SharedRegistry | None
    access: Access | None
    ids: dict[str, pulumi.Output[str]]  #: of what this stack makes, by a label for resource names

    def for_endpoints(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """``value``, once endpoints may read what is shared."""
        return value if self.access is None else self.access.after(value, ["endpoint"])


def compose_sharing(ground: Ground, reach: Reach, foundation: Foundation) -> Sharing:
    """The registry: endpoints and jobs read from it, deployers share into it."""
    config = ground.config.shared_registry
    if not config.enabled:
        return Sharing(None, None, {})
    registry = SharedRegistry(
        ground.called("shared-registry"),
        config,
        scope=ground.scope,
        public_network_access=ground.config.network.public_network_access,
        opts=ground.child,
    )
    rows = grants(ground.config.access)
    kinds: dict[str, PrincipalType] = {one.who: one.kind for one in rows}
    # Azure refuses the same grant of two stacks: people are granted another stack's registry by that stack, or by a row.
    people = () if config.id else deployers(ground.config.access)
    users = {"endpoint", "compute", *people}
    access = Access(
        ground.called("shared-registry-access"),
        {
            (one.who, one.role): one
            for one in (
                *(
                    Grant(who, kinds[who], Role.AZUREML_REGISTRY_USER, SHARED_REGISTRY)
                    for who in sorted(users)
                ),
                *(one for one in rows if one.target == SHARED_REGISTRY),
            )
        }.values(),
        principals=foundation.identity.principal_ids,
        targets={SHARED_REGISTRY: registry.id},
        opts=ground.child,
    )
    if config.id is not None:  # another stack's to reach and to watch
        return Sharing(registry, access, {})
    reach.entrances("shared-registry-entrance", [Entrance("shared-registry", registry.id, "amlregistry")])
    return Sharing(registry, access, {"shared-registry": registry.id})
