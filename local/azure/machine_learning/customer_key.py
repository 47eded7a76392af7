"""Customer-managed keys of a workspace: what ``encryption`` says is checked and kept. Pure but for reading the store.

Set when the workspace is made; later the key can be changed for another one of the same vault, encryption neither begun nor
ended (Microsoft Learn, "Customer-managed keys for Azure Machine Learning"). Nothing is encrypted with the key: local Azure
keeps no data in Azure's own stores.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.key_vault import protecting_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Json

_KEY = re.compile(
    r"https://(?P<vault>[A-Za-z0-9-]+)\.vault\.azure\.net/keys/[A-Za-z0-9-]+(?:/[0-9a-zA-Z]+)?/?",
    re.IGNORECASE,
)
_VAULT = "microsoft.keyvault/vaults"


def complete(
    azure: Azure, given: Mapping[str, Any] | None, before: Mapping[str, Any] | None, *, new: bool, region: str
) -> Json | None:
    """The ``encryption`` that is stored; None where there is none.

    Raises:
        ArmError: 400, the vault or the identity doesn't exist, the key is no key or another vault's, or encryption changes
            later; the key can't protect anything (``protecting_key``).
    """
    if not given:
        return dict(before) if before else None
    enabled = str(given.get("status") or "Enabled") == "Enabled"
    if not new and enabled != bool(before and before.get("status") == "Enabled"):
        raise bad_request(
            "Encryption with a customer-managed key can't be changed once the workspace exists.",
            code="ValidationError",
            target="properties.encryption.status",
        )
    stored: Json = {**(before or {}), **given, "status": "Enabled" if enabled else "Disabled"}
    if not enabled:
        return stored
    keys: Mapping[str, Any] = stored.get("keyVaultProperties") or {}
    identifier = str(keys.get("keyIdentifier") or "")
    key = _KEY.fullmatch(identifier)
    if key is None:
        raise bad_request(
            f"'{identifier}' is no key: https://VAULT.vault.azure.net/keys/NAME/VERSION.",
            code="ValidationError",
            target="properties.encryption.keyVaultProperties.keyIdentifier",
        )
    target = "properties.encryption.keyVaultProperties.keyVaultArmId"
    vault = azure.store.get(str(keys.get("keyVaultArmId") or ""))
    if vault is None or vault.type.lower() != _VAULT:
        raise bad_request(
            f"The vault '{keys.get('keyVaultArmId')}' does not exist.", code="ValidationError", target=target
        )
    if key["vault"].lower() != vault.name.lower():
        raise bad_request(
            f"The key '{identifier}' is not in the vault '{vault.name}'.",
            code="ValidationError",
            target=target,
        )
    old: Mapping[str, Any] = (before or {}).get("keyVaultProperties") or {}
    if old.get("keyVaultArmId") and str(old["keyVaultArmId"]).lower() != vault.id.lower():
        raise bad_request(
            "The key of a workspace can be changed for another one of the same vault only.",
            code="ValidationError",
            target=target,
        )
    identity = (stored.get("identity") or {}).get("userAssignedIdentity")
    if identity and azure.store.get(str(identity)) is None:
        raise bad_request(
            f"The user-assigned identity '{identity}' does not exist.",
            code="ValidationError",
            target="properties.encryption.identity.userAssignedIdentity",
        )
    protecting_key.check(azure, identifier, identity=str(identity) if identity else None, region=region)
    return stored
