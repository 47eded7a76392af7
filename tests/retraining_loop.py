"""The loop of a model that isn't there: its Logic App, and what that stands on, on local Azure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import logic_app
from running_azure import unique

from infra.access.grant import RETRAINING_ROLES
from infra.events.retraining_start import Loop
from infra.events.retraining_workflow import BREACH_TAG, BREACH_TEXT, TRIGGER, definition

if TYPE_CHECKING:
    from conftest import Workspace
    from running_azure import LocalAzure

    from infra.events.retraining_start import Start

ML = "2025-12-01"
BLOB = {"x-ms-version": "2021-12-02"}
LINEAGE = "0123456789abcdef" * 4
JOB = {
    "jobType": "Pipeline",
    "experimentName": "retraining",
    "tags": {"Lineage": LINEAGE},
    "inputs": {"champion": {"jobInputType": "literal", "value": "none"}},
    "jobs": {"say": {"type": "command", "componentId": "azureml:nothing@latest"}},
}


@dataclass
class Scene:
    """A loop and what it stands on."""

    azure: LocalAzure
    workspace: Workspace
    model: str
    app: logic_app.LogicApp
    container: str

    def event(self, id_: str = "", monitor: str = "", text: str = BREACH_TEXT) -> dict[str, Any]:
        """The event of a breach of this model's monitor."""
        breach = f"Signal '{monitor or self.model + '-monitor'}_data_drift' {text}"
        return {
            "id": id_ or unique("event-"),
            "eventType": "Microsoft.MachineLearningServices.RunStatusChanged",
            "data": {"RunId": "run-1", "RunStatus": "Completed", "RunTags": {BREACH_TAG: breach}},
        }

    def send(self, event: dict[str, Any]) -> tuple[int, str]:
        """Delivers an event as Event Grid does; the status, and what was said."""
        answer = self.app.call([event])
        return answer.status_code, answer.json()["retraining"]

    def jobs(self) -> list[str]:
        """The names of the model's jobs."""
        _, _, body = self.azure.arm("GET", f"{self.workspace.id}/jobs?listViewType=All", api_version=ML)
        return sorted(one["name"] for one in body["value"] if one["name"].startswith(f"{self.model}-"))

    def jobs_of_retraining(self) -> list[str]:
        """The names of the jobs that retrain."""
        return [name for name in self.jobs() if name.startswith(f"{self.model}-{LINEAGE[:12]}-")]

    def claims(self) -> list[str]:
        """The names of the blobs of claims."""
        token = self.azure.token("https://storage.azure.com/.default")
        url = f"https://{self.workspace.storage_account}.blob.core.windows.net/{self.container}?restype=container&comp=list"
        answer = self.azure.session.get(url, headers={**BLOB, "Authorization": f"Bearer {token}"}, timeout=30)
        return [part.partition("</Name>")[0] for part in answer.text.split("<Name>")[1:]]

    def schedule(self, job: dict[str, Any] = JOB) -> None:
        """Makes the schedule whose job retrains."""
        properties = {
            "isEnabled": False,
            "trigger": {"triggerType": "Recurrence", "frequency": "week", "interval": 1},
            "action": {"actionType": "CreateJob", "jobDefinition": job},
        }
        path = f"{self.workspace.id}/schedules/{self.model}-retraining"
        self.azure.put(path, {"properties": properties}, api_version=ML)


def scene(
    azure: LocalAzure, workspace: Workspace, start: Start = "job", *, cool_down_minutes: int = 60, **more: Any
) -> Scene:
    model = unique("m")
    container = f"retraining-{model}"
    account = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"
    azure.put(f"{account}/blobServices/default/containers/{container}", {}, api_version="2024-01-01")
    identity = f"{workspace.group_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{model}"
    made = azure.put(identity, {"location": "westeurope"}, api_version="2023-01-31")
    vault = f"{workspace.group_id}/providers/Microsoft.KeyVault/vaults/{workspace.vault}"
    scopes = {
        "claims": f"{account}/blobServices/default/containers/{container}",
        "storage": account,
        "lake": account,
        "workspace": workspace.id,
        "vault": vault,
    }
    # The roles that the platform gives, and no other: what they don't permit fails here as it would in Azure.
    for role, target in RETRAINING_ROLES[start]:
        azure.assign(scopes[target], role.value, made["properties"]["principalId"])
    loop = Loop(
        model=model,
        monitor=f"{model}-monitor",
        schedule=f"{model}-retraining",
        workspace_id=workspace.id,
        claims=f"https://{workspace.storage_account}.blob.core.windows.net/{container}",
        identity_id=identity,
        cool_down_minutes=cool_down_minutes,
        **more,
    )
    held = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    status, body, path = logic_app.put(
        azure, workspace.group_id, {"definition": definition(loop, start)}, identity=held
    )
    assert status == 201, body
    return Scene(azure, workspace, model, logic_app.LogicApp(azure, path, TRIGGER), container)
