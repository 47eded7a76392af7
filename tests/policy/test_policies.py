"""What each policy lets pass, what it accuses, and that it accuses nobody of what isn't known yet."""

import json
import re
from typing import get_args

import pytest

from policy import checklist
from policy.plain_secret import is_secret
from policy.rule import UNKNOWN, Category, Environment, Resource, ResourceRule, StackRule

RULES = {rule.name: rule for rule in checklist.RULES}
WORKSPACE = "azure-native:machinelearningservices:Workspace"
COMPUTE = "azure-native:machinelearningservices:Compute"
DATASTORE = "azure-native:machinelearningservices:Datastore"
ACCOUNT = "azure-native:storage:StorageAccount"
CONTAINER = "azure-native:storage:BlobContainer"
VAULT = "azure-native:keyvault:Vault"
REGISTRY = "azure-native:containerregistry:Registry"
GROUP = "azure-native:network:NetworkSecurityGroup"
PRIVATE_ENDPOINT = "azure-native:network:PrivateEndpoint"
SETTING = "azure-native:monitor:DiagnosticSetting"
TOPIC = "azure-native:eventgrid:SystemTopic"
SERVICE = "azure-native:storage:BlobServiceProperties"
SUBNET = "azure-native:network:Subnet"
KEY = "azure-native:keyvault:Key"
ROLE_ASSIGNMENT = "azure-native:authorization:RoleAssignment"
ROLE_DEFINITION = "azure-native:authorization:RoleDefinition"
FEDERATED = "azure-native:managedidentity:FederatedIdentityCredential"
RESOURCE_GROUP = "azure-native:resources:ResourceGroup"
LOCK = "azure-native:authorization:ManagementLockByScope"
ASSIGNED = "azure-native:authorization:PolicyAssignment"
LOGS = "azure-native:operationalinsights:Workspace"
INSIGHTS = "azure-native:applicationinsights:Component"
ACTION_GROUP = "azure-native:monitor:ActionGroup"
BUDGET = "azure-native:consumption:Budget"
BUS = "azure-native:servicebus:Namespace"
CUSTOM_TOPIC = "azure-native:eventgrid:Topic"
SUBSCRIPTION = "azure-native:eventgrid:SystemTopicEventSubscription"
WORKFLOW = "azure-native:logic:Workflow"
ENDPOINT = "pulumi-python:dynamic/ml:OnlineEndpoint"
DEPLOYMENT = "pulumi-python:dynamic/ml:OnlineDeployment"
MONITOR = "pulumi-python:dynamic/ml:Monitor"
TRAFFIC = "pulumi-python:dynamic/ml:Traffic"
MODEL = "pulumi-python:dynamic/ml:Model"


def resource(type_, name="it", uses=None, protect=False, /, **props):
    return Resource(
        type_,
        name,
        f"urn:{name}",
        props,
        {key: frozenset(f"urn:{one}" for one in names) for key, names in (uses or {}).items()},
        protect,
    )


def cluster(scale=None, outer=None, **inner):
    """A cluster that passes, but for what is given."""
    settings = {
        "minNodeCount": 0,
        "maxNodeCount": 2,
        "nodeIdleTimeBeforeScaleDown": "PT300S",
        **(scale or {}),
    }
    properties = {"enableNodePublicIp": False, "scaleSettings": settings, **inner}
    kind = {"computeType": "AmlCompute", "disableLocalAuth": True, "properties": properties, **(outer or {})}
    return resource(COMPUTE, properties=kind, identity={"type": "UserAssigned"}, location="westeurope")


def instance(**inner):
    return resource(COMPUTE, properties={"computeType": "ComputeInstance", "properties": inner})


def rule(source, **more):
    return {"name": "in", "direction": "Inbound", "access": "Allow", "sourceAddressPrefix": source, **more}


def failures(name, *resources, **settings):
    rule = RULES[name]
    configured = rule.configured(settings)
    if isinstance(rule, ResourceRule):
        return [said for one in resources for said in rule.check(one, configured)]
    assert isinstance(rule, StackRule)
    return [f"{one.name}: {said}" for one, said in rule.check(resources, configured)]


