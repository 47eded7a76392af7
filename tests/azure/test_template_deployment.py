"""ARM templates are deployed as Azure deploys them: through the unmodified clients, and refused before anything happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Workspace
from azure.identity import EnvironmentCredential
from conftest import point_at
from running_azure import LocalAzure, unique

if TYPE_CHECKING:
    from collections.abc import Generator

VERSION = "2021-04-01"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def template(**parts: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [], **parts}


def account(name: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2024-01-01",
        "name": name,
        "location": "[resourceGroup().location]",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        **more,
    }


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


def deploy(
    azure: LocalAzure, scope: str, body: dict[str, Any], **properties: Any
) -> tuple[str, dict[str, Any]]:
    """Deploys a template; returns the id of the deployment and how its operation ended."""
    path = f"{scope}/providers/Microsoft.Resources/deployments/{unique('d-')}"
    sent = {"properties": {"mode": "Incremental", "template": body, **properties}}
    if "/resourceGroups/" not in scope:
        sent["location"] = "westeurope"
    status, headers, answer = azure.arm("PUT", path, sent, api_version=VERSION)
    assert status == 201, answer
    assert answer["properties"]["provisioningState"] == "Accepted"
    while True:
        _, _, document = azure.arm("GET", headers["Azure-AsyncOperation"], api_version=VERSION)
        if document["status"] in ("Succeeded", "Failed"):
            return path, document


@pytest.fixture(scope="module")
def in_group(local_azure: LocalAzure, group: str) -> Generator[MLClient]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        point_at(local_azure, monkeypatch)
        yield MLClient(EnvironmentCredential(), local_azure.subscription_id, group.rsplit("/", 1)[1])


def test_the_machine_learning_client_makes_a_workspace_and_what_it_stands_on(
    local_azure: LocalAzure, group: str, in_group: MLClient
):
    name = unique("mlw-")
    made = in_group.workspaces.begin_create(
        Workspace(name=name, location="westeurope", tags={"a": "b"})
    ).result()
    assert made.name == name
    assert made.tags["a"] == "b"
    for part in (made.storage_account, made.key_vault, made.application_insights):
        status, _, body = local_azure.arm("GET", part, api_version="2023-01-01")
        assert (status, body["tags"]["a"]) == (200, "b"), part
    deployments = f"{group}/providers/Microsoft.Resources/deployments"
    _, _, listed = local_azure.arm("GET", deployments, api_version=VERSION)
    assert any(one["properties"]["provisioningState"] == "Succeeded" for one in listed["value"])


def test_a_template_is_deployed_in_the_order_of_what_it_reads(local_azure: LocalAzure, group: str):
    name = unique("st")
    body = template(
        parameters={
            "name": {"type": "string"},
            "count": {"type": "int", "defaultValue": 2, "maxValue": 3},
            "password": {"type": "securestring"},
        },
        variables={
            "names": {"copy": [{"name": "all", "count": 2, "input": "[concat('box', copyIndex('all'))]"}]}
        },
        resources=[
            {
                "type": "Microsoft.KeyVault/vaults/secrets",
                "apiVersion": "2023-07-01",
                "name": "[format('{0}/{1}', variables('vault'), 'where')]",
                "dependsOn": ["[resourceId('Microsoft.KeyVault/vaults', variables('vault'))]"],
                "properties": {"value": "[reference(parameters('name')).primaryEndpoints.blob]"},
            },
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2023-07-01",
                "name": "[variables('vault')]",
                "location": "[resourceGroup().location]",
                "properties": {
                    "tenantId": "[subscription().tenantId]",
                    "sku": {"family": "A", "name": "standard"},
                    "enableRbacAuthorization": True,
                },
            },
            account(
                "[parameters('name')]",
                resources=[
                    {
                        "type": "blobServices/containers",
                        "apiVersion": "2024-01-01",
                        "name": "[concat('default/', variables('names').all[copyIndex()])]",
                        "copy": {"name": "containers", "count": "[parameters('count')]"},
                    }
                ],
            ),
            account("never", condition="[equals(parameters('count'), 0)]"),
        ],
        outputs={
            "id": {
                "type": "string",
                "value": "[resourceId('Microsoft.Storage/storageAccounts', parameters('name'))]",
            },
            "key": {"type": "string", "value": "[listKeys(parameters('name')).keys[0].keyName]"},
            "secret": {"type": "securestring", "value": "[parameters('password')]"},
        },
    )
    body["variables"]["vault"] = "[concat('kv-', uniqueString(parameters('name')))]"
    given = {"name": {"value": name}, "password": {"value": "hunter2"}}
    path, ended = deploy(local_azure, group, body, parameters=given)
    assert ended["status"] == "Succeeded", ended["error"]
    _, _, shown = local_azure.arm("GET", path, api_version=VERSION)
    properties = shown["properties"]
    assert (
        properties["outputs"]["id"]["value"] == f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    )
    assert properties["outputs"]["key"] == {"type": "String", "value": "key1"}
    assert properties["outputs"]["secret"] == {"type": "Securestring"}
    assert properties["parameters"]["password"] == {"type": "Securestring"}
    assert "hunter2" not in str(shown)
    assert len(properties["outputResources"]) == 5
    containers = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}/blobServices/default/containers"
    _, _, listed = local_azure.arm("GET", containers, api_version="2024-01-01")
    assert [one["name"] for one in listed["value"]] == ["box0", "box1"]
    _, _, operations = local_azure.arm("GET", f"{path}/operations", api_version=VERSION)
    assert {one["properties"]["provisioningState"] for one in operations["value"]} == {"Succeeded"}


def test_what_cannot_be_made_is_told_and_the_rest_is_made(local_azure: LocalAzure, group: str):
    good, bad = unique("st"), "Not-A-Name"
    path, ended = deploy(local_azure, group, template(resources=[account(good), account(bad)]))
    assert ended["status"] == "Failed"
    assert ended["error"]["code"] == "DeploymentFailed"
    assert [one["code"] for one in ended["error"]["details"]] == ["AccountNameInvalid"]
    status, _, _ = local_azure.arm(
        "GET", f"{group}/providers/Microsoft.Storage/storageAccounts/{good}", api_version="2024-01-01"
    )
    assert status == 200
    _, _, shown = local_azure.arm("GET", path, api_version=VERSION)
    assert (shown["properties"]["provisioningState"], shown["properties"]["error"]["code"]) == (
        "Failed",
        "DeploymentFailed",
    )


def test_a_deployment_at_the_subscription_makes_groups_and_deploys_into_them(local_azure: LocalAzure):
    group, name = unique("rg-"), unique("st")
    inner = template(resources=[account("[parameters('name')]")], parameters={"name": {"type": "string"}})
    body = template(
        resources=[
            {
                "type": "Microsoft.Resources/resourceGroups",
                "apiVersion": "2024-03-01",
                "name": group,
                "location": "[deployment().location]",
            },
            {
                "type": "Microsoft.Resources/deployments",
                "apiVersion": "2021-04-01",
                "name": "inner",
                "resourceGroup": group,
                "dependsOn": [group],
                "properties": {
                    "mode": "Incremental",
                    "expressionEvaluationOptions": {"scope": "inner"},
                    "parameters": {"name": {"value": name}},
                    "template": inner,
                },
            },
        ]
    )
    subscription = f"/subscriptions/{local_azure.subscription_id}"
    _, ended = deploy(local_azure, subscription, body)
    assert ended["status"] == "Succeeded", ended
    made = f"{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    status, _, found = local_azure.arm("GET", made, api_version="2024-01-01")
    assert (status, found["location"]) == (200, "westeurope")


def test_a_secret_that_a_nested_template_got_is_blotted_out(local_azure: LocalAzure, group: str):
    vault, secret = unique("kv-"), unique("s3cret-")
    nested = template(
        resources=[
            {
                "type": "Microsoft.KeyVault/vaults/secrets",
                "apiVersion": "2024-11-01",
                "name": f"{vault}/password",
                "properties": {"value": "[concat('Bearer ', parameters('password'))]"},
            }
        ]
    )
    body = template(
        resources=[
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2024-11-01",
                "name": vault,
                "location": "westeurope",
                "properties": {
                    "tenantId": local_azure.env["AZURE_TENANT_ID"],
                    "sku": {"family": "A", "name": "standard"},
                    "enableRbacAuthorization": True,
                },
            },
            {
                "type": "Microsoft.Resources/deployments",
                "apiVersion": "2021-04-01",
                "name": "nested",
                "dependsOn": [vault],
                "properties": {"mode": "Incremental", "template": nested},
            },
        ],
        parameters={"password": {"type": "securestring"}},
    )
    _, ended = deploy(local_azure, group, body, parameters={"password": {"value": secret}})
    assert ended["status"] == "Succeeded", ended
    headers = {"Authorization": f"Bearer {local_azure.token('https://vault.azure.net/.default')}"}
    url = f"https://{vault}.vault.azure.net/secrets/password?api-version=7.5"
    assert local_azure.session.get(url, headers=headers, timeout=30).json()["value"] == f"Bearer {secret}"
    path = f"{group}/providers/Microsoft.Resources/deployments/nested"
    _, _, exported = local_azure.arm("POST", f"{path}/exportTemplate", api_version="2024-03-01")
    assert exported["template"]["resources"][0]["properties"] == {"value": "Bearer ********"}
    assert secret not in str(local_azure.arm("GET", path, api_version="2024-03-01")[2])


def test_complete_mode_deletes_what_the_template_does_not_have(local_azure: LocalAzure):
    group, kept, gone = local_azure.group(), unique("st"), unique("st")
    deploy(local_azure, group, template(resources=[account(kept), account(gone)]))
    _, _, foreseen = local_azure.arm(
        "POST",
        f"{group}/providers/Microsoft.Resources/deployments/d/whatIf",
        {
            "properties": {
                "mode": "Complete",
                "template": template(resources=[account(kept, tags={"a": "b"})]),
            }
        },
        api_version=VERSION,
    )
    kinds = {
        one["resourceId"].rsplit("/", 1)[1]: one["changeType"] for one in foreseen["properties"]["changes"]
    }
    assert (kinds[kept], kinds[gone]) == ("Modify", "Delete")
    _, ended = deploy(local_azure, group, template(resources=[account(kept)]), mode="Complete")
    assert ended["status"] == "Succeeded", ended
    _, _, left = local_azure.arm("GET", f"{group}/resources", api_version=VERSION)
    assert [one["name"] for one in left["value"]] == [kept]


@pytest.mark.parametrize(
    ("parts", "refusal", "words"),
    [
        ({"resources": [{"name": "a"}]}, (400, "InvalidTemplate"), "needs type, apiVersion and name"),
        ({"variables": {"a": "[unheard('b')]"}}, (501, "NotSupportedByLocalAzure"), "'unheard'"),
        ({"variables": {"a": "[concat('b']"}}, (400, "InvalidTemplate"), "expected"),
        ({"parameters": {"a": {"type": "string"}}}, (400, "InvalidTemplate"), "'a' is not provided"),
        ({"resources": [account("a", dependsOn=["b"])]}, (400, "InvalidTemplate"), "'b' is not defined"),
        (
            {"resources": [account("a", dependsOn=["b"]), account("b", dependsOn=["a"])]},
            (400, "InvalidTemplate"),
            "Circular dependency",
        ),
        ({"functions": [{"namespace": "a"}]}, (501, "NotSupportedByLocalAzure"), "functions of its own"),
    ],
)
def test_what_can_not_be_deployed_is_refused_before_anything_happens(
    local_azure: LocalAzure, group: str, parts: dict[str, Any], refusal: tuple[int, str], words: str
):
    name = unique("d-")
    body = {"properties": {"mode": "Incremental", "template": template(**parts)}}
    path = f"{group}/providers/Microsoft.Resources/deployments/{name}"
    for method, url in (("PUT", path), ("POST", f"{path}/validate")):
        answered, _, answer = local_azure.arm(method, url, body, api_version=VERSION)
        assert (answered, answer["error"]["code"]) == refusal
        assert words in answer["error"]["message"]
    assert local_azure.arm("GET", path, api_version=VERSION)[0] == 404


def test_a_template_with_comments_is_read_as_the_azure_cli_sends_it(local_azure: LocalAzure):
    group, name = local_azure.group(), unique("id-")
    body = f"""{{"properties": {{"parameters": {{}}, "mode": "Incremental", template:{{
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": '1.0.0.0', // the first
        /* one identity */
        "resources": [{{
            "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31",
            "name": "{name}", "location": "westeurope",
        }},],
    }}}}}}"""
    path = f"{group}/providers/Microsoft.Resources/deployments/commented"
    url = f"https://management.azure.com{path}?api-version=2025-04-01"
    headers = {"Authorization": f"Bearer {local_azure.token()}", "Content-Type": "application/json"}
    answer = local_azure.session.put(url, data=body.encode(), headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    local_azure.wait(dict(answer.headers), api_version="2025-04-01")
    made = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    assert local_azure.arm("GET", made, api_version="2023-01-31")[0] == 200
    broken = local_azure.session.put(url, data=body[:-2].encode(), headers=headers, timeout=60)
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "InvalidRequestContent")
    assert local_azure.arm("DELETE", path, api_version="2025-04-01")[0] == 202


def test_the_tags_of_a_subscription_are_summed_up(local_azure: LocalAzure):
    tag = unique("tag")
    for value in ("a", "b", "b"):
        path = f"/subscriptions/{local_azure.subscription_id}/resourceGroups/{unique('rg-')}"
        local_azure.put(path, {"location": "westeurope", "tags": {tag: value}}, api_version="2024-03-01")
    path = f"/subscriptions/{local_azure.subscription_id}/tagNames"
    status, _, found = local_azure.arm("GET", path, api_version="2021-04-01")
    assert status == 200
    (mine,) = [one for one in found["value"] if one["tagName"] == tag]
    assert mine["count"]["value"] == 3
    assert {one["tagValue"]: one["count"]["value"] for one in mine["values"]} == {"a": 1, "b": 2}
