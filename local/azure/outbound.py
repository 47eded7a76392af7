"""Requests that local Azure's own services make: web hooks of Event Grid, actions of Logic Apps.

Azure's hosts are reached through local Azure itself, this machine's loopback directly, and another host only if
``MLOPS_LOCAL_FORWARD`` (``HOST=http://127.0.0.1:PORT``, several with commas between) leads it to loopback. Nothing leaves.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import yarl

from local.azure.errors import ArmError, unsupported
from local.azure.proxy import AZURE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure

FORWARD = "MLOPS_LOCAL_FORWARD"
_LOOPBACK = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Reply:
    """What was answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@lru_cache(maxsize=4)
def _trust(bundle: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=bundle)


def forwards(text: str) -> dict[str, str]:
    """``MLOPS_LOCAL_FORWARD``, read: host → URL on loopback.

    Raises:
        ArmError: 400, a part isn't ``HOST=URL``, or its URL leads elsewhere.
    """
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        host, _, url = part.partition("=")
        if urlsplit(url).scheme != "http" or urlsplit(url).hostname not in _LOOPBACK:
            raise ArmError(
                400,
                "ForwardNotOnLoopback",
                f"{FORWARD}: '{part}' leads out of this machine; write HOST=http://127.0.0.1:PORT.",
            )
        found[host.lower()] = url.rstrip("/")
    return found


def reachable(azure: Azure, url: str) -> bool:
    """Whether a URL's host is one that requests of local Azure can go to."""
    host = (urlsplit(url).hostname or "").lower()
    known = forwards(azure.package_environment().get(FORWARD, ""))
    return host in _LOOPBACK or host in known or AZURE.fullmatch(host) is not None


async def send(
    azure: Azure,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109 (of the connection, not of the task)
) -> Reply:
    """Makes a request; redirects aren't followed.

    Raises:
        ArmError: 501, its host is neither Azure's nor led to loopback.
        aiohttp.ClientError, TimeoutError: nobody answered.
    """
    split = urlsplit(url)
    host = (split.hostname or "").lower()
    proxy, context = None, None
    forwarded = forwards(azure.package_environment().get(FORWARD, "")).get(host)
    if forwarded is not None:
        url = f"{forwarded}{split.path}{'?' if split.query else ''}{split.query}"
    elif split.scheme == "https" and AZURE.fullmatch(host):
        environment = azure.client_environment()
        proxy, context = environment["HTTPS_PROXY"], _trust(environment["REQUESTS_CA_BUNDLE"])
    elif host not in _LOOPBACK:
        raise unsupported(
            f"A request to '{host}' (lead it to this machine with {FORWARD}; nothing leaves it)"
        )
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as session,
        session.request(
            method,
            yarl.URL(url, encoded=True),
            headers=dict(headers),
            data=content,
            proxy=proxy,
            ssl=context if context is not None else True,
            allow_redirects=False,
        ) as response,
    ):
        answered = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, answered, await response.read())
