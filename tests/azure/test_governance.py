"""Roles, policies and budgets: Azure's rules for what governs a subscription."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import unique

if TYPE_CHECKING:
    from running_azure import LocalAzure

AUTH, POLICY, BUDGET = "2022-04-01", "2025-01-01", "2024-08-01"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
RULE: dict[str, Any] = {
    "if": {"field": "location", "notEquals": "westeurope"},
    "then": {"effect": "[parameters('effect')]"},
}


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


def code(answer: tuple[int, Any, Any]) -> tuple[int, str]:
    return answer[0], answer[2]["error"]["code"]


def test_built_in_roles_have_azures_permissions_and_callers_theirs(
    local_azure: LocalAzure, group: str
) -> None:
    path = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions"
    _, _, reader = local_azure.arm("GET", f"{path}/{READER}", api_version=AUTH)
    assert reader["properties"]["permissions"][0]["actions"] == ["*/read"]
    _, _, mine = local_azure.arm(
        "GET", f"{group}/providers/Microsoft.Authorization/permissions", api_version=AUTH
    )
    assert mine["value"][0]["actions"] == ["*"]


def test_a_custom_role_has_a_name_of_its_own_and_stays_while_it_is_assigned(
    local_azure: LocalAzure, group: str
) -> None:
    body = {
        "properties": {
            "roleName": unique("role-"),
            "assignableScopes": [group],
            "permissions": [{"actions": ["*/read"]}],
        }
    }
    roles = f"{group}/providers/Microsoft.Authorization/roleDefinitions"
    role = f"{roles}/{uuid.uuid4()}"
    local_azure.put(role, body, api_version=AUTH)
    again = local_azure.arm("PUT", f"{roles}/{uuid.uuid4()}", body, api_version=AUTH)
    assert code(again) == (409, "RoleDefinitionWithSameNameExists")
    assignment = f"{group}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    assigned = {
        "roleDefinitionId": role,
        "principalId": str(uuid.uuid4()),
        "principalType": "ServicePrincipal",
    }
    local_azure.put(assignment, {"properties": assigned}, api_version=AUTH)
    assert code(local_azure.arm("DELETE", role, api_version=AUTH)) == (400, "RoleDefinitionHasAssignments")
    status, _, deleted = local_azure.arm("DELETE", assignment, api_version=AUTH)
    assert (status, deleted["properties"]["principalId"]) == (200, assigned["principalId"])
    assert local_azure.arm("DELETE", role, api_version=AUTH)[0] == 200


def test_policies_are_kept_with_versions_and_assigned_with_their_parameters(
    local_azure: LocalAzure, group: str
) -> None:
    scope = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization"
    definition = f"{scope}/policyDefinitions/{unique('policy-')}"
    properties = {
        "policyRule": RULE,
        "parameters": {"effect": {"type": "String", "allowedValues": ["Audit"]}},
    }
    made = local_azure.put(definition, {"properties": properties}, api_version=POLICY)["properties"]
    assert (made["policyType"], made["version"], made["versions"]) == ("Custom", "1.0.0", ["1.0.0"])
    local_azure.put(f"{definition}/versions/1.1.0", {"properties": properties}, api_version=POLICY)
    assignment = f"{group}/providers/Microsoft.Authorization/policyAssignments/here"

    def assign(parameters: dict[str, Any]) -> tuple[int, Any, Any]:
        body = {"properties": {"policyDefinitionId": definition, "parameters": parameters}}
        return local_azure.arm("PUT", assignment, body, api_version=POLICY)

    assert code(assign({})) == (400, "MissingPolicyParameter")
    assert code(assign({"effect": {"value": "Deny"}})) == (400, "PolicyParameterValueNotAllowed")
    status, _, assigned = assign({"effect": {"value": "Audit"}})
    assert (status, assigned["properties"]["latestDefinitionVersion"]) == (201, "1.1.0")
    in_use = local_azure.arm("DELETE", definition, api_version=POLICY)
    assert code(in_use) == (409, "PolicyDefinitionInUse")
    listed = local_azure.arm("GET", f"{scope}/policyAssignments?$filter=atExactScope()", api_version=POLICY)[
        2
    ]["value"]
    assert assignment not in [one["id"] for one in listed]
    assert local_azure.arm("DELETE", assignment, api_version=POLICY)[2]["name"] == "here"


def test_management_groups_are_refused_by_name(local_azure: LocalAzure) -> None:
    path = "/providers/Microsoft.Management/managementGroups/x/providers/Microsoft.Authorization/policyDefinitions"
    for method, target in (
        ("GET", path),
        ("GET", f"{path}/p"),
        ("DELETE", f"{path}/p"),
        ("PUT", f"{path}/p"),
    ):
        status, _, body = local_azure.arm(method, target, {}, api_version=POLICY)
        assert status == 501
        assert "managementGroups" in body["error"]["message"]


def test_a_budget_keeps_azures_rules(local_azure: LocalAzure, group: str) -> None:
    path = f"{group}/providers/Microsoft.Consumption/budgets/month"
    properties: dict[str, Any] = {
        "category": "Cost",
        "amount": 100,
        "timeGrain": "Monthly",
        "timePeriod": {"startDate": "2026-11-01T00:00:00Z"},
        "notifications": {"most": {"enabled": True, "operator": "GreaterThan", "threshold": 80, "contactEmails": ["a@b.c"]}},
    }  # fmt: skip
    for wrong in (
        {"amount": 0},
        {"timePeriod": {"startDate": "2026-11-02T00:00:00Z"}},
        {"timeGrain": "Daily"},
    ):
        status, _, _ = local_azure.arm(
            "PUT", path, {"properties": {**properties, **wrong}}, api_version=BUDGET
        )
        assert status == 400, wrong
    made = local_azure.put(path, {"properties": properties}, api_version=BUDGET)
    assert made["properties"]["currentSpend"]["amount"] == 0
    changed = {"eTag": made["eTag"], "properties": {**properties, "amount": 50}}
    assert local_azure.arm("PUT", path, changed, api_version=BUDGET)[0] == 200
    assert local_azure.arm("PUT", path, changed, api_version=BUDGET)[0] == 409
    listed = local_azure.arm("GET", f"{group}/providers/Microsoft.Consumption/budgets", api_version=BUDGET)
    assert [one["name"] for one in listed[2]["value"]] == ["month"]
    assert local_azure.arm("DELETE", path, api_version=BUDGET)[0] == 200
