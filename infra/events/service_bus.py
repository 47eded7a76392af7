"""The stack's own Service Bus namespace, and its queues that events go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import servicebus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.scope import Scope


class ServiceBus(pulumi.ComponentResource):
    """A namespace without keys, and queues."""

    queue_ids: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        queues: Iterable[str],
        *,
        scope: Scope,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:ServiceBus", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        namespace = servicebus.Namespace(
            f"{name}-namespace",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            namespace_name=scope.named(lambda names: names.service_bus),
            sku=servicebus.SBSkuArgs(name=servicebus.SkuName.STANDARD, tier=servicebus.SkuTier.STANDARD),
            # Whoever sends or receives signs in with Microsoft Entra ID.
            disable_local_auth=True,
            minimum_tls_version=servicebus.TlsVersion.TLS_VERSION_1_2,
            tags=scope.tags,
            opts=child,
        )
        self.queue_ids = {
            queue: servicebus.Queue(
                f"{name}-{queue}",
                resource_group_name=scope.resource_group_name,
                namespace_name=namespace.name,
                queue_name=queue,
                dead_lettering_on_message_expiration=True,
                opts=child,
            ).id
            for queue in queues
        }
        self.register_outputs({})
