"""Customer-managed keys: the key, how it is rotated, and the identity that storage, registry and workspace open it with.

Sources: Microsoft Learn, "Customer-managed keys for Azure Machine Learning", "Customer-managed keys for Azure Storage
encryption", "Customer-managed keys for Azure Container Registry" and "Configure cryptographic key auto-rotation in Key Vault".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import authorization, keyvault, managedidentity
from pydantic import model_validator

from infra import names
from infra.access.role import Role
from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.scope import Scope

_KEY = r"^https://[A-Za-z0-9-]{3,24}\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)/keys/[A-Za-z0-9-]{1,127}/[0-9a-f]{32}$"
_VAULT = (
    r"^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.KeyVault/vaults/[A-Za-z0-9-]{3,24}$"
)
#: The key's name in the platform's vault.
KEY_NAME = "platform"


class EncryptionConfig(Section):
    """``mlops:encryption``: whose keys data is encrypted with."""

    keys: Literal["microsoft", "customer"] = setting(
        "microsoft",
        breaks="it decides whose key the data is encrypted with, and a workspace and a registry can't change it later",
        write="customer for a key of yours, else microsoft",
    )
    key: str | None = setting(
        None,
        pattern=_KEY,
        breaks="the workspace is encrypted with one version of a key",
        write="https://VAULT.vault.azure.net/keys/NAME/VERSION, or leave the key out and the platform makes one in its vault",
    )
    vault_id: str | None = setting(
        None,
        pattern=_VAULT,
        breaks="the platform's identity is granted the use of the key in this vault",
        write="the id that `az keyvault show --query id` prints",
    )
    key_size: Literal[2048, 3072, 4096] = setting(
        3072, breaks="Azure encrypts with RSA keys of these sizes", write="2048, 3072 or 4096"
    )
    rotate_after_days: int | None = setting(
        365,
        ge=28,
        le=3650,
        breaks="Key Vault makes a new version of the key after so many days, at least 28",
        write="a whole number from 28 to 3650, or null to rotate by hand",
    )

    @property
    def customer(self) -> bool:
        """Whether data is encrypted with a key of the customer's."""
        return self.keys == "customer"

    @model_validator(mode="after")
    def _fits(self) -> EncryptionConfig:
        if not self.customer and (self.key or self.vault_id):
            raise ValueError(
                "a key is named while keys is microsoft, so nothing would be encrypted with it; write keys: customer"
            )
        if bool(self.key) != bool(self.vault_id):
            raise ValueError(
                "a given key needs key and vaultId, else nothing may open it; write both, or neither for a key of the "
                "platform's own"
            )
        if self.key and self.vault_id:
            vault = self.vault_id.rsplit("/", 1)[-1]
            if not self.key.lower().startswith(f"https://{vault.lower()}."):
                raise ValueError(
                    f"the key isn't in the vault {vault}, so the grant there wouldn't open it; write the id of the key's vault"
                )
        return self


def mistakes(config: EncryptionConfig, *, purge_protection: bool, registry_sku: str) -> list[str]:
    """What of the other sections doesn't fit customer-managed keys. ``config.py`` puts the prefix before each."""
    if not config.customer:
        return []
    found: list[str] = []
    if config.key is None and not purge_protection:
        found.append(
            "encryption.keys: customer while vault.purgeProtection is false: Azure takes no key from a vault that can lose "
            "it, as everything encrypted with it would be lost too; write vault.purgeProtection: true"
        )
    if registry_sku != "Premium":
        found.append(
            f"encryption.keys: customer while registry.sku is {registry_sku}: only Premium registries are encrypted with a "
            "key of yours; write registry.sku: Premium"
        )
    return found


@dataclass(frozen=True)
class CustomerKey:
    """What is encrypted with, once the identity may open it."""

    vault_id: pulumi.Output[str]
    vault_uri: pulumi.Output[str]
    name: pulumi.Output[str]
    uri: pulumi.Output[str]  #: without a version: storage and registry follow rotations by themselves
    versioned_uri: pulumi.Output[str]  #: the workspace is told of each version
    identity_id: pulumi.Output[str]
    client_id: pulumi.Output[str]


class Encryption(pulumi.ComponentResource):
    """The key (unless one is given), an identity that may wrap with it, and that one role."""

    key: CustomerKey

    def __init__(
        self,
        name: str,
        config: EncryptionConfig,
        *,
        scope: Scope,
        vault_id: pulumi.Output[str],
        vault_name: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes what encryption needs.

        Args:
            name: the component's name.
            config: its section, with ``keys: customer``.
            scope: where it goes.
            vault_id: the platform's vault, for a key of its own; it has purge protection.
            vault_name: that vault's name.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Encryption", name, None, opts)
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            resource_name_=scope.named(lambda names: names.identity("encryption")),
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        if config.key and config.vault_id:
            target = pulumi.Output.from_input(config.vault_id)
            versioned = pulumi.Output.from_input(config.key)
        else:
            target = vault_id
            versioned = self._key(f"{name}-key", config, scope, vault_name)
        grant = self._grant(f"{name}-key-user", target, identity.principal_id)
        # Whoever encrypts does so once the role is there.
        opened = pulumi.Output.all(versioned, grant.id).apply(lambda values: str(values[0]))
        bare = opened.apply(lambda url: url.rsplit("/", 1)[0])
        self.key = CustomerKey(
            vault_id=target,
            vault_uri=bare.apply(lambda url: url.rsplit("/keys/", 1)[0]),
            name=bare.apply(lambda url: url.rsplit("/", 1)[-1]),
            uri=bare,
            versioned_uri=opened,
            identity_id=identity.id,
            client_id=identity.client_id,
        )
        self.register_outputs({"keyUri": self.key.uri, "identityId": self.key.identity_id})

    def _key(
        self, name: str, config: EncryptionConfig, scope: Scope, vault_name: pulumi.Output[str]
    ) -> pulumi.Output[str]:
        days = config.rotate_after_days
        rotation = days and keyvault.RotationPolicyArgs(
            lifetime_actions=[
                keyvault.LifetimeActionArgs(
                    action=keyvault.ActionArgs(type=keyvault.KeyRotationPolicyActionType.ROTATE),
                    trigger=keyvault.TriggerArgs(time_after_create=f"P{days}D"),
                )
            ]
        )
        key = keyvault.Key(
            name,
            resource_group_name=scope.resource_group_name,
            vault_name=vault_name,
            key_name=KEY_NAME,
            properties=keyvault.KeyPropertiesArgs(
                kty=keyvault.JsonWebKeyType.RSA,
                key_size=config.key_size,
                key_ops=["wrapKey", "unwrapKey"],
                rotation_policy=rotation or None,
            ),
            tags=scope.tags,
            # The vault takes it along, and keeps it as long as itself; deleting it alone would need a right to its data.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        return key.key_uri_with_version

    def _grant(
        self, name: str, vault_id: pulumi.Output[str], principal_id: pulumi.Output[str]
    ) -> authorization.RoleAssignment:
        role = Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER.value
        return authorization.RoleAssignment(
            name,
            role_assignment_name=pulumi.Output.all(vault_id, principal_id).apply(
                lambda ids: names.role_assignment(ids[0], ids[1], role)
            ),
            scope=vault_id,
            principal_id=principal_id,
            principal_type="ServicePrincipal",
            role_definition_id=vault_id.apply(
                lambda id_: names.role_definition_id(names.subscription_of(id_), role)
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
