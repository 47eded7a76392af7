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
    """The workspace that models, data and endpoints are in, and the one that computes are in.

    They are the same, but for hubs: computes are the hub's, everything else is in its first project.
    """

    id: pulumi.Output[str]
    name: pulumi.Output[str]  #: known once the private network leads there
    compute_host_name: pulumi.Output[str]
    ids: dict[str, pulumi.Output[str]]  #: of every workspace there is, by a label for resource names
    access: Access


def compose_workspace(ground: Ground, reach: Reach, foundation: Foundation) -> Centre:
    """The workspace on its foundation, the roles on it, and the way to it; of a hub, its projects too."""
    config = ground.config.workspace
    network_targets = {
        "storage": foundation.storage.account_id,
        "lake": foundation.storage.lake_id,
        "vault": foundation.vault.id,
        "registry": foundation.registry.id,
    }
    approvals = reach.approvals(
        # Microsoft grants a system-assigned one what it needs.
        foundation.identity.principal_ids["workspace"] if config.identity == "user" else None,
        network_targets,
    )
    workspace = Workspace(
        ground.called("workspace"),
        config,
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
        key=foundation.key,
        opts=ground.child,
    )
    identity, roles = foundation.identity, foundation.custom_roles
    access = grant(ground, "workspace-access", identity, roles, {"workspace": workspace.id})
    # What is granted on a hub doesn't hold in its projects.
    member_access = [
        grant(ground, f"{label}-access", identity, roles, {"workspace": member_id})
        for label, member_id in workspace.projects.items()
    ]
    entrances = reach.entrances("workspace-entrance", workspace_entrances(workspace.id))
    ready = reach.managed(reachable(workspace.workspace_name, entrances), network_targets, approvals)
    return Centre(
        id=workspace.home_id,
        name=ready(reachable(workspace.home_name, entrances)),
        compute_host_name=ready(reachable(workspace.workspace_name, entrances)),
        ids={"workspace": workspace.id, **workspace.projects},
        access=next(iter(member_access), access),
    )
