"""Asks the deployed endpoint, as a user's program would: sign in, read the endpoint, score; run the monitor once.

Plain HTTPS through local Azure's proxy, because loading azure-ai-ml alone takes longer than all of it.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

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
            f"https://management.azure.com/subscriptions/{azure['AZURE_SUBSCRIPTION_ID']}/resourceGroups/"
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

    async def _send(self, method: str, url: str, **options: Any) -> Any:
        try:
            async with self._session.request(
                method, url, proxy=self._azure["HTTPS_PROXY"], **options
            ) as response:
                if response.status >= 400:
                    text = (await response.text()).strip()
                    raise EndpointError(
                        f"{method} {url.split('?', maxsplit=1)[0]} was answered {response.status}: {text[:500]}"
                    )
                return await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EndpointError(
                f"{method} {url.split('?', maxsplit=1)[0]} failed: {error or type(error).__name__}"
            ) from error

    async def _arm(self, method: str, path: str, *, api: str = _API, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"}
        return await self._send(method, f"{self._url}{path}?api-version={api}", json=body, headers=headers)

    async def exists(self) -> bool:
        """Whether local Azure has the workspace."""
        try:
            await self._arm("GET", "")
        except EndpointError as error:
            if "was answered 404" in str(error):
                return False
            raise
        return True

    async def score(self, endpoint: str, requests: list[dict[str, Any]]) -> list[Scored]:
        """Sends the requests to the endpoint, four at a time, and returns the answers in order."""
        found = await self._arm("GET", f"/onlineEndpoints/{endpoint}")
        keys = await self._arm("POST", f"/onlineEndpoints/{endpoint}/listKeys")
        headers = {"Authorization": f"Bearer {keys['primaryKey']}"}
        url = found["properties"]["scoringUri"]
        slots = asyncio.Semaphore(4)

        async def one(body: dict[str, Any]) -> Scored:
            async with (
                slots,
                self._session.post(
                    url, json=body, headers=headers, proxy=self._azure["HTTPS_PROXY"]
                ) as response,
            ):
                text = await response.text()
                if response.status != 200:
                    raise EndpointError(f"{url} answered {response.status}: {text[:500]}")
                return Scored(
                    await response.json(content_type=None), response.headers["azureml-model-deployment"]
                )

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
        store = (await self._arm("GET", "/datastores/workspaceblobstore"))["properties"]
        token = await self._sign_in("https://storage.azure.com/.default")
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2023-11-03"}
        url = (
            f"https://{store['accountName']}.blob.core.windows.net/{store['containerName']}"
            f"/azureml/{name}/drift/report.json"
        )
        return await self._send("GET", url, headers=headers)
