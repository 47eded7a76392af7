"""What survives ``kill -9``, and what ends with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from azure.storage.blob import BlobServiceClient
from running_azure import LocalAzure, start_local_azure, stop_local_azure, unique

from local.azure import leash
from local.azure.store import open_store
from local.settings import REPOSITORY, LocalDir

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

LEASH = Path(leash.__file__)
ACCOUNT: dict[str, Any] = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}


def until(condition: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def directory() -> Generator[LocalDir]:
    root = Path(tempfile.mkdtemp(prefix="mlops-"))
    yield LocalDir(root / "local")
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def start(directory: LocalDir) -> Generator[Callable[[], LocalAzure]]:
    """Starts local Azure; ends all that were started."""
    started: list[LocalAzure] = []

    def start() -> LocalAzure:
        started.append(start_local_azure(directory))
        return started[-1]

    yield start
    for azure in started:
        stop_local_azure(azure)


def kill(azure: LocalAzure) -> None:
    azure.process.kill()
    azure.process.wait(10)


def test_acknowledged_writes_and_blobs_survive_a_killed_server(start: Callable[[], LocalAzure]) -> None:
    azure = start()
    group = azure.group()
    account = unique("st")
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/{account}"
    azure.put(path, ACCOUNT, api_version="2024-01-01")
    _, _, keys = azure.arm("POST", f"{path}/listKeys", api_version="2024-01-01")
    key = keys["keys"][0]["value"]
    with blobs(azure, account, key) as client, client.create_container("data") as container:
        container.upload_blob("b", b"kept")
    identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/last"
    assert azure.arm("PUT", identity, {"location": "westeurope"}, api_version="2023-01-31")[0] == 201
    token = azure.token()
    kill(azure)

    azure = start()
    azure._token = token
    assert azure.arm("GET", identity, api_version="2023-01-31")[0] == 200
    _, _, after = azure.arm("POST", f"{path}/listKeys", api_version="2024-01-01")
    assert after == keys
    with blobs(azure, account, key) as client:
        assert client.get_blob_client("data", "b").download_blob().readall() == b"kept"


def blobs(azure: LocalAzure, account: str, key: str) -> BlobServiceClient:
    return BlobServiceClient(
        f"https://{account}.blob.core.windows.net",
        credential=key,
        proxies={"https": azure.env["HTTPS_PROXY"]},
        connection_verify=azure.env["REQUESTS_CA_BUNDLE"],
    )


def test_what_a_kill_interrupted_is_finished_at_the_next_start(
    directory: LocalDir, start: Callable[[], LocalAzure]
) -> None:
    azure = start()
    group = azure.group()
    leaving = azure.group()
    kill(azure)
    # On disk is then what a request wrote before it was answered: the resource, and the operation that has begun.
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{unique('st')}"
    store = open_store(directory.database)
    store.put(account, {**ACCOUNT, "properties": {"provisioningState": "Creating"}})
    store.begin("creation", account, "create")
    store.begin("deletion", leaving, "delete")
    store.close()

    azure = start()
    subscription = f"https://management.azure.com/subscriptions/{azure.subscription_id}"
    operations = f"{subscription}/providers/Microsoft.Storage/locations/westeurope/operationStatuses"
    azure.wait({"Location": f"{operations}/creation"}, api_version="2024-01-01")
    _, _, found = azure.arm("GET", account, api_version="2024-01-01")
    assert found["properties"]["provisioningState"] == "Succeeded"
    _, _, keys = azure.arm("POST", f"{account}/listKeys", api_version="2024-01-01")
    assert keys["keys"][0]["value"]
    azure.wait({"Location": f"{subscription}/operationStatuses/deletion"}, api_version="2024-03-01")
    assert azure.arm("GET", leaving, api_version="2024-03-01")[0] == 404


def test_azurite_ends_with_a_killed_server(start: Callable[[], LocalAzure]) -> None:
    azure = start()
    server = psutil.Process(azure.process.pid)
    until(server.children)
    children = server.children(recursive=True)
    kill(azure)
    until(
        lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    )


def leashed(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(LEASH), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd=REPOSITORY,
    )


def test_a_leashed_command_and_what_it_started_end_when_the_leash_is_let_go() -> None:
    script = "sleep 100 & echo $!; sleep 100"
    with leashed("sh", "-c", script) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        inner = int(process.stdout.readline())
        assert psutil.pid_exists(inner)
        process.stdin.close()
        until(lambda: not psutil.pid_exists(inner) or psutil.Process(inner).status() == psutil.STATUS_ZOMBIE)
        process.wait(10)


def test_a_leashed_command_exits_as_it_would_alone() -> None:
    for script, expected in (("exit 3", 3), ("kill -9 $$", 137)):
        with leashed("sh", "-c", script) as process:
            assert process.wait(10) == expected


def test_a_command_dies_with_its_leash() -> None:
    with leashed("sh", "-c", "echo $$; exec sleep 100") as process:
        assert process.stdout is not None
        inner = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(inner) or psutil.Process(inner).status() == psutil.STATUS_ZOMBIE)
