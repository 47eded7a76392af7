"""Who may talk to a vault's data plane: its token, what roles or access policies permit, the challenge that clients begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.access import vantage
from local.azure.errors import ArmError, bad_request
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json

VAULT = "Microsoft.KeyVault/vaults"
_AUDIENCE = ("https://vault.azure.net",)
_MOST_DAYS = 90


def check(azure: Azure, call: Call) -> str:
    """Checks the token; returns the vault's name.

    Raises:
        ArmError: 404 there is no such vault, 401 no valid token, 403 neither roles nor access policies permit it, 400 no
            api-version; also 403 where the vault's network rules keep the caller out.
    """
    vault = call.captured["vault"]
    records = azure.store.named(VAULT, vault)
    if not records:
        raise ArmError(404, "VaultNotFound", f"There is no vault '{vault}' in local Azure.")
    try:
        claims = azure.identity.check(call.headers.get("authorization"), _AUDIENCE)
    except ArmError as error:
        authorization = f"https://login.microsoftonline.com/{TENANT_ID}"
        challenge = f'Bearer authorization="{authorization}", resource="https://vault.azure.net"'
        raise ArmError(401, "Unauthorized", error.message, headers={"WWW-Authenticate": challenge}) from None
    if not call.api_version:
        raise bad_request("api-version must be specified", code="BadParameter")
    why = vantage.refused(azure.store, call.vantage, records[0], call.host)
    if why:
        message = (
            "Public network access is disabled and request is not from a trusted service nor via an approved private link."
            if why == "connection"
            else "Client address is not authorized and caller is not a trusted service."
        )
        raise ArmError(
            403,
            "Forbidden",
            f"{message}\r\nCaller: oid={claims['oid']}\r\nVault: {records[0].name}",
            inner="ForbiddenByConnection" if why == "connection" else "ForbiddenByFirewall",
        )
    azure.access.check_vault(claims["oid"], records[0], call.method, call.path)
    return vault


def recovery(azure: Azure, vault: str) -> Json:
    """How what is deleted from a vault can be had again: ``recoveryLevel`` and ``recoverableDays``."""
    found = azure.store.named(VAULT, vault)
    properties: Json = found[0].body["properties"] if found else {}
    days = int(properties.get("softDeleteRetentionInDays") or _MOST_DAYS)
    level = "Recoverable" if days == _MOST_DAYS else "CustomizedRecoverable"
    if not properties.get("enablePurgeProtection"):
        level += "+Purgeable"
    return {"recoveryLevel": level, "recoverableDays": days}


def check_purge(azure: Azure, vault: str) -> None:
    """Refuses a purge in a vault with purge protection (403)."""
    if "Purgeable" not in recovery(azure, vault)["recoveryLevel"]:
        raise ArmError(
            403, "Forbidden", f"Operation \"purge\" is not allowed: the vault '{vault}' has purge protection."
        )


def changed(azure: Azure, vault: str, kind: str, name: str) -> None:
    """Drops what ARM wrote down of a secret or key (``kind``): the vault itself is asked from now on."""
    for record in azure.store.named(VAULT, vault):
        azure.store.delete(f"{record.id}/{kind}/{name}")
