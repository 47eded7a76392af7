"""Phase 7: what happens in the workspace, as messages, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.diagnostic import Diagnostics, storage_targets
from infra.events.system_topic import Events

if TYPE_CHECKING:
    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.workspace import Centre


@dataclass(frozen=True)
class Watching:
    """Who is told of what happens."""

    events: Events


def compose_watching(ground: Ground, foundation: Foundation, centre: Centre) -> Watching:
    """Events to queues; logs and metrics of everything to Log Analytics."""
    events = Events(
        ground.called("events"),
        scope=ground.scope,
        workspace_id=centre.id,
        storage_id=foundation.storage.account_id,
        storage_name=foundation.storage.account_name,
        identity_id=foundation.identity_id("events"),
        opts=ground.child,
    )
    if ground.config.observability.diagnostics:
        _diagnostics(ground, foundation, centre, events)
    return Watching(events)


def _diagnostics(ground: Ground, foundation: Foundation, centre: Centre, events: Events) -> None:
    storage, log_analytics_id = foundation.storage, foundation.observability.log_analytics_id
    Diagnostics(
        ground.called("diagnostics"),
        {
            **storage_targets("storage", storage.account_id),
            **storage_targets("lake", storage.lake_id),
            "vault": foundation.vault.id,
            "registry": foundation.registry.id,
            "log-analytics": log_analytics_id,
            **centre.ids,
            "topic": events.topic_id,
        },
        without_logs={"storage": storage.account_id, "lake": storage.lake_id},
        log_analytics_id=log_analytics_id,
        opts=ground.child,
    )
