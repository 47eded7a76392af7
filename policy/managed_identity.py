"""What acts on its own acts as a managed identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Resource, ResourceRule, at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NEED_ONE = frozenset(
    {
        azure.WORKSPACE,
        azure.COMPUTE,
        azure.NATIVE_ONLINE_ENDPOINT,
        azure.SYSTEM_TOPIC,
        azure.WORKFLOW,
    }
)
#: Whom events are delivered to without an identity, as the address itself is what lets them in.
_ADDRESSED = frozenset({"WebHook", "PartnerDestination"})


def check(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """Services have an identity; events are delivered as one."""
    if resource.type in _NEED_ONE:
        kind = at(resource.props, "identity.type")
        if kind is not UNKNOWN and str(kind or "None").lower() == "none":
            yield "it has no managed identity"
    if resource.type == azure.ONLINE_ENDPOINT and not at(resource.props, "identity_id"):
        yield "it has no managed identity"
    if resource.type in (azure.EVENT_SUBSCRIPTION, azure.SYSTEM_TOPIC_SUBSCRIPTION):
        kind = at(resource.props, "destination.endpointType")
        if kind is not None and kind is not UNKNOWN and kind not in _ADDRESSED:
            yield f"it delivers to a {kind} without an identity (destination, not deliveryWithResourceIdentity)"


RULE = ResourceRule(
    name="managed-identity",
    title="Managed identity",
    reason="Without an identity of its own a service needs somebody's password or key, which leaks and expires.",
    fix="Give the resource an `identity` in the program; everything that the platform makes has one.",
    link="https://learn.microsoft.com/azure/machine-learning/how-to-setup-authentication",
    check=check,
)
