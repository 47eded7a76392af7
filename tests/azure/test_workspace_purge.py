"""What is left of deleted workspaces and vaults is purged, however often a destroy was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from running_azure import unique

from infra.workspace.purge import PurgeProvider
from ml.client import Settings, credential
from ml.resource_manager import _client  # pyright: ignore[reportPrivateUsage]

if TYPE_CHECKING:
    from collections.abc import Generator

    from conftest import Workspace
    from running_azure import LocalAzure

ML, VAULT = "2024-10-01", "2023-07-01"


@pytest.fixture
def provider(local_azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> Generator[PurgeProvider]:
    for name, value in local_azure.env.items():
        monkeypatch.setenv(name, value)
    credential.cache_clear()
    _client.cache_clear()
    made = PurgeProvider()
    made._settings = Settings(local_azure.env["AZURE_SUBSCRIPTION_ID"])  # pyright: ignore[reportPrivateUsage]
    yield made
    credential.cache_clear()
    _client.cache_clear()


def inputs(path: str, kind: str) -> dict[str, Any]:
    parts = path.split("/")
    return {"kind": kind, "workspace": parts[-1], "resource_group": parts[4], "location": "westeurope"}


def another(workspace: Workspace) -> tuple[str, dict[str, Any]]:
    given = workspace.body["properties"]
    needed = {key: given[key] for key in ("storageAccount", "keyVault")}
    path = f"{workspace.id.rsplit('/', 1)[0]}/{unique('mlw-')}"
    return path, {"location": "westeurope", "properties": needed}


def delete(local_azure: LocalAzure, path: str, version: str) -> None:
    _, headers, _ = local_azure.arm("DELETE", path, api_version=version)
    local_azure.wait(headers, api_version=version)


def test_the_name_of_a_deleted_workspace_is_free_once_it_is_purged(
    local_azure: LocalAzure, workspace: Workspace, provider: PurgeProvider
) -> None:
    path, body = another(workspace)
    local_azure.put(path, body, api_version=ML)
    delete(local_azure, path, ML)
    status, _, refused = local_azure.arm("PUT", path, body, api_version=ML)
    assert (status, "Soft-deleted workspace" in refused["error"]["message"]) == (409, True)
    provider.delete("purge", inputs(path, "workspace"))
    provider.delete("purge", inputs(path, "workspace"))  # a killed destroy does it again
    local_azure.put(path, body, api_version=ML)
    delete(local_azure, f"{path}?forceToPurge=true", ML)


def test_a_workspace_that_is_still_there_is_left_alone(
    local_azure: LocalAzure, workspace: Workspace, provider: PurgeProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.delete("purge", inputs(workspace.id, "workspace"))
    assert local_azure.arm("GET", workspace.id, api_version=ML)[0] == 200
    assert "it will not be purged" in capsys.readouterr().out


def test_the_name_of_a_deleted_vault_is_free_once_it_is_purged(
    local_azure: LocalAzure, workspace: Workspace, provider: PurgeProvider
) -> None:
    group = workspace.id.split("/providers/")[0]
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{unique('kv')}"
    kept = local_azure.arm("GET", workspace.body["properties"]["keyVault"], api_version=VAULT)[2]
    body = {
        "location": "westeurope",
        "properties": {
            key: kept["properties"][key] for key in ("tenantId", "sku", "enableRbacAuthorization")
        },
    }
    local_azure.put(path, body, api_version=VAULT)
    local_azure.arm("DELETE", path, api_version=VAULT)
    deleted = (
        f"/subscriptions/{path.split('/')[2]}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults"
    )
    gone = f"{deleted}/{path.rsplit('/', 1)[1]}"
    assert local_azure.arm("GET", gone, api_version=VAULT)[0] == 200
    provider.delete("purge", inputs(path, "vault"))
    provider.delete("purge", inputs(path, "vault"))
    assert local_azure.arm("GET", gone, api_version=VAULT)[0] == 404
    assert local_azure.arm("PUT", path, body, api_version=VAULT)[0] in (200, 201)


def test_making_it_touches_nothing(provider: PurgeProvider) -> None:
    props = inputs("/subscriptions/s/resourceGroups/g/providers/p/workspaces/w", "workspace")
    made = provider.create(props)
    assert (made.id, made.outs) == ("workspace/w", props)
    assert provider.read(made.id or "", props).outs == props
