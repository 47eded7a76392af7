"""Blobs, queues and tables, as local Azure's own providers use them: Azure's REST interface, spoken to Azurite with the account's key."""

from __future__ import annotations

import asyncio
import json
import os
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import aiohttp
import yarl

from local.azure.errors import ArmError
from local.azure.shared_key import authorization, table_authorization

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from datetime import datetime

    from local.azure.azurite_process import Azurite, Service
    from local.azure.store import SqliteStore

ACCOUNT = "Microsoft.Storage/storageAccounts"
_VERSION = "2023-11-03"
_APPEND_LIMIT = 4 << 20
_AT_ONCE = 8
_TABLE = {"Accept": "application/json;odata=nometadata", "DataServiceVersion": "3.0"}


def key_name(account: str, number: int) -> str:
    """The name that an account's key has in the store."""
    return f"storage/{account}/key{number}"


class AzuriteBlobs:
    """``azure.Blobs``."""

    def __init__(self, azurite: Azurite, store: SqliteStore) -> None:
        self._azurite = azurite
        self._store = store
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends the connections."""
        if self._session is not None:
            await self._session.close()

    def introduce(self, account: str) -> tuple[str, str]:
        """The account's two keys; Azurite knows the account afterwards.

        Raises:
            ArmError: 404, there is no such account.
        """
        first, second = (self._store.secret(key_name(account, number)) for number in (1, 2))
        if first is None or second is None:
            raise ArmError(
                404, "ResourceNotFound", f"There is no storage account '{account}' in local Azure."
            )
        self._azurite.add(account, (first, second))
        return first, second

    async def key(self, account: str) -> str:
        """The account key (base64)."""
        return self.introduce(account)[0]

    async def make_container(self, account: str, container: str) -> None:
        """Creates it if it is missing."""
        await self._send("PUT", account, container, "restype=container", allowed=(201, 409))

    async def set_container(
        self, account: str, container: str, metadata: Mapping[str, str] | None, public_access: str
    ) -> None:
        """Creates a container if it is missing; gives it metadata (None: leave) and public access (None, Blob, Container)."""
        headers = {f"x-ms-meta-{name}": value for name, value in (metadata or {}).items()}
        if public_access != "None":
            headers["x-ms-blob-public-access"] = public_access.lower()
        path = "restype=container"
        status, _ = await self._send("PUT", account, container, path, headers=headers, allowed=(201, 409))
        if status == 201:
            return
        await self._send("PUT", account, container, f"{path}&comp=acl", headers=headers)
        if metadata is not None:
            await self._send("PUT", account, container, f"{path}&comp=metadata", headers=headers)

    async def lease_container(
        self, account: str, container: str, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str]]:
        """Does to a container's lease what ``headers`` say; the status and the headers of the answer."""
        status, _, answered = await self._exchange(
            "PUT", account, container, "restype=container&comp=lease", headers=headers
        )
        return status, answered

    async def created(self, account: str, path: str) -> datetime | None:
        """When a blob was made; None if it isn't there."""
        status, _, headers = await self._exchange("HEAD", account, path, "")
        found = headers.get("x-ms-creation-time") or headers.get("Last-Modified")
        return parsedate_to_datetime(found) if status == 200 and found else None

    async def empty(self, account: str) -> None:
        """Removes all containers, queues and tables of an account."""
        _, listed = await self._send("GET", account, "Tables", "", headers=_TABLE, service="table")
        for table in json.loads(listed)["value"]:
            await self.delete_table(account, table["TableName"])
        kinds: tuple[tuple[Service, str], ...] = (("blob", "Container"), ("queue", "Queue"))
        for service, kind in kinds:
            _, content = await self._send("GET", account, "", "comp=list", service=service)
            names = [item.findtext("Name", "") for item in ET.fromstring(content).iter(kind)]  # noqa: S314 (Azurite's answer)
            for name in names:
                await (self.delete_container if service == "blob" else self.delete_queue)(account, name)

    async def delete_container(self, account: str, container: str) -> None:
        """Removes a container with its blobs, if it is there; a lease on it ends."""
        allowed = (202, 404, 412)
        status, _ = await self._send("DELETE", account, container, "restype=container", allowed=allowed)
        if status == 412:
            broken = {"x-ms-lease-action": "break", "x-ms-lease-break-period": "0"}
            await self.lease_container(account, container, broken)
            await self._send("DELETE", account, container, "restype=container", allowed=(202, 404))

    async def make_queue(self, account: str, queue: str, metadata: Mapping[str, str] | None = None) -> None:
        """Creates it if it is missing; gives it the metadata (None: leave)."""
        await self._send("PUT", account, queue, "", allowed=(201, 204, 409), service="queue")
        if metadata is not None:
            headers = {f"x-ms-meta-{name}": value for name, value in metadata.items()}
            await self._send(
                "PUT", account, queue, "comp=metadata", headers=headers, allowed=(204,), service="queue"
            )

    async def make_table(self, account: str, table: str) -> None:
        """Creates it if it is missing."""
        content = json.dumps({"TableName": table}).encode()
        headers = {**_TABLE, "Content-Type": "application/json", "Prefer": "return-no-content"}
        await self._send(
            "POST", account, "Tables", "", content, headers=headers, allowed=(201, 204, 409), service="table"
        )

    async def delete_table(self, account: str, table: str) -> None:
        """Removes a table with its entities, if it is there."""
        await self._send(
            "DELETE", account, f"Tables('{table}')", "", headers=_TABLE, allowed=(204, 404), service="table"
        )

    async def delete_queue(self, account: str, queue: str) -> None:
        """Removes a queue with its messages, if it is there."""
        await self._send("DELETE", account, queue, "", allowed=(204, 404), service="queue")

    async def send_message(self, account: str, queue: str, text: str) -> bool:
        """Puts a message (as given; base64 is the caller's business) into a queue; False if there is no such queue."""
        content = f"<QueueMessage><MessageText>{escape(text)}</MessageText></QueueMessage>".encode()
        path = f"{queue}/messages"
        status, _ = await self._send("POST", account, path, "", content, allowed=(201, 404), service="queue")
        return status == 201

    async def upload(self, account: str, container: str, name: str, content: bytes) -> None:
        """Writes one block blob, replacing what is there."""
        headers = {"x-ms-blob-type": "BlockBlob"}
        await self._send("PUT", account, f"{container}/{name}", "", content, headers=headers, allowed=(201,))

    async def append(self, account: str, container: str, name: str, content: bytes) -> None:
        """Appends to an append blob, made if missing."""
        path = f"{container}/{name}"
        create = {"x-ms-blob-type": "AppendBlob", "If-None-Match": "*"}
        for start in range(0, len(content), _APPEND_LIMIT):
            block = content[start : start + _APPEND_LIMIT]
            status, _ = await self._send("PUT", account, path, "comp=appendblock", block, allowed=(201, 404))
            if status == 404:
                await self._send("PUT", account, path, "", b"", headers=create, allowed=(201, 409))
                await self._send("PUT", account, path, "comp=appendblock", block, allowed=(201,))

    async def download(self, account: str, container: str, name: str) -> bytes | None:
        """The content, or None."""
        status, content = await self._send("GET", account, f"{container}/{name}", "", allowed=(200, 404))
        return content if status == 200 else None

    async def names(self, account: str, container: str, prefix: str = "") -> list[str]:
        """The names below a prefix; empty where the container is missing."""
        return [blob.findtext("Name", "") async for blob in self._listed(account, container, prefix)]

    async def _listed(self, account: str, container: str, prefix: str) -> AsyncGenerator[ET.Element]:
        marker = ""
        while True:
            query = (
                f"restype=container&comp=list&prefix={quote(prefix, safe='')}&marker={quote(marker, safe='')}"
            )
            status, content = await self._send("GET", account, container, query, allowed=(200, 404))
            if status == 404:
                return
            listing = ET.fromstring(content)  # noqa: S314 (Azurite's answer)
            for blob in listing.iter("Blob"):
                yield blob
            marker = listing.findtext("NextMarker") or ""
            if not marker:
                return

    async def etags(self, account: str, container: str, prefix: str) -> dict[str, str]:
        """The blobs below a prefix with their etags; empty where the container is missing."""
        return {
            blob.findtext("Name", ""): blob.findtext("Properties/Etag", "")
            async for blob in self._listed(account, container, prefix)
        }

    async def download_folder(self, account: str, container: str, prefix: str, target: Path) -> int:
        """Downloads all blobs below ``prefix`` into ``target``; returns how many.

        A blob named exactly ``prefix`` becomes ``target/NAME``.
        """
        folder = prefix.rstrip("/")
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> None:
            relative = PurePosixPath(name).name if name == folder else name.removeprefix(folder).lstrip("/")
            if ".." in PurePosixPath(relative).parts:
                raise ArmError(
                    400, "InvalidResourceName", f"The blob '{name}' would be written outside its folder."
                )
            async with slots:
                content = await self.download(account, container, name)
                if content is not None:
                    await asyncio.to_thread(_write, target / relative, content)

        names = [
            name
            for name in await self.names(account, container, folder)
            if (not folder or name == folder or name.startswith(f"{folder}/")) and not name.endswith("/")
        ]
        await asyncio.to_thread(target.mkdir, parents=True, exist_ok=True)
        await asyncio.gather(*map(one, names))
        return len(names)

    async def upload_folder(self, source: Path, account: str, container: str, prefix: str) -> int:
        """Uploads all files below ``source``; returns how many."""
        files = await asyncio.to_thread(_files, source)
        slots = asyncio.Semaphore(_AT_ONCE)
        start = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""

        async def one(path: Path) -> None:
            async with slots:
                content = await asyncio.to_thread(path.read_bytes)
                await self.upload(
                    account, container, f"{start}{path.relative_to(source).as_posix()}", content
                )

        await asyncio.gather(*map(one, files))
        return len(files)

    async def _send(
        self,
        method: str,
        account: str,
        path: str,
        query: str,
        content: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        allowed: tuple[int, ...] = (200,),
        service: Service = "blob",
    ) -> tuple[int, bytes]:
        status, answer, answered = await self._exchange(
            method, account, path, query, content, headers=headers, service=service
        )
        if status not in allowed:
            raise ArmError(
                502,
                "BlobOperationFailed",
                f"{method} of {service} {account}/{path} was answered {status}: "
                f"{answered.get('x-ms-error-code', 'no reason given')}.",
            )
        return status, answer

    async def _exchange(
        self,
        method: str,
        account: str,
        path: str,
        query: str,
        content: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        service: Service = "blob",
    ) -> tuple[int, bytes, Mapping[str, str]]:
        key = self.introduce(account)[0]
        port = await self._azurite.port(service, account)
        encoded = "/" + quote(path, safe="/!$'()*,-.:;@_~")
        sent = {
            "Host": f"{account}.{service}.core.windows.net",
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(content or b"")),
            "x-ms-date": formatdate(usegmt=True),
            "x-ms-version": _VERSION,
            **(headers or {}),
        }
        sign = table_authorization if service == "table" else authorization
        sent["Authorization"] = sign(account, key, method=method, path=encoded, query=query, headers=sent)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=32),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            )
        url = yarl.URL(f"http://127.0.0.1:{port}{encoded}{'?' if query else ''}{query}", encoded=True)
        async with self._session.request(method, url, data=content, headers=sent) as response:
            return response.status, await response.read(), response.headers


def _files(folder: Path) -> list[Path]:
    return [Path(inner) / name for inner, _, names in os.walk(folder) for name in names]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
