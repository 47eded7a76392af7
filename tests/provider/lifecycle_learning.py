"""What learns and what listens, one resource of each type: workspaces, registries, assets, endpoints, events, clusters."""

from __future__ import annotations

from lifecycle_row import IN_GROUP, IN_REGISTRY, IN_WORKSPACE, TAGS, TO_QUEUE, Json, Row

DESCRIBED: Json = {"description": "before"}


def _asset(kind: str, container: Json, version: Json, *, registry_name: str | None = None) -> list[Row]:
    """A container and a version in the workspace, and both in the registry."""
    rows: list[Row] = []
    ml = "machinelearningservices"
    changed = {"description": "after"}
    for prefix, scope, parameter in (
        ("", IN_WORKSPACE, "name"),
        ("Registry", IN_REGISTRY, registry_name or "name"),
    ):
        holder = f"{prefix}{kind}Container"
        rows.append(
            Row(
                f"{ml}:{holder}",
                {**scope, "properties": {**DESCRIBED, **container}},
                {"properties": {**container, **changed}},
            )
        )
        properties = {**DESCRIBED, **version}
        rows.append(
            Row(
                f"{ml}:{prefix}{kind}Version",
                {**scope, parameter: f"${holder.lower()}.name", "version": "1", "properties": properties},
                {"properties": {**properties, **changed}},
            )
        )
    return rows


