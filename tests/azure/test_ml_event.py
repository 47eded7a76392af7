"""What a workspace publishes to Event Grid, read from a storage queue."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from azure.ai.ml.entities import Model
from running_azure import unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient
    from conftest import Workspace
    from running_azure import LocalAzure

API = "2025-02-15"


@pytest.fixture(scope="module")
def events(local_azure: LocalAzure, workspace: Workspace) -> Callable[[], list[dict[str, Any]]]:
    """Takes the events that have arrived in the queue of a subscription to the workspace."""
    account = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"
    local_azure.put(f"{account}/queueServices/default/queues/events", {}, api_version="2024-01-01")
    topic = f"{workspace.group_id}/providers/Microsoft.EventGrid/systemTopics/{unique('evgt-')}"
    source = {"source": workspace.id, "topicType": "Microsoft.MachineLearningServices.Workspaces"}
    local_azure.put(topic, {"location": "westeurope", "properties": source}, api_version=API)
    queue = {"endpointType": "StorageQueue", "properties": {"resourceId": account, "queueName": "events"}}
    local_azure.put(
        f"{topic}/eventSubscriptions/all", {"properties": {"destination": queue}}, api_version=API
    )
    url = f"https://{workspace.storage_account}.queue.core.windows.net/events/messages?numofmessages=32"
    headers = {
        "Authorization": f"Bearer {local_azure.token('https://storage.azure.com/.default')}",
        "x-ms-version": "2023-11-03",
    }

    def take() -> list[dict[str, Any]]:
        answer = local_azure.session.get(url, headers=headers, timeout=30)
        answer.raise_for_status()
        texts = [one.text or "" for one in ET.fromstring(answer.content).iter("MessageText")]
        return [json.loads(base64.b64decode(text)) for text in texts]

    return take


def test_a_registered_model_is_published_once(
    ml_client: MLClient, events: Callable[[], list[dict[str, Any]]]
) -> None:
    name = unique("model-")
    path = "azureml://datastores/workspaceblobstore/paths/m/"
    made = ml_client.models.create_or_update(
        Model(name=name, path=path, type="custom_model", tags={"Framework": "none"})
    )
    made.tags = {"Framework": "other"}
    ml_client.models.create_or_update(made)
    last = ml_client.models.create_or_update(Model(name=name, path=path, type="custom_model"))
    taken: list[dict[str, Any]] = []
    deadline = time.monotonic() + 20
    while f"models/{name}:{last.version}" not in {one["subject"] for one in taken}:
        assert time.monotonic() < deadline, taken
        time.sleep(0.05)
        taken += events()
    mine = [one for one in taken if one["subject"] == f"models/{name}:1"]
    assert [one["eventType"] for one in mine] == ["Microsoft.MachineLearningServices.ModelRegistered"]
    assert mine[0]["data"]["ModelTags"] == {"Framework": "none"}
    assert (mine[0]["data"]["ModelName"], mine[0]["data"]["ModelVersion"]) == (name, "1")
