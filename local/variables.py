"""The variables that point Azure's clients at a local Azure. Pure but for reading what ``up`` noted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.settings import CLIENT_ID, SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from local.settings import LocalDir

#: Where clients look for the certificates that they trust.
BUNDLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")


def client_variables(directory: LocalDir, port: int, client_secret: str) -> dict[str, str]:
    """The variables of a client of the local Azure that listens on ``port``."""
    proxy = f"http://127.0.0.1:{port}"
    bundle = str(directory.authority / "bundle.pem")
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
        **dict.fromkeys(BUNDLES, bundle),
        "AZURE_TENANT_ID": TENANT_ID,
        "AZURE_CLIENT_ID": CLIENT_ID,
        "AZURE_CLIENT_SECRET": client_secret,
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION_ID,
        "ARM_TENANT_ID": TENANT_ID,
        "ARM_CLIENT_ID": CLIENT_ID,
        "ARM_CLIENT_SECRET": client_secret,
        "ARM_SUBSCRIPTION_ID": SUBSCRIPTION_ID,
        "AZURE_CONFIG_DIR": str(directory.root / "azure-config"),
    }


def stack_variables(directory: LocalDir) -> dict[str, str]:
    """What ``up`` noted about the stack it deployed."""
    try:
        found = json.loads(directory.stack.read_text())
    except (OSError, ValueError):
        return {}
    names = {"AZURE_RESOURCE_GROUP": "resourceGroup", "AZURE_WORKSPACE_NAME": "workspace"}
    if not isinstance(found, dict):
        return {}
    return {name: str(found[key]) for name, key in names.items() if found.get(key)}
