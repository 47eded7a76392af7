"""The keys of a storage account, and the signatures that ARM makes with them.

Scope: listKeys (``$expand=kerb`` too), regenerateKey, ListAccountSas, ListServiceSas, revokeUserDelegationKeys. Keys are in
the store's secrets and in these answers only. Omitted: user delegation keys (there are none to revoke).
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

from local.azure.blob import key_name
from local.azure.errors import ArmError, bad_request
from local.azure.resource_type import Answer
from local.azure.storage import sas

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record

_KEYS = ("key1", "key2")
_KERBEROS = ("kerb1", "kerb2")


def _fresh() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


async def make(azure: Azure, account: str) -> None:
    """Makes the keys that are missing, and introduces the account to Azurite."""
    for number in (1, 2):
        if azure.store.secret(key_name(account, number)) is None:
            azure.store.put_secret(key_name(account, number), _fresh())
    await azure.blobs.key(account)


def _kerberos_name(account: str, key: str) -> str:
    return f"storage/{account}/{key}"


async def list_keys(azure: Azure, call: Call, record: Record) -> Answer:
    """``POST …/listKeys``."""
    created: Json = record.body["properties"].get("keyCreationTime") or {}
    keys = [
        {
            "creationTime": created.get(key),
            "keyName": key,
            "value": azure.store.secret(key_name(record.name, int(key[-1]))),
            "permissions": "Full",
        }
        for key in _KEYS
    ]
    if call.query.get("$expand", "").lower() == "kerb":
        keys += [
            {"keyName": key, "value": value, "permissions": "Full"}
            for key in _KERBEROS
            if (value := azure.store.secret(_kerberos_name(record.name, key))) is not None
        ]
    return Answer(200, {"keys": keys})


async def regenerate_key(azure: Azure, call: Call, record: Record) -> Answer:
    """``POST …/regenerateKey``."""
    wanted = (call.body or {}).get("keyName", "")
    if wanted in _KERBEROS:
        azure.store.put_secret(_kerberos_name(record.name, wanted), _fresh())
        return await list_keys(azure, call, record)
    if wanted not in _KEYS:
        raise bad_request(
            f"The key '{wanted}' is none of {', '.join((*_KEYS, *_KERBEROS))}.",
            code="InvalidValuesForRequestParameters",
        )
    azure.store.put_secret(key_name(record.name, int(wanted[-1])), _fresh())
    properties: Json = record.body["properties"]
    times = {**(properties.get("keyCreationTime") or {}), wanted: azure.now().isoformat()}
    record = azure.store.put(
        record.id, {**record.body, "properties": {**properties, "keyCreationTime": times}}
    )
    await azure.blobs.key(record.name)
    return await list_keys(azure, call, record)


def _signing_key(azure: Azure, call: Call, record: Record) -> str:
    if record.body["properties"].get("allowSharedKeyAccess") is False:
        raise ArmError(
            403,
            "KeyBasedAuthenticationNotPermitted",
            "Key based authentication is not permitted on this storage account.",
        )
    key = azure.store.secret(key_name(record.name, sas.key_number(call.body or {})))
    assert key is not None  # noqa: S101 (made with the account)
    return key


async def list_account_sas(azure: Azure, call: Call, record: Record) -> Answer:
    """``POST …/ListAccountSas``."""
    token = sas.account_sas(record.name, _signing_key(azure, call, record), call.body or {})
    return Answer(200, {"accountSasToken": token})


async def list_service_sas(azure: Azure, call: Call, record: Record) -> Answer:
    """``POST …/ListServiceSas``."""
    token = sas.service_sas(record.name, _signing_key(azure, call, record), call.body or {})
    return Answer(200, {"serviceSasToken": token})


async def revoke_user_delegation_keys(_azure: Azure, _call: Call, _record: Record) -> Answer:
    """``POST …/revokeUserDelegationKeys``: there are none, so all are revoked."""
    return Answer(200)
