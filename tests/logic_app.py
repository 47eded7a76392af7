"""Logic Apps of a test's own: made through ARM, started at their callback URL, their history read back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from running_azure import unique

if TYPE_CHECKING:
    import requests
    from running_azure import LocalAzure

API = "2019-05-01"
REQUEST = {"manual": {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}}


def definition(actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A definition that a request starts."""
    return {
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "contentVersion": "1.0.0.0",
        "triggers": REQUEST,
        "actions": actions,
        **more,
    }


@dataclass
class LogicApp:
    """A workflow."""

    azure: LocalAzure
    id: str
    trigger: str = "manual"

    def url(self) -> str:
        """The callback URL of its trigger."""
        path = f"{self.id}/triggers/{self.trigger}/listCallbackUrl"
        status, _, body = self.azure.arm("POST", path, api_version=API)
        assert status == 200, body
        return str(body["value"])

    def call(self, body: Any = None, url: str = "") -> requests.Response:
        """Starts it."""
        return self.azure.session.post(url or self.url(), json=body, timeout=60)

    def runs(self) -> list[dict[str, Any]]:
        """Its runs, newest first."""
        _, _, body = self.azure.arm("GET", f"{self.id}/runs", api_version=API)
        return [one["properties"] | {"name": one["name"]} for one in body["value"]]

    def ended(self) -> dict[str, Any]:
        """Its newest run, once that has ended."""
        deadline = time.monotonic() + 30
        while not (runs := self.runs()) or runs[0]["status"] == "Running":
            assert time.monotonic() < deadline, runs
            time.sleep(0.02)
        return runs[0]

    def actions(self, run: str) -> dict[str, dict[str, Any]]:
        """The actions of a run, by name."""
        _, _, body = self.azure.arm("GET", f"{self.id}/runs/{run}/actions", api_version=API)
        return {one["name"]: one["properties"] for one in body["value"]}

    def content(self, link: dict[str, Any]) -> Any:
        """What a link of the history leads to."""
        answer = self.azure.session.get(link["uri"], timeout=30)
        answer.raise_for_status()
        return answer.json()


def put(azure: LocalAzure, group: str, properties: dict[str, Any], **more: Any) -> tuple[int, Any, str]:
    """PUTs a workflow; the status, the body and its id."""
    path = f"{group}/providers/Microsoft.Logic/workflows/{unique('logic-')}"
    body = {"location": "westeurope", "properties": properties, **more}
    status, _, answer = azure.arm("PUT", path, body, api_version=API)
    return status, answer, path


def make(azure: LocalAzure, group: str, actions: dict[str, Any], **more: Any) -> LogicApp:
    """A workflow of these actions."""
    properties = {
        "definition": definition(actions, **more.pop("definition", {})),
        **more.pop("properties", {}),
    }
    status, body, path = put(azure, group, properties, **more)
    assert status == 201, body
    return LogicApp(azure, path)
