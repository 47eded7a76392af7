"""Runs a schedule at once: a job schedule submits its job, a monitor compares collected data with its reference.

A monitor's job downloads both, and a process of its own judges them with ``ml.drift`` by the signals' thresholds
(Azure does the same on serverless Spark). What it finds is the job's output ``drift``:
``azureml/{job}/drift/report.json``. A breach completes the job and tags it as Azure does, with
``azureml_modelmonitor_threshold_breached``. Signals of data drift and prediction drift are supported; others are refused.
"""

from __future__ import annotations

import copy
import json
import re
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.machine_learning import asset_location, job, job_run, job_state, serving
from local.azure.machine_learning.duration import seconds
from local.azure.machine_learning.job_state import Job
from local.azure.machine_learning.model_server import tail
from local.settings import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record

BREACH = "azureml_modelmonitor_threshold_breached"
_HOUR = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/(\d{2})/[^/]+$")
_SIGNALS = frozenset({"datadrift", "predictiondrift"})


@dataclass(frozen=True)
class Data:
    """One side of a signal: where it is, and the time it covers; None: all."""

    uri: str
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Signal:
    """One signal of a monitor."""

    name: str
    reference: Data
    production: Data
    features: tuple[str, ...] | None
    categorical: tuple[str, ...]
    thresholds: tuple[Mapping[str, Any], ...]


def signals(definition: Mapping[str, Any], now: datetime) -> tuple[Signal, ...]:
    """The signals of a monitor's definition, their windows counted back from ``now``; refuses what can't be judged."""
    found: list[Signal] = []
    for name, given in (definition.get("signals") or {}).items():
        kind = str(given.get("signalType"))
        if kind.lower() not in _SIGNALS:
            raise unsupported(f"A monitoring signal of type '{kind}'")
        chosen: Mapping[str, Any] = given.get("features") or {}
        filtered = str(chosen.get("filterType") or "AllFeatures").lower()
        if filtered not in {"allfeatures", "featuresubset"}:
            raise unsupported(f"Choosing the features of signal '{name}' by '{chosen.get('filterType')}'")
        types: Mapping[str, str] = given.get("featureDataTypeOverride") or {}
        found.append(
            Signal(
                name=name,
                reference=_data(name, given.get("referenceData") or {}, now),
                production=_data(name, given.get("productionData") or {}, now),
                features=tuple(chosen["features"]) if filtered == "featuresubset" else None,
                categorical=tuple(column for column, one in types.items() if one.lower() == "categorical"),
                thresholds=tuple(given.get("metricThresholds") or ()),
            )
        )
    if not found:
        raise bad_request("The monitor has no signals.")
    return tuple(found)


def _data(signal: str, given: Mapping[str, Any], now: datetime) -> Data:
    if given.get("preprocessingComponentId"):
        raise unsupported(f"A preprocessing component (signal '{signal}')")
    if not given.get("uri"):
        raise bad_request(f"The signal '{signal}' lacks data: it has no uri.")
    match str(given.get("inputDataType")).lower():
        case "trailing" | "rolling":
            end = now - _window(given.get("windowOffset"), timedelta())
            return Data(given["uri"], end - _window(given.get("windowSize"), timedelta(days=1)), end)
        case "fixed" | "static":
            return Data(given["uri"], _time(given.get("windowStart")), _time(given.get("windowEnd")))
        case other:
            raise unsupported(f"Data of the type '{other}' (signal '{signal}')")


def _window(text: str | None, default: timedelta) -> timedelta:
    return default if text is None or text.lower() == "default" else timedelta(seconds=seconds(text))


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def within(blob: str, start: datetime | None, end: datetime | None) -> bool:
    """Whether a blob of collected data (``…/YYYY/MM/DD/HH/FILE``) may hold rows of a window; others always may."""
    named = _HOUR.search(blob)
    if named is None:
        return True
    hour = datetime(*(int(part) for part in named.groups()), tzinfo=UTC)  # pyright: ignore[reportArgumentType]
    return (end is None or hour < end) and (start is None or hour + timedelta(hours=1) > start)


async def trigger(azure: Azure, schedule: Record) -> str:
    """Runs a schedule now and returns the name of the job that does; it runs on in the background."""
    workspace = schedule.id[: schedule.id.lower().rindex("/schedules/")]
    name = f"{schedule.name}-{azure.now():%Y%m%d%H%M%S}-{uuid.uuid4().hex[:6]}"
    action: Mapping[str, Any] = schedule.body["properties"]["action"]
    match str(action.get("actionType")):
        case "CreateMonitor":
            _monitor(Job(azure, f"{workspace}/jobs/{name}"), schedule, action["monitorDefinition"])
        case "CreateJob":
            _job(azure, workspace, name, schedule, action["jobDefinition"])
        case other:
            raise unsupported(f"A schedule with the action '{other}'")
    return name


