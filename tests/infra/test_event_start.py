"""What Logic Apps start on GitHub and Azure DevOps, and in Azure ML, on local Azure: definitions really run."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import logic_app
import pytest
from retraining_loop import JOB, ML, scene
from running_azure import start_local_azure, stop_local_azure, unique

from infra.events import event_workflow
from infra.events.event_workflow import Starter
from infra.events.purpose import MODEL_REGISTERED, RUN_FAILED
from infra.events.start import DEVOPS, AzureDevOps, GitHub, Job
from infra.events.starter import roles
from infra.observability import teams
from local.settings import LocalDir

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from conftest import Workspace
    from running_azure import LocalAzure

    from infra.events.event_workflow import AnyStart
    from infra.events.purpose import Purpose


class Forge(BaseHTTPRequestHandler):
    """GitHub and Azure DevOps, as far as starting something goes; a run's template parameters must be declared."""

    received: list[tuple[str, dict[str, str], Any]]
    status = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.path, dict(self.headers), body))
        answer = b""
        if "/_apis/pipelines/" in self.path:
            declared = set(body["templateParameters"]) <= {"model", "version", "stack"}
            status = 200 if declared else 400
            answer = b'{"id": 7, "state": "inProgress"}'
        else:
            status = 204
        self.send_response(self.status or status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Quiet."""


@pytest.fixture(scope="module")
def forge() -> Generator[tuple[int, type[Forge]]]:
    handler = type("OwnForge", (Forge,), {"received": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def forwarding(
    forge: tuple[int, type[Forge]],
    make_workspace: Callable[[LocalAzure], Workspace],
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[tuple[LocalAzure, Workspace]]:
    """A local Azure that leads both forges' hosts to the fake."""
    folder: Path = tmp_path_factory.mktemp("a")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("running_azure._FOREIGN", ("AZURE_", "ARM_", "PULUMI_"))
        there = f"http://127.0.0.1:{forge[0]}"
        patch.setenv(
            "MLOPS_LOCAL_FORWARD", f"api.github.com={there},dev.azure.com={there},teams.example.com={there}"
        )
        azure = start_local_azure(LocalDir(folder / "local"))
    try:
        yield azure, make_workspace(azure)
    finally:
        stop_local_azure(azure)


def test_github_is_told_with_the_token_of_the_vault_which_stays_out_of_everything_else(
    forwarding: tuple[LocalAzure, Workspace], forge: tuple[int, type[Forge]]
) -> None:
    azure, workspace = forwarding
    received = forge[1].received
    vault = f"https://{workspace.vault}.vault.azure.net/secrets/github-token"
    one = scene(azure, workspace, "github", stack="dev", repository="octo/models", token=vault)
    event = one.event("e-1")
    status, said = one.send(event)
    assert (status, received, one.claims()) == (500, [], [])
    assert "Get_token NotFound" in said
    assert one.app.ended()["code"] == "RetrainingNotStarted"

    token = f"ghp_{unique()}"
    bearer = azure.token("https://vault.azure.net/.default")
    azure.session.put(
        f"{vault}?api-version=7.4",
        json={"value": token},
        headers={"Authorization": f"Bearer {bearer}"},
        timeout=30,
    ).raise_for_status()
    forge[1].status = 503
    assert one.send(event)[0] == 500
    forge[1].status = 0
    assert one.send(event) == (200, "dispatched")
    path, headers, body = received[-1]
    assert len(received) == 2
    assert path == "/repos/octo/models/dispatches"
    assert headers["Authorization"] == f"Bearer {token}"
    assert headers["Accept"] == "application/vnd.github+json"
    assert body == {
        "event_type": "model-monitor-breached",
        "client_payload": {
            "model": one.model,
            "stack": "dev",
            "monitor": f"{one.model}-monitor",
            "run": "run-1",
            "event": "e-1",
        },
    }
    history = json.dumps([one.app.actions(run["name"]) for run in one.app.runs()] + one.app.runs())
    assert token not in history
    seen = one.app.actions(one.app.runs()[0]["name"])
    assert "outputsLink" not in seen["Get_token"]
    assert "inputsLink" not in seen["Dispatch"]
    logs = [path for path in azure.dir.root.rglob("*.log") if token in path.read_text(errors="replace")]
    assert logs == []


def test_azure_devops_runs_the_pipeline_for_the_identity_without_any_secret(
    forwarding: tuple[LocalAzure, Workspace], forge: tuple[int, type[Forge]]
) -> None:
    azure, workspace = forwarding
    place: dict[str, Any] = {
        "organization": "contoso",
        "project": "Flight models",
        "pipeline": "12",
        "branch": "main",
    }
    one = scene(azure, workspace, "azureDevOps", stack="prod", **place)
    forge[1].status = 401
    status, said = one.send(one.event("e-2"))
    assert (status, "Run_pipeline Unauthorized" in said, one.claims()) == (500, True, [])
    forge[1].status = 0
    assert one.send(one.event("e-2")) == (200, "queued")
    assert one.send(one.event("e-2")) == (200, "this event was handled before")
    path, headers, body = forge[1].received[-1]
    assert path == "/contoso/Flight%20models/_apis/pipelines/12/runs?api-version=7.1"
    assert body == {
        "resources": {"repositories": {"self": {"refName": "refs/heads/main"}}},
        "templateParameters": {"model": one.model, "stack": "prod"},
    }
    claims = json.loads(base64.urlsafe_b64decode(headers["Authorization"].split(".")[1] + "=="))
    assert claims["aud"] == DEVOPS


def starter(azure: LocalAzure, workspace: Workspace, start: AnyStart, purpose: Purpose) -> logic_app.LogicApp:
    """A target's Logic App, with the roles that the platform gives it."""
    name = unique("on-")
    group = workspace.group_id
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"
    container = f"{account}/blobServices/default/containers/claims-{name}"
    azure.put(container, {}, api_version="2024-01-01")
    identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{name}"
    made = azure.put(identity, {"location": "westeurope"}, api_version="2023-01-31")
    targets = {
        "claims": container,
        "storage": account,
        "lake": account,
        "workspace": workspace.id,
        "vault": f"{group}/providers/Microsoft.KeyVault/vaults/{workspace.vault}",
    }
    for role, target in roles(start):
        azure.assign(targets[target], role.value, made["properties"]["principalId"])
    known = Starter(
        name=name,
        stack="dev",
        workspace_id=workspace.id,
        vault=workspace.vault,
        claims=f"https://{workspace.storage_account}.blob.core.windows.net/claims-{name}",
        identity_id=identity,
    )
    properties = {"definition": event_workflow.definition(known, start, purpose)}
    status, body, path = logic_app.put(
        azure, group, properties, identity={"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    )
    assert status == 201, body
    return logic_app.LogicApp(azure, path, "event")


def registered(event: str, version: str = "3") -> list[dict[str, Any]]:
    data = {"modelName": "flight-delay", "modelVersion": version}
    kind = "Microsoft.MachineLearningServices.ModelRegistered"
    return [{"id": event, "eventType": kind, "data": data}]


def test_a_registered_model_starts_the_delivery_once(
    forwarding: tuple[LocalAzure, Workspace], forge: tuple[int, type[Forge]]
) -> None:
    azure, workspace = forwarding
    vault = f"https://{workspace.vault}.vault.azure.net/secrets/delivery-token?api-version=7.4"
    bearer = {"Authorization": f"Bearer {azure.token('https://vault.azure.net/.default')}"}
    azure.session.put(vault, json={"value": "ghp_delivery"}, headers=bearer, timeout=30).raise_for_status()
    start = GitHub(repository="octo/models", tokenSecret="delivery-token")  # pyright: ignore[reportCallIssue]
    app = starter(azure, workspace, start, MODEL_REGISTERED)
    validation = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "c"},
    }
    assert app.call([validation]).json() == {"validationResponse": "c"}
    before = len(forge[1].received)
    assert app.call(registered("m-1")).json() == {"start": "dispatched"}
    assert app.call(registered("m-1")).json() == {"start": "this event was handled before"}
    assert len(forge[1].received) == before + 1
    path, headers, body = forge[1].received[-1]
    assert (path, headers["Authorization"]) == ("/repos/octo/models/dispatches", "Bearer ghp_delivery")
    payload = {"model": "flight-delay", "version": "3", "stack": "dev", "event": "m-1"}
    assert body == {"event_type": "model-registered", "client_payload": payload}
    pipeline = AzureDevOps(organization="contoso", project="ml", pipeline=3, branch="release/1")
    assert starter(azure, workspace, pipeline, MODEL_REGISTERED).call(registered("m-2")).json() == {
        "start": "queued"
    }
    assert forge[1].received[-1][2]["templateParameters"] == {
        "model": "flight-delay",
        "version": "3",
        "stack": "dev",
    }


def test_a_failed_run_starts_the_job_of_a_schedule_once_it_is_there(
    forwarding: tuple[LocalAzure, Workspace],
) -> None:
    azure, workspace = forwarding
    schedule = unique("triage-")
    app = starter(azure, workspace, Job(schedule=schedule), RUN_FAILED)
    event = [
        {
            "id": "f-1",
            "eventType": "Microsoft.MachineLearningServices.RunStatusChanged",
            "data": {"RunId": "r", "RunStatus": "Failed"},
        }
    ]
    answer = app.call(event)
    assert answer.status_code == 500
    assert "Get_schedule NotFound" in answer.json()["start"]
    assert app.ended()["code"] == "NotStarted"
    properties = {
        "isEnabled": False,
        "trigger": {"triggerType": "Recurrence", "frequency": "week", "interval": 1},
        "action": {"actionType": "CreateJob", "jobDefinition": JOB},
    }
    azure.put(f"{workspace.id}/schedules/{schedule}", {"properties": properties}, api_version=ML)
    assert app.call(event).json() == {"start": "submitted"}
    status, _, job = azure.arm("GET", f"{workspace.id}/jobs/{schedule}-f-1", api_version=ML)
    assert (status, job["properties"]["displayName"]) == (200, f"{schedule}-f-1")


def test_an_alert_becomes_a_card_in_the_channel_whose_url_stays_in_the_vault(
    forwarding: tuple[LocalAzure, Workspace], forge: tuple[int, type[Forge]]
) -> None:
    azure, workspace = forwarding
    group = workspace.group_id
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/{workspace.vault}"
    identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-teams"
    made = azure.put(identity, {"location": "westeurope"}, api_version="2023-01-31")
    azure.assign(vault, "4633458b-17de-408a-b874-0445c86b69e6", made["properties"]["principalId"])
    secret = f"https://{workspace.vault}.vault.azure.net/secrets/teams-webhook"
    held = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    properties = {"definition": teams.definition(secret, identity)}
    status, body, path = logic_app.put(azure, group, properties, identity=held)
    assert status == 201, body
    app = logic_app.LogicApp(azure, path, teams.TRIGGER)
    essentials = {
        "alertRule": "failed-runs", "severity": "Sev2", "monitorCondition": "Fired", "firedDateTime": "2026-01-01T00:00:00Z",
        "configurationItems": ["mlw"], "description": "A job failed.",
    }  # fmt: skip
    alert = {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {"essentials": essentials, "alertContext": {}},
    }
    answer = app.call(alert)
    assert (answer.status_code, "Get_url NotFound" in answer.json()["teams"]) == (502, True)
    assert app.ended()["code"] == "NotTold"
    bearer = {"Authorization": f"Bearer {azure.token('https://vault.azure.net/.default')}"}
    url = "https://teams.example.com/workflows/invoke?sig=t0psecret"
    azure.session.put(
        f"{secret}?api-version=7.4", json={"value": url}, headers=bearer, timeout=30
    ).raise_for_status()
    forge[1].status = 202
    answer = app.call(alert)
    forge[1].status = 0
    assert (answer.status_code, answer.json()) == (200, {"teams": "told"})
    path, _, message = forge[1].received[-1]
    assert path == "/workflows/invoke?sig=t0psecret"
    (attachment,) = message["attachments"]
    title, text, facts = attachment["content"]["body"]
    assert (attachment["contentType"], title["text"]) == (
        "application/vnd.microsoft.card.adaptive",
        "Fired: failed-runs",
    )
    assert text["text"] == "A job failed."
    assert [(one["title"], one["value"]) for one in facts["facts"]] == [
        ("Severity", "Sev2"),
        ("Fired", "2026-01-01T00:00:00Z"),
        ("Resource", "mlw"),
    ]
    history = json.dumps([app.actions(run["name"]) for run in app.runs()] + app.runs())
    assert "t0psecret" not in history
