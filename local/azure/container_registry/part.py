"""Microsoft.ContainerRegistry: what belongs to a registry and is kept as Azure keeps it.

Scope: replications (of a Premium registry), webhooks with their configuration, scope maps (Azure's own too), cache rules and
credential sets. Omitted: webhooks aren't called (ping and listEvents: 501), nothing is replicated or cached: no image is ever pushed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from local.azure.container_registry.name import REGISTRY
from local.azure.errors import bad_request
from local.azure.resource_type import Answer, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,48}[A-Za-z0-9])?")
_ACTIONS = ("push", "delete", "quarantine", "chart_push", "chart_delete")
_SCOPE_ACTION = re.compile(r"(repositories|gateway)/.+/\w+(/\w+)?")
#: The scope maps that Azure makes with every registry. Source: Microsoft Learn, "Create a token with repository-scoped permissions".
_SYSTEM_MAPS = {
    "_repositories_pull": ("Can pull any repository of the registry", ("content/read",)),
    "_repositories_pull_metadata_read": (
        "Can perform all read operations on the registry",
        ("content/read", "metadata/read"),
    ),
    "_repositories_push": ("Can push to any repository of the registry", ("content/read", "content/write")),
    "_repositories_push_metadata_write": (
        "Can perform all read and write operations on the registry",
        ("metadata/read", "metadata/write", "content/read", "content/write"),
    ),
    "_repositories_admin": (
        "Can perform all read, write and delete operations on the registry",
        ("metadata/read", "metadata/write", "content/read", "content/write", "content/delete"),
    ),
}


def check_name(resource_id: ResourceId) -> None:
    """Refuses a name that nothing in a registry can have (400)."""
    if not _NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"The name '{resource_id.name}' is invalid: 1 to 50 letters, digits, '-' and '_'.",
            code="InvalidResourceName",
        )


def check_premium(azure: Azure, resource_id: ResourceId, what: str) -> None:
    """Refuses what only a Premium registry has (400)."""
    registry = azure.store.get(resource_id.parent)
    if registry is not None and registry.body["sku"]["name"] != "Premium":
        raise bad_request(
            f"{what} is not supported for the SKU {registry.body['sku']['name']}; the registry must be Premium.",
            code="UnsupportedSku",
        )


def _given(body: Json) -> Json:
    return {
        key: value
        for key, value in (body.get("properties") or {}).items()
        if value is not None and key not in ("provisioningState", "creationDate")
    }


def _before(old: Record | None) -> Json:
    return old.body["properties"] if old is not None else {}


def _whole(body: Json, properties: Json) -> Json:
    return {**body, "properties": {**properties, "provisioningState": "Succeeded"}}


def _replication(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_name(resource_id)
    check_location(body)
    check_premium(azure, resource_id, "Geo-replication")
    given = _given(body)
    given.pop("status", None)
    registry = azure.store.get(resource_id.parent)
    if registry is not None and registry.body["location"] == body["location"] and old is None:
        raise bad_request(
            f"The registry itself is in '{body['location']}'; replicate it to another region.",
            code="InvalidReplicationLocation",
        )
    before = _before(old)
    status = before.get("status") or {
        "displayStatus": "Ready",
        "message": "The replication is ready.",
        "timestamp": azure.now().isoformat(),
    }
    defaults = {"regionEndpointEnabled": True, "zoneRedundancy": "Disabled"}
    return _whole(body, {**defaults, **before, **given, "status": status})


def _webhook(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_name(resource_id)
    check_location(body)
    given, before = _given(body), _before(old)
    config = {key: given.pop(key) for key in ("serviceUri", "customHeaders") if key in given}
    if not (config.get("serviceUri") or old is not None):
        raise bad_request(
            "A webhook needs serviceUri.", code="InvalidRequestPropertyValue", target="serviceUri"
        )
    actions = given.get("actions") or before.get("actions") or []
    if not actions or any(action not in _ACTIONS for action in actions):
        raise bad_request(
            f"A webhook needs actions, of {', '.join(_ACTIONS)}.",
            code="InvalidRequestPropertyValue",
            target="actions",
        )
    return _whole(body, {"status": "enabled", "scope": "", **before, **given, "config": config})


async def _settle_webhook(azure: Azure, record: Record) -> Json | None:
    """What a webhook sends, and where, is kept as a secret: getCallbackConfig alone shows it."""
    properties: Json = dict(record.body["properties"])
    if config := properties.pop("config", None):
        azure.store.put_secret(f"{record.id}/config", json.dumps({**_config(azure, record), **config}))
    return {**record.body, "properties": properties}


def _config(azure: Azure, record: Record) -> Json:
    return {"customHeaders": {}, **json.loads(azure.store.secret(f"{record.id}/config") or "{}")}


def _webhook_view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    properties = {key: value for key, value in body["properties"].items() if key != "config"}
    return {**body, "properties": properties}


async def _callback_config(azure: Azure, _call: Call, record: Record) -> Answer:
    return Answer(200, _config(azure, record))


def _scope_map(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_name(resource_id)
    given = _given(body)
    actions = given.get("actions") or _before(old).get("actions")
    if not actions or not all(_SCOPE_ACTION.fullmatch(str(action)) for action in actions):
        raise bad_request(
            "A scope map needs actions such as 'repositories/NAME/content/read'.",
            code="InvalidRequestPropertyValue",
            target="actions",
        )
    made = _before(old).get("creationDate", azure.now().isoformat())
    return _whole(body, {**_before(old), **given, "type": "UserDefined", "creationDate": made})


def _system_map(azure: Azure, resource_id: ResourceId) -> Json | None:
    found = _SYSTEM_MAPS.get(resource_id.name.lower())
    registry = azure.store.get(resource_id.parent)
    if found is None or registry is None:
        return None
    text, actions = found
    properties = {
        "description": text,
        "type": "SystemDefined",
        "creationDate": registry.body["properties"]["creationDate"],
        "provisioningState": "Succeeded",
        "actions": [f"repositories/*/{action}" for action in actions],
    }
    return {"properties": properties}


def _cache_rule(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_name(resource_id)
    properties = {**_before(old), **_given(body)}
    for key in ("sourceRepository", "targetRepository"):
        if not properties.get(key):
            raise bad_request(f"A cache rule needs {key}.", code="InvalidRequestPropertyValue", target=key)
    return _whole(body, {**properties, "creationDate": _made(azure, old)})


def _made(azure: Azure, old: Record | None) -> str:
    return str(_before(old).get("creationDate") or azure.now().isoformat())


def _credential_set(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_name(resource_id)
    properties = {**_before(old), **_given(body)}
    if not properties.get("loginServer") or not properties.get("authCredentials"):
        raise bad_request(
            "A credential set needs loginServer and authCredentials.", code="InvalidRequestPropertyValue"
        )
    credentials = [
        {**credential, "credentialHealth": {"status": "Healthy"}}
        for credential in properties["authCredentials"]
    ]
    return _whole(body, {**properties, "authCredentials": credentials, "creationDate": _made(azure, old)})


async def _settled(_azure: Azure, _record: Record) -> Json | None:
    return None


async def _gone(_azure: Azure, _record: Record) -> None:
    return None


def _type(name: str, prepare: Callable[[Azure, ResourceId, Json, Record | None], Json]) -> ResourceType:
    return ResourceType(f"{REGISTRY}/{name}", prepare=prepare, settle=_settled, vanish=_gone)


TYPES = (
    _type("replications", _replication),
    ResourceType(
        f"{REGISTRY}/webhooks",
        prepare=_webhook,
        settle=_settle_webhook,
        settle_now=True,
        view=_webhook_view,
        actions={"getCallbackConfig": _callback_config},
    ),
    ResourceType(f"{REGISTRY}/scopeMaps", prepare=_scope_map, settle=_settled, implicit=_system_map),
    _type("cacheRules", _cache_rule),
    _type("credentialSets", _credential_set),
)
