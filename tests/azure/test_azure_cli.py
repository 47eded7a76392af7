"""Requests as the Azure CLI sends them: what it does otherwise than the SDKs; and itself, where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import ARM, LocalAzure, unique

from local.principal import GRAPH, Client
from local.service import ServiceError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


def test_a_resource_may_have_the_place_of_its_parent_left_empty(local_azure: LocalAzure, group: str):
    name = unique("id-")
    path = f"{group}/providers/Microsoft.ManagedIdentity//userAssignedIdentities/{name}"
    local_azure.put(path, {"location": "westeurope"}, api_version="2023-01-31")
    status, _, found = local_azure.arm("GET", path.replace("//user", "/user"), api_version="2023-01-31")
    assert (status, found["name"]) == (200, name)


def test_times_of_the_activity_log_may_be_without_quotes(local_azure: LocalAzure, group: str):
    hour = timedelta(hours=1)
    now = datetime.now(UTC).replace(tzinfo=None)

    def events(since: datetime, until: datetime) -> list[Any]:
        terms = f"eventTimestamp ge {since.isoformat()} and eventTimestamp le {until.isoformat()}"
        path = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
        query = f"$filter={terms} and resourceGroupName eq '{group.rsplit('/', 1)[1]}'"
        status, _, found = local_azure.arm("GET", f"{path}?{query}", api_version="2015-04-01")
        assert status == 200, found
        return found["value"]

    assert events(now - hour, now + hour)
    assert not events(now - 2 * hour, now - hour)


def test_an_applications_passwords_are_named_and_removed(local_azure: LocalAzure):
    client = Client(local_azure.dir)
    made = client.call("POST", f"{GRAPH}/applications", {"displayName": unique("app-")})
    assert (made["passwordCredentials"], made["keyCredentials"]) == ([], [])
    path = f"{GRAPH}/applications/{made['id']}"
    added = client.call("POST", f"{path}/addPassword", {"passwordCredential": {"displayName": "rbac"}})
    (kept,) = client.call("GET", path)["passwordCredentials"]
    assert kept["keyId"] == added["keyId"]
    assert added["secretText"] not in json.dumps(kept)
    client.call("POST", f"{path}/removePassword", {"keyId": kept["keyId"]})
    assert client.call("GET", path)["passwordCredentials"] == []
    with pytest.raises(ServiceError, match="No password credential"):
        client.call("POST", f"{path}/removePassword", {"keyId": kept["keyId"]})


def test_no_managed_hsm_is_deleted(local_azure: LocalAzure):
    path = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.KeyVault/deletedManagedHSMs"
    assert local_azure.arm("GET", path, api_version="2023-07-01")[::2] == (200, {"value": []})


@pytest.mark.skipif(shutil.which("az") is None, reason="the Azure CLI (az) is not on PATH")
def test_the_cli_signs_in_and_manages_what_a_group_holds(local_azure: LocalAzure, tmp_path: Path):
    env = local_azure.env
    environment = {
        **os.environ,
        **env,
        "AZURE_CONFIG_DIR": str(tmp_path),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
    }

    def az(*words: str) -> Any:
        done = subprocess.run(
            ["az", *words, "-o", "json"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    client, secret = env["AZURE_CLIENT_ID"], env["AZURE_CLIENT_SECRET"]
    az("login", "--service-principal", "-u", client, "-p", secret, "--tenant", env["AZURE_TENANT_ID"])
    name, vault = unique("rg-"), unique("kv-")
    group = az("group", "create", "-n", name, "-l", "westeurope")["id"]
    assert az("keyvault", "create", "-g", name, "-n", vault, "-l", "westeurope")["name"] == vault
    az("keyvault", "secret", "set", "--vault-name", vault, "-n", "one", "--value", "two")
    assert az("keyvault", "secret", "show", "--vault-name", vault, "-n", "one")["value"] == "two"
    made = az("ad", "sp", "create-for-rbac", "-n", unique("sp-"), "--role", "Reader", "--scopes", group)
    assert az("role", "assignment", "list", "--scope", group, "--assignee", made["appId"])
    assert az("rest", "--url", f"{ARM}{group}?api-version=2024-03-01")["name"] == name
    az("group", "delete", "-n", name, "--yes")