TAGS = {"environment": "prod", "owner": "us", "cost-center": "1"}
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
GUID = "5a1f6f0e-6c2b-5d0e-9a53-3d1b7c1d9f10"
KEPT = {"enabled": True, "days": 30}
#: What each policy lets pass: a resource, or several that make up a stack.
PASSES = [
    ("workspace-public-access", resource(WORKSPACE, publicNetworkAccess="disabled")),
    (
        "storage-public-access",
        resource(ACCOUNT, publicNetworkAccess="Disabled", networkRuleSet={"defaultAction": "Deny"}),
    ),
    (
        "vault-public-access",
        resource(
            VAULT, properties={"publicNetworkAccess": "Disabled", "networkAcls": {"defaultAction": "Deny"}}
        ),
    ),
    ("registry-public-access", resource(REGISTRY, publicNetworkAccess="Disabled")),
    ("endpoint-public-access", resource(ENDPOINT, public_access=False)),
    ("messaging-public-access", resource(CUSTOM_TOPIC, publicNetworkAccess="Disabled")),
    ("node-public-addresses", cluster()),
    ("node-public-addresses", resource(COMPUTE, properties={"computeType": "Kubernetes"})),
    (
        "private-dns",
        [
            resource(PRIVATE_ENDPOINT, "pep"),
            resource("azure-native:network:PrivateDnsZoneGroup", "zones", {"privateEndpointName": ["pep"]}),
        ],
    ),
    (
        "open-inbound-rules",
        resource(
            GROUP,
            securityRules=[
                rule("VirtualNetwork"),
                rule("*", access="Deny"),
                rule("*", direction="Outbound"),
            ],
        ),
    ),
    ("subnet-security-groups", resource(SUBNET, networkSecurityGroup={"id": UNKNOWN})),
    ("subnet-security-groups", resource(SUBNET, subnetName="AzureFirewallSubnet")),
    ("default-outbound-access", resource(SUBNET, defaultOutboundAccess=False)),
    ("managed-network-isolation", resource(WORKSPACE)),
    (
        "managed-network-isolation",
        resource(WORKSPACE, managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"}),
    ),
    ("storage-shared-keys", resource(ACCOUNT, allowSharedKeyAccess=False)),
    ("registry-admin-user", resource(REGISTRY)),
    ("vault-roles", resource(VAULT, properties={"enableRbacAuthorization": True})),
    ("compute-local-authentication", cluster()),
    ("messaging-local-authentication", resource(BUS, disableLocalAuth=True)),
    ("datastore-credentials", resource(WORKSPACE, systemDatastoresAuthMode="Identity")),
    ("datastore-credentials", resource(DATASTORE, properties={"credentials": {"credentialsType": "None"}})),
    ("managed-identity", resource(WORKSPACE, identity={"type": "UserAssigned"})),
    ("managed-identity", resource(ENDPOINT, identity_id="/subscriptions/x")),
    ("event-delivery-identity", resource(SUBSCRIPTION, deliveryWithResourceIdentity={"destination": {}})),
    ("event-delivery-identity", resource(SUBSCRIPTION, destination={"endpointType": "WebHook"})),
    (
        "privileged-roles",
        resource(
            ROLE_ASSIGNMENT,
            roleDefinitionId=f"/x/{CONTRIBUTOR}",
            scope="/subscriptions/s/resourceGroups/g/providers/Microsoft.X/y/z",
        ),
    ),
    (
        "custom-role-actions",
        resource(
            ROLE_DEFINITION,
            permissions=[{"actions": ["Microsoft.MachineLearningServices/workspaces/onlineEndpoints/*"]}],
        ),
    ),
    ("principal-types", resource(ROLE_ASSIGNMENT, principalType="Group")),
    ("role-assignment-names", resource(ROLE_ASSIGNMENT, roleAssignmentName=GUID)),
    (
        "federated-subjects",
        resource(
            FEDERATED,
            issuer="https://token.actions.githubusercontent.com",
            subject="repo:us/ml:environment:prod",
        ),
    ),
    ("plain-secrets", resource(DEPLOYMENT, environment_variables={"LOG_LEVEL": "info", "PASSWORD": ""})),
    ("plain-secrets", resource(WORKFLOW, parameters={"tokenSecretName": {"value": "github-token"}})),
    (
        "plain-secrets",
        resource(WORKFLOW, definition={"authorization": "@{concat('Bearer ', body('Token')?['value'])}"}),
    ),
    (
        "plain-secrets",
        resource("azure-native:keyvault:Secret", properties={"value": "hunter2hunter2", "password": ""}),
    ),
    ("plain-secrets", resource(SUBSCRIPTION, destination={"endpointUrl": f"https://x/?a=1&sig={'a1' * 20}"})),
    ("plain-secrets", resource(ENDPOINT, __provider="gASVLwAAAAAAAACMEm1sLm9ubGluZV9lbmRwb2ludJSM")),
    ("tls", resource(ACCOUNT, minimumTlsVersion="TLS1_2")),
    ("encrypted-traffic", resource(ACCOUNT, enableHttpsTrafficOnly=True)),
    ("encrypted-traffic", resource(DATASTORE, properties={"protocol": "https"})),
    ("anonymous-blobs", resource(ACCOUNT, allowBlobPublicAccess=False)),
    ("anonymous-blobs", resource(CONTAINER, publicAccess="None")),
    ("anonymous-pull", resource(REGISTRY, anonymousPullEnabled=False)),
    ("cross-tenant-replication", resource(ACCOUNT, allowCrossTenantReplication=False)),
    ("customer-managed-keys", resource(ACCOUNT, encryption={"keySource": "Microsoft.Keyvault"})),
    ("customer-managed-keys", resource(REGISTRY, encryption={"status": "enabled"})),
    ("customer-managed-keys", resource(WORKSPACE, encryption={"status": "Enabled"})),
    ("customer-managed-keys", resource(WORKSPACE, hubResourceId="/subscriptions/x")),
    (
        "key-rotation",
        resource(KEY, properties={"rotationPolicy": {"lifetimeActions": [{"action": {"type": "Rotate"}}]}}),
    ),
    ("storage-redundancy", resource(ACCOUNT, sku={"name": "Standard_ZRS"})),
    (
        "blob-soft-delete",
        [
            resource(ACCOUNT, "st"),
            resource(
                SERVICE,
                "blobs",
                {"accountName": ["st"]},
                deleteRetentionPolicy=KEPT,
                containerDeleteRetentionPolicy=KEPT,
            ),
        ],
    ),
    (
        "blob-versions",
        [
            resource(ACCOUNT, "st"),
            resource(SERVICE, "blobs", {"accountName": ["st"]}, isVersioningEnabled=True),
            resource(ACCOUNT, "lake", isHnsEnabled=True),
            resource(SERVICE, "lake-blobs", {"accountName": ["lake"]}),
        ],
    ),
    ("purge-protection", resource(VAULT, properties={"enablePurgeProtection": True})),
    ("protected-resources", resource(VAULT, "it", None, True)),
    ("closed-ssh", cluster(remoteLoginPortPublicAccess="Disabled")),
    ("closed-ssh", instance(sshSettings={"sshPublicAccess": "Disabled"})),
    ("compute-networks", cluster(subnet={"id": UNKNOWN})),
    (
        "compute-networks",
        [
            resource(WORKSPACE, "ws", managedNetwork={"isolationMode": "AllowInternetOutbound"}),
            resource(COMPUTE, "cpu", {"workspaceName": ["ws"]}, properties={"computeType": "AmlCompute"}),
        ],
    ),
    ("instance-owners", instance(personalComputeInstanceSettings={"assignedUser": {"objectId": GUID}})),
    ("instance-sharing", instance(applicationSharingPolicy="Personal")),
    ("endpoint-authentication", resource(ENDPOINT, auth="aad_token")),
    ("endpoint-authentication", resource(ENDPOINT, auth="aml_token")),
    ("deployment-egress", resource(DEPLOYMENT, public_egress=False)),
    ("collected-traffic", resource(DEPLOYMENT, collect=["model_outputs", "model_inputs"])),
    (
        "monitored-endpoints",
        [resource(ENDPOINT, "e", name="late"), resource(MONITOR, "m", endpoint="late", enabled=True)],
    ),
    ("gradual-rollouts", resource(TRAFFIC, steps=[10, 50, 100], max_error_rate=0.02)),
    ("smoke-tests", resource(DEPLOYMENT, smoke="{}")),
    ("model-provenance", resource(MODEL, git_commit="abc")),
    ("tags", resource(ACCOUNT, tags=TAGS)),
    ("tags", resource(CONTAINER)),
    ("regions", resource(ACCOUNT, location="West Europe")),
    ("regions", resource("azure-native:privatedns:PrivateZone", location="global")),
    ("names", resource(VAULT, vaultName="kv-mlops-prod")),
    ("log-retention", resource(LOGS, retentionInDays=90)),
    ("central-logs", resource(INSIGHTS, workspaceResourceId="/subscriptions/x")),
    (
        "alert-recipients",
        [resource(WORKSPACE, "ws"), resource(ACTION_GROUP, "ag", emailReceivers=[{"name": "team"}])],
    ),
    (
        "delete-locks",
        [resource(VAULT, "kv"), resource(LOCK, "lock", {"scope": ["kv"]}, level="CanNotDelete")],
    ),
    (
        "delete-locks",
        [
            resource(ACCOUNT, "st", {"resourceGroupName": ["rg"]}),
            resource(LOCK, "lock", {"scope": ["rg"]}, level="ReadOnly"),
        ],
    ),
    ("azure-policies", [resource(RESOURCE_GROUP, "rg"), resource(ASSIGNED, "a", {"scope": ["rg"]})]),
    ("legacy-mode", resource(WORKSPACE, v1LegacyMode=False)),
    ("scale-to-zero", cluster()),
    ("idle-nodes", cluster()),
    ("idle-instances", instance(idleTimeBeforeShutdown="PT1H")),
    ("instance-schedules", instance(schedules={"computeStartStop": [{"action": "Stop"}]})),
    ("cluster-sizes", cluster({"maxNodeCount": 20}, vmSize="Standard_DS3_v2")),
    ("gpu-priority", cluster(vmSize="Standard_NC4as_T4_v3", vmPriority="LowPriority")),
    ("gpu-priority", cluster(vmSize="Standard_DS3_v2", vmPriority="Dedicated")),
    ("budgets", [resource(RESOURCE_GROUP, "rg"), resource(BUDGET, "b")]),
    ("budget-forecasts", resource(BUDGET, notifications={"soon": {"thresholdType": "Forecasted"}})),
]
#: What each policy accuses, and a part of what it says.
VIOLATES = [
    ("workspace-public-access", resource(WORKSPACE, publicNetworkAccess="Enabled"), "Access is Enabled"),
    ("workspace-public-access", resource(WORKSPACE), "publicNetworkAccess is not set; it must be Disabled"),
    (
        "storage-public-access",
        resource(ACCOUNT, publicNetworkAccess="Disabled", networkRuleSet={"defaultAction": "Allow"}),
        "networkRuleSet.defaultAction is Allow; it must be Deny",
    ),
    (
        "vault-public-access",
        resource(VAULT, properties={"networkAcls": {"defaultAction": "Deny"}}),
        "properties.publicNetworkAccess is not set",
    ),
    ("registry-public-access", resource(REGISTRY, publicNetworkAccess="Enabled"), "is Enabled"),
    ("endpoint-public-access", resource(ENDPOINT, public_access=True), "public_access is true"),
    ("messaging-public-access", resource(CUSTOM_TOPIC), "publicNetworkAccess is not set"),
    ("node-public-addresses", cluster(enableNodePublicIp=None), "enableNodePublicIp is not set"),
    ("private-dns", resource(PRIVATE_ENDPOINT), "no private DNS zone names it"),
    (
        "open-inbound-rules",
        resource(
            GROUP,
            securityRules=[rule(None, name="ssh", sourceAddressPrefixes=["10.0.0.0/8", "Internet"])],
        ),
        "the rule ssh lets everybody in",
    ),
    (
        "open-inbound-rules",
        resource("azure-native:network:SecurityRule", "web", **rule("0.0.0.0/0", name=None)),
        "the rule web lets everybody in",
    ),
    ("subnet-security-groups", resource(SUBNET, subnetName="compute"), "compute has no security group"),
    ("default-outbound-access", resource(SUBNET, subnetName="compute"), "the subnet compute is not set"),
    (
        "managed-network-isolation",
        resource(WORKSPACE, managedNetwork={"isolationMode": "AllowInternetOutbound"}),
        "isolationMode is AllowInternetOutbound",
    ),
    ("storage-shared-keys", resource(ACCOUNT), "allowSharedKeyAccess is not set"),
    ("registry-admin-user", resource(REGISTRY, adminUserEnabled=True), "adminUserEnabled is true"),
    ("vault-roles", resource(VAULT, properties={}), "enableRbacAuthorization is not set"),
    (
        "compute-local-authentication",
        cluster(outer={"disableLocalAuth": False}),
        "disableLocalAuth is false",
    ),
    ("messaging-local-authentication", resource(CUSTOM_TOPIC), "disableLocalAuth is not set"),
    ("datastore-credentials", resource(WORKSPACE, systemDatastoresAuthMode="accesskey"), "must be identity"),
    (
        "datastore-credentials",
        resource(DATASTORE, properties={"credentials": {"credentialsType": "AccountKey"}}),
        "credentialsType is AccountKey",
    ),
    ("managed-identity", resource(WORKSPACE, identity={"type": "None"}), "no managed identity"),
    ("managed-identity", resource(WORKFLOW), "no managed identity"),
    ("managed-identity", resource(ENDPOINT, identity_id=None), "no managed identity"),
    (
        "event-delivery-identity",
        resource(SUBSCRIPTION, destination={"endpointType": "StorageQueue"}),
        "StorageQueue",
    ),
    (
        "privileged-roles",
        resource(ROLE_ASSIGNMENT, roleDefinitionId=f"/x/{OWNER}", scope="/a/b"),
        "makes somebody Owner without a condition",
    ),
    (
        "privileged-roles",
        resource(
            ROLE_ASSIGNMENT, roleDefinitionId=f"/x/{CONTRIBUTOR}", scope="/subscriptions/s/resourceGroups/g"
        ),
        "Contributor of all of g",
    ),
    (
        "custom-role-actions",
        resource(
            ROLE_DEFINITION, permissions=[{"actions": ["Microsoft.Authorization/roleAssignments/write"]}]
        ),
        "it allows Microsoft.Authorization/roleAssignments/write",
    ),
    ("custom-role-actions", resource(ROLE_DEFINITION, permissions=[{"actions": ["*"]}]), "it allows *"),
    ("principal-types", resource(ROLE_ASSIGNMENT), "principalType is not set"),
    ("role-assignment-names", resource(ROLE_ASSIGNMENT), "roleAssignmentName is not set"),
    (
        "federated-subjects",
        resource(
            FEDERATED, issuer="https://token.actions.githubusercontent.com", subject="repo:us/ml:pull_request"
        ),
        "which others than the protected branch",
    ),
    ("federated-subjects", resource(FEDERATED, issuer="https://evil.example", subject="x"), "it trusts"),
    (
        "plain-secrets",
        resource(DEPLOYMENT, environment_variables={"DB_PASSWORD": "hunter2"}),
        "environment_variables.DB_PASSWORD looks like a secret",
    ),
    (
        "plain-secrets",
        resource(DEPLOYMENT, env=[{"name": "API_KEY", "value": "hunter2"}]),
        "env[0].value looks like a secret",
    ),
    (
        "plain-secrets",
        resource(WORKFLOW, parameters={"githubToken": {"type": "SecureString", "value": f"ghp_{'a1' * 18}"}}),
        "parameters.githubToken.value looks like a secret",
    ),
    (
        "plain-secrets",
        resource(WORKFLOW, definition={"headers": {"Authorization": "Bearer hunter2"}}),
        "definition.headers.Authorization",
    ),
    ("tls", resource(ACCOUNT, minimumTlsVersion="TLS1_0"), "must be TLS1_2 or TLS1_3"),
    ("tls", resource(ACCOUNT), "minimumTlsVersion is not set"),
    ("encrypted-traffic", resource(ACCOUNT, enableHttpsTrafficOnly=False), "enableHttpsTrafficOnly is false"),
    ("encrypted-traffic", resource(SUBSCRIPTION, destination={"endpointUrl": "http://hook"}), "plain HTTP"),
    ("anonymous-blobs", resource(ACCOUNT, allowBlobPublicAccess=True), "allowBlobPublicAccess is true"),
    ("anonymous-blobs", resource(CONTAINER, publicAccess="Blob"), "publicAccess is Blob"),
    ("anonymous-pull", resource(REGISTRY, anonymousPullEnabled=True), "anonymousPullEnabled is true"),
    ("cross-tenant-replication", resource(ACCOUNT), "allowCrossTenantReplication is not set"),
    ("customer-managed-keys", resource(ACCOUNT), "Microsoft's key (encryption.keySource)"),
    ("customer-managed-keys", resource(REGISTRY), "Microsoft's key (encryption.status)"),
    ("customer-managed-keys", resource(WORKSPACE), "Microsoft's key (encryption.status)"),
    ("key-rotation", resource(KEY, properties={"kty": "RSA"}), "nothing rotates it"),
    ("storage-redundancy", resource(ACCOUNT, sku={"name": "Standard_LRS"}), "sku.name is Standard_LRS"),
    ("blob-soft-delete", resource(ACCOUNT, "st"), "nothing says that its deleted blobs are kept"),
    (
        "blob-soft-delete",
        [
            resource(ACCOUNT, "st"),
            resource(
                SERVICE,
                "blobs",
                {"accountName": ["st"]},
                deleteRetentionPolicy={"enabled": True, "days": 1},
                containerDeleteRetentionPolicy=KEPT,
            ),
        ],
        "deleteRetentionPolicy keeps 1 days; 7 are asked for",
    ),
    (
        "blob-versions",
        [resource(ACCOUNT, "st"), resource(SERVICE, "blobs", {"accountName": ["st"]})],
        "isVersioningEnabled is not set",
    ),
    ("purge-protection", resource(VAULT, properties={}), "enablePurgeProtection is not set"),
    (
        "purge-protection",
        resource(VAULT, properties={"enablePurgeProtection": True, "enableSoftDelete": False}),
        "enableSoftDelete is false",
    ),
    ("protected-resources", resource(VAULT), "it isn't protected"),
    ("closed-ssh", cluster(remoteLoginPortPublicAccess="Enabled"), "remoteLoginPortPublicAccess is Enabled"),
    ("closed-ssh", instance(sshSettings={"sshPublicAccess": "Enabled"}), "sshPublicAccess is Enabled"),
    ("compute-networks", cluster(), "it has no subnet"),
    ("instance-owners", instance(), "nobody is assigned to it"),
    ("instance-sharing", instance(), "applicationSharingPolicy is not set"),
    (
        "endpoint-authentication",
        resource(ENDPOINT, auth="key"),
        "auth is key; it must be aad_token or aml_token",
    ),
    ("deployment-egress", resource(DEPLOYMENT, public_egress=True), "public_egress is true"),
    ("collected-traffic", resource(DEPLOYMENT, collect=["model_inputs"]), "doesn't collect model_outputs"),
    ("monitored-endpoints", resource(ENDPOINT, name="late"), "no monitor watches it"),
    (
        "monitored-endpoints",
        [resource(ENDPOINT, "e", name="late"), resource(MONITOR, "m", endpoint="late", enabled=False)],
        "no monitor watches it",
    ),
    ("gradual-rollouts", resource(TRAFFIC, steps=[100], max_error_rate=0.02), "first step is 100 %"),
    ("gradual-rollouts", resource(TRAFFIC, steps=[5, 100], max_error_rate=0.2), "goes on with 20% errors"),
    ("smoke-tests", resource(DEPLOYMENT, smoke=None), "no request tries it"),
    ("model-provenance", resource(MODEL, git_commit=""), "which commit"),
    ("tags", resource(ACCOUNT, tags={"owner": "us", "cost-center": ""}), "environment, cost-center"),
    ("tags", resource(ENDPOINT), "environment, owner, cost-center"),
    ("regions", resource(ACCOUNT, location="eastus"), "location is eastus; allowed are"),
    ("regions", cluster(outer={"computeLocation": "East US"}), "computeLocation is East US"),
    ("names", resource(VAULT, vaultName="secrets"), "vaultName is secrets; it begins with kv"),
    ("names", resource(WORKSPACE), "workspaceName is not set"),
    ("log-retention", resource(LOGS, retentionInDays=7), "logs are kept for 7 days"),
    ("central-logs", resource(INSIGHTS), "workspaceResourceId is not set"),
    ("alert-recipients", resource(WORKSPACE), "no action group"),
    ("alert-recipients", resource(ACTION_GROUP, emailReceivers=[]), "nobody is told by it"),
    ("delete-locks", resource(VAULT), "no lock"),
    (
        "delete-locks",
        [resource(VAULT, "kv"), resource(LOCK, "lock", {"scope": ["other"]}, level="CanNotDelete")],
        "no lock",
    ),
    ("azure-policies", resource(RESOURCE_GROUP), "no Azure Policy is assigned to it"),
    ("legacy-mode", resource(WORKSPACE), "v1LegacyMode is not set; it must be false"),
    ("scale-to-zero", cluster({"minNodeCount": 1.0}), "minNodeCount is 1; it must be 0"),
    ("idle-nodes", cluster({"nodeIdleTimeBeforeScaleDown": "PT2H"}), "kept for 120 minutes"),
    ("idle-instances", instance(), "runs all night"),
    ("idle-instances", instance(idleTimeBeforeShutdown="P1D"), "runs for 1440 minutes"),
    ("instance-schedules", instance(schedules={"computeStartStop": [{"action": "Start"}]}), "no schedule"),
    (
        "cluster-sizes",
        cluster({"maxNodeCount": 20}, vmSize="Standard_NC4as_T4_v3"),
        "may have 20 nodes of Standard_NC4as_T4_v3; at most 8",
    ),
    ("gpu-priority", cluster(vmSize="Standard_NC4as_T4_v3", vmPriority="Dedicated"), "are dedicated"),
    ("budgets", resource(RESOURCE_GROUP), "no budget"),
    ("budget-forecasts", resource(BUDGET, notifications={"late": {"thresholdType": "Actual"}}), "Forecasted"),
]


def several(one):
    return one if isinstance(one, list) else [one]


@pytest.mark.parametrize(("name", "one"), PASSES)
def test_what_is_right_passes(name, one):
    assert failures(name, *several(one)) == []


@pytest.mark.parametrize(("name", "one", "said"), VIOLATES)
def test_what_is_wrong_is_named(name, one, said):
    found = failures(name, *several(one))
    assert len(found) == 1
    assert said in found[0]


def test_every_policy_is_seen_to_let_pass_and_to_accuse():
    on_stacks = {"private-endpoints", "diagnostic-settings"}  # which have tests of their own below
    assert {name for name, _ in PASSES} | on_stacks == RULES.keys()
    assert {name for name, *_ in VIOLATES} | on_stacks == RULES.keys()


@pytest.mark.parametrize(("name", "one"), [(name, one) for name, one, _ in VIOLATES])
def test_a_remedy_makes_right_what_it_was_wrong_with(name, one):
    """All remedies, on all that their policies accuse."""
    if not isinstance(RULES[name], ResourceRule) or RULES[name].remedy is None:
        return
    props = json.loads(json.dumps(one.props))
    remedied = RULES[name].remedy(one)
    assert remedied
    for path, value in remedied.items():
        *outer, last = path.split(".")
        within = props
        for key in outer:
            within = within.setdefault(key, {})
        within[last] = value
    assert failures(name, Resource(one.type, one.name, one.urn, props)) == []


def unknown(value):
    """The same with every text, number and truth value unknown."""
    if isinstance(value, dict):
        return {key: unknown(item) for key, item in value.items()}
    return [unknown(item) for item in value] if isinstance(value, list) else UNKNOWN


@pytest.mark.parametrize(
    "one", [one for _, some, *_ in [*PASSES, *VIOLATES] for one in several(some) if one.props]
)
def test_nobody_is_accused_of_what_is_not_known_yet(one):
    for hidden in (
        Resource(one.type, one.name, one.urn, unknown(one.props)),
        Resource(one.type, one.name, one.urn, dict.fromkeys(one.props, UNKNOWN)),
    ):
        for rule in checklist.RULES:
            if isinstance(rule, ResourceRule) and rule.name != "protected-resources":
                said = list(rule.check(hidden, rule.configured(None)))
                assert [one for one in said if not LEFT_OUT.search(one)] == []


#: What is known although no value is: that something was left out.
LEFT_OUT = re.compile(
    r"not set|isn't tagged|no managed|has no |doesn't|nobody|nothing|no request|no schedule|Microsoft's"
)


STACK = [
    resource(WORKSPACE, "ws"),
    resource(ACCOUNT, "st"),
    resource(VAULT, "kv"),
    resource(REGISTRY, "cr"),
    resource(TOPIC, "topic"),
]
GROUPS = {"ws": "amlworkspace", "st": "blob", "kv": "vault", "cr": "registry"}
ENDPOINTS = [
    resource(
        PRIVATE_ENDPOINT,
        f"pep-{name}",
        {"privateLinkServiceConnections": [name]},
        privateLinkServiceConnections=[{"groupIds": [group], "privateLinkServiceId": UNKNOWN}],
    )
    for name, group in GROUPS.items()
]
SETTINGS = [resource(SETTING, f"logs-{one.name}", {"resourceUri": [one.name]}) for one in STACK]


def test_a_stack_whose_resources_all_have_private_endpoints_and_settings_passes():
    assert failures("private-endpoints", *STACK, *ENDPOINTS) == []
    assert failures("diagnostic-settings", *STACK, *SETTINGS) == []


@pytest.mark.parametrize("missing", range(len(GROUPS)))
def test_a_resource_without_a_private_endpoint_is_named(missing):
    left = [one for index, one in enumerate(ENDPOINTS) if index != missing]
    (found,) = failures("private-endpoints", *STACK, *left)
    name, group = list(GROUPS.items())[missing]
    assert found == f"{name}: no private endpoint leads to it (group {group})"


@pytest.mark.parametrize("missing", range(len(STACK)))
def test_a_resource_without_a_diagnostic_setting_is_named(missing):
    left = [one for index, one in enumerate(SETTINGS) if index != missing]
    assert failures("diagnostic-settings", *STACK, *left) == [
        f"{STACK[missing].name}: it has no diagnostic setting"
    ]


def test_a_private_endpoint_to_another_part_of_an_account_is_not_enough():
    to_files = resource(
        PRIVATE_ENDPOINT,
        "pep",
        {"privateLinkServiceConnections": ["st"]},
        privateLinkServiceConnections=[{"groupIds": ["file"]}],
    )
    assert failures("private-endpoints", resource(ACCOUNT, "st"), to_files) != []


def test_a_private_endpoint_that_is_not_known_yet_counts():
    planned = resource(
        PRIVATE_ENDPOINT,
        "pep",
        {"privateLinkServiceConnections": ["st"]},
        privateLinkServiceConnections=UNKNOWN,
    )
    assert failures("private-endpoints", resource(ACCOUNT, "st"), planned) == []


def test_settings_change_what_is_allowed():
    assert failures("regions", resource(ACCOUNT, location="eastus"), allowed=["eastus"]) == []
    assert failures("tags", resource(ACCOUNT, tags=TAGS), required=["team"]) == ["it isn't tagged with team"]
    assert failures("idle-nodes", cluster(), idleMinutes=1)
    protected = {"enablePurgeProtection": True, "softDeleteRetentionInDays": 30}
    assert failures("purge-protection", resource(VAULT, properties=protected), days=90)
    variables = {"PASSWORD": "none"}
    assert not failures("plain-secrets", resource(DEPLOYMENT, env=variables), ignored=["env.PASSWORD"])
    bastion = resource(GROUP, securityRules=[rule("Internet", name="allow-bastion")])
    assert not failures("open-inbound-rules", bastion, allowed=["allow-bastion"])
    assert not failures("private-dns", resource(PRIVATE_ENDPOINT), recordsByHub=True)


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("password", "hunter2", True),
        ("ClientSecret", "x", True),
        ("connection-string", "Endpoint=sb://x/;SharedAccessKey=abcdefgh", True),
        ("note", "DefaultEndpointsProtocol=https;AccountKey=abcdefgh12345678==", True),
        ("cert", "-----BEGIN RSA PRIVATE KEY-----\nMIIE", True),
        ("password", "@Microsoft.KeyVault(SecretUri=https://x.vault.azure.net/secrets/y)", False),
        ("password", "@{body('Get_secret')?['value']}", False),
        ("password", "[parameters('p')]", False),
        ("tokenSecret", "github-token", False),
        ("token", "a1b2c3d4e5f6a7b8c9d0", True),
        ("key", "12121212-3434-4565-8787-909090909090", False),
        ("keyVault", "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v", False),
        ("code_hash", "a" * 63 + "1", False),
        ("Lineage", "a1" * 32, False),
        ("passwordSecretUri", "https://x.vault.azure.net/secrets/y", False),
    ],
)
def test_a_secret_is_told_by_its_name_or_its_shape(name, value, secret):
    assert is_secret(name, value) is secret


def test_an_accusation_never_shows_the_secret():
    (said,) = failures("plain-secrets", resource(DEPLOYMENT, env={"PASSWORD": "hunter2"}))
    assert "hunter2" not in said


def test_every_policy_says_why_and_what_to_write():
    assert len(checklist.RULES) == len(RULES) >= 40
    assert {rule.category for rule in checklist.RULES} == set(get_args(Category))
    for rule in checklist.RULES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
        assert rule.reason.endswith(".")
        assert rule.fix.endswith(".")
        assert rule.link.startswith(("https://learn.microsoft.com/", "https://www.pulumi.com/docs/"))
        assert all(re.fullmatch(r"[A-Z]{2}-[0-9]+|CIS [0-9.]+", control) for control in rule.controls)
        assert set(rule.production) <= set(rule.settings)
        assert json.dumps({key: dict(schema) for key, schema in rule.settings.items()})


def test_the_guides_tables_and_the_configuration_files_are_current():
    assert checklist.written() == checklist.table(), "run `python -m policy.checklist --write`"
    for environment in get_args(Environment):
        kept = json.loads(checklist.file(environment).read_text())
        assert kept == checklist.configuration(environment), "run `python -m policy.checklist --write`"
