"""MLflow tracking: a workspace's tracking URI, and the variables by which a job's process finds its run.

Runs are jobs: what a job's process or a notebook logs is kept with the job (parameters, tags) and in ``tracking_store``
(metrics); a run that a client creates is a job that local Azure doesn't run (``run.tracked``). Clients: ``azureml-mlflow``,
and MLflow's own REST store against ``https://{region}.api.azureml.ms/mlflow/v2.0{workspace}``. Its errors have MLflow's
``error_code`` besides ARM's. A client doesn't change the status of a job that local Azure runs.

Omitted (501): deleting runs and experiments, logged models, traces, the model registry.
Source: MLflow, "REST API"; Microsoft Learn, "Configure MLflow for Azure Machine Learning".
"""

from __future__ import annotations

import copy
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.azure.access import run_token
from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.machine_learning import asset_location, job_event, job_state, run_search, tracking_store
from local.azure.machine_learning.job_state import JOB, Job
from local.azure.machine_learning.tracking_store import Metric
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

DEFAULT = "Default"
_STATUSES = {
    "RUNNING": "Running",
    "SCHEDULED": "NotStarted",
    "FINISHED": "Completed",
    "FAILED": "Failed",
    "KILLED": "Canceled",
}
_SHOWN = {
    "NotStarted": "SCHEDULED",
    "Queued": "SCHEDULED",
    "Completed": "FINISHED",
    "Failed": "FAILED",
    "Canceled": "KILLED",
}
_CODES = {
    404: "RESOURCE_DOES_NOT_EXIST",
    400: "INVALID_PARAMETER_VALUE",
    409: "RESOURCE_ALREADY_EXISTS",
    501: "NOT_IMPLEMENTED",
}


def uri(azure: Azure, workspace: str) -> str:
    """A workspace's tracking URI."""
    record = azure.store.get(workspace)
    location = str(record.body.get("location")) if record is not None else "westeurope"
    return f"azureml://{location}.api.azureml.ms/mlflow/v1.0{workspace}"


def variables(job: Job) -> dict[str, str]:
    """What a job's process logs with: its run, and a token that is good for the runs of its workspace alone."""
    experiment = str(job.properties.get("experimentName") or DEFAULT)
    token = run_token.issue(job.azure.identity, job.workspace)
    return {
        "MLFLOW_TRACKING_URI": uri(job.azure, job.workspace),
        "MLFLOW_TRACKING_TOKEN": token,
        "AZUREML_RUN_TOKEN": token,
        "MLFLOW_RUN_ID": job.name,
        "MLFLOW_EXPERIMENT_ID": job_event.experiment_id(job.workspace, experiment),
        "MLFLOW_EXPERIMENT_NAME": experiment,
    }


def _milliseconds(text: object) -> int:
    return int(datetime.fromisoformat(str(text)).timestamp() * 1000)


def _iso(milliseconds: object) -> str:
    return datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC).isoformat()


def _found(azure: Azure, workspace: str, name: object) -> Job:
    job = Job(azure, f"{workspace}/jobs/{name}")
    if not name or azure.store.get(job.id) is None:
        raise ArmError(404, "NotFound", f"Run '{name}' not found")
    return Job(azure, job.record.id)


def _info(workspace: str, record: Record) -> Json:
    properties: Mapping[str, Any] = record.body["properties"]
    history: Mapping[str, Any] = record.body.get("run") or {}
    experiment = job_event.experiment_id(workspace, str(properties.get("experimentName") or DEFAULT))
    place = workspace.removeprefix("/")
    info: Json = {
        "run_id": record.name,
        "run_uuid": record.name,
        "run_name": properties.get("displayName") or record.name,
        "experiment_id": experiment,
        "user_id": record.created_by,
        "status": _SHOWN.get(properties["status"], "RUNNING"),
        "start_time": _milliseconds(history.get("started") or record.created_at),
        "artifact_uri": f"azureml://westeurope.api.azureml.ms/mlflow/v2.0/{place}/experiments/{experiment}"
        f"/runs/{record.name}/artifacts",
        "lifecycle_stage": "deleted" if properties.get("isArchived") else "active",
    }
    if history.get("ended"):
        info["end_time"] = _milliseconds(history["ended"])
    return info


