"""Kill -9 and a new start: deployments answer again, interrupted jobs say so, nothing is left running."""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests
from running_azure import LocalAzure, start_local_azure, stop_local_azure

from local.settings import LOCATION, LocalDir

API = "2025-12-01"
CONDA = "dependencies:\n- python=3.11\n- pip:\n  - azureml-inference-server-http\n"
BATCH = "import time\ndef init():\n    print('running', flush=True)\ndef run(files):\n    time.sleep(600)\n"
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


def upload(azure: LocalAzure, scope: str, name: str, script: str) -> str:
    """Puts a scoring script into the workspace's store; the code version's id."""
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
            f"LocalUpload/{name}/score.py",
            credential=secrets["key"],
            proxies={"https": azure.env["HTTPS_PROXY"]},
            connection_verify=azure.env["REQUESTS_CA_BUNDLE"],
            session=session,
        ) as blob,
    ):
        blob.upload_blob(script.encode())
    body = {"properties": {"codeUri": f"{url}/{container}/LocalUpload/{name}"}}
    azure.put(f"{scope}/codes/{name}/versions/1", body, api_version=API)
    return f"{scope}/codes/{name}/versions/1"


def score_batch(azure: LocalAzure, scope: str, environment: str) -> None:
    """Has a batch endpoint score, as the job ``batch``, which takes ten minutes."""
    cluster = {
        "computeType": "AmlCompute",
        "properties": {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 1}},
    }
    azure.put(f"{scope}/computes/cpu", {"location": LOCATION, "properties": cluster}, api_version=API)
    endpoint = f"{scope}/batchEndpoints/nightly"
    azure.put(endpoint, {"location": LOCATION, "properties": {"authMode": "AADToken"}}, api_version=API)
    properties = {
        "compute": f"{scope}/computes/cpu",
        "environmentId": environment,
        "codeConfiguration": {"codeId": upload(azure, scope, "batch", BATCH), "scoringScript": "score.py"},
        "retrySettings": {"maxRetries": 0, "timeout": "PT10M"},
    }
    deployment = {"location": LOCATION, "properties": properties}
    azure.put(f"{endpoint}/deployments/default", deployment, api_version=API)
    data = {"JobInputType": "UriFolder", "Uri": f"azureml:{scope}/codes/batch/versions/1"}
    answer = azure.session.post(
        f"https://nightly.{LOCATION}.inference.ml.azure.com/jobs",
        json={"properties": {"Name": "batch", "InputData": {"data": data}}},
        headers={
            "Authorization": f"Bearer {azure.token('https://ml.azure.com/.default')}",
            "azureml-model-deployment": "default",
        },
        timeout=60,
    )
    assert answer.status_code == 201, answer.text


def until(seen: Callable[[], bool]) -> None:
    wait, deadline = threading.Event(), time.monotonic() + 30
    while not seen():
        assert time.monotonic() < deadline
        wait.wait(0.05)


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
                "codeConfiguration": {
                    "codeId": upload(azure, scope, "restart", SCORE),
                    "scoringScript": "score.py",
                },
            },
        }
        azure.put(f"{endpoint}/deployments/blue", deployment, api_version=API, timeout=120)
        traffic = {"location": LOCATION, "properties": {"authMode": "Key", "traffic": {"blue": 100}}}
        azure.put(endpoint, traffic, api_version=API)
        before = score(azure, endpoint).json()["pid"]
        job = f"{scope}/jobs/interrupted"
        command = {"jobType": "Command", "command": "echo running; sleep 600", "environmentId": environment}
        assert azure.arm("PUT", job, {"properties": command}, api_version=API)[0] == 201
        log = directory.logs / "job-interrupted.log"
        until(lambda: log.exists() and "running" in log.read_text())
        score_batch(azure, scope, environment)
        until(
            lambda: any(one.read_text() for one in directory.jobs.glob("batch/*/code/logs/user/stdout/0/*"))
        )

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
        for name in ("interrupted", "batch"):
            _, _, body = azure.arm("GET", f"{scope}/jobs/{name}", api_version=API)
            assert body["properties"]["status"] == "Failed"
            history = f"https://{LOCATION}.api.azureml.ms/history/v1.0{scope}/runs/{name}/details"
            _, _, details = azure.arm("GET", history, api_version=API)
            assert "was stopped while the job ran" in json.dumps(details["error"])
            assert not (directory.jobs / name).exists()
    finally:
        stop_local_azure(azure)
    _, alive = psutil.wait_procs(processes_of(directory), timeout=15)
    assert alive == []
