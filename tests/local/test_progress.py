"""What a run tells, from the engine's events."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from local.progress import Run, events

if TYPE_CHECKING:
    from pathlib import Path

_URN = "urn:pulumi:local::mlops::mlops:infra:Storage$azure-native:storage:StorageAccount::storage-account"


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def run(output: io.StringIO) -> Run:
    console = Console(file=output, width=200)
    return Run(console, console.status(""))


def test_a_created_resource_is_told_by_name_and_type(run: Run, output: io.StringIO) -> None:
    run.see({"resourcePreEvent": {"metadata": {"op": "create", "urn": _URN}}})
    run.see({"resOutputsEvent": {"metadata": {"op": "create", "urn": _URN}}})
    assert "created storage-account StorageAccount" in output.getvalue()


def test_a_resource_that_stays_the_same_is_not_told(run: Run, output: io.StringIO) -> None:
    run.see({"resourcePreEvent": {"metadata": {"op": "same", "urn": _URN}}})
    run.see({"resOutputsEvent": {"metadata": {"op": "same", "urn": _URN}}})
    assert output.getvalue() == ""


def test_errors_are_kept_for_the_end_and_warnings_shown_at_once(run: Run, output: io.StringIO) -> None:
    run.see({"diagnosticEvent": {"severity": "error", "message": "quota [red]exceeded\n"}})
    run.see({"diagnosticEvent": {"severity": "warning", "message": "slow [b]\n"}})
    assert run.errors == ["quota [red]exceeded"]
    assert output.getvalue().strip() == "slow [b]"


def test_the_summary_says_what_changed_without_zeros(run: Run) -> None:
    run.see({"summaryEvent": {"resourceChanges": {"create": 3, "delete": 0}}})
    assert run.changes == {"create": 3}


def test_a_torn_last_line_of_the_event_log_is_read_when_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "events.json"
    first, second = json.dumps({"n": 1}), json.dumps({"n": 2})
    log.write_text(f"{first}\n{second[:3]}")
    ((event, offset),) = events(log, 0)
    assert event == {"n": 1}
    log.write_text(f"{first}\n{second}\n")
    assert [event for event, _ in events(log, offset)] == [{"n": 2}]


def test_an_event_log_that_is_not_there_yet_has_no_events(tmp_path: Path) -> None:
    assert list(events(tmp_path / "missing", 0)) == []
