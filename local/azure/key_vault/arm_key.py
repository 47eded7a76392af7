"""Microsoft.KeyVault: keys through ARM.

Scope: keys made where there are none (what exists stays as it is), read and listed with all their versions; those of the
data plane show too. ARM neither changes nor deletes keys: that is the data plane's, as in Azure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.computed_resource import computed, made, plain
from local.azure.errors import unsupported
from local.azure.key_vault import crypto, key, key_store, version_store
from local.azure.key_vault.admission import VAULT
from local.azure.key_vault.arm_secret import location, refuse_delete
from local.azure.resource_id import parse
from local.azure.resource_type import ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_TYPE = f"{VAULT}/keys"
_SHOWN = ("enabled", "created", "updated", "exp", "nbf", "recoveryLevel", "exportable")


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    key.check_name(resource_id.name)
    given: Json = body.get("properties") or {}
    if given.get("release_policy"):
        raise unsupported("A release policy of a key")
    if not version_store.load(azure, resource_id.names[0], key_store.KEY, resource_id.name):
        # Refuses what can't be made before anything is written down.
        crypto.generate(str(given.get("kty", "")), given.get("keySize"), given.get("curveName"))
    return {"tags": body.get("tags") or {}, "properties": given}


async def _settle(azure: Azure, record: Record) -> Json | None:
    resource_id = parse(record.id)
    vault, given = resource_id.names[0], record.body["properties"]
    if not version_store.load(azure, vault, key_store.KEY, record.name):
        private = crypto.generate(given["kty"], given.get("keySize"), given.get("curveName"))
        content = {
            "key_ops": given.get("keyOps"),
            "attributes": given.get("attributes"),
            "tags": record.body["tags"],
        }
        key_store.add(azure, vault, record.name, private, content)
        if given.get("rotationPolicy"):
            key_store.set_rotation_policy(azure, vault, record.name, given["rotationPolicy"])
    return _shown(azure, resource_id, key_store.find(azure, vault, record.name))


def _shown(azure: Azure, resource_id: ResourceId, found: Json) -> Json:
    """What ARM shows of a version of a key; ``resource_id`` is the key's or the version's."""
    vault, name = resource_id.names[:2]
    uri = f"https://{vault.lower()}.vault.azure.net/keys/{name}"
    private = crypto.from_text(found["private"])
    public: Json = found["public"]
    properties: Json = {
        "attributes": {name: found["attributes"][name] for name in _SHOWN if name in found["attributes"]},
        "kty": public["kty"],
        "keyOps": found["key_ops"],
        "keyUri": uri,
        "keyUriWithVersion": f"{uri}/{found['version']}",
    }
    if public["kty"] == "RSA":
        properties["keySize"] = private.key_size
    else:
        properties["curveName"] = public["crv"]
    at = "/".join(resource_id.text.split("/")[:9])
    return {**location(azure, at), "tags": found["tags"], "properties": properties}


def _implicit(azure: Azure, resource_id: ResourceId) -> Json | None:
    versions = version_store.load(azure, resource_id.names[0], key_store.KEY, resource_id.name)
    return _shown(azure, resource_id, versions[-1]) if versions else None


def _listing(azure: Azure, call: Call, _records: list[Record]) -> list[Record]:
    vault = parse(call.path.rstrip("/").rsplit("/", 1)[0])
    return [
        made(vault, _TYPE, name, body)
        for name in version_store.names(azure, vault.name, key_store.KEY)
        if (body := _implicit(azure, parse(f"{vault.text}/keys/{name}"))) is not None
    ]


def _versions(azure: Azure, parent: ResourceId) -> dict[str, Json]:
    versions = version_store.load(azure, parent.names[0], key_store.KEY, parent.name)
    return {found["version"]: _shown(azure, parent, found) for found in versions}


TYPES = (
    ResourceType(
        _TYPE,
        prepare=_prepare,
        settle=_settle,
        settle_now=True,
        created=200,
        implicit=_implicit,
        listing=_listing,
        on_delete=refuse_delete,
        view=plain,
        patch=False,
    ),
    computed(f"{_TYPE}/versions", _versions),
)
