"""What `environment()` says in a template: the endpoints of the public cloud, which local Azure answers for."""

from __future__ import annotations

from typing import Any

ENVIRONMENT: dict[str, Any] = {
    "name": "AzureCloud",
    "portal": "https://portal.azure.com",
    "resourceManager": "https://management.azure.com/",
    "authentication": {
        "loginEndpoint": "https://login.microsoftonline.com",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": "common",
        "identityProvider": "AAD",
    },
    "graph": "https://graph.microsoft.com/",
    "suffixes": {
        "acrLoginServer": ".azurecr.io",
        "azureDatalakeStoreFileSystem": "azuredatalakestore.net",
        "keyvaultDns": ".vault.azure.net",
        "sqlServerHostname": ".database.windows.net",
        "storage": "core.windows.net",
    },
}
