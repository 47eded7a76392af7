"""Phase 10: who is told of what goes wrong, what it may cost, and what is drawn of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.observability.budget import Budget
from infra.observability.contact import Contacts
from infra.observability.endpoint_alert import Watch
from infra.observability.platform_alert import PlatformAlerts
from infra.observability.rule import Place
from infra.observability.teams import TeamsChannel
from infra.observability.workbook import Workbook

if TYPE_CHECKING:
    import pulumi

    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.workspace import Centre


def compose_alerting(ground: Ground, foundation: Foundation, centre: Centre) -> Watch | None:
    """Contacts, alerts, budget, workbook; what alerts on endpoints need, None where nobody is to be told."""
    config, scope = ground.config, ground.scope
    log_analytics_id = foundation.observability.log_analytics_id
    group_id = centre.id.apply(lambda id_: id_.partition("/providers/")[0])
    action_group_id = _contacts(ground, foundation) if config.alerts.anybody else None
    if config.budget is not None:
        Budget(
            ground.called("costs"),
            config.budget,
            scope=scope,
            group_id=group_id,
            action_group_id=action_group_id,
            opts=ground.child,
        )
    if config.observability.workbook:
        Workbook(
            ground.called("overview"),
            scope=scope,
            workspace_id=centre.id,
            log_analytics_id=log_analytics_id,
            opts=ground.child,
        )
    if action_group_id is None:
        return None
    place = Place(scope, action_group_id)
    PlatformAlerts(
        ground.called("alerts"),
        config.alerts,
        place=place,
        workspace_id=centre.id,
        log_analytics_id=log_analytics_id,
        group_id=group_id,
        diagnostics=config.observability.diagnostics,
        opts=ground.child,
    )
    return Watch(place, centre.id, log_analytics_id)


def _contacts(ground: Ground, foundation: Foundation) -> pulumi.Output[str]:
    alerts = ground.config.alerts
    channel = (
        None
        if alerts.teams is None
        else TeamsChannel(
            ground.called("teams"),
            alerts.teams,
            scope=ground.scope,
            vault_id=foundation.vault.id,
            vault_name=foundation.vault.vault_name,
            opts=ground.child,
        )
    )
    return Contacts(
        ground.called("contacts"),
        alerts,
        scope=ground.scope,
        logic_app=None if channel is None else (channel.logic_app_id, channel.callback_url),
        opts=ground.child,
    ).action_group_id