def _run(azure: Azure, workspace: str, record: Record) -> Json:
    properties: Mapping[str, Any] = record.body["properties"]
    history: Mapping[str, Any] = record.body.get("run") or {}
    tags = {"mlflow.runName": properties.get("displayName") or record.name, **(properties.get("tags") or {})}
    return {
        "info": _info(workspace, record),
        "data": {
            "metrics": [one.body() for one in tracking_store.of(azure).latest(record.id).values()],
            "params": [
                {"key": name, "value": value} for name, value in (history.get("params") or {}).items()
            ],
            "tags": [{"key": name, "value": str(value)} for name, value in tags.items()],
        },
    }


def _experiments(azure: Azure, workspace: str) -> dict[str, str]:
    """The names of a workspace's experiments by their ids."""
    names = {DEFAULT, *tracking_store.of(azure).experiments(workspace)}
    names |= {
        str(one.body["properties"].get("experimentName") or DEFAULT)
        for one in azure.store.below(workspace, JOB)
    }
    return {job_event.experiment_id(workspace, name): name for name in sorted(names)}


def _experiment(number: str, name: str) -> Json:
    return {"experiment_id": number, "name": name, "lifecycle_stage": "active", "artifact_location": ""}


def _change(job: Job, tags: Mapping[str, str], params: Mapping[str, str]) -> None:
    """Adds tags and parameters to a run, also to one that has ended; a parameter can't be changed."""
    record = job.record
    body = copy.deepcopy(record.body)
    kept: Json = body.setdefault("run", {}).setdefault("params", {})
    for name, value in params.items():
        if kept.get(name, value) != value:
            raise bad_request(
                f"Changing param values is not allowed. Param with key='{name}' was already logged with "
                f"value='{kept[name]}' for run ID='{job.name}'. Attempted logging new value '{value}'."
            )
        kept[name] = value
    body["properties"]["tags"] = {**(body["properties"].get("tags") or {}), **tags}
    if "mlflow.runName" in tags:
        body["properties"]["displayName"] = tags["mlflow.runName"]
    job.azure.store.put(record.id, body, by=record.created_by)


def _metric(given: Mapping[str, Any]) -> Metric:
    try:
        return Metric(
            str(given["key"]),
            float(given["value"]),
            int(given.get("timestamp") or 0),
            int(given.get("step") or 0),
        )
    except (KeyError, TypeError, ValueError):
        raise bad_request("A metric needs a key, a value that is a number, a timestamp and a step.") from None


def _pairs(given: object) -> dict[str, str]:
    items: list[Any] = given if isinstance(given, list) else []
    return {str(one.get("key")): str(one.get("value", "")) for one in items}


def _create(azure: Azure, workspace: str, asked: Json, by: str) -> Json:
    number = str(asked.get("experiment_id") or job_event.experiment_id(workspace, DEFAULT))
    experiment = DEFAULT if number == "0" else _experiments(azure, workspace).get(number)
    if experiment is None:
        raise ArmError(404, "NotFound", f"Experiment '{number}' not found")
    tags = _pairs(asked.get("tags"))
    name = str(uuid.uuid4())
    started = _iso(asked["start_time"]) if asked.get("start_time") else azure.now().isoformat()
    body: Json = {
        "properties": {
            "jobType": "Command",
            "displayName": asked.get("run_name") or tags.get("mlflow.runName") or name,
            "experimentName": experiment,
            "command": "",
            "isArchived": False,
            "status": job_state.NOT_STARTED,
            "tags": tags,
            "properties": {},
            "inputs": {},
            "outputs": {
                "default": {
                    "jobOutputType": "uri_folder",
                    "mode": "ReadWriteMount",
                    "uri": job_state.artifacts(name),
                }
            },
            "services": {},
        },
        "run": {"tracked": True, "started": started, "params": {}},
    }
    if parent := tags.get("mlflow.parentRunId"):
        body["run"]["parent"] = _found(azure, workspace, parent).name
    made = azure.store.put(f"{workspace}/jobs/{name}", body, by=by)
    Job(azure, made.id).update(status=job_state.RUNNING)
    return {"run": _run(azure, workspace, Job(azure, made.id).record)}


