"""Microsoft.Cache/redis: Azure Cache for Redis, as a record.

Scope: caches with Azure's rules for names and sizes, states, keys, name availability, changes of size within Azure's limits.
Omitted: the cache itself: nothing answers at ``NAME.redis.cache.windows.net``, and what is in a cache (firewall rules,
linked servers, patch schedules, import, export, reboot) is refused (501).

Sources: the REST reference of Microsoft.Cache/redis (2024-11-01); Microsoft Learn, "Scale an Azure Cache for Redis instance"
(never to a lower tier, never from or to Basic and Premium at once).
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING

from local.azure import name_availability
from local.azure.errors import bad_request, conflict
from local.azure.kept import given
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure

REDIS = "Microsoft.Cache/redis"
_NAME = re.compile(r"(?=.{1,63}$)[A-Za-z0-9](-?[A-Za-z0-9])*")
_TIERS = ("Basic", "Standard", "Premium")
_MOST = {"C": 6, "P": 5}
_WHICH = {"Primary": 1, "Secondary": 2}
_READ_ONLY = ("accessKeys", "hostName", "instances", "linkedServers", "port", "provisioningState", "sslPort")


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    name = resource_id.name
    if _NAME.fullmatch(name) is None:
        raise bad_request(
            f"The name '{name}' is invalid: 1 to 63 letters, digits and single hyphens, none at either end.",
            code="InvalidResourceName",
        )
    for other in azure.store.named(REDIS, name):
        if other.id.lower() != resource_id.key:
            raise conflict(f"The name '{name}' is already in use.", code="NameNotAvailable")
    check_location(body)
    wanted = {key: value for key, value in given(body).items() if key not in _READ_ONLY and value is not None}
    before: Json = old.body["properties"] if old is not None else {}
    sku = _sku(wanted.get("sku") or before.get("sku") or {}, before.get("sku"))
    host = f"{name.lower()}.redis.cache.windows.net"
    properties: Json = {
        "redisVersion": "6.0",
        "enableNonSslPort": False,
        "publicNetworkAccess": "Enabled",
        "minimumTlsVersion": "1.2",
        "disableAccessKeyAuthentication": False,
        "updateChannel": "Stable",
        "redisConfiguration": {},
        **before,
        **wanted,
        "sku": sku,
        "hostName": host,
        "port": 6379,
        "sslPort": 6380,
        "accessKeys": None,
        "instances": [{"sslPort": 15000, "isMaster": True, "isPrimary": True}],
        "linkedServers": [],
    }
    shown: Json = {"tags": {}, **body, "properties": properties}
    shown.pop("sku", None)
    return shown


def _sku(wanted: Json, before: Json | None) -> Json:
    name, family, capacity = wanted.get("name"), wanted.get("family"), wanted.get("capacity")
    fits = "P" if name == "Premium" else "C"
    if name not in _TIERS or family != fits or not isinstance(capacity, int):
        raise bad_request(
            f"The sku {name}/{family}/{capacity} doesn't exist: Basic and Standard are of family C, Premium of family P.",
            code="InvalidRequestBody",
            target="properties.sku",
        )
    if not (1 if fits == "P" else 0) <= capacity <= _MOST[fits]:
        raise bad_request(
            f"A cache of family {fits} has no capacity {capacity}.",
            code="InvalidRequestBody",
            target="properties.sku.capacity",
        )
    if before and _TIERS.index(str(name)) < _TIERS.index(str(before["name"])):
        raise bad_request(
            f"A cache can't be scaled from {before['name']} down to {name}.",
            code="InvalidRequestBody",
            target="properties.sku.name",
        )
    if before and (before["name"], name) == ("Basic", "Premium"):
        raise bad_request(
            "A cache can't be scaled from Basic to Premium at once; scale it to Standard first.",
            code="InvalidRequestBody",
            target="properties.sku.name",
        )
    return {"name": name, "family": family, "capacity": capacity}


def _secret(record: Record, number: int) -> str:
    return f"{record.id}/key{number}"


async def _settle(azure: Azure, record: Record) -> Json | None:
    for number in _WHICH.values():
        if azure.store.secret(_secret(record, number)) is None:
            azure.store.put_secret(
                _secret(record, number), base64.b64encode(secrets.token_bytes(32)).decode()
            )
    return None


async def _vanish(azure: Azure, record: Record) -> None:
    azure.store.delete_secrets(record.id)


def _keys(azure: Azure, record: Record) -> Json:
    return {
        f"{name.lower()}Key": azure.store.secret(_secret(record, number)) for name, number in _WHICH.items()
    }


async def _list_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    return Answer(200, _keys(azure, record))


async def _regenerate(azure: Azure, call: Call, record: Record) -> Answer:
    number = _WHICH.get(str((call.body or {}).get("keyType")))
    if number is None:
        raise bad_request(
            "keyType must be Primary or Secondary.", code="InvalidRequestBody", target="keyType"
        )
    azure.store.put_secret(_secret(record, number), base64.b64encode(secrets.token_bytes(32)).decode())
    return Answer(200, _keys(azure, record))


async def _check_name(azure: Azure, call: Call) -> Answer:
    """200 without a body where the name is free, as Azure answers; 409 where it isn't."""
    name = name_availability.asked(call)
    if _NAME.fullmatch(name) is None:
        raise bad_request(f"The name '{name}' is invalid.", code="InvalidResourceName")
    if azure.store.named(REDIS, name):
        raise conflict(f"The name '{name}' is not available.", code="NameNotAvailable")
    return Answer(200)


TYPES = (
    ResourceType(
        REDIS,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        actions={"listKeys": _list_keys, "regenerateKey": _regenerate},
    ),
)
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Cache/checkNameAvailability", re.IGNORECASE),
        _check_name,
        ("POST",),
    ),
)
