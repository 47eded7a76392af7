"""Management locks: what they refuse, and what goes on under them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.settings import LOCATION

if TYPE_CHECKING:
    from running_azure import LocalAzure

LOCK = "2020-05-01"
NETWORK = "2024-05-01"


@pytest.fixture
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


def lock(local_azure: LocalAzure, scope: str, level: str) -> str:
    path = f"{scope}/providers/Microsoft.Authorization/locks/keep"
    made = local_azure.put(path, {"properties": {"level": level, "notes": "mine"}}, api_version=LOCK)
    assert made["properties"] == {"level": level, "notes": "mine"}
    return path


def refused(answer: tuple[int, Any, Any], scope: str) -> None:
    status, _, body = answer
    assert (status, body["error"]["code"]) == (409, "ScopeLocked")
    assert f"following scope(s) are locked: '{scope}'" in body["error"]["message"]


def test_a_group_with_a_locked_resource_can_be_changed_and_not_deleted(
    local_azure: LocalAzure, group: str
) -> None:
    address = f"{group}/providers/Microsoft.Network/publicIPAddresses/a"
    body = {"location": LOCATION, "properties": {"publicIPAllocationMethod": "Static"}}
    local_azure.put(address, {**body, "sku": {"name": "Standard"}}, api_version=NETWORK)
    path = lock(local_azure, address, "CanNotDelete")
    refused(local_azure.arm("DELETE", group, api_version="2024-03-01"), address)
    refused(local_azure.arm("DELETE", address, api_version=NETWORK), address)
    local_azure.put(address, {**body, "sku": {"name": "Standard"}, "tags": {"a": "b"}}, api_version=NETWORK)
    assert local_azure.arm("DELETE", path, api_version=LOCK)[0] == 200
    assert local_azure.arm("DELETE", group, api_version="2024-03-01")[0] == 202


def test_a_read_only_group_takes_no_writes_and_no_actions(local_azure: LocalAzure, group: str) -> None:
    path = lock(local_azure, group, "ReadOnly")
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/x"
    refused(local_azure.arm("PUT", account, {}, api_version="2024-01-01"), group)
    refused(local_azure.arm("POST", f"{account}/listKeys", api_version="2024-01-01"), group)
    refused(local_azure.arm("PATCH", group, {"tags": {}}, api_version="2024-03-01"), group)
    assert local_azure.arm("GET", group, api_version="2024-03-01")[0] == 200
    assert local_azure.arm("DELETE", path, api_version=LOCK)[0] == 200


def test_locks_are_listed_below_a_scope_or_as_they_hold_for_it(local_azure: LocalAzure, group: str) -> None:
    path = lock(local_azure, group, "CanNotDelete")
    subscription = f"/subscriptions/{local_azure.subscription_id}"

    def listed(scope: str, query: str = "") -> list[str]:
        url = f"{scope}/providers/Microsoft.Authorization/locks{query}"
        return [one["id"] for one in local_azure.arm("GET", url, api_version=LOCK)[2]["value"]]

    assert path in listed(subscription)
    assert path not in listed(subscription, "?$filter=atScope()")
    assert listed(group, "?$filter=atScope()") == [path]
    local_azure.arm("DELETE", path, api_version=LOCK)


def test_a_lock_needs_a_level(local_azure: LocalAzure, group: str) -> None:
    path = f"{group}/providers/Microsoft.Authorization/locks/keep"
    status, _, body = local_azure.arm("PUT", path, {"properties": {"level": "Soft"}}, api_version=LOCK)
    assert (status, body["error"]["code"]) == (400, "InvalidLockLevel")
