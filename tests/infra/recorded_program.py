"""Runs the whole program against a recording mock of the engine."""

import asyncio
import json
import runpy
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pulumi.runtime import config as runtime_config
from pulumi.runtime import mocks, settings, stack
from pulumi.runtime.sync_await import _sync_await
from pulumi_loops import closed_loops

REPOSITORY = Path(__file__).resolve().parents[2]
SUBSCRIPTION = "00000000-1111-4222-8333-444444444444"
TENANT = "99999999-1111-4222-8333-444444444444"
SUFFIX = "abc123"
CALLBACK = "https://prod-01.westeurope.logic.azure.com:443/workflows/w/triggers/event/paths/invoke?sig=s3cret"

#: Resource type: ARM type, the input with the physical name, Azure's limits on it.
NAMED = {
    "azure-native:resources:ResourceGroup": ("", "resourceGroupName", r"[\w.()-]{1,90}"),
    "azure-native:machinelearningservices:Workspace": (
        "Microsoft.MachineLearningServices/workspaces",
        "workspaceName",
        r"[a-zA-Z0-9][\w-]{2,32}",
    ),
    "azure-native:machinelearningservices:Compute": (
        "Microsoft.MachineLearningServices/workspaces/computes",
        "computeName",
        r"[a-zA-Z][a-zA-Z0-9-]{1,15}",
    ),
    "azure-native:machinelearningservices:Datastore": (
        "Microsoft.MachineLearningServices/workspaces/datastores",
        "name",
        r"[a-z0-9_]{1,255}",
    ),
    "azure-native:machinelearningservices:DataContainer": (
        "Microsoft.MachineLearningServices/workspaces/data",
        "name",
        r"[a-zA-Z0-9][\w.-]{0,254}",
    ),
    "azure-native:machinelearningservices:DataVersion": (
        "Microsoft.MachineLearningServices/workspaces/data/versions",
        "version",
        r"[a-zA-Z0-9][\w.-]{0,29}",
    ),
    "azure-native:logic:Workflow": ("Microsoft.Logic/workflows", "workflowName", r"[\w.()-]{1,80}"),
    "azure-native:storage:StorageAccount": (
        "Microsoft.Storage/storageAccounts",
        "accountName",
        r"[a-z0-9]{3,24}",
    ),
    "azure-native:storage:BlobServiceProperties": (
        "Microsoft.Storage/storageAccounts/blobServices",
        "blobServicesName",
        r"default",
    ),
    "azure-native:storage:BlobContainer": (
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        "containerName",
        r"[a-z0-9](?!.*--)[a-z0-9-]{2,62}",
    ),
    "azure-native:storage:FileShare": (
        "Microsoft.Storage/storageAccounts/fileServices/shares",
        "shareName",
        r"[a-z0-9](?!.*--)[a-z0-9-]{2,62}",
    ),
    "azure-native:storage:ManagementPolicy": (
        "Microsoft.Storage/storageAccounts/managementPolicies",
        "managementPolicyName",
        r"default",
    ),
    "azure-native:redis:Redis": (
        "Microsoft.Cache/redis",
        "name",
        r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,62}",
    ),
    "azure-native:machinelearningservices:WorkspaceConnection": (
        "Microsoft.MachineLearningServices/workspaces/connections",
        "connectionName",
        r"[a-zA-Z0-9][\w-]{2,32}",
    ),
    "azure-native:machinelearningservices:FeaturestoreEntityContainerEntity": (
        "Microsoft.MachineLearningServices/workspaces/featurestoreEntities",
        "name",
        r"[a-zA-Z0-9][\w.-]{0,254}",
    ),
    "azure-native:machinelearningservices:FeaturestoreEntityVersion": (
        "Microsoft.MachineLearningServices/workspaces/featurestoreEntities/versions",
        "version",
        r"[a-zA-Z0-9][\w.-]{0,29}",
    ),
    "azure-native:machinelearningservices:FeaturesetContainerEntity": (
        "Microsoft.MachineLearningServices/workspaces/featuresets",
        "name",
        r"[a-zA-Z0-9][\w.-]{0,254}",
    ),
    "azure-native:machinelearningservices:FeaturesetVersion": (
        "Microsoft.MachineLearningServices/workspaces/featuresets/versions",
        "version",
        r"[a-zA-Z0-9][\w.-]{0,29}",
    ),
    "azure-native:machinelearningservices:Registry": (
        "Microsoft.MachineLearningServices/registries",
        "registryName",
        r"[a-zA-Z0-9][\w-]{2,32}",
    ),
    "azure-native:storage:Queue": (
        "Microsoft.Storage/storageAccounts/queueServices/queues",
        "queueName",
        r"[a-z0-9](?!.*--)[a-z0-9-]{2,62}",
    ),
    "azure-native:keyvault:Vault": (
        "Microsoft.KeyVault/vaults",
        "vaultName",
        r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
    ),
    "azure-native:keyvault:Key": ("Microsoft.KeyVault/vaults/keys", "keyName", r"[a-zA-Z0-9-]{1,127}"),
    "azure-native:containerregistry:Registry": (
        "Microsoft.ContainerRegistry/registries",
        "registryName",
        r"[a-zA-Z0-9]{5,50}",
    ),
    "azure-native:operationalinsights:Workspace": (
        "Microsoft.OperationalInsights/workspaces",
        "workspaceName",
        r"[a-zA-Z0-9][a-zA-Z0-9-]{2,61}[a-zA-Z0-9]",
    ),
    "azure-native:applicationinsights:Component": (
        "Microsoft.Insights/components",
        "resourceName",
        r"[^%&\\?/]{1,259}[^%&\\?/. ]",
    ),
    "azure-native:managedidentity:UserAssignedIdentity": (
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        "resourceName",
        r"[a-zA-Z0-9][\w-]{2,127}",
    ),
    "azure-native:authorization:RoleAssignment": (
        "Microsoft.Authorization/roleAssignments",
        "roleAssignmentName",
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    "azure-native:authorization:PolicyAssignment": (
        "Microsoft.Authorization/policyAssignments",
        "policyAssignmentName",
        r"[^<>*%&:?.+/]{1,63}[^<>*%&:?.+/ ]",
    ),
    "azure-native:authorization:ManagementLockByScope": (
        "Microsoft.Authorization/locks",
        "lockName",
        r"[^<>%&:\\?/]{1,90}",
    ),
    "azure-native:authorization:RoleDefinition": (
        "Microsoft.Authorization/roleDefinitions",
        "roleDefinitionId",
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    "azure-native:managedidentity:FederatedIdentityCredential": (
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "federatedIdentityCredentialResourceName",
        r"[a-zA-Z0-9][\w-]{2,119}",
    ),
    "azure-native:eventgrid:SystemTopic": (
        "Microsoft.EventGrid/systemTopics",
        "systemTopicName",
        r"[a-zA-Z0-9-]{3,50}",
    ),
    "azure-native:eventgrid:SystemTopicEventSubscription": (
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "eventSubscriptionName",
        r"[a-zA-Z0-9-]{3,64}",
    ),
    "azure-native:monitor:ActionGroup": (
        "Microsoft.Insights/actionGroups",
        "actionGroupName",
        r"[^%&?/\\#,;]{1,260}",
    ),
    "azure-native:monitor:MetricAlert": (
        "Microsoft.Insights/metricAlerts",
        "ruleName",
        r"[^*#&+:<>?@%{}\\/]{1,260}",
    ),
    "azure-native:monitor:ScheduledQueryRule": (
        "Microsoft.Insights/scheduledQueryRules",
        "ruleName",
        r"[^*<>%{}&:\\?/#]{1,260}",
    ),
    "azure-native:monitor:ActivityLogAlert": (
        "Microsoft.Insights/activityLogAlerts",
        "activityLogAlertName",
        r"[^<>*%{}&:\\?+/#]{1,260}",
    ),
    "azure-native:consumption:Budget": ("Microsoft.Consumption/budgets", "budgetName", r"[\w-]{1,63}"),
    "azure-native:applicationinsights:Workbook": (
        "Microsoft.Insights/workbooks",
        "resourceName",
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    "azure-native:portal:Dashboard": (
        "Microsoft.Portal/dashboards",
        "dashboardName",
        r"[a-zA-Z0-9-]{3,24}",
    ),
    "azure-native:servicebus:Namespace": (
        "Microsoft.ServiceBus/namespaces",
        "namespaceName",
        r"[a-zA-Z](?!.*(-sb|-mgmt)$)[a-zA-Z0-9-]{4,48}[a-zA-Z0-9]",
    ),
    "azure-native:servicebus:Queue": (
        "Microsoft.ServiceBus/namespaces/queues",
        "queueName",
        r"[a-zA-Z0-9][\w./-]{0,258}",
    ),
    "azure-native:network:VirtualNetwork": (
        "Microsoft.Network/virtualNetworks",
        "virtualNetworkName",
        r"[a-zA-Z0-9][\w.-]{0,62}\w",
    ),
    "azure-native:network:Subnet": (
        "Microsoft.Network/virtualNetworks/subnets",
        "subnetName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:network:NetworkSecurityGroup": (
        "Microsoft.Network/networkSecurityGroups",
        "networkSecurityGroupName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:network:PublicIPAddress": (
        "Microsoft.Network/publicIPAddresses",
        "publicIpAddressName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:network:NatGateway": (
        "Microsoft.Network/natGateways",
        "natGatewayName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:network:RouteTable": (
        "Microsoft.Network/routeTables",
        "routeTableName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:network:AzureFirewall": (
        "Microsoft.Network/azureFirewalls",
        "azureFirewallName",
        r"[a-zA-Z0-9][\w.-]{0,54}\w",
    ),
    "azure-native:network:FirewallPolicy": (
        "Microsoft.Network/firewallPolicies",
        "firewallPolicyName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:network:FirewallPolicyRuleCollectionGroup": (
        "Microsoft.Network/firewallPolicies/ruleCollectionGroups",
        "ruleCollectionGroupName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:network:BastionHost": (
        "Microsoft.Network/bastionHosts",
        "bastionHostName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:network:VirtualNetworkPeering": (
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
        "virtualNetworkPeeringName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:machinelearningservices:ManagedNetworkSettingsRule": (
        "Microsoft.MachineLearningServices/workspaces/outboundRules",
        "ruleName",
        r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}",
    ),
    "azure-native:network:PrivateEndpoint": (
        "Microsoft.Network/privateEndpoints",
        "privateEndpointName",
        r"[a-zA-Z0-9][\w.-]{0,62}\w",
    ),
    "azure-native:network:PrivateDnsZoneGroup": (
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        "privateDnsZoneGroupName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:privatedns:PrivateZone": (
        "Microsoft.Network/privateDnsZones",
        "privateZoneName",
        r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,33}",
    ),
    "azure-native:privatedns:VirtualNetworkLink": (
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        "virtualNetworkLinkName",
        r"[a-zA-Z0-9][\w.-]{0,78}\w",
    ),
    "azure-native:monitor:DiagnosticSetting": (
        "Microsoft.Insights/diagnosticSettings",
        "name",
        r"[^*<>%&:\\?+/]{1,260}",
    ),
}


@dataclass(frozen=True)
class Recorded:
    """A resource as the program registered it."""

    urn: str
    type: str
    name: str
    id: str
    parent: str
    inputs: dict[str, Any]
    dependencies: frozenset[str]
    uses: dict[str, frozenset[str]]  # by input: the resources that its value comes from
    protect: bool
    custom: bool
    provider: str
    retain_on_delete: bool
    replace_on_changes: tuple[str, ...]
    aliases: tuple[str, ...]  # former logical names

    @property
    def physical_name(self) -> str:
        return self.inputs[NAMED[self.type][1]]


@dataclass
class Recording:
    """Everything that a run of the program registered, in order."""

    resources: list[Recorded] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def of(self, type_: str) -> list[Recorded]:
        return [r for r in self.resources if r.type.endswith(type_)]

    def one(self, name: str) -> Recorded:
        (found,) = [r for r in self.resources if r.name == name]
        return found

    def needs(self, resource: Recorded) -> set[str]:
        """Names of all resources that must exist before this one, directly or not."""
        by_urn = {r.urn: r for r in self.resources}
        found: set[str] = set()
        waiting = list(resource.dependencies)
        while waiting:
            urn = waiting.pop()
            if urn in by_urn and by_urn[urn].name not in found:
                found.add(by_urn[urn].name)
                waiting += by_urn[urn].dependencies
        return found


class Azure(mocks.Mocks):
    """Answers as ARM would, with ids and what only Azure knows."""

    def __init__(self, recording):
        self.recording = recording

    def call(self, args):
        self.recording.calls.append(args.token)
        if args.token == "azure-native:authorization:getClientConfig":
            return {
                "objectId": "12121212-3434-4565-8787-909090909090",
                "subscriptionId": SUBSCRIPTION,
                "tenantId": TENANT,
                "clientId": "client",
            }
        if args.token == "azure-native:logic:listWorkflowTriggerCallbackUrl":
            return {"value": CALLBACK}
        if args.token == "azure-native:machinelearningservices:getWorkspace":
            group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{args.args['resourceGroupName']}/providers"
            return {
                "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/stshared",
                "keyVault": f"{group}/Microsoft.KeyVault/vaults/kv-shared",
                "containerRegistry": f"{group}/Microsoft.ContainerRegistry/registries/crshared",
                "applicationInsights": f"{group}/Microsoft.Insights/components/appi-shared",
            }
        raise AssertionError(f"the program calls {args.token}, which nobody answers")

    def new_resource(self, args):
        if args.typ.startswith("mlops:"):
            return "", {}
        if args.typ.startswith("pulumi:providers:"):
            return args.name, dict(args.inputs)
        if args.typ.startswith("pulumi-python:"):
            outputs = {key: value for key, value in args.inputs.items() if value is not None}
            if args.typ.endswith("Suffix"):
                outputs["value"] = args.inputs.get("fixed") or SUFFIX
            return args.name, outputs
        type_, key, _ = NAMED[args.typ]
        name = args.inputs[key]
        group = args.inputs.get("resourceGroupName", "")
        id_ = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"
        if type_:
            id_ += f"/providers/{type_}/{name}"
        outputs = {**args.inputs, "name": name}
        if isinstance(args.inputs.get("identity", {}).get("userAssignedIdentities"), list):
            ids = args.inputs["identity"][
                "userAssignedIdentities"
            ]  # a list on the way in, a map on the way out
            outputs["identity"] = {
                **args.inputs["identity"],
                "userAssignedIdentities": {id_: {} for id_ in ids},
            }
        if args.typ.endswith("UserAssignedIdentity"):
            own = uuid.uuid5(uuid.NAMESPACE_URL, id_)
            outputs |= {"principalId": str(own), "tenantId": TENANT, "clientId": f"client-of-{own}"}
        if args.typ.endswith("keyvault:Key"):
            uri = f"https://{args.inputs['vaultName']}.vault.azure.net/keys/{name}"
            outputs |= {"keyUri": uri, "keyUriWithVersion": f"{uri}/{'0' * 32}"}
        return id_, outputs


class Monitor(mocks.MockMonitor):
    """Remembers what requests say besides inputs."""

    def __init__(self, azure, recording):
        super().__init__(azure)
        self.recording = recording

    def RegisterResource(self, request):  # noqa: N802 (the name in Pulumi's protocol)
        response = super().RegisterResource(request)
        uses = {key: frozenset(names.urns) for key, names in request.propertyDependencies.items()}
        depends = set(request.dependencies).union(*uses.values())
        if request.type != "pulumi:pulumi:Stack":
            inputs = mocks.rpc.deserialize_properties(request.object)
            self.recording.resources.append(
                Recorded(
                    urn=response.urn,
                    type=request.type,
                    name=request.name,
                    id=response.id,
                    parent=request.parent,
                    inputs=inputs,
                    dependencies=frozenset(depends),
                    uses=uses,
                    protect=request.protect,
                    custom=request.custom,
                    provider=request.provider,
                    retain_on_delete=request.retainOnDelete,
                    replace_on_changes=tuple(request.replaceOnChanges),
                    aliases=tuple(alias.spec.name for alias in request.aliases if alias.spec.name),
                )
            )
        return response


def stack_values(stack_name):
    """What the stack's YAML says, by key without the namespace."""
    document = yaml.safe_load((REPOSITORY / f"Pulumi.{stack_name}.yaml").read_text())
    return {key.removeprefix("mlops:"): value for key, value in document["config"].items()}


def run(stack_name, recording=None, azure=Azure, **changes):
    """Runs ``__main__.py`` with the stack's configuration, some keys changed (None: left out)."""
    recording = recording or Recording()
    values = {key: v for key, v in {**stack_values(stack_name), **changes}.items() if v is not None}
    texts = {
        f"mlops:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }
    runtime_config.set_all_config(texts, [])
    settings.set_root_resource(None)
    with closed_loops():
        # The SDK asks for the thread's event loop.
        asyncio.set_event_loop(asyncio.new_event_loop())
        monitor = Monitor(azure(recording), recording)
        mocks.set_mocks(monitor.mocks, project="mlops", stack=stack_name, preview=False, monitor=monitor)
        program = str(REPOSITORY / "__main__.py")
        _sync_await(stack.run_pulumi_func(lambda: runpy.run_path(program, run_name="__main__") and None))
        recording.outputs = dict(settings.get_root_resource().outputs)
        return recording
