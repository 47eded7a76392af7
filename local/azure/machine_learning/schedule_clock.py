"""Starts schedules when they are due: by the clock while the server runs, or when ``python -m local schedule run`` asks.

The clock looks every few seconds; ``MLOPS_LOCAL_SCHEDULES=off`` stops it from looking. What was due while local Azure was
stopped, or a schedule off, isn't made up for: Azure skips it as well. ``schedule run`` runs what was missed, each schedule once
however often it was due; with ``--at`` what will have been due by then. A schedule is marked as run before its job is
submitted: killed in between, it runs once less, never twice.

The requests of ``python -m local schedule`` are local Azure's own, below ``/local/v1.0`` of the workspace's host.
"""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.machine_learning import due, monitor_run
from local.azure.machine_learning.schedule import SCHEDULE
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

VARIABLE = "MLOPS_LOCAL_SCHEDULES"
_LOOK_SECONDS = 5.0  # triggers count in minutes
_logger = logging.getLogger(__name__)


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def pending(record: Record, until: datetime, since: datetime | None = None) -> datetime | None:
    """When a schedule was first due after it last ran (and after ``since``), if that is by ``until`` and it is on."""
    kept: Mapping[str, Any] = record.body.get("clock") or {}
    made, ran = _time(kept.get("made")), _time(kept.get("ran"))
    if not record.body["properties"]["isEnabled"] or made is None or ran is None:
        return None
    try:
        found = due.next_due(record.body["properties"]["trigger"], made, max(ran, since or ran))
    except due.TriggerError as error:
        _logger.warning("The schedule %s has no times: %s", record.id, error)
        return None
    return found if found is not None and found <= until else None


async def run_due(
    azure: Azure, records: list[Record], until: datetime, *, since: datetime | None = None
) -> list[Json]:
    """Runs each schedule that was due by ``until``, once; what came of each: ``job`` or ``error``."""
    now = azure.now()
    found: list[Json] = []
    for record in records:
        # A clock that is moved forward keeps a mark of its own: the real one goes on from where it is.
        moved = _time((record.body.get("clock") or {}).get("moved")) if until > now else None
        after = max((one for one in (since, moved) if one is not None), default=None)
        time = pending(record, until, after)
        if time is None:
            continue
        told: Json = {"schedule": record.id, "name": record.name, "due": time.isoformat()}
        mark = {"moved" if until > now else "ran": until.isoformat()}
        _keep(azure, record, {**mark, "due": time.isoformat()})
        try:
            told["job"] = await monitor_run.trigger(azure, record)
        except ArmError as error:
            told["error"] = error.message
            _logger.warning("The schedule %s was due and can't be run: %s", record.id, error.message)
        else:
            _logger.info("The schedule %s was due at %s: job %s", record.id, time, told["job"])
            _keep(azure, record, {"job": told["job"]})
        found.append(told)
    return found


def _keep(azure: Azure, record: Record, values: Mapping[str, Any]) -> None:
    current = azure.store.get(record.id)
    if current is not None:
        clock = {**(current.body.get("clock") or {}), **values}
        azure.store.put(current.id, {**current.body, "clock": clock}, by=current.modified_by)


def described(record: Record, now: datetime) -> Json:
    """A schedule as ``python -m local schedule list`` shows it."""
    properties: Mapping[str, Any] = record.body["properties"]
    kept: Mapping[str, Any] = record.body.get("clock") or {}
    try:
        upcoming = due.next_due(properties["trigger"], _time(kept.get("made")) or now, now)
    except due.TriggerError:
        upcoming = None
    missed = pending(record, now)
    return {
        "schedule": record.id,
        "name": record.name,
        "enabled": properties["isEnabled"],
        "action": properties["action"]["actionType"],
        "next": upcoming.isoformat() if upcoming and properties["isEnabled"] else None,
        "missed": missed.isoformat() if missed else None,
        "lastDue": kept.get("due"),
        "lastJob": kept.get("job"),
    }


async def _look(azure: Azure) -> None:
    began = azure.now()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        await run_due(azure, azure.store.of_type(SCHEDULE), azure.now(), since=began)


async def start(azure: Azure) -> None:
    """Marks schedules that an older local Azure kept, and starts the clock unless it is off."""
    now = azure.now().isoformat()
    for record in azure.store.of_type(SCHEDULE):
        if not record.body.get("clock"):
            _keep(azure, record, {"made": now, "ran": now})
    if azure.package_environment().get(VARIABLE, "").lower() != "off":
        azure.spawn("the clock of schedules", _look(azure))


def _schedules(azure: Azure, call: Call) -> list[Record]:
    return azure.store.below(call.captured["workspace"], SCHEDULE)


async def _list(azure: Azure, call: Call) -> Answer:
    now = azure.now()
    return Answer(200, {"value": [described(record, now) for record in _schedules(azure, call)]})


async def _run(azure: Azure, call: Call) -> Answer:
    until, text = azure.now(), call.query.get("at")
    if text:
        try:
            until = due.moment(text, UTC, "at")
        except due.TriggerError as error:
            raise bad_request(str(error), target="at") from None
    return Answer(200, {"value": await run_due(azure, _schedules(azure, call), until)})


_HOST = re.compile(r"[^.]+\.api\.azureml\.ms", re.IGNORECASE)
_WORKSPACE = (
    r"/local/v1\.0(?P<workspace>/subscriptions/[^/]+/resourceGroups/[^/]+"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+)"
)
ROUTES = (
    Route(_HOST, re.compile(_WORKSPACE + "/schedules", re.IGNORECASE), _list, methods=("GET",)),
    Route(_HOST, re.compile(_WORKSPACE + "/schedules/run", re.IGNORECASE), _run, methods=("POST",)),
)
