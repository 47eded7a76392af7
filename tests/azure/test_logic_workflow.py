"""Workflows that really run: started over HTTP, followed in their history."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import logic_app
import pytest
from running_azure import start_local_azure, stop_local_azure, unique

from local.settings import LocalDir

if TYPE_CHECKING:
    from running_azure import LocalAzure


def answer(body: Any, status: int = 200, **more: Any) -> dict[str, Any]:
    return {"type": "Response", "inputs": {"statusCode": status, "body": body}, **more}


def after(**statuses: str) -> dict[str, Any]:
    return {name: status.split() for name, status in statuses.items()}


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


@pytest.fixture(scope="module")
def identity(local_azure: LocalAzure, group: str) -> str:
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    made = local_azure.put(path, {"location": "westeurope"}, api_version="2023-01-31")
    for role in (READER, KEY_VAULT_SECRETS_USER):
        scope = f"/subscriptions/{local_azure.subscription_id}"
        local_azure.assign(scope, role, made["properties"]["principalId"])
    return path


def test_a_request_is_answered_with_what_the_workflow_makes_of_it(
    local_azure: LocalAzure, group: str
) -> None:
    actions = {
        "Count": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "n", "type": "integer", "value": 0}]}},
        "Until_three": {
            "type": "Until",
            "expression": "@equals(variables('n'), 3)",
            "limit": {"count": 10, "timeout": "PT1M"},
            "actions": {"One_more": {"type": "IncrementVariable", "inputs": {"name": "n"}}},
            "runAfter": after(Count="Succeeded"),
        },
        "Greeting": {
            "type": "If",
            "expression": {"and": [{"equals": ["@triggerBody()?['name']", "Ada"]}]},
            "actions": {"Known": {"type": "Compose", "inputs": "Hello @{triggerBody()['name']}"}},
            "else": {"actions": {"Unknown": {"type": "Compose", "inputs": "Who?"}}},
            "runAfter": after(Until_three="Succeeded"),
        },
        "Answer": answer(
            {"said": "@coalesce(outputs('Known'), outputs('Unknown'))", "times": "@variables('n')"},
            runAfter=after(Greeting="Succeeded"),
        ),
    }  # fmt: skip
    app = logic_app.make(local_azure, group, actions)
    assert app.call({"name": "Ada"}).json() == {"said": "Hello Ada", "times": 3}
    run = app.ended()
    assert run["status"] == "Succeeded"
    seen = app.actions(run["name"])
    assert {name: one["status"] for name, one in seen.items()} == {
        "Count": "Succeeded",
        "Until_three": "Succeeded",
        "One_more": "Succeeded",
        "Greeting": "Succeeded",
        "Known": "Succeeded",
        "Unknown": "Skipped",
        "Answer": "Succeeded",
    }
    assert seen["Until_three"]["repetitionCount"] == 3
    assert app.content(seen["Known"]["outputsLink"]) == "Hello Ada"
    assert app.content(run["trigger"]["outputsLink"])["body"] == {"name": "Ada"}


def test_a_workflow_without_a_response_is_accepted_at_once(local_azure: LocalAzure, group: str) -> None:
    app = logic_app.make(local_azure, group, {"Note": {"type": "Compose", "inputs": "@triggerBody()"}})
    reply = app.call({"a": 1})
    assert (reply.status_code, reply.content) == (202, b"")
    assert reply.headers["x-ms-workflow-run-id"] == app.ended()["name"]


def test_what_runs_after_a_failure_handles_it(local_azure: LocalAzure, group: str) -> None:
    actions = {
        "Work": {"type": "Scope", "actions": {"Break": {"type": "Compose", "inputs": "@int('x')"}}},
        "Fine": answer("fine", runAfter=after(Work="Succeeded")),
        "Repair": {"type": "Compose", "inputs": "@actions('Work')?['status']", "runAfter": after(Work="Failed TimedOut")},
        "Sorry": answer("@outputs('Repair')", 500, runAfter=after(Repair="Succeeded")),
        "End": {
            "type": "Terminate",
            "inputs": {"runStatus": "Failed", "runError": {"code": "Broken", "message": "It broke: @{actions('Break')?['code']}"}},
            "runAfter": after(Sorry="Succeeded"),
        },
        "Never": {"type": "Compose", "inputs": 1, "runAfter": after(End="Succeeded")},
    }  # fmt: skip
    app = logic_app.make(local_azure, group, actions)
    reply = app.call()
    assert (reply.status_code, reply.text) == (500, "Failed")
    run = app.ended()
    assert run["status"] == "Failed"
    assert run["error"] == {"code": "Broken", "message": "It broke: InvalidTemplate"}
    statuses = {name: one["status"] for name, one in app.actions(run["name"]).items()}
    assert (statuses["Break"], statuses["Fine"], statuses["Never"]) == ("Failed", "Skipped", "Skipped")


def test_a_run_that_ends_without_its_response_is_a_bad_gateway(local_azure: LocalAzure, group: str) -> None:
    actions = {
        "Break": {"type": "Compose", "inputs": "@int('x')"},
        "Answer": answer("never", runAfter=after(Break="Succeeded")),
    }
    app = logic_app.make(local_azure, group, actions)
    reply = app.call()
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "NoResponse")
    assert app.ended()["status"] == "Failed"


def test_a_request_needs_the_signature_of_the_callback_url(local_azure: LocalAzure, group: str) -> None:
    app = logic_app.make(local_azure, group, {"Answer": answer("ok")})
    url = app.url()
    assert url.startswith("https://prod-")
    assert app.call(url=url).status_code == 200
    start, _, sig = url.partition("&sig=")
    assert app.call(url=start).status_code == 401
    assert app.call(url=f"{start}&sig={'x' + sig[1:]}").status_code == 401
    local_azure.arm(
        "POST", f"{app.id}/regenerateAccessKey", {"keyType": "Primary"}, api_version=logic_app.API
    )
    assert app.call(url=url).status_code == 401
    assert app.call().status_code == 200


def test_a_disabled_workflow_starts_nothing_until_it_is_enabled(local_azure: LocalAzure, group: str) -> None:
    app = logic_app.make(local_azure, group, {"Answer": answer("ok")})
    local_azure.arm("POST", f"{app.id}/disable", api_version=logic_app.API)
    reply = app.call()
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "WorkflowTriggerIsNotEnabled")
    assert app.runs() == []
    local_azure.arm("POST", f"{app.id}/enable", api_version=logic_app.API)
    assert app.call().status_code == 200


def test_http_reaches_azure_with_a_token_of_the_workflows_identity(
    local_azure: LocalAzure, group: str, identity: str
) -> None:
    get = {
        "type": "Http",
        "inputs": {
            "method": "GET",
            "uri": f"https://management.azure.com{group}",
            "queries": {"api-version": "2024-03-01"},
            "authentication": {"type": "ManagedServiceIdentity", "identity": identity},
        },
    }
    missing = {**get, "inputs": {**get["inputs"], "uri": f"https://management.azure.com{group}-gone"}}
    away = {"type": "Http", "inputs": {"method": "GET", "uri": "https://example.com/"}}
    actions = {
        "Get": get,
        "Missing": missing,
        "Away": away,
        "Answer": answer(
            {"name": "@body('Get')?['name']", "missing": "@outputs('Missing')?['statusCode']", "away": "@actions('Away')?['error']"},
            runAfter=after(Get="Succeeded", Missing="Failed", Away="Failed"),
        ),
    }  # fmt: skip
    held = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    found = logic_app.make(local_azure, group, actions, identity=held).call().json()
    assert found["name"] == group.rsplit("/", 1)[1]
    assert found["missing"] == 404
    assert "'example.com'" in found["away"]["message"]
    assert "MLOPS_LOCAL_FORWARD" in found["away"]["message"]


def test_what_is_secured_is_in_no_history_and_in_no_error(
    local_azure: LocalAzure, workspace: Any, identity: str
) -> None:
    secret = f"s3cret-{unique()}"
    vault = f"https://{workspace.vault}.vault.azure.net/secrets"
    token = local_azure.token("https://vault.azure.net/.default")
    local_azure.session.put(
        f"{vault}/the-token?api-version=7.4",
        json={"value": secret},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    ).raise_for_status()
    hidden = {"runtimeConfiguration": {"secureData": {"properties": ["inputs", "outputs"]}}}
    actions = {
        "Read": {
            "type": "Http",
            "inputs": {
                "method": "GET",
                "uri": f"{vault}/the-token?api-version=7.4",
                "authentication": {"type": "ManagedServiceIdentity", "identity": identity, "audience": "https://vault.azure.net"},
            },
            **hidden,
        },
        "Use": {"type": "Compose", "inputs": "Bearer @{body('Read')['value']}", "runAfter": after(Read="Succeeded")},
        "Trip": {"type": "Compose", "inputs": "@int(body('Read')['value'])", "runAfter": after(Use="Succeeded")},
        "Answer": answer("@length(outputs('Use'))", runAfter=after(Trip="Failed")),
    }  # fmt: skip
    held = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    app = logic_app.make(local_azure, workspace.group_id, actions, identity=held)
    assert app.call().text == str(len(f"Bearer {secret}"))
    run = app.ended()
    seen = app.actions(run["name"])
    for name in ("Read", "Use", "Trip"):
        assert not {"inputsLink", "outputsLink"} & seen[name].keys()
    assert seen["Trip"]["error"]["message"] == "The reason is hidden, as the inputs are secured."
    database = b"".join(path.read_bytes() for path in local_azure.dir.root.glob("azure.db*"))
    assert database.count(secret.encode()) <= 2  # the vault's own, and the log of that write
    logs = [
        path for path in local_azure.dir.root.rglob("*.log") if secret in path.read_text(errors="replace")
    ]
    assert logs == []


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"actions": {"Wait": {"type": "Wait", "inputs": {}}}}, 501, "'Wait' of type Wait"),
        ({"actions": {"Each": {"type": "Foreach", "actions": {}}}}, 501, "'Each' of type Foreach"),
        ({"triggers": {"timer": {"type": "Recurrence"}}}, 501, "'timer' of type Recurrence"),
        ({"actions": {"C": {"type": "Compose", "inputs": "@xpath('a', 'b')"}}}, 501, "'xpath'"),
        ({"actions": {"C": {"type": "Compose", "inputs": "@concat('a'"}}}, 400, "in the action 'C'"),
        ({"actions": {"C": {"type": "Compose", "inputs": "@body('D')"}}}, 400, "refers to 'D'"),
        ({"actions": {"C": {"type": "Compose", "inputs": "@parameters('p')"}}}, 400, "refers to 'p'"),
        ({"actions": {"C": {"type": "Compose", "runAfter": {"D": ["Succeeded"]}}}}, 400, "runs after 'D'"),
        ({"actions": {n: {"type": "Compose", "runAfter": {m: ["Succeeded"]}} for n, m in ("CD", "DC")}}, 400, "wait for each other"),
        ({"actions": {"H": {"type": "Http", "inputs": {"method": "GET"}}}}, 400, "inputs.uri"),
        ({"actions": {"H": {"type": "Http", "inputs": {"method": "GET", "uri": "x", "authentication": {"type": "Basic"}}}}}, 501, "by Basic"),
        ({"actions": {"H": {"type": "Http", "inputs": {"method": "GET", "uri": "x", "authentication": {"type": "ManagedServiceIdentity", "identity": "/x"}}}}}, 400, "'/x'"),
        ({"parameters": {"p": {"type": "string"}}}, 400, "neither a value nor a default"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_by_name(
    local_azure: LocalAzure, group: str, change: dict[str, Any], status: int, named: str
) -> None:
    got, body, path = logic_app.put(
        local_azure, group, {"definition": {**logic_app.definition({}), **change}}
    )
    assert (got, named in body["error"]["message"]) == (status, True), body
    assert local_azure.arm("GET", path, api_version=logic_app.API)[0] == 404


def test_parameters_have_values_and_secure_ones_are_never_read_back(
    local_azure: LocalAzure, group: str
) -> None:
    declared = {
        "open": {"type": "String"},
        "token": {"type": "SecureString"},
        "other": {"type": "Int", "defaultValue": 7},
    }
    app = logic_app.make(
        local_azure,
        group,
        {"Answer": answer("@{parameters('open')} @{length(parameters('token'))} @{parameters('other')}")},
        definition={"parameters": declared},
        properties={"parameters": {"open": {"value": "a"}, "token": {"value": "1234"}}},
    )  # fmt: skip
    assert app.call().text == "a 4 7"
    _, _, body = local_azure.arm("GET", app.id, api_version=logic_app.API)
    assert body["properties"]["parameters"] == {"open": {"value": "a"}}


def test_a_run_that_a_kill_interrupted_is_aborted() -> None:
    root = Path(tempfile.mkdtemp(prefix="mlops-"))
    directory = LocalDir(root / "local")
    azure = start_local_azure(directory)
    try:
        forever = {
            "Spin": {
                "type": "Until",
                "expression": "@false",
                "limit": {"count": 5000, "timeout": "PT1H"},
                "actions": {"Turn": {"type": "Compose", "inputs": "@guid()"}},
            }
        }
        app = logic_app.make(azure, azure.group(), forever)
        assert app.call().status_code == 202
        assert app.runs()[0]["status"] == "Running"
        azure.process.kill()
        azure.process.wait(30)
        stop_local_azure(azure)
        azure = start_local_azure(directory)
        app.azure = azure
        run = app.ended()
        assert (run["status"], run["code"]) == ("Aborted", "WorkflowRunAborted")
    finally:
        stop_local_azure(azure)
        shutil.rmtree(root, ignore_errors=True)
