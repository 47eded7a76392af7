"""The Azure ML workspace: on its own, a hub, or a project of one. What it stands on, roles included, exists before it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_azure_native import machinelearningservices

from infra.network.managed_network import NOT_THE_WORKSPACES, managed_network
from infra.workspace.purge import Purge

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.names import Names
    from infra.network.config import NetworkConfig
    from infra.scope import Scope
    from infra.workspace.config import WorkspaceConfig
    from infra.workspace.encryption import CustomerKey


@dataclass(frozen=True)
class Foundation:
    """The ids of what a workspace stands on. ``identity_id`` is known once the identity's roles exist."""

    storage_id: pulumi.Input[str]
    vault_id: pulumi.Input[str]
    registry_id: pulumi.Input[str]
    application_insights_id: pulumi.Input[str]
    identity_id: pulumi.Input[str]


class Workspace(pulumi.ComponentResource):
    """The workspace, with datastores that hold no keys; of a hub, its projects too.

    ``home_name`` and ``home_id`` are the workspace that models, data assets and endpoints are in: itself, or the hub's
    first project.
    """

    id: pulumi.Output[str]
    workspace_name: pulumi.Output[str]
    home_id: pulumi.Output[str]
    home_name: pulumi.Output[str]
    projects: dict[str, pulumi.Output[str]]  #: the ids of a hub's projects, by label

    def __init__(
        self,
        name: str,
        config: WorkspaceConfig,
        foundation: Foundation,
        *,
        scope: Scope,
        network: NetworkConfig,
        image_build_compute: str,
        key: CustomerKey | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes the workspace.

        Args:
            name: the component's name.
            config: its section.
            foundation: what it stands on; a project stands on its hub instead.
            scope: where it goes.
            network: who may reach it.
            image_build_compute: the cluster that builds images where Azure's own builders can't reach the registry, unless
                the section names one; set before that cluster exists.
            key: what it is encrypted with, if not with Microsoft's.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Workspace", name, None, opts)
        self._scope, self._config, self._foundation = scope, config, foundation
        self._network, self._key = network, key
        builder = config.image_build_compute or (image_build_compute if network.builds_images else None)
        workspace = (
            self._project(f"{name}-workspace", f"{name}-purge", lambda names: names.workspace, config.hub)
            if config.kind == "project" and config.hub
            else self._whole(f"{name}-workspace", f"{name}-purge", builder)
        )
        self.id = workspace.id
        self.workspace_name = workspace.name
        members = {
            label: self._project(
                f"{name}-{label}", f"{name}-{label}-purge", partial(_project_name, label), workspace.id
            )
            for label in config.projects
        }
        home = next(iter(members.values()), workspace)
        self.projects = {label: member.id for label, member in members.items()}
        self.home_id, self.home_name = home.id, home.name
        self.register_outputs({"id": self.id, "workspaceName": self.workspace_name})

    def _whole(self, name: str, purge: str, builder: str | None) -> machinelearningservices.Workspace:
        """A workspace that has everything itself: a default one, or a hub."""
        scope, foundation = self._scope, self._foundation
        return machinelearningservices.Workspace(
            name,
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            workspace_name=scope.named(lambda names: names.workspace),
            kind="Hub" if self._config.kind == "hub" else "Default",
            storage_account=foundation.storage_id,
            key_vault=foundation.vault_id,
            container_registry=foundation.registry_id,
            application_insights=foundation.application_insights_id,
            **self._identity(),
            **self._everywhere(),
            enable_data_isolation=self._config.data_isolation or None,
            encryption=self._key and encrypted_with(self._key),
            image_build_compute=builder,
            managed_network=managed_network(self._network),
            opts=pulumi.ResourceOptions.merge(
                self._options(purge, lambda names: names.workspace),
                pulumi.ResourceOptions(ignore_changes=list(NOT_THE_WORKSPACES)),
            ),
        )

    def _project(
        self,
        name: str,
        purge: str,
        named: Callable[[Names], str],
        hub_id: pulumi.Input[str],
    ) -> machinelearningservices.Workspace:
        """A workspace that stands on its hub: Azure refuses storage, vault, registry, key and network of its own."""
        return machinelearningservices.Workspace(
            name,
            resource_group_name=self._scope.resource_group_name,
            location=self._scope.location,
            workspace_name=self._scope.named(named),
            kind="Project",
            hub_resource_id=hub_id,
            **self._identity(encrypted=False),
            **self._everywhere(),
            opts=self._options(purge, named),
        )

    def _options(self, purge: str, named: Callable[[Names], str]) -> pulumi.ResourceOptions:
        """A workspace is made after what purges it, and goes before it."""
        options = self._scope.holding_data(self)
        if not self._config.purge_on_destroy:
            return options
        purged = Purge(
            purge,
            kind="workspace",
            target=self._scope.named(named),
            resource_group_name=self._scope.resource_group_name,
            location=self._scope.location,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[purged]))

    def _everywhere(self) -> dict[str, Any]:
        return {
            "system_datastores_auth_mode": machinelearningservices.SystemDatastoresAuthMode.IDENTITY,
            "public_network_access": self._network.public_network_access,
            # Left out, Azure decides by the age of the subscription.
            "v1_legacy_mode": False,
            "tags": self._scope.tags,
        }

    def _identity(self, *, encrypted: bool = True) -> dict[str, Any]:
        """Who the workspace is; the identity that opens its key is one of its own."""
        keys = [self._key.identity_id] if encrypted and self._key else []
        kinds = machinelearningservices.ManagedServiceIdentityType
        if self._config.identity == "system":
            kind = kinds.SYSTEM_ASSIGNED_USER_ASSIGNED if keys else kinds.SYSTEM_ASSIGNED
            return {
                "identity": machinelearningservices.ManagedServiceIdentityArgs(
                    type=kind, user_assigned_identities=keys or None
                )
            }
        own = self._foundation.identity_id
        return {
            "identity": machinelearningservices.ManagedServiceIdentityArgs(
                type=kinds.USER_ASSIGNED, user_assigned_identities=[own, *keys]
            ),
            "primary_user_assigned_identity": own,
        }


def encrypted_with(key: CustomerKey) -> machinelearningservices.EncryptionPropertyArgs:
    """A workspace's encryption: it is told of each version of the key, all in the vault that it began with."""
    return machinelearningservices.EncryptionPropertyArgs(
        status=machinelearningservices.EncryptionStatus.ENABLED,
        identity=machinelearningservices.IdentityForCmkArgs(user_assigned_identity=key.identity_id),
        key_vault_properties=machinelearningservices.KeyVaultPropertiesArgs(
            key_identifier=key.versioned_uri, key_vault_arm_id=key.vault_id
        ),
    )


def _project_name(label: str, names: Names) -> str:
    return names.project_workspace(label)
