"""The platform, in phases: names, network, what the workspace stands on, the workspace, what is in it, who watches it.

Each phase is a module of ``infra/phase`` that composes components and hands on typed outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.data.asset import Data, DataAsset
from infra.diagnostic import Diagnostics, Watched, of_found
from infra.events.subscription import Topic  # noqa: TC001
from infra.observability.endpoint_alert import Watch  # noqa: TC001
from infra.phase.alerting import compose_alerting
from infra.phase.compute import compose_compute
from infra.phase.data import compose_data
from infra.phase.features import compose_features
from infra.phase.foundation import compose_foundation
from infra.phase.ground import compose_ground
from infra.phase.network import compose_network
from infra.phase.sharing import compose_sharing
from infra.phase.watching import compose_watching
from infra.phase.workspace import compose_workspace

# At run time: Pulumi reads the annotations of a resource's class.
from infra.scope import Scope  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    resource_group_id: pulumi.Output[str]
    workspace_name: pulumi.Output[str]
    workspace_id: pulumi.Output[str]
    cpu_compute_name: pulumi.Output[str]
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
    event_topic: Topic
    watch: Watch | None  #: what alerts on endpoints need; None: nobody is to be told
    storage_id: pulumi.Output[str]
    storage_name: pulumi.Output[str]
    lake_id: pulumi.Output[str]
    vault_id: pulumi.Output[str]
    shared_registry_name: pulumi.Output[str] | None
    holding_data: dict[str, pulumi.Output[str]]  #: ids of what can't be made again from the program
    scope: Scope
    data: Data
    delivery: (
        dict[str, pulumi.Output[str]] | None
    )  #: what pipelines sign in with, where they have an identity

    def __init__(
        self,
        name: str,
        config: StackConfig,
        data_assets: Sequence[DataAsset],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        watched = Watched()
        self.observed = pulumi.ResourceOptions(transformations=[watched.see])
        super().__init__(
            "mlops:infra:Platform", name, None, pulumi.ResourceOptions.merge(opts, self.observed)
        )
        ground = compose_ground(name, config, self, watched)
        self._ground = ground
        reach = compose_network(ground)
        foundation = compose_foundation(ground, reach)
        centre = compose_workspace(ground, reach, foundation)
        compute = compose_compute(ground, reach, foundation, centre)
        data = compose_data(ground, foundation, centre, data_assets)
        more = compose_features(ground, reach, foundation)
        sharing = compose_sharing(ground, reach, foundation)
        watching = compose_watching(ground, foundation, centre, {**more, **sharing.ids})
        watch = compose_alerting(ground, foundation, centre)

        self._log_analytics_id = foundation.observability.log_analytics_id

        # What models are deployed with.
        self.scope = ground.scope
        self.suffix = ground.suffix
        self.location = pulumi.Output.from_input(config.location)
        self.resource_group_name = ground.resource_group_name
        self.resource_group_id = ground.resource_group_id
        self.holding_data = {
            "storage": foundation.storage.account_id,
            "lake": foundation.storage.lake_id,
            "vault": foundation.vault.id,
            "registry": foundation.registry.id,
            "log-analytics": foundation.observability.log_analytics_id,
        }
        self.workspace_name = foundation.for_deployers(centre.name)
        self.workspace_id = centre.id
        self.cpu_compute_name = compute.cpu_cluster_name
        self.lake_account_name = foundation.reachable(foundation.for_deployers(foundation.storage.lake_name))
        self.lake_container_name = foundation.storage.lake_container_name
        self.lake_datastore_name = data.lake_datastore_name
        self.lake_id = foundation.storage.lake_id
        self.data = data
        self.delivery = foundation.delivery(self.workspace_id)
        self.endpoint_identity_id = sharing.for_endpoints(
            centre.access.after(foundation.identity_id("endpoint"), ["endpoint"])
        )
        self.shared_registry_name = sharing.registry and sharing.registry.registry_name
        self.storage_id = foundation.storage.account_id
        self.storage_name = foundation.storage.account_name
        self.vault_id = foundation.vault.id
        self.key_vault_name = foundation.vault.vault_name
        self.registry_name = foundation.registry.registry_name
        self.application_insights_id = foundation.observability.application_insights_id
        self.public_access = config.network.public_access
        self.endpoint_auth = config.endpoint_auth
        self.breach_queue_name = watching.events.breach_queue_name
        self.model_queue_name = watching.events.model_queue_name
        self.watch = watch
        self.event_topic = watching.events.topic
        self.register_outputs(
            {
                "resourceGroupName": self.resource_group_name,
                "workspaceName": self.workspace_name,
                "suffix": self.suffix,
            }
        )

    def diagnose(self, name: str, endpoints: Mapping[str, pulumi.Output[str]]) -> None:
        """Keeps logs and metrics of online endpoints, and of what was made with ``observed`` since the platform.

        Args:
            name: the component's name.
            endpoints: ids, by model.
        """
        if not self._ground.config.observability.diagnostics:
            return
        both, without_logs, without_metrics = of_found(self._ground.watched.take(""))
        if endpoints or both or without_logs or without_metrics:
            Diagnostics(
                name,
                {**endpoints, **both},
                without_logs=without_logs,
                without_metrics=without_metrics,
                log_analytics_id=self._log_analytics_id,
            )
