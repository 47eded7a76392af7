"""The platform, in phases: names, what the workspace stands on, the workspace, what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import resources

from infra.access.grant import Access, Target, deployers, grants
from infra.access.identity import Identity
from infra.compute.cluster import CPU_CLUSTER, Compute
from infra.data.asset import Data, DataAsset
from infra.diagnostic import Diagnostics, storage_targets
from infra.events.system_topic import Events
from infra.names import Names
from infra.network.private_endpoint import (
    ALL_ZONES,
    PrivateEndpoints,
    foundation_entrances,
    reachable,
    workspace_entrances,
)
from infra.network.virtual_network import Network
from infra.observability.log_analytics import Observability
from infra.registry import Registry
from infra.scope import Scope
from infra.storage import Storage
from infra.suffix import Suffix
from infra.vault import Vault
from infra.workspace.workspace import Foundation, Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config import StackConfig

__all__ = ["DataAsset", "Platform"]


class Platform(pulumi.ComponentResource):
    """A complete Azure ML platform.

    Its outputs are known only when what depends on them can work: the names of workspace and lake wait for the roles
    of whoever deploys, the endpoints' identity for its own. Models depend on ``data`` besides.
    """

    suffix: pulumi.Output[str]
    location: pulumi.Output[str]
    resource_group_name: pulumi.Output[str]
    workspace_name: pulumi.Output[str]
    workspace_id: pulumi.Output[str]
    cpu_compute_name: pulumi.Output[str]
    gpu_compute_name: pulumi.Output[str]
    lake_account_name: pulumi.Output[str]
    lake_container_name: pulumi.Output[str]
    lake_datastore_name: pulumi.Output[str]
    endpoint_identity_id: pulumi.Output[str]
    key_vault_name: pulumi.Output[str]
    registry_name: pulumi.Output[str]
    application_insights_id: pulumi.Output[str]
    public_access: bool
    endpoint_auth: str | None
    breach_queue_name: pulumi.Output[str]
    model_queue_name: pulumi.Output[str]
    event_topic_name: pulumi.Output[str]
    storage_id: pulumi.Output[str]
    storage_name: pulumi.Output[str]
    lake_id: pulumi.Output[str]
    vault_id: pulumi.Output[str]
    scope: Scope
    data: Data

    def __init__(
        self,
        name: str,
        config: StackConfig,
        data_assets: Sequence[DataAsset],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Platform", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        # Names, and the group that everything is in.
        suffix = Suffix(f"{name}-suffix", fixed=config.suffix, opts=child)
        platform_names = suffix.value.apply(lambda text: Names(config.project, config.environment, text))
        group = resources.ResourceGroup(
            f"{name}-group",
            resource_group_name=platform_names.apply(lambda names: names.resource_group),
            location=config.location,
            tags=config.all_tags,
            opts=pulumi.ResourceOptions(parent=self, protect=config.protect),
        )
        scope = Scope(group.name, config.location, platform_names, config.all_tags, config.protect)

        # What the workspace stands on.
        identity = Identity(f"{name}-identity", scope=scope, opts=child)
        observability = Observability(f"{name}-observability", config.observability, scope=scope, opts=child)
        storage = Storage(f"{name}-storage", config.storage, scope=scope, network=config.network, opts=child)
        registry = Registry(
            f"{name}-registry", config.registry, scope=scope, network=config.network, opts=child
        )
        vault = Vault(
            f"{name}-vault",
            config.vault,
            scope=scope,
            network=config.network,
            tenant_id=identity.tenant_id,
            opts=child,
        )
        targets: dict[Target, pulumi.Output[str]] = {
            "storage": storage.account_id,
            "lake": storage.lake_id,
            "vault": vault.id,
            "registry": registry.id,
            "insights": observability.application_insights_id,
        }
        foundation_access = Access(
            f"{name}-access",
            [grant for grant in grants(config.access) if grant.target != "workspace"],
            principals=identity.principal_ids,
            targets=targets,
            opts=child,
        )
        network = (
            None
            if config.network.public_access
            else Network(f"{name}-network", config.network, ALL_ZONES, scope=scope, opts=child)
        )
        entrances = network and PrivateEndpoints(
            f"{name}-entrances", network, foundation_entrances(targets), scope=scope, opts=child
        )

        # The workspace.
        workspace = Workspace(
            f"{name}-workspace",
            Foundation(
                storage_id=reachable(storage.account_id, entrances),
                vault_id=reachable(vault.id, entrances),
                registry_id=reachable(registry.id, entrances),
                application_insights_id=observability.application_insights_id,
                identity_id=foundation_access.after(identity.ids["workspace"], ["workspace"]),
            ),
            scope=scope,
            network=config.network,
            image_build_compute=CPU_CLUSTER,
            opts=child,
        )
        workspace_access = Access(
            f"{name}-workspace-access",
            [grant for grant in grants(config.access) if grant.target == "workspace"],
            principals=identity.principal_ids,
            targets={"workspace": workspace.id},
            opts=child,
        )
        workspace_entrance = network and PrivateEndpoints(
            f"{name}-workspace-entrance", network, workspace_entrances(workspace.id), scope=scope, opts=child
        )
        workspace_name = reachable(workspace.workspace_name, workspace_entrance)

        # What is in it.
        compute = Compute(
            f"{name}-compute",
            config.compute,
            scope=scope,
            workspace_name=workspace_name,
            identity_id=foundation_access.after(identity.ids["compute"], ["compute"]),
            subnet_id=None if network is None else network.compute_subnet_id,
            opts=child,
        )
        data = Data(
            f"{name}-data",
            data_assets,
            scope=scope,
            workspace_name=workspace_name,
            lake_account_name=storage.lake_name,
            lake_container_name=storage.lake_container_name,
            opts=child,
        )
        events = Events(
            f"{name}-events",
            scope=scope,
            workspace_id=workspace.id,
            storage_id=storage.account_id,
            storage_name=storage.account_name,
            identity_id=foundation_access.after(identity.ids["events"], ["events"]),
            opts=child,
        )

        # What is kept of all that.
        if config.observability.diagnostics:
            Diagnostics(
                f"{name}-diagnostics",
                {
                    **storage_targets("storage", storage.account_id),
                    **storage_targets("lake", storage.lake_id),
                    "vault": vault.id,
                    "registry": registry.id,
                    "log-analytics": observability.log_analytics_id,
                    "workspace": workspace.id,
                    "topic": events.topic_id,
                },
                without_logs={"storage": storage.account_id, "lake": storage.lake_id},
                log_analytics_id=observability.log_analytics_id,
                opts=child,
            )

        # What models are deployed with.
        self.suffix = suffix.value
        self.location = pulumi.Output.from_input(config.location)
        self.resource_group_name = group.name
        self.workspace_name = foundation_access.after(workspace_name, deployers(config.access))
        self.workspace_id = workspace.id
        self.cpu_compute_name = compute.cpu_cluster_name
        self.gpu_compute_name = compute.gpu_cluster_name
        self.lake_account_name = reachable(
            foundation_access.after(storage.lake_name, deployers(config.access)), entrances
        )
        self.lake_container_name = storage.lake_container_name
        self.lake_datastore_name = data.lake_datastore_name
        self.data = data
        self.endpoint_identity_id = workspace_access.after(
            foundation_access.after(identity.ids["endpoint"], ["endpoint"]), ["endpoint"]
        )
        self.key_vault_name = vault.vault_name
        self.registry_name = registry.registry_name
        self.application_insights_id = observability.application_insights_id
        self.public_access = config.network.public_access
        self.endpoint_auth = config.endpoint_auth
        self.breach_queue_name = events.breach_queue_name
        self.model_queue_name = events.model_queue_name
        self.event_topic_name = events.topic_name
        self.storage_id, self.storage_name = storage.account_id, storage.account_name
        self.lake_id = storage.lake_id
        self.vault_id = vault.id
        self.scope = scope
        self.register_outputs(
            {
                "resourceGroupName": self.resource_group_name,
                "workspaceName": self.workspace_name,
                "suffix": self.suffix,
            }
        )
