"""What an example needs can be made without its neighbours: a folder may have no documented PUT of a type."""

from __future__ import annotations

import asyncio

from local.replay.minimal_further import FURTHER
from local.replay.preparation import Library, Preparation
from local.replay.world import world
from local.replay.writable import Writable
from local.settings import SUBSCRIPTION_ID

#: Names that Azure gives, or takes in one form only, by type; others are ``replayed``.
NAMES = {
    "Microsoft.Authorization/roleAssignments": "7ec3b000-0000-4000-8000-0000000000aa",
    "Microsoft.Network/privateDnsZones": "replay.example",
    "Microsoft.Storage/storageAccounts/inventoryPolicies": "default",
    "Microsoft.Storage/storageAccounts/managementPolicies": "default",
}


def path_of(kind: str) -> str:
    namespace, *types = kind.split("/")
    path = f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/replay/providers/{namespace}"
    for number in range(len(types)):
        name = NAMES.get("/".join([namespace, *types[: number + 1]]), "replayed")
        path += f"/{types[number]}/{name}"
    return path


async def _failures() -> dict[str, dict[str, str]]:
    library = Library([], Writable([]))
    found: dict[str, dict[str, str]] = {}
    async with world() as azure:
        for kind in FURTHER:
            azure.clear()
            preparation = Preparation(azure, library)
            if not await preparation.make(path_of(kind)):
                found[kind] = preparation.failures
    return found


def test_every_type_is_made_without_a_documented_request() -> None:
    assert asyncio.run(_failures()) == {}
