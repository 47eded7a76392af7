"""ARM's own rules: ids, parents, conditions, operations, lists, deletion."""

from __future__ import annotations

from typing import Any

import pytest
from running_azure import LocalAzure, unique

GROUPS = "2024-03-01"
REGISTRY: dict[str, Any] = {"location": "westeurope", "sku": {"name": "Basic"}}


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


def registry(group: str) -> str:
    return f"{group}/providers/Microsoft.ContainerRegistry/registries/{unique('cr')}"


def code(answer: Any) -> str:
    return str(answer["error"]["code"])


def test_a_request_without_an_api_version_is_refused(local_azure: LocalAzure, group: str) -> None:
    response = local_azure.session.get(
        f"https://management.azure.com{group}",
        headers={"Authorization": f"Bearer {local_azure.token()}"},
        timeout=30,
    )
    assert (response.status_code, code(response.json())) == (400, "MissingApiVersionParameter")


def test_a_request_without_a_token_is_challenged(local_azure: LocalAzure, group: str) -> None:
    response = local_azure.session.get(
        f"https://management.azure.com{group}?api-version={GROUPS}", timeout=30
    )
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


def test_a_token_for_another_audience_or_of_another_signer_is_refused(
    local_azure: LocalAzure, group: str
) -> None:
    url = f"https://management.azure.com{group}?api-version={GROUPS}"
    wrong = local_azure.token("https://storage.azure.com/.default")
    head, payload, _ = local_azure.token().split(".")
    forged = f"{head}.{payload}.{'A' * 342}"
    for token, expected in (
        (wrong, "InvalidAuthenticationTokenAudience"),
        (forged, "InvalidAuthenticationToken"),
    ):
        response = local_azure.session.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert (response.status_code, code(response.json())) == (401, expected)


def test_every_answer_carries_request_ids(local_azure: LocalAzure, group: str) -> None:
    _, headers, _ = local_azure.arm(
        "GET", group, api_version=GROUPS, headers={"x-ms-client-request-id": "mine"}
    )
    assert headers["x-ms-request-id"]
    assert headers["x-ms-correlation-request-id"]
    assert headers["x-ms-client-request-id"] == "mine"


def test_ids_ignore_case_and_keep_the_spelling_they_were_made_with(
    local_azure: LocalAzure, group: str
) -> None:
    path = registry(group)
    shouted = path.replace("resourceGroups", "RESOURCEGROUPS").replace("registries", "Registries")
    made = local_azure.put(shouted, REGISTRY, api_version="2023-07-01")
    assert made["id"] == path
    status, _, found = local_azure.arm("GET", path.upper(), api_version="2023-07-01")
    assert (status, found["id"], found["type"]) == (200, path, "Microsoft.ContainerRegistry/registries")


def test_a_resource_needs_its_group_and_its_parent(local_azure: LocalAzure, group: str) -> None:
    missing = f"/subscriptions/{local_azure.subscription_id}/resourceGroups/{unique('no-')}"
    status, _, answer = local_azure.arm("PUT", registry(missing), REGISTRY, api_version="2023-07-01")
    assert (status, code(answer)) == (404, "ResourceGroupNotFound")
    child = (
        f"{group}/providers/Microsoft.Storage/storageAccounts/nothere/blobServices/default/containers/data"
    )
    status, _, answer = local_azure.arm("PUT", child, {"properties": {}}, api_version="2024-01-01")
    assert (status, code(answer)) == (404, "ParentResourceNotFound")
    other = "/subscriptions/99999999-0000-4000-8000-000000000001/resourceGroups/x"
    status, _, answer = local_azure.arm("PUT", other, {"location": "westeurope"}, api_version=GROUPS)
    assert (status, code(answer)) == (404, "SubscriptionNotFound")


def test_an_unknown_type_and_an_unknown_action_are_named_and_not_pretended(
    local_azure: LocalAzure, group: str
) -> None:
    path = f"{group}/providers/Microsoft.Compute/virtualMachines/vm"
    status, _, answer = local_azure.arm("PUT", path, {}, api_version="2024-01-01")
    assert (status, code(answer)) == (501, "NotSupportedByLocalAzure")
    assert "Microsoft.Compute/virtualMachines" in answer["error"]["message"]
    made = registry(group)
    local_azure.put(made, REGISTRY, api_version="2023-07-01")
    status, _, answer = local_azure.arm("POST", f"{made}/importImage", {}, api_version="2023-07-01")
    assert status == 501
    assert "importImage" in answer["error"]["message"]


def test_a_creation_goes_through_its_states(local_azure: LocalAzure, group: str) -> None:
    path = registry(group)
    status, headers, body = local_azure.arm("PUT", path, REGISTRY, api_version="2023-07-01")
    assert (status, body["properties"]["provisioningState"]) == (201, "Creating")
    assert (
        "/providers/Microsoft.ContainerRegistry/locations/westeurope/operationStatuses/"
        in headers["Azure-AsyncOperation"]
    )
    document = local_azure.wait(headers, api_version="2023-07-01")
    assert document["status"] == "Succeeded"
    _, _, found = local_azure.arm("GET", path, api_version="2023-07-01")
    assert found["properties"]["provisioningState"] == "Succeeded"
    assert found["systemData"]["createdAt"]
    status, _, body = local_azure.arm("PUT", path, REGISTRY, api_version="2023-07-01")
    assert (status, body["properties"]["provisioningState"]) == (200, "Updating")


