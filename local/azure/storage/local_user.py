"""Microsoft.Storage: local users of an account (for SFTP).

Scope: users with their scopes, ids and keys; listKeys and regeneratePassword. SSH passwords and shared keys are in the
store's secrets. Omitted: SFTP itself.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

from local.azure.blob import ACCOUNT
from local.azure.computed_resource import plain
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_TYPE = f"{ACCOUNT}/localUsers"
_FIRST_ID = 1000


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    before: Json = old.body["properties"] if old is not None else {}
    others = [record.body["properties"]["userId"] for record in azure.store.below(resource_id.parent, _TYPE)]
    user_id = before.get("userId") or max([_FIRST_ID - 1, *others]) + 1
    properties: Json = {
        "hasSharedKey": True,
        "hasSshKey": bool(given.get("sshAuthorizedKeys") or before.get("sshAuthorizedKeys")),
        "hasSshPassword": False,
        "allowAclAuthorization": False,
        **before,
        **given,
        "userId": user_id,
        "sid": before.get("sid")
        or f"S-1-2-0-{'-'.join(str(secrets.randbits(32)) for _ in range(3))}-{user_id}",
    }
    return {"properties": properties}


async def _settle(azure: Azure, record: Record) -> Json | None:
    if azure.store.secret(f"{record.id}/sharedKey") is None:
        azure.store.put_secret(f"{record.id}/sharedKey", base64.b64encode(secrets.token_bytes(64)).decode())
    return None


async def _list_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    keys = record.body["properties"].get("sshAuthorizedKeys") or []
    return Answer(200, {"sshAuthorizedKeys": keys, "sharedKey": azure.store.secret(f"{record.id}/sharedKey")})


async def _regenerate_password(azure: Azure, _call: Call, record: Record) -> Answer:
    """The password is shown this once."""
    password = secrets.token_urlsafe(24)
    azure.store.put_secret(f"{record.id}/sshPassword", password)
    properties = {**record.body["properties"], "hasSshPassword": True}
    azure.store.put(record.id, {**record.body, "properties": properties})
    return Answer(200, {"sshPassword": password})


TYPES = (
    ResourceType(
        _TYPE,
        prepare=_prepare,
        settle=_settle,
        settle_now=True,
        created=200,
        view=plain,
        patch=False,
        actions={"listKeys": _list_keys, "regeneratePassword": _regenerate_password},
    ),
)
