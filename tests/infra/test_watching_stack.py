"""Events, alerts, budget, workbook and dashboard, deployed by the embedded engine to local Azure, from first update to end."""

import base64
import json
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from xml.etree import ElementTree as ET

import pytest
from deployed_stack import REPOSITORY, Stack

from local.settings import PRINCIPAL_ID

ML, EVENT_GRID = "2025-12-01", "2025-02-15"

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


def taken(azure, account, queue):
    """What has arrived in a storage queue."""
    url = f"https://{account}.queue.core.windows.net/{queue}/messages?numofmessages=32"
    token = azure.token("https://storage.azure.com/.default")
    answer = azure.session.get(
        url, headers={"Authorization": f"Bearer {token}", "x-ms-version": "2023-11-03"}, timeout=30
    )
    answer.raise_for_status()
    texts = [one.text or "" for one in ET.fromstring(answer.content).iter("MessageText")]
    return [json.loads(base64.b64decode(text)) for text in texts]


def received(azure, namespace, queue):
    """What has arrived in a Service Bus queue."""
    token = azure.token("https://servicebus.azure.net/.default")
    url = f"https://{namespace}.servicebus.windows.net/{queue}/messages/head"
    answer = azure.session.delete(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    return [] if answer.status_code == 204 else [answer.json()]


class Refusing(BaseHTTPRequestHandler):
    """A web hook that answers the handshake, and 404 to every event: Event Grid gives that up at once."""

    def do_POST(self):
        (event,) = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code = event["data"].get("validationCode")
        body = json.dumps({"validationResponse": code}).encode()
        self.send_response(200 if code else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet."""


@contextmanager
def refusing():
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def until(found):
    deadline = time.monotonic() + 20
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def test_what_happens_in_the_workspace_arrives_where_the_stack_says(stack, local_azure, empty_workspace):
    model = {"modelType": "custom_model", "modelUri": "azureml://datastores/workspaceblobstore/paths/m/"}
    local_azure.put(f"{empty_workspace.id}/models/m/versions/1", {"properties": model}, api_version=ML)
    account = empty_workspace.storage_account
    (registered,) = until(lambda: taken(local_azure, account, "model-changes"))
    assert registered["eventType"].endswith(".ModelRegistered")
    step = {"type": "command", "componentId": "azureml:none@latest"}
    job = {"jobType": "Pipeline", "experimentName": "e", "jobs": {"say": step}}
    local_azure.put(f"{empty_workspace.id}/jobs/fails", {"properties": job}, api_version=ML)
    failures = until(lambda: taken(local_azure, account, "failures"))
    assert {one["data"]["RunStatus"] for one in failures} == {"Failed"}
    bus = stack.resources()["events-service-bus-namespace"]["id"]
    local_azure.assign(bus, "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", PRINCIPAL_ID)
    (event,) = until(lambda: received(local_azure, bus.rsplit("/", 1)[-1], "failed-runs"))
    assert event["data"]["RunStatus"] == "Failed"
    assert taken(local_azure, account, "monitor-breaches") == []


def test_an_event_that_a_target_refuses_lands_among_the_dead_letters(stack, local_azure, empty_workspace):
    resources = stack.resources()
    topic = resources["events-topic"]["id"]
    _, _, failures = local_azure.arm("GET", f"{topic}/eventSubscriptions/failures", api_version=EVENT_GRID)
    letters = failures["properties"]["deadLetterWithResourceIdentity"]
    assert letters["deadLetterDestination"]["properties"]["blobContainerName"] == "dead-letters"
    with refusing() as url:
        path = f"{topic}/eventSubscriptions/refused"
        given = {
            "destination": {"endpointType": "WebHook", "properties": {"endpointUrl": url}},
            "deadLetterWithResourceIdentity": letters,
            "filter": {"includedEventTypes": ["Microsoft.MachineLearningServices.ModelRegistered"]},
        }
        local_azure.put(path, {"properties": given}, api_version=EVENT_GRID)
        model = {"modelType": "custom_model", "modelUri": "azureml://datastores/workspaceblobstore/paths/m/"}
        local_azure.put(f"{empty_workspace.id}/models/m/versions/2", {"properties": model}, api_version=ML)
        token = local_azure.token("https://storage.azure.com/.default")
        listing = f"https://{empty_workspace.storage_account}.blob.core.windows.net/dead-letters?restype=container&comp=list"
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2023-11-03"}
        text = until(
            lambda: (
                "<Name>" in (body := local_azure.session.get(listing, headers=headers, timeout=30).text)
                and body
            )
        )
    assert "<Name>REFUSED/" in text
    local_azure.arm("DELETE", path, api_version=EVENT_GRID)


def test_everything_is_gone_in_the_end(stack):
    stack.run("destroy", "--yes")
    assert stack.resources() == {}
