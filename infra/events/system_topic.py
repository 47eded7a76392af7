"""What happens in the workspace, and to whom it is told.

Every platform has two queues: breaches of monitors, and models that are registered or deployed. The stack's YAML adds
targets by purpose (``target.py``). Events come at least once and in any order: readers dedupe by id. What can't be
delivered within a day is kept in the container ``dead-letters``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import eventgrid, storage

from infra.access.grant import Access, Grant
from infra.access.role import Role
from infra.events.purpose import MODEL_CHANGED, MONITOR_BREACHED
from infra.events.service_bus import ServiceBus
from infra.events.subscription import DeadLetters, Topic, subscribe
from infra.events.target import BREACH_QUEUE, MODEL_QUEUE

if TYPE_CHECKING:
    from infra.events.purpose import Purpose
    from infra.events.subscription import ByIdentity, Plain
    from infra.events.target import EventsConfig, Target
    from infra.scope import Scope

__all__ = ["BREACH_QUEUE", "MODEL_QUEUE", "Events"]

#: 3-63 lowercase letters, digits, hyphens.
DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True)
class Sources:
    """What events are about, where queues are, and who delivers."""

    workspace_id: pulumi.Output[str]
    storage_id: pulumi.Output[str]
    storage_name: pulumi.Output[str]
    identity_id: pulumi.Output[str]
    principal_id: pulumi.Output[str]


class Events(pulumi.ComponentResource):
    """The workspace's system topic, and its subscriptions to places. What starts something is in ``starter.py``."""

    topic_id: pulumi.Output[str]
    topic_name: pulumi.Output[str]
    topic: Topic
    breach_queue_name: pulumi.Output[str]
    model_queue_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: EventsConfig,
        *,
        scope: Scope,
        sources: Sources,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Events", name, None, opts)
        self._name, self._scope, self._sources = name, scope, sources
        self._child = pulumi.ResourceOptions(parent=self)
        topic = eventgrid.SystemTopic(
            f"{name}-topic",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            system_topic_name=scope.named(lambda names: names.system_topic),
            source=sources.workspace_id,
            topic_type="Microsoft.MachineLearningServices.Workspaces",
            identity=eventgrid.IdentityInfoArgs(
                type=eventgrid.IdentityType.USER_ASSIGNED,
                user_assigned_identities=sources.identity_id.apply(
                    lambda id_: {id_: eventgrid.UserIdentityPropertiesArgs()}
                ),
            ),
            tags=scope.tags,
            opts=self._child,
        )
        self.topic_id, self.topic_name = topic.id, topic.name
        self.topic = Topic(
            scope.resource_group_name, topic.name, self._dead_letters() if config.dead_letters else None
        )
        self.breach_queue_name = self._to_queue(BREACH_QUEUE, MONITOR_BREACHED, BREACH_QUEUE)
        self.model_queue_name = self._to_queue(MODEL_QUEUE, MODEL_CHANGED, MODEL_QUEUE)
        self._bus = self._service_bus(config)
        for purpose, target in config.targets():
            if target.queue is not None:
                self._to_queue(target.name, purpose, target.queue)
            elif target.service_bus is not None:
                self._to_bus(purpose, target)
            elif target.start is None:
                self._subscribe(target.name, purpose, plain=_plain(target))
        self.register_outputs(
            {"breachQueueName": self.breach_queue_name, "modelQueueName": self.model_queue_name}
        )

    def _dead_letters(self) -> DeadLetters:
        container = storage.BlobContainer(
            f"{self._name}-{DEAD_LETTERS}",
            resource_group_name=self._scope.resource_group_name,
            account_name=self._sources.storage_name,
            container_name=DEAD_LETTERS,
            public_access=storage.PublicAccess.NONE,
            opts=self._child,
        )
        access = Access(
            f"{self._name}-{DEAD_LETTERS}-access",
            [Grant("events", "ServicePrincipal", Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "dead-letters")],
            principals={"events": self._sources.principal_id},
            targets={"dead-letters": container.id},
            opts=self._child,
        )
        return DeadLetters(
            self._sources.storage_id, container.name, access.after(self._sources.identity_id, ["events"])
        )

    def _service_bus(self, config: EventsConfig) -> ServiceBus | None:
        queues = sorted({target.own_bus_queue for _, target in config.targets() if target.own_bus_queue})
        if not queues:
            return None
        return ServiceBus(f"{self._name}-service-bus", queues, scope=self._scope, opts=self._child)

    def _to_queue(self, called: str, purpose: Purpose, queue_name: str) -> pulumi.Output[str]:
        queue = storage.Queue(
            f"{self._name}-{called}-queue",
            resource_group_name=self._scope.resource_group_name,
            account_name=self._sources.storage_name,
            queue_name=queue_name,
            opts=self._child,
        )
        destination = eventgrid.StorageQueueEventSubscriptionDestinationArgs(
            endpoint_type="StorageQueue", resource_id=self._sources.storage_id, queue_name=queue.name
        )
        # With the identity, since the account may not accept keys.
        self._subscribe(called, purpose, by_identity=(self._sources.identity_id, destination))
        return queue.name

    def _to_bus(self, purpose: Purpose, target: Target) -> None:
        own = target.own_bus_queue
        id_ = (
            self._bus.queue_ids[own]
            if own is not None and self._bus is not None
            else pulumi.Output.from_input(target.service_bus or "")
        )
        access = Access(
            f"{self._name}-{target.name}-access",
            [Grant("events", "ServicePrincipal", Role.SERVICE_BUS_DATA_SENDER, "service-bus")],
            principals={"events": self._sources.principal_id},
            targets={"service-bus": id_},
            opts=self._child,
        )
        identity_id = access.after(self._sources.identity_id, ["events"])
        if own is None and "/topics/" in (target.service_bus or "").lower():
            destination = eventgrid.ServiceBusTopicEventSubscriptionDestinationArgs(
                endpoint_type="ServiceBusTopic", resource_id=id_
            )
        else:
            destination = eventgrid.ServiceBusQueueEventSubscriptionDestinationArgs(
                endpoint_type="ServiceBusQueue", resource_id=id_
            )
        self._subscribe(target.name, purpose, by_identity=(identity_id, destination))

    def _subscribe(
        self,
        called: str,
        purpose: Purpose,
        *,
        by_identity: tuple[pulumi.Output[str], ByIdentity] | None = None,
        plain: Plain | None = None,
    ) -> None:
        subscribe(
            f"{self._name}-{called}",
            self.topic,
            purpose,
            called=called,
            by_identity=by_identity,
            plain=plain,
            opts=self._child,
        )


def _plain(target: Target) -> Plain:
    """A place that Event Grid can't sign in to as an identity."""
    if target.function is not None:
        return eventgrid.AzureFunctionEventSubscriptionDestinationArgs(
            endpoint_type="AzureFunction", resource_id=target.function
        )
    entra = target.entra
    return eventgrid.WebHookEventSubscriptionDestinationArgs(
        endpoint_type="WebHook",
        # It may hold a secret.
        endpoint_url=pulumi.Output.secret(target.webhook),
        azure_active_directory_tenant_id=entra.tenant if entra is not None else None,
        azure_active_directory_application_id_or_uri=entra.application if entra is not None else None,
        max_events_per_batch=1,
        preferred_batch_size_in_kilobytes=64,
    )
