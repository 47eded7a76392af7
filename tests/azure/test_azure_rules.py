"""The rules that Azure enforces, one by one, each with its code: the list in ``docs/local-azure.md``.

They are asked of a local Azure in this process, without its transport; what runs behind resources isn't needed to refuse them.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.replay.world import world
from local.settings import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from local.replay.world import Reply, World

GUIDE = Path(__file__).parents[2] / "docs" / "local-azure.md"
Json = dict[str, Any]
S = f"/subscriptions/{SUBSCRIPTION_ID}"
G = f"{S}/resourceGroups/rules"
P = f"{G}/providers"
OTHER = f"{S}/resourceGroups/other/providers"
IN = {"location": "westeurope"}
VAULT, VAULT_API = f"{P}/Microsoft.KeyVault/vaults", "2024-11-01"
ACCOUNT, ACCOUNT_API = f"{P}/Microsoft.Storage/storageAccounts", "2024-01-01"
REGISTRY, REGISTRY_API = f"{P}/Microsoft.ContainerRegistry/registries", "2023-07-01"
NETWORK, NETWORK_API = f"{P}/Microsoft.Network", "2024-05-01"
ML, ML_API = f"{P}/Microsoft.MachineLearningServices/workspaces", "2025-06-01"
WORKSPACE = f"{ML}/workspace"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/endpoint"
ROLES, ROLES_API = "Microsoft.Authorization/roleAssignments", "2022-04-01"
READER = f"{S}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
SYSTEM = {"type": "SystemAssigned"}


def vault(**properties: Any) -> Json:
    sku = {"family": "A", "name": "standard"}
    return {
        **IN,
        "properties": {"tenantId": TENANT_ID, "sku": sku, "enableRbacAuthorization": True, **properties},
    }


def account(**properties: Any) -> Json:
    return {**IN, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": properties}


def registry(sku: str) -> Json:
    return {**IN, "sku": {"name": sku}}


def workspace(**properties: Any) -> Json:
    given = {
        "storageAccount": f"{ACCOUNT}/rulesaccount",
        "keyVault": f"{VAULT}/rules-vault",
        "applicationInsights": f"{P}/Microsoft.Insights/components/rules-insights",
        **properties,
    }
    return {**IN, "identity": SYSTEM, "properties": given}


def subnet(prefix: str) -> Json:
    return {"properties": {"addressPrefix": prefix}}


def private_endpoint(target: str, *groups: str) -> Json:
    connection = {"name": "c", "properties": {"privateLinkServiceId": target, "groupIds": list(groups)}}
    properties = {
        "subnet": {"id": f"{NETWORK}/virtualNetworks/net/subnets/one"},
        "privateLinkServiceConnections": [connection],
    }
    return {**IN, "properties": properties}


def cluster(size: str = "Standard_DS3_v2", **more: Any) -> Json:
    inner = {"vmSize": size, "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1}}
    return {**IN, **more, "properties": {"computeType": "AmlCompute", "properties": inner}}


def online(**properties: Any) -> Json:
    return {**IN, "identity": SYSTEM, "properties": {"authMode": "Key", **properties}}


def assignment(principal_type: str = "ServicePrincipal") -> Json:
    principal = "7ec3b000-0000-4000-8000-0000000000ee"
    return {
        "properties": {"roleDefinitionId": READER, "principalId": principal, "principalType": principal_type}
    }


#: What is there before any rule is asked for, in order.
THERE: list[tuple[str, Json, str]] = [
    (G, IN, "2024-03-01"),
    (f"{S}/resourceGroups/other", IN, "2024-03-01"),
    (f"{VAULT}/rules-vault", vault(enablePurgeProtection=True), VAULT_API),
    (f"{VAULT}/rules-gone", vault(enablePurgeProtection=True), VAULT_API),
    (f"{ACCOUNT}/rulesaccount", account(), ACCOUNT_API),
    (f"{ACCOUNT}/ruleslake", account(isHnsEnabled=True), ACCOUNT_API),
    (f"{REGISTRY}/rulesbasic", registry("Basic"), REGISTRY_API),
    (
        f"{P}/Microsoft.OperationalInsights/workspaces/rules-logs",
        {**IN, "properties": {"sku": {"name": "PerGB2018"}}},
        "2023-09-01",
    ),
    (
        f"{P}/Microsoft.Insights/components/rules-insights",
        {
            **IN,
            "kind": "web",
            "properties": {
                "Application_Type": "web",
                "WorkspaceResourceId": f"{P}/Microsoft.OperationalInsights/workspaces/rules-logs",
            },
        },
        "2020-02-02",
    ),
    (
        f"{NETWORK}/virtualNetworks/net",
        {
            **IN,
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [{"name": "one", "properties": {"addressPrefix": "10.0.0.0/24"}}],
            },
        },
        NETWORK_API,
    ),
    (f"{NETWORK}/privateEndpoints/used", private_endpoint(f"{ACCOUNT}/rulesaccount", "blob"), NETWORK_API),
    (WORKSPACE, workspace(managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"}), ML_API),
    (f"{ML}/gone", workspace(), ML_API),
    (f"{ML}/second", workspace(), ML_API),
    (
        f"{ACCOUNT}/rulespremium",
        {**account(), "kind": "BlockBlobStorage", "sku": {"name": "Premium_LRS"}},
        ACCOUNT_API,
    ),
    (f"{WORKSPACE}/computes/cluster", cluster(), ML_API),
    (
        f"{WORKSPACE}/models/model/versions/1",
        {
            "properties": {
                "modelUri": "azureml://datastores/workspaceblobstore/paths/a",
                "modelType": "custom_model",
            }
        },
        ML_API,
    ),
    (
        f"{WORKSPACE}/data/data/versions/1",
        {
            "properties": {
                "dataUri": "azureml://datastores/workspaceblobstore/paths/a",
                "dataType": "uri_folder",
            }
        },
        ML_API,
    ),
    (
        f"{WORKSPACE}/environments/environment/versions/1",
        {"properties": {"image": "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference"}},
        ML_API,
    ),
    (ENDPOINT, online(properties={"kept": "yes"}), ML_API),
    (f"{P}/{ROLES}/7ec3b000-0000-4000-8000-000000000001", assignment(), ROLES_API),
    (f"{VAULT}/rules-locked", vault(), VAULT_API),
    (
        f"{VAULT}/rules-locked/providers/Microsoft.Authorization/locks/keep",
        {"properties": {"level": "CanNotDelete"}},
        "2020-05-01",
    ),
    (f"{VAULT}/rules-reading", vault(), VAULT_API),
    (
        f"{VAULT}/rules-reading/providers/Microsoft.Authorization/locks/read",
        {"properties": {"level": "ReadOnly"}},
        "2020-05-01",
    ),
]


@dataclass(frozen=True)
class Rule:
    """A request that breaks a rule. ``name``: the row of the guide's list that has its code."""

    name: str
    method: str
    path: str
    status: int
    code: str
    body: Json | None = None
    version: str = ML_API


