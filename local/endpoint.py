"""Asks the deployed endpoint, as a user's program would: sign in, read the endpoint, score; run the monitor once.

Plain HTTPS through local Azure's proxy, because loading azure-ai-ml alone takes longer than all of it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_ARM = "https://management.azure.com"
_API = "2025-12-01"
_TRIGGER_API = "2024-01-01-preview"
_ENDED = ("Completed", "Failed", "Canceled")


class EndpointError(Exception):
    """Local Azure or the endpoint refused; the message is what it said."""


@dataclass(frozen=True)
class Scored:
    """One answer of the endpoint and the deployment that gave it."""

    answer: Any
    deployment: str


class WorkspaceClient:
    """A signed-in client of one workspace in local Azure. An async context manager."""

    def __init__(self, azure: Mapping[str, str], resource_group: str, workspace: str) -> None:
        self._azure = azure
        self._url = (
            f"{_ARM}/subscriptions/{azure['AZURE_SUBSCRIPTION_ID']}/resourceGroups/"
            f"{resource_group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
        )
        self._token = ""

    async def __aenter__(self) -> Self:
        """Opens the connection and signs in."""
        trust = ssl.create_default_context(cafile=self._azure["REQUESTS_CA_BUNDLE"])
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust), timeout=aiohttp.ClientTimeout(total=120)
        )
        try:
            self._token = await self._sign_in("https://management.azure.com/.default")
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the connection."""
        await self._session.close()

    async def _sign_in(self, scope: str) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._azure["AZURE_CLIENT_ID"],
            "client_secret": self._azure["AZURE_CLIENT_SECRET"],
            "scope": scope,
        }
        url = f"https://login.microsoftonline.com/{self._azure['AZURE_TENANT_ID']}/oauth2/v2.0/token"
        return (await self._send("POST", url, data=form))["access_token"]

    async def _send(self, method: str, url: str, *, text: bool = False, **options: Any) -> Any:
        try:
            async with self._session.request(
                method, url, proxy=self._azure["HTTPS_PROXY"], **options
            ) as response:
                if response.status >= 400:
                    said = (await response.text()).strip()
                    raise EndpointError(
                        f"{method} {url.split('?', maxsplit=1)[0]} was answered {response.status}: {said[:500]}"
                    )
                return await response.text() if text else await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EndpointError(
                f"{method} {url.split('?', maxsplit=1)[0]} failed: {error or type(error).__name__}"
            ) from error

    async def _arm(self, method: str, path: str, *, api: str = _API, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"}
        url = f"{_ARM}{path}" if path.lower().startswith("/subscriptions/") else f"{self._url}{path}"
        return await self._send(method, f"{url}?api-version={api}", json=body, headers=headers)

    async def exists(self) -> bool:
        """Whether local Azure has the workspace."""
        try:
            await self._arm("GET", "")
        except EndpointError as error:
            if "was answered 404" in str(error):
                return False
            raise
        return True

    async def get(self, path: str, *, api: str = _API) -> Any:
        """What is at a path below the workspace (``/jobs/NAME``), or at the id of any resource of the subscription.

        Raises:
            EndpointError: there is nothing, or it can't be read.
        """
        return await self._arm("GET", path, api=api)

    async def entrance(self, endpoint: str) -> tuple[str, str]:
        """An endpoint's scoring address and its key."""
        found = await self._arm("GET", f"/onlineEndpoints/{endpoint}")
        keys = await self._arm("POST", f"/onlineEndpoints/{endpoint}/listKeys")
        return str(found["properties"]["scoringUri"]), str(keys["primaryKey"])

    async def post(self, url: str, key: str, body: object) -> tuple[int, str, str]:
        """Sends one request to a scoring address: status, the deployment that answered ("" if none), text."""
        async with self._session.post(
            url, json=body, headers={"Authorization": f"Bearer {key}"}, proxy=self._azure["HTTPS_PROXY"]
        ) as response:
            return (
                response.status,
                response.headers.get("azureml-model-deployment", ""),
                await response.text(),
            )

    async def score(self, endpoint: str, requests: list[dict[str, Any]]) -> list[Scored]:
        """Sends the requests to the endpoint, four at a time, and returns the answers in order."""
        url, key = await self.entrance(endpoint)
        slots = asyncio.Semaphore(4)

        async def one(body: dict[str, Any]) -> Scored:
            async with slots:
                status, deployment, text = await self.post(url, key, body)
            if status != 200:
                raise EndpointError(f"{url} answered {status}: {text[:500]}")
            return Scored(json.loads(text), deployment)

        return list(await asyncio.gather(*map(one, requests)))

    async def run_monitor(self, monitor: str) -> dict[str, Any]:
        """Runs a model monitor now, waits for its job and returns the drift report it wrote."""
        now = datetime.now(UTC).isoformat()
        started = await self._arm(
            "POST", f"/schedules/{monitor}/trigger", api=_TRIGGER_API, body={"scheduleTime": now}
        )
        name = started["submissionId"]
        while (status := (await self._arm("GET", f"/jobs/{name}"))["properties"]["status"]) not in _ENDED:  # noqa: ASYNC110 (Azure has no event to wait for)
            await asyncio.sleep(0.2)
        if status != "Completed":
            raise EndpointError(
                f"The monitor {monitor} did not finish (job {name}: {status}); see `python -m local logs`."
            )
        return json.loads(await self.output(name, "drift/report.json"))

    async def output(self, job: str, path: str) -> str:
        """A text file that a job left: ``path`` begins with the output's name."""
        store = (await self._arm("GET", "/datastores/workspaceblobstore"))["properties"]
        token = await self._sign_in("https://storage.azure.com/.default")
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2023-11-03"}
        url = (
            f"https://{store['accountName']}.blob.core.windows.net/{store['containerName']}"
            f"/azureml/{job}/{path}"
        )
        return await self._send("GET", url, text=True, headers=headers)
