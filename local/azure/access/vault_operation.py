"""What a request to a vault's data asks for: a data action where roles decide, a permission where access policies do. Pure.

Sources: Microsoft Learn, "Azure permissions for Security" (Microsoft.KeyVault) and "Assign a Key Vault access policy".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class VaultDemand:
    """``action`` is the data action; ``permission`` is the one of access policies; ``kind`` is ``secrets`` or ``keys``."""

    kind: str
    action: str
    permission: str


_ACTIONS = {
    ("secrets", "get"): "secrets/getSecret/action",
    ("secrets", "set"): "secrets/setSecret/action",
    ("secrets", "list"): "secrets/readMetadata/action",
    ("secrets", "update"): "secrets/update/action",
    ("keys", "get"): "keys/read",
    ("keys", "list"): "keys/read",
    ("keys", "wrapkey"): "keys/wrap/action",
    ("keys", "unwrapkey"): "keys/unwrap/action",
}


def demand(method: str, path: str) -> VaultDemand:
    """What a request to ``/secrets…``, ``/keys…`` and their deleted ones asks for."""
    parts = [part.lower() for part in path.strip("/").split("/") if part]
    collection = parts[0] if parts else ""
    kind = collection.removeprefix("deleted")
    deleted, last = collection.startswith("deleted"), parts[-1] if len(parts) > 2 else ""
    permission = _permission(method, kind, parts, last, deleted=deleted)
    action = _ACTIONS.get((kind, permission))
    if action is None:
        action = f"{kind}/{permission}" if permission == "delete" else f"{kind}/{permission}/action"
    return VaultDemand(kind, f"Microsoft.KeyVault/vaults/{action}", permission)


def _permission(method: str, kind: str, parts: list[str], last: str, *, deleted: bool) -> str:
    match method:
        case "GET":
            return "list" if len(parts) == 1 or last == "versions" else "get"
        case "DELETE":
            return "purge" if deleted else "delete"
        case "PATCH":
            return "update"
        case "PUT":
            return "set" if kind == "secrets" else "import"
        case _:
            return last or "restore"


def policy_allows(
    policies: Iterable[Mapping[str, Any]], principals: Iterable[str], kind: str, permission: str
) -> bool:
    """Whether a vault's access policies give any of the principals (its object id, its groups) a permission."""
    holders = {principal.lower() for principal in principals}
    for policy in policies:
        if str(policy.get("objectId", "")).lower() not in holders:
            continue
        given = {str(one).lower() for one in (policy.get("permissions") or {}).get(kind) or ()}
        if given & {permission, "all"}:
            return True
    return False
