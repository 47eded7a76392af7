"""The keys of vaults, with all their versions, private halves and all: see ``version_store``."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.azure.errors import ArmError, bad_request
from local.azure.key_vault import admission, crypto, version_store

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json

_URL = re.compile(r"(?P<vault>https://[^/]+)/keys/(?P<name>[^/]+)(/(?P<version>[^/]*))?/?", re.IGNORECASE)
KEY, DELETED, POLICY = "key", "deletedkey", "keyrotationpolicy"


def rotation_policy(azure: Azure, vault: str, name: str) -> Json:
    """A key's rotation policy; kept, and not followed by itself."""
    text = azure.store.secret(version_store.address(vault, POLICY, name))
    if text is not None:
        return json.loads(text)
    return {"lifetimeActions": [{"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}}]}


def set_rotation_policy(azure: Azure, vault: str, name: str, policy: Json) -> None:
    """Replaces it."""
    azure.store.put_secret(version_store.address(vault, POLICY, name), json.dumps(policy))


def add(azure: Azure, vault: str, name: str, private: crypto.PrivateKey, given: Json) -> Json:
    """Adds a version of a key; returns it. ``given`` has ``key_ops``, ``attributes`` and ``tags``.

    Raises:
        ArmError: 409, a deleted key of that name waits for recovery or purge.
    """
    public = crypto.public_jwk(private)
    version: Json = {
        **version_store.begun(azure, vault, DELETED, name, given),
        "private": crypto.to_text(private),
        "public": public,
        "key_ops": given.get("key_ops") or crypto.operations(public["kty"]),
    }
    version_store.save(azure, vault, KEY, name, [*version_store.load(azure, vault, KEY, name), version])
    return version


def find(azure: Azure, vault: str, name: str, version: str = "") -> Json:
    """A version of a key, by default the newest.

    Raises:
        ArmError: 404, there is none.
    """
    for found in reversed(version_store.load(azure, vault, KEY, name)):
        if not version or found["version"] == version:
            return found
    raise missing(name, version)


def missing(name: str, version: str = "") -> ArmError:
    """404 for a key."""
    shown = f"{name}/{version}" if version else name
    return ArmError(404, "KeyNotFound", f"A key with (name/id) {shown} was not found in this key vault.")


def expires(azure: Azure, url: str) -> str:
    """When the version of a key that a URL names expires; Azure says 1970 where it doesn't."""
    found = _URL.fullmatch(url)
    vault = (urlsplit(url).hostname or "").partition(".")[0]
    versions = version_store.load(azure, vault, KEY, found["name"]) if found is not None else []
    times = [one["attributes"].get("exp") for one in versions if url.endswith(f"/{one['version']}")]
    return datetime.fromtimestamp((times[0] if times else None) or 0, UTC).isoformat()


def by_url(azure: Azure, url: str) -> str:
    """The URL of the version in use of a key that is named by its URL, with or without a version.

    Raises:
        ArmError: 400, it is no URL of a key, or there is no such key.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise bad_request(
            f"'{url}' is not the URL of a key (https://VAULT.vault.azure.net/keys/NAME).",
            code="InvalidRequestPropertyValue",
            target="keyVaultProperties",
        )
    return versioned(azure, found["vault"], found["name"], found["version"] or "")


def versioned(azure: Azure, vault_uri: str, name: str, version: str) -> str:
    """The URL of the version of a vault's key that is in use: the one named, else the newest.

    A vault that local Azure doesn't have is another tenant's: a version that is named there is taken as given.

    Raises:
        ArmError: 400, there is no such vault or key.
    """
    base = vault_uri.rstrip("/")
    vault = (urlsplit(base).hostname or "").partition(".")[0]
    if not azure.store.named(admission.VAULT, vault):
        if version:
            return f"{base}/keys/{name}/{version}"
        raise bad_request(
            f"The vault {base} was not found; make it first, with the key '{name}'.",
            code="KeyVaultVaultNotFound",
        )
    versions = [found["version"] for found in version_store.load(azure, vault, KEY, name)]
    if not versions or (version and version not in versions):
        raise bad_request(
            f"The vault {base} has no key '{name}{f'/{version}' if version else ''}'.",
            code="KeyVaultEncryptionKeyNotFound",
        )
    return f"{base}/keys/{name}/{version or versions[-1]}"
