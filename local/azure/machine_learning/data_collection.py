"""What Azure ML's data collector sends, received and written to blob storage.

On managed endpoints ``azureml-ai-monitoring`` posts each payload to a sidecar on the machine (``/modeldata/log`` at
``AZUREML_MDC_HOST:AZUREML_MDC_PORT``) which writes to the workspace's blob store. Here one listener on loopback is the
sidecar of all deployments; the password in a deployment's ``AZUREML_MDC_HOST`` says whose payload it is.

Destination: ``{folder of the collection's data asset, else modelDataCollector/{endpoint}/{deployment}/{collection}}/
YYYY/MM/DD/HH/{instance}.jsonl`` (UTC, hour of the event), one JSON object a line, as Azure writes them:
``specversion, id, source, type, datacontenttype, time, data, correlationid, xrequestid, modelversion,
collectdatatype, agent, contentrange`` (Azure docs, "Collect production data from models").
Payloads are acknowledged at once and written at most ``FLUSH_SECONDS`` later, and at stop; kill -9 loses what was not
yet written.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, web

from local.azure.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.azure.azure import Blobs
    from local.azure.resource_type import Json

FLUSH_SECONDS = 0.5
#: Azure Storage takes at most 4 MiB an append.
_APPEND_BYTES = 4 * 1024 * 1024
#: Lines kept while the blob store doesn't answer; then the oldest go, said in the log.
_WAITING_LINES = 100_000
_USER = "mdc"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Folder:
    """A folder of blobs."""

    account: str
    container: str
    path: str


@dataclass(frozen=True)
class Sink:
    """Where one deployment's collections go. ``source`` is the deployment's ARM id, ``instance`` names its files."""

    source: str
    instance: str
    folders: Mapping[str, Folder]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


def settings(collector: Mapping[str, Any]) -> Json:
    """The collector's own configuration file, from a deployment's ``dataCollector``."""
    collections: Json = {}
    for name, collection in (collector.get("collections") or {}).items():
        rate = collection.get("samplingRate")
        collections[name] = {
            "enabled": str(collection.get("dataCollectionMode", "")).lower() == "enabled",
            "sampleRatePercentage": 100 if rate is None else float(rate) * 100,
        }
    return {"runMode": "cloud", "collections": collections}


def enabled(collector: Mapping[str, Any]) -> list[str]:
    """The names of the enabled collections."""
    return [name for name, one in settings(collector)["collections"].items() if one["enabled"]]


def line(sink: Sink, headers: Mapping[str, str], content: bytes) -> tuple[str, datetime, Json]:
    """The collection, the event's time and the line of one payload, from what the collector posts."""
    lower = {name.lower(): value for name, value in headers.items()}
    event = lower.get("ce-type", "")
    collection = event.removeprefix("azureml.inference.")
    seconds = float(lower.get("ce-time") or 0)
    time = datetime.fromtimestamp(seconds, UTC)
    kind = lower.get("content-type", "application/json")
    request = lower.get("ce-x-request-id", "")
    data: Any = (
        json.loads(content) if kind.startswith("application/json") else content.decode(errors="replace")
    )
    return (
        collection,
        time,
        {
            "specversion": "1.0",
            "id": lower.get("trace-id", ""),
            "source": sink.source,
            "type": event,
            "datacontenttype": kind,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "data": data,
            "correlationid": request,
            "xrequestid": request,
            "modelversion": lower.get("ce-model-version", "default"),
            "collectdatatype": lower.get("ce-collect-data-type", ""),
            "agent": lower.get("ce-agent", ""),
            "contentrange": f"bytes 0-{max(len(content) - 1, 0)}/{len(content)}",
        },
    )


class Collection:
    """The listener and what waits to be written."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._sinks: dict[str, Sink] = {}
        self._waiting: defaultdict[tuple[str, str, str], list[bytes]] = defaultdict(list)
        self._flushing = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Listens on a free port of loopback."""
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_post("/modeldata/log", self._receive)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def run(self) -> None:
        """Writes what waits, again and again; ends by cancellation."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def stop(self) -> None:
        """Stops listening and writes what waits."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self.flush()

    def admit(self, sink: Sink, collector: Mapping[str, Any], folder: Path) -> dict[str, str]:
        """Takes payloads of a deployment from now on; the variables its process needs."""
        self._sinks[sink.token] = sink
        path = folder / "collector.json"
        path.write_text(json.dumps(settings(collector)))
        return {
            "AZUREML_MDC_CONFIG_PATH": str(path),
            "AZUREML_MDC_HOST": f"{_USER}:{sink.token}@127.0.0.1",
            "AZUREML_MDC_PORT": str(self._port),
        }

    def dismiss(self, sink: Sink) -> None:
        """Takes no more payloads of a deployment."""
        self._sinks.pop(sink.token, None)

    def take(self, sink: Sink, headers: Mapping[str, str], content: bytes) -> bool:
        """Queues one payload; False where its collection isn't collected."""
        collection, time, entry = line(sink, headers, content)
        folder = sink.folders.get(collection)
        if folder is None:
            return False
        name = f"{folder.path.strip('/')}/{time:%Y/%m/%d/%H}/{sink.instance}.jsonl"
        text = json.dumps(entry, separators=(",", ":"))
        self._waiting[folder.account, folder.container, name].append(text.encode() + b"\n")
        return True

    async def flush(self) -> None:
        """Writes what waits; what can't be written waits on."""
        async with self._flushing:
            for place, lines in list(self._waiting.items()):
                account, container, name = place
                while lines:
                    count, block = _block(lines)
                    try:
                        await self._blobs.append(account, container, name, block)
                    except (ArmError, ClientError, OSError) as error:
                        _log.error("Collected data waits, %s/%s can't be written: %s", container, name, error)
                        break
                    # Only now: a write that was interrupted is repeated, so that lines come at least once.
                    del lines[:count]
                if len(lines) > _WAITING_LINES:
                    _log.error(
                        "Collected data of %s: %d lines are dropped.", name, len(lines) - _WAITING_LINES
                    )
                    del lines[:-_WAITING_LINES]
                if not lines:
                    del self._waiting[place]

    async def _receive(self, request: web.Request) -> web.Response:
        sink = self._sinks.get(_password(request.headers.get("Authorization", "")))
        if sink is None:
            return web.Response(status=401, text="Unknown deployment.")
        try:
            taken = self.take(sink, request.headers, await request.read())
        except (ValueError, OverflowError) as error:
            return web.Response(status=400, text=f"The payload can't be read: {error}")
        return web.Response(status=200) if taken else web.Response(status=404, text="Not a collection.")


def _block(lines: list[bytes]) -> tuple[int, bytes]:
    """How many of the first lines fit one append, and those; at least one."""
    size = count = 0
    for entry in lines:
        if count and size + len(entry) > _APPEND_BYTES:
            break
        size += len(entry)
        count += 1
    return count, b"".join(lines[:count])


def _password(authorization: str) -> str:
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return ""
    return password if user == _USER else ""
