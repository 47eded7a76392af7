"""What a key must be before a service encrypts with it: in a vault that can't lose it, within the identity's reach.

Sources: Microsoft Learn, "Customer-managed keys for Azure Storage encryption" and "Customer-managed keys for Azure Machine
Learning" (soft delete and purge protection; get, wrap and unwrap for the identity). A vault that local Azure doesn't have is
another tenant's, and isn't looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.azure.access import directory, vault_operation
from local.azure.errors import ArmError, bad_request
from local.azure.key_vault.admission import VAULT

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Record

_WRAP = "Microsoft.KeyVault/vaults/keys/wrap/action"


def check(azure: Azure, key_url: str, *, identity: str | None, region: str | None = None) -> None:
    """Refuses a key that a service couldn't or mustn't encrypt with.

    Args:
        azure: whose store has the vault.
        key_url: ``https://VAULT.vault.azure.net/keys/NAME/VERSION``.
        identity: the id of the user-assigned identity that is to use the key; None: somebody whom Azure grants access later.
        region: where the vault must be; None: anywhere.

    Raises:
        ArmError: 400, no purge protection or another region; 403, the identity may not wrap with the key.
    """
    parts = urlsplit(key_url)
    found = azure.store.named(VAULT, (parts.hostname or "").partition(".")[0])
    if not found:
        return
    vault = found[0]
    if not vault.body["properties"].get("enablePurgeProtection"):
        raise bad_request(
            f"Keyvault policy recoverable is not set: the vault '{vault.name}' has no purge protection, and what is "
            "encrypted with a key that is purged is lost.",
            code="KeyVaultPolicyError",
        )
    if region is not None and vault.body.get("location") != region:
        raise bad_request(
            f"The vault '{vault.name}' is in {vault.body.get('location')}; the key must be in the region of what it "
            f"encrypts, {region}.",
            code="ValidationError",
        )
    if identity is not None:
        _check_reach(azure, vault, parts.path.strip("/").split("/")[1], identity)


def _check_reach(azure: Azure, vault: Record, key: str, identity: str) -> None:
    record = azure.store.get(identity)
    principal = str(((record.body.get("properties") if record else None) or {}).get("principalId") or "")
    properties = vault.body["properties"]
    if properties.get("enableRbacAuthorization"):
        reached = azure.access.permits(principal, _WRAP, f"{vault.id}/keys/{key}", data=True)
    else:
        holders = [principal, *directory.groups(azure.store, principal)]
        reached = vault_operation.policy_allows(
            properties.get("accessPolicies") or (), holders, "keys", "wrapKey"
        )
    if not reached:
        raise ArmError(
            403,
            "KeyVaultAuthenticationFailure",
            f"The identity '{identity}' may not wrap keys with '{key}' of the vault '{vault.name}'; it needs Key Vault "
            "Crypto Service Encryption User there.",
        )
