"""What a given hub stands on: its projects use the same, so a project's identities and people need roles there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_azure_native import machinelearningservices

if TYPE_CHECKING:
    import pulumi


@dataclass(frozen=True)
class HubFoundation:
    """The ids of a hub's storage account, vault, registry and Application Insights, as Azure says them."""

    storage_id: pulumi.Output[str]
    vault_id: pulumi.Output[str]
    registry_id: pulumi.Output[str]
    application_insights_id: pulumi.Output[str]


def look_up(hub_id: str, opts: pulumi.InvokeOptions | None = None) -> HubFoundation:
    """Reads a hub in the stack's subscription. ``hub_id``: its ARM id, as the configuration has checked it."""
    parts = hub_id.split("/")
    hub = machinelearningservices.get_workspace_output(
        resource_group_name=parts[4], workspace_name=parts[-1], opts=opts
    )

    def known(value: str | None) -> str:
        return value or ""

    return HubFoundation(
        storage_id=hub.storage_account.apply(known),
        vault_id=hub.key_vault.apply(known),
        registry_id=hub.container_registry.apply(known),
        application_insights_id=hub.application_insights.apply(known),
    )
