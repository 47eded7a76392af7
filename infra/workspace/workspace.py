"""The Azure ML workspace. Everything it stands on, roles included, exists before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import machinelearningservices

if TYPE_CHECKING:
    from infra.network.config import NetworkConfig
    from infra.scope import Scope


@dataclass(frozen=True)
class Foundation:
    """The ids of what a workspace stands on. ``identity_id`` is known once the identity's roles exist."""

    storage_id: pulumi.Input[str]
    vault_id: pulumi.Input[str]
    registry_id: pulumi.Input[str]
    application_insights_id: pulumi.Input[str]
    identity_id: pulumi.Input[str]


class Workspace(pulumi.ComponentResource):
    """The workspace, with a user-assigned identity and datastores that hold no keys."""

    id: pulumi.Output[str]
    workspace_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        foundation: Foundation,
        *,
        scope: Scope,
        network: NetworkConfig,
        image_build_compute: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes the workspace.

        Args:
            name: the component's name.
            foundation: what it stands on.
            scope: where it goes.
            network: who may reach it.
            image_build_compute: the cluster that builds images where Azure's own builders can't reach the registry;
                set before that cluster exists.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Workspace", name, None, opts)
        workspace = machinelearningservices.Workspace(
            f"{name}-workspace",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            workspace_name=scope.named(lambda names: names.workspace),
            kind="Default",
            storage_account=foundation.storage_id,
            key_vault=foundation.vault_id,
            container_registry=foundation.registry_id,
            application_insights=foundation.application_insights_id,
            identity=machinelearningservices.ManagedServiceIdentityArgs(
                type=machinelearningservices.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[foundation.identity_id],
            ),
            primary_user_assigned_identity=foundation.identity_id,
            system_datastores_auth_mode=machinelearningservices.SystemDatastoresAuthMode.IDENTITY,
            public_network_access=network.public_network_access,
            image_build_compute=None if network.public_access else image_build_compute,
            # Left out, Azure decides by the age of the subscription.
            v1_legacy_mode=False,
            tags=scope.tags,
            opts=scope.holding_data(self),
        )
        self.id = workspace.id
        self.workspace_name = workspace.name
        self.register_outputs({"id": self.id, "workspaceName": self.workspace_name})
