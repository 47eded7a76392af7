"""Microsoft.Authorization/locks: management locks, and what they refuse.

Scope: locks on the subscription, resource groups and resources, inherited by all below; ``CanNotDelete`` refuses deletions,
``ReadOnly`` writes and POST actions as well, with 409 ``ScopeLocked``; a deletion is refused for locks further down, too.
Locks hold for the control plane alone: blobs, secrets and requests to endpoints go through, as in Azure. Omitted: locks of
management groups.

Source: Microsoft Learn, "Lock your resources to protect your infrastructure".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import bad_request, conflict
from local.azure.resource_id import parse
from local.azure.resource_type import Call, Json, Record, ResourceId, ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure, Store

TYPE = "Microsoft.Authorization/locks"
_PROVIDER = "/providers/microsoft.authorization/locks"
_LEVELS = {"cannotdelete": "CanNotDelete", "readonly": "ReadOnly"}
_NAME_LIMIT = 90


def refuse(store: Store, call: Call) -> None:
    """Refuses what a lock forbids.

    Raises:
        ArmError: 409 ``ScopeLocked``, naming the locked scopes.
    """
    path = f"/{call.path.strip('/')}".lower()
    # Whoever may manage locks can take one away again.
    if call.method in ("GET", "HEAD") or f"{path}/".rfind(f"{_PROVIDER}/") >= 0:
        return
    deletes = call.method == "DELETE"
    locked: list[str] = []
    for record in store.of_type(TYPE):
        scope = parse(record.id).scope
        holds = _within(path, scope.lower()) or (deletes and _within(scope.lower(), path))
        if holds and (deletes or record.body["properties"]["level"] == "ReadOnly"):
            locked.append(scope)
    if locked:
        verb = "delete" if deletes else "write"
        raise conflict(
            f"The scope '{call.path}' cannot perform {verb} operation because following scope(s) are locked: "
            f"'{','.join(sorted(set(locked)))}'. Please remove the lock and try again.",
            code="ScopeLocked",
        )


def _within(path: str, scope: str) -> bool:
    return path == scope or path.startswith(f"{scope}/")


def _prepare(_azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if len(resource_id.name) > _NAME_LIMIT or set(resource_id.name) & set('<>%&:\\?/"'):
        raise bad_request(
            f"The lock name '{resource_id.name}' is invalid: up to {_NAME_LIMIT} characters without <>%&:\\?/.",
            code="InvalidLockName",
        )
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    level = _LEVELS.get(str(given.get("level", "")).lower())
    if level is None:
        raise bad_request(
            f"The lock level '{given.get('level', '')}' is invalid; it is CanNotDelete or ReadOnly.",
            code="InvalidLockLevel",
            target="properties.level",
        )
    return {"properties": {**given, "level": level}}


def _listing(azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """Those at and below the scope; with ``$filter=atScope()`` those that hold for it: its own and inherited ones."""
    if "atscope" not in call.query.get("$filter", "").lower():
        return records
    scope = call.path[: call.path.lower().rindex(_PROVIDER)].rstrip("/").lower()
    return [one for one in azure.store.of_type(TYPE) if _within(scope, parse(one.id).scope.lower())]


TYPES = (ResourceType(TYPE, prepare=_prepare, listing=_listing, patch=False),)
