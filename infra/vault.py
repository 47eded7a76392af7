"""The vault of the workspace's secrets. Access is by role, never by access policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import keyvault

from infra.section import Section, setting
from infra.workspace.purge import Purge

if TYPE_CHECKING:
    from infra.network.config import NetworkConfig
    from infra.scope import Scope


class VaultConfig(Section):
    """``mlops:vault``: the vault of secrets."""

    purge_protection: bool = setting(
        False,
        breaks="once on it can't be switched off, and a deleted vault stays for its retention days",
        write="true for production, false where vaults come and go",
    )
    soft_delete_days: int = setting(
        7,
        ge=7,
        le=90,
        breaks="Azure keeps a deleted vault for 7 to 90 days and can't change that later",
        write="a whole number from 7 to 90",
    )


class Vault(pulumi.ComponentResource):
    """A key vault."""

    id: pulumi.Output[str]
    vault_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: VaultConfig,
        *,
        scope: Scope,
        network: NetworkConfig,
        tenant_id: pulumi.Input[str],
        purge: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Vault", name, None, opts)
        named = scope.named(lambda names: names.vault)
        purged = [
            Purge(
                f"{name}-purge",
                kind="vault",
                target=named,
                resource_group_name=scope.resource_group_name,
                location=scope.location,
                opts=pulumi.ResourceOptions(parent=self),
            )
            # Azure purges no vault with purge protection.
            for _ in range(purge and not config.purge_protection)
        ]
        vault = keyvault.Vault(
            f"{name}-vault",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            vault_name=named,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=tenant_id,
                sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=config.soft_delete_days,
                # Azure refuses an explicit false.
                enable_purge_protection=True if config.purge_protection else None,
                public_network_access=network.public_network_access,
                network_acls=keyvault.NetworkRuleSetArgs(
                    bypass="AzureServices", default_action=network.default_action
                ),
            ),
            tags=scope.tags,
            opts=pulumi.ResourceOptions.merge(
                scope.holding_data(self), pulumi.ResourceOptions(depends_on=purged)
            ),
        )
        self.id = vault.id
        self.vault_name = vault.name
        self.register_outputs({"id": self.id, "vaultName": self.vault_name})
