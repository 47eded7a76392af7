"""Signing in as a service principal: tokens of ``login.microsoftonline.com``, kept until shortly before they end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

_SPARE_SECONDS = 120


class SignInError(Exception):
    """The token endpoint refused."""


@dataclass
class Credential:
    """A service principal's secret. Its representation has no secret."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]], repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def token(self, session: aiohttp.ClientSession, proxy: str, scope: str) -> str:
        """An access token for ``scope``."""
        async with self._lock:
            known = self._tokens.get(scope)
            if known is not None and known[1] > time.monotonic():
                return known[0]
            async with session.post(
                f"https://login.microsoftonline.com/{self.tenant_id}/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": self.client_id,
                    "client_secret": self.client_secret,
                    "scope": scope,
                },
                proxy=proxy,
            ) as answer:
                body = await answer.json(content_type=None)
            if "access_token" not in body:
                description = body.get("error_description") or body.get("error") or f"HTTP {answer.status}"
                raise SignInError(
                    f"Signing in as {self.client_id} in tenant {self.tenant_id} failed: {description}"
                )
            token = str(body["access_token"])
            self._tokens[scope] = (
                token,
                time.monotonic() + float(body.get("expires_in", 0)) - _SPARE_SECONDS,
            )
            return token
