"""A local Azure that a test process runs, and requests to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from local import service
from local.settings import LOCATION, PRINCIPAL_ID, REPOSITORY, SUBSCRIPTION_ID, LocalDir

ARM = "https://management.azure.com"
#: What the tests' principal needs besides owning the subscription: owners have no right to data.
_DATA_ROLES = (
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",  # Storage Blob Data Contributor
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88",  # Storage Queue Data Contributor
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",  # Storage Table Data Contributor
    "00482a5a-887f-4fb3-b363-3b7fe8e74483",  # Key Vault Administrator
)
_TOKEN_SECONDS = 1800  # half of what it is good for
_FOREIGN = ("AZURE_", "ARM_", "PULUMI_", "MLOPS_")


@dataclass
class LocalAzure:
    """A running local Azure."""

    dir: LocalDir
    process: subprocess.Popen[bytes] = field(repr=False)
    env: dict[str, str] = field(repr=False)
    port: int
    subscription_id: str = SUBSCRIPTION_ID
    _session: requests.Session | None = field(default=None, repr=False)
    _token: str = field(default="", repr=False)
    _renewed: float = 0.0

    @property
    def session(self) -> requests.Session:
        """A client session that goes through the proxy; sets no process environment."""
        if self._session is None:
            session = requests.Session()
            session.trust_env = False
            session.proxies = {"https": self.env["HTTPS_PROXY"]}
            session.verify = self.env["REQUESTS_CA_BUNDLE"]
            self._session = session
        return self._session

    def token(self, scope: str = f"{ARM}/.default") -> str:
        """A bearer token for ``scope``."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.env["AZURE_CLIENT_ID"],
            "client_secret": self.env["AZURE_CLIENT_SECRET"],
            "scope": scope,
        }
        url = f"https://login.microsoftonline.com/{self.env['AZURE_TENANT_ID']}/oauth2/v2.0/token"
        response = self.session.post(url, data=form, timeout=30)
        response.raise_for_status()
        return str(response.json()["access_token"])

    def arm(
        self,
        method: str,
        path_or_url: str,
        body: Any = None,
        *,
        api_version: str,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], Any]:
        """One ARM request; the status, the headers and the JSON body (None if empty)."""
        if not self._token or time.monotonic() > self._renewed + _TOKEN_SECONDS:
            self._token, self._renewed = self.token(), time.monotonic()
        url = path_or_url if path_or_url.startswith("https://") else f"{ARM}{path_or_url}"
        if "api-version=" not in url:
            url += f"{'&' if '?' in url else '?'}api-version={urllib.parse.quote(api_version)}"
        response = self.session.request(
            method,
            url,
            data=None if body is None else json.dumps(body),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
            timeout=60,
        )
        return response.status_code, dict(response.headers), response.json() if response.content else None

    def put(self, path: str, body: Any, *, api_version: str, timeout: float = 60) -> Any:
        """PUTs a resource, waits for its operation, and returns it; fails unless it succeeds."""
        status, headers, answer = self.arm("PUT", path, body, api_version=api_version)
        assert status in (200, 201, 202), answer
        self.wait(headers, api_version=api_version, timeout=timeout)
        status, _, answer = self.arm("GET", path, api_version=api_version)
        assert status == 200, answer
        return answer

    def wait(self, headers: dict[str, str], *, api_version: str, timeout: float = 60) -> Any:
        """Follows an operation to its end; returns its last document, fails unless it succeeded."""
        found = requests.structures.CaseInsensitiveDict(headers)
        url = found.get("Azure-AsyncOperation") or found.get("Location")
        deadline = time.monotonic() + timeout
        while url:
            status, _, document = self.arm("GET", url, api_version=api_version)
            state = (document or {}).get("status", "Succeeded")
            if status != 202 and state in ("Succeeded", "Failed", "Canceled"):
                assert state == "Succeeded", document
                return document
            assert time.monotonic() < deadline, f"{url} is still {state}"
            time.sleep(0.05)
        return None

    def assign(self, scope: str, role: str, principal: str) -> str:
        """Assigns a built-in role, unless it is assigned; returns the assignment's id."""
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}{role}{principal}".lower())
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        definition = (
            f"/subscriptions/{self.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        )
        properties = {
            "principalId": principal,
            "roleDefinitionId": definition,
            "principalType": "ServicePrincipal",
        }
        status, _, answer = self.arm("PUT", path, {"properties": properties}, api_version="2022-04-01")
        assert status in (200, 201), answer
        return path

    def group(self, name: str = "") -> str:
        """Makes a resource group; returns its id."""
        path = f"/subscriptions/{self.subscription_id}/resourceGroups/{name or unique('rg-')}"
        self.put(path, {"location": LOCATION}, api_version="2024-03-01")
        return path


def unique(prefix: str = "") -> str:
    """A name that no other test uses: lower-case letters and digits behind ``prefix``."""
    return f"{prefix}{uuid.uuid4().hex[:10]}"


def start_local_azure(directory: LocalDir) -> LocalAzure:
    """Starts a local Azure that ends with this process."""
    directory.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
    environment |= {
        "MLOPS_LOCAL_DIR": str(directory.root),
        "MLOPS_LOCAL_PORT": "0",
        "MLOPS_LOCAL_SCHEDULES": "off",
    }
    if tools := os.environ.get("MLOPS_TOOLS_DIR"):
        environment["MLOPS_TOOLS_DIR"] = tools
    log = directory.root / "server-output.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.azure.server", "--leash"],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + 60
    while (running := service.find(directory)) is None or running.pid != process.pid:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    variables = service.client_environment(directory)
    azure = LocalAzure(directory, process, {**environment, **variables}, running.port)
    for role in _DATA_ROLES:
        azure.assign(f"/subscriptions/{SUBSCRIPTION_ID}", role, PRINCIPAL_ID)
    return azure


def stop_local_azure(azure: LocalAzure) -> None:
    """Stops it and waits until it is gone."""
    azure.process.terminate()
    azure.process.wait(60)
    assert azure.process.stdin is not None
    azure.process.stdin.close()
    if azure._session is not None:
        azure._session.close()
