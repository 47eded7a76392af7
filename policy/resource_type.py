"""The resource types that policies name."""

from __future__ import annotations

WORKSPACE = "azure-native:machinelearningservices:Workspace"
COMPUTE = "azure-native:machinelearningservices:Compute"
DATASTORE = "azure-native:machinelearningservices:Datastore"
STORAGE_ACCOUNT = "azure-native:storage:StorageAccount"
BLOB_CONTAINER = "azure-native:storage:BlobContainer"
VAULT = "azure-native:keyvault:Vault"
VAULT_SECRET = "azure-native:keyvault:Secret"  # noqa: S105 (a type)
REGISTRY = "azure-native:containerregistry:Registry"
SECURITY_GROUP = "azure-native:network:NetworkSecurityGroup"
PRIVATE_ENDPOINT = "azure-native:network:PrivateEndpoint"
DIAGNOSTIC_SETTING = "azure-native:monitor:DiagnosticSetting"
TOPIC = "azure-native:eventgrid:Topic"
SYSTEM_TOPIC = "azure-native:eventgrid:SystemTopic"
EVENT_SUBSCRIPTION = "azure-native:eventgrid:EventSubscription"
SYSTEM_TOPIC_SUBSCRIPTION = "azure-native:eventgrid:SystemTopicEventSubscription"
WORKFLOW = "azure-native:logic:Workflow"

#: The dynamic resources of ``ml/``, and azure-native's own of the same kind.
ONLINE_ENDPOINT = "pulumi-python:dynamic/ml:OnlineEndpoint"
NATIVE_ONLINE_ENDPOINT = "azure-native:machinelearningservices:OnlineEndpoint"
