"""What an example that encrypts with a vault's key takes for granted: purge protection, and identities that may wrap with it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from local.azure.authorization import ASSIGNMENT
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.replay.world import World

_IDENTITY = "/providers/microsoft.managedidentity/userassignedidentities/"
#: Key Vault Crypto Service Encryption User.
_ROLE = "e147488a-f6f5-4113-8e2d-b22465e65bf6"


async def open_vaults(world: World, keys: Iterable[str], references: Iterable[str]) -> None:
    """Protects the vaults of ``keys`` (ids) from purges, and lets every identity among ``references`` wrap with them."""
    vaults = {key.rsplit("/keys/", 1)[0] for key in keys}
    identities = {one for one in references if _IDENTITY in one.lower()} if vaults else set[str]()
    principals: list[str] = []
    for identity in identities:
        found = (await world.send("GET", identity, {"api-version": "2023-01-31"})).body
        principals += (
            [found["properties"]["principalId"]] if isinstance(found, dict) and "properties" in found else []
        )
    for vault in vaults:
        protected = {"properties": {"enablePurgeProtection": True}}
        await world.send("PATCH", vault, {"api-version": "2023-07-01"}, protected)
        for principal in principals:
            name = uuid.uuid5(uuid.NAMESPACE_URL, f"{vault}|{principal}")
            role = (
                f"/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.Authorization/roleDefinitions/{_ROLE}"
            )
            body = {
                "properties": {
                    "roleDefinitionId": role,
                    "principalId": principal,
                    "principalType": "ServicePrincipal",
                }
            }
            path = f"{vault}/providers/{ASSIGNMENT}/{name}"
            await world.send("PUT", path, {"api-version": "2022-04-01"}, body)
