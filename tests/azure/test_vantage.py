"""Private resources answer whom a private endpoint leads to them, and whom their firewall lets in; nobody else."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests
from running_azure import LocalAzure, unique

from local.azure.access import vantage
from local.settings import REPOSITORY, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORK = "2024-05-01"
ZONES = "2024-06-01"
STORAGE = "2024-01-01"


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


def network(azure: LocalAzure, group: str, space: str) -> str:
    path = f"{group}/providers/Microsoft.Network/virtualNetworks/{unique('vnet-')}"
    subnet = {"name": "endpoints", "properties": {"addressPrefix": space}}
    properties = {"addressSpace": {"addressPrefixes": [space]}, "subnets": [subnet]}
    azure.put(path, {"location": "westeurope", "properties": properties}, api_version=NETWORK)
    return path


def endpoint(azure: LocalAzure, group: str, vnet: str, target: str, kind: str) -> str:
    path = f"{group}/providers/Microsoft.Network/privateEndpoints/{unique('pe-')}"
    connection = {"name": "c", "properties": {"privateLinkServiceId": target, "groupIds": [kind]}}
    properties = {
        "subnet": {"id": f"{vnet}/subnets/endpoints"},
        "privateLinkServiceConnections": [connection],
    }
    azure.put(path, {"location": "westeurope", "properties": properties}, api_version=NETWORK)
    return path


def zone(azure: LocalAzure, group: str, name: str, endpoint_id: str) -> str:
    path = f"{group}/providers/Microsoft.Network/privateDnsZones/{name}"
    azure.put(path, {"location": "global", "properties": {}}, api_version=ZONES)
    config = {"name": "z", "properties": {"privateDnsZoneId": path}}
    azure.put(
        f"{endpoint_id}/privateDnsZoneGroups/default",
        {"properties": {"privateDnsZoneConfigs": [config]}},
        api_version=NETWORK,
    )
    return path


def link(azure: LocalAzure, zone_id: str, vnet: str) -> None:
    body = {
        "location": "global",
        "properties": {"virtualNetwork": {"id": vnet}, "registrationEnabled": False},
    }
    azure.put(f"{zone_id}/virtualNetworkLinks/{unique('link-')}", body, api_version=ZONES)


def session(azure: LocalAzure, how: str = "", place: str = "") -> requests.Session:
    """A client whose requests come from a place."""
    made = requests.Session()
    made.trust_env = False
    made.verify = azure.env["REQUESTS_CA_BUNDLE"]
    plain = azure.env["HTTPS_PROXY"]
    made.proxies = {"https": vantage.proxy_address(azure.port, how, place) if how else plain}
    return made


def blobs(azure: LocalAzure, account: str) -> Callable[..., tuple[int, str]]:
    """Lists the containers of an account, from a place; the status and the error's code."""
    headers = {
        "Authorization": f"Bearer {azure.token('https://storage.azure.com/.default')}",
        "x-ms-version": "2024-08-04",
    }

    def ask(how: str = "", place: str = "") -> tuple[int, str]:
        with session(azure, how, place) as client:
            url = f"https://{account}.blob.core.windows.net/?comp=list"
            answer = client.get(url, headers=headers, timeout=30)
        return answer.status_code, answer.headers.get("x-ms-error-code", "")

    return ask


def test_a_private_account_answers_where_its_endpoint_is_and_its_name_resolves(
    local_azure: LocalAzure, group: str
) -> None:
    name = unique("st")
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    body: dict[str, Any] = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"publicNetworkAccess": "Disabled"},
    }
    local_azure.put(account, body, api_version=STORAGE)
    ask = blobs(local_azure, name)
    kept_out = (403, "AuthorizationFailure")
    home, spoke, other = (network(local_azure, group, f"10.{number}.0.0/24") for number in (1, 2, 3))
    assert ask() == kept_out
    assert ask("inside", home) == kept_out
    private = endpoint(local_azure, group, home, account, "blob")
    # Without a private zone the name is the public one.
    assert ask("inside", home) == kept_out
    dns = zone(local_azure, group, "privatelink.blob.core.windows.net", private)
    assert ask("inside", home) == kept_out
    link(local_azure, dns, home)
    assert ask("inside", home)[0] == 200
    # Another network has no way to the endpoint, until it is peered; and needs the zone as well.
    assert ask("inside", other) == kept_out
    link(local_azure, dns, spoke)
    assert ask("inside", spoke) == kept_out
    for one, remote in ((spoke, home), (home, spoke)):
        peering = {"properties": {"remoteVirtualNetwork": {"id": remote}, "allowVirtualNetworkAccess": True}}
        local_azure.put(f"{one}/virtualNetworkPeerings/{unique('p-')}", peering, api_version=NETWORK)
    assert ask("inside", spoke)[0] == 200
    assert ask() == kept_out


def test_a_firewall_lets_in_the_addresses_and_networks_of_its_rules(
    local_azure: LocalAzure, group: str
) -> None:
    name, home = unique("st"), network(local_azure, group, "10.9.0.0/24")
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    rules = {
        "defaultAction": "Deny",
        "bypass": "AzureServices",
        "ipRules": [{"value": "203.0.113.0/24", "action": "Allow"}],
        "virtualNetworkRules": [{"id": f"{home}/subnets/endpoints", "action": "Allow"}],
    }
    body = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"networkAcls": rules},
    }
    local_azure.put(account, body, api_version=STORAGE)
    ask = blobs(local_azure, name)
    assert ask()[0] == 403
    assert ask("from", "203.0.113.7")[0] == 200
    assert ask("from", "198.51.100.1")[0] == 403
    assert ask("inside", home)[0] == 200


def test_a_private_vault_says_how_it_is_closed(local_azure: LocalAzure, group: str) -> None:
    name, home = unique("kv-"), network(local_azure, group, "10.8.0.0/24")
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
    properties = {
        "tenantId": TENANT_ID,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "publicNetworkAccess": "Disabled",
    }
    local_azure.put(vault, {"location": "westeurope", "properties": properties}, api_version="2024-11-01")
    headers = {"Authorization": f"Bearer {local_azure.token('https://vault.azure.net/.default')}"}
    url = f"https://{name}.vault.azure.net/secrets?api-version=7.5"
    refused = session(local_azure).get(url, headers=headers, timeout=30)
    assert refused.status_code == 403
    assert refused.json()["error"]["innererror"]["code"] == "ForbiddenByConnection"
    private = endpoint(local_azure, group, home, vault, "vault")
    link(local_azure, zone(local_azure, group, "privatelink.vaultcore.azure.net", private), home)
    assert session(local_azure, "inside", home).get(url, headers=headers, timeout=30).status_code == 200


def test_a_shell_can_be_inside_a_network_or_at_an_address(local_azure: LocalAzure, group: str) -> None:
    home = network(local_azure, group, "10.7.0.0/24")

    def env(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local", "env", "--json", *arguments],
            cwd=REPOSITORY,
            env=local_azure.env,
            capture_output=True,
            text=True,
            check=False,
        )

    proxy = json.loads(env("--inside", home.rsplit("/", 1)[1]).stdout)["HTTPS_PROXY"]
    assert proxy == vantage.proxy_address(local_azure.port, "inside", home)
    wrong = env("--inside", "vnet-nowhere")
    assert wrong.returncode == 1
    assert "There is no virtual network 'vnet-nowhere'" in wrong.stderr
    assert "is no address" in env("--from", "here").stderr
