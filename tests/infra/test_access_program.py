"""What is made of the access table: custom roles, identities with whom they trust, assignments where they hold."""

import asyncio
import re
from contextlib import closing

import pytest
from recorded_program import SUBSCRIPTION, TENANT, run

from infra.access.custom_role import CustomRole

ANN = "12121212-3434-4565-8787-909090909090"
OTHER = "/subscriptions/s2/resourceGroups/g/providers/Microsoft.MachineLearningServices/registries/models"
CONDITION = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'data'"
ACCESS = {
    "principals": {"ann": {"id": ANN, "type": "User"}},
    "table": [
        {"who": "ann", "role": "compute operator", "where": "compute/gpu-cluster"},
        {"who": "ann", "role": "azureml registry user", "where": OTHER},
        {"who": "ann", "role": "storage blob data reader", "where": "lake", "condition": CONDITION},
        {"who": "ann", "role": "log analytics reader", "where": ["logs", "resource group"]},
    ],
    "delivery": {
        "github": [
            {"repository": "acme/models", "environment": "prod"},
            {"repository": "acme/models", "branch": "release/1"},
        ]
    },
}


@pytest.fixture(scope="module")
def recording():
    return run("local", access=ACCESS, models=[])


def assignment(recording, ending):
    (found,) = [one for one in recording.of("RoleAssignment") if one.name.endswith(ending)]
    return found


def test_a_custom_role_permits_what_its_definition_says_in_the_stacks_group_alone(recording):
    role = recording.one("mlops-roles-deploy-only").inputs
    group = recording.one("mlops-group").id
    assert role["roleName"] == "mlops local abc123 deploy only"
    assert role["roleType"] == "CustomRole"
    assert role["scope"] == group
    assert role["assignableScopes"] == [group]
    (permission,) = role["permissions"]
    assert permission["actions"] == list(CustomRole.DEPLOY_ONLY.definition.actions)


def test_only_the_custom_roles_that_are_used_are_made(recording):
    made = {one.name for one in recording.of("RoleDefinition")}
    assert made == {"mlops-roles-deploy-only", "mlops-roles-callback-reader"}
    nobody = run("local", access={}, models=[])
    assert nobody.of("RoleDefinition") == nobody.of("CustomRoles") == []
    assert "delivery" not in nobody.outputs


def test_a_custom_role_is_there_before_it_is_assigned(recording):
    grant = assignment(recording, "delivery-deploy-only-workspace")
    role = recording.one("mlops-roles-deploy-only")
    assert role.name in recording.needs(grant)
    assert grant.inputs["roleDefinitionId"] == (
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role.physical_name}"
    )


def test_roles_that_an_administrator_made_are_assigned_and_none_is_made():
    names = ("deploy only", "callback reader")
    ids = {name: f"{number}2121212-3434-4565-8787-909090909090" for number, name in enumerate(names)}
    recording = run("local", access={"delivery": {}, "customRoles": ids}, models=[])
    assert recording.of("RoleDefinition") == []
    grant = assignment(recording, "delivery-deploy-only-workspace")
    assert grant.inputs["roleDefinitionId"].endswith(ids["deploy only"])


def test_a_row_holds_where_it_says(recording):
    scopes = {
        re.sub(rf"^.*{ANN}-", "", one.name): one.inputs["scope"]
        for one in recording.of("RoleAssignment")
        if ANN in one.name
    }
    assert scopes == {
        "azureml-compute-operator-compute-gpu-cluster": recording.one("mlops-compute-gpu-cluster").id,
        "azureml-registry-user-" + OTHER.lower().strip("/").replace("/", "-"): OTHER,
        "storage-blob-data-reader-lake": recording.one("mlops-storage-lake").id,
        "log-analytics-reader-logs": recording.one("mlops-observability-log-analytics").id,
        "log-analytics-reader-resource-group": recording.one("mlops-group").id,
    }


def test_a_row_on_the_shared_registry_holds_there():
    row = {"who": "ann", "role": "azureml registry user", "where": "shared registry"}
    table = {"principals": ACCESS["principals"], "table": [row]}
    recording = run("local", access=table, sharedRegistry={"enabled": True}, models=[])
    grant = assignment(recording, f"{ANN}-azureml-registry-user-shared-registry")
    assert grant.inputs["scope"].endswith(
        f"/registries/{recording.of(':Registry')[-1].inputs['registryName']}"
    )


def test_a_condition_goes_with_its_version(recording):
    reader = assignment(recording, f"{ANN}-storage-blob-data-reader-lake").inputs
    assert (reader["condition"], reader["conditionVersion"]) == (CONDITION, "2.0")
    assert "condition" not in assignment(recording, f"{ANN}-log-analytics-reader-logs").inputs


def test_a_trust_names_issuer_subject_and_audience_and_they_are_made_one_after_the_other(recording):
    first, second = recording.of("FederatedIdentityCredential")
    assert first.inputs["resourceName"] == recording.one("mlops-identity-delivery").physical_name
    assert first.inputs["issuer"] == "https://token.actions.githubusercontent.com"
    assert first.inputs["audiences"] == ["api://AzureADTokenExchange"]
    assert [one.inputs["subject"] for one in (first, second)] == [
        "repo:acme/models:environment:prod",
        "repo:acme/models:ref:refs/heads/release/1",
    ]
    assert second.physical_name == "github-acme-models-release-1"
    assert first.urn in second.dependencies


def test_pipelines_find_what_they_sign_in_with_among_the_outputs(recording):
    delivery = recording.outputs["delivery"]
    with closing(asyncio.new_event_loop()) as loop:
        found = {key: loop.run_until_complete(value.future()) for key, value in delivery.items()}
    assert found.keys() == {"clientId", "principalId", "tenantId", "subscriptionId"}
    assert (found["tenantId"], found["subscriptionId"]) == (TENANT, SUBSCRIPTION)
