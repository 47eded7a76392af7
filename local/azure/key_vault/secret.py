"""Key Vault's data plane for secrets, on ``VAULT.vault.azure.net``.

Scope: set, get (any version), list, list versions, update, delete, deleted secrets with recovery and purge, the 401
challenge that clients begin with. Omitted: backup and restore, certificates: 501. Values are in the store only.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.key_vault import admission, version_store
from local.azure.key_vault.admission import check
from local.azure.resource_type import Answer, Call, Json, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure

_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")


def check_name(name: str) -> None:
    """Refuses a secret's name that isn't one.

    Raises:
        ArmError: 400.
    """
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"The secret name '{name}' is invalid: 1 to 127 letters, digits and hyphens.", code="BadParameter"
        )


def put(azure: Azure, vault: str, name: str, content: Json) -> Json:
    """Adds a version of a secret; returns it.

    Raises:
        ArmError: 409, a deleted secret of that name waits for recovery or purge.
    """
    version: Json = {
        **version_store.begun(azure, vault, "deleted", name, content),
        "value": content["value"],
        "contentType": content.get("contentType"),
    }
    version_store.save(
        azure, vault, "secret", name, [*version_store.load(azure, vault, "secret", name), version]
    )
    return version


def get(azure: Azure, vault: str, name: str, version: str = "") -> Json:
    """A version of a secret, by default the newest.

    Raises:
        ArmError: 404 there is none, 403 it is disabled.
    """
    for found in reversed(version_store.load(azure, vault, "secret", name)):
        if not version or found["version"] == version:
            if not found["attributes"]["enabled"]:
                raise ArmError(
                    403, "Forbidden", f"Operation get is not allowed on a disabled secret ({name})."
                )
            return found
    raise _missing(name, version)


def _missing(name: str, version: str = "") -> ArmError:
    shown = f"{name}/{version}" if version else name
    return ArmError(
        404, "SecretNotFound", f"A secret with (name/id) {shown} was not found in this key vault."
    )


def names(azure: Azure, vault: str) -> list[str]:
    """The names of a vault's secrets."""
    return version_store.names(azure, vault, "secret")


def forget(azure: Azure, vault: str) -> None:
    """Removes all secrets and keys of a vault for good."""
    azure.store.delete_secrets(f"keyvault/{vault}")


def arm_view_or_none(azure: Azure, vault: str, name: str) -> Json | None:
    """What ARM shows of a secret, or None."""
    versions = version_store.load(azure, vault, "secret", name)
    if not versions:
        return None
    newest = versions[-1]
    attributes: Json = {
        key: newest["attributes"].get(key) for key in ("enabled", "created", "updated", "exp", "nbf")
    }
    base = f"https://{vault.lower()}.vault.azure.net/secrets/{name}"
    properties = {
        "attributes": {key: value for key, value in attributes.items() if value is not None},
        "contentType": newest["contentType"],
        "secretUri": base,
        "secretUriWithVersion": f"{base}/{newest['version']}",
    }
    return {
        "tags": newest["tags"],
        "properties": {key: value for key, value in properties.items() if value is not None},
    }


def arm_view(azure: Azure, vault: str, name: str) -> Json:
    """What ARM shows of a secret.

    Raises:
        ArmError: 404, there is none.
    """
    found = arm_view_or_none(azure, vault, name)
    if found is None:
        raise _missing(name)
    return found


# --- the data plane


def _bundle(call: Call, secret: Json, *, value: bool = True, versioned: bool = True) -> Json:
    url = f"https://{call.host}/secrets/{secret['name']}"
    shown: Json = {
        "id": f"{url}/{secret['version']}" if versioned else url,
        "attributes": secret["attributes"],
        "tags": secret["tags"],
    }
    if secret["contentType"] is not None:
        shown["contentType"] = secret["contentType"]
    if value:
        shown["value"] = secret["value"]
    return shown


def _deleted(call: Call, secret: Json, *, value: bool = False) -> Json:
    now = secret["deletedDate"]
    return {
        **_bundle(call, secret, value=value, versioned=value),
        "recoveryId": f"https://{call.host}/deletedsecrets/{secret['name']}",
        "deletedDate": now,
        "scheduledPurgeDate": now + secret["attributes"].get("recoverableDays", 90) * 86400,
    }