def _update(azure: Azure, workspace: str, asked: Json) -> Json:
    job = _found(azure, workspace, asked.get("run_id") or asked.get("run_uuid"))
    if asked.get("run_name"):
        _change(job, {"mlflow.runName": str(asked["run_name"])}, {})
    status = asked.get("status")
    # Whether a job that runs here has ended isn't for what it runs to say.
    if status and (job.record.body.get("run") or {}).get("tracked"):
        if status not in _STATUSES:
            raise bad_request(f"'{status}' is no status of a run.")
        job.update(status=_STATUSES[status])
    return {"run_info": _info(workspace, job.record)}


def _search(azure: Azure, workspace: str, asked: Json) -> Json:
    wanted = set(map(str, asked.get("experiment_ids") or ()))
    view = str(asked.get("run_view_type") or "ACTIVE_ONLY")
    stages = {"ACTIVE_ONLY": {"active"}, "DELETED_ONLY": {"deleted"}}.get(view, {"active", "deleted"})
    runs = [_run(azure, workspace, record) for record in azure.store.below(workspace, JOB)]
    kept = [
        run
        for run in runs
        if run["info"]["experiment_id"] in wanted
        and run["info"]["lifecycle_stage"] in stages
        and run_search.matches(run, str(asked.get("filter") or ""))
    ]
    found = run_search.ordered(kept, list(asked.get("order_by") or ()))
    first, size = int(asked.get("page_token") or 0), int(asked.get("max_results") or 1000)
    page: Json = {"runs": found[first : first + size]}
    return page | ({"next_page_token": str(first + size)} if first + size < len(found) else {})


def _named(azure: Azure, workspace: str, asked: Json) -> Json:
    """One experiment, by name or by id."""
    for number, name in _experiments(azure, workspace).items():
        if asked.get("experiment_name") == name or asked.get("experiment_id") == number:
            return {"experiment": _experiment(number, name)}
    raise ArmError(
        404,
        "NotFound",
        f"Experiment '{asked.get('experiment_name') or asked.get('experiment_id')}' not found",
    )


def _create_experiment(azure: Azure, workspace: str, asked: Json) -> Json:
    name = str(asked.get("name") or "")
    if not name:
        raise bad_request("An experiment needs a name.")
    number = job_event.experiment_id(workspace, name)
    if number in _experiments(azure, workspace):
        raise ArmError(409, "Conflict", f"Experiment '{name}' already exists.")
    tracking_store.of(azure).add_experiment(workspace, name)
    return {"experiment_id": number}


async def _artifacts(azure: Azure, workspace: str, asked: Json) -> Json:
    job = _found(azure, workspace, asked.get("run_id") or asked.get("run_uuid"))
    place = await asset_location.locate(azure, workspace, job.artifacts)
    root = place.path.rstrip("/") + "/"
    below = f"{str(asked.get('path') or '').strip('/')}/".lstrip("/")
    names = await azure.blobs.names(place.account, place.container, root + below)
    found: dict[str, Json] = {}
    for name in names:
        first, slash, _ = name.removeprefix(root + below).partition("/")
        found[first] = {"path": f"{below}{first}", "is_dir": bool(slash)}
    return {"root_uri": _info(workspace, job.record)["artifact_uri"], "files": list(found.values())}


@dataclass(frozen=True)
class _Asked:
    """A request: what it asks (its query or its body), of which workspace, and who asks."""

    azure: Azure
    workspace: str
    body: Json
    by: str

    @property
    def job(self) -> Job:
        """The run it names."""
        return _found(self.azure, self.workspace, self.body.get("run_id") or self.body.get("run_uuid"))


def _log_metric(asked: _Asked) -> Json:
    tracking_store.of(asked.azure).log(asked.job.id, [_metric(asked.body)])
    return {}


