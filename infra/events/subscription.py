"""A subscription of the system topic: which events, to where, as whom, and what becomes of those that can't be delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_azure_native import eventgrid

if TYPE_CHECKING:
    import pulumi

    from infra.events.purpose import Filter, Purpose

    ByIdentity = (
        eventgrid.StorageQueueEventSubscriptionDestinationArgs
        | eventgrid.ServiceBusQueueEventSubscriptionDestinationArgs
        | eventgrid.ServiceBusTopicEventSubscriptionDestinationArgs
    )
    Plain = (
        eventgrid.WebHookEventSubscriptionDestinationArgs
        | eventgrid.AzureFunctionEventSubscriptionDestinationArgs
    )


@dataclass(frozen=True)
class DeadLetters:
    """The container that keeps what can't be delivered."""

    storage_id: pulumi.Output[str]
    container: pulumi.Output[str]
    #: the identity that writes there, once it may
    identity_id: pulumi.Output[str]


@dataclass(frozen=True)
class Topic:
    """What subscriptions are made below."""

    resource_group_name: pulumi.Input[str]
    name: pulumi.Output[str]
    dead_letters: DeadLetters | None


def subscribe(
    name: str,
    topic: Topic,
    purpose: Purpose,
    *,
    called: str,
    by_identity: tuple[pulumi.Output[str], ByIdentity] | None = None,
    plain: Plain | None = None,
    opts: pulumi.ResourceOptions,
) -> eventgrid.SystemTopicEventSubscription:
    """Subscribes.

    Args:
        name: the logical name.
        topic: the topic.
        purpose: which events.
        called: the subscription's physical name.
        by_identity: the identity that delivers, and the place.
        plain: a place that Event Grid can't sign in to as an identity: a function or a web hook.
        opts: the usual options.
    """
    return eventgrid.SystemTopicEventSubscription(
        name,
        resource_group_name=topic.resource_group_name,
        system_topic_name=topic.name,
        event_subscription_name=called,
        event_delivery_schema=eventgrid.EventDeliverySchema.EVENT_GRID_SCHEMA,
        destination=plain,
        delivery_with_resource_identity=None
        if by_identity is None
        else eventgrid.DeliveryWithResourceIdentityArgs(
            identity=_as(by_identity[0]), destination=by_identity[1]
        ),
        dead_letter_with_resource_identity=None
        if topic.dead_letters is None
        else eventgrid.DeadLetterWithResourceIdentityArgs(
            identity=_as(topic.dead_letters.identity_id),
            dead_letter_destination=eventgrid.StorageBlobDeadLetterDestinationArgs(
                endpoint_type="StorageBlob",
                resource_id=topic.dead_letters.storage_id,
                blob_container_name=topic.dead_letters.container,
            ),
        ),
        filter=eventgrid.EventSubscriptionFilterArgs(
            included_event_types=purpose.event_types,
            advanced_filters=[_filter(one) for one in purpose.filters] or None,
        ),
        retry_policy=eventgrid.RetryPolicyArgs(max_delivery_attempts=30, event_time_to_live_in_minutes=1440),
        opts=opts,
    )


def _as(identity_id: pulumi.Output[str]) -> eventgrid.EventSubscriptionIdentityArgs:
    return eventgrid.EventSubscriptionIdentityArgs(
        type=eventgrid.EventSubscriptionIdentityType.USER_ASSIGNED, user_assigned_identity=identity_id
    )


def _filter(
    one: Filter,
) -> eventgrid.StringContainsAdvancedFilterArgs | eventgrid.StringInAdvancedFilterArgs:
    if one.operator == "StringIn":
        return eventgrid.StringInAdvancedFilterArgs(
            operator_type="StringIn", key=one.key, values=list(one.values)
        )
    return eventgrid.StringContainsAdvancedFilterArgs(
        operator_type="StringContains", key=one.key, values=list(one.values)
    )
