"""What azure-native's generator decides by itself, in neither the SDK nor Azure's published types. Pure.

As in pulumi-azure-native ``provider/pkg``: ``openapi/discover``'s AutoNamer, ``gen/replacement.go``, ``gen/propertyDefaults.go``,
``openapi/defaults``, ``resources/customresources``.
"""

from __future__ import annotations

import re
from typing import Any, Literal

Json = dict[str, Any]

#: Module → ARM namespace, where it isn't ``Microsoft.`` and the module's name.
NAMESPACES = {
    "applicationinsights": "Microsoft.Insights",
    "monitor": "Microsoft.Insights",
    "privatedns": "Microsoft.Network",
    "redis": "Microsoft.Cache",
    "redisenterprise": "Microsoft.Cache",
    "cosmosdb": "Microsoft.DocumentDB",
    "deviceregistry": "Microsoft.DeviceRegistry",
    "dns": "Microsoft.Network",
    "frontdoor": "Microsoft.Network",
    "trafficmanager": "Microsoft.Network",
}
#: Published type of a token whose path has a parameter instead of a type.
ARM_TYPES = {"azure-native:privatedns:PrivateRecordSet": "Microsoft.Network/privateDnsZones/A"}
#: Inputs besides the path's that replace, by token; ``location`` of everything that has one goes without saying.
REPLACING: dict[str, tuple[str, ...]] = {
    "azure-native:applicationinsights:Component": ("applicationType",),
    "azure-native:authorization:RoleAssignment": ("principalId",),
    "azure-native:containerservice:AgentPool": ("gpuInstanceProfile", "vmSize"),
    "azure-native:containerservice:ManagedCluster": (
        "diskEncryptionSetID",
        "dnsPrefix",
        "fqdnSubdomain",
        "linuxProfile",
        "networkProfile.dnsServiceIP",
        "networkProfile.networkDataplane",
        "networkProfile.networkMode",
        "networkProfile.networkPlugin",
        "networkProfile.networkPluginMode",
        "networkProfile.networkPolicy",
        "networkProfile.outboundType",
        "networkProfile.podCidr",
        "networkProfile.serviceCidr",
        "networkProfile.serviceCidrs",
        "nodeResourceGroup",
        "windowsProfile",
    ),
    "azure-native:network:PrivateEndpoint": ("subnet",),
    "azure-native:network:PublicIPAddress": ("publicIPAddressVersion", "publicIPPrefix", "sku"),
    "azure-native:servicebus:Queue": ("requiresDuplicateDetection", "requiresSession", "enablePartitioning"),
    "azure-native:servicebus:Topic": ("requiresDuplicateDetection", "requiresSession", "enablePartitioning"),
    "azure-native:storage:StorageAccount": ("isHnsEnabled",),
}
#: Types whose location the specification doesn't call create-only: Azure refuses the change itself.
MOVABLE = frozenset(
    (
        "azure-native:authorization:PolicyAssignment",
        "azure-native:machinelearningservices:Compute",
        "azure-native:machinelearningservices:PrivateEndpointConnection",
        "azure-native:machinelearningservices:Workspace",
        "azure-native:machinelearningservices:WorkspaceConnection",
    )
)
#: What always exists, with what a delete puts back.
SINGLETONS: dict[str, Json] = {
    "azure-native:eventhub:NamespaceNetworkRuleSet": {
        "defaultAction": "Deny",
        "publicNetworkAccess": "Disabled",
    },
    "azure-native:keyvault:Key": {},
    "azure-native:keyvault:Secret": {},
    "azure-native:security:DefenderForStorage": {
        "isEnabled": False,
        "overrideSubscriptionLevelSettings": True,
    },
    "azure-native:servicebus:NamespaceNetworkRuleSet": {"defaultAction": "Deny"},
    "azure-native:storage:BlobServiceProperties": {},
    "azure-native:storage:EncryptionScope": {"state": "Disabled"},
    "azure-native:storage:FileServiceProperties": {},
    "azure-native:storage:QueueServiceProperties": {},
    "azure-native:storage:TableServiceProperties": {},
}
#: What is sent for an input that the program removed (azure-native's property defaults).
RESTORED = {
    "azure-native:storage:StorageAccount": {
        "networkRuleSet": {
            "bypass": "AzureServices",
            "defaultAction": "Allow",
            "ipRules": [],
            "virtualNetworkRules": [],
        }
    }
}
#: SDK names that aren't the wire's (``x-ms-client-name``): by token or nested type, without ``Response``.
RENAMED: dict[str, dict[str, str]] = {
    "applicationinsights:HeaderField": {"headerFieldName": "key", "headerFieldValue": "value"},
    "applicationinsights:WebTestGeolocation": {"location": "Id"},
    "azure-native:applicationinsights:WebTest": {
        "webTestKind": "properties/Kind",
        "webTestName": "properties/Name",
    },
    "azure-native:authorization:RoleDefinition": {"roleType": "properties/type"},
    "azure-native:operationalinsights:DataExport": {
        "eventHubName": "properties/destination/metaData/eventHubName"
    },
    "azure-native:operationalinsights:Query": {"properties": "properties/properties"},
    "azure-native:storage:StorageAccount": {
        "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
        "enableNfsV3": "isNfsV3Enabled",
        "networkRuleSet": "networkAcls",
    },
    "containerregistry:IPRule": {"iPAddressOrRange": "value"},
    "keyvault:KeyAttributes": {"expires": "exp", "notBefore": "nbf"},
    "keyvault:SecretAttributes": {"expires": "exp", "notBefore": "nbf"},
    "storage:Encryption": {"encryptionIdentity": "identity"},
    "storage:EncryptionIdentity": {
        "encryptionFederatedIdentityClientId": "federatedIdentityClientId",
        "encryptionUserAssignedIdentity": "userAssignedIdentity",
    },
    "storage:IPRule": {"iPAddressOrRange": "value"},
    "storage:VirtualNetworkRule": {"virtualNetworkResourceId": "id"},
}
#: Inputs that travel in the query.
QUERY = {
    "azure-native:machinelearningservices:Datastore": {"skipValidation": "skipValidation"},
    "azure-native:network:VirtualNetworkPeering": {"syncRemoteAddressSpace": "syncRemoteAddressSpace"},
    "azure-native:storage:FileShare": {"expand": "$expand"},
}

