"""Schedules by the clock: what was due runs once, what was missed isn't made up for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from local.azure.machine_learning import monitor_run, schedule, schedule_clock
from local.azure.resource_id import parse
from local.azure.store import open_store
from local.cli import app

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from conftest import Workspace
    from running_azure import LocalAzure

    from local.azure.resource_type import Record
    from local.azure.store import SqliteStore

VERSION = "2025-12-01"
START = datetime(2026, 11, 21, 10, tzinfo=UTC)
ID = (
    "/subscriptions/10ca1000-0000-4000-8000-000000000001/resourceGroups/g/providers"
    "/Microsoft.MachineLearningServices/workspaces/w/schedules/hourly"
)


def hourly(**changed: Any) -> dict[str, Any]:
    """A schedule whose job does nothing."""
    return {
        "properties": {
            "action": {"actionType": "CreateJob", "jobDefinition": {"jobType": "Pipeline", "jobs": {}}},
            "trigger": {"triggerType": "Cron", "expression": "0 * * * *"},
            **changed,
        }
    }


@dataclass
class Clock:
    """What the clock of schedules sees of local Azure: a store, and a time that tests set."""

    store: SqliteStore
    time: datetime = START
    ran: list[datetime] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> datetime:
        return self.time

    def put(self, **changed: Any) -> Record:
        body = schedule._prepare(self, parse(ID), hourly(**changed), self.store.get(ID))  # type: ignore[arg-type]
        return self.store.put(ID, body)

    def run(self, *, since: datetime | None = None, until: datetime | None = None) -> list[Any]:
        records = self.store.of_type(schedule.SCHEDULE)
        return asyncio.run(schedule_clock.run_due(self, records, until or self.time, since=since))  # type: ignore[arg-type]


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Clock]:
    made = Clock(open_store(tmp_path / "azure.db"))

    async def trigger(azure: Clock, record: Record) -> str:
        kept = azure.store.get(record.id)
        assert kept is not None
        assert {"ran", "due"} <= set(kept.body["clock"])  # marked before it starts
        azure.ran.append(azure.time)
        azure.started.set()
        return f"job-{len(azure.ran)}"

    monkeypatch.setattr(monitor_run, "trigger", trigger)
    made.put()
    yield made
    made.store.close()


def test_what_was_due_runs_once_however_often_it_was_due(clock: Clock) -> None:
    assert clock.run() == []
    clock.time += timedelta(hours=5, minutes=1)
    (ran,) = clock.run()
    assert (ran["due"], ran["job"]) == ("2026-11-21T11:00:00+00:00", "job-1")
    assert clock.run() == []
    clock.time += timedelta(hours=1)
    assert [one["job"] for one in clock.run()] == ["job-2"]


def test_what_was_due_before_the_server_started_is_not_started_by_it(clock: Clock) -> None:
    began = clock.time = START + timedelta(hours=5, minutes=30)
    assert clock.run(since=began) == []
    clock.time += timedelta(minutes=31)
    assert len(clock.run(since=began)) == 1


def test_a_schedule_that_is_off_misses_its_times(clock: Clock) -> None:
    clock.put(isEnabled=False)
    clock.time += timedelta(hours=3)
    assert clock.run() == []
    clock.put(isEnabled=True)
    assert clock.run() == []
    clock.time += timedelta(hours=1)
    assert len(clock.run()) == 1


def test_a_clock_that_was_moved_leaves_the_real_one_where_it_is(clock: Clock) -> None:
    ahead = START + timedelta(days=30)
    assert len(clock.run(until=ahead)) == 1
    assert clock.run(until=ahead) == []
    clock.time += timedelta(hours=1)
    assert len(clock.run()) == 1


def test_another_trigger_counts_anew_and_the_same_does_not(clock: Clock) -> None:
    clock.time += timedelta(hours=1)
    clock.put(description="the same")
    assert schedule_clock.described(clock.store.of_type(schedule.SCHEDULE)[0], clock.time)["missed"]
    clock.put(trigger={"triggerType": "Cron", "expression": "30 * * * *"})
    assert clock.run() == []


def test_the_server_starts_what_is_due(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_clock, "_LOOK_SECONDS", 0)

    async def watch() -> None:
        looking = asyncio.ensure_future(schedule_clock._look(clock))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        clock.time += timedelta(hours=1)
        async with asyncio.timeout(10):
            await clock.started.wait()
        looking.cancel()

    asyncio.run(watch())
    assert len(clock.ran) == 1


def test_the_command_lists_and_runs_what_is_due(
    local_azure: LocalAzure, empty_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_LOCAL_DIR", str(local_azure.dir.root))
    path = f"{empty_workspace.id}/schedules/by-the-hour"
    made = local_azure.put(path, hourly(), api_version=VERSION)
    assert "clock" not in made
    listed = CliRunner().invoke(app, ["schedule", "list"])
    assert listed.exit_code == 0, listed.output
    assert "by-the-hour" in listed.output
    url = (
        f"https://westeurope.api.azureml.ms/local/v1.0{empty_workspace.id}/schedules/run?at=2031-01-01T00:00Z"
    )
    status, _, answer = local_azure.arm("POST", url, api_version=VERSION)
    assert status == 200, answer
    (ran,) = answer["value"]
    _, _, job = local_azure.arm("GET", f"{empty_workspace.id}/jobs/{ran['job']}", api_version=VERSION)
    assert job["properties"]["properties"]["azureml.scheduleName"] == "by-the-hour"
    assert local_azure.arm("POST", url, api_version=VERSION)[2] == {"value": []}
    refused = CliRunner().invoke(app, ["schedule", "run", "--at", "soon"])
    assert (refused.exit_code, "'soon' is no time" in refused.output) == (1, True)