def _log_batch(asked: _Asked) -> Json:
    job = asked.job
    metrics = [_metric(one) for one in asked.body.get("metrics") or ()]
    _change(job, _pairs(asked.body.get("tags")), _pairs(asked.body.get("params")))
    tracking_store.of(asked.azure).log(job.id, metrics)
    # No tracking id, also where it was asked for: it is all there already, nothing is to be waited for.
    return {}


def _log_parameter(asked: _Asked) -> Json:
    _change(asked.job, {}, _pairs([asked.body]))
    return {}


def _set_tag(asked: _Asked) -> Json:
    _change(asked.job, _pairs([asked.body]), {})
    return {}


def _history(asked: _Asked) -> Json:
    found = tracking_store.of(asked.azure).history(asked.job.id, str(asked.body.get("metric_key")))
    return {"metrics": [one.body() for one in found]}


def _list_experiments(asked: _Asked) -> Json:
    if asked.body.get("filter"):
        raise unsupported("A filter of experiments")
    found = _experiments(asked.azure, asked.workspace)
    return {"experiments": [_experiment(*one) for one in found.items()]}


_OPERATIONS: dict[str, Callable[[_Asked], Json]] = {
    "GET runs/get": lambda asked: {"run": _run(asked.azure, asked.workspace, asked.job.record)},
    "POST runs/create": lambda asked: _create(asked.azure, asked.workspace, asked.body, asked.by),
    "POST runs/update": lambda asked: _update(asked.azure, asked.workspace, asked.body),
    "POST runs/search": lambda asked: _search(asked.azure, asked.workspace, asked.body),
    "POST runs/log-metric": _log_metric,
    "POST runs/log-batch": _log_batch,
    "POST runs/log-batch-async": _log_batch,
    "POST runs/log-parameter": _log_parameter,
    "POST runs/set-tag": _set_tag,
    "GET metrics/get-history": _history,
    "GET experiments/get": lambda asked: _named(asked.azure, asked.workspace, asked.body),
    "GET experiments/get-by-name": lambda asked: _named(asked.azure, asked.workspace, asked.body),
    "POST experiments/create": lambda asked: _create_experiment(asked.azure, asked.workspace, asked.body),
    "GET experiments/search": _list_experiments,
    "POST experiments/search": _list_experiments,
    "GET experiments/list": _list_experiments,
}


async def _answer(azure: Azure, call: Call) -> Json:
    workspace = azure.store.get(call.captured["workspace"])
    if workspace is None:
        raise ArmError(404, "NotFound", f"The workspace '{call.captured['workspace']}' does not exist.")
    body: Json = dict(call.query) if call.method == "GET" else dict(call.body or {})
    # As it is stored, not as it is spelled here.
    asked = _Asked(azure, workspace.id, body, call.principal_id or "")
    operation = f"{call.method} {call.captured['operation'].lower()}"
    if operation == "GET artifacts/list":
        return await _artifacts(azure, asked.workspace, body)
    if operation not in _OPERATIONS:
        raise unsupported(f"MLflow's {operation}")
    return _OPERATIONS[operation](asked)


async def _handle(azure: Azure, call: Call) -> Answer:
    try:
        return Answer(200, await _answer(azure, call))
    except ArmError as error:
        code = _CODES.get(error.status, "INTERNAL_ERROR")
        return Answer(error.status, {**error.body(), "error_code": code, "message": error.message})


ROUTES = (
    Route(
        re.compile(r"[^.]+\.api\.azureml\.ms", re.IGNORECASE),
        re.compile(
            r"/mlflow/v[12]\.0(?P<workspace>/subscriptions/[^/]+/resourceGroups/[^/]+/providers"
            r"/Microsoft\.MachineLearningServices/workspaces/[^/]+)"
            r"/api/2\.0/(?:preview/)?mlflow/(?P<operation>[^/]+/[^/]+)",
            re.IGNORECASE,
        ),
        _handle,
        methods=("GET", "POST", "PATCH", "DELETE"),
    ),
)
stop = tracking_store.stop
