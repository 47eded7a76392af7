"""What requests ask for and what roles permit, without a server."""

from __future__ import annotations

import pytest

from local.azure.access import storage_operation, vault_operation
from local.azure.access.operation import Demand, demand, workspace_demand
from local.azure.access.permission import Permission, allows

S = "/subscriptions/s"
G = f"{S}/resourceGroups/g"
STORAGE = f"{G}/providers/Microsoft.Storage/storageAccounts"
ML = f"{G}/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", f"{STORAGE}/a", Demand("Microsoft.Storage/storageAccounts/read", f"{STORAGE}/a")),
        ("PUT", f"{STORAGE}/a", Demand("Microsoft.Storage/storageAccounts/write", f"{STORAGE}/a")),
        ("PATCH", f"{STORAGE}/a", Demand("Microsoft.Storage/storageAccounts/write", f"{STORAGE}/a")),
        ("DELETE", f"{STORAGE}/a", Demand("Microsoft.Storage/storageAccounts/delete", f"{STORAGE}/a")),
        (
            "POST",
            f"{STORAGE}/a/listKeys",
            Demand("Microsoft.Storage/storageAccounts/listKeys/action", f"{STORAGE}/a"),
        ),
        ("GET", STORAGE, Demand("Microsoft.Storage/storageAccounts/read", G, listing=True)),
        (
            "GET",
            f"{S}/providers/Microsoft.Storage/storageAccounts",
            Demand("Microsoft.Storage/storageAccounts/read", S, listing=True),
        ),
        (
            "GET",
            f"{ML}/models/m/versions",
            Demand(
                "Microsoft.MachineLearningServices/workspaces/models/versions/read",
                f"{ML}/models/m",
                listing=True,
            ),
        ),
        (
            "PUT",
            f"{ML}/providers/Microsoft.Authorization/roleAssignments/x",
            Demand(
                "Microsoft.Authorization/roleAssignments/write",
                f"{ML}/providers/Microsoft.Authorization/roleAssignments/x",
            ),
        ),
        ("DELETE", G, Demand("Microsoft.Resources/subscriptions/resourceGroups/delete", G)),
        ("GET", S, Demand("Microsoft.Resources/subscriptions/read", S)),
        (
            "GET",
            f"{S}/resourceGroups",
            Demand("Microsoft.Resources/subscriptions/resourceGroups/read", S, listing=True),
        ),
        (
            "GET",
            f"{G}/resources",
            Demand("Microsoft.Resources/subscriptions/resourceGroups/resources/read", G, listing=True),
        ),
        (
            "POST",
            f"{S}/providers/Microsoft.Storage/checkNameAvailability",
            Demand("Microsoft.Storage/checkNameAvailability/read", S),
        ),
        (
            "GET",
            f"{S}/providers/Microsoft.MachineLearningServices/locations/westeurope/vmSizes",
            Demand("Microsoft.MachineLearningServices/locations/vmSizes/read", S, listing=True),
        ),
        ("GET", "/subscriptions", None),
        ("GET", "/tenants", None),
        ("GET", "/providers/Microsoft.Storage/operations", None),
        (
            "GET",
            f"{S}/providers/Microsoft.MachineLearningServices/locations/westeurope/mfeOperationsStatus/oe:1",
            None,
        ),
        ("GET", f"{S}/operationresults/1", None),
    ],
)
def test_a_request_asks_for_one_operation_at_one_scope(
    method: str, path: str, expected: Demand | None
) -> None:
    assert demand(method, path) == expected


def test_what_roles_leave_out_another_role_may_give() -> None:
    contributor = Permission(actions=("*",), not_actions=("Microsoft.Authorization/*/Write",))
    assigner = Permission(actions=("Microsoft.Authorization/roleAssignments/*",))
    write = "microsoft.authorization/roleassignments/write"
    assert not contributor.allows(write)
    assert allows([contributor, assigner], write)
    assert contributor.allows("Microsoft.Storage/storageAccounts/write")
    assert not contributor.allows("Microsoft.Storage/storageAccounts/write", data=True)


