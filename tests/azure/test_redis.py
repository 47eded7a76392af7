"""Caches as Azure keeps them: names, sizes, keys, states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from running_azure import unique

if TYPE_CHECKING:
    from running_azure import LocalAzure

VERSION = "2024-11-01"
GIVEN = {"name": "Standard", "family": "C", "capacity": 1}


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group(unique("rg-"))


def path(group: str, name: str) -> str:
    return f"{group}/providers/Microsoft.Cache/redis/{name}"


def body(**sku: Any) -> dict[str, Any]:
    return {"location": "westeurope", "properties": {"sku": {**GIVEN, **sku}}}


def test_a_cache_has_a_host_and_two_keys_that_only_their_own_calls_show(
    local_azure: LocalAzure, group: str
) -> None:
    name = unique("redis-")
    made = local_azure.put(path(group, name), body(), api_version=VERSION)["properties"]
    assert (made["provisioningState"], made["hostName"]) == ("Succeeded", f"{name}.redis.cache.windows.net")
    assert (made["sslPort"], made["enableNonSslPort"], made["accessKeys"]) == (6380, False, None)
    _, _, before = local_azure.arm("POST", f"{path(group, name)}/listKeys", api_version=VERSION)
    wanted = {"keyType": "Primary"}
    _, _, after = local_azure.arm("POST", f"{path(group, name)}/regenerateKey", wanted, api_version=VERSION)
    assert before["secondaryKey"] == after["secondaryKey"]
    assert before["primaryKey"] != after["primaryKey"]


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("two--hyphens", body(), "InvalidResourceName"),
        ("ends-", body(), "InvalidResourceName"),
        ("fits", body(name="Premium"), "InvalidRequestBody"),
        ("fits", body(capacity=7), "InvalidRequestBody"),
        ("fits", body(name="Premium", family="P", capacity=0), "InvalidRequestBody"),
    ],
)
def test_what_azure_has_no_cache_of_is_refused(
    local_azure: LocalAzure, group: str, name: str, given: dict[str, Any], code: str
) -> None:
    status, _, answer = local_azure.arm("PUT", path(group, name), given, api_version=VERSION)
    assert (status, answer["error"]["code"]) == (400, code)


def test_a_cache_grows_a_tier_at_a_time_and_never_shrinks_one(local_azure: LocalAzure, group: str) -> None:
    name = unique("redis-")
    local_azure.put(path(group, name), body(name="Basic"), api_version=VERSION)
    premium = body(name="Premium", family="P")
    assert local_azure.arm("PUT", path(group, name), premium, api_version=VERSION)[0] == 400
    local_azure.put(path(group, name), body(), api_version=VERSION)
    assert local_azure.arm("PUT", path(group, name), body(name="Basic"), api_version=VERSION)[0] == 400


def test_what_is_in_a_cache_is_not_served(local_azure: LocalAzure, group: str) -> None:
    name = unique("redis-")
    local_azure.put(path(group, name), body(), api_version=VERSION)
    rule = {"properties": {"startIP": "203.0.113.1", "endIP": "203.0.113.9"}}
    status, _, _ = local_azure.arm(
        "PUT", f"{path(group, name)}/firewallRules/office", rule, api_version=VERSION
    )
    assert status == 501
