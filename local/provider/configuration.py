"""Configure: whom to sign in as, and the promise that nothing but local Azure is reached.

Values come from the stack's ``azure-native:*`` configuration, else from ``ARM_*`` in the environment. The proxy in
``HTTPS_PROXY`` must be local Azure: on loopback, and its ``/health`` says so.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from local.provider.arm_client import ArmClient
from local.provider.credential import Credential

if TYPE_CHECKING:
    from collections.abc import Mapping

_OFFICIAL = (
    "This azure-native provider deploys to local Azure only; for the real cloud use the official Pulumi CLI, which "
    "brings Microsoft's provider."
)
_START = 'Start local Azure (python -m local start) and load its environment (eval "$(python -m local env)").'
_NAMES = {
    "subscriptionId": "ARM_SUBSCRIPTION_ID",
    "tenantId": "ARM_TENANT_ID",
    "clientId": "ARM_CLIENT_ID",
    "clientSecret": "ARM_CLIENT_SECRET",
}


class ConfigurationError(Exception):
    """The provider can't run as configured."""


@dataclass(frozen=True)
class Configuration:
    """What the provider runs with."""

    subscription_id: str
    credential: Credential
    location: str | None
    proxy: str
    authority: str | None

    @classmethod
    def read(cls, values: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Configuration:
        """From the engine's configuration and the environment; ``ConfigurationError`` names what is missing."""
        found = {key: str(values.get(key) or environment.get(name, "")) for key, name in _NAMES.items()}
        missing = [f"azure-native:{key} ({_NAMES[key]})" for key, value in found.items() if not value]
        if missing:
            raise ConfigurationError(f"azure-native can't sign in without {', '.join(missing)}. {_START}")
        cloud = str(values.get("environment") or environment.get("ARM_ENVIRONMENT") or "public")
        if cloud != "public":
            raise ConfigurationError(
                f"azure-native:environment is {cloud!r}; local Azure is the public cloud only."
            )
        return cls(
            subscription_id=found["subscriptionId"],
            credential=Credential(found["tenantId"], found["clientId"], found["clientSecret"]),
            location=str(values["location"]) if values.get("location") else None,
            proxy=loopback_proxy(environment),
            authority=environment.get("SSL_CERT_FILE") or environment.get("REQUESTS_CA_BUNDLE"),
        )

    async def connect(self) -> ArmClient:
        """A client, once ``/health`` has said that the proxy is local Azure."""
        trust = ssl.create_default_context(cafile=self.authority)
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust, limit=32))
        try:
            await _ask_health(session, self.proxy)
        except BaseException:
            await session.close()
            raise
        return ArmClient(session, self.proxy, self.credential)


def loopback_proxy(environment: Mapping[str, str]) -> str:
    """``HTTPS_PROXY``, if it is on this machine."""
    proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
    if not proxy:
        raise ConfigurationError(f"HTTPS_PROXY is not set. {_OFFICIAL} {_START}")
    host = urlsplit(proxy).hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ConfigurationError(f"HTTPS_PROXY is {host or proxy!r}, not this machine. {_OFFICIAL} {_START}")
    return proxy


async def _ask_health(session: aiohttp.ClientSession, proxy: str) -> None:
    url = proxy.rstrip("/") + "/health"
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=10)) as answer:
            body = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ConfigurationError(f"Local Azure doesn't answer at {url} ({error}). {_START}") from error
    if not isinstance(body, dict) or body.get("service") != "local-azure":
        raise ConfigurationError(f"What answers at {url} isn't local Azure. {_OFFICIAL} {_START}")
