"""Phase 7: the feature store, where a stack has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.grant import Access
from infra.access.table import grants
from infra.data.feature_set import FeatureSets
from infra.data.feature_store import FeatureStore
from infra.data.feature_store import Ground as Needs
from infra.data.online_store import OnlineStore
from infra.network.private_endpoint import Entrance, reachable

if TYPE_CHECKING:
    import pulumi

    from infra.phase.foundation import Foundation
    from infra.phase.ground import Ground
    from infra.phase.network import Reach


def compose_features(ground: Ground, reach: Reach, foundation: Foundation) -> dict[str, pulumi.Output[str]]:
    """The feature store with what is in it, who may use it, and the way to it; its ids, by a label for resource names."""
    config, scope = ground.config.feature_store, ground.scope
    if not config.enabled:
        return {}
    ids: dict[str, pulumi.Output[str]] = {}
    online = config.online_store
    online_id: pulumi.Input[str] | None = online.id
    if online.enabled and online.id is None:
        online_id = OnlineStore(ground.called("online-store"), online, scope=scope, opts=ground.child).id
    storage = foundation.storage
    store = FeatureStore(
        ground.called("feature-store"),
        config,
        Needs(
            storage_id=foundation.reachable(storage.account_id),
            vault_id=foundation.reachable(foundation.vault.id),
            application_insights_id=foundation.observability.application_insights_id,
            lake_id=storage.lake_id,
            lake_name=storage.lake_name,
            source_container=storage.lake_container_name,
            online_store_id=online_id if online.enabled else None,
            key=foundation.key,
            public_network_access=ground.config.network.public_network_access,
            purge=ground.config.workspace.purge_on_destroy,
        ),
        scope=scope,
        opts=ground.child,
    )
    Access(
        ground.called("feature-store-access"),
        [
            one
            for one in grants(ground.config.access)
            if one.target == "workspace" and one.who not in foundation.identity.ids
        ],
        principals=foundation.identity.principal_ids,
        targets={"workspace": store.id},
        custom_roles=foundation.custom_roles,
        opts=ground.child,
    )
    entrances = reach.entrances(
        "feature-store-entrance", [Entrance("feature-store", store.id, "amlworkspace")]
    )
    FeatureSets(
        ground.called("features"),
        config,
        scope=scope,
        store_name=reachable(store.store_name, entrances),
        datastore_name=store.source_datastore_name,
        opts=ground.child,
    )
    ids["feature-store"] = store.id
    return ids
