"""Key Vault's data plane for keys, on ``VAULT.vault.azure.net``.

Scope: create, import, get (any version), list, list versions, update, rotate, rotation policies (kept), delete, deleted keys
with recovery and purge; encrypt, decrypt, wrap, unwrap, sign and verify with real keys (``crypto``). Omitted: backup and
restore, secure key release, random bytes, keys in an HSM: 501; rotation by the clock.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.key_vault import crypto, key_store, version_store
from local.azure.key_vault.admission import check, check_purge
from local.azure.key_vault.key_store import DELETED, KEY
from local.azure.resource_type import Answer, Call, Json, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure

_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
#: What a path calls an operation, and what ``key_ops`` calls it.
_OPERATIONS = {
    "encrypt": "encrypt",
    "decrypt": "decrypt",
    "wrapkey": "wrapKey",
    "unwrapkey": "unwrapKey",
    "sign": "sign",
    "verify": "verify",
}


def check_name(name: str) -> None:
    """Refuses a key's name that isn't one (400)."""
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"The key name '{name}' is invalid: 1 to 127 letters, digits and hyphens.", code="BadParameter"
        )


def _id(call: Call, key: Json) -> str:
    return f"https://{call.host}/keys/{key['name']}/{key['version']}"


def _bundle(call: Call, key: Json) -> Json:
    jwk = {"kid": _id(call, key), **key["public"], "key_ops": key["key_ops"]}
    return {"key": jwk, "attributes": key["attributes"], "tags": key["tags"]}


def _item(call: Call, key: Json, *, versioned: bool) -> Json:
    kid = _id(call, key) if versioned else f"https://{call.host}/keys/{key['name']}"
    return {"kid": kid, "attributes": key["attributes"], "tags": key["tags"]}


def _deletion(call: Call, key: Json) -> Json:
    when = key["deletedDate"]
    return {
        "recoveryId": f"https://{call.host}/deletedkeys/{key['name']}",
        "deletedDate": when,
        "scheduledPurgeDate": when + key["attributes"]["recoverableDays"] * 86400,
    }


async def _create(azure: Azure, call: Call) -> Answer:
    vault, name = check(azure, call), call.captured["name"]
    check_name(name)
    given: Json = call.body or {}
    private = crypto.generate(str(given.get("kty", "")), given.get("key_size"), given.get("crv"))
    return Answer(200, _bundle(call, key_store.add(azure, vault, name, private, given)))


async def _key(azure: Azure, call: Call) -> Answer:
    vault = check(azure, call)
    name, version = call.captured["name"], call.captured.get("version") or ""
    match call.method:
        case "GET":
            return Answer(200, _bundle(call, key_store.find(azure, vault, name, version)))
        case "PUT":
            check_name(name)
            given: Json = call.body or {}
            jwk: Json = given.get("key") or {}
            if given.get("hsm"):
                raise unsupported("A key in an HSM")
            content = {"key_ops": jwk.get("key_ops"), **given}
            return Answer(
                200, _bundle(call, key_store.add(azure, vault, name, crypto.imported(jwk), content))
            )
        case "PATCH":
            return Answer(200, _bundle(call, update(azure, vault, name, version, call.body or {})))
        case _:
            return Answer(200, _delete(azure, call, vault, name))


def update(azure: Azure, vault: str, name: str, version: str, change: Json) -> Json:
    """Changes attributes, tags and operations of a version; returns it.

    Raises:
        ArmError: 404, there is none.
    """
    wanted = key_store.find(azure, vault, name, version)["version"]
    versions = version_store.load(azure, vault, KEY, name)
    found = next(key for key in versions if key["version"] == wanted)
    found["attributes"] |= {**(change.get("attributes") or {}), "updated": int(time.time())}
    for part in ("tags", "key_ops"):
        if change.get(part) is not None:
            found[part] = change[part]
    version_store.save(azure, vault, KEY, name, versions)
    return found


def _delete(azure: Azure, call: Call, vault: str, name: str) -> Json:
    versions = version_store.load(azure, vault, KEY, name)
    if not versions:
        raise key_store.missing(name)
    versions[-1]["deletedDate"] = int(time.time())
    version_store.save(azure, vault, DELETED, name, versions)
    version_store.drop(azure, vault, KEY, name)
    return {**_bundle(call, versions[-1]), **_deletion(call, versions[-1])}


async def _versions(azure: Azure, call: Call) -> Answer:
    vault = check(azure, call)
    found = version_store.load(azure, vault, KEY, call.captured["name"])
    return Answer(200, {"value": [_item(call, key, versioned=True) for key in found], "nextLink": None})


async def _list(azure: Azure, call: Call) -> Answer:
    vault = check(azure, call)
    deleted = "deletedkeys" in call.path.lower()
    kind = DELETED if deleted else KEY
    newest = [
        version_store.load(azure, vault, kind, name)[-1] for name in version_store.names(azure, vault, kind)
    ]
    shown: list[Any] = [
        {**_item(call, key, versioned=False), **(_deletion(call, key) if deleted else {})} for key in newest
    ]
    return Answer(200, {"value": shown, "nextLink": None})


async def _deleted_key(azure: Azure, call: Call) -> Answer:
    vault, name = check(azure, call), call.captured["name"]
    versions = version_store.load(azure, vault, DELETED, name)
    if not versions:
        raise key_store.missing(name)
    newest = versions[-1]
    if call.method == "GET":
        return Answer(200, {**_bundle(call, newest), **_deletion(call, newest)})
    if call.method == "DELETE":
        check_purge(azure, vault)
        version_store.drop(azure, vault, DELETED, name)
        return Answer(204)
    version_store.save(azure, vault, KEY, name, versions)
    version_store.drop(azure, vault, DELETED, name)
    return Answer(200, _bundle(call, newest))


async def _rotate(azure: Azure, call: Call) -> Answer:
    vault, name = check(azure, call), call.captured["name"]
    newest = key_store.find(azure, vault, name)
    private = crypto.from_text(newest["private"])
    public = newest["public"]
    size = getattr(private, "key_size", None) if public["kty"] == "RSA" else None
    fresh = crypto.generate(public["kty"], size, public.get("crv"))
    kept = {"key_ops": newest["key_ops"], "tags": newest["tags"]}
    return Answer(200, _bundle(call, key_store.add(azure, vault, name, fresh, kept)))


async def _rotation_policy(azure: Azure, call: Call) -> Answer:
    vault, name = check(azure, call), call.captured["name"]
    key_store.find(azure, vault, name)
    if call.method == "PUT":
        key_store.set_rotation_policy(azure, vault, name, call.body or {})
    policy = key_store.rotation_policy(azure, vault, name)
    return Answer(200, {"id": f"https://{call.host}/keys/{name}/rotationpolicy", **policy})


async def _operate(azure: Azure, call: Call) -> Answer:
    vault = check(azure, call)
    name, version = call.captured["name"], call.captured.get("version") or ""
    key = key_store.find(azure, vault, name, version)
    operation, given = call.captured["operation"].lower(), call.body or {}
    _check_use(key, _OPERATIONS[operation])
    algorithm = str(given.get("alg", ""))
    value = crypto.decoded(given.get("value", ""))
    private = crypto.from_text(key["private"])
    if operation == "verify":
        digest = crypto.decoded(given.get("digest", ""))
        return Answer(200, {"value": crypto.verify(private, algorithm, digest, value)})
    if operation == "sign":
        result = crypto.sign(private, algorithm, value)
    elif operation in ("encrypt", "wrapkey"):
        result = crypto.encrypt(private, algorithm, value)
    else:
        result = crypto.decrypt(private, algorithm, value)
    return Answer(200, {"kid": _id(call, key), "value": crypto.encoded(result)})


def _check_use(key: Json, operation: str) -> None:
    attributes: Json = key["attributes"]
    now = time.time()
    if not attributes["enabled"]:
        reason = "a disabled key"
    elif attributes.get("nbf") is not None and now < attributes["nbf"]:
        reason = "a key before its time (nbf)"
    elif (
        attributes.get("exp") is not None
        and now >= attributes["exp"]
        and operation in ("encrypt", "wrapKey", "sign")
    ):
        reason = "an expired key"
    elif operation not in key["key_ops"]:
        reason = "a key whose operations leave it out"
    else:
        return
    raise ArmError(403, "Forbidden", f"Operation {operation} is not allowed on {reason} ({key['name']}).")


def _route(path: str, handle: Any, *methods: str) -> Route:
    host = re.compile(r"(?P<vault>[a-z0-9-]+)\.vault\.azure\.net", re.IGNORECASE)
    return Route(host, re.compile(f"/{path}/?", re.IGNORECASE), handle, methods, authenticated=False)


ROUTES = (
    _route(r"(keys|deletedkeys)", _list, "GET"),
    _route(r"keys/(?P<name>[^/]+)/versions", _versions, "GET"),
    _route(r"keys/(?P<name>[^/]+)/create", _create, "POST"),
    _route(r"keys/(?P<name>[^/]+)/rotate", _rotate, "POST"),
    _route(r"keys/(?P<name>[^/]+)/rotationpolicy", _rotation_policy, "GET", "PUT"),
    _route(
        r"keys/(?P<name>[^/]+)(/(?P<version>[^/]*))?/(?P<operation>encrypt|decrypt|wrapkey|unwrapkey|sign|verify)",
        _operate,
        "POST",
    ),
    _route(r"keys/(?P<name>[^/]+)(/(?P<version>[^/]*))?", _key, "GET", "PUT", "PATCH", "DELETE"),
    _route(r"deletedkeys/(?P<name>[^/]+)", _deleted_key, "GET", "DELETE"),
    _route(r"deletedkeys/(?P<name>[^/]+)/recover", _deleted_key, "POST"),
)