def test_a_pattern_is_matched_whole_and_without_case() -> None:
    reader = Permission(actions=("Microsoft.Storage/*/read",))
    assert reader.allows("microsoft.storage/storageaccounts/blobServices/READ")
    assert not reader.allows("Microsoft.Storage/storageAccounts/readmore")
    assert not reader.allows("Microsoft.StorageX/storageAccounts/read")


@pytest.mark.parametrize(
    ("method", "path", "query", "operations", "data"),
    [
        ("GET", "/c/a/b.txt", {}, ("containers/blobs/read",), True),
        ("PUT", "/c/a", {"comp": "block"}, ("containers/blobs/write", "containers/blobs/add/action"), True),
        ("PUT", "/c/a", {"comp": "metadata"}, ("containers/blobs/write",), True),
        ("DELETE", "/c/a", {}, ("containers/blobs/delete",), True),
        ("GET", "/c", {"restype": "container", "comp": "list"}, ("containers/blobs/read",), True),
        ("PUT", "/c", {"restype": "container"}, ("containers/write",), False),
        ("GET", "/", {"comp": "list"}, ("containers/read",), False),
        ("POST", "/", {"comp": "userdelegationkey"}, ("generateUserDelegationKey/action",), False),
    ],
)
def test_a_request_to_blobs_is_an_action_on_containers_or_a_data_action_on_blobs(
    method: str, path: str, query: dict[str, str], operations: tuple[str, ...], data: bool
) -> None:
    found = storage_operation.blob(method, path, query)
    prefix = "Microsoft.Storage/storageAccounts/blobServices/"
    assert (tuple(one.removeprefix(prefix) for one in found.operations), found.data) == (operations, data)


def test_a_message_is_added_processed_or_only_looked_at() -> None:
    added = storage_operation.queue("POST", "/q/messages", {})
    assert added.operations[0].endswith("/queues/messages/add/action")
    taken = storage_operation.queue("GET", "/q/messages", {})
    assert taken.operations[0].endswith("/queues/messages/process/action")
    seen = storage_operation.queue("GET", "/q/messages", {"peekonly": "true"})
    assert seen.operations[0].endswith("/queues/messages/read")
    assert storage_operation.queue("PUT", "/q", {}).data is False


@pytest.mark.parametrize(
    ("method", "path", "action", "permission"),
    [
        ("GET", "/secrets/x", "secrets/getSecret/action", "get"),
        ("GET", "/secrets", "secrets/readMetadata/action", "list"),
        ("GET", "/secrets/x/versions", "secrets/readMetadata/action", "list"),
        ("PUT", "/secrets/x", "secrets/setSecret/action", "set"),
        ("DELETE", "/secrets/x", "secrets/delete", "delete"),
        ("DELETE", "/deletedsecrets/x", "secrets/purge/action", "purge"),
        ("POST", "/deletedsecrets/x/recover", "secrets/recover/action", "recover"),
        ("POST", "/keys/k/create", "keys/create/action", "create"),
        ("GET", "/keys/k", "keys/read", "get"),
        ("POST", "/keys/k/v1/wrapkey", "keys/wrap/action", "wrapkey"),
        ("POST", "/keys/k/v1/sign", "keys/sign/action", "sign"),
    ],
)
def test_a_request_to_a_vault_is_a_data_action_and_a_permission(
    method: str, path: str, action: str, permission: str
) -> None:
    found = vault_operation.demand(method, path)
    assert (found.action, found.permission) == (f"Microsoft.KeyVault/vaults/{action}", permission)


def test_access_policies_count_for_the_principal_and_its_groups() -> None:
    policies = [{"objectId": "AAA", "permissions": {"secrets": ["Get", "List"]}}]
    assert vault_operation.policy_allows(policies, ["aaa"], "secrets", "get")
    assert not vault_operation.policy_allows(policies, ["aaa"], "secrets", "set")
    assert not vault_operation.policy_allows(policies, ["aaa"], "keys", "get")
    assert vault_operation.policy_allows(policies, ["user", "aaa"], "secrets", "list")


def test_the_services_of_a_workspace_ask_for_rights_on_its_runs() -> None:
    found = workspace_demand("PATCH", f"/history/v1.0{ML}/runs/r")
    assert found == Demand("Microsoft.MachineLearningServices/workspaces/experiments/runs/write", ML)
    assert workspace_demand("GET", "/discovery") is None
