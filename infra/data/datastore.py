"""Datastores that a stack names: blobs, a lake's files, file shares, on the platform's accounts or on given ones.

None holds a key: jobs read as their identity, the studio as the workspace. On the platform's accounts the roles for that are
the platform's; on a given account they are its owner's to grant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pulumi_azure_native import storage
from pydantic import model_validator

from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.scope import Scope

#: Names that Azure ML or the platform gives its own datastores.
RESERVED = (
    "workspaceblobstore",
    "workspaceartifactstore",
    "workspacefilestore",
    "workspaceworkingdirectory",
    "azureml_globaldatasets",
    "lake",
)
#: The platform's own accounts, as a stack names them.
STORAGE, LAKE = "storage", "lake"
_OWN_ACCOUNT = {"blob": STORAGE, "adls": LAKE, "file": STORAGE}


class DatastoreConfig(Section):
    """One of ``mlops:data.datastores``."""

    name: str = setting(
        pattern=r"^[a-z0-9_]{1,64}$",
        breaks="jobs and data assets name it, and Azure ML takes lowercase letters, digits and underscores",
        write="1 to 64 lowercase letters, digits and underscores such as raw_flights",
    )
    type: Literal["blob", "adls", "file"] = setting(
        breaks="it decides how jobs read it",
        write="blob, adls for a container with a hierarchical namespace, or file for a file share",
    )
    container: str = setting(
        pattern=r"^[a-z0-9](-?[a-z0-9])+$",
        min_length=3,
        max_length=63,
        breaks="it is the container, file system or share that is read",
        write="3 to 63 lowercase letters, digits and single hyphens",
    )
    account: str | None = setting(
        None,
        pattern=r"^(storage|lake|[a-z0-9]{3,24})$",
        breaks="it is where the data is",
        write="storage or lake for the platform's accounts, the name of another account, or leave the key out",
    )
    resource_group: str | None = setting(
        None,
        pattern=r"^[\w.()-]{1,90}$",
        breaks="a given account is looked for there",
        write="the given account's resource group, or leave the key out for the platform's accounts",
    )
    subscription: str | None = setting(
        None,
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        breaks="a given account is looked for there",
        write="the given account's subscription id, or leave the key out for the stack's",
    )
    description: str = setting("", max_length=256, breaks="it is what people see", write="a sentence")

    @property
    def place(self) -> str:
        """The account, as the stack names it."""
        return self.account or _OWN_ACCOUNT[self.type]

    @property
    def own(self) -> bool:
        """Whether the account is the platform's, and the container is made with the datastore."""
        return self.place in (STORAGE, LAKE)

    @model_validator(mode="after")
    def _fits(self) -> DatastoreConfig:
        if self.name in RESERVED:
            raise ValueError(
                f"the name {self.name} is a datastore that every workspace of this platform has; write another name"
            )
        if self.type == "file" and self.place == LAKE:
            raise ValueError(
                f"the datastore {self.name} is a file share on the lake, whose hierarchical namespace is for blobs: nobody has "
                "a role on its shares, and no private endpoint leads there; write account: storage"
            )
        if self.type == "adls" and self.place == STORAGE:
            raise ValueError(
                f"the datastore {self.name} is adls on the workspace's account, which has no hierarchical namespace and can't "
                "get one; write account: lake, or type: blob"
            )
        if self.own and (self.resource_group or self.subscription):
            raise ValueError(
                f"the datastore {self.name} is on the platform's account, so resourceGroup and subscription would have no "
                "effect; remove them, or name another account"
            )
        if not self.own and not self.resource_group:
            raise ValueError(
                f"the datastore {self.name} is on the given account {self.place}, which isn't found without its group; write "
                "resourceGroup"
            )
        return self


def twice(configs: Sequence[DatastoreConfig]) -> list[str]:
    """What is wrong with several datastores together."""
    names = [config.name for config in configs]
    return [
        f"data.datastores: {name} is listed twice, and a workspace has one datastore of a name; rename one"
        for name in dict.fromkeys(name for name in names if names.count(name) > 1)
    ]


class Datastores(pulumi.ComponentResource):
    """The stack's datastores, and their containers on the platform's accounts."""

    names: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        configs: Sequence[DatastoreConfig],
        *,
        scope: Scope,
        workspace_name: pulumi.Input[str],
        accounts: Mapping[str, pulumi.Output[str]],
        identity: Literal["user", "system"],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes the datastores.

        Args:
            name: the component's name.
            configs: what they are.
            scope: where they go.
            workspace_name: the workspace that has them.
            accounts: the names of the platform's own accounts, by ``storage`` and ``lake``.
            identity: which of the workspace's identities the studio reads with.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Datastores", name, None, opts)
        self._name, self._scope, self._accounts = name, scope, accounts
        self._service = (
            ml.ServiceDataAccessAuthIdentity.WORKSPACE_SYSTEM_ASSIGNED_IDENTITY
            if identity == "system"
            else ml.ServiceDataAccessAuthIdentity.WORKSPACE_USER_ASSIGNED_IDENTITY
        )
        containers: dict[tuple[str, str, bool], pulumi.Output[str]] = {}
        made: dict[str, pulumi.Output[str]] = {}
        for config in configs:
            key = (config.place, config.container, config.type == "file")
            if config.own and key not in containers:
                containers[key] = self._container(config)
            made[config.name] = ml.Datastore(
                f"{name}-{config.name}",
                resource_group_name=scope.resource_group_name,
                workspace_name=workspace_name,
                name=config.name,
                properties=self._properties(config, containers.get(key, config.container)),
                opts=pulumi.ResourceOptions(parent=self),
            ).name
        self.names = made
        self.register_outputs({"names": dict(made)})

    def _container(self, config: DatastoreConfig) -> pulumi.Output[str]:
        scope, label = self._scope, f"{self._name}-{config.place}-{config.container}"
        opts = pulumi.ResourceOptions(parent=self, protect=scope.protect)
        if config.type == "file":
            return storage.FileShare(
                f"{label}-share",
                resource_group_name=scope.resource_group_name,
                account_name=self._accounts[config.place],
                share_name=config.container,
                opts=opts,
            ).name
        return storage.BlobContainer(
            label,
            resource_group_name=scope.resource_group_name,
            account_name=self._accounts[config.place],
            container_name=config.container,
            public_access=storage.PublicAccess.NONE,
            opts=opts,
        ).name

    def _properties(
        self, config: DatastoreConfig, container: pulumi.Input[str]
    ) -> ml.AzureBlobDatastoreArgs | ml.AzureDataLakeGen2DatastoreArgs | ml.AzureFileDatastoreArgs:
        common: dict[str, Any] = {
            "account_name": self._accounts[config.place] if config.own else config.place,
            "credentials": ml.NoneDatastoreCredentialsArgs(credentials_type="None"),
            "endpoint": self._scope.cloud.storage,
            "protocol": "https",
            "service_data_access_auth_identity": self._service,
            "resource_group": None if config.own else config.resource_group,
            "subscription_id": config.subscription,
            "description": config.description or None,
            "tags": self._scope.tags,
        }
        match config.type:
            case "blob":
                return ml.AzureBlobDatastoreArgs(
                    datastore_type="AzureBlob", container_name=container, **common
                )
            case "adls":
                return ml.AzureDataLakeGen2DatastoreArgs(
                    datastore_type="AzureDataLakeGen2", filesystem=container, **common
                )
            case "file":
                return ml.AzureFileDatastoreArgs(
                    datastore_type="AzureFile", file_share_name=container, **common
                )
