"""Kill -9 and a new start: deployments answer again, interrupted jobs say so, nothing is left running."""

import json
import shutil
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests
from running_azure import LocalAzure, start_local_azure, stop_local_azure

from local.settings import LOCATION, LocalDir

API = "2025-12-01"
CONDA = "dependencies:\n- python=3.11\n- pip:\n  - azureml-inference-server-http\n"
SCORE = "import os\ndef init():\n    pass\ndef run(raw):\n    return {'pid': os.getpid()}\n"


@pytest.fixture
def directory():
    root = Path(tempfile.mkdtemp(prefix="mlops-"))
    yield LocalDir(root / "local")
    shutil.rmtree(root, ignore_errors=True)


def workspace(azure: LocalAzure) -> str:
    """A workspace, through ARM."""
    providers = f"{azure.group('restart')}/providers"
    storage = f"{providers}/Microsoft.Storage/storageAccounts/strestart"
    vault = f"{providers}/Microsoft.KeyVault/vaults/kv-restart"
    tenant = azure.env["AZURE_TENANT_ID"]
    account = {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
    azure.put(storage, account, api_version="2024-01-01")
    properties = {
        "tenantId": tenant,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
    }
    azure.put(vault, {"location": LOCATION, "properties": properties}, api_version="2024-11-01")
    made = f"{providers}/Microsoft.MachineLearningServices/workspaces/mlw-restart"
    body = {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {"storageAccount": storage, "keyVault": vault, "v1LegacyMode": False},
    }
    azure.put(made, body, api_version=API)
    return made


def processes_of(directory: LocalDir) -> list[psutil.Process]:
    """All processes that have to do with a data folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        if any(str(directory.root) in word for word in words):
            found.append(process)
    return found


def score(azure: LocalAzure, endpoint: str) -> requests.Response:
    _, _, keys = azure.arm("POST", f"{endpoint}/listKeys", api_version=API)
    _, _, body = azure.arm("GET", endpoint, api_version=API)
    headers = {"Authorization": f"Bearer {keys['primaryKey']}"}
    return azure.session.post(body["properties"]["scoringUri"], json={}, headers=headers, timeout=120)


def upload(azure: LocalAzure, scope: str) -> str:
    """Puts the scoring script into the workspace's store; the code version's id."""
    datastore = f"{scope}/datastores/workspaceblobstore"
    _, _, store = azure.arm("GET", datastore, api_version=API)
    _, _, secrets = azure.arm("POST", f"{datastore}/listSecrets", api_version=API)
    from azure.storage.blob import BlobClient

    url = f"https://{store['properties']['accountName']}.blob.core.windows.net"
    container = store["properties"]["containerName"]
    with (
        requests.Session() as session,
        BlobClient(
            url,
            container,
            "LocalUpload/restart/score.py",
            credential=secrets["key"],
            proxies={"https": azure.env["HTTPS_PROXY"]},
            connection_verify=azure.env["REQUESTS_CA_BUNDLE"],
            session=session,
        ) as blob,
    ):
        blob.upload_blob(SCORE.encode())
    body = {"properties": {"codeUri": f"{url}/{container}/LocalUpload/restart"}}
    azure.put(f"{scope}/codes/restart/versions/1", body, api_version=API)
    return f"{scope}/codes/restart/versions/1"


def test_after_kill_9_a_deployment_answers_again_and_an_interrupted_job_has_failed(directory: LocalDir):
    azure = start_local_azure(directory)
    try:
        scope = workspace(azure)
        environment = f"{scope}/environments/serving/versions/1"
        azure.put(environment, {"properties": {"condaFile": CONDA, "image": "an/image"}}, api_version=API)
        endpoint = f"{scope}/onlineEndpoints/restarted"
        azure.put(endpoint, {"location": LOCATION, "properties": {"authMode": "Key"}}, api_version=API)
        deployment = {
            "location": LOCATION,
            "sku": {"name": "Default", "capacity": 1},
            "properties": {
                "endpointComputeType": "Managed",
                "instanceType": "Standard_DS3_v2",
                "environmentId": environment,
                "codeConfiguration": {"codeId": upload(azure, scope), "scoringScript": "score.py"},
            },
        }
        azure.put(f"{endpoint}/deployments/blue", deployment, api_version=API, timeout=120)
        traffic = {"location": LOCATION, "properties": {"authMode": "Key", "traffic": {"blue": 100}}}
        azure.put(endpoint, traffic, api_version=API)
        before = score(azure, endpoint).json()["pid"]
        job = f"{scope}/jobs/interrupted"
        command = {"jobType": "Command", "command": "echo running; sleep 600", "environmentId": environment}
        assert azure.arm("PUT", job, {"properties": command}, api_version=API)[0] == 201
        log, wait, until = directory.logs / "job-interrupted.log", threading.Event(), time.monotonic() + 30
        while not (log.exists() and "running" in log.read_text()):
            assert time.monotonic() < until
            wait.wait(0.05)

        azure.process.kill()
        azure.process.wait(30)
        azure.process.stdin.close()
        azure.session.close()
        _, alive = psutil.wait_procs(processes_of(directory), timeout=15)
        assert alive == []

        azure = start_local_azure(directory)
        after = score(azure, endpoint)
        assert after.status_code == 200, after.text
        assert after.json()["pid"] != before
        _, _, body = azure.arm("GET", job, api_version=API)
        assert body["properties"]["status"] == "Failed"
        history = f"https://{LOCATION}.api.azureml.ms/history/v1.0{scope}/runs/interrupted/details"
        _, _, details = azure.arm("GET", history, api_version=API)
        assert "was stopped while the job ran" in json.dumps(details["error"])
    finally:
        stop_local_azure(azure)
    _, alive = psutil.wait_procs(processes_of(directory), timeout=15)
    assert alive == []
