"""azure-mgmt-eventgrid, unmodified: topics, system topics and who subscribes to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.mgmt.eventgrid import EventGridManagementClient
from running_azure import unique

if TYPE_CHECKING:
    from conftest import Management, Workspace


@pytest.fixture(scope="module")
def client(management: Management) -> EventGridManagementClient:
    return management.client(EventGridManagementClient)


def queue(workspace: Workspace) -> dict:
    account = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"
    return {"endpointType": "StorageQueue", "properties": {"resourceId": account, "queueName": "events"}}


def test_a_topic_and_its_keys(client: EventGridManagementClient, management: Management):
    name = unique("topic-")
    made = client.topics.begin_create_or_update(management.group, name, {"location": "westeurope"}).result()
    assert made.endpoint.startswith(f"https://{name}.westeurope-1.eventgrid.azure.net/")
    first = client.topics.list_shared_access_keys(management.group, name)
    second = client.topics.begin_regenerate_key(management.group, name, {"keyName": "key1"}).result()
    assert (first.key1 != second.key1, first.key2 == second.key2) == (True, True)
    client.topics.begin_delete(management.group, name).result()


def test_a_workspaces_events_are_subscribed_to(
    client: EventGridManagementClient, management: Management, workspace: Workspace
):
    name, group = unique("st-"), workspace.resource_group
    body = {
        "location": "westeurope",
        "properties": {
            "source": workspace.id,
            "topicType": "Microsoft.MachineLearningServices.Workspaces",
        },
    }
    topic = client.system_topics.begin_create_or_update(group, name, body).result()
    assert topic.provisioning_state == "Succeeded"
    wanted = {
        "properties": {
            "destination": queue(workspace),
            "filter": {
                "includedEventTypes": ["Microsoft.MachineLearningServices.ModelRegistered"],
                "advancedFilters": [
                    {"operatorType": "StringContains", "key": "data.ModelName", "values": ["flight"]}
                ],
            },
            "retryPolicy": {"maxDeliveryAttempts": 5, "eventTimeToLiveInMinutes": 60},
        }
    }
    subscriptions = client.system_topic_event_subscriptions
    made = subscriptions.begin_create_or_update(group, name, "models", wanted).result()
    assert (made.provisioning_state, made.filter.advanced_filters[0].operator_type) == (
        "Succeeded",
        "StringContains",
    )
    assert [one.name for one in subscriptions.list_by_system_topic(group, name)] == ["models"]
    subscriptions.begin_update(
        group,
        name,
        "models",
        {"filter": {"includedEventTypes": ["Microsoft.MachineLearningServices.RunCompleted"]}},
    ).result()
    assert subscriptions.get(group, name, "models").filter.included_event_types == [
        "Microsoft.MachineLearningServices.RunCompleted"
    ]
    kinds = client.topic_types.list_event_types("Microsoft.MachineLearningServices.Workspaces")
    assert "Microsoft.MachineLearningServices.RunStatusChanged" in [one.name for one in kinds]
    subscriptions.begin_delete(group, name, "models").result()
    client.system_topics.begin_delete(group, name).result()
