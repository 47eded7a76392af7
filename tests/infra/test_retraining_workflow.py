"""What the Logic App of a loop does with events, on local Azure: its definition really runs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from retraining_loop import JOB, LINEAGE, ML, Scene, scene

if TYPE_CHECKING:
    from conftest import Workspace
    from running_azure import LocalAzure


def name_of(one: Scene, attempt: int) -> str:
    return f"{one.model}-{LINEAGE[:12]}-{attempt}"


def end_of(one: Scene, job: str) -> str:
    """The status that a job has once it has ended."""
    deadline = time.monotonic() + 30
    while True:
        _, _, body = one.azure.arm("GET", f"{one.workspace.id}/jobs/{job}", api_version=ML)
        if (status := body["properties"]["status"]) in ("Completed", "Failed", "Canceled"):
            return str(status)
        assert time.monotonic() < deadline, status
        time.sleep(0.02)


def test_the_handshake_is_answered_with_its_code(local_azure: LocalAzure, workspace: Workspace) -> None:
    event = {
        "id": "1",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "c0de", "validationUrl": ""},
    }
    one = scene(local_azure, workspace)
    assert one.app.call([event]).json() == {"validationResponse": "c0de"}
    assert one.app.ended()["status"] == "Succeeded"
    assert one.claims() == []


def test_a_breach_submits_the_schedules_job_once_however_often_its_event_comes(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    one = scene(local_azure, workspace)
    one.schedule()
    event = one.event("e-1")
    assert one.send(event) == (200, "submitted")
    assert one.jobs() == [name_of(one, 1)]
    _, _, job = local_azure.arm("GET", f"{workspace.id}/jobs/{name_of(one, 1)}", api_version=ML)
    assert job["properties"]["tags"] == {"Lineage": LINEAGE, "StartedBy": "run-1"}
    assert job["properties"]["displayName"] == name_of(one, 1)
    assert one.send(event) == (200, "this event was handled before")
    assert one.send(one.event("e-2")) == (200, "a retraining was started within the cool-down")
    assert one.jobs() == [name_of(one, 1)]
    assert one.claims() == ["cool-down", "events/e-1", "events/e-2"]
    assert {run["status"] for run in one.app.runs()} == {"Succeeded"}


def test_events_at_the_same_time_start_one_retraining(local_azure: LocalAzure, workspace: Workspace) -> None:
    one = scene(local_azure, workspace)
    one.schedule()
    url = one.app.url()
    said: list[str] = []

    def send() -> None:
        said.append(one.app.call([one.event()], url).json()["retraining"])

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["a retraining was started within the cool-down"] * 3 + ["submitted"]
    assert one.jobs() == [name_of(one, 1)]


@pytest.mark.parametrize("before", ["other-", "x"])
def test_the_events_of_other_monitors_start_nothing(
    local_azure: LocalAzure, workspace: Workspace, before: str
) -> None:
    one = scene(local_azure, workspace)
    assert one.send(one.event(monitor=f"{before}{one.model}-monitor")) == (200, "not this monitor's breach")
    assert one.send(one.event(text="is fine")) == (200, "not this monitor's breach")
    no_tags = {**one.event(), "data": {"runId": "r", "runTags": None}}
    assert one.send(no_tags) == (200, "not this monitor's breach")
    assert one.claims() == []


def test_once_the_cool_down_is_over_the_next_attempt_follows_a_failed_one(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    # Cooling down for no time at all: over as soon as it begins.
    one = scene(local_azure, workspace, cool_down_minutes=0)
    one.schedule()
    assert one.send(one.event()) == (200, "submitted")
    # The job's component isn't there.
    assert end_of(one, name_of(one, 1)) == "Failed"
    deadline = time.monotonic() + 10
    while (said := one.send(one.event())) != (200, "submitted"):
        # The blob's time has whole seconds.
        assert said == (200, "a retraining was started within the cool-down")
        assert time.monotonic() < deadline
    assert one.jobs() == [name_of(one, 1), name_of(one, 2)]


def test_a_start_that_fails_releases_its_claims_and_the_next_try_works(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    one = scene(local_azure, workspace)
    event = one.event()
    status, said = one.send(event)
    assert (status, one.claims()) == (500, [])
    assert said.startswith(f"The retraining of {one.model} could not be started (nothing done yet): ")
    assert "Get_schedule NotFound" in said
    run = one.app.ended()
    assert (run["status"], run["code"], run["error"]["message"]) == ("Failed", "RetrainingNotStarted", said)
    one.schedule({**JOB, "jobType": "AutoML"})
    status, said = one.send(event)
    assert (status, one.claims()) == (500, [])
    assert "Submit_job NotImplemented" in said
    one.schedule()
    assert one.send(event) == (200, "submitted")
    assert one.jobs() == [name_of(one, 1)]


def test_claims_that_cannot_be_written_fail_the_run(local_azure: LocalAzure, workspace: Workspace) -> None:
    one = scene(local_azure, workspace)
    account = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"
    container = f"{account}/blobServices/default/containers/{one.container}"
    local_azure.arm("DELETE", container, api_version="2024-01-01")
    status, said = one.send(one.event())
    assert (status, said) == (500, "The claim on the event could not be written: NotFound.")
    assert one.app.ended()["code"] == "ClaimFailed"


def test_when_twenty_attempts_have_failed_the_run_says_so_and_starts_no_more(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    one = scene(local_azure, workspace)
    one.schedule()
    for attempt in range(1, 21):
        job = f"{workspace.id}/jobs/{name_of(one, attempt)}"
        local_azure.put(job, {"properties": JOB}, api_version=ML)
    for attempt in range(1, 21):
        assert end_of(one, name_of(one, attempt)) == "Failed"
    status, said = one.send(one.event())
    assert (status, "(20 attempts have failed)" in said, one.claims()) == (500, True, [])
    assert len(one.jobs()) == 20