def put(  # noqa: PLR0917
    name: str, path: str, status: int, code: str, body: Json, version: str
) -> Rule:
    return Rule(name, "PUT", path, status, code, body, version)


RULES = [
    *(put("name of a vault", f"{VAULT}/{one}", 400, "VaultNameNotValid", vault(), VAULT_API) for one in ("ab", "1a", "a--b", "a" * 25)),
    *(put("name of a storage account", f"{ACCOUNT}/{one}", 400, "AccountNameInvalid", account(), ACCOUNT_API) for one in ("ab", "Abc", "a-b", "a" * 25)),
    *(put("name of a registry", f"{REGISTRY}/{one}", 400, "InvalidResourceName", registry("Basic"), REGISTRY_API) for one in ("abcd", "a-bcde", "a" * 51)),
    *(put("name of a workspace", f"{ML}/{one}", 400, "ValidationError", workspace(), ML_API) for one in ("ab", "-abc", "a" * 34)),
    *(put("name of an endpoint", f"{WORKSPACE}/onlineEndpoints/{one}", 400, "BadArgument", online(), ML_API) for one in ("ab", "1ab", "a_b", "a" * 33)),
    *(put("name of a compute", f"{WORKSPACE}/computes/{one}", 400, "ValidationError", cluster(), ML_API) for one in ("a", "1a", "a_b", "a-", "a" * 25)),
    put("name of a group", f"{S}/resourceGroups/ends.", 400, "InvalidResourceGroup", IN, "2024-03-01"),
    put("vault names are unique", f"{OTHER}/Microsoft.KeyVault/vaults/rules-vault", 409, "VaultAlreadyExists", vault(), VAULT_API),
    put("storage account names are unique", f"{OTHER}/Microsoft.Storage/storageAccounts/rulesaccount", 409, "StorageAccountAlreadyTaken", account(), ACCOUNT_API),
    put("registry names are unique", f"{OTHER}/Microsoft.ContainerRegistry/registries/rulesbasic", 409, "AlreadyInUse", registry("Basic"), REGISTRY_API),
    put("a resource needs its group", f"{S}/resourceGroups/none/providers/Microsoft.KeyVault/vaults/rules-none", 404, "ResourceGroupNotFound", vault(), VAULT_API),
    put("a child needs its parent", f"{NETWORK}/virtualNetworks/none/subnets/s", 404, "ParentResourceNotFound", subnet("10.0.0.0/24"), NETWORK_API),
    put("a region must be one", f"{VAULT}/rules-else", 400, "LocationNotAvailableForResourceType", {**vault(), "location": "atlantis"}, VAULT_API),
    put("a resource stays in its region", f"{VAULT}/rules-vault", 409, "InvalidResourceLocation", {**vault(), "location": "northeurope"}, VAULT_API),
    put("a deleted vault keeps its name", f"{VAULT}/rules-gone", 409, "ConflictError", vault(), VAULT_API),
    Rule("purge protection", "POST", f"{S}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/rules-gone/purge", 409, "MethodNotAllowed", None, VAULT_API),
    put("purge protection stays on", f"{VAULT}/rules-vault", 400, "BadRequest", vault(enablePurgeProtection=False), VAULT_API),
    put("soft delete stays on", f"{VAULT}/rules-else", 400, "BadRequest", vault(enableSoftDelete=False), VAULT_API),
    put("a deleted workspace keeps its name", f"{ML}/gone", 409, "Conflict", workspace(), ML_API),
    Rule("a lock keeps from deletion", "DELETE", f"{VAULT}/rules-locked", 409, "ScopeLocked", None, VAULT_API),
    Rule("a lock below keeps from deletion", "DELETE", G, 409, "ScopeLocked", None, "2024-03-01"),
    put("a read-only lock keeps from writes", f"{VAULT}/rules-reading", 409, "ScopeLocked", vault(), VAULT_API),
    put("versions are immutable", f"{WORKSPACE}/models/model/versions/1", 400, "UserError", {"properties": {"modelUri": "azureml://datastores/workspaceblobstore/paths/b", "modelType": "custom_model"}}, ML_API),
    put("versions are immutable", f"{WORKSPACE}/data/data/versions/1", 409, "UserError", {"properties": {"dataUri": "azureml://datastores/workspaceblobstore/paths/b", "dataType": "uri_folder"}}, ML_API),
    put("versions are immutable", f"{WORKSPACE}/environments/environment/versions/1", 409, "UserError", {"properties": {"image": "mcr.microsoft.com/other"}}, ML_API),
    put("shares of traffic sum to 0 or 100", ENDPOINT, 400, "BadArgument", online(traffic={"blue": 50}), ML_API),
    put("traffic goes to what exists", ENDPOINT, 400, "BadArgument", online(traffic={"blue": 100}), ML_API),
    put("at most half is mirrored", ENDPOINT, 400, "BadArgument", online(mirrorTraffic={"blue": 51}), ML_API),
    put("one deployment has the mirror", ENDPOINT, 400, "BadArgument", online(mirrorTraffic={"blue": 10, "green": 10}), ML_API),
    put("what a workspace stands on stays", WORKSPACE, 400, "BadRequest", workspace(keyVault=f"{VAULT}/rules-locked"), ML_API),
    put("what is set once stays", WORKSPACE, 400, "BadRequest", workspace(hbiWorkspace=True), ML_API),
    put("what is set once stays", f"{WORKSPACE}/computes/cluster", 400, "BadRequest", cluster("Standard_DS2_v2"), ML_API),
    put("what is set once stays", f"{ACCOUNT}/rulesaccount", 409, "PropertyCannotBeUpdated", account(isHnsEnabled=True), ACCOUNT_API),
    put("a default account has no hierarchical namespace", f"{ML}/lake", 400, "ValidationError", workspace(storageAccount=f"{ACCOUNT}/ruleslake"), ML_API),
    put("isolation is raised, never lowered", WORKSPACE, 400, "ValidationError", workspace(managedNetwork={"isolationMode": "AllowInternetOutbound"}), ML_API),
    put("a role is assigned once", f"{P}/{ROLES}/7ec3b000-0000-4000-8000-000000000002", 409, "RoleAssignmentExists", assignment(), ROLES_API),
    put("an assignment keeps its principal and role", f"{P}/{ROLES}/7ec3b000-0000-4000-8000-000000000001", 409, "RoleAssignmentUpdateNotPermitted", {"properties": {**assignment()["properties"], "principalId": "7ec3b000-0000-4000-8000-0000000000ef"}}, ROLES_API),
    put("an assignment's name is a GUID", f"{P}/{ROLES}/mine", 400, "InvalidRoleAssignmentId", assignment(), ROLES_API),
    put("a subnet lies in its network", f"{NETWORK}/virtualNetworks/net/subnets/two", 400, "NetcfgInvalidSubnet", subnet("10.1.0.0/24"), NETWORK_API),
    put("subnets don't overlap", f"{NETWORK}/virtualNetworks/net/subnets/two", 400, "NetcfgSubnetRangesOverlap", subnet("10.0.0.128/25"), NETWORK_API),
    put("a range has no host bits", f"{NETWORK}/virtualNetworks/net/subnets/two", 400, "InvalidAddressPrefixFormat", subnet("10.0.1.1/24"), NETWORK_API),
    Rule("a subnet in use stays", "DELETE", f"{NETWORK}/virtualNetworks/net/subnets/one", 400, "InUseSubnetCannotBeDeleted", None, NETWORK_API),
    put("a private endpoint has a group of its target", f"{NETWORK}/privateEndpoints/e", 400, "BadRequest", private_endpoint(f"{ACCOUNT}/rulesaccount", "vault"), NETWORK_API),
    put("a registry behind an endpoint is Premium", f"{NETWORK}/privateEndpoints/e", 400, "BadRequest", private_endpoint(f"{REGISTRY}/rulesbasic", "registry"), NETWORK_API),
    put("networks of a registry are Premium", f"{REGISTRY}/rulesother", 400, "DisablingPublicNetworkAccessNotSupported", {**registry("Basic"), "properties": {"publicNetworkAccess": "Disabled"}}, REGISTRY_API),
    put("networks of a registry are Premium", f"{REGISTRY}/rulesother", 400, "SkuNotSupported", {**registry("Standard"), "properties": {"networkRuleSet": {"defaultAction": "Deny"}}}, REGISTRY_API),
    put("an endpoint's name is its own in a region", f"{ML}/second/onlineEndpoints/endpoint", 400, "BadArgument", online(), ML_API),
    put("tags are few, short and without reserved characters", f"{VAULT}/rules-tags", 400, "InvalidTagCount", {**vault(), "tags": {f"t{n}": "" for n in range(51)}}, VAULT_API),
    put("tags are few, short and without reserved characters", f"{VAULT}/rules-tags", 400, "InvalidTagName", {**vault(), "tags": {"t" * 513: ""}}, VAULT_API),
    put("tags are few, short and without reserved characters", f"{VAULT}/rules-tags", 400, "InvalidTagValueLength", {**vault(), "tags": {"t": "v" * 257}}, VAULT_API),
    put("tags are few, short and without reserved characters", f"{VAULT}/rules-tags", 400, "InvalidTagNameCharacters", {**vault(), "tags": {"a/b": ""}}, VAULT_API),
    put("a network holds its subnets", f"{NETWORK}/virtualNetworks/net", 400, "NetcfgInvalidSubnet", {**IN, "properties": {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}}}, NETWORK_API),
    put("a default account isn't premium", f"{ML}/premium", 400, "ValidationError", workspace(storageAccount=f"{ACCOUNT}/rulespremium"), ML_API),
    put("a cluster has one kind of identity", f"{WORKSPACE}/computes/both", 400, "BadRequest", {**cluster(), "identity": {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {}}}, ML_API),
    put("quotas of clusters", f"{WORKSPACE}/computes/gpu", 400, "ClusterMinNodesExceedCoreQuota", {**cluster("Standard_NC6s_v3"), "location": "northeurope"}, ML_API),
    put("quotas of deployments", f"{ENDPOINT}/deployments/big", 400, "OutOfQuota", {**IN, "sku": {"name": "Default", "capacity": 21}, "properties": {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2"}}, ML_API),
    put("a reference is an id", f"{NETWORK}/networkInterfaces/n", 400, "LinkedInvalidPropertyId", {**IN, "properties": {"ipConfigurations": [{"name": "a", "properties": {"subnet": {"id": "one"}}}]}}, NETWORK_API),
]  # fmt: skip
#: Rules of the list that more than one request shows: the test that has them.
ELSEWHERE = {
    "a deployment with live traffic stays": "test_ml_online_endpoint.py",
    "the mirror has no live traffic": "test_ml_online_endpoint.py",
    "rights on what a body names": "test_linked_rights.py",
    "no role": "test_access.py",
    "conditions of roles": "test_access_condition.py",
    "a principal has its own type": "test_access_condition.py",
    "a custom role stays in its scopes": "test_access_condition.py",
    "the last owner stays": "test_access_condition.py",
    "a role that is assigned stays": "test_governance.py",
    "policies": "test_policy_enforcement.py",
    "delivery by identity": "test_event_identity.py",
}


async def _ask(azure: World, rule: Rule) -> Reply:
    return await azure.send(rule.method, rule.path, {"api-version": rule.version}, rule.body)


async def _answers() -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    async with world() as azure:
        azure.clear()
        for path, body, version in THERE:
            reply = await azure.send("PUT", path, {"api-version": version}, body)
            assert reply.status < 300, f"{path}: {reply.error}"
            ended = await azure.follow(reply)
            assert ended.status < 300, f"{path}: {ended.error}"
        for path, version in ((f"{VAULT}/rules-gone", VAULT_API), (f"{ML}/gone", ML_API)):
            await azure.follow(await azure.send("DELETE", path, {"api-version": version}))
        for rule in RULES:
            reply = await _ask(azure, rule)
            found.append((reply.status, reply.code))
    return found


@cache
def answers() -> list[tuple[int, str]]:
    """What each request was answered, all in one local Azure."""
    return asyncio.run(_answers())


@pytest.mark.parametrize("number", range(len(RULES)), ids=lambda number: f"{number}: {RULES[number].name}")
def test_what_breaks_a_rule_is_refused_with_azures_code(number: int) -> None:
    rule = RULES[number]
    assert answers()[number] == (rule.status, rule.code), f"{rule.method} {rule.path}"


def _listed() -> dict[str, set[str]]:
    """The guide's list: rule → its codes."""
    text = GUIDE.read_text(encoding="utf-8")
    table = re.search(r"<!-- rules: begin -->(.*?)<!-- rules: end -->", text, re.DOTALL)
    assert table is not None
    rows = [row.split("|")[1:-1] for row in table[1].strip().splitlines()[2:]]
    return {row[0].strip(): set(re.findall(r"`(\w[\w ]*)`", row[2])) for row in rows}


def test_the_guide_lists_every_rule_with_its_codes() -> None:
    listed = _listed()
    wanted: dict[str, set[str]] = {}
    for rule in RULES:
        wanted.setdefault(rule.name, set()).add(rule.code)
    assert set(listed) == {*wanted, *ELSEWHERE}
    assert {name: listed[name] for name in wanted} == wanted
    for name, file in ELSEWHERE.items():
        text = (Path(__file__).parent / file).read_text(encoding="utf-8")
        missing = [code for code in listed[name] if code not in text]
        assert not missing, f"{file} doesn't show {missing} ({name})"
