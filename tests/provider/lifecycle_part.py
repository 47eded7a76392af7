"""What belongs to a platform's resources, one of each type: rules, routes, parts of registries, workspaces and accounts."""

from __future__ import annotations

from lifecycle_row import IN_ACCOUNT, IN_GROUP, IN_NETWORK, TAGS, TO_QUEUE, Json, Row

IN_ACR: Json = {**IN_GROUP, "registryName": "$acr.name"}
IN_LOGS: Json = {**IN_GROUP, "workspaceName": "$logs.name"}
PRIVATE: Json = {"ingestionAccessMode": "Open", "queryAccessMode": "Open"}

RULES = [
    Row(
        "network:SecurityRule",
        {
            **IN_GROUP,
            "networkSecurityGroupName": "$networksecuritygroup.name",
            "access": "Allow",
            "direction": "Inbound",
            "priority": 100,
            "protocol": "Tcp",
            "sourceAddressPrefix": "BatchNodeManagement",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": "29876-29877",
        },
        {"priority": 110},
    ),
    Row(
        "network:Route",
        {
            **IN_GROUP,
            "routeTableName": "$routetable.name",
            "addressPrefix": "0.0.0.0/0",
            "nextHopType": "Internet",
        },
        {"addressPrefix": "10.9.0.0/16"},
    ),
    Row(
        "network:FirewallPolicyRuleCollectionGroup",
        {
            **IN_GROUP,
            "firewallPolicyName": "$firewallpolicy.name",
            "priority": 200,
            "ruleCollections": [
                {
                    "ruleCollectionType": "FirewallPolicyFilterRuleCollection",
                    "name": "out",
                    "priority": 100,
                    "action": {"type": "Allow"},
                    "rules": [
                        {
                            "ruleType": "NetworkRule",
                            "name": "entra",
                            "ipProtocols": ["TCP"],
                            "sourceAddresses": ["10.0.0.0/16"],
                            "destinationAddresses": ["AzureActiveDirectory"],
                            "destinationPorts": ["443"],
                        },
                        {
                            "ruleType": "ApplicationRule",
                            "name": "packages",
                            "sourceAddresses": ["10.0.0.0/16"],
                            "protocols": [{"protocolType": "Https", "port": 443}],
                            "targetFqdns": ["packages.example.com"],
                        },
                    ],
                }
            ],
        },
        {"priority": 300},
    ),
    Row(
        "network:VirtualNetwork",
        {**IN_GROUP, "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}},
        name="hub",
    ),
    Row(
        "network:VirtualNetworkPeering",
        {**IN_NETWORK, "remoteVirtualNetwork": {"id": "$hub.id"}, "allowVirtualNetworkAccess": True},
        {"allowForwardedTraffic": True},
    ),
    Row(
        "network:Subnet",
        {**IN_GROUP, "virtualNetworkName": "$hub.name", "addressPrefix": "10.1.0.0/26"},
        name="AzureBastionSubnet",
    ),
    Row(
        "network:PublicIPAddress",
        {**IN_GROUP, "sku": {"name": "Standard"}, "publicIPAllocationMethod": "Static"},
        name="bastionip",
    ),
    Row(
        "network:BastionHost",
        {
            **IN_GROUP,
            "sku": {"name": "Standard"},
            "ipConfigurations": [
                {
                    "name": "bastion",
                    "subnet": {"id": "$AzureBastionSubnet.id"},
                    "publicIPAddress": {"id": "$bastionip.id"},
                }
            ],
        },
        TAGS,
    ),
    Row("network:ApplicationSecurityGroup", IN_GROUP, TAGS),
    Row("network:DdosProtectionPlan", IN_GROUP, TAGS),
    Row("network:IpGroup", {**IN_GROUP, "ipAddresses": ["10.0.0.0/24"]}, {"ipAddresses": ["10.0.1.0/24"]}),
    Row("network:PublicIPPrefix", {**IN_GROUP, "sku": {"name": "Standard"}, "prefixLength": 30}, TAGS),
    Row("network:ServiceEndpointPolicy", IN_GROUP, TAGS),
    Row(
        "network:NetworkInterface",
        {**IN_GROUP, "ipConfigurations": [{"name": "one", "subnet": {"id": "$subnet.id"}}]},
        TAGS,
    ),
    Row(
        "privatedns:PrivateRecordSet",
        {
            **IN_GROUP,
            "privateZoneName": "$privatezone.name",
            "recordType": "A",
            "ttl": 300,
            "aRecords": [{"ipv4Address": "10.0.0.9"}],
        },
        {"ttl": 600},
    ),
    Row(
        "authorization:PolicySetDefinition",
        {
            "displayName": "Nothing",
            "policyDefinitions": [
                {"policyDefinitionId": "$policydefinition.id", "policyDefinitionReferenceId": "a"}
            ],
        },
        {"displayName": "Nothing at all"},
    ),
    Row(
        "authorization:PolicyExemption",
        {
            "scope": "$resourcegroup.id",
            "exemptionCategory": "Waiver",
            "policyAssignmentId": "$policyassignment.id",
        },
        {"description": "for now"},
    ),
]
STORED = [
    Row(
        "storage:QueueServiceProperties",
        {**IN_ACCOUNT, "queueServiceName": "default", "cors": {"corsRules": []}},
    ),
    Row(
        "storage:TableServiceProperties",
        {**IN_ACCOUNT, "tableServiceName": "default", "cors": {"corsRules": []}},
    ),
    Row("storage:EncryptionScope", {**IN_ACCOUNT, "source": "Microsoft.Storage"}, {"state": "Enabled"}),
    Row(
        "storage:BlobInventoryPolicy",
        {
            **IN_ACCOUNT,
            "blobInventoryPolicyName": "default",
            "policy": {
                "enabled": True,
                "type": "Inventory",
                "rules": [
                    {
                        "name": "all",
                        "enabled": True,
                        "destination": "$blobcontainer.name",
                        "definition": {
                            "format": "Csv",
                            "objectType": "Container",
                            "schedule": "Weekly",
                            "schemaFields": ["Name"],
                        },
                    }
                ],
            },
        },
    ),
    Row(
        "containerregistry:ScopeMap",
        {**IN_ACR, "actions": ["repositories/a/content/read"]},
        {"description": "reads a"},
    ),
    Row(
        "containerregistry:Token",
        {**IN_ACR, "scopeMapId": "$scopemap.id", "status": "enabled"},
        {"status": "disabled"},
    ),
    Row(
        "containerregistry:Replication",
        {**IN_ACR, "location": "northeurope", "replicationName": "northeurope"},
        TAGS,
    ),
    Row(
        "containerregistry:Webhook",
        {**IN_ACR, "webhookName": "pushed", "actions": ["push"], "serviceUri": "https://example.com/hook"},
        TAGS,
    ),
    Row(
        "containerregistry:CacheRule",
        {**IN_ACR, "sourceRepository": "mcr.microsoft.com/azureml/curated", "targetRepository": "curated"},
    ),
]
WATCHED = [
    Row(
        "applicationinsights:Workbook",
        {
            **IN_GROUP,
            "resourceName": "0e3f1ab2-7c4d-4c5e-9a3b-1f2e3d4c5b6a",
            "category": "workbook",
            "displayName": "Models",
            "kind": "shared",
            "serializedData": '{"version":"Notebook/1.0","items":[]}',
            "sourceId": "$logs.id",
        },
        TAGS,
    ),
    Row(
        "operationalinsights:SavedSearch",
        {**IN_LOGS, "category": "c", "displayName": "d", "query": "Heartbeat"},
        {"query": "Usage"},
    ),
    Row(
        "operationalinsights:Table",
        {
            **IN_LOGS,
            "tableName": "Drift_CL",
            "schema": {"name": "Drift_CL", "columns": [{"name": "TimeGenerated", "type": "dateTime"}]},
        },
        {"retentionInDays": 30},
        name="logtable",
    ),
    Row("operationalinsights:QueryPack", IN_GROUP, TAGS),
    Row("monitor:AzureMonitorWorkspace", IN_GROUP, TAGS),
    Row("monitor:DataCollectionEndpoint", IN_GROUP, TAGS),
    Row("monitor:PrivateLinkScope", {**IN_GROUP, "location": "global", "accessModeSettings": PRIVATE}, TAGS),
    Row(
        "monitor:PrivateLinkScopedResource",
        {**IN_GROUP, "scopeName": "$privatelinkscope.name", "linkedResourceId": "$logs.id"},
    ),
    Row("eventgrid:Domain", IN_GROUP, TAGS),
    Row("eventgrid:DomainTopic", {**IN_GROUP, "domainName": "$domain.name"}),
    Row(
        "eventgrid:TopicEventSubscription",
        {**IN_GROUP, "topicName": "$topic.name", **TO_QUEUE},
        {"labels": ["a"]},
    ),
    Row("redis:Redis", {**IN_GROUP, "sku": {"name": "Basic", "family": "C", "capacity": 0}}, TAGS),
]
