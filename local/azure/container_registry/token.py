"""Microsoft.ContainerRegistry: tokens with their passwords.

Scope: tokens of a scope map, passwords from ``generateCredentials`` (shown this once). Omitted: certificates as
credentials (501); nobody signs in with a token, as there are no images.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from local.azure.container_registry.name import REGISTRY
from local.azure.container_registry.part import check_name
from local.azure.errors import bad_request, not_found, unsupported
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

TOKEN = f"{REGISTRY}/tokens"
_PASSWORDS = ("password1", "password2")


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_name(resource_id)
    before: Json = old.body["properties"] if old is not None else {}
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    if (given.get("credentials") or {}).get("certificates"):
        raise unsupported("A certificate as a credential of a token")
    given.pop("credentials", None)
    properties: Json = {
        "status": "enabled",
        "credentials": {"passwords": []},
        **before,
        **given,
        "creationDate": before.get("creationDate") or azure.now().isoformat(),
        "provisioningState": "Succeeded",
    }
    if not properties.get("scopeMapId"):
        raise bad_request(
            "A token needs scopeMapId.", code="InvalidRequestPropertyValue", target="scopeMapId"
        )
    return {**body, "properties": properties}


async def _settle(_azure: Azure, _record: Record) -> Json | None:
    return None


async def generate_credentials(azure: Azure, call: Call, record: Record) -> Answer:
    """``POST …/generateCredentials`` of a registry: fresh passwords of one of its tokens."""
    given: Json = call.body or {}
    token = azure.store.get(str(given.get("tokenId") or ""))
    if token is None or token.type != TOKEN or not token.id.lower().startswith(f"{record.id.lower()}/"):
        raise not_found(str(given.get("tokenId")))
    wanted = [str(given["name"])] if given.get("name") else list(_PASSWORDS)
    if any(name not in _PASSWORDS for name in wanted):
        raise bad_request(
            "The name of a password is password1 or password2.",
            code="InvalidRequestPropertyValue",
            target="name",
        )
    now = azure.now().isoformat()
    expiry = {"expiry": given["expiry"]} if given.get("expiry") else {}
    fresh = {name: {"creationTime": now, **expiry, "name": name} for name in wanted}
    values = {name: secrets.token_urlsafe(39) for name in wanted}
    for name, value in values.items():
        azure.store.put_secret(f"{token.id}/{name}", value)
    held = {one["name"]: one for one in token.body["properties"]["credentials"].get("passwords") or []}
    credentials = {"passwords": list({**held, **fresh}.values())}
    azure.store.put(
        token.id, {**token.body, "properties": {**token.body["properties"], "credentials": credentials}}
    )
    shown = [{**one, "value": values[name]} for name, one in fresh.items()]
    return Answer(200, {"username": token.name, "passwords": shown})


TYPES = (ResourceType(TOKEN, prepare=_prepare, settle=_settle),)
