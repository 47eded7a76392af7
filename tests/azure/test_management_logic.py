"""azure-mgmt-logic, unmodified: a workflow is made, called, and its runs are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.mgmt.logic import LogicManagementClient
from running_azure import unique

if TYPE_CHECKING:
    from conftest import Management

DEFINITION = {
    "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
    "contentVersion": "1.0.0.0",
    "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}},
    "actions": {
        "doubled": {"type": "Compose", "inputs": "@mul(triggerBody()?['n'], 2)", "runAfter": {}},
        "answer": {
            "type": "Response",
            "inputs": {"statusCode": 200, "body": {"n": "@outputs('doubled')"}},
            "runAfter": {"doubled": ["Succeeded"]},
        },
    },
}


@pytest.fixture(scope="module")
def client(management: Management) -> LogicManagementClient:
    return management.client(LogicManagementClient)


def test_a_workflow_is_called_and_its_run_is_read(client: LogicManagementClient, management: Management):
    group, name = management.group, unique("logic-")
    made = client.workflows.create_or_update(
        group, name, {"location": "westeurope", "definition": DEFINITION}
    )
    assert made.state == "Enabled"
    url = client.workflow_triggers.list_callback_url(group, name, "manual").value
    answer = requests.post(url, json={"n": 21}, timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"n": 42})
    (run,) = client.workflow_runs.list(group, name)
    assert run.status == "Succeeded"
    actions = client.workflow_run_actions.list(group, name, run.name)
    assert {one.name: one.status for one in actions} == {"doubled": "Succeeded", "answer": "Succeeded"}
    client.workflows.disable(group, name)
    assert client.workflows.get(group, name).state == "Disabled"
    client.workflows.delete(group, name)
    with pytest.raises(HttpResponseError):
        client.workflows.get(group, name)
