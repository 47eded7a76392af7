"""Keys and secrets of vaults, which Azure Resource Manager makes but can't delete: their data plane does, as in azure-native.

Deleted ones keep their names; a create recovers its own first, as azure-native does since #4759. Whoever may not look for
what is deleted creates as before: Azure says then what is in the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from local.provider import wire
from local.provider.arm_client import ArmRequestError
from local.provider.properties import plain

if TYPE_CHECKING:
    from local.provider.arm_client import ArmClient, Wait
    from local.provider.facts import ResourceFact

Json = dict[str, Any]

#: Collection, and the input that is the name.
_COLLECTIONS = {
    "azure-native:keyvault:Key": ("keys", "keyName"),
    "azure-native:keyvault:Secret": ("secrets", "secretName"),
}
_SCOPE = "https://vault.azure.net"
_VERSION = {"api-version": "7.4"}
_POLL_SECONDS = 0.2


def holds(fact: ResourceFact) -> bool:
    """Whether a type is on a vault's data plane."""
    return fact.token in _COLLECTIONS


def _address(fact: ResourceFact, parts: Json, prefix: str = "") -> str:
    collection, name = _COLLECTIONS[fact.token]
    return f"https://{parts['vaultName']}.vault.azure.net/{prefix}{collection}/{parts[name]}"


async def delete(client: ArmClient, fact: ResourceFact, resource_id: str, inputs: Json, wait: Wait) -> None:
    """Deletes a key or secret; gone is fine."""
    parts = wire.path_values(fact, resource_id) | cast("Json", plain(inputs))
    await client.delete(_address(fact, parts), _VERSION["api-version"], wait, scope=_SCOPE)


async def recover(client: ArmClient, fact: ResourceFact, given: Json, wait: Wait) -> None:
    """Brings back a deleted key or secret of the name that is to be created, if there is one and one may."""
    deleted = _address(fact, given, "deleted")
    try:
        if (await client.send("GET", deleted, _VERSION, scope=_SCOPE)).status != 200:
            return
        recovered = await client.send("POST", f"{deleted}/recover", _VERSION, scope=_SCOPE)
    except ArmRequestError:
        return
    while recovered.status == 200:
        if (await client.send("GET", _address(fact, given), _VERSION, scope=_SCOPE)).status != 404:
            return
        await wait.pause(_POLL_SECONDS)
