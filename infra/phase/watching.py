"""Phase 9: what happens in the workspace, as messages, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.diagnostic import Diagnostics, of_found, storage_targets
from infra.events.logic_app import LogicAppInputs
from infra.events.starter import Starter
from infra.events.system_topic import Events, Sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.workspace import Centre


@dataclass(frozen=True)
class Watching:
    """Who is told of what happens."""

    events: Events


def compose_watching(
    ground: Ground, foundation: Foundation, centre: Centre, more: Mapping[str, pulumi.Output[str]]
) -> Watching:
    """Events to queues; logs and metrics of everything to Log Analytics. ``more``: ids of what else has both, by label."""
    config = ground.config.events
    events = Events(
        ground.called("events"),
        config,
        scope=ground.scope,
        sources=Sources(
            workspace_id=centre.id,
            storage_id=foundation.storage.account_id,
            storage_name=foundation.storage.account_name,
            identity_id=foundation.identity_id("events"),
            principal_id=foundation.identity.principal_ids["events"],
        ),
        opts=ground.child,
    )
    for purpose, target in config.targets():
        if target.start is not None:
            Starter(
                ground.called(f"on-{target.name}"),
                target,
                target.start,
                purpose,
                platform=_inputs(ground, foundation, centre, events),
                opts=ground.child,
            )
    if ground.config.observability.diagnostics:
        _diagnostics(ground, foundation, centre, events, more)
    return Watching(events)


def _inputs(ground: Ground, foundation: Foundation, centre: Centre, events: Events) -> LogicAppInputs:
    return LogicAppInputs(
        scope=ground.scope,
        workspace_id=centre.id,
        storage_id=foundation.storage.account_id,
        lake_id=foundation.storage.lake_id,
        storage_name=foundation.storage.account_name,
        vault_id=foundation.vault.id,
        key_vault_name=foundation.vault.vault_name,
        event_topic=events.topic,
    )


def _diagnostics(
    ground: Ground,
    foundation: Foundation,
    centre: Centre,
    events: Events,
    more: Mapping[str, pulumi.Output[str]],
) -> None:
    storage, log_analytics_id = foundation.storage, foundation.observability.log_analytics_id
    both, without_logs, without_metrics = of_found(ground.watched.take(f"{ground.name}-"))
    registry = {label: id_ for label, id_ in more.items() if label == "shared-registry"}
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
            **{label: id_ for label, id_ in more.items() if label not in registry},
            **both,
        },
        without_logs={"storage": storage.account_id, "lake": storage.lake_id, **without_logs},
        without_metrics={**registry, **without_metrics},
        log_analytics_id=log_analytics_id,
        opts=ground.child,
    )
