"""Conditions of role assignments: what holds, what is refused when it is written, and blobs and grants decided by them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import LocalAzure, unique
from test_access import BLOB_DATA_CONTRIBUTOR, OWNER, READER, ROLES, Somebody, assign, graph, somebody

from local.azure.access.condition import LIST_BLOBS, Request, check, holds
from local.azure.errors import ArmError

if TYPE_CHECKING:
    from conftest import Workspace

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"
READ = f"{BLOBS}/blobs/read"
NAME = f"@Resource[{BLOBS}:name]"
PATH = f"@Resource[{BLOBS}/blobs:path]"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"


def request(action: str = READ, sub_operation: str = "", **attributes: str) -> Request:
    names = {
        "container": f"resource[{BLOBS}:name]",
        "path": f"resource[{BLOBS}/blobs:path]",
        "prefix": f"request[{BLOBS}/blobs:prefix]",
        "role": "request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]",
    }
    return Request(action, sub_operation, {names[key].lower(): value for key, value in attributes.items()})


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        (f"{NAME} StringEquals 'logs'", request(container="logs"), True),
        (f"{NAME} StringEquals 'logs'", request(container="Logs"), False),
        (f"{NAME} StringEqualsIgnoreCase 'logs'", request(container="Logs"), True),
        (f"{NAME} StringNotEquals 'logs'", request(container="data"), True),
        (f"{NAME} StringEquals 'logs'", request(), False),
        (f"{PATH} StringLike 'read?nly/*'", request(path="readonly/a/b"), True),
        (f"{PATH} StringStartsWith 'other'", request(path="readonly/a"), False),
        (f"{NAME} ForAnyOfAnyValues:StringEquals {{'a', 'b'}}", request(container="b"), True),
        (f"{NAME} ForAnyOfAllValues:StringNotEquals {{'a', 'b'}}", request(container="b"), False),
        (f"Exists {PATH} && !({NAME} StringEquals 'x')", request(path="p", container="y"), True),
        (f"NOT Exists {PATH} || {NAME} StringEquals 'x'", request(path="p", container="y"), False),
        (f"(!(ActionMatches{{'{READ}'}})) OR ({NAME} StringEquals 'x')", request(f"{BLOBS}/blobs/write"), True),
        (f"(!(ActionMatches{{'{READ}'}})) OR ({NAME} StringEquals 'x')", request(container="y"), False),
        (f"!(ActionMatches{{'{BLOBS}/*'}} AND NOT SubOperationMatches{{'Blob.List'}})", request(sub_operation=LIST_BLOBS), True),
        (f"!(ActionMatches{{'{BLOBS}/*'}} AND NOT SubOperationMatches{{'Blob.List'}})", request(), False),
        (f"@Request[{BLOBS}/blobs:prefix] StringStartsWith 'a/'", request(prefix="a/b"), True),
        (
            f"@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{READER}, {OWNER}}}",
            request(role=OWNER.upper()),
            True,
        ),
    ],
)  # fmt: skip
def test_a_condition_holds_as_azures_does(text: str, asked: Request, expected: bool) -> None:
    check(text, "2.0")
    assert holds(text, asked) is expected


@pytest.mark.parametrize(
    ("text", "version", "status", "message"),
    [
        (f"{NAME} StringEquals 'a'", None, 400, "condition is invalid"),
        (f"{NAME} StringEquals 'a'", "1.0", 400, "condition is invalid"),
        (f"{NAME} StringEquals", "2.0", 400, "condition is invalid"),
        (f"({NAME} StringEquals 'a'", "2.0", 400, "condition is invalid"),
        ("always", "2.0", 400, "condition is invalid"),
        ("@Environment[UtcNow] DateTimeLessThan '2030-01-01T00:00:00Z'", "2.0", 501, "@Environment[UtcNow]"),
        (f"@Resource[{BLOBS}/blobs/tags:Project<$key_case_sensitive$>] StringEquals 'a'", "2.0", 501, "Project"),
        (f"{NAME} NumericEquals 1", "2.0", 501, "NumericEquals"),
        ("SubOperationMatches{'Blob.Read.WithTagConditions'}", "2.0", 501, "withtagconditions"),
    ],
)  # fmt: skip
def test_a_condition_that_could_not_be_evaluated_is_refused(
    text: str, version: str | None, status: int, message: str
) -> None:
    with pytest.raises(ArmError) as refused:
        check(text, version)
    assert refused.value.status == status
    assert message in refused.value.message


def grant(azure: LocalAzure, scope: str, role: str, principal: str, **more: Any) -> tuple[int, Any]:
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definition = (
        f"/subscriptions/{azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    )
    body = {"properties": {"principalId": principal, "roleDefinitionId": definition, **more}}
    status, _, answer = azure.arm("PUT", path, body, api_version=ROLES)
    return status, answer


def test_a_role_under_a_condition_opens_the_containers_that_it_names(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    person = somebody(local_azure)
    account = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{workspace.storage_account}"
    mine, theirs = unique("c"), unique("c")
    for name in (mine, theirs):
        path = f"{account}/blobServices/default/containers/{name}"
        local_azure.put(path, {"properties": {}}, api_version="2024-01-01")
    # Who writes a new blob needs one of two rights: as in Azure, a condition has to be about both.
    guarded = " AND ".join(
        f"!(ActionMatches{{'{BLOBS}/blobs/{one}'}})" for one in ("read", "write", "add/action")
    )
    text = f"({guarded}) OR ({NAME} StringEquals '{mine}' AND {PATH} StringLike 'in/*')"
    status, answer = grant(
        local_azure, account, BLOB_DATA_CONTRIBUTOR, person.object_id, condition=text, conditionVersion="2.0"
    )
    assert (status, answer["properties"]["condition"]) == (201, text)

    def send(method: str, container: str, name: str) -> tuple[int, str]:
        headers = {
            "Authorization": f"Bearer {person.token('https://storage.azure.com')}",
            "x-ms-version": "2024-08-04",
            "x-ms-blob-type": "BlockBlob",
        }
        url = f"https://{workspace.storage_account}.blob.core.windows.net/{container}/{name}"
        found = local_azure.session.request(method, url, data=b"x", headers=headers, timeout=30)
        return found.status_code, found.headers.get("x-ms-error-code", "")

    refused = (403, "AuthorizationPermissionMismatch")
    assert send("PUT", mine, "in/a")[0] == 201
    assert send("PUT", mine, "out/a") == refused
    assert send("PUT", theirs, "in/a") == refused
    assert send("HEAD", theirs, "in/a")[0] == 403
    # What the condition isn't about, it leaves alone.
    assert send("DELETE", mine, "in/a")[0] == 202
    status, answer = grant(
        local_azure, account, READER, person.object_id, condition="?", conditionVersion="2.0"
    )
    assert (status, answer["error"]["message"]) == (400, "The given role assignment condition is invalid.")


def test_who_may_give_some_roles_gives_no_other(local_azure: LocalAzure) -> None:
    group = local_azure.group()
    giver, taker = somebody(local_azure), somebody(local_azure)
    role = (
        "@{0}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{1}}}"
    )
    text = (
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR ("
        f"{role.format('Request', READER)})) AND ((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/delete'}})) OR ("
        f"{role.format('Resource', READER)}))"
    )
    chosen = {"condition": text, "conditionVersion": "2.0"}
    assert grant(local_azure, group, USER_ACCESS_ADMINISTRATOR, giver.object_id, **chosen)[0] == 201

    def give(by: Somebody, name: str) -> tuple[int, str, str]:
        path = f"{group}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        definition = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{name}"
        body = {"properties": {"principalId": taker.object_id, "roleDefinitionId": definition}}
        status, answer = by.arm("PUT", path, body, api_version=ROLES)
        return status, (answer.get("error") or {}).get("code", ""), path

    assert give(giver, OWNER)[:2] == (403, "AuthorizationFailed")
    status, _, given = give(giver, READER)
    assert status == 201
    owning = assign(local_azure, group, OWNER, taker.object_id)
    assert giver.arm("DELETE", owning, api_version=ROLES)[0] == 403
    assert giver.arm("DELETE", given, api_version=ROLES)[0] == 200


def test_an_assignment_keeps_to_the_type_of_its_principal_and_the_scopes_of_its_role(
    local_azure: LocalAzure,
) -> None:
    group, other = local_azure.group(), local_azure.group()
    team = graph(local_azure, "POST", "/groups", {"displayName": unique("team-")})["id"]
    status, answer = grant(local_azure, group, READER, team, principalType="ServicePrincipal")
    assert (status, answer["error"]["code"]) == (400, "UnmatchedPrincipalType")
    assert answer["error"]["message"] == (
        f"The PrincipalId '{team.replace('-', '')}' has type 'Group' , which is different from specified PrinciaplType "
        "'ServicePrincipal'."
    )
    assert grant(local_azure, group, READER, team)[1]["properties"]["principalType"] == "Group"
    role = str(uuid.uuid4())
    definition = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {
        "roleName": f"There {role}",
        "assignableScopes": [group],
        "permissions": [{"actions": ["*/read"]}],
    }
    local_azure.arm("PUT", definition, {"properties": properties}, api_version=ROLES)
    status, answer = grant(local_azure, other, role, team)
    assert (status, answer["error"]["code"]) == (400, "RoleAssignmentScopeNotAssignableToRoleDefinition")
    assert grant(local_azure, group, role, team)[0] == 201


def test_the_last_owner_of_the_subscription_stays(local_azure: LocalAzure) -> None:
    scope = f"/subscriptions/{local_azure.subscription_id}"
    listing = f"{scope}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()"
    _, _, answer = local_azure.arm("GET", listing, api_version=ROLES)
    (owner,) = [
        one["id"]
        for one in answer["value"]
        if one["properties"]["roleDefinitionId"].endswith((OWNER, USER_ACCESS_ADMINISTRATOR))
    ]
    status, _, answer = local_azure.arm("DELETE", owner, api_version=ROLES)
    assert (status, answer["error"]["message"]) == (403, "Cannot delete the last RBAC admin assignment.")
    second = assign(local_azure, scope, OWNER, somebody(local_azure).object_id)
    assert local_azure.arm("DELETE", second, api_version=ROLES)[0] == 200
