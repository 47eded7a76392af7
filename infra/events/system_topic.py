"""What happens in the workspace, as messages on storage queues.

A model monitor's breach arrives as a ``RunStatusChanged`` whose run is tagged with it; models that are registered or
deployed have event types of their own. Filters of one subscription must all match, so there are two, each with
a queue of its own. Events come at least once and in any order: readers dedupe by id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import eventgrid, storage

from infra.events.retraining_workflow import BREACH_TAG, BREACH_TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.scope import Scope

#: Queue names: 3-63 lowercase letters, digits, hyphens.
BREACH_QUEUE = "monitor-breaches"
MODEL_QUEUE = "model-changes"

_PREFIX = "Microsoft.MachineLearningServices"


class Events(pulumi.ComponentResource):
    """The workspace's system topic, and its subscriptions to queues of the workspace's storage account."""

    topic_id: pulumi.Output[str]
    topic_name: pulumi.Output[str]
    breach_queue_name: pulumi.Output[str]
    model_queue_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        scope: Scope,
        workspace_id: pulumi.Input[str],
        storage_id: pulumi.Input[str],
        storage_name: pulumi.Input[str],
        identity_id: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Events", name, None, opts)
        self._scope, self._identity_id = scope, identity_id
        self._storage_id, self._storage_name = storage_id, storage_name
        topic = eventgrid.SystemTopic(
            f"{name}-topic",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            system_topic_name=scope.named(lambda names: names.system_topic),
            source=workspace_id,
            topic_type=f"{_PREFIX}.Workspaces",
            identity=eventgrid.IdentityInfoArgs(
                type=eventgrid.IdentityType.USER_ASSIGNED,
                user_assigned_identities=identity_id.apply(
                    lambda id_: {id_: eventgrid.UserIdentityPropertiesArgs()}
                ),
            ),
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.topic_id = topic.id
        self.topic_name = topic.name
        self.breach_queue_name = self._subscribe(
            f"{name}-{BREACH_QUEUE}",
            topic,
            BREACH_QUEUE,
            ["RunStatusChanged"],
            [
                eventgrid.StringContainsAdvancedFilterArgs(
                    operator_type="StringContains", key=f"data.RunTags.{BREACH_TAG}", values=[BREACH_TEXT]
                )
            ],
        )
        self.model_queue_name = self._subscribe(
            f"{name}-{MODEL_QUEUE}", topic, MODEL_QUEUE, ["ModelRegistered", "ModelDeployed"], []
        )
        self.register_outputs(
            {"breachQueueName": self.breach_queue_name, "modelQueueName": self.model_queue_name}
        )

    def _subscribe(
        self,
        name: str,
        topic: eventgrid.SystemTopic,
        queue_name: str,
        event_types: Sequence[str],
        filters: Sequence[eventgrid.StringContainsAdvancedFilterArgs],
    ) -> pulumi.Output[str]:
        queue = storage.Queue(
            f"{name}-queue",
            resource_group_name=self._scope.resource_group_name,
            account_name=self._storage_name,
            queue_name=queue_name,
            opts=pulumi.ResourceOptions(parent=self),
        )
        eventgrid.SystemTopicEventSubscription(
            name,
            resource_group_name=self._scope.resource_group_name,
            system_topic_name=topic.name,
            event_subscription_name=queue_name,
            event_delivery_schema=eventgrid.EventDeliverySchema.EVENT_GRID_SCHEMA,
            # With the identity, since the account may not accept keys.
            delivery_with_resource_identity=eventgrid.DeliveryWithResourceIdentityArgs(
                identity=eventgrid.EventSubscriptionIdentityArgs(
                    type=eventgrid.EventSubscriptionIdentityType.USER_ASSIGNED,
                    user_assigned_identity=self._identity_id,
                ),
                destination=eventgrid.StorageQueueEventSubscriptionDestinationArgs(
                    endpoint_type="StorageQueue", resource_id=self._storage_id, queue_name=queue.name
                ),
            ),
            filter=eventgrid.EventSubscriptionFilterArgs(
                included_event_types=[f"{_PREFIX}.{event}" for event in event_types],
                advanced_filters=list(filters) or None,
            ),
            retry_policy=eventgrid.RetryPolicyArgs(
                max_delivery_attempts=30, event_time_to_live_in_minutes=1440
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return queue.name
