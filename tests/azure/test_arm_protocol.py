"""What holds for every request to Azure Resource Manager: versions, headers, tags, what isn't served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from running_azure import LocalAzure


@pytest.mark.parametrize("version", ["latest", "2024-3-1", "v1", "2024-03-01preview"])
def test_an_api_version_is_a_date(local_azure: LocalAzure, version: str):
    status, _, body = local_azure.arm("GET", "/subscriptions", api_version=version)
    assert (status, body["error"]["code"]) == (400, "InvalidApiVersionParameter")


def test_answers_say_how_many_requests_are_left_and_how_to_find_them(local_azure: LocalAzure):
    _, headers, _ = local_azure.arm("GET", "/subscriptions", api_version="2022-12-01")
    assert headers["x-ms-ratelimit-remaining-subscription-reads"] == "11999"
    assert headers["x-ms-request-id"]
    assert headers["x-ms-correlation-request-id"]


def test_what_is_not_served_is_named_and_never_a_404_or_405(local_azure: LocalAzure):
    group = local_azure.group()
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/missing"
    for method, path, named in (
        ("GET", f"{group}/providers/Microsoft.Sql/servers/one", "Microsoft.Sql/servers"),
        ("GET", f"{group}/providers/Microsoft.Sql/servers", "Microsoft.Sql/servers"),
        ("POST", f"{account}/juggle", "juggle"),
        ("POST", account, "POST of 'Microsoft.Storage/storageAccounts'"),
        ("PUT", f"{group}/providers/Microsoft.Storage/storageAccounts", "PUT of"),
        ("GET", f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Sql", "Microsoft.Sql"),
    ):
        status, _, body = local_azure.arm(
            method, path, None if method == "GET" else {}, api_version="2024-01-01"
        )
        assert (status, body["error"]["code"]) == (501, "NotSupportedByLocalAzure"), path
        assert named in body["error"]["message"]


def test_providers_say_which_versions_to_ask_them_with(local_azure: LocalAzure):
    path = f"/subscriptions/{local_azure.subscription_id}/providers/microsoft.storage"
    _, _, body = local_azure.arm("GET", path, api_version="2021-04-01")
    kinds = {one["resourceType"]: one for one in body["resourceTypes"]}
    assert kinds["storageAccounts"]["apiVersions"]
    assert "West Europe" in kinds["storageAccounts"]["locations"]


def test_tags_of_a_scope_are_read_and_changed_apart(local_azure: LocalAzure):
    group = local_azure.group()
    path, version = f"{group}/providers/Microsoft.Resources/tags/default", "2021-04-01"

    def tags(method: str, body: object = None) -> object:
        status, _, answer = local_azure.arm(method, path, body, api_version=version)
        assert status == 200, answer
        return answer["properties"]["tags"] if answer else None

    assert tags("GET") == {}
    assert tags("PUT", {"properties": {"tags": {"a": "1", "b": "2"}}}) == {"a": "1", "b": "2"}
    assert tags("PATCH", {"operation": "Merge", "properties": {"tags": {"b": "3"}}}) == {"a": "1", "b": "3"}
    assert tags("PATCH", {"operation": "Delete", "properties": {"tags": {"a": "1"}}}) == {"b": "3"}
    _, _, shown = local_azure.arm("GET", group, api_version="2024-03-01")
    assert shown["tags"] == {"b": "3"}
    assert tags("DELETE") is None
    assert tags("GET") == {}
    status, _, body = local_azure.arm(
        "PATCH", path, {"operation": "Paint", "properties": {"tags": {}}}, api_version=version
    )
    assert (status, body["error"]["code"]) == (400, "InvalidTagsPatch")
