"""Phase 4: the workspace, who may use it, and the private endpoint that leads to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.network.private_endpoint import reachable, workspace_entrances
from infra.phase.foundation import grant
from infra.workspace.workspace import Foundation as Needs
from infra.workspace.workspace import Workspace

if TYPE_CHECKING:
    import pulumi

    from infra.access.grant import Access
    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.network import Reach


@dataclass(frozen=True)
class Centre:
    """The workspace."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]  #: known once the private network leads there
    access: Access


def compose_workspace(ground: Ground, reach: Reach, foundation: Foundation) -> Centre:
    """The workspace on its foundation, the roles on it, and the way to it."""
    workspace = Workspace(
        ground.called("workspace"),
        Needs(
            storage_id=foundation.reachable(foundation.storage.account_id),
            vault_id=foundation.reachable(foundation.vault.id),
            registry_id=foundation.reachable(foundation.registry.id),
            application_insights_id=foundation.observability.application_insights_id,
            identity_id=foundation.identity_id("workspace"),
        ),
        scope=ground.scope,
        network=ground.config.network,
        image_build_compute=ground.config.compute.image_build_cluster,
        opts=ground.child,
    )
    access = grant(ground, "workspace-access", foundation.identity, {"workspace": workspace.id})
    entrances = reach.entrances("workspace-entrance", workspace_entrances(workspace.id))
    return Centre(workspace.id, reachable(workspace.workspace_name, entrances), access)
