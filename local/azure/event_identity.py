"""By which managed identity Event Grid delivers a subscription's events, and whether that identity may.

Azure checks the right when the subscription is written, whose operation fails without it, and at every delivery: an identity that
lost its role delivers nothing, tries again and dead-letters. A destination without an identity is written in Event Grid's own name;
who may have that done is decided when the subscription is written (``access/linked.py``).

Sources: Microsoft Learn, "Event delivery with a managed identity" (roles per destination); the refusal as
Azure/bicep-registry-modules#5205 shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record

_QUEUE = "Microsoft.Storage/storageAccounts/queueServices/queues/messages"
_BLOB = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
#: By kind of destination: the path below the account, the key of its last name, the data actions of which one is enough.
_RIGHTS = {
    "StorageQueue": (
        "queueServices/default/queues",
        "queueName",
        (f"{_QUEUE}/add/action", f"{_QUEUE}/write"),
    ),
    "StorageBlob": (
        "blobServices/default/containers",
        "blobContainerName",
        (f"{_BLOB}/write", f"{_BLOB}/add/action"),
    ),
    # The queue itself is named.
    "ServiceBusQueue": ("", "", ("Microsoft.ServiceBus/namespaces/messages/send/action",)),
}
_DELIVERY = ("deliveryWithResourceIdentity", "destination")
_DEAD_LETTERS = ("deadLetterWithResourceIdentity", "deadLetterDestination")


def check(azure: Azure, subscription: Record) -> None:
    """Refuses a subscription whose identity may not write where its events or dead letters go.

    Raises:
        ArmError: 400 ``Managed Identity Authorization Error``.
    """
    for (outer, inner), what in ((_DELIVERY, "endpoint"), (_DEAD_LETTERS, "deadletter endpoint")):
        if not _may(azure, subscription, outer, inner):
            raise ArmError(
                400,
                "Managed Identity Authorization Error",
                f"Managed Identity for {subscription.name} does not have permission to perform appropriate action on the "
                "destination resource. Managed identity for event subscription does not have authorization to deliver to "
                f"the {what}. Visit aka.ms/egmsivalidation for more details.",
            )


def check_named(azure: Azure, topic: Record | None, properties: Json) -> None:
    """Refuses an identity that the topic of a subscription doesn't have.

    Raises:
        ArmError: 400.
    """
    for outer, _ in (_DELIVERY, _DEAD_LETTERS):
        chosen: Json = (properties.get(outer) or {}).get("identity") or {}
        if properties.get(outer) and _principal(azure, topic, chosen) is None:
            raise bad_request(
                f"The identity of {outer} ({chosen.get('type')} {chosen.get('userAssignedIdentity') or ''}) is not assigned "
                f"to the topic '{topic.name if topic is not None else ''}'.",
                code="InvalidRequest",
                target=f"properties.{outer}.identity",
            )


def may_deliver(azure: Azure, subscription: Record) -> bool:
    """Whether a subscription's events may be written to their destination."""
    return _may(azure, subscription, *_DELIVERY)


def may_dead_letter(azure: Azure, subscription: Record) -> bool:
    """Whether what can't be delivered may be written to its container."""
    return _may(azure, subscription, *_DEAD_LETTERS)


def _may(azure: Azure, subscription: Record, outer: str, inner: str) -> bool:
    holder: Json = subscription.body["properties"].get(outer) or {}
    destination: Json = holder.get(inner) or {}
    rights = _RIGHTS.get(str(destination.get("endpointType")))
    if not holder or rights is None:
        return True
    topic = azure.store.get(azure.parse(subscription.id).parent)
    principal = _principal(azure, topic, holder.get("identity") or {})
    below, key, operations = rights
    properties: Json = destination["properties"]
    scope = str(properties["resourceId"]) + (f"/{below}/{properties[key]}" if below else "")
    return principal is not None and any(
        azure.access.permits(principal, operation, scope, data=True) for operation in operations
    )


def _principal(azure: Azure, topic: Record | None, chosen: Json) -> str | None:
    """The object id of the identity that a subscription names; None: its topic has no such identity."""
    own: Json = (topic.body.get("identity") or {}) if topic is not None else {}
    if chosen.get("type") == "UserAssigned":
        wanted = str(chosen.get("userAssignedIdentity") or "").lower()
        assigned: dict[str, Any] = own.get("userAssignedIdentities") or {}
        if wanted not in {name.lower() for name in assigned}:
            return None
        record = azure.store.get(wanted)
        return str(record.body["properties"]["principalId"]) if record is not None else None
    return own.get("principalId")
