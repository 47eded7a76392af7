"""What is in a feature store: entities, and feature sets with the schedules that compute them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import machinelearningservices as ml

if TYPE_CHECKING:
    from infra.data.feature_store_config import (
        EntityConfig,
        FeatureSetConfig,
        FeatureStoreConfig,
        MaterializationConfig,
    )
    from infra.scope import Scope

_STORES = {"none": "None", "offline": "Offline", "online": "Online", "both": "OnlineAndOffline"}


class FeatureSets(pulumi.ComponentResource):
    """Entities first, then the feature sets about them. A change is a new version: Azure refuses any other."""

    def __init__(
        self,
        name: str,
        config: FeatureStoreConfig,
        *,
        scope: Scope,
        store_name: pulumi.Input[str],
        datastore_name: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``datastore_name``: the store's datastore over the lake, where specifications are."""
        super().__init__("mlops:infra:FeatureSets", name, None, opts)
        self._name, self._scope, self._store_name = name, scope, store_name
        self._containers: dict[tuple[str, str], pulumi.Output[str]] = {}
        entities = {f"{entity.name}:{entity.version}": self._entity(entity) for entity in config.entities}
        for one in config.feature_sets:
            self._feature_set(one, datastore_name, [entities[reference] for reference in one.entities])
        self.register_outputs({})

    def _entity(self, entity: EntityConfig) -> pulumi.Resource:
        key = ("entity", entity.name)
        if key not in self._containers:
            self._containers[key] = ml.FeaturestoreEntityContainerEntity(
                f"{self._name}-entity-{entity.name}",
                resource_group_name=self._scope.resource_group_name,
                workspace_name=self._store_name,
                name=entity.name,
                properties=ml.FeaturestoreEntityContainerPropertiesArgs(
                    description=entity.description or None, tags=self._scope.tags
                ),
                opts=pulumi.ResourceOptions(parent=self),
            ).name
        return ml.FeaturestoreEntityVersion(
            f"{self._name}-entity-{entity.name}-{entity.version}",
            resource_group_name=self._scope.resource_group_name,
            workspace_name=self._store_name,
            name=self._containers[key],
            version=entity.version,
            properties=ml.FeaturestoreEntityVersionPropertiesArgs(
                index_columns=[
                    ml.IndexColumnArgs(column_name=column.name, data_type=column.type)
                    for column in entity.index_columns
                ],
                stage=entity.stage,
                description=entity.description or None,
                tags=self._scope.tags,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _feature_set(
        self, one: FeatureSetConfig, datastore_name: pulumi.Output[str], entities: list[pulumi.Resource]
    ) -> None:
        key = ("set", one.name)
        if key not in self._containers:
            self._containers[key] = ml.FeaturesetContainerEntity(
                f"{self._name}-{one.name}",
                resource_group_name=self._scope.resource_group_name,
                workspace_name=self._store_name,
                name=one.name,
                properties=ml.FeaturesetContainerPropertiesArgs(
                    description=one.description or None, tags=self._scope.tags
                ),
                opts=pulumi.ResourceOptions(parent=self),
            ).name
        ml.FeaturesetVersion(
            f"{self._name}-{one.name}-{one.version}",
            resource_group_name=self._scope.resource_group_name,
            workspace_name=self._store_name,
            name=self._containers[key],
            version=one.version,
            properties=ml.FeaturesetVersionPropertiesArgs(
                # As Azure writes references to entities of the same store.
                entities=[f"azureml:{reference}" for reference in one.entities],
                specification=ml.FeaturesetSpecificationArgs(
                    path=datastore_name.apply(
                        lambda store: f"azureml://datastores/{store}/paths/{one.specification}"
                    )
                ),
                stage=one.stage,
                description=one.description or None,
                materialization_settings=_materialization(one.materialization),
                tags=self._scope.tags,
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=entities),
        )


def _materialization(config: MaterializationConfig) -> ml.MaterializationSettingsArgs | None:
    if not config.kept:
        return None
    return ml.MaterializationSettingsArgs(
        store_type=_STORES[config.store],
        resource=ml.MaterializationComputeResourceArgs(instance_type=config.instance_type),
        spark_configuration=config.spark,
        schedule=None
        if config.every is None
        else ml.RecurrenceTriggerArgs(
            trigger_type="Recurrence",
            frequency=config.every.capitalize(),
            interval=config.interval,
            start_time=config.start_time,
            time_zone="UTC",
        ),
    )
