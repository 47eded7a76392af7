"""What each policy lets pass, what it accuses, and that it accuses nobody of what isn't known yet."""

import json
import re

import pytest

from policy import checklist
from policy.plain_secret import is_secret
from policy.rule import UNKNOWN, Resource, ResourceRule, StackRule

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
SUBSCRIPTION = "azure-native:eventgrid:SystemTopicEventSubscription"
WORKFLOW = "azure-native:logic:Workflow"
ENDPOINT = "pulumi-python:dynamic/ml:OnlineEndpoint"
DEPLOYMENT = "pulumi-python:dynamic/ml:OnlineDeployment"


def resource(type_, name="it", uses=None, **props):
    return Resource(
        type_,
        name,
        f"urn:{name}",
        props,
        {key: frozenset(f"urn:{one}" for one in names) for key, names in (uses or {}).items()},
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


def failures(name, *resources, **settings):
    rule = RULES[name]
    configured = rule.configured(settings)
    if isinstance(rule, ResourceRule):
        return [said for one in resources for said in rule.check(one, configured)]
    assert isinstance(rule, StackRule)
    return [f"{one.name}: {said}" for one, said in rule.check(resources, configured)]


TAGS = {"environment": "prod", "owner": "us", "cost-center": "1"}
PASSES = [
    ("public-access", resource(WORKSPACE, publicNetworkAccess="disabled")),
    ("public-access", resource(ACCOUNT, publicNetworkAccess="Disabled", allowBlobPublicAccess=False)),
    ("public-access", resource(CONTAINER, publicAccess="None")),
    ("public-access", resource(VAULT, properties={"publicNetworkAccess": "Disabled"})),
    ("public-access", resource(REGISTRY, publicNetworkAccess="Disabled")),
    ("public-access", resource(ENDPOINT, public_access=False)),
    ("public-access", cluster(remoteLoginPortPublicAccess="Disabled")),
    ("public-access", resource(COMPUTE, properties={"computeType": "Kubernetes"})),
    (
        "public-access",
        resource(
            GROUP,
            securityRules=[
                {
                    "name": "in",
                    "direction": "Inbound",
                    "access": "Allow",
                    "sourceAddressPrefix": "VirtualNetwork",
                },
                {"name": "no", "direction": "Inbound", "access": "Deny", "sourceAddressPrefix": "*"},
                {"name": "out", "direction": "Outbound", "access": "Allow", "sourceAddressPrefix": "*"},
            ],
        ),
    ),
    ("local-authentication", resource(ACCOUNT, allowSharedKeyAccess=False)),
    ("local-authentication", resource(REGISTRY)),
    ("local-authentication", resource(VAULT, properties={"enableRbacAuthorization": True})),
    ("local-authentication", cluster()),
    ("local-authentication", resource(WORKSPACE, systemDatastoresAuthMode="Identity")),
    ("local-authentication", resource(DATASTORE, properties={"credentials": {"credentialsType": "None"}})),
    ("managed-identity", resource(WORKSPACE, identity={"type": "UserAssigned"})),
    ("managed-identity", resource(ENDPOINT, identity_id="/subscriptions/x")),
    ("managed-identity", resource(SUBSCRIPTION, deliveryWithResourceIdentity={"destination": {}})),
    ("managed-identity", resource(SUBSCRIPTION, destination={"endpointType": "WebHook"})),
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
    ("tls", resource(ACCOUNT, minimumTlsVersion="TLS1_2", enableHttpsTrafficOnly=True)),
    ("tls", resource(DATASTORE, properties={"protocol": "https"})),
    ("tags", resource(ACCOUNT, tags=TAGS)),
    ("tags", resource(CONTAINER)),
    ("regions", resource(ACCOUNT, location="West Europe")),
    ("regions", resource("azure-native:privatedns:PrivateZone", location="global")),
    ("scale-to-zero", cluster()),
    ("purge-protection", resource(VAULT, properties={"enablePurgeProtection": True})),
    ("endpoint-authentication", resource(ENDPOINT, auth="aad_token")),
    ("endpoint-authentication", resource(ENDPOINT, auth="aml_token")),
]
VIOLATES = [
    ("public-access", resource(WORKSPACE, publicNetworkAccess="Enabled"), "publicNetworkAccess is Enabled"),
    ("public-access", resource(WORKSPACE), "publicNetworkAccess is not set; it must be Disabled"),
    (
        "public-access",
        resource(ACCOUNT, publicNetworkAccess="Disabled", allowBlobPublicAccess=True),
        "allowBlobPublicAccess is true; it must be false",
    ),
    ("public-access", resource(CONTAINER, publicAccess="Blob"), "publicAccess is Blob"),
    ("public-access", resource(VAULT, properties={}), "properties.publicNetworkAccess is not set"),
    ("public-access", resource(ENDPOINT, public_access=True), "public_access is true"),
    ("public-access", cluster(enableNodePublicIp=None), "enableNodePublicIp is not set"),
    (
        "public-access",
        cluster(remoteLoginPortPublicAccess="Enabled"),
        "remoteLoginPortPublicAccess is Enabled",
    ),
    (
        "public-access",
        resource(
            GROUP,
            securityRules=[
                {
                    "name": "ssh",
                    "direction": "Inbound",
                    "access": "Allow",
                    "sourceAddressPrefixes": ["10.0.0.0/8", "Internet"],
                }
            ],
        ),
        "the rule ssh lets everybody in",
    ),
    ("local-authentication", resource(ACCOUNT), "allowSharedKeyAccess is not set"),
    ("local-authentication", resource(REGISTRY, adminUserEnabled=True), "adminUserEnabled is true"),
    ("local-authentication", cluster(outer={"disableLocalAuth": False}), "disableLocalAuth is false"),
    ("local-authentication", resource(WORKSPACE, systemDatastoresAuthMode="accesskey"), "must be identity"),
    (
        "local-authentication",
        resource(DATASTORE, properties={"credentials": {"credentialsType": "AccountKey"}}),
        "credentialsType is AccountKey",
    ),
    ("managed-identity", resource(WORKSPACE, identity={"type": "None"}), "no managed identity"),
    ("managed-identity", resource(WORKFLOW), "no managed identity"),
    ("managed-identity", resource(ENDPOINT, identity_id=None), "no managed identity"),
    (
        "managed-identity",
        resource(SUBSCRIPTION, destination={"endpointType": "StorageQueue"}),
        "StorageQueue",
    ),
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
    ("tls", resource(SUBSCRIPTION, destination={"endpointUrl": "http://hook"}), "plain HTTP"),
    ("tags", resource(ACCOUNT, tags={"owner": "us", "cost-center": ""}), "environment, cost-center"),
    ("tags", resource(ENDPOINT), "environment, owner, cost-center"),
    ("regions", resource(ACCOUNT, location="eastus"), "location is eastus; allowed are"),
    ("regions", cluster(outer={"computeLocation": "East US"}), "computeLocation is East US"),
    ("scale-to-zero", cluster({"minNodeCount": 1.0}), "minNodeCount is 1; it must be 0"),
    ("scale-to-zero", cluster({"nodeIdleTimeBeforeScaleDown": "PT2H"}), "kept for 120 minutes"),
    (
        "scale-to-zero",
        resource(COMPUTE, properties={"computeType": "ComputeInstance", "properties": {}}),
        "runs all night",
    ),
    ("purge-protection", resource(VAULT, properties={}), "enablePurgeProtection is not set"),
    (
        "purge-protection",
        resource(VAULT, properties={"enablePurgeProtection": True, "enableSoftDelete": False}),
        "enableSoftDelete is false",
    ),
    (
        "endpoint-authentication",
        resource(ENDPOINT, auth="key"),
        "auth is key; it must be aad_token or aml_token",
    ),
]


@pytest.mark.parametrize(("name", "one"), PASSES)
def test_what_is_right_passes(name, one):
    assert failures(name, one) == []


@pytest.mark.parametrize(("name", "one", "said"), VIOLATES)
def test_what_is_wrong_is_named(name, one, said):
    found = failures(name, one)
    assert len(found) == 1
    assert said in found[0]


def unknown(value):
    """The same with every text, number and truth value unknown."""
    if isinstance(value, dict):
        return {key: unknown(item) for key, item in value.items()}
    return [unknown(item) for item in value] if isinstance(value, list) else UNKNOWN


@pytest.mark.parametrize("one", [one for _, one, *_ in [*PASSES, *VIOLATES]])
def test_nobody_is_accused_of_what_is_not_known_yet(one):
    for hidden in (
        Resource(one.type, one.name, one.urn, unknown(one.props)),
        Resource(one.type, one.name, one.urn, dict.fromkeys(one.props, UNKNOWN)),
    ):
        for rule in checklist.RULES:
            if isinstance(rule, ResourceRule):
                known = [said for said in rule.check(hidden, rule.configured(None)) if "not set" not in said]
                known = [said for said in known if "isn't tagged" not in said and "no managed" not in said]
                assert known == []


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
    assert failures("scale-to-zero", cluster(), idleMinutes=1)
    protected = {"enablePurgeProtection": True, "softDeleteRetentionInDays": 30}
    assert failures("purge-protection", resource(VAULT, properties=protected), days=90)
    variables = {"PASSWORD": "none"}
    assert not failures("plain-secrets", resource(DEPLOYMENT, env=variables), ignored=["env.PASSWORD"])


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
    assert len(checklist.RULES) == len(RULES) == 12
    for rule in checklist.RULES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
        assert rule.reason.endswith(".")
        assert rule.fix.endswith(".")
        assert rule.link.startswith("https://learn.microsoft.com/")
        assert json.dumps({key: dict(schema) for key, schema in rule.settings.items()})


def test_the_guides_table_is_current():
    assert checklist.written() == checklist.table(), "run `python -m policy.checklist --write`"
