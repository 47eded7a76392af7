"""What Machine Learning's examples need that no other provider's do: the least that makes its resources, and placeholders.

Its documentation is generated: ``string`` for every text, two kinds of identities in one resource, accounts that Azure
names itself given by the caller. ``fitted`` makes of such a body one that Azure would take, in request and answer alike.
"""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]
_IN: Json = {"location": "westeurope"}
_ML = "Microsoft.MachineLearningServices"
_VERSIONS: dict[str, Json] = {
    "codes": {"codeUri": "https://replaystorage.blob.core.windows.net/replay/code"},
    "components": {
        "componentSpec": {
            "name": "replay",
            "version": "1",
            "type": "command",
            "command": "true",
            "environment": "azureml:replay:1",
        }
    },
    "data": {"dataType": "uri_folder", "dataUri": "https://replaystorage.blob.core.windows.net/replay/data"},
    "environments": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"},
    "models": {
        "modelType": "custom_model",
        "modelUri": "https://replaystorage.blob.core.windows.net/replay/model",
    },
}
#: The least that makes a resource, by type.
MINIMAL: dict[str, Json] = {
    f"{_ML}/workspaces": {
        **_IN,
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "storageAccount": "$group/providers/Microsoft.Storage/storageAccounts/replaystorage",
            "keyVault": "$group/providers/Microsoft.KeyVault/vaults/replay-vault",
            "applicationInsights": "$group/providers/Microsoft.Insights/components/replay-insights",
            "containerRegistry": "$group/providers/Microsoft.ContainerRegistry/registries/replayregistry",
            "managedNetwork": {"isolationMode": "AllowOnlyApprovedOutbound"},
        },
    },
    f"{_ML}/workspaces/computes": {
        **_IN,
        "properties": {
            "computeType": "AmlCompute",
            "properties": {
                "vmSize": "Standard_DS3_v2",
                "scaleSettings": {"minNodeCount": 1, "maxNodeCount": 1},
            },
        },
    },
    f"{_ML}/registries": {**_IN, "properties": {"regionDetails": [{"location": "westeurope"}]}},
    **{
        f"{_ML}/{scope}/{kind}": {"properties": {}}
        for scope in ("workspaces", "registries")
        for kind in ("codes", "components", "data", "environments", "models")
    },
    **{
        f"{_ML}/{scope}/{kind}/versions": {"properties": properties}
        for scope in ("workspaces", "registries")
        for kind, properties in _VERSIONS.items()
    },
    f"{_ML}/workspaces/datastores": {
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": "replaystorage",
            "containerName": "replay",
            "credentials": {
                "credentialsType": "AccountKey",
                "secrets": {"secretsType": "AccountKey", "key": "cmVwbGF5"},
            },
        }
    },
    f"{_ML}/workspaces/marketplaceSubscriptions": {
        "properties": {"modelId": "azureml://registries/azureml/models/replay"}
    },
    f"{_ML}/workspaces/capabilityHosts": {"properties": {"capabilityHostKind": "Agents"}},
    f"{_ML}/workspaces/outboundRules": {"properties": {"type": "FQDN", "destination": "example.com"}},
    f"{_ML}/workspaces/featurestoreEntities": {"properties": {}},
    f"{_ML}/workspaces/featuresets": {"properties": {}},
    f"{_ML}/workspaces/batchEndpoints/deployments": {
        **_IN,
        "properties": {"compute": "$workspace/computes/replay"},
    },
    f"{_ML}/workspaces/connections": {
        "properties": {
            "authType": "AccessKey",
            "category": "CustomKeys",
            "target": "replay",
            "credentials": {"accessKeyId": "replay", "secretAccessKey": "replay"},
            "expiryTime": "2030-01-01T00:00:00Z",
            "metadata": {},
        }
    },
    f"{_ML}/workspaces/featurestoreEntities/versions": {
        "properties": {"indexColumns": [{"columnName": "id", "dataType": "String"}]}
    },
    f"{_ML}/workspaces/featuresets/versions": {
        "properties": {"entities": [], "specification": {"path": "replay"}}
    },
    f"{_ML}/workspaces/jobs": {
        "properties": {
            "jobType": "Command",
            "command": "true",
            "environmentId": "$workspace/environments/replay/versions/1",
        }
    },
    f"{_ML}/workspaces/onlineEndpoints/deployments": {
        **_IN,
        "properties": {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2"},
    },
    f"{_ML}/workspaces/serverlessEndpoints": {
        **_IN,
        "properties": {"modelSettings": {"modelId": "azureml://registries/azureml/models/replay"}},
    },
    f"{_ML}/workspaces/schedules": {
        "properties": {
            "isEnabled": False,
            "action": {"actionType": "InvokeBatchEndpoint", "endpointInvocationDefinition": {"replay": 1}},
            "trigger": {"triggerType": "Cron", "expression": "0 12 * * *"},
        }
    },
    "Microsoft.ContainerRegistry/registries": {
        **_IN,
        "sku": {"name": "Premium"},
        "properties": {"adminUserEnabled": True},
    },
}
#: What a caller of an older version may send that the program's version doesn't know, by type.
WRITABLE: dict[str, Any] = {
    # What a machine makes of its interface: here there are none, and what says so is kept.
    "microsoft.network/networkinterfaces": {"properties": {"primary": None}},
    # Besides the resource's own name it has another.
    "microsoft.insights/webtests": {"properties": {"Name": None}},
    "microsoft.machinelearningservices/registries": {
        "properties": {
            "regionDetails": {
                "acrDetails": {"userCreatedAcrAccount": None},
                "storageAccountDetails": {"userCreatedStorageAccount": None},
            }
        }
    },
}
#: What of a compute an action is for, where it is one kind only.
_INSTANCE: Json = {
    **_IN,
    "properties": {"computeType": "ComputeInstance", "properties": {"vmSize": "Standard_DS3_v2"}},
}
_OF_INSTANCES = re.compile(
    r"/computes/[^/]+/(?:start|stop|restart|resize|updateIdleShutdownSetting)$", re.IGNORECASE
)
_SCOPE = re.compile(
    r"(?P<subscription>/subscriptions/[^/]+)(?P<group>/resourceGroups/[^/]+)?"
    r"/providers/Microsoft\.MachineLearningServices/(?P<kind>workspaces|registries)(?:/[^/]+)?",
    re.IGNORECASE,
)
_IDENTITY = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/replay"
#: By key, what ``string`` becomes.
_TEXTS = {
    "assetId": "$scope/models/replay/versions/1",
    "entities": "$scope/featurestoreEntities/replay/versions/1",
    "expression": "0 12 * * *",
    "location": "westeurope",
    "path": "azureml://datastores/workspaceblobstore/paths/replay",
    "registryName": "replay-registry",
}
_CONTENT = ("codeUri", "dataUri", "modelUri")
#: What Azure computes, though the documentation lets a caller send it.
_COMPUTED = ("discoveryUrl", "mlFlowRegistryUri", "managedResourceGroup", "marketplaceSubscriptionId")


