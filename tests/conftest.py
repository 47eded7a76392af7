"""Fixtures that all tests share: a local Azure of each test process's own, and a workspace in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from running_azure import LocalAzure, start_local_azure, stop_local_azure, unique

from local.settings import LOCATION, REPOSITORY, LocalDir

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

# A test process starts hundreds of others. Where Python may not cache what it compiles, each would compile the SDKs of
# Pulumi and Azure again, half of its time; so they share a cache of their own, beside what it is compiled from.
if sys.dont_write_bytecode:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(Path(sys.prefix) / "bytecode")
    sys.dont_write_bytecode = False

# What tests deploy has schedules, and none may start by itself while other tests look: servers that commands start too.
os.environ["MLOPS_LOCAL_SCHEDULES"] = "off"

#: Files that take longest, longest first: begun last, one of them would be all that one of two workers has left to do.
LONGEST = (
    "test_demo",
    "test_engine_conformance",
    "test_rollout_on_local_azure",
    "test_engine_interrupted_azure",
    "test_rollout_through_pulumi",
    "test_served_model_through_pulumi",
    "test_pipeline_run",
    "test_up",
    "test_engine_automation_keywords",
    "test_provider_engine",
    "test_fleet_on_local_azure",
    "test_engine_automation",
    "test_flight_promotion",
    "test_drift_collected",
    "test_infra_production",
    "test_infra_faults",
    "test_retraining_stack",
    "test_engine_import_command",
    "test_engine_automation_inline",
    "test_infra_deployment",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Has the files that take longest run first; stable, because all workers have to collect the same."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session")
def warm_engine() -> Generator[dict[str, str]]:
    """The variable for commands whose engine needn't load itself, as those of a fleet: a process's tests run hundreds."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI", "PYTEST"))}
    python = str(Path(sys.prefix) / "bin" / "python")
    with tempfile.TemporaryDirectory(prefix="mlops-warm-") as folder:
        process = subprocess.Popen(
            [REPOSITORY / "local" / "bin" / "warm-engine", folder],
            env={**kept, "PULUMI_PYTHON_CMD": python, "MLOPS_ENGINE_LINGER_SECONDS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == b"ready\n"
            yield {"MLOPS_WARM_ENGINE": folder}
            process.stdin.close()
            process.wait(timeout=30)


@pytest.fixture(scope="session")
def local_azure() -> Generator[LocalAzure]:
    """A local Azure of this test process's own."""
    # A short path: some clients put sockets below it.
    root = Path(tempfile.mkdtemp(prefix="mlops-"))
    azure = start_local_azure(LocalDir(root / "local"))
    try:
        yield azure
    finally:
        stop_local_azure(azure)
        shutil.rmtree(root, ignore_errors=True)


@dataclass(frozen=True)
class Workspace:
    """A workspace and what it stands on."""

    id: str
    name: str
    resource_group: str
    group_id: str
    storage_account: str
    vault: str
    body: dict[str, Any]


@pytest.fixture(scope="session")
def workspace(local_azure: LocalAzure) -> Workspace:
    """A resource group with storage account, vault and workspace, made through ARM; many tests leave things in it."""
    return _make_workspace(local_azure)


@pytest.fixture(scope="module")
def empty_workspace(local_azure: LocalAzure) -> Workspace:
    """The same, with nothing in it but what one module puts there."""
    return _make_workspace(local_azure)


@pytest.fixture(scope="session")
def make_workspace() -> Callable[[LocalAzure], Workspace]:
    """Makes one in a local Azure that a test runs itself."""
    return _make_workspace


def _make_workspace(local_azure: LocalAzure) -> Workspace:
    group = local_azure.group()
    suffix = unique()
    account, vault, name = f"st{suffix}", f"kv-{suffix}", f"mlw-{suffix}"
    storage_id = f"{group}/providers/Microsoft.Storage/storageAccounts/{account}"
    vault_id = f"{group}/providers/Microsoft.KeyVault/vaults/{vault}"
    workspace_id = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{name}"
    local_azure.put(
        storage_id,
        {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}},
        api_version="2024-01-01",
    )
    properties: dict[str, Any] = {
        "tenantId": local_azure.env["AZURE_TENANT_ID"],
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
    }
    local_azure.put(vault_id, {"location": LOCATION, "properties": properties}, api_version="2024-11-01")
    body = local_azure.put(
        workspace_id,
        {
            "location": LOCATION,
            "identity": {"type": "SystemAssigned"},
            "properties": {"storageAccount": storage_id, "keyVault": vault_id, "v1LegacyMode": False},
        },
        api_version="2025-12-01",
    )
    return Workspace(workspace_id, name, group.rsplit("/", 1)[1], group, account, vault, body)
