"""The least that makes a resource of each type: for parents, and for what an example refers to without showing it.

A type that isn't here is made from a documented PUT of the replayed folder, else from ``{"location", "properties"}``.
``$group`` is the id of the resource group that the resource is in, ``$subscription`` the subscription's, ``$tenant`` the
tenant's GUID, ``$number`` a number from 1 to 250 that follows from the resource's name: an id below them is made first, as every id in a body is.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_IN = {"location": "westeurope"}
_NET = "$group/providers/Microsoft.Network"
#: An event subscription to a queue, the destination that needs nobody to answer.
_TO_QUEUE: Json = {
    "properties": {
        "destination": {
            "endpointType": "StorageQueue",
            "properties": {
                "resourceId": "$group/providers/Microsoft.Storage/storageAccounts/replaystorage",
                "queueName": "replay",
            },
        }
    }
}

MINIMAL: dict[str, Json] = {
    "Microsoft.Resources/resourceGroups": _IN,
    "Microsoft.Authorization/policyDefinitions": {
        "properties": {
            "mode": "All",
            "displayName": "Replayed",
            "policyRule": {"if": {"field": "location", "equals": "nowhere"}, "then": {"effect": "audit"}},
            "parameters": {
                name: {"type": "String", "defaultValue": ""} for name in ("allowedSkus", "prefix", "suffix")
            },
        }
    },
    "Microsoft.Authorization/policyAssignments": {
        "properties": {
            "policyDefinitionId": "$subscription/providers/Microsoft.Authorization/policyDefinitions/replay"
        }
    },
    "Microsoft.Authorization/roleDefinitions": {
        "properties": {
            "roleName": "Replayed",
            "description": "A role",
            "type": "CustomRole",
            "assignableScopes": ["$subscription"],
            "permissions": [
                {"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}
            ],
        }
    },
    "Microsoft.ContainerRegistry/registries": {
        **_IN,
        "sku": {"name": "Premium"},
        "properties": {"adminUserEnabled": True},
    },
    "Microsoft.ContainerRegistry/registries/cacheRules": {
        "properties": {
            "sourceRepository": "docker.io/library/hello-world",
            "targetRepository": "cached/hello-world",
        }
    },
    "Microsoft.ContainerRegistry/registries/credentialSets": {
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "loginServer": "docker.io",
            "authCredentials": [
                {
                    "name": "Credential1",
                    "usernameSecretIdentifier": "https://replay-vault.vault.azure.net/secrets/username",
                    "passwordSecretIdentifier": "https://replay-vault.vault.azure.net/secrets/password",
                }
            ],
        },
    },
    "Microsoft.ContainerRegistry/registries/replications": {"location": "northeurope", "properties": {}},
    "Microsoft.ContainerRegistry/registries/scopeMaps": {
        "properties": {"actions": ["repositories/replay/content/read"]}
    },
    "Microsoft.ContainerRegistry/registries/webhooks": {
        **_IN,
        "properties": {
            "serviceUri": "http://replay.example",
            "customHeaders": {"Authorization": "replayed"},
            "actions": ["push"],
        },
    },
    "Microsoft.ContainerRegistry/registries/tokens": {
        "properties": {
            "scopeMapId": "$group/providers/Microsoft.ContainerRegistry/registries/replayRegistry/scopeMaps/replay",
            "status": "enabled",
        }
    },
    "Microsoft.Authorization/variables": {"properties": {"columns": [{"columnName": "replay"}]}},
    "Microsoft.EventGrid/eventSubscriptions": _TO_QUEUE,
    "Microsoft.EventGrid/topics/eventSubscriptions": _TO_QUEUE,
    "Microsoft.EventGrid/domains/eventSubscriptions": _TO_QUEUE,
    "Microsoft.EventGrid/domains/topics/eventSubscriptions": _TO_QUEUE,
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": _TO_QUEUE,
    "Microsoft.EventGrid/systemTopics": {
        **_IN,
        "properties": {
            "source": "$group/providers/Microsoft.Storage/storageAccounts/replaystorage",
            "topicType": "Microsoft.Storage.StorageAccounts",
        },
    },
    "Microsoft.Insights/actionGroups": {
        "location": "global",
        "properties": {"enabled": True, "groupShortName": "replay"},
    },
    "Microsoft.Insights/components": {
        **_IN,
        "kind": "web",
        "properties": {
            "Application_Type": "web",
            "WorkspaceResourceId": "$group/providers/Microsoft.OperationalInsights/workspaces/replay-logs",
        },
    },
    "Microsoft.Insights/workbooks": {
        **_IN,
        "kind": "shared",
        "properties": {"displayName": "Replayed", "category": "workbook", "serializedData": "{}"},
    },
    "Microsoft.KeyVault/vaults": {
        **_IN,
        "properties": {
            "tenantId": "$tenant",
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "accessPolicies": [],
        },
    },
    "Microsoft.Logic/workflows": {
        **_IN,
        "properties": {
            "state": "Enabled",
            "definition": {
                "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
                "contentVersion": "1.0.0.0",
                "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}},
                "actions": {"HTTP": {"type": "Compose", "inputs": "replayed", "runAfter": {}}},
            },
        },
    },
    "Microsoft.MachineLearningServices/workspaces": {
        **_IN,
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "storageAccount": "$group/providers/Microsoft.Storage/storageAccounts/replaystorage",
            "keyVault": "$group/providers/Microsoft.KeyVault/vaults/replay-vault",
            "applicationInsights": "$group/providers/Microsoft.Insights/components/replay-insights",
        },
    },
    "Microsoft.MachineLearningServices/workspaces/computes": {
        **_IN,
        "properties": {
            "computeType": "AmlCompute",
            "properties": {
                "vmSize": "Standard_DS3_v2",
                "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1},
            },
        },
    },
    "Microsoft.MachineLearningServices/workspaces/codes/versions": {
        "properties": {
            "codeUri": "https://replaystorage.blob.core.windows.net/replay/code",
            "isAnonymous": False,
        }
    },
    "Microsoft.MachineLearningServices/workspaces/environments/versions": {
        "properties": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"}
    },
    "Microsoft.MachineLearningServices/workspaces/models/versions": {
        "properties": {
            "modelUri": "azureml://datastores/workspaceblobstore/paths/model",
            "modelType": "custom_model",
        }
    },
    "Microsoft.MachineLearningServices/workspaces/data/versions": {
        "properties": {
            "dataType": "uri_folder",
            "dataUri": "azureml://datastores/workspaceblobstore/paths/data",
        }
    },
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints": {
        **_IN,
        "kind": "Managed",
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key"},
    },
    "Microsoft.MachineLearningServices/workspaces/batchEndpoints": {
        **_IN,
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "AADToken"},
    },
    "Microsoft.ManagedIdentity/userAssignedIdentities": _IN,
    "Microsoft.Network/loadBalancers": {**_IN, "sku": {"name": "Standard"}, "properties": {}},
    "Microsoft.Network/networkInterfaces": {
        **_IN,
        "properties": {
            "ipConfigurations": [
                {
                    "name": "replay",
                    "properties": {"subnet": {"id": f"{_NET}/virtualNetworks/replay-vnet/subnets/default"}},
                }
            ]
        },
    },
    "Microsoft.Network/publicIPPrefixes": {
        **_IN,
        "sku": {"name": "Standard"},
        "properties": {"prefixLength": 30},
    },
    "Microsoft.Network/firewallPolicies/ruleCollectionGroups": {
        "properties": {"priority": 100, "ruleCollections": []}
    },
    "Microsoft.Network/networkSecurityGroups": {**_IN, "properties": {}},
    "Microsoft.Network/privateDnsZones": {"location": "global", "properties": {}},
    "Microsoft.Network/privateEndpoints": {
        **_IN,
        "properties": {
            "subnet": {"id": f"{_NET}/virtualNetworks/replay-vnet/subnets/default"},
            "privateLinkServiceConnections": [
                {
                    "name": "replay",
                    "properties": {
                        "groupIds": ["blob"],
                        "privateLinkServiceId": "$group/providers/Microsoft.Storage/storageAccounts/replaystorage",
                    },
                }
            ],
        },
    },
    "Microsoft.Network/privateLinkServices": {
        **_IN,
        "properties": {
            "fqdns": ["one.replay.example", "two.replay.example", "three.replay.example"],
            "ipConfigurations": [
                {
                    "name": "replay",
                    "properties": {"subnet": {"id": f"{_NET}/virtualNetworks/replay-vnet/subnets/service"}},
                }
            ],
            "loadBalancerFrontendIpConfigurations": [
                {"id": f"{_NET}/loadBalancers/replay-balancer/frontendIPConfigurations/replay"}
            ],
        },
    },
    "Microsoft.Network/publicIPAddresses": {
        **_IN,
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    },
    "Microsoft.Network/natGateways": {**_IN, "sku": {"name": "Standard"}, "properties": {}},
    "Microsoft.Network/virtualNetworks": {
        **_IN,
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]}
        },
    },
    "Microsoft.Network/virtualNetworks/subnets": {
        "properties": {
            "addressPrefix": "10.$number.0.0/24",
            "privateLinkServiceNetworkPolicies": "Disabled",
        }
    },
    "Microsoft.OperationalInsights/workspaces/dataExports": {
        "properties": {
            "tableNames": ["Heartbeat"],
            "destination": {"resourceId": "$group/providers/Microsoft.Storage/storageAccounts/replaystorage"},
        }
    },
    "Microsoft.OperationalInsights/workspaces/dataSources": {"kind": "CustomLog", "properties": {}},
    "Microsoft.OperationalInsights/workspaces/linkedServices": {
        "properties": {
            "resourceId": "$group/providers/Microsoft.Automation/automationAccounts/replay",
        }
    },
    "Microsoft.OperationalInsights/workspaces/linkedStorageAccounts": {
        "properties": {
            "storageAccountIds": ["$group/providers/Microsoft.Storage/storageAccounts/replaystorage"]
        }
    },
    "Microsoft.OperationalInsights/workspaces/savedSearches": {
        "properties": {"category": "Replayed", "displayName": "Replayed", "query": "Heartbeat | take 1"}
    },
    "Microsoft.OperationalInsights/workspaces/storageInsightConfigs": {
        "properties": {
            "storageAccount": {
                "id": "$group/providers/Microsoft.Storage/storageAccounts/replaystorage",
                "key": "replay",
            }
        }
    },
    "Microsoft.OperationalInsights/workspaces/tables": {
        "properties": {"schema": {"columns": [{"name": "TimeGenerated", "type": "dateTime"}]}}
    },
    "Microsoft.OperationalInsights/queryPacks": {**_IN, "properties": {}},
    "Microsoft.OperationalInsights/queryPacks/queries": {
        "properties": {"displayName": "Replayed", "body": "Heartbeat | take 1"}
    },
    "Microsoft.OperationalInsights/workspaces": {**_IN, "properties": {"sku": {"name": "PerGB2018"}}},
    "Microsoft.KeyVault/vaults/keys": {"properties": {"kty": "RSA"}},
    "Microsoft.KeyVault/vaults/secrets": {"properties": {"value": "replayed"}},
    "Microsoft.Storage/storageAccounts": {
        **_IN,
        "kind": "StorageV2",
        "sku": {"name": "Standard_GRS"},
        "properties": {"allowBlobPublicAccess": True},
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {"properties": {}},
    "Microsoft.Storage/storageAccounts/queueServices/queues": {"properties": {}},
    "Microsoft.Storage/storageAccounts/fileServices/shares": {"properties": {}},
    "Microsoft.Insights/myWorkbooks": {
        **_IN,
        "kind": "user",
        "properties": {
            "displayName": "Replayed",
            "serializedData": "{}",
            "category": "workbook",
            "sourceId": "$group",
        },
    },
    "Microsoft.Insights/webtests": {
        **_IN,
        "kind": "ping",
        "properties": {
            "SyntheticMonitorId": "replayed",
            "Name": "replayed",
            "Kind": "ping",
            "Locations": [{"Id": "us-fl-mia-edge"}],
            "Configuration": {"WebTest": "<WebTest />"},
        },
    },
    "Microsoft.Network/serviceEndpointPolicies/serviceEndpointPolicyDefinitions": {
        "properties": {
            "service": "Microsoft.Storage",
            "description": "Replayed",
            "serviceResources": [
                "$subscription",
                "$group",
                "$group/providers/Microsoft.Storage/storageAccounts/replaystorage",
            ],
        }
    },
    "Microsoft.Storage/storageAccounts/localUsers": {
        "properties": {
            "groupId": 2000,
            "homeDirectory": "home",
            "permissionScopes": [{"permissions": "r", "service": "file", "resourceName": "share"}],
            "sshAuthorizedKeys": [{"description": "key", "key": "ssh-rsa keykeykeykeykey="}],
        }
    },
}
#: What makes a resource of a type that isn't above.
ANYTHING: Json = {**_IN, "properties": {}}
