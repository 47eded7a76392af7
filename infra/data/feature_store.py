"""A feature store: a workspace of that kind, its offline and online stores, and who computes features into them.

As ``az ml feature-store create`` makes one: the connections name the stores, and the materialization identity opens both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import authorization, managedidentity, storage
from pulumi_azure_native import machinelearningservices as ml

from infra import names
from infra.access.role import Role
from infra.workspace.purge import Purge
from infra.workspace.workspace import encrypted_with

if TYPE_CHECKING:
    from infra.data.feature_store_config import FeatureStoreConfig
    from infra.scope import Scope
    from infra.workspace.encryption import CustomerKey

OFFLINE, ONLINE, SOURCE = "offline-store", "online-store", "lake"


@dataclass(frozen=True)
class Ground:
    """What a feature store stands on; all of it is the platform's."""

    storage_id: pulumi.Output[str]
    vault_id: pulumi.Output[str]
    application_insights_id: pulumi.Output[str]
    lake_id: pulumi.Output[str]
    lake_name: pulumi.Output[str]
    source_container: pulumi.Output[str]
    online_store_id: pulumi.Input[str] | None
    key: CustomerKey | None
    public_network_access: str
    purge: bool


class FeatureStore(pulumi.ComponentResource):
    """The workspace, its stores' connections and the roles of the identity that computes features."""

    id: pulumi.Output[str]
    store_name: pulumi.Output[str]
    source_datastore_name: pulumi.Output[str]  #: over the lake, where specifications are

    def __init__(
        self,
        name: str,
        config: FeatureStoreConfig,
        ground: Ground,
        *,
        scope: Scope,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:FeatureStore", name, None, opts)
        self._name, self._scope = name, scope
        child = pulumi.ResourceOptions(parent=self)
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            resource_name_=scope.named(lambda all_names: all_names.identity("features")),
            tags=scope.tags,
            opts=child,
        )
        container = storage.BlobContainer(
            f"{name}-offline",
            resource_group_name=scope.resource_group_name,
            account_name=ground.lake_name,
            container_name=config.offline_container,
            public_access=storage.PublicAccess.NONE,
            opts=scope.holding_data(self),
        )
        store = self._store(f"{name}-workspace", config, ground, identity)
        # Whoever computes reads sources, and writes into both stores and the workspace.
        roles: list[tuple[str, Role, pulumi.Input[str]]] = [
            ("workspace", Role.AZUREML_DATA_SCIENTIST, store.id),
            ("storage", Role.STORAGE_BLOB_DATA_CONTRIBUTOR, ground.storage_id),
            ("source", Role.STORAGE_BLOB_DATA_READER, ground.lake_id),
            ("offline", Role.STORAGE_BLOB_DATA_CONTRIBUTOR, container.id),
        ]
        if ground.online_store_id is not None:
            roles.append(("online", Role.CONTRIBUTOR, ground.online_store_id))
        granted = {label: self._grant(label, role, scope_id, identity) for label, role, scope_id in roles}
        properties = self._connected("AzureDataLakeGen2", container.id, identity)
        self._connection(OFFLINE, properties, store, granted["offline"])
        if ground.online_store_id is not None:
            properties = self._connected("Redis", ground.online_store_id, identity)
            self._connection(ONLINE, properties, store, granted["online"])
        self.id = store.id
        self.store_name = store.name
        self.source_datastore_name = self._source(store, ground)
        self.register_outputs({"id": self.id, "storeName": self.store_name})

    def _store(
        self,
        name: str,
        config: FeatureStoreConfig,
        ground: Ground,
        identity: managedidentity.UserAssignedIdentity,
    ) -> ml.Workspace:
        scope, key = self._scope, ground.key
        named = scope.named(lambda all_names: all_names.feature_store)
        purged = [
            Purge(
                f"{self._name}-purge",
                kind="workspace",
                target=named,
                resource_group_name=scope.resource_group_name,
                location=scope.location,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for _ in range(ground.purge)
        ]
        return ml.Workspace(
            name,
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            workspace_name=named,
            kind="FeatureStore",
            storage_account=ground.storage_id,
            key_vault=ground.vault_id,
            application_insights=ground.application_insights_id,
            identity=ml.ManagedServiceIdentityArgs(
                type=ml.ManagedServiceIdentityType.SYSTEM_ASSIGNED_USER_ASSIGNED,
                user_assigned_identities=[identity.id, *([key.identity_id] if key else [])],
            ),
            feature_store_settings=ml.FeatureStoreSettingsArgs(
                compute_runtime=ml.ComputeRuntimeDtoArgs(spark_runtime_version=config.spark_version),
                offline_store_connection_name=OFFLINE,
                online_store_connection_name=ONLINE if ground.online_store_id is not None else None,
            ),
            system_datastores_auth_mode=ml.SystemDatastoresAuthMode.IDENTITY,
            public_network_access=ground.public_network_access,
            encryption=key and encrypted_with(key),
            v1_legacy_mode=False,
            tags=scope.tags,
            opts=pulumi.ResourceOptions.merge(
                scope.holding_data(self), pulumi.ResourceOptions(depends_on=purged)
            ),
        )

    def _connected(
        self, category: str, target: pulumi.Input[str], identity: managedidentity.UserAssignedIdentity
    ) -> ml.ManagedIdentityAuthTypeWorkspaceConnectionPropertiesArgs:
        return ml.ManagedIdentityAuthTypeWorkspaceConnectionPropertiesArgs(
            auth_type="ManagedIdentity",
            category=category,
            target=target,
            credentials=ml.WorkspaceConnectionManagedIdentityArgs(
                client_id=identity.client_id, resource_id=identity.id
            ),
        )

    def _connection(
        self,
        connection: str,
        properties: ml.ManagedIdentityAuthTypeWorkspaceConnectionPropertiesArgs,
        store: ml.Workspace,
        granted: authorization.RoleAssignment,
    ) -> None:
        ml.WorkspaceConnection(
            f"{self._name}-{connection}",
            resource_group_name=self._scope.resource_group_name,
            workspace_name=store.name,
            connection_name=connection,
            properties=properties,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[granted]),
        )

    def _source(self, store: ml.Workspace, ground: Ground) -> pulumi.Output[str]:
        return ml.Datastore(
            f"{self._name}-{SOURCE}",
            resource_group_name=self._scope.resource_group_name,
            workspace_name=store.name,
            name=SOURCE,
            properties=ml.AzureDataLakeGen2DatastoreArgs(
                datastore_type="AzureDataLakeGen2",
                account_name=ground.lake_name,
                filesystem=ground.source_container,
                endpoint=self._scope.cloud.storage,
                protocol="https",
                credentials=ml.NoneDatastoreCredentialsArgs(credentials_type="None"),
                service_data_access_auth_identity=(
                    ml.ServiceDataAccessAuthIdentity.WORKSPACE_USER_ASSIGNED_IDENTITY
                ),
                description="The data lake, where feature sets' specifications are.",
                tags=self._scope.tags,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        ).name

    def _grant(
        self,
        label: str,
        role: Role,
        scope_id: pulumi.Input[str],
        identity: managedidentity.UserAssignedIdentity,
    ) -> authorization.RoleAssignment:
        target = pulumi.Output.from_input(scope_id)
        return authorization.RoleAssignment(
            f"{self._name}-identity-{role.label}-{label}",
            role_assignment_name=pulumi.Output.all(target, identity.principal_id).apply(
                lambda ids: names.role_assignment(ids[0], ids[1], role.value)
            ),
            scope=target,
            principal_id=identity.principal_id,
            principal_type="ServicePrincipal",
            role_definition_id=target.apply(
                lambda id_: names.role_definition_id(names.subscription_of(id_), role.value)
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
