"""The feature store's online store: an Azure Cache for Redis, from which features are read while serving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import redis

if TYPE_CHECKING:
    from infra.data.feature_store_config import OnlineStoreConfig
    from infra.scope import Scope


class OnlineStore(pulumi.ComponentResource):
    """A cache that is spoken to over TLS only. Features are computed again: it needs no backup."""

    id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: OnlineStoreConfig,
        *,
        scope: Scope,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:OnlineStore", name, None, opts)
        family = redis.SkuFamily.P if config.sku == "Premium" else redis.SkuFamily.C
        cache = redis.Redis(
            f"{name}-cache",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            name=config.name or scope.named(lambda names: names.online_store),
            sku=redis.SkuArgs(name=config.sku, family=family, capacity=config.capacity),
            enable_non_ssl_port=False,
            minimum_tls_version=redis.TlsVersion.TLS_VERSION_1_2,
            public_network_access=redis.PublicNetworkAccess.ENABLED,
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.id = cache.id
        self.register_outputs({"id": self.id})
