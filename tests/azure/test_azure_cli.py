"""Requests as the Azure CLI sends them: what it does otherwise than the SDKs; and itself, where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from azure.identity import AzureCliCredential
from conftest import point_at
from running_azure import ARM, LocalAzure, unique

from local.principal import GRAPH, Client
from local.service import ServiceError
from local.settings import PRINCIPAL_ID, LocalDir

#: An environment of its own: the CLI wants other versions of what the SDKs are made of.
VERSION = "2.91.0"


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with ``az``: the one on PATH, else from its package, installed once and kept with the other tools."""
    found = shutil.which("az")
    if found is not None:
        return Path(found).parent
    folder = LocalDir(tmp_path_factory.mktemp("none")).tools / f"azure-cli-{VERSION}"
    done, uv = folder / ".installed", str(Path(sys.executable).with_name("uv"))
    if not done.exists():
        python = ("--python", str(folder / "bin" / "python"))
        for words in (
            ("venv", "--clear", "--quiet", "--python", sys.executable, str(folder)),
            ("pip", "install", "--quiet", *python, f"azure-cli=={VERSION}"),
        ):
            ran = subprocess.run([uv, *words], capture_output=True, text=True, check=False, timeout=240)
            if ran.returncode != 0:
                pytest.skip(
                    f"the Azure CLI is not on PATH and can't be installed: {ran.stderr.strip()[-300:]}"
                )
        done.touch()
    return folder / "bin"


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


def test_the_cli_signs_in_and_manages_what_a_group_holds(
    local_azure: LocalAzure, cli: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    env = local_azure.env
    environment = {
        **os.environ,
        **env,
        "PATH": f"{cli}{os.pathsep}{os.environ['PATH']}",
        "AZURE_CONFIG_DIR": str(tmp_path),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
    }

    def az(*words: str) -> Any:
        done = subprocess.run(
            [str(cli / "az"), *words, "-o", "json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
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
    registry = az("acr", "create", "-g", name, "-n", unique("cr"), "--sku", "Basic")
    network = az("network", "vnet", "create", "-g", name, "-n", "vnet", "--subnet-name", "one")["newVNet"]
    assert {one["id"] for one in az("resource", "list", "-g", name)} >= {registry["id"], network["id"]}
    topic = ("-g", name, "-n", unique("topic-"), "-l", "westeurope", "--source", registry["id"])
    made = az(
        "eventgrid",
        "system-topic",
        "create",
        *topic,
        "--topic-type",
        "Microsoft.ContainerRegistry.Registries",
    )
    assert made["source"] == registry["id"]
    assert az("monitor", "activity-log", "list", "-g", name, "--max-events", "1")
    az("group", "delete", "-n", name, "--yes")

    # Who signed in there is who azure-identity finds.
    point_at(local_azure, monkeypatch)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", environment["PATH"])
    with AzureCliCredential(process_timeout=60) as credential:
        token = credential.get_token(f"{ARM}/.default").token
    assert jwt.decode(token, options={"verify_signature": False})["oid"] == PRINCIPAL_ID
