"""Event Grid's identities: what they may deliver, and what becomes of events when they may not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import unique
from test_access import assign
from test_event_grid import ACCOUNT, API, EVENT, QUEUE, Memory

from local.azure.resource_id import parse

if TYPE_CHECKING:
    from running_azure import LocalAzure

SENDER = "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a"  # Storage Queue Data Message Sender
BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"


def test_a_subscription_needs_the_roles_of_its_identity_first(local_azure: LocalAzure) -> None:
    group = local_azure.group()
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{unique('st')}"
    body: dict[str, Any] = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    local_azure.put(account, body, api_version="2024-01-01")
    topic = f"{group}/providers/Microsoft.EventGrid/systemTopics/{unique('evgt-')}"
    properties = {"source": account, "topicType": "Microsoft.Storage.StorageAccounts"}
    body = {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": properties}
    principal = local_azure.put(topic, body, api_version=API)["identity"]["principalId"]
    identity = {"type": "SystemAssigned"}
    queue = {"endpointType": "StorageQueue", "properties": {"resourceId": account, "queueName": "q"}}
    letters = {"endpointType": "StorageBlob", "properties": {"resourceId": account, "blobContainerName": "c"}}
    chosen: dict[str, Any] = {
        "deliveryWithResourceIdentity": {"identity": identity, "destination": queue},
        "deadLetterWithResourceIdentity": {"identity": identity, "deadLetterDestination": letters},
    }
    path = f"{topic}/eventSubscriptions/{unique('sub-')}"

    def subscribe() -> Any:
        return local_azure.put(path, {"properties": chosen}, api_version=API)

    with pytest.raises(AssertionError, match=r"Managed Identity Authorization Error.* the endpoint"):
        subscribe()
    assign(local_azure, account, SENDER, principal)
    with pytest.raises(
        AssertionError, match=r"Managed Identity Authorization Error.* the deadletter endpoint"
    ):
        subscribe()
    assign(local_azure, account, BLOB_DATA_CONTRIBUTOR, principal)
    assert subscribe()["properties"]["provisioningState"] == "Succeeded"
    # An identity that the topic doesn't have is refused at once.
    other = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    local_azure.put(other, {"location": "westeurope"}, api_version="2023-01-31")
    chosen["deliveryWithResourceIdentity"]["identity"] = {
        "type": "UserAssigned",
        "userAssignedIdentity": other,
    }
    status, _, answer = local_azure.arm("PUT", path, {"properties": chosen}, api_version=API)
    assert (status, answer["error"]["target"]) == (400, "properties.deliveryWithResourceIdentity.identity")


@pytest.mark.parametrize("may_dead_letter", [True, False])
def test_an_identity_without_its_role_delivers_nothing_and_tries_again_until_it_dead_letters(
    monkeypatch: pytest.MonkeyPatch, may_dead_letter: bool
) -> None:
    from local.azure import event_delivery

    monkeypatch.setattr("local.azure.event_delivery._WAITS", (0,))
    identity = {"type": "SystemAssigned"}
    letters = {"endpointType": "StorageBlob", "properties": {"resourceId": ACCOUNT, "blobContainerName": "c"}}
    azure: Any = Memory(
        {
            "deliveryWithResourceIdentity": {"identity": identity, "destination": QUEUE},
            "deadLetterWithResourceIdentity": {"identity": identity, "deadLetterDestination": letters},
            "retryPolicy": {"maxDeliveryAttempts": 3, "eventTimeToLiveInMinutes": 1440},
        }
    )
    azure.store.put(ACCOUNT, {"identity": {"principalId": "p"}, "properties": {}})
    azure.parse = parse

    def permits(principal: str, operation: str, _scope: str, *, data: bool) -> bool:
        assert (principal, data) == ("p", True)
        return may_dead_letter and "blobServices" in operation

    azure.access = SimpleNamespace(permits=permits)
    event_delivery.begin(azure, azure.subscription, {"id": "1", **EVENT})
    asyncio.run(azure.tasks.pop())
    assert (azure.sent, azure.under_way()) == ([], 0)
    assert [letter[0]["deadLetterReason"] for _, letter in azure.letters] == [
        "MaxDeliveryAttemptsExceeded"
    ] * may_dead_letter
    for _, letter in azure.letters:
        assert (letter[0]["deliveryAttempts"], letter[0]["lastDeliveryOutcome"]) == (3, "Unauthorized")
    azure.close()
