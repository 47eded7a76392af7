"""Phase 6: what jobs read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.data.asset import Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.data.asset import DataAsset
    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.workspace import Centre


def compose_data(
    ground: Ground, foundation: Foundation, centre: Centre, data_assets: Sequence[DataAsset]
) -> Data:
    """The workspace's datastores and data assets."""
    return Data(
        ground.called("data"),
        data_assets,
        scope=ground.scope,
        workspace_name=centre.name,
        lake_account_name=foundation.storage.lake_name,
        lake_container_name=foundation.storage.lake_container_name,
        opts=ground.child,
    )
