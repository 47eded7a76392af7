"""A workflow's own host, ``prod-NN.REGION.logic.azure.com``: signed requests start runs, signed links show contents."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.azure.errors import ArmError
from local.azure.logic import definition, history
from local.azure.logic.history import RUN, WORKFLOW, History
from local.azure.logic.run import Response, Run
from local.azure.logic.scope import Scope
from local.azure.logic.text import as_text
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

_VERSION = "1.0"
#: How long a caller is kept waiting for a response, in seconds.
_PATIENCE = 120.0
#: What runs, by the id of the run in lower case.
_running: dict[str, asyncio.Task[None]] = {}


def _callback(azure: Azure, record: Record, trigger: str) -> Json:
    """A trigger's URL, which whoever has it may start the workflow with."""
    triggers: Json = record.body["properties"]["definition"]["triggers"]
    name = next((one for one in triggers if one.lower() == trigger.lower()), None)
    if name is None:
        raise ArmError(
            404, "WorkflowTriggerNotFound", f"The workflow '{record.name}' has no trigger '{trigger}'."
        )
    permission = f"/triggers/{name}/run"
    queries = {
        "api-version": "2016-10-01",
        "sp": permission,
        "sv": _VERSION,
        "sig": history.signature(history.access_key(azure, record.id), permission, _VERSION),
    }
    base = f"{record.body['properties']['accessEndpoint']}/triggers/{quote(name)}/paths/invoke"
    text = "&".join(f"{key}={quote(value, safe='')}" for key, value in queries.items())
    return {
        "value": f"{base}?{text}",
        "method": str((triggers[name].get("inputs") or {}).get("method", "POST")).upper(),
        "basePath": base,
        "queries": queries,
    }


async def _list_callback(azure: Azure, call: Call) -> Answer:
    record = azure.store.get(call.captured["workflow"])
    if record is None:
        raise ArmError(404, "ResourceNotFound", f"The resource '{call.captured['workflow']}' was not found.")
    return Answer(200, _callback(azure, record, call.captured["trigger"]))


def _workflow(azure: Azure, call: Call) -> Record:
    key = call.captured["key"].lower()
    for record in azure.store.of_type(WORKFLOW):
        endpoint = str(record.body["properties"]["accessEndpoint"])
        if endpoint.endswith(key) and f"//{call.host}:" in endpoint:
            return record
    raise ArmError(404, "WorkflowNotFound", f"The workflow '{key}' could not be found.")


async def _invoke(azure: Azure, call: Call) -> Answer:
    """Starts a run; answers what its action Response says, or 202 at once where it has none."""
    record = _workflow(azure, call)
    trigger = _permitted(azure, call, record)
    properties: Json = record.body["properties"]
    if properties["state"] != "Enabled":
        raise ArmError(
            404,
            "WorkflowTriggerIsNotEnabled",
            f"Could not execute workflow '{record.name}' trigger '{trigger}' with state '{properties['state']}': "
            "trigger is not enabled.",
        )
    outputs: Json = {"headers": {name.title(): value for name, value in call.headers.items()}}
    if call.content:
        outputs["body"] = call.body if call.body is not None else call.content.decode(errors="replace")
    wanted: Json = properties["definition"]
    response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()
    name = begin(azure, record, trigger, outputs, response=response, ended=ended)
    headers = {"x-ms-workflow-run-id": name, "x-ms-workflow-name": record.name}
    if not any(definition.kind_of(action) == "response" for _, action in definition.every(wanted["actions"])):
        return Answer(202, None, headers)
    return await _answered(response, ended, headers, name)


def begin(
    azure: Azure,
    record: Record,
    trigger: str,
    outputs: Json,
    *,
    response: asyncio.Future[Response] | None = None,
    ended: asyncio.Event | None = None,
) -> str:
    """Starts a run in the background; returns its name.

    Args:
        azure: local Azure.
        record: the workflow.
        trigger: what starts it.
        outputs: what the trigger gives the run.
        response: where the action Response puts what it says.
        ended: set when the run has ended.
    """
    properties: Json = record.body["properties"]
    wanted: Json = properties["definition"]
    name = history.run_name(azure.now())
    run_id = f"{record.id}/runs/{name}"
    scope = Scope(
        trigger={"name": trigger, "status": "Succeeded", "outputs": outputs},
        parameters=_parameters(properties),
        workflow={
            "id": record.id,
            "name": record.name,
            "type": WORKFLOW,
            "location": record.body["location"],
            "run": {"id": run_id, "name": name, "type": RUN},
        },
        now=azure.now,
    )
    written = History(azure, run_id)
    written.begin(record, scope.trigger, secured=definition.secured(wanted["triggers"][trigger]))
    answer = response if response is not None else asyncio.get_running_loop().create_future()
    done = ended if ended is not None else asyncio.Event()
    azure.spawn(f"run {name} of {record.name}", _go(Run(azure, wanted, scope, written, answer), done))
    return name


