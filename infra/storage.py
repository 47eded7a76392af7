"""The two storage accounts: the workspace's own, and the data lake.

Azure ML refuses a hierarchical namespace on a workspace's default account, and data wants one: hence two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import storage

from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.network.config import NetworkConfig
    from infra.scope import Scope
    from infra.workspace.encryption import CustomerKey

#: The lake's container of data assets.
DATA_CONTAINER = "data"


class StorageConfig(Section):
    """``mlops:storage``: the two storage accounts."""

    redundancy: Literal["LRS", "ZRS", "GRS", "GZRS"] = setting(
        "LRS",
        breaks="it decides which failures the data survives",
        write="LRS, ZRS, GRS or GZRS",
    )
    soft_delete_days: int = setting(
        7,
        ge=1,
        le=365,
        breaks="deleted blobs can be restored for 1 to 365 days",
        write="a whole number from 1 to 365",
    )
    versioning: bool = setting(
        True,
        breaks="it decides whether the workspace's account keeps earlier versions of blobs (the lake can't)",
        write="true, or false to keep the newest only",
    )
    shared_keys: bool = setting(
        True,
        breaks="it decides whether the accounts accept their keys beside identities",
        write="false to accept identities only, true while something still signs in with an account key",
    )


def encrypted_with(key: CustomerKey) -> storage.EncryptionArgs:
    """An account's encryption with a customer-managed key, queues and tables included; it follows the key's rotations."""
    # Queues and tables are encrypted with the account's key only if the account is made so.
    service = storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT)
    return storage.EncryptionArgs(
        key_source=storage.KeySource.MICROSOFT_KEYVAULT,
        encryption_identity=storage.EncryptionIdentityArgs(encryption_user_assigned_identity=key.identity_id),
        key_vault_properties=storage.KeyVaultPropertiesArgs(key_name=key.name, key_vault_uri=key.vault_uri),
        services=storage.EncryptionServicesArgs(blob=service, file=service, queue=service, table=service),
    )


class Storage(pulumi.ComponentResource):
    """The workspace's account and the lake, with the lake's container ``data``."""

    account_id: pulumi.Output[str]
    account_name: pulumi.Output[str]
    lake_id: pulumi.Output[str]
    lake_name: pulumi.Output[str]
    lake_container_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: StorageConfig,
        *,
        scope: Scope,
        network: NetworkConfig,
        key: CustomerKey | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Storage", name, None, opts)
        self._config, self._scope, self._network, self._key = config, scope, network, key

        account = self._account(f"{name}-account", scope.named(lambda names: names.storage_account))
        self._retention(f"{name}-account-blobs", account, versioning=config.versioning)
        lake = self._account(f"{name}-lake", scope.named(lambda names: names.lake_account), hierarchical=True)
        # Versions of blobs don't exist with a hierarchical namespace, not even switched off; soft delete does.
        lake_blobs = self._retention(f"{name}-lake-blobs", lake, versioning=None)
        container = storage.BlobContainer(
            f"{name}-lake-{DATA_CONTAINER}",
            resource_group_name=scope.resource_group_name,
            account_name=lake.name,
            container_name=DATA_CONTAINER,
            public_access=storage.PublicAccess.NONE,
            opts=pulumi.ResourceOptions(parent=self, protect=scope.protect, depends_on=[lake_blobs]),
        )
        self.account_id = account.id
        self.account_name = account.name
        self.lake_id = lake.id
        self.lake_name = lake.name
        self.lake_container_name = container.name
        self.register_outputs(
            {
                "accountName": self.account_name,
                "lakeName": self.lake_name,
                "lakeContainerName": self.lake_container_name,
            }
        )

    def _account(
        self, name: str, account_name: pulumi.Output[str], *, hierarchical: bool = False
    ) -> storage.StorageAccount:
        return storage.StorageAccount(
            name,
            resource_group_name=self._scope.resource_group_name,
            location=self._scope.location,
            account_name=account_name,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=f"Standard_{self._config.redundancy}"),
            is_hns_enabled=hierarchical,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            allow_shared_key_access=self._config.shared_keys,
            identity=self._key
            and storage.IdentityArgs(
                type=storage.IdentityType.USER_ASSIGNED, user_assigned_identities=[self._key.identity_id]
            ),
            encryption=self._key and encrypted_with(self._key),
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            public_network_access=self._network.public_network_access,
            network_rule_set=storage.NetworkRuleSetArgs(
                bypass=storage.Bypass.AZURE_SERVICES,
                default_action=storage.DefaultAction(self._network.default_action),
            ),
            tags=self._scope.tags,
            opts=self._scope.holding_data(self),
        )

    def _retention(
        self, name: str, account: storage.StorageAccount, *, versioning: bool | None
    ) -> storage.BlobServiceProperties:
        kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=self._config.soft_delete_days)
        return storage.BlobServiceProperties(
            name,
            resource_group_name=self._scope.resource_group_name,
            account_name=account.name,
            blob_services_name="default",
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            is_versioning_enabled=versioning,
            opts=pulumi.ResourceOptions(parent=self),
        )
