"""``/metadata/endpoints`` of Azure Resource Manager: what a client of another cloud's address asks first, without a token.

Scope: the public cloud, whose host names local Azure answers for, as a list (api-version 2019-05-01) and as one object
(2022-09-01; ``azure-native:metadataHost`` and Terraform read it). Omitted: the national clouds, other api-versions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import unsupported
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json

PATH = "/metadata/endpoints"
_LIST, _OBJECT = "2019-05-01", "2022-09-01"
_SUFFIXES = {
    "azureDataLakeStoreFileSystem": "azuredatalakestore.net",
    "acrLoginServer": "azurecr.io",
    "sqlServerHostname": "database.windows.net",
    "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
    "keyVaultDns": "vault.azure.net",
    "storage": "core.windows.net",
    "azureFrontDoorEndpointSuffix": "azurefd.net",
}
_CLOUD: Json = {
    "portal": "https://portal.azure.com",
    "authentication": {
        "loginEndpoint": "https://login.microsoftonline.com",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": "common",
        "identityProvider": "AAD",
    },
    "media": "https://rest.media.azure.net",
    "graphAudience": "https://graph.windows.net/",
    "graph": "https://graph.windows.net/",
    "name": "AzureCloud",
    "suffixes": _SUFFIXES,
    "batch": "https://batch.core.windows.net/",
    "resourceManager": "https://management.azure.com/",
    "vmImageAliasDoc": "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json",
    "activeDirectoryDataLake": "https://datalake.azure.net/",
    "sqlManagement": "https://management.core.windows.net:8443/",
    "gallery": "https://gallery.azure.com/",
}
_LATER: Json = {
    "suffixes": {
        **_SUFFIXES,
        "storageSyncEndpointSuffix": "afs.azure.net",
        "mhsmDns": "managedhsm.azure.net",
        "mysqlServerEndpoint": "mysql.database.azure.com",
        "postgresqlServerEndpoint": "postgres.database.azure.com",
        "mariadbServerEndpoint": "mariadb.database.azure.com",
        "synapseAnalytics": "dev.azuresynapse.net",
        "attestationEndpoint": "attest.azure.net",
    },
    "microsoftGraphResourceId": "https://graph.microsoft.com/",
    "appInsightsResourceId": "https://api.applicationinsights.io",
    "appInsightsTelemetryChannelResourceId": "https://dc.applicationinsights.azure.com/v2/track",
    "attestationResourceId": "https://attest.azure.net",
    "synapseAnalyticsResourceId": "https://dev.azuresynapse.net",
    "logAnalyticsResourceId": "https://api.loganalytics.io",
    "ossrDbmsResourceId": "https://ossrdbms-aad.database.windows.net",
}


async def _endpoints(_azure: Azure, call: Call) -> Answer:
    if call.api_version == _LIST:
        return Answer(200, [_CLOUD])
    if call.api_version == _OBJECT:
        return Answer(200, {**_CLOUD, **_LATER})
    raise unsupported(f"The api-version '{call.api_version}' of {PATH} (there are {_LIST} and {_OBJECT})")


ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(rf"{PATH}/?", re.IGNORECASE),
        _endpoints,
        ("GET",),
        authenticated=False,
    ),
)