def _job(azure: Azure, workspace: str, name: str, schedule: Record, definition: Mapping[str, Any]) -> None:
    given = {key: copy.deepcopy(value) for key, value in definition.items() if value not in (None, "", {})}
    source = given.pop("sourceJobId", None)
    if source:
        original = azure.store.get(str(source))
        if original is None:
            raise bad_request(f"The schedule's job '{source}' does not exist.")
        given = job.again(original) | given
    given["properties"] = {**(given.get("properties") or {}), "azureml.scheduleName": schedule.name}
    job.create(azure, f"{workspace}/jobs/{name}", {"properties": given}, schedule.created_by)


def _monitor(run: Job, schedule: Record, definition: Mapping[str, Any]) -> None:
    wanted = signals(definition, run.azure.now())
    properties: Json = {
        "jobType": "Pipeline",
        "displayName": f"{schedule.name} monitor run",
        "experimentName": schedule.name,
        "isArchived": False,
        "status": job_state.NOT_STARTED,
        "jobs": {},
        "inputs": {},
        "outputs": {
            "drift": {
                "jobOutputType": "uri_folder",
                "mode": "ReadWriteMount",
                "uri": job_state.output(run.name, "drift"),
            },
            "default": {
                "jobOutputType": "uri_folder",
                "mode": "ReadWriteMount",
                "uri": job_state.artifacts(run.name),
            },
        },
        "services": {},
        "settings": {},
        "tags": {"azureml.scheduleName": schedule.name},
        "properties": {"azureml.scheduleName": schedule.name, "azureml.modelMonitor": "true"},
    }
    run.azure.store.put(run.id, {"properties": properties, "run": {}}, by=schedule.created_by)

    async def execution(run: Job) -> None:
        await _judge(run, wanted)

    job.submit(run, execution)


async def _judge(run: Job, wanted: tuple[Signal, ...]) -> None:
    run.update(status=job_state.RUNNING)
    await serving.of(run.azure).collection.flush()
    folder = run.azure.directory.jobs / run.name
    output = folder / "drift"
    request = folder / "request.json"
    described: list[Json] = []
    for number, signal in enumerate(wanted):
        reference, production = folder / f"reference-{number}", folder / f"production-{number}"
        await _download(run, signal.reference, reference)
        await _download(run, signal.production, production)
        described.append(
            {
                "name": signal.name,
                "reference": str(reference),
                "production": str(production),
                "since": signal.production.start.isoformat() if signal.production.start else None,
                "features": signal.features,
                "categorical": signal.categorical,
                "thresholds": signal.thresholds,
            }
        )
    request.write_text(json.dumps({"signals": described}))
    await _process(run, request, output)
    await _report(run, wanted, output)


async def _download(run: Job, data: Data, folder: Path) -> None:
    blobs = run.azure.blobs
    place = await asset_location.locate(run.azure, run.workspace, data.uri)
    prefix = place.path.strip("/")
    names = await blobs.names(place.account, place.container, prefix)
    chosen = [
        name
        for name in names
        if (name == prefix or not prefix or name.startswith(f"{prefix}/"))
        and within(name, data.start, data.end)
    ]
    if not chosen:
        window = (
            f" between {data.start:%Y-%m-%d %H:%M} and {data.end:%Y-%m-%d %H:%M} UTC"
            if data.start and data.end
            else ""
        )
        raise ArmError(400, "NoDataFound", f"There is no data at '{data.uri}'{window}.")
    for name in chosen:
        content = await blobs.download(place.account, place.container, name)
        target = folder / (name.removeprefix(prefix).strip("/") or name.rsplit("/", 1)[-1])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content or b"")


async def _process(run: Job, request: Path, output: Path) -> None:
    log = job_run.log_path(run.azure, run.name)
    module = "local.azure.machine_learning.monitor_process"
    child = await run.azure.children.start(
        f"job-{run.name}",
        [sys.executable, "-m", module, str(request), str(output)],
        cwd=REPOSITORY,
        env=run.azure.package_environment(),
        log=log,
    )
    try:
        status = await child.wait()
    except BaseException:
        await child.stop()
        raise
    await job_run.put_artifact(run, job_run.STANDARD_LOG, log.read_bytes())
    if status != 0:
        raise ArmError(400, "UserError", f"The monitor failed:\n{tail(log, 20)}")


async def _report(run: Job, wanted: tuple[Signal, ...], output: Path) -> None:
    place = await asset_location.locate(run.azure, run.workspace, job_state.output(run.name, "drift"))
    await run.azure.blobs.upload_folder(output, place.account, place.container, place.path.rstrip("/"))
    reports = {signal.name: json.loads((output / f"{signal.name}.json").read_text()) for signal in wanted}
    # A column that is gone or changed its kind breaches as well: then the state says drifted and names no column.
    breached = [name for name, report in reports.items() if report["state"] == "drifted"]
    if breached:
        text = f"Signal '{breached[0]}' has failed due to one or more features violating metric thresholds"
        run.update(
            tags={**run.properties["tags"], BREACH: text},
            properties={
                **run.properties["properties"],
                BREACH: text,
                "driftedFeatures": ",".join(
                    sorted({column for report in reports.values() for column in report["drifted"]})
                ),
            },
        )
