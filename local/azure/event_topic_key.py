"""The two keys of Event Grid's topics and domains, with which clients publish. Made when they are first asked for."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.resource_type import Answer, Call, Record

if TYPE_CHECKING:
    from local.azure.azure import Azure


async def listed(azure: Azure, _call: Call, record: Record) -> Answer:
    """``listKeys``."""
    return Answer(
        200, {"key1": access_key(azure, record.id, "key1"), "key2": access_key(azure, record.id, "key2")}
    )


async def regenerated(azure: Azure, call: Call, record: Record) -> Answer:
    """``regenerateKey``: another key in the place of the one that is named."""
    name = str((call.body or {}).get("keyName") or "")
    if name not in ("key1", "key2"):
        raise bad_request(
            f"The key '{name}' is none of key1 and key2.", code="InvalidRequest", target="keyName"
        )
    azure.store.put_secret(f"{record.id}/{name}", _new_key())
    return await listed(azure, call, record)


def access_key(azure: Azure, topic: str, name: str) -> str:
    """A topic's key, made when it is first asked for."""
    key = azure.store.secret(f"{topic}/{name}")
    if key is None:
        key = _new_key()
        azure.store.put_secret(f"{topic}/{name}", key)
    return key


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
