"""Phase 6: what jobs read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.data.asset import LAKE_DATASTORE, Data
from infra.data.datastore import LAKE, STORAGE, Datastores
from infra.data.lifecycle import Lifecycle
from infra.data.named_asset import NamedAssets

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from infra.data.asset import DataAsset
    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.workspace import Centre


def compose_data(
    ground: Ground, foundation: Foundation, centre: Centre, data_assets: Sequence[DataAsset]
) -> Data:
    """The workspace's datastores and data assets, and how long blobs are kept."""
    config, storage = ground.config.data, foundation.storage
    accounts = {STORAGE: storage.account_name, LAKE: storage.lake_name}
    data = Data(
        ground.called("data"),
        data_assets,
        scope=ground.scope,
        workspace_name=centre.name,
        lake_account_name=foundation.storage.lake_name,
        lake_container_name=foundation.storage.lake_container_name,
        identity=ground.config.workspace.identity,
        opts=ground.child,
    )
    datastores: dict[str, pulumi.Output[str]] = {LAKE_DATASTORE: data.lake_datastore_name}
    if config.datastores:
        datastores |= Datastores(
            ground.called("datastores"),
            config.datastores,
            scope=ground.scope,
            workspace_name=centre.name,
            accounts=accounts,
            identity=ground.config.workspace.identity,
            opts=ground.child,
        ).names
    if config.assets:
        NamedAssets(
            ground.called("assets"),
            config.assets,
            scope=ground.scope,
            workspace_name=centre.name,
            datastores=datastores,
            opts=ground.child,
        )
    if config.lifecycle:
        Lifecycle(
            ground.called("lifecycle"),
            config.lifecycle,
            scope=ground.scope,
            accounts=accounts,
            opts=ground.child,
        )
    return data
