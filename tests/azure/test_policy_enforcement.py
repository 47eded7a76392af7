"""Assigned policies refuse and change writes, and say how what is there complies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from running_azure import unique

if TYPE_CHECKING:
    from running_azure import LocalAzure

POLICY = "2024-05-01"
IDENTITY = "2023-01-31"
LOCATIONS = "e56962a6-4747-49cd-b67b-bf8b01975c4c"
REQUIRE_TAG = "871b6d14-10aa-478d-b590-94f262ecfa99"
INHERIT_TAG = "cd3aa116-8754-49c9-a813-ad46512ece54"
DELETION_PROTECTION = "0b60c0b2-2dc2-4e1c-b5c9-abbed971de53"
BUILT_IN = "/providers/Microsoft.Authorization/policyDefinitions"


@pytest.fixture
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


def assign(
    azure: LocalAzure, scope: str, definition: str, *, identity: bool = False, **properties: Any
) -> str:
    path = f"{scope}/providers/Microsoft.Authorization/policyAssignments/{unique('p-')}"
    body: dict[str, Any] = {"properties": {"policyDefinitionId": definition, **properties}}
    if identity:
        body |= {"location": "westeurope", "identity": {"type": "SystemAssigned"}}
    azure.put(path, body, api_version=POLICY)
    return path


def define(azure: LocalAzure, properties: dict[str, Any]) -> str:
    path = f"/subscriptions/{azure.subscription_id}{BUILT_IN}/{unique('d-')}"
    azure.put(path, {"properties": properties}, api_version=POLICY)
    return path


def identity_in(azure: LocalAzure, group: str, **body: Any) -> tuple[int, Any]:
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    status, _, answer = azure.arm("PUT", path, {"location": "westeurope", **body}, api_version=IDENTITY)
    return status, answer


def states(azure: LocalAzure, scope: str, filtered: str = "") -> list[dict[str, Any]]:
    path = f"{scope}/providers/Microsoft.PolicyInsights/policyStates/latest/queryResults"
    query = f"?api-version=2024-10-01{f'&$filter={filtered}' if filtered else ''}"
    status, _, answer = azure.arm("POST", f"{path}{query}", api_version="2024-10-01")
    assert status == 200, answer
    assert answer["@odata.count"] == len(answer["value"])
    return answer["value"]


def test_a_resource_in_another_region_is_refused_with_the_policy_that_refuses_it(
    local_azure: LocalAzure, group: str
) -> None:
    allowed = {"listOfAllowedLocations": {"value": ["North Europe"]}}
    assignment = assign(
        local_azure, group, f"{BUILT_IN}/{LOCATIONS}", displayName="Where we are", parameters=allowed
    )
    status, answer = identity_in(local_azure, group)
    error = answer["error"]
    assert (status, error["code"]) == (403, "RequestDisallowedByPolicy")
    assert error["message"].startswith(
        f"Resource '{error['target']}' was disallowed by policy. Policy identifiers: '[{{"
    )
    info = error["additionalInfo"][0]["info"]
    assert error["additionalInfo"][0]["type"] == "PolicyViolation"
    assert (info["policyAssignmentId"], info["policyAssignmentDisplayName"]) == (assignment, "Where we are")
    assert (info["policyDefinitionName"], info["policyDefinitionEffect"]) == (LOCATIONS, "deny")
    assert info["evaluationDetails"]["evaluatedExpressions"][0] == {
        "result": "True",
        "expressionKind": "Field",
        "expression": "location",
        "path": "location",
        "expressionValue": "westeurope",
        "targetValue": ["North Europe"],
        "operator": "NotIn",
    }
    assert identity_in(local_azure, group, location="northeurope")[0] == 201
    # What is outside the group, global, or no resource with a location isn't the policy's business.
    assert identity_in(local_azure, local_azure.group())[0] == 201
    zone = f"{group}/providers/Microsoft.Network/privateDnsZones/{unique('z')}.example"
    assert local_azure.arm("PUT", zone, {"location": "global"}, api_version="2024-06-01")[0] in (201, 202)
    assert local_azure.arm("DELETE", assignment, api_version=POLICY)[0] == 200
    assert identity_in(local_azure, group)[0] == 201


def test_a_message_of_the_assignment_says_why(local_azure: LocalAzure, group: str) -> None:
    assign(
        local_azure,
        group,
        f"{BUILT_IN}/{REQUIRE_TAG}",
        parameters={"tagName": {"value": "owner"}},
        nonComplianceMessages=[{"message": "Say whose it is."}],
    )
    status, answer = identity_in(local_azure, group)
    assert status == 403
    assert answer["error"]["message"].endswith(
        "was disallowed by policy. Reasons: 'Say whose it is.'. See error details for policy resource IDs."
    )
    status, answer = identity_in(local_azure, group, tags={"Owner": "ann"})
    assert status == 201
    # A PATCH is judged by what it leads to.
    _, _, patched = local_azure.arm("PATCH", answer["id"], {"tags": {"Owner": None}}, api_version=IDENTITY)
    assert patched["error"]["code"] == "RequestDisallowedByPolicy"


def test_a_tag_is_inherited_from_the_group(local_azure: LocalAzure, group: str) -> None:
    local_azure.put(group, {"location": "westeurope", "tags": {"costCenter": "7"}}, api_version="2024-03-01")
    body = {
        "properties": {
            "policyDefinitionId": f"{BUILT_IN}/{INHERIT_TAG}",
            "parameters": {"tagName": {"value": "costCenter"}},
        }
    }
    path = f"{group}/providers/Microsoft.Authorization/policyAssignments/{unique('p-')}"
    status, _, answer = local_azure.arm("PUT", path, body, api_version=POLICY)
    assert (status, answer["error"]["code"]) == (400, "ResourceIdentityRequired")
    assign(
        local_azure,
        group,
        identity=True,
        definition=f"{BUILT_IN}/{INHERIT_TAG}",
        parameters={"tagName": {"value": "costCenter"}},
    )
    assert identity_in(local_azure, group, tags={"a": "b"})[1]["tags"] == {"a": "b", "costCenter": "7"}


@pytest.mark.parametrize(
    "way", ["DoNotEnforce", "Disabled", "notScopes", "exemption", "selector", "override"]
)
def test_what_is_left_out_of_a_policy_isnt_refused(local_azure: LocalAzure, group: str, way: str) -> None:
    rule = {
        "if": {"field": "type", "equals": "Microsoft.ManagedIdentity/userAssignedIdentities"},
        "then": {"effect": "[parameters('effect')]"},
    }
    effect = {"type": "String", "allowedValues": ["Deny", "Disabled"], "defaultValue": "Deny"}
    definition = define(
        local_azure, {"mode": "Indexed", "parameters": {"effect": effect}, "policyRule": rule}
    )
    above = f"/subscriptions/{local_azure.subscription_id}"
    vaults = {"name": "s", "selectors": [{"kind": "resourceType", "in": ["Microsoft.KeyVault/vaults"]}]}
    chosen: dict[str, dict[str, Any]] = {
        "DoNotEnforce": {"enforcementMode": "DoNotEnforce"},
        "Disabled": {"parameters": {"effect": {"value": "Disabled"}}},
        "notScopes": {"notScopes": [group]},
        "selector": {"resourceSelectors": [vaults]},
        "override": {"overrides": [{"kind": "policyEffect", "value": "disabled", "selectors": []}]},
    }
    # Only ``notScopes`` needs to be assigned above the group: the whole suite shares the subscription.
    assignment = assign(
        local_azure, above if way == "notScopes" else group, definition, **chosen.get(way, {})
    )
    try:
        if way == "exemption":
            assert identity_in(local_azure, group)[0] == 403
            path = f"{group}/providers/Microsoft.Authorization/policyExemptions/{unique('x-')}"
            exemption = {
                "policyAssignmentId": assignment,
                "exemptionCategory": "Waiver",
                "expiresOn": "2020-01-01T00:00:00Z",
            }
            local_azure.put(path, {"properties": exemption}, api_version="2022-07-01-preview")
            assert identity_in(local_azure, group)[0] == 403
            exemption["expiresOn"] = "2999-01-01T00:00:00Z"
            local_azure.put(path, {"properties": exemption}, api_version="2022-07-01-preview")
        assert identity_in(local_azure, group)[0] == 201
    finally:
        local_azure.arm("DELETE", assignment, api_version=POLICY)


def test_a_set_brings_its_members_with_their_parameters_and_states_name_them(
    local_azure: LocalAzure, group: str
) -> None:
    found = identity_in(local_azure, group)[1]["id"]
    members = [
        {
            "policyDefinitionId": f"{BUILT_IN}/{LOCATIONS}",
            "policyDefinitionReferenceId": "where",
            "parameters": {
                "listOfAllowedLocations": {"value": "[parameters('regions')]"},
                "effect": {"value": "Audit"},
            },
        },
        {
            "policyDefinitionId": f"{BUILT_IN}/{REQUIRE_TAG}",
            "policyDefinitionReferenceId": "owner",
            "parameters": {"tagName": {"value": "owner"}},
        },
    ]
    properties = {"parameters": {"regions": {"type": "Array"}}, "policyDefinitions": members}
    path = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization/policySetDefinitions/{unique('s-')}"
    local_azure.put(path, {"properties": properties}, api_version=POLICY)
    regions = {"regions": {"value": ["northeurope"]}}
    assignment = assign(local_azure, group, path, parameters=regions)
    status, answer = identity_in(local_azure, group)
    assert status == 403
    assert answer["error"]["additionalInfo"][0]["info"]["policyDefinitionReferenceId"] == "owner"
    # Audit refuses nothing.
    audited = identity_in(local_azure, group, tags={"owner": "ann"})[1]["id"]
    seen = {
        (one["resourceId"], one["policyDefinitionReferenceId"]): (
            one["complianceState"],
            one["policyDefinitionAction"],
        )
        for one in states(local_azure, group)
        if one["resourceType"].endswith("userAssignedIdentities")
    }
    assert seen == {
        (found.lower(), "where"): ("NonCompliant", "audit"),
        (found.lower(), "owner"): ("NonCompliant", "deny"),
        (audited.lower(), "where"): ("NonCompliant", "audit"),
        (audited.lower(), "owner"): ("Compliant", "deny"),
    }
    wrong = states(local_azure, group, "isCompliant eq false and policyDefinitionReferenceId eq 'owner'")
    assert [one["resourceId"] for one in wrong] == [found.lower()]
    assert len(states(local_azure, found)) == 2
    path = f"{group}/providers/Microsoft.PolicyInsights/policyStates/latest/summarize"
    _, _, answer = local_azure.arm("POST", path, api_version="2024-10-01")
    results = answer["value"][0]["results"]
    assert (results["nonCompliantResources"], results["nonCompliantPolicies"]) == (2, 2)
    assert answer["value"][0]["policyAssignments"][0]["policyAssignmentId"] == assignment.lower()


def test_what_a_policy_would_deploy_is_missing_and_said_to_be(local_azure: LocalAzure, group: str) -> None:
    kind = "Microsoft.ManagedIdentity/userAssignedIdentities"
    details = {
        "type": f"{kind}/federatedIdentityCredentials",
        "existenceCondition": {
            "field": f"{kind}/federatedIdentityCredentials/issuer",
            "like": "https://issuer*",
        },
        "roleDefinitionIds": ["/providers/Microsoft.Authorization/roleDefinitions/x"],
        "deployment": {
            "properties": {"mode": "incremental", "template": {"x": "[variables('of the template')]"}}
        },
    }
    rule = {
        "if": {"field": "type", "equals": kind},
        "then": {"effect": "deployIfNotExists", "details": details},
    }
    assign(local_azure, group, define(local_azure, {"mode": "All", "policyRule": rule}), identity=True)
    status, answer = identity_in(local_azure, group)
    assert status == 201
    (state,) = states(local_azure, answer["id"])
    assert (state["complianceState"], state["policyDefinitionAction"]) == (
        "NonCompliant",
        "deployifnotexists",
    )
    trusted = {"issuer": "https://issuer.example", "subject": "s", "audiences": ["a"]}
    local_azure.put(
        f"{answer['id']}/federatedIdentityCredentials/c", {"properties": trusted}, api_version=IDENTITY
    )
    assert [
        one["complianceState"] for one in states(local_azure, answer["id"]) if one["resourceType"] == kind
    ] == ["Compliant"]


def test_a_deletion_can_be_refused(local_azure: LocalAzure, group: str) -> None:
    rule = {
        "if": {"field": "tags['keep']", "equals": "yes"},
        "then": {"effect": "denyAction", "details": {"actionNames": ["delete"]}},
    }
    assignment = assign(local_azure, group, define(local_azure, {"mode": "Indexed", "policyRule": rule}))
    kept = identity_in(local_azure, group, tags={"keep": "yes"})[1]["id"]
    for path in (kept, group):
        status, _, answer = local_azure.arm("DELETE", path, api_version=IDENTITY)
        assert (status, answer["error"]["code"]) == (403, "RequestDisallowedByPolicy"), path
    assert local_azure.arm("DELETE", identity_in(local_azure, group)[1]["id"], api_version=IDENTITY)[0] == 200
    local_azure.arm("DELETE", assignment, api_version=POLICY)
    assert local_azure.arm("DELETE", kept, api_version=IDENTITY)[0] == 200


def test_a_vault_without_deletion_protection_is_refused_in_a_deployment_too(
    local_azure: LocalAzure, group: str
) -> None:
    assign(local_azure, group, f"{BUILT_IN}/{DELETION_PROTECTION}", parameters={"effect": {"value": "Deny"}})
    vault: dict[str, Any] = {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2024-11-01",
        "name": unique("kv-"),
        "location": "westeurope",
        "properties": {
            "tenantId": local_azure.env["AZURE_TENANT_ID"],
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "enableSoftDelete": True,
        },
    }

    def deploy() -> dict[str, Any]:
        template = {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "resources": [vault],
        }
        path = f"{group}/providers/Microsoft.Resources/deployments/{unique('d-')}"
        body = {"properties": {"mode": "Incremental", "template": template}}
        _, headers, _ = local_azure.arm("PUT", path, body, api_version="2024-03-01")
        return local_azure.wait(headers, api_version="2024-03-01")

    with pytest.raises(AssertionError, match="RequestDisallowedByPolicy"):
        deploy()
    vault["properties"]["enablePurgeProtection"] = True
    assert deploy()["status"] == "Succeeded"
