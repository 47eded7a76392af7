"""Rules of policies: conditions, arrays, expressions, changes, and what a definition may not say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from local.azure.errors import ArmError
from local.azure.policy import BUILT_IN
from local.azure.policy_rule.change import ConflictError, appended, modified
from local.azure.policy_rule.check import check
from local.azure.policy_rule.condition import Evaluation, Subject
from local.azure.policy_rule.expression import RuleScope

NSG = "Microsoft.Network/networkSecurityGroups"
ACCOUNT = "Microsoft.Storage/storageAccounts"


def evaluation(of: str = ACCOUNT, /, *, parameters: dict[str, Any] | None = None, **body: Any) -> Evaluation:
    group = {"name": "g", "location": "westeurope", "tags": {"team": "fraud"}}
    scope = RuleScope(
        subscription={"subscriptionId": "s"},
        tenant={},
        group=group,
        deployment={},
        parameters=parameters or {},
        variables={},
        now=lambda: datetime(2026, 1, 2, tzinfo=UTC),
        api_version="2024-01-01",
    )
    return Evaluation(
        Subject(f"/subscriptions/s/resourceGroups/g/providers/{of}/one", of, "one", "one", body), scope
    )


STORED = {
    "location": "West Europe",
    "kind": "StorageV2",
    "sku": {"name": "Standard_LRS"},
    "identity": {"type": "SystemAssigned"},
    "tags": {"Owner": "ann", "cost": ""},
    "properties": {
        "allowBlobPublicAccess": False,
        "minimumTlsVersion": "TLS1_2",
        "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "10.0.0.0/8"}, {"value": "10.1.2.3"}]},
    },
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"field": "type", "equals": "microsoft.storage/STORAGEACCOUNTS"}, True),
        ({"field": "location", "in": ["westeurope", "northeurope"]}, True),
        ({"field": "location", "notEquals": "westeurope"}, False),
        ({"field": "identity.type", "contains": "Assigned"}, True),
        ({"field": "name", "match": "on?"}, True),
        ({"field": "name", "match": "on#"}, False),
        ({"field": "name", "like": "O*"}, True),
        ({"field": "tags['owner']", "equals": "ANN"}, True),
        ({"field": "tags[Owner]", "exists": "true"}, True),
        ({"field": "tags.other", "exists": False}, True),
        ({"field": "[concat('tags[', parameters('tagName'), ']')]", "exists": "false"}, False),
        ({"field": "tags", "containsKey": "cost"}, True),
        ({"field": f"{ACCOUNT}/sku.name", "equals": "Standard_LRS"}, True),
        ({"field": f"{ACCOUNT}/allowBlobPublicAccess", "equals": "false"}, True),
        ({"field": f"{ACCOUNT}/publicNetworkAccess", "exists": False}, True),
        ({"field": f"{ACCOUNT}/publicNetworkAccess", "notEquals": "Disabled"}, True),
        ({"field": f"{ACCOUNT}/networkAcls.defaultAction", "equals": "deny"}, True),
        # An array's condition holds if it does for each element, also for none.
        ({"field": f"{ACCOUNT}/networkAcls.ipRules[*].value", "like": "10.*"}, True),
        ({"field": f"{ACCOUNT}/networkAcls.ipRules[*].value", "equals": "10.1.2.3"}, False),
        ({"field": f"{ACCOUNT}/networkAcls.virtualNetworkRules[*].id", "equals": "x"}, True),
        (
            {
                "count": {
                    "field": f"{ACCOUNT}/networkAcls.ipRules[*]",
                    "where": {"field": f"{ACCOUNT}/networkAcls.ipRules[*].value", "contains": "/"},
                },
                "equals": 1,
            },
            True,
        ),
        (
            {
                "count": {
                    "field": f"{ACCOUNT}/networkAcls.ipRules[*]",
                    "where": {
                        "value": f"[ipRangeContains('10.1.0.0/16', current('{ACCOUNT}/networkAcls.ipRules[*].value'))]",
                        "equals": True,
                    },
                },
                "greater": 0,
            },
            True,
        ),
        (
            {
                "count": {
                    "value": "[parameters('names')]",
                    "name": "wanted",
                    "where": {"field": "name", "equals": "[current('wanted')]"},
                },
                "less": 1,
            },
            False,
        ),
        ({"value": "[resourceGroup().tags['team']]", "equals": "fraud"}, True),
        ({"value": "[resourceGroup().tags[parameters('tagName')]]", "notEquals": ""}, False),
        ({"value": f"[length(field('{ACCOUNT}/networkAcls.ipRules[*].value'))]", "equals": 2}, True),
        ({"value": "[requestContext().apiVersion]", "greaterOrEquals": "2023-01-01"}, True),
        ({"value": "[addDays('2026-01-02T00:00:00.0000000Z', 1)]", "less": "[utcNow()]"}, False),
        ({"not": {"anyOf": [{"field": "kind", "equals": "BlobStorage"}, {"field": "name", "in": ["two"]}]}}, True),
        ({"allOf": [{"field": "kind", "equals": "StorageV2"}, {"field": "name", "notIn": ["one"]}]}, False),
        # Another type's alias has no value.
        ({"field": "Microsoft.KeyVault/vaults/publicNetworkAccess", "equals": "Enabled"}, False),
    ],
)  # fmt: skip
def test_a_condition_holds_as_azures_does(condition: dict[str, Any], expected: bool) -> None:
    checked = evaluation(parameters={"tagName": "Owner", "names": ["one", "two"]}, **STORED)
    assert checked.holds(condition) is expected


def test_properties_of_parts_need_no_properties_in_their_alias() -> None:
    rules = [{"name": "a", "properties": {"access": "Allow", "direction": "Inbound"}}]
    condition = {
        "count": {
            "field": f"{NSG}/securityRules[*]",
            "where": {
                "allOf": [
                    {"field": f"{NSG}/securityRules[*].access", "equals": "Allow"},
                    {"field": f"{NSG}/securityRules[*].direction", "equals": "Inbound"},
                ]
            },
        },
        "greater": 0,
    }
    assert evaluation(NSG, properties={"securityRules": rules}).holds(condition)
    compute = "Microsoft.MachineLearningServices/workspaces/computes"
    body = {"computeType": "AmlCompute", "properties": {"subnet": {"id": "x"}}}
    assert evaluation(compute, properties=body).holds({"field": f"{compute}/subnet.id", "equals": "x"})


def test_a_rule_is_about_what_its_types_and_kinds_leave() -> None:
    rule = {
        "allOf": [
            {"field": "type", "equals": ACCOUNT},
            {"not": {"field": "kind", "equals": "BlobStorage"}},
            {"field": f"{ACCOUNT}/allowBlobPublicAccess", "equals": True},
        ]
    }
    assert evaluation(**STORED).applicable(rule)
    assert not evaluation(**{**STORED, "kind": "BlobStorage"}).applicable(rule)
    assert not evaluation(NSG).applicable(rule)


def test_modify_and_append_change_tags_and_properties() -> None:
    operations = [
        {"operation": "add", "field": "tags['owner']", "value": "bob"},
        {"operation": "addOrReplace", "field": "tags['team']", "value": "[resourceGroup().tags['team']]"},
        {"operation": "remove", "field": "tags['cost']"},
        {"operation": "addOrReplace", "field": f"{ACCOUNT}/allowBlobPublicAccess", "value": True},
        {"operation": "addOrReplace", "field": f"{ACCOUNT}/networkAcls.bypass", "value": "None"},
        {"operation": "add", "field": f"{ACCOUNT}/networkAcls.ipRules[*]", "value": {"value": "1.2.3.4"}},
        {"operation": "add", "field": f"{ACCOUNT}/sku.name", "value": "Other"},
        {"operation": "addOrReplace", "field": f"{ACCOUNT}/minimumTlsVersion", "value": "x", "condition": "[equals(1, 2)]"},
    ]  # fmt: skip
    body = modified(evaluation(**STORED), {"operations": operations})
    assert body["tags"] == {"Owner": "ann", "team": "fraud"}
    acls = {
        "defaultAction": "Deny",
        "bypass": "None",
        "ipRules": [{"value": "10.0.0.0/8"}, {"value": "10.1.2.3"}, {"value": "1.2.3.4"}],
    }
    assert body["properties"] == {
        "allowBlobPublicAccess": True,
        "minimumTlsVersion": "TLS1_2",
        "networkAcls": acls,
    }
    assert body["sku"] == {"name": "Standard_LRS"}
    assert appended(evaluation(), [{"field": "tags['a']", "value": "b"}])["tags"] == {"a": "b"}
    with pytest.raises(ConflictError):
        appended(evaluation(**STORED), [{"field": "tags['owner']", "value": "bob"}])


def rule(condition: Any, effect: str = "deny", **more: Any) -> dict[str, Any]:
    parameters = more.pop("parameters", {})
    return {
        "mode": "All",
        "parameters": parameters,
        "policyRule": {"if": condition, "then": {"effect": effect, **more}},
    }


@pytest.mark.parametrize(
    ("properties", "status", "code", "message"),
    [
        (rule({"field": "colour", "equals": "red"}), 400, "InvalidPolicyAlias", "doesn't exist as an alias"),
        (rule({"field": f"{ACCOUNT}/colour", "equals": "red"}), 501, "NotSupportedByLocalAzure", f"'{ACCOUNT}/colour'"),
        (rule({"value": "[listKeys('x')]", "equals": 1}, "refuse"), 400, "InvalidPolicyRuleEffect", "'refuse'"),
        (rule({"value": "[colour('x')]", "equals": 1}), 501, "NotSupportedByLocalAzure", "'colour'"),
        (rule({"value": "[reference('x')]", "equals": 1}), 501, "NotSupportedByLocalAzure", "'reference'"),
        (rule({"value": "[parameters('x')]", "equals": 1}), 400, "InvalidPolicyRule", "'x' is not defined"),
        (rule({"field": "name", "is": "x"}), 400, "InvalidPolicyRule", "one operator"),
        (rule({"field": "name", "equals": "x", "in": []}), 400, "InvalidPolicyRule", "one operator"),
        (rule({"allOf": {"field": "name", "equals": "x"}}), 400, "InvalidPolicyRule", "a list of conditions"),
        (rule({"count": {"field": f"{ACCOUNT}/sku.name"}, "equals": 1}), 400, "InvalidPolicyRule", "ends in [*]"),
        (rule({"field": "name", "equals": "x"}, "modify"), 400, "InvalidPolicyRuleEffectDetails", "'modify'"),
        (rule({"field": "name", "equals": "x"}, "deployIfNotExists", details={"type": ACCOUNT}), 400, "InvalidPolicyRuleEffectDetails", ""),
        (rule({"field": "name", "equals": "x"}, "[parameters('e')]", parameters={"e": {"type": "String", "allowedValues": ["Deny", "Refuse"]}}), 400, "InvalidPolicyRuleEffect", "'refuse'"),
        ({**rule({"field": "name", "equals": "x"}), "mode": "Some"}, 400, "InvalidPolicyRule", "the mode 'Some'"),
    ],
)  # fmt: skip
def test_a_definition_that_could_not_be_evaluated_is_refused(
    properties: dict[str, Any], status: int, code: str, message: str
) -> None:
    with pytest.raises(ArmError) as refused:
        check(properties)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert message in refused.value.message


@pytest.mark.parametrize("name", [name for name, one in BUILT_IN.items() if "policyRule" in one])
def test_every_built_in_definition_can_be_evaluated(name: str) -> None:
    check(BUILT_IN[name])