def test_the_location_of_a_resource_cannot_change(local_azure: LocalAzure, group: str) -> None:
    path = registry(group)
    local_azure.put(path, REGISTRY, api_version="2023-07-01")
    moved = {**REGISTRY, "location": "northeurope"}
    status, _, answer = local_azure.arm("PUT", path, moved, api_version="2023-07-01")
    assert (status, code(answer)) == (409, "InvalidResourceLocation")
    status, _, answer = local_azure.arm(
        "PUT", registry(group), {**REGISTRY, "location": "atlantis"}, api_version="2023-07-01"
    )
    assert (status, code(answer)) == (400, "LocationNotAvailableForResourceType")


def test_a_patch_merges_tags_and_properties(local_azure: LocalAzure, group: str) -> None:
    path = registry(group)
    local_azure.put(path, {**REGISTRY, "tags": {"a": "1", "b": "2"}}, api_version="2023-07-01")
    change = {"tags": {"b": None, "c": "3"}, "properties": {"adminUserEnabled": True}}
    status, headers, _ = local_azure.arm("PATCH", path, change, api_version="2023-07-01")
    assert status == 200
    local_azure.wait(headers, api_version="2023-07-01")
    _, _, found = local_azure.arm("GET", path, api_version="2023-07-01")
    assert found["tags"] == {"a": "1", "c": "3"}
    assert found["properties"]["adminUserEnabled"] is True
    assert found["sku"]["name"] == "Basic"


def test_conditions_are_honoured(local_azure: LocalAzure, group: str) -> None:
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    body = {"location": "westeurope"}
    _, headers, _ = local_azure.arm(
        "PUT", path, body, api_version="2023-01-31", headers={"If-None-Match": "*"}
    )
    etag = headers["ETag"]
    again, _, _ = local_azure.arm("PUT", path, body, api_version="2023-01-31", headers={"If-None-Match": "*"})
    right, _, _ = local_azure.arm("PUT", path, body, api_version="2023-01-31", headers={"If-Match": etag})
    stale, _, _ = local_azure.arm("PUT", path, body, api_version="2023-01-31", headers={"If-Match": etag})
    assert (again, right, stale) == (412, 200, 412)


def test_a_list_comes_in_pages(local_azure: LocalAzure) -> None:
    group = local_azure.group()
    base = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    names = [f"id-{number}" for number in range(5)]
    for name in names:
        local_azure.arm("PUT", f"{base}/{name}", {"location": "westeurope"}, api_version="2023-01-31")
    found, url = [], f"{base}?$top=2"
    while url:
        status, _, page = local_azure.arm("GET", url, api_version="2023-01-31")
        assert status == 200
        found += [item["name"] for item in page["value"]]
        url = page.get("nextLink")
    assert found == names


def test_deleting_a_group_deletes_what_is_in_it(local_azure: LocalAzure) -> None:
    group = local_azure.group()
    path = registry(group)
    local_azure.put(path, REGISTRY, api_version="2023-07-01")
    status, headers, _ = local_azure.arm("DELETE", group, api_version=GROUPS)
    assert status == 202
    local_azure.wait(headers, api_version=GROUPS)
    assert local_azure.arm("HEAD", group, api_version=GROUPS)[0] == 404
    local_azure.group(group.rsplit("/", 1)[1])
    assert local_azure.arm("GET", path, api_version="2023-07-01")[0] == 404


def test_deleting_what_is_not_there_is_no_error(local_azure: LocalAzure, group: str) -> None:
    assert local_azure.arm("DELETE", registry(group), api_version="2023-07-01")[0] == 204


def test_clients_find_tenant_subscription_locations_and_providers(
    local_azure: LocalAzure, group: str
) -> None:
    subscription = f"/subscriptions/{local_azure.subscription_id}"
    for path in ("/subscriptions", "/tenants", f"{subscription}/locations", f"{subscription}/providers"):
        status, _, body = local_azure.arm("GET", path, api_version="2022-12-01")
        assert status == 200
        assert body["value"]
    _, _, provider = local_azure.arm(
        "GET", f"{subscription}/providers/microsoft.storage", api_version="2021-04-01"
    )
    assert "storageAccounts" in {found["resourceType"] for found in provider["resourceTypes"]}
    local_azure.put(registry(group), REGISTRY, api_version="2023-07-01")
    _, _, resources = local_azure.arm("GET", f"{group}/resources", api_version="2021-04-01")
    assert "Microsoft.ContainerRegistry/registries" in {found["type"] for found in resources["value"]}
    name = group.rsplit("/", 1)[1]
    filtered = f"{subscription}/resources?$filter=resourceGroup eq '{name}'"
    _, _, resources = local_azure.arm("GET", filtered, api_version="2021-04-01")
    assert {found["id"].split("/")[4] for found in resources["value"]} == {name}
