"""Events, alerts, budget, workbook and dashboard, deployed by the embedded engine to local Azure, from first update to end."""

import json
import sys

import pytest
from deployed_stack import REPOSITORY, Stack

PROGRAM = """
import json, os
import pulumi
from pulumi_azure_native import managedidentity
from infra.events.system_topic import Events, Sources
from infra.events.target import EventsConfig
from infra.names import Names
from infra.observability.budget import Budget, BudgetConfig
from infra.observability.contact import AlertsConfig, Contacts
from infra.observability.dashboard import Dashboard
from infra.observability.endpoint_alert import EndpointAlerts, Watch
from infra.observability.log_analytics import Observability, ObservabilityConfig
from infra.observability.platform_alert import PlatformAlerts
from infra.observability.rule import Place
from infra.observability.teams import TeamsChannel
from infra.observability.workbook import Workbook
from infra.access.grant import Access, Grant, Role
from infra.scope import Scope

given = {key: pulumi.Output.from_input(text) for key, text in json.loads(os.environ["PLATFORM"]).items()}
names = pulumi.Output.from_input(Names("mlops", "watch", os.environ["SUFFIX"]))
scope = Scope(given["group"], "westeurope", names, {"team": "ml", "cost-center": "ml"}, False)
identity = managedidentity.UserAssignedIdentity(
    "identity", resource_group_name=scope.resource_group_name, location="westeurope", resource_name_="id-events"
)
access = Access(
    "access",
    [Grant("events", "ServicePrincipal", Role.STORAGE_QUEUE_DATA_MESSAGE_SENDER, "storage")],
    principals={"events": identity.principal_id},
    targets={"storage": given["storage_id"]},
)
settings = pulumi.Config()
events = Events(
    "events",
    EventsConfig.model_validate(settings.require_object("events")),
    scope=scope,
    sources=Sources(
        given["workspace_id"], given["storage_id"], given["storage_name"], access.after(identity.id, ["events"]),
        identity.principal_id,
    ),
)
alerts = AlertsConfig.model_validate(settings.require_object("alerts"))
logs = Observability("logs", ObservabilityConfig(), scope=scope)
group_id = given["workspace_id"].apply(lambda id_: id_.partition("/providers/")[0])
teams = TeamsChannel("teams", alerts.teams, scope=scope, vault_id=given["vault_id"], vault_name=given["vault_name"])
contacts = Contacts("contacts", alerts, scope=scope, logic_app=(teams.logic_app_id, teams.callback_url))
place = Place(scope, contacts.action_group_id)
PlatformAlerts(
    "alerts", alerts, place=place, workspace_id=given["workspace_id"], log_analytics_id=logs.log_analytics_id,
    group_id=group_id, diagnostics=True,
)
endpoint = pulumi.Output.from_input(os.environ["ENDPOINT"])
EndpointAlerts(
    "endpoint", alerts.endpoint, watch=Watch(place, given["workspace_id"], logs.log_analytics_id), model="tiny",
    endpoint=endpoint, deployment=pulumi.Output.from_input("blue"),
)
Budget(
    "costs", BudgetConfig(amount=500, tag="cost-center"), scope=scope, group_id=group_id,
    action_group_id=contacts.action_group_id,
)
Workbook("overview", scope=scope, workspace_id=given["workspace_id"], log_analytics_id=logs.log_analytics_id)
Dashboard("overview", scope=scope, workspace_id=given["workspace_id"], endpoints={"tiny": endpoint})
"""
#: A budget begins in the month in which it is made, whatever month it is now.
LATER = """
import infra.observability.budget as budget_module

class Later(budget_module.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2031, 5, 7, tzinfo=tz)

budget_module.datetime = Later
"""
EVENTS = {
    "runFailed": [
        {"name": "failures", "queue": "failures"},
        {"name": "bus", "serviceBus": "failed-runs"},
    ]
}
ALERTS = {
    "emails": ["ml@example.com"],
    "teams": {},
    "deniedAccess": True,
    "endpoint": {
        "p95Ms": 500,
        "errorPercent": 5,
        "cpuPercent": None,
        "memoryPercent": None,
        "diskPercent": None,
    },
}


class WatchingStack(Stack):
    """What watches a workspace that is there."""

    def __init__(self, folder, azure, warm_engine, workspace):
        self.folder = folder
        super().__init__(folder, azure, warm_engine, events=EVENTS, alerts=ALERTS)
        of_group = f"{workspace.group_id}/providers"
        platform = {
            "group": workspace.resource_group,
            "workspace_id": workspace.id,
            "storage_id": f"{of_group}/Microsoft.Storage/storageAccounts/{workspace.storage_account}",
            "storage_name": workspace.storage_account,
            "vault_id": f"{of_group}/Microsoft.KeyVault/vaults/{workspace.vault}",
            "vault_name": workspace.vault,
        }
        self.suffix = workspace.storage_account[-6:]
        endpoint = f"tiny-{self.suffix}"
        azure.put(
            f"{workspace.id}/onlineEndpoints/{endpoint}",
            {
                "location": "westeurope",
                "identity": {"type": "SystemAssigned"},
                "properties": {"authMode": "Key"},
            },
            api_version="2025-12-01",
        )
        self.env |= {"PLATFORM": json.dumps(platform), "ENDPOINT": endpoint, "SUFFIX": self.suffix}
        runtime = f"runtime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n"
        (folder / "Pulumi.yaml").write_text(f"name: mlops\n{runtime}")
        (folder / "__main__.py").write_text(PROGRAM)
        self.env["PYTHONPATH"] = str(REPOSITORY)

    def attempt(self, *words, cwd=None):
        return super().attempt(*words, cwd=cwd or self.folder)

    def command(self, *words, cwd=None):
        return super().command(*words, cwd=cwd or self.folder)


@pytest.fixture(scope="module")
def stack(local_azure, warm_engine, empty_workspace, tmp_path_factory):
    """Everything that watches, deployed."""
    deployed = WatchingStack(tmp_path_factory.mktemp("stack"), local_azure, warm_engine, empty_workspace)
    deployed.run("up", "--yes")
    return deployed


def test_a_refresh_and_a_second_update_in_another_month_change_nothing(stack):
    kinds = {one["type"].rpartition(":")[2] for one in stack.resources().values()}
    assert {
        "ActionGroup", "ActivityLogAlert", "Budget", "Dashboard", "DiagnosticSetting", "MetricAlert", "Namespace",
        "Queue", "ScheduledQueryRule", "SystemTopicEventSubscription", "Workbook", "Workflow",
    } <= kinds  # fmt: skip
    stack.run("refresh", "--yes", "--expect-no-changes")
    (stack.folder / "__main__.py").write_text(LATER + PROGRAM)
    stack.run("up", "--yes", "--expect-no-changes")


def test_everything_is_gone_in_the_end(stack):
    stack.run("destroy", "--yes")
    assert stack.resources() == {}