def _group(found: re.Match[str]) -> str:
    """The group that a path is in; a list of a whole subscription shows what is in one of the replay's."""
    return f"{found['subscription']}{found['group'] or '/resourceGroups/replay'}"


def needed(path: str) -> list[tuple[str, Json | None]]:
    """What an action needs besides what it is for: ids, and bodies where the least of their type doesn't do."""
    found = _SCOPE.match(path)
    if found is None:
        return []
    if path.lower().endswith("/token"):
        return [(path.rpartition("/")[0], {**_IN, "properties": {"authMode": "AMLToken"}})]
    if re.search(r"/computes/[^/]+/listKeys$", path, re.IGNORECASE):
        return [(path.rpartition("/")[0], {**_IN, "properties": {"computeType": "AKS"}})]
    if path.lower().endswith("/publish"):
        return [(f"{_group(found)}/providers/{_ML}/registries/replay-registry", None)]
    return [(path.rpartition("/")[0], _INSTANCE)] if _OF_INSTANCES.search(path) else []


def before(method: str, path: str) -> list[tuple[str, str]]:
    """What else a request comes after: a job has to end before it can be deleted."""
    return [("POST", f"{path}/cancel")] if method == "DELETE" and re.search(r"/jobs/[^/]+$", path) else []


def fitted(value: Any, path: str, key: str = "") -> Any:
    """A body of one of Machine Learning's examples, request or answer, as Azure would take and answer it."""
    found = _SCOPE.match(path)
    if found is None:
        return value
    if isinstance(value, list):
        # A diagnosis lists what is wrong, and here nothing is.
        return [] if path.lower().endswith("/diagnose") else [fitted(item, path, key) for item in value]
    if key == "isEnabled" and path.lower().endswith("/schedules"):
        # Lists of schedules show what is on.
        return True
    if isinstance(value, dict):
        return _object(value, path, key, found)
    if value == "test-subnet-resource-id":
        return f"{_group(found)}/providers/Microsoft.Network/virtualNetworks/replay-vnet/subnets/default"
    if key in _CONTENT and found["kind"].lower() == "registries" and "://" in str(value):
        # A registry has no datastores.
        return "https://replaystorage.blob.core.windows.net/replay/content"
    if value != "string":
        return value
    return _TEXTS[key].replace("$scope", found[0]) if key in _TEXTS else value


def _object(value: Json, path: str, key: str, found: re.Match[str]) -> Any:
    if key == "userAssignedIdentities":
        return {
            f"{_group(found)}{_IDENTITY}" if name == "string" else name: one for name, one in value.items()
        }
    if key == "traffic" and "string" in value:
        # Nothing is there yet that could have traffic.
        return {}
    for account, kind in (
        ("userCreatedStorageAccount", "Microsoft.Storage/storageAccounts/replaystorage"),
        ("userCreatedAcrAccount", "Microsoft.ContainerRegistry/registries/replayregistry"),
    ):
        if key == account:
            return {"armResourceId": {"resourceId": f"{_group(found)}/providers/{kind}"}}
    made = {
        name: fitted(one, path, name) for name, one in value.items() if not _left_out(name, one, path, key)
    }
    if key == "identity" and made.get("userAssignedIdentities"):
        return {**made, "type": "SystemAssigned,UserAssigned"}
    return made


def _left_out(name: str, value: Any, path: str, key: str) -> bool:
    if name in _COMPUTED and (value == "string" or isinstance(value, dict)):
        return True
    if name == "credentials" and "/connections/" in path and not path.lower().endswith("/listsecrets"):
        # The documentation shows secrets that Azure never answers.
        return True
    if name == "armResourceId" and key.startswith("systemCreated"):
        return True
    if name == "deploymentName" and value == "string":
        # No deployment is there yet that could be the default.
        return True
    # A Kubernetes cluster's; the rest is a managed endpoint's.
    return (
        name == "compute"
        and str(value).endswith("/computes/replay")
        and "/onlineendpoints/" in f"{path.lower()}/"
    )