#: Functions whose arguments have other names on the wire.
UNLIKE = frozenset(
    ("azure-native:storage:listStorageAccountSAS", "azure-native:storage:listStorageAccountServiceSAS")
)

_WHOLE = ("scope", "resourceUri", "resourceId", "scopeId")


def auto_name(path: str) -> tuple[str, Literal["random", "copy", "uuid"]] | None:
    """The path parameter that is auto-named, and how; None where the path ends in a fixed name."""
    match = re.search(r"{(\w+)}$", path)
    if match is None:
        return None
    name = match[1]
    if name in ("endpointName", "customDomainName"):
        return name, "random"
    if name in ("roleAssignmentName", "roleDefinitionId"):
        return name, "uuid"
    parts = path.lower().split("microsoft.")
    return name, "random" if len(parts) == 1 or parts[-1].count("{") == 1 else "copy"


def arm_type(path: str) -> str:
    """``Microsoft.Network/virtualNetworks/subnets`` of a path."""
    namespace, *parts = path.rsplit("/providers/", maxsplit=1)[-1].split("/")
    return (
        "/".join((namespace, *parts[::2])) if "/providers/" in path else "Microsoft.Resources/resourceGroups"
    )


def singular(word: str) -> str:
    """``policies`` → ``policy``."""
    for ending, single in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss"):
            return word.removesuffix(ending) + single
    return word


def path(arm_type: str, names: dict[str, bool], fixed: str | None = None) -> str | None:
    """The path of a type whose path parameters (and whether they are required) are ``names``; None if they don't fit.

    ``fixed`` is the only name that Azure allows, if there is one (``default``).
    """
    left = dict(names)
    prefix = next(("/{" + name + "}" for name in _WHOLE if name in left), None)
    if prefix is not None:
        left.pop(prefix[2:-1])
    elif "resourceGroupName" in left:
        left.pop("resourceGroupName")
        prefix = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
    elif "managementGroupId" in left:
        left.pop("managementGroupId")
        prefix = "/providers/Microsoft.Management/managementGroups/{managementGroupId}"
    else:
        prefix = "/subscriptions/{subscriptionId}"
    namespace, *segments = arm_type.split("/")
    found: list[str] = []
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        name = _parameter(segment, left, last=last, only=len(left) == len(segments) - position)
        if name is not None:
            left.pop(name)
            found.append(f"/{segment}/{{{name}}}")
        elif (last and fixed is not None) or (not last and segment.lower().endswith("services")):
            found.append(f"/{segment}/{fixed if last else 'default'}")
        else:
            return None
    return f"{prefix}/providers/{namespace}{''.join(found)}" if not left else None


def _parameter(segment: str, names: dict[str, bool], *, last: bool, only: bool) -> str | None:
    word = singular(segment.lower())
    for name in names:
        stem = re.sub("(name|id)$", "", name.lower())
        if stem == word or (stem and (word.endswith(stem) or stem.endswith(word))):
            return name
    if last:
        optional = [name for name, required in names.items() if not required]
        return optional[0] if len(optional) == 1 else next(iter(names), None) if len(names) == 1 else None
    required = [name for name, needed in names.items() if needed]
    return required[0] if only and len(required) == 1 else None
