"""The last phase: what keeps everything as it was made. After the models, as locks come off before anything is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.governance.lock import Locks
from infra.governance.policy_assignment import PolicyAssignments, Posture, assignments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config import StackConfig
    from infra.platform import Platform


def compose_governing(
    platform: Platform,
    config: StackConfig,
    after: Sequence[pulumi.Resource],
    transformations: Sequence[pulumi.ResourceTransformation],
) -> None:
    """Locks and policies, as the stack says.

    Args:
        platform: what they are on.
        config: what the stack says.
        after: everything else that the program makes.
        transformations: those of all resources.
    """
    opts = pulumi.ResourceOptions(transformations=list(transformations))
    wanted = tuple(assignments(config.governance, posture(config)))
    if wanted:
        PolicyAssignments(
            f"{config.project}-policies",
            wanted,
            location=config.location,
            resource_group_id=platform.resource_group_id,
            after=[platform, *after],
            opts=opts,
        )
    if config.governance.locks:
        Locks(f"{config.project}-locks", platform.holding_data, after=[platform, *after], opts=opts)


def posture(config: StackConfig) -> Posture:
    """What the stack's own settings are, as policies see them."""
    return Posture(
        location=config.location,
        closed=not config.network.public_access,
        keyless=not config.storage.shared_keys,
        customer_keys=config.encryption.keys == "customer",
        purge_protection=config.vault.purge_protection,
    )
