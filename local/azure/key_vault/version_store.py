"""The versions of a vault's keys and secrets, in the store's secrets: what both are kept by."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING

from local.azure.errors import conflict
from local.azure.key_vault import admission

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json

#: What is kept, and the collection that ARM and the vault show it in.
_COLLECTIONS = {"key": "keys", "deletedkey": "keys", "secret": "secrets", "deleted": "secrets"}


def address(vault: str, kind: str, name: str) -> str:
    """Where the store has it."""
    return f"keyvault/{vault}/{kind}/{name}"


def load(azure: Azure, vault: str, kind: str, name: str) -> list[Json]:
    """All versions, oldest first; empty if there is none."""
    text = azure.store.secret(address(vault, kind, name))
    return json.loads(text) if text is not None else []


def save(azure: Azure, vault: str, kind: str, name: str, versions: list[Json]) -> None:
    """Replaces all versions."""
    azure.store.put_secret(address(vault, kind, name), json.dumps(versions))
    admission.changed(azure, vault, _COLLECTIONS[kind], name)


def drop(azure: Azure, vault: str, kind: str, name: str) -> None:
    """Removes all versions."""
    azure.store.delete_secrets(address(vault, kind, name))
    admission.changed(azure, vault, _COLLECTIONS[kind], name)


def names(azure: Azure, vault: str, kind: str) -> list[str]:
    """What a vault has of a kind."""
    return azure.store.secret_names(f"keyvault/{vault}/{kind}")


def begun(azure: Azure, vault: str, deleted: str, name: str, given: Json) -> Json:
    """What versions of keys and secrets have in common; ``given`` has ``attributes`` and ``tags``.

    Raises:
        ArmError: 409, one of that name was ``deleted`` (a kind) and waits for recovery or purge.
    """
    if load(azure, vault, deleted, name):
        noun = _COLLECTIONS[deleted].removesuffix("s").capitalize()
        raise conflict(
            f"{noun} {name} is currently in a deleted but recoverable state, and its name cannot be reused; recover or purge it.",
            code="Conflict",
        )
    now = int(time.time())
    attributes = {key: value for key, value in (given.get("attributes") or {}).items() if value is not None}
    return {
        "version": uuid.uuid4().hex,
        "name": name,
        "tags": given.get("tags") or {},
        "attributes": {
            "enabled": True,
            **attributes,
            "created": now,
            "updated": now,
            **admission.recovery(azure, vault),
        },
    }
