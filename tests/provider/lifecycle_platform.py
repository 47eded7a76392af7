"""What a platform stands on, one resource of each type: groups, rights, storage, vaults, monitoring, networks."""

from __future__ import annotations

from lifecycle_row import IN_ACCOUNT, IN_GROUP, IN_NETWORK, IN_VAULT, TAGS, Row

from local.settings import SUBSCRIPTION_ID

READER = f"/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"

GROUND = [
    Row("resources:ResourceGroup", TAGS, {"tags": {"team": "ops"}}),
    Row("managedidentity:UserAssignedIdentity", IN_GROUP, TAGS),
    Row(
        "managedidentity:FederatedIdentityCredential",
        {
            **IN_GROUP,
            "resourceName": "$userassignedidentity.name",
            "issuer": "https://token.actions.githubusercontent.com",
            "subject": "repo:a/b:ref:refs/heads/main",
            "audiences": ["api://AzureADTokenExchange"],
        },
        {"subject": "repo:a/b:environment:prod"},
    ),
    Row(
        "authorization:RoleAssignment",
        {
            "scope": "$resourcegroup.id",
            "principalId": "$userassignedidentity.principalId",
            "principalType": "ServicePrincipal",
            "roleDefinitionId": READER,
        },
    ),
    Row(
        "authorization:RoleDefinition",
        {
            "scope": "$resourcegroup.id",
            "roleName": "Lifecycle reader",
            "roleType": "CustomRole",
            "assignableScopes": ["$resourcegroup.id"],
            "permissions": [{"actions": ["*/read"]}],
        },
        {"description": "reads"},
    ),
    Row(
        "authorization:PolicyDefinition",
        {
            "displayName": "Nothing nowhere",
            "mode": "All",
            "policyRule": {"if": {"field": "location", "equals": "nowhere"}, "then": {"effect": "audit"}},
        },
        {"displayName": "Nothing at all"},
    ),
    Row(
        "authorization:PolicyAssignment",
        {"scope": "$resourcegroup.id", "policyDefinitionId": "$policydefinition.id"},
        {"displayName": "Nothing here"},
    ),
    Row(
        "consumption:Budget",
        {
            "scope": "$resourcegroup.id",
            "category": "Cost",
            "amount": 100,
            "timeGrain": "Monthly",
            "timePeriod": {"startDate": "2026-11-01T00:00:00Z", "endDate": "2027-11-01T00:00:00Z"},
        },
        {"amount": 200},
    ),
]
STORAGE = [
    Row(
        "storage:StorageAccount",
        {**IN_GROUP, **TAGS, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
        {"minimumTlsVersion": "TLS1_2"},
        name="storageaccount",
    ),
    Row(
        "storage:BlobServiceProperties",
        {**IN_ACCOUNT, "blobServicesName": "default", "isVersioningEnabled": True},
        {"deleteRetentionPolicy": {"enabled": True, "days": 7}},
    ),
    Row(
        "storage:FileServiceProperties",
        {
            **IN_ACCOUNT,
            "fileServicesName": "default",
            "shareDeleteRetentionPolicy": {"enabled": True, "days": 7},
        },
        {"shareDeleteRetentionPolicy": {"enabled": True, "days": 9}},
    ),
    Row("storage:BlobContainer", {**IN_ACCOUNT, "publicAccess": "None"}, {"metadata": {"a": "b"}}),
    Row("storage:FileShare", IN_ACCOUNT, {"shareQuota": 10}),
    Row("storage:Queue", IN_ACCOUNT, {"metadata": {"a": "b"}}),
    Row("storage:Table", IN_ACCOUNT),
    Row(
        "storage:ManagementPolicy",
        {
            **IN_ACCOUNT,
            "managementPolicyName": "default",
            "policy": {
                "rules": [
                    {
                        "name": "tidy",
                        "type": "Lifecycle",
                        "enabled": True,
                        "definition": {
                            "filters": {"blobTypes": ["blockBlob"]},
                            "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}},
                        },
                    }
                ]
            },
        },
    ),
    Row(
        "keyvault:Vault",
        {
            **IN_GROUP,
            "properties": {
                "tenantId": "$tenant",
                "sku": {"family": "A", "name": "standard"},
                "enableRbacAuthorization": True,
            },
        },
        TAGS,
    ),
    Row("keyvault:Secret", {**IN_VAULT, "properties": {"value": "hunter2"}}, TAGS),
    # a PUT of a key that is there changes nothing
    Row("keyvault:Key", {**IN_VAULT, "properties": {"kty": "RSA", "keySize": 2048}}),
    Row(
        "containerregistry:Registry",
        {**IN_GROUP, "sku": {"name": "Premium"}, "adminUserEnabled": True},
        TAGS,
        name="acr",
    ),
]
OBSERVING = [
    Row("operationalinsights:Workspace", {**IN_GROUP, "sku": {"name": "PerGB2018"}}, TAGS, name="logs"),
    Row(
        "applicationinsights:Component",
        {**IN_GROUP, "kind": "web", "applicationType": "web", "workspaceResourceId": "$logs.id"},
        TAGS,
    ),
    Row(
        "monitor:ActionGroup",
        {**IN_GROUP, "location": "global", "groupShortName": "team", "enabled": True},
        {"groupShortName": "ops"},
    ),
    Row(
        "monitor:MetricAlert",
        {
            **IN_GROUP,
            "location": "global",
            "enabled": True,
            "severity": 2,
            "scopes": ["$storageaccount.id"],
            "evaluationFrequency": "PT5M",
            "windowSize": "PT15M",
            "criteria": {
                "odataType": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                "allOf": [
                    {
                        "criterionType": "StaticThresholdCriterion",
                        "name": "slow",
                        "metricName": "SuccessE2ELatency",
                        "operator": "GreaterThan",
                        "threshold": 100,
                        "timeAggregation": "Average",
                    }
                ],
            },
        },
        {"severity": 3},
    ),
    Row(
        "monitor:ScheduledQueryRule",
        {
            **IN_GROUP,
            "enabled": True,
            "severity": 3,
            "scopes": ["$logs.id"],
            "evaluationFrequency": "PT5M",
            "windowSize": "PT5M",
            "criteria": {
                "allOf": [
                    {
                        "query": "AppRequests | summarize Count = count()",
                        "operator": "GreaterThan",
                        "threshold": 0,
                        "timeAggregation": "Count",
                    }
                ]
            },
        },
        {"severity": 2},
    ),
    Row(
        "monitor:ActivityLogAlert",
        {
            **IN_GROUP,
            "location": "global",
            "scopes": ["$resourcegroup.id"],
            "condition": {"allOf": [{"field": "category", "equals": "Administrative"}]},
            "actions": {"actionGroups": [{"actionGroupId": "$actiongroup.id"}]},
        },
        {"description": "who did it"},
    ),
    Row(
        "monitor:DiagnosticSetting",
        {
            "resourceUri": "$vault.id",
            "workspaceId": "$logs.id",
            "logs": [{"category": "AuditEvent", "enabled": True}],
        },
        {"metrics": [{"category": "AllMetrics", "enabled": True}]},
    ),
    Row("portal:Dashboard", {**IN_GROUP, **TAGS}, {"tags": {"team": "ops"}}),
]
NETWORK = [
    Row("network:NetworkSecurityGroup", IN_GROUP, TAGS),
    Row("network:RouteTable", IN_GROUP, TAGS),
    Row(
        "network:VirtualNetwork",
        {**IN_GROUP, "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}},
        TAGS,
    ),
    Row(
        "network:Subnet",
        {
            **IN_NETWORK,
            "addressPrefix": "10.0.0.0/24",
            "networkSecurityGroup": {"id": "$networksecuritygroup.id"},
        },
        {"serviceEndpoints": [{"service": "Microsoft.Storage"}]},
    ),
    Row(
        "network:Subnet",
        {**IN_NETWORK, "addressPrefix": "10.0.1.0/26"},
        name="AzureFirewallSubnet",
    ),
    Row(
        "network:PublicIPAddress",
        {**IN_GROUP, "sku": {"name": "Standard"}, "publicIPAllocationMethod": "Static"},
        TAGS,
    ),
    Row(
        "network:PublicIPAddress",
        {**IN_GROUP, "sku": {"name": "Standard"}, "publicIPAllocationMethod": "Static"},
        name="egress",
    ),
    Row(
        "network:NatGateway",
        {**IN_GROUP, "sku": {"name": "Standard"}, "publicIpAddresses": [{"id": "$egress.id"}]},
        {"idleTimeoutInMinutes": 10},
    ),
    Row("network:FirewallPolicy", {**IN_GROUP, "sku": {"tier": "Standard"}}, {"threatIntelMode": "Deny"}),
    Row(
        "network:AzureFirewall",
        {
            **IN_GROUP,
            "sku": {"name": "AZFW_VNet", "tier": "Standard"},
            "firewallPolicy": {"id": "$firewallpolicy.id"},
            "ipConfigurations": [
                {
                    "name": "public",
                    "subnet": {"id": "$AzureFirewallSubnet.id"},
                    "publicIPAddress": {"id": "$publicipaddress.id"},
                }
            ],
        },
        TAGS,
    ),
    Row(
        "privatedns:PrivateZone",
        {**IN_GROUP, "location": "global", "privateZoneName": "privatelink.vaultcore.azure.net"},
        TAGS,
    ),
    Row(
        "privatedns:VirtualNetworkLink",
        {
            **IN_GROUP,
            "location": "global",
            "privateZoneName": "$privatezone.name",
            "registrationEnabled": False,
            "virtualNetwork": {"id": "$virtualnetwork.id"},
        },
        TAGS,
    ),
    Row(
        "network:PrivateEndpoint",
        {
            **IN_GROUP,
            "subnet": {"id": "$subnet.id"},
            "privateLinkServiceConnections": [
                {"name": "vault", "privateLinkServiceId": "$vault.id", "groupIds": ["vault"]}
            ],
        },
        TAGS,
    ),
    Row(
        "network:PrivateDnsZoneGroup",
        {
            **IN_GROUP,
            "privateEndpointName": "$privateendpoint.name",
            "privateDnsZoneConfigs": [{"name": "vault", "privateDnsZoneId": "$privatezone.id"}],
        },
    ),
]
