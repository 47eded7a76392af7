"""The HTTPS proxy: CONNECT to Azure's own host names ends here, every other host is refused.

A connection becomes the TLS connection of the host it asked for, in place: no second hop. Plain requests are served as
well (``GET /health``). Listens on loopback only.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, cast

from local.azure.access import vantage

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.azure.certificate import Authority

_HOSTS = (
    "management.azure.com",
    "graph.microsoft.com",
    "login.microsoftonline.com",
    (
        r"[a-z0-9]+(-secondary|-(internet|microsoft)routing)?(\.z[0-9]+)?\.(blob|queue|table|file|dfs|web)"
        r"\.(core\.windows|storage\.azure)\.net"
    ),
    r"[a-z0-9-]+\.vault\.azure\.net",
    r"[a-z0-9-]+\.[a-z0-9]+\.inference\.ml\.azure\.com",
    r"[a-z0-9-]+\.[a-z0-9]+\.models\.ai\.azure\.com",
    r"([a-z0-9-]+\.)+api\.azureml\.ms",
    r"cert-[a-z0-9]+\.experiments\.azureml\.net",
    r"[a-z0-9-]+\.[a-z0-9-]+\.eventgrid\.azure\.net",
    r"prod-[0-9]+\.[a-z0-9]+\.logic\.azure\.com",
    r"[a-z0-9-]+\.servicebus\.windows\.net",
    r"api\.loganalytics\.(io|azure\.com)",
)
AZURE = re.compile("|".join(f"({host})" for host in _HOSTS), re.IGNORECASE)
_AUTHORIZATION = re.compile(r"\r\nProxy-Authorization:([^\r]*)\r\n", re.IGNORECASE)
_HEAD_LIMIT = 16_384
_HEAD_TIMEOUT = 30.0


class ProxyConnection(asyncio.Protocol):
    """One client connection, until it is known what it is."""

    def __init__(
        self, authority: Authority, serve: Callable[[str], asyncio.Protocol], tasks: set[asyncio.Task[None]]
    ) -> None:
        self._authority = authority
        self._serve = serve
        self._tasks = tasks
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._timer = asyncio.get_running_loop().call_later(_HEAD_TIMEOUT, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went away before asking for anything."""
        del exc
        self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Collects the head of the first request."""
        self._head += data
        if b"\r\n\r\n" not in self._head:
            if len(self._head) > _HEAD_LIMIT:
                self._refuse(431, "The head of the request is too long.")
            return
        self._timer.cancel()
        method, _, rest = self._head.partition(b" ")
        target = rest.partition(b" ")[0].decode("latin-1")
        if method == b"CONNECT":
            found = _AUTHORIZATION.search(self._head.decode("latin-1"))
            self._connect(target, vantage.read(found[1]) if found else "")
        elif target.startswith("/"):
            handler = self._serve("")
            self._transport.set_protocol(handler)
            handler.connection_made(self._transport)
            handler.data_received(self._head)
        else:
            self._refuse(
                403,
                f"Local Azure does not fetch {target.split('?', maxsplit=1)[0]}: it answers Azure's own hosts, over HTTPS.",
            )

    def _connect(self, target: str, place: str) -> None:
        host, _, port = target.lower().rpartition(":")
        if port != "443" or not AZURE.fullmatch(host):
            self._refuse(
                403,
                f"Local Azure does not connect to {target}: it answers Azure's own hosts and lets nothing else out. "
                "A command that needs the network must run without HTTPS_PROXY.",
            )
            return
        self._transport.pause_reading()
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        task = asyncio.get_running_loop().create_task(self._secure(host, place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _secure(self, host: str, place: str) -> None:
        handler = self._serve(place)
        try:
            secure = await asyncio.get_running_loop().start_tls(
                self._transport,
                handler,
                self._authority.context(host),
                server_side=True,
                ssl_handshake_timeout=30,
            )
        except (OSError, asyncio.CancelledError):
            # A client that doesn't trust the CA, or went away.
            self._transport.abort()
            return
        if secure is None:
            return
        handler.connection_made(secure)

    def _refuse(self, status: int, reason: str) -> None:
        self._timer.cancel()
        body = f"{reason}\n".encode()
        self._transport.write(
            f"HTTP/1.1 {status} Refused by local Azure\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        self._transport.close()


async def listen(
    port: int, authority: Authority, serve: Callable[[str], Any], tasks: set[asyncio.Task[None]]
) -> asyncio.Server:
    """Listens on loopback. ``serve`` makes an HTTP protocol for connections from a place (``access.vantage``).

    Raises:
        OSError: the port is in use.
    """
    return await asyncio.get_running_loop().create_server(
        lambda: ProxyConnection(authority, serve, tasks), "127.0.0.1", port, backlog=512, reuse_address=True
    )
