"""The activity log tells who changed what, and what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from local.azure.activity_query import passes
from local.azure.errors import ArmError
from local.settings import LOCATION, REPOSITORY

if TYPE_CHECKING:
    from running_azure import LocalAzure

API = "2015-04-01"


def events(local_azure: LocalAzure, group: str, query: str = "") -> list[dict[str, Any]]:
    path = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
    condition = f"?$filter=resourceGroupName eq '{group.rsplit('/', 1)[1]}'{query}"
    status, _, body = local_azure.arm("GET", path + condition, api_version=API)
    assert status == 200, body
    return body["value"]


def test_writes_failures_and_ends_of_operations_are_events_of_who_asked(local_azure: LocalAzure) -> None:
    group = local_azure.group()
    bad = f"{group}/providers/Microsoft.Storage/storageAccounts/X"
    sent = {"x-ms-correlation-request-id": "0b1c2d3e-0000-4000-8000-000000000001"}
    status, headers, _ = local_azure.arm(
        "PUT", bad, {"location": LOCATION}, api_version="2024-01-01", headers=sent
    )
    assert status == 400
    assert headers["x-ms-correlation-request-id"] == sent["x-ms-correlation-request-id"]
    _, headers, _ = local_azure.arm("DELETE", group, api_version="2024-03-01")
    local_azure.wait(headers, api_version="2024-03-01")
    found = events(local_azure, group)
    assert [
        (one["operationName"]["value"].split("/")[-2:], one["status"]["value"]) for one in reversed(found)
    ] == [
        (["resourceGroups", "write"], "Succeeded"),
        (["storageAccounts", "write"], "Failed"),
        (["resourceGroups", "delete"], "Accepted"),
        (["resourceGroups", "delete"], "Succeeded"),
    ]
    assert len({one["caller"] for one in found}) == 1
    assert found[0]["caller"]
    assert found[0]["correlationId"] == found[1]["correlationId"]
    assert found[2]["correlationId"] == sent["x-ms-correlation-request-id"]
    assert found[2]["resourceId"] == bad
    selected = events(local_azure, group, " and status eq 'Failed'&$select=eventName,level")
    assert selected == [
        {"eventName": {"value": "EndRequest", "localizedValue": "End request"}, "level": "Error"}
    ]


def test_the_command_prints_it(local_azure: LocalAzure) -> None:
    group = local_azure.group()
    printed = subprocess.run(
        [sys.executable, "-m", "local", "logs", "--activity", "-n", "1"],
        cwd=REPOSITORY,
        env={**os.environ, "MLOPS_LOCAL_DIR": str(local_azure.dir.root)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.endswith(f"Microsoft.Resources/subscriptions/resourceGroups/write {group}\n")
    assert " Succeeded " in printed


def test_a_filter_that_is_not_understood_is_refused() -> None:
    for text in ("resourceColor eq 'red'", "caller eq 'a' or caller eq 'b'"):
        with pytest.raises(ArmError, match="isn't understood"):
            passes(text)
    at = {"eventTimestamp": "2026-01-02T00:00:00Z"}
    assert passes("eventTimestamp ge '2026-01-01T00:00:00Z' and eventTimestamp le '2026-02-01T00:00:00Z'")(at)
    assert not passes("eventTimestamp ge '2026-01-03T00:00:00Z'")(at)
