"""The history of a workflow: its runs, and in each what became of every action. What is secured is never written.

Kept as resources below the workflow: ``runs/NAME`` and ``runs/NAME/actions/NAME``. Inputs and outputs are shown through
links, as Azure does; of an action in a loop the last iteration is kept, with the number of them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError
from local.azure.logic import time_function

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from local.azure.azure import Azure
    from local.azure.resource_type import Record, ResourceId

Json = dict[str, Any]

WORKFLOW = "Microsoft.Logic/workflows"
RUN = f"{WORKFLOW}/runs"
ACTION = f"{RUN}/actions"
RUNNING, SUCCEEDED, FAILED, SKIPPED = "Running", "Succeeded", "Failed", "Skipped"
CANCELLED, ABORTED = "Cancelled", "Aborted"
_LAST_TICK = 3_155_378_975_999_999_999


def access_key(azure: Azure, workflow_id: str, which: str = "primary") -> str:
    """The key that signs a workflow's links, made when it is first asked for."""
    name = f"{workflow_id}/accesskey/{which}"
    key = azure.store.secret(name)
    if key is None:
        key = secrets.token_hex(32)
        azure.store.put_secret(name, key)
    return key


def signature(key: str, permission: str, version: str) -> str:
    """The ``sig`` of a link that permits one thing (``/triggers/manual/run``)."""
    digest = hmac.new(bytes.fromhex(key), f"{permission}\n{version}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def run_name(now: datetime) -> str:
    """The name of a run that starts now: newer ones sort first, as Azure's do."""
    return f"{_LAST_TICK - time_function.ticks(now.isoformat()):020d}{secrets.randbelow(10**9):09d}CU00"


@dataclass
class Ended:
    """What became of an action. ``inputs`` and ``outputs`` are None where they are secured."""

    status: str
    code: str = ""
    inputs: Any = None
    outputs: Any = None
    error: Json | None = None
    iterations: int = 0
    hidden: frozenset[str] = field(default_factory=frozenset[str])


@dataclass(frozen=True)
class History:
    """Writes the history of one run."""

    azure: Azure
    run_id: str

    def begin(self, workflow: Record, trigger: Json, *, secured: frozenset[str]) -> None:
        """Writes down that the run has begun, and with what."""
        now = self._now()
        name = self.run_id.rsplit("/", 1)[-1]
        correlation = {"clientTrackingId": name}
        version = workflow.body["properties"]["version"]
        properties: Json = {
            "waitEndTime": now,
            "startTime": now,
            "status": RUNNING,
            "correlation": correlation,
            "workflow": {
                "id": f"{workflow.id}/versions/{version}",
                "name": version,
                "type": f"{WORKFLOW}/versions",
            },
            "trigger": {
                "name": trigger["name"],
                "code": "OK",
                "scheduledTime": now,
                "startTime": now,
                "endTime": now,
                "correlation": correlation,
                "status": SUCCEEDED,
            },
            "outputs": {},
        }
        shown = None if "outputs" in secured else trigger["outputs"]
        self.azure.store.put(self.run_id, {"properties": properties, "outputs": shown})

    def end(self, status: str, error: Json | None = None) -> None:
        """Writes down how the run ended; the end stays."""
        record = self.azure.store.get(self.run_id)
        if record is None or record.body["properties"]["status"] != RUNNING:
            return
        properties: Json = {**record.body["properties"], "status": status, "endTime": self._now()}
        if error is not None:
            properties |= {"code": error["code"], "error": error}
        self.azure.store.put(self.run_id, {**record.body, "properties": properties})

    def action(self, name: str, started: str, ended: Ended) -> None:
        """Writes down what became of an action."""
        properties: Json = {
            "startTime": started,
            "endTime": self._now(),
            "status": ended.status,
            "code": ended.code or ("OK" if ended.status == SUCCEEDED else ended.status),
            "correlation": {
                "actionTrackingId": str(uuid.uuid4()),
                "clientTrackingId": self.run_id.rsplit("/", 1)[-1],
            },
            "canResubmit": False,
        }
        if ended.error is not None:
            properties["error"] = ended.error
        if ended.iterations:
            properties["repetitionCount"] = ended.iterations
        body: Json = {"properties": properties}
        for key, value in (("inputs", ended.inputs), ("outputs", ended.outputs)):
            if value is not None and key not in ended.hidden:
                body[key] = value
        if ended.hidden:
            properties["secureData"] = {"properties": sorted(ended.hidden)}
        self.azure.store.put(f"{self.run_id}/actions/{name}", body)

    def _now(self) -> str:
        return time_function.write(self.azure.now())


def abort_interrupted(azure: Azure) -> None:
    """Ends the runs that a stop interrupted: nobody goes on with them."""
    for record in azure.store.of_type(RUN):
        History(azure, record.id).end(
            ABORTED,
            {"code": "WorkflowRunAborted", "message": "Local Azure was stopped while the workflow ran."},
        )


# --- what ARM shows


def refuse_write(_azure: Azure, resource_id: ResourceId, _body: Json, _old: Record | None) -> Json:
    """Nobody writes history."""
    raise ArmError(405, "MethodNotAllowed", f"'{resource_id.type}' can't be written.")


def refuse_delete(_azure: Azure, record: Record) -> None:
    """Nobody deletes history; it goes with its workflow."""
    raise ArmError(405, "MethodNotAllowed", f"'{record.type}' can't be deleted; it goes with its workflow.")


def _link(azure: Azure, endpoint: str, workflow_id: str, path: str, content: Any) -> Json:
    permission = f"/{path}/read"
    sig = signature(access_key(azure, workflow_id), permission, "1.0")
    text = json.dumps(content).encode()
    digest = base64.b64encode(hashlib.md5(text, usedforsecurity=False).digest()).decode()
    return {
        "uri": f"{endpoint}/{path}?api-version=2016-10-01&se=&sp={permission.replace('/', '%2F')}&sv=1.0&sig={sig}",
        "contentVersion": digest,
        "contentSize": len(text),
        "contentHash": {"algorithm": "md5", "value": digest},
        "metadata": {"foreachItemsCount": 0},
    }


def view_run(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    """A run, its trigger's outputs as a link."""
    shown = {key: value for key, value in body.items() if key not in ("outputs", "systemData")}
    properties: Json = {**shown["properties"]}
    workflow_id = record.id.rsplit("/", 2)[0]
    workflow = azure.store.get(workflow_id)
    if workflow is not None and body.get("outputs") is not None:
        path = f"runs/{record.name}/contents/TriggerOutputs"
        endpoint = workflow.body["properties"]["accessEndpoint"]
        link = _link(azure, endpoint, workflow_id, path, body["outputs"])
        properties["trigger"] = {**properties["trigger"], "outputsLink": link}
    return {**shown, "properties": properties}


def view_action(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    """An action of a run, its inputs and outputs as links."""
    shown = {key: value for key, value in body.items() if key not in ("inputs", "outputs", "systemData")}
    properties: Json = {**shown["properties"]}
    run_id = record.id.rsplit("/", 2)[0]
    workflow_id = run_id.rsplit("/", 2)[0]
    workflow = azure.store.get(workflow_id)
    for key in ("inputs", "outputs"):
        if workflow is not None and key in body:
            what = f"Action{key.capitalize()}"
            path = f"runs/{run_id.rsplit('/', 1)[-1]}/actions/{record.name}/contents/{what}"
            endpoint = workflow.body["properties"]["accessEndpoint"]
            properties[f"{key}Link"] = _link(azure, endpoint, workflow_id, path, body[key])
    return {**shown, "properties": properties}


def content(azure: Azure, workflow_id: str, path: str, query: Mapping[str, str]) -> Any:
    """What a link leads to.

    Raises:
        ArmError: 401 the signature doesn't fit, 404 there is nothing.
    """
    expected = signature(access_key(azure, workflow_id), f"/{path}/read", "1.0")
    if not hmac.compare_digest(query.get("sig", ""), expected):
        raise ArmError(401, "AuthenticationFailed", "The authentication credentials are not valid.")
    owner, _, what = path.partition("/contents/")
    record = azure.store.get(f"{workflow_id}/{owner}")
    key = "inputs" if what.lower().endswith("inputs") else "outputs"
    if record is None or record.body.get(key) is None:
        raise ArmError(404, "ContentNotFound", f"There is no content '{path}'.")
    return record.body[key]