async def _secret(azure: Azure, call: Call) -> Answer:
    vault = check(azure, call)
    name, version = call.captured["name"], call.captured.get("version") or ""
    match call.method:
        case "GET":
            return Answer(200, _bundle(call, get(azure, vault, name, version)))
        case "PUT":
            check_name(name)
            if not isinstance((call.body or {}).get("value"), str):
                raise bad_request("The parameter value is required.", code="BadParameter")
            return Answer(200, _bundle(call, put(azure, vault, name, call.body)))
        case "PATCH":
            return Answer(
                200, _bundle(call, update(azure, vault, name, version, call.body or {}), value=False)
            )
        case _:
            return Answer(200, _deleted(call, _delete(azure, vault, name)))


def update(azure: Azure, vault: str, name: str, version: str, change: Json) -> Json:
    """Changes attributes, content type and tags of a version; returns it.

    Raises:
        ArmError: 404, there is none.
    """
    versions = version_store.load(azure, vault, "secret", name)
    for found in reversed(versions):
        if not version or found["version"] == version:
            found["attributes"] |= {**(change.get("attributes") or {}), "updated": int(time.time())}
            for key in ("contentType", "tags"):
                if key in change:
                    found[key] = change[key]
            version_store.save(azure, vault, "secret", name, versions)
            return found
    raise _missing(name, version)


def _delete(azure: Azure, vault: str, name: str) -> Json:
    versions = version_store.load(azure, vault, "secret", name)
    if not versions:
        raise _missing(name)
    versions[-1]["deletedDate"] = int(time.time())
    version_store.save(azure, vault, "deleted", name, versions)
    version_store.drop(azure, vault, "secret", name)
    return versions[-1]


async def _versions(azure: Azure, call: Call) -> Answer:
    vault = check(azure, call)
    found = version_store.load(azure, vault, "secret", call.captured["name"])
    return Answer(200, {"value": [_bundle(call, secret, value=False) for secret in found], "nextLink": None})


async def _list(azure: Azure, call: Call) -> Answer:
    vault = check(azure, call)
    kind = "deleted" if "deletedsecrets" in call.path.lower() else "secret"
    newest = [
        version_store.load(azure, vault, kind, name)[-1] for name in version_store.names(azure, vault, kind)
    ]
    shown: list[Any] = [
        _deleted(call, secret) if kind == "deleted" else _bundle(call, secret, value=False, versioned=False)
        for secret in newest
    ]
    return Answer(200, {"value": shown, "nextLink": None})


async def _deleted_secret(azure: Azure, call: Call) -> Answer:
    vault, name = check(azure, call), call.captured["name"]
    versions = version_store.load(azure, vault, "deleted", name)
    if not versions:
        raise _missing(name)
    if call.method == "GET":
        return Answer(200, _deleted(call, versions[-1], value=True))
    if call.method == "POST":
        version_store.save(azure, vault, "secret", name, versions)
    if call.method == "DELETE":
        admission.check_purge(azure, vault)
    version_store.drop(azure, vault, "deleted", name)
    return Answer(200, _bundle(call, versions[-1], value=False)) if call.method == "POST" else Answer(204)


def _route(path: str, handle: Any, *methods: str) -> Route:
    host = re.compile(r"(?P<vault>[a-z0-9-]+)\.vault\.azure\.net", re.IGNORECASE)
    return Route(host, re.compile(f"/{path}/?", re.IGNORECASE), handle, methods, authenticated=False)


ROUTES = (
    _route(r"(secrets|deletedsecrets)", _list, "GET"),
    _route(r"secrets/(?P<name>[^/]+)/versions", _versions, "GET"),
    _route(r"secrets/(?P<name>[^/]+)(/(?P<version>[^/]*))?", _secret, "GET", "PUT", "PATCH", "DELETE"),
    _route(r"deletedsecrets/(?P<name>[^/]+)", _deleted_secret, "GET", "DELETE"),
    _route(r"deletedsecrets/(?P<name>[^/]+)/recover", _deleted_secret, "POST"),
)