def _permitted(azure: Azure, call: Call, record: Record) -> str:
    """The trigger that the caller may start."""
    given = call.query
    if not given.get("sig"):
        raise ArmError(
            401,
            "DirectApiAuthorizationRequired",
            "The request must be authenticated only by Shared Access scheme.",
        )
    triggers: Json = record.body["properties"]["definition"]["triggers"]
    trigger = next((one for one in triggers if one.lower() == call.captured["trigger"].lower()), None)
    permission = f"/triggers/{trigger}/run"
    keys = (history.access_key(azure, record.id, which) for which in ("primary", "secondary"))
    fits = any(
        hmac.compare_digest(given["sig"], history.signature(key, permission, _VERSION)) for key in keys
    )
    if trigger is None or given.get("sp") != permission or given.get("sv") != _VERSION or not fits:
        raise ArmError(401, "AuthenticationFailed", "The authentication credentials are not valid.")
    method = str((triggers[trigger].get("inputs") or {}).get("method", "")).upper()
    if method and method != call.method:
        raise ArmError(405, "MethodNotAllowed", f"The trigger '{trigger}' takes {method}, not {call.method}.")
    return trigger


def _parameters(properties: Json) -> Json:
    declared: Json = properties["definition"].get("parameters") or {}
    defaults = {name: one.get("defaultValue") for name, one in declared.items()}
    return defaults | {name: one.get("value") for name, one in properties["parameters"].items()}


async def _go(run: Run, ended: asyncio.Event) -> None:
    key = run.history.run_id.lower()
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("A run is a task.")
    _running[key] = task
    try:
        await run.go()
    except Exception as error:
        run.history.end(history.FAILED, {"code": "InternalServerError", "message": type(error).__name__})
        raise
    finally:
        _running.pop(key, None)
        ended.set()


async def _answered(
    response: asyncio.Future[Response], ended: asyncio.Event, headers: dict[str, str], run: str
) -> Answer:
    end = asyncio.ensure_future(ended.wait())
    await asyncio.wait((response, end), timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if not response.done():
        if ended.is_set():
            code, message = "NoResponse", "The server did not receive a response from an upstream server."
            raise ArmError(502, code, f"{message} Request tracking id '{run}'.", headers=headers)
        response.cancel()
        raise ArmError(
            504, "GatewayTimeout", "The execution of template action 'Response' timed out.", headers=headers
        )
    found = response.result()
    given = {str(name): as_text(value) for name, value in found.headers.items()}
    if isinstance(found.body, dict | list):
        return Answer(found.status, json.loads(json.dumps(found.body)), {**headers, **given})
    if found.body is None:
        return Answer(found.status, None, {**headers, **given})
    typed = {} if any(name.lower() == "content-type" for name in given) else {"Content-Type": "text/plain"}
    return Answer(found.status, as_text(found.body).encode(), {**headers, **typed, **given})


async def _content(azure: Azure, call: Call) -> Answer:
    record = _workflow(azure, call)
    return Answer(200, history.content(azure, record.id, call.captured["path"], call.query))


async def cancel_runs(workflow_id: str) -> None:
    """Ends what runs of a workflow."""
    prefix = f"{workflow_id.lower()}/"
    tasks = [task for key, task in _running.items() if key.startswith(prefix)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


_HOST = re.compile(r"prod-\d+\.[a-z0-9]+\.logic\.azure\.com", re.IGNORECASE)
_KEY = r"/workflows/(?P<key>[0-9a-f]{32})"
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            r"(?P<workflow>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Logic/workflows/[^/]+)"
            r"/triggers/(?P<trigger>[^/]+)/listCallbackUrl",
            re.IGNORECASE,
        ),
        _list_callback,
        ("POST",),
    ),
    Route(
        _HOST,
        re.compile(_KEY + r"/triggers/(?P<trigger>[^/]+)/paths/invoke", re.IGNORECASE),
        _invoke,
        ("GET", "POST", "PUT", "PATCH", "DELETE"),
        authenticated=False,
    ),
    Route(
        _HOST,
        re.compile(_KEY + r"/(?P<path>runs/[^/]+/(?:actions/[^/]+/)?contents/[A-Za-z]+)", re.IGNORECASE),
        _content,
        ("GET",),
        authenticated=False,
    ),
)
