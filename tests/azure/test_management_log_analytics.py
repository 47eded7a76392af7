"""azure-mgmt-loganalytics and azure-mgmt-applicationinsights, unmodified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.mgmt.applicationinsights import ApplicationInsightsManagementClient
from azure.mgmt.loganalytics import LogAnalyticsManagementClient
from running_azure import unique

if TYPE_CHECKING:
    from conftest import Management


@pytest.fixture(scope="module")
def logs(management: Management) -> LogAnalyticsManagementClient:
    return management.client(LogAnalyticsManagementClient)


def test_a_workspace_of_logs_and_a_component_that_writes_to_it(
    logs: LogAnalyticsManagementClient, management: Management
):
    group, name = management.group, unique("log-")
    body = {
        "location": "westeurope",
        "properties": {"sku": {"name": "PerGB2018"}, "retentionInDays": 30},
    }
    made = logs.workspaces.begin_create_or_update(group, name, body).result()
    assert (made.provisioning_state, made.retention_in_days) == ("Succeeded", 30)
    keys = logs.shared_keys.get_shared_keys(group, name)
    assert keys.primary_shared_key != keys.secondary_shared_key
    saved = {"properties": {"category": "ML", "displayName": "errors", "query": "AmlOnlineEndpointEventLog"}}
    logs.saved_searches.create_or_update(group, name, "errors", saved)
    assert [one.name for one in logs.saved_searches.list_by_workspace(group, name).value] == ["errors"]
    table = {
        "properties": {
            "schema": {"name": "Seen_CL", "columns": [{"name": "TimeGenerated", "type": "dateTime"}]}
        }
    }
    assert logs.tables.begin_create_or_update(group, name, "Seen_CL", table).result().name == "Seen_CL"

    insights = management.client(ApplicationInsightsManagementClient)
    component = insights.components.create_or_update(
        group,
        unique("appi-"),
        {
            "location": "westeurope",
            "kind": "web",
            "properties": {"Application_Type": "web", "WorkspaceResourceId": made.id},
        },
    )
    assert component.workspace_resource_id == made.id
    assert component.instrumentation_key in component.connection_string
    tagged = insights.components.update_tags(group, component.name, {"tags": {"team": "models"}})
    assert tagged.tags == {"team": "models"}
    assert component.name in [one.name for one in insights.components.list_by_resource_group(group)]
    insights.components.delete(group, component.name)

    logs.workspaces.begin_delete(group, name).result()
    assert name in [one.name for one in logs.deleted_workspaces.list_by_resource_group(group)]