LEARNING = [
    Row(
        "machinelearningservices:Workspace",
        {
            **IN_GROUP,
            "identity": {"type": "UserAssigned", "userAssignedIdentities": ["$userassignedidentity.id"]},
            "primaryUserAssignedIdentity": "$userassignedidentity.id",
            "storageAccount": "$storageaccount.id",
            "keyVault": "$vault.id",
            "applicationInsights": "$component.id",
            "managedNetwork": {"isolationMode": "AllowOnlyApprovedOutbound"},
        },
        {"friendlyName": "Team"},
        name="mlw",
    ),
    Row(
        "machinelearningservices:Compute",
        {
            **IN_WORKSPACE,
            "computeName": "cpu",
            "properties": {
                "computeType": "AmlCompute",
                "properties": {
                    "vmSize": "Standard_DS3_v2",
                    "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1},
                },
            },
        },
        TAGS,
    ),
    Row(
        "machinelearningservices:Datastore",
        {
            **IN_WORKSPACE,
            "properties": {
                "datastoreType": "AzureBlob",
                "accountName": "$storageaccount.name",
                "containerName": "$blobcontainer.name",
                "credentials": {"credentialsType": "None"},
            },
        },
    ),
    Row(
        "machinelearningservices:WorkspaceConnection",
        {
            **IN_WORKSPACE,
            "properties": {
                "authType": "PAT",
                "category": "Git",
                "target": "https://github.com/a/b",
                "credentials": {"pat": "hunter2"},
            },
        },
    ),
    Row(
        "machinelearningservices:OnlineEndpoint",
        {
            **IN_WORKSPACE,
            "identity": {"type": "SystemAssigned"},
            "properties": {"authMode": "Key"},
        },
        TAGS,
    ),
    Row(
        "machinelearningservices:BatchEndpoint",
        {
            **IN_WORKSPACE,
            "identity": {"type": "SystemAssigned"},
            "properties": {"authMode": "AADToken"},
        },
        TAGS,
    ),
    Row(
        "machinelearningservices:ManagedNetworkSettingsRule",
        {
            **IN_WORKSPACE,
            "properties": {"type": "FQDN", "category": "UserDefined", "destination": "packages.example.com"},
        },
    ),
    Row(
        "machinelearningservices:Registry",
        {
            **IN_GROUP,
            "identity": {"type": "SystemAssigned"},
            "regionDetails": [
                {
                    "location": "westeurope",
                    "acrDetails": [{"systemCreatedAcrAccount": {"acrAccountSku": "Premium"}}],
                    "storageAccountDetails": [
                        {"systemCreatedStorageAccount": {"storageAccountType": "Standard_LRS"}}
                    ],
                }
            ],
        },
        TAGS,
        name="mlr",
    ),
    *_asset(
        "Data",
        {"dataType": "uri_folder"},
        {"dataType": "uri_folder", "dataUri": "https://$storageaccount.name.blob.core.windows.net/data/1"},
    ),
    *_asset(
        "Model",
        {},
        {
            "modelType": "custom_model",
            "modelUri": "https://$storageaccount.name.blob.core.windows.net/models/1",
        },
        registry_name="modelName",
    ),
    *_asset(
        "Environment",
        {},
        {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"},
        registry_name="environmentName",
    ),
    *_asset(
        "Code",
        {},
        {"codeUri": "https://$storageaccount.name.blob.core.windows.net/code/1"},
        registry_name="codeName",
    ),
    *_asset(
        "Component",
        {},
        {"componentSpec": {"name": "c", "version": "1", "type": "command", "command": "true"}},
        registry_name="componentName",
    ),
    Row(
        "machinelearningservices:FeaturestoreEntityContainerEntity",
        {**IN_WORKSPACE, "properties": DESCRIBED},
        {"properties": {"description": "after"}},
    ),
    Row(
        "machinelearningservices:FeaturestoreEntityVersion",
        {
            **IN_WORKSPACE,
            "name": "$featurestoreentitycontainerentity.name",
            "version": "1",
            "properties": {"indexColumns": [{"columnName": "id", "dataType": "String"}]},
        },
        {
            "properties": {
                "indexColumns": [{"columnName": "id", "dataType": "String"}],
                "description": "after",
            }
        },
    ),
    Row(
        "machinelearningservices:FeaturesetContainerEntity",
        {**IN_WORKSPACE, "properties": DESCRIBED},
        {"properties": {"description": "after"}},
    ),
    Row(
        "machinelearningservices:FeaturesetVersion",
        {
            **IN_WORKSPACE,
            "name": "$featuresetcontainerentity.name",
            "version": "1",
            "properties": {
                "entities": ["$featurestoreentityversion.id"],
                "specification": {"path": "azureml://datastores/datastore/paths/f/"},
            },
        },
    ),
    Row(
        "machinelearningservices:Schedule",
        {
            **IN_WORKSPACE,
            "properties": {
                "displayName": "nightly",
                "isEnabled": False,
                "trigger": {"triggerType": "Cron", "expression": "0 2 * * *"},
                "action": {
                    "actionType": "CreateJob",
                    "jobDefinition": {
                        "jobType": "Command",
                        "command": "true",
                        "environmentId": "$environmentversion.id",
                        "computeId": "$compute.id",
                    },
                },
            },
        },
    ),
    Row(
        "machinelearningservices:BatchDeployment",
        {
            **IN_WORKSPACE,
            "endpointName": "$batchendpoint.name",
            "properties": {
                "compute": "$compute.id",
                "model": {"referenceType": "Id", "assetId": "$modelversion.id"},
                "environmentId": "$environmentversion.id",
                "miniBatchSize": 5,
            },
        },
        TAGS,
    ),
    Row(
        "machinelearningservices:ServerlessEndpoint",
        {
            **IN_WORKSPACE,
            "sku": {"name": "Consumption"},
            "properties": {
                "authMode": "Key",
                "modelSettings": {"modelId": "azureml://registries/azureml-meta/models/Llama"},
            },
        },
        TAGS,
    ),
    Row(
        "machinelearningservices:MarketplaceSubscription",
        {**IN_WORKSPACE, "properties": {"modelId": "azureml://registries/azureml-meta/models/Llama"}},
    ),
    Row(
        "machinelearningservices:CapabilityHost",
        {**IN_WORKSPACE, "properties": {"capabilityHostKind": "Agents"}},
    ),
]
EVENTS = [
    Row(
        "eventgrid:SystemTopic",
        {**IN_GROUP, "source": "$mlw.id", "topicType": "Microsoft.MachineLearningServices.Workspaces"},
        TAGS,
    ),
    Row(
        "eventgrid:SystemTopicEventSubscription",
        {
            **IN_GROUP,
            "systemTopicName": "$systemtopic.name",
            **TO_QUEUE,
            "filter": {"includedEventTypes": ["Microsoft.MachineLearningServices.RunCompleted"]},
        },
        {"labels": ["a"]},
    ),
    Row("eventgrid:Topic", IN_GROUP, TAGS),
    Row("eventgrid:EventSubscription", {"scope": "$topic.id", **TO_QUEUE}, {"labels": ["a"]}),
    Row(
        "logic:Workflow",
        {
            **IN_GROUP,
            "definition": {
                "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
                "contentVersion": "1.0.0.0",
                "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}},
                "actions": {},
            },
        },
        TAGS,
    ),
    Row(
        "servicebus:Namespace",
        {**IN_GROUP, "sku": {"name": "Standard", "tier": "Standard"}},
        TAGS,
        name="bus",
    ),
    Row(
        "servicebus:Queue",
        {**IN_GROUP, "namespaceName": "$bus.name"},
        {"maxDeliveryCount": 5},
        name="busqueue",
    ),
]
CLUSTERS = [
    Row(
        "containerservice:ManagedCluster",
        {
            **IN_GROUP,
            "identity": {"type": "SystemAssigned"},
            "dnsPrefix": "aks",
            "agentPoolProfiles": [
                {"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_DS2_v2"}
            ],
        },
        TAGS,
    ),
    Row(
        "containerservice:AgentPool",
        {
            **IN_GROUP,
            "resourceName": "$managedcluster.name",
            "count": 1,
            "vmSize": "Standard_DS2_v2",
            "mode": "User",
        },
        {"count": 2},
    ),
]
