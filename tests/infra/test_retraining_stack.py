"""The loop as part of a stack, deployed by the embedded engine to local Azure, from the first update to the end."""

import json
import sys

import pytest
from deployed_stack import REPOSITORY, Stack

PROGRAM = """
import json, os
import pulumi
from pulumi_azure_native import eventgrid
from infra.names import Names
from infra.events.logic_app import LogicAppInputs
from infra.events.retraining import Retraining, RetrainingConfig
from infra.events.subscription import Topic
from infra.scope import Scope

given = {key: pulumi.Output.from_input(text) for key, text in json.loads(os.environ["LOOP_PLATFORM"]).items()}
names = pulumi.Output.from_input(Names("mlops", "test", "abc123"))
scope = Scope(given.pop("group"), "westeurope", names, {"team": "ml"}, False)
topic = eventgrid.SystemTopic(
    "topic",
    resource_group_name=scope.resource_group_name,
    location="westeurope",
    system_topic_name="evgt-loop",
    source=given["workspace_id"],
    topic_type="Microsoft.MachineLearningServices.Workspaces",
)
config = RetrainingConfig.model_validate(pulumi.Config().require_object("retraining"))
Retraining(
    "tiny-retraining",
    config,
    config.start,
    platform=LogicAppInputs(
        scope=scope, event_topic=Topic(scope.resource_group_name, topic.name, None), **given
    ),
    model="tiny",
    monitor=pulumi.Output.from_input("tiny-monitor"),
    schedule="tiny-retraining",
    cool_down_hours=24,
)
"""
LOGIC, EVENTS = "2019-05-01", "2025-02-15"


class LoopStack(Stack):
    """The loop of a model that isn't there, in a workspace that is."""

    def __init__(self, folder, azure, warm_engine, workspace, **changes):
        self.folder = folder
        super().__init__(folder, azure, warm_engine, **changes)
        accounts = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts"
        platform = {
            "group": workspace.resource_group,
            "workspace_id": workspace.id,
            "storage_id": f"{accounts}/{workspace.storage_account}",
            "lake_id": f"{accounts}/{workspace.storage_account}",
            "storage_name": workspace.storage_account,
            "vault_id": f"{workspace.group_id}/providers/Microsoft.KeyVault/vaults/{workspace.vault}",
            "key_vault_name": workspace.vault,
        }
        self.env["LOOP_PLATFORM"] = json.dumps(platform)
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
    """The loop, deployed."""
    folder = tmp_path_factory.mktemp("stack")
    deployed = LoopStack(folder, local_azure, warm_engine, empty_workspace, retraining={"start": "job"})
    deployed.said = deployed.run("up", "--yes", "--diff")
    return deployed


def callback(stack, local_azure):
    app = stack.resources()["tiny-retraining-logic-app"]["id"]
    _, _, body = local_azure.arm("POST", f"{app}/triggers/event/listCallbackUrl", api_version=LOGIC)
    return body["value"]


def test_a_refresh_and_a_second_update_change_nothing(stack):
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.run("up", "--yes", "--expect-no-changes")


def test_the_callback_url_is_shown_nowhere_and_kept_encrypted(stack, local_azure):
    url = callback(stack, local_azure)
    signature = url.partition("&sig=")[2]
    assert len(signature) > 40
    shown = [
        stack.said,
        json.dumps(stack.resources()),
        *(path.read_text() for path in stack.folder.rglob("*.json*")),
    ]
    assert len(shown) > 3
    assert [text for text in shown if signature in text] == []
    subscription = stack.resources()["tiny-retraining-subscription"]
    destination = subscription["inputs"]["destination"]
    assert "ciphertext" in json.dumps(destination)
    _, _, body = local_azure.arm("GET", subscription["id"], api_version=EVENTS)
    found = body["properties"]["destination"]["properties"]
    assert "endpointUrl" not in found
    assert found["endpointBaseUrl"] == url.partition("?")[0]
    _, _, full = local_azure.arm("POST", f"{subscription['id']}/getFullUrl", api_version=EVENTS)
    assert full == {"endpointUrl": url}


def test_the_identity_has_the_roles_that_starting_a_job_needs_and_no_other(stack, local_azure):
    resources = stack.resources()
    principal = resources["tiny-retraining-identity"]["outputs"]["principalId"]
    granted = {
        (one["outputs"]["roleDefinitionId"].rsplit("/", 1)[1], one["inputs"]["scope"].rsplit("/", 2)[1])
        for one in resources.values()
        if one["type"] == "azure-native:authorization:RoleAssignment"
        and one["inputs"]["principalId"] == principal
    }
    assert granted == {
        ("ba92f5b4-2d11-453d-a403-e96b0029c9fe", "storageAccounts"),
        ("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", "storageAccounts"),
        ("f6c7c914-8db3-469d-8ca1-694a8f32e121", "workspaces"),
    }


def test_a_destroyed_loop_leaves_nothing(stack, local_azure):
    app = stack.resources()["tiny-retraining-logic-app"]["id"]
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.resources() == {}
    assert local_azure.arm("GET", app, api_version=LOGIC)[0] == 404
