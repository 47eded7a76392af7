"""The least of more types (``minimal.py`` says how they are written): what governs and watches others, and parts of networks.

Without them an example could be replayed only beside a documented PUT of its type.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_IN = {"location": "westeurope"}
_GLOBAL = {"location": "global"}
_NET = "$group/providers/Microsoft.Network"
_ACCOUNT = "$group/providers/Microsoft.Storage/storageAccounts/replaystorage"
_DEFINITIONS = "$subscription/providers/Microsoft.Authorization"
#: "Reader", by its name in every tenant.
_READER = f"{_DEFINITIONS}/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
_TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [],
}

FURTHER: dict[str, Json] = {
    "Microsoft.Authorization/locks": {"properties": {"level": "CanNotDelete"}},
    "Microsoft.Authorization/policySetDefinitions": {
        "properties": {
            "displayName": "Replayed",
            "policyDefinitions": [
                {
                    "policyDefinitionId": f"{_DEFINITIONS}/policyDefinitions/replay",
                    "policyDefinitionReferenceId": "replay",
                }
            ],
        }
    },
    "Microsoft.Authorization/policyExemptions": {
        "properties": {
            "policyAssignmentId": f"{_DEFINITIONS}/policyAssignments/replay",
            "exemptionCategory": "Waiver",
        }
    },
    "Microsoft.Authorization/roleAssignments": {
        "properties": {
            "roleDefinitionId": _READER,
            "principalId": "7ec3b000-0000-4000-8000-0000000000ee",
            "principalType": "ServicePrincipal",
        }
    },
    "Microsoft.Authorization/variables/values": {
        "properties": {"values": [{"columnName": "replay", "columnValue": "replayed"}]}
    },
    "Microsoft.Consumption/budgets": {
        "properties": {
            "category": "Cost",
            "amount": 100,
            "timeGrain": "Monthly",
            "timePeriod": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2030-01-01T00:00:00Z"},
        }
    },
    "Microsoft.ContainerService/managedClusters": {
        **_IN,
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "dnsPrefix": "replay",
            "agentPoolProfiles": [
                {"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_DS2_v2"}
            ],
        },
    },
    "Microsoft.Insights/activityLogAlerts": {
        **_GLOBAL,
        "properties": {
            "scopes": ["$subscription"],
            "condition": {"allOf": [{"field": "category", "equals": "Administrative"}]},
            "actions": {"actionGroups": []},
        },
    },
    "Microsoft.Insights/autoscaleSettings": {
        **_IN,
        "properties": {
            "enabled": False,
            "targetResourceUri": "$group/providers/Microsoft.Compute/virtualMachineScaleSets/replay",
            "profiles": [
                {"name": "replay", "capacity": {"minimum": "1", "maximum": "2", "default": "1"}, "rules": []}
            ],
        },
    },
    "Microsoft.Insights/diagnosticSettings": {
        "properties": {"storageAccountId": _ACCOUNT, "logs": [], "metrics": []}
    },
    "Microsoft.Insights/logProfiles": {
        **_IN,
        "properties": {
            "locations": ["global"],
            "categories": ["Write"],
            "retentionPolicy": {"enabled": True, "days": 3},
            "storageAccountId": _ACCOUNT,
        },
    },
    "Microsoft.Insights/metricAlerts": {
        **_GLOBAL,
        "properties": {
            "severity": 3,
            "enabled": True,
            "scopes": [_ACCOUNT],
            "evaluationFrequency": "PT1M",
            "windowSize": "PT5M",
            "criteria": {
                "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                "allOf": [
                    {
                        "criterionType": "StaticThresholdCriterion",
                        "name": "replay",
                        "metricName": "Transactions",
                        "operator": "GreaterThan",
                        "threshold": 1,
                        "timeAggregation": "Total",
                        "dimensions": [],
                    }
                ],
            },
            "actions": [],
        },
    },
    "Microsoft.Insights/privateLinkScopes/scopedResources": {
        "properties": {
            "linkedResourceId": "$group/providers/Microsoft.OperationalInsights/workspaces/replay-logs"
        }
    },
    "Microsoft.Insights/scheduledQueryRules": {
        **_IN,
        "properties": {
            "scopes": ["$group/providers/Microsoft.OperationalInsights/workspaces/replay-logs"],
            "severity": 3,
            "evaluationFrequency": "PT5M",
            "windowSize": "PT5M",
            "criteria": {
                "allOf": [
                    {
                        "query": "Heartbeat",
                        "timeAggregation": "Count",
                        "operator": "GreaterThan",
                        "threshold": 1,
                    }
                ]
            },
        },
    },
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": {
        "properties": {
            "issuer": "https://replay.example",
            "subject": "replayed",
            "audiences": ["api://AzureADTokenExchange"],
        }
    },
    "Microsoft.Network/bastionHosts": {
        **_IN,
        "properties": {
            "ipConfigurations": [
                {
                    "name": "replay",
                    "properties": {
                        "subnet": {"id": f"{_NET}/virtualNetworks/replay-vnet/subnets/AzureBastionSubnet"},
                        "publicIPAddress": {"id": f"{_NET}/publicIPAddresses/replay-bastion-ip"},
                    },
                }
            ]
        },
    },
    "Microsoft.Network/firewallPolicies/ruleCollectionGroups/ruleCollectionGroupDrafts": {
        "properties": {"priority": 100, "ruleCollections": []}
    },
    "Microsoft.Network/localNetworkGateways": {
        **_IN,
        "properties": {
            "gatewayIpAddress": "11.12.13.14",
            "localNetworkAddressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
        },
    },
    "Microsoft.Network/networkSecurityGroups/securityRules": {
        "properties": {
            "access": "Allow",
            "direction": "Inbound",
            "priority": 100,
            "protocol": "*",
            "sourceAddressPrefix": "*",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": "443",
        }
    },
    "Microsoft.Network/networkWatchers/flowLogs": {
        **_IN,
        "properties": {
            "targetResourceId": f"{_NET}/networkSecurityGroups/replay-nsg",
            "storageId": _ACCOUNT,
            "enabled": True,
        },
    },
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": {
        **_GLOBAL,
        "properties": {
            "virtualNetwork": {"id": f"{_NET}/virtualNetworks/replay-vnet"},
            "registrationEnabled": False,
        },
    },
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": {
        "properties": {
            "privateDnsZoneConfigs": [
                {
                    "name": "replay",
                    "properties": {
                        "privateDnsZoneId": f"{_NET}/privateDnsZones/privatelink.blob.core.windows.net"
                    },
                }
            ]
        }
    },
    "Microsoft.Network/routeTables/routes": {
        "properties": {"addressPrefix": "10.0.0.0/16", "nextHopType": "VnetLocal"}
    },
    "Microsoft.Network/virtualNetworkTaps": {
        **_IN,
        "properties": {
            "destinationNetworkInterfaceIPConfiguration": {
                "id": f"{_NET}/networkInterfaces/replay-nic/ipConfigurations/replay"
            }
        },
    },
    "Microsoft.Network/virtualNetworks/virtualNetworkPeerings": {
        "properties": {"remoteVirtualNetwork": {"id": f"{_NET}/virtualNetworks/replay-remote"}}
    },
    "Microsoft.Storage/storageAccounts/managementPolicies": {
        "properties": {
            "policy": {
                "rules": [
                    {
                        "enabled": True,
                        "name": "replay",
                        "type": "Lifecycle",
                        "definition": {
                            "filters": {"blobTypes": ["blockBlob"]},
                            "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 1000}}},
                        },
                    }
                ]
            }
        }
    },
    "Microsoft.Storage/storageAccounts/inventoryPolicies": {
        "properties": {
            "policy": {
                "enabled": True,
                "type": "Inventory",
                "rules": [
                    {
                        "enabled": True,
                        "name": "replay",
                        "destination": "replay",
                        "definition": {
                            "format": "Csv",
                            "schedule": "Daily",
                            "objectType": "Container",
                            "schemaFields": ["Name"],
                        },
                    }
                ],
            }
        }
    },
    "Microsoft.Resources/deployments": {"properties": {"mode": "Incremental", "template": _TEMPLATE}},
}
