"""What training reads: the datastore over the lake, and versioned data assets on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.scope import Scope

LAKE_DATASTORE = "lake"


@dataclass(frozen=True)
class DataAsset:
    """A version of a data asset. Its files are the folder ``NAME/VERSION/`` of the lake's container."""

    name: str
    version: str
    description: str


class Data(pulumi.ComponentResource):
    """The datastore ``lake``, which holds no keys, and the data assets."""

    lake_datastore_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        data_assets: Sequence[DataAsset],
        *,
        scope: Scope,
        workspace_name: pulumi.Input[str],
        lake_account_name: pulumi.Input[str],
        lake_container_name: pulumi.Input[str],
        identity: Literal["user", "system"] = "user",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Data", name, None, opts)
        self._scope, self._workspace_name = scope, workspace_name
        datastore = ml.Datastore(
            f"{name}-{LAKE_DATASTORE}",
            resource_group_name=scope.resource_group_name,
            workspace_name=workspace_name,
            name=LAKE_DATASTORE,
            properties=ml.AzureDataLakeGen2DatastoreArgs(
                datastore_type="AzureDataLakeGen2",
                account_name=lake_account_name,
                filesystem=lake_container_name,
                endpoint=scope.cloud.storage,
                protocol="https",
                credentials=ml.NoneDatastoreCredentialsArgs(credentials_type="None"),
                # Whoever runs a job reads as themselves; the service itself (data preview, monitors) as the workspace.
                service_data_access_auth_identity=(
                    ml.ServiceDataAccessAuthIdentity.WORKSPACE_SYSTEM_ASSIGNED_IDENTITY
                    if identity == "system"
                    else ml.ServiceDataAccessAuthIdentity.WORKSPACE_USER_ASSIGNED_IDENTITY
                ),
                description="The data lake: one folder per data asset and version.",
                tags=scope.tags,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        containers: dict[str, ml.DataContainer] = {}
        for asset in data_assets:
            if asset.name not in containers:
                containers[asset.name] = self._asset(f"{name}-{asset.name}", asset)
            self._asset_version(
                f"{name}-{asset.name}-{asset.version}", asset, containers[asset.name], datastore
            )
        self.lake_datastore_name = datastore.name
        self.register_outputs({"lakeDatastoreName": self.lake_datastore_name})

    def _asset(self, name: str, asset: DataAsset) -> ml.DataContainer:
        return ml.DataContainer(
            name,
            resource_group_name=self._scope.resource_group_name,
            workspace_name=self._workspace_name,
            name=asset.name,
            properties=ml.DataContainerPropertiesArgs(
                data_type=ml.DataType.URI_FOLDER, description=asset.description, tags=self._scope.tags
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _asset_version(
        self, name: str, asset: DataAsset, container: ml.DataContainer, datastore: ml.Datastore
    ) -> ml.DataVersion:
        return ml.DataVersion(
            name,
            resource_group_name=self._scope.resource_group_name,
            workspace_name=self._workspace_name,
            name=container.name,
            version=asset.version,
            properties=ml.UriFolderDataVersionArgs(
                data_type="uri_folder",
                data_uri=datastore.name.apply(lambda store: names.data_uri(store, asset.name, asset.version)),
                description=asset.description,
                tags=self._scope.tags,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
