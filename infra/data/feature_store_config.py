"""What a stack says about its feature store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints, model_validator

from infra.section import Section, setting

_NAME = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$"
_VERSION = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,29}$"
_WRITE_NAME = "letters, digits, hyphens, underscores and dots, a letter or digit first"
_WRITE_VERSION = "a text such as '2'"
_FIXED = "a version never changes what it says"
Stage = Literal["Development", "Production", "Archived"]
EntityReference = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*:[a-zA-Z0-9][a-zA-Z0-9_.-]*$")
]


class ColumnConfig(Section):
    """One of an entity's ``indexColumns``."""

    name: str = setting(min_length=1, max_length=255, breaks="rows are joined by it", write="a column's name")
    type: Literal["String", "Integer", "Long", "Float", "Double", "Binary", "Datetime", "Boolean"] = setting(
        "String",
        breaks="feature sets of the entity have a column of this type",
        write="String, Integer, Long, Float, Double, Binary, Datetime or Boolean",
    )


class EntityConfig(Section):
    """One of ``mlops:featureStore.entities``."""

    name: str = setting(pattern=_NAME, breaks="feature sets name it", write=_WRITE_NAME)
    version: str = setting("1", pattern=_VERSION, breaks=_FIXED, write=_WRITE_VERSION)
    index_columns: tuple[ColumnConfig, ...] = setting(
        min_length=1,
        breaks="feature sets are joined to what they describe by these columns",
        write="a list of mappings with name and type, at least one",
    )
    stage: Stage = setting(
        "Development",
        breaks="it says how far the entity is to be trusted",
        write="Development, Production or Archived",
    )
    description: str = setting("", max_length=256, breaks="it is what people see", write="a sentence")


class MaterializationConfig(Section):
    """A feature set's ``materialization``: when its features are computed, on what, and where they are kept."""

    store: Literal["none", "offline", "online", "both"] = setting(
        "none",
        breaks="it decides where computed features are kept",
        write="none, offline for training, online for serving, or both",
    )
    every: Literal["minute", "hour", "day", "week", "month"] | None = setting(
        None,
        breaks="without it features are computed when somebody asks for a backfill",
        write="minute, hour, day, week, month, or leave the key out",
    )
    interval: int = setting(
        1, ge=1, le=1000, breaks="it is how many of them are between two runs", write="a whole number from 1"
    )
    start_time: str | None = setting(
        None,
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$",
        breaks="the first run is then, in UTC",
        write="a time such as 2026-12-01T03:00:00, or leave the key out for at once",
    )
    instance_type: str = setting(
        "standard_e8s_v3",
        pattern=r"^[Ss]tandard_[A-Za-z0-9_]+$",
        breaks="Spark runs on machines of this size",
        write="a size that serverless Spark offers such as standard_e8s_v3",
    )
    spark: dict[str, str] = setting(
        {
            "spark.driver.cores": "4",
            "spark.driver.memory": "28g",
            "spark.executor.cores": "4",
            "spark.executor.memory": "28g",
            "spark.executor.instances": "2",
        },
        breaks="Spark is started with it",
        write="a mapping of Spark's settings to texts",
    )

    @property
    def kept(self) -> bool:
        """Whether features are computed ahead at all."""
        return self.store != "none"

    @model_validator(mode="after")
    def _fits(self) -> MaterializationConfig:
        if self.every is not None and not self.kept:
            raise ValueError(
                "every is given while store is none, so there is nothing to compute on schedule; write store: offline"
            )
        return self


class FeatureSetConfig(Section):
    """One of ``mlops:featureStore.featureSets``."""

    name: str = setting(pattern=_NAME, breaks="models and jobs name it", write=_WRITE_NAME)
    version: str = setting("1", pattern=_VERSION, breaks=_FIXED, write=_WRITE_VERSION)
    entities: tuple[EntityReference, ...] = setting(
        min_length=1,
        breaks="they say what the features describe",
        write="a list of NAME:VERSION of entities of this store",
    )
    specification: str = setting(
        pattern=r"^[^/\s][^\s]*$",
        breaks="it is the folder of the lake's container with FeatureSetSpec.yaml and the code of the transformation",
        write="a path without a leading slash such as features/flights/1",
    )
    stage: Stage = setting(
        "Development",
        breaks="it says how far the features are to be trusted",
        write="Development, Production or Archived",
    )
    description: str = setting("", max_length=256, breaks="it is what people see", write="a sentence")
    materialization: MaterializationConfig = MaterializationConfig()


class OnlineStoreConfig(Section):
    """``mlops:featureStore.onlineStore``: an Azure Cache for Redis."""

    enabled: bool = setting(
        False,
        breaks="a cache costs money as long as it is there",
        write="true for features while serving, else false",
    )
    id: str | None = setting(
        None,
        pattern=r"^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Cache/[Rr]edis/[^/]+$",
        breaks="a given cache is used instead of one of the platform's",
        write="the id that `az redis show --query id` prints, or leave the key out",
    )
    name: str | None = setting(
        None,
        pattern=r"^[a-zA-Z0-9](-?[a-zA-Z0-9])*$",
        max_length=63,
        breaks="it is a host name below redis.cache.windows.net, the same for everybody",
        write="1 to 63 letters, digits and single hyphens, none at either end, or leave the key out",
    )
    sku: Literal["Basic", "Standard", "Premium"] = setting(
        "Standard", breaks="Basic has one node and loses its data with it", write="Basic, Standard or Premium"
    )
    capacity: int = setting(
        1, ge=0, le=6, breaks="it is the cache's size", write="0 to 6, for Premium 1 to 5"
    )

    @model_validator(mode="after")
    def _fits(self) -> OnlineStoreConfig:
        if self.sku == "Premium" and not 1 <= self.capacity <= 5:
            raise ValueError(
                f"a Premium cache of capacity {self.capacity} doesn't exist; write capacity 1 to 5, or sku: Standard"
            )
        if self.id and self.name:
            raise ValueError("id and name are both given, and a given cache keeps its name; remove name")
        return self


class FeatureStoreConfig(Section):
    """``mlops:featureStore``: a workspace of its own for features, on the platform's storage."""

    enabled: bool = setting(
        False, breaks="it decides whether there is a feature store", write="true or false"
    )
    spark_version: str = setting(
        "3.4.0",
        pattern=r"^3\.\d\.\d$",
        breaks="features are computed by this Spark",
        write="a version such as 3.4.0",
    )
    offline_container: str = setting(
        "feature-store",
        pattern=r"^[a-z0-9](-?[a-z0-9])+$",
        min_length=3,
        max_length=63,
        breaks="computed features are kept in this container of the lake",
        write="3 to 63 lowercase letters, digits and single hyphens",
    )
    online_store: OnlineStoreConfig = OnlineStoreConfig()
    entities: tuple[EntityConfig, ...] = setting(
        (), breaks="they are what features describe", write="a list of mappings with name and indexColumns"
    )
    feature_sets: tuple[FeatureSetConfig, ...] = setting(
        (), breaks="they are the features", write="a list of mappings with name, entities and specification"
    )

    @property
    def references(self) -> list[str]:
        """The entities, as feature sets name them."""
        return [f"{entity.name}:{entity.version}" for entity in self.entities]


def mistakes(config: FeatureStoreConfig, *, private: bool) -> list[str]:
    """What doesn't fit together. ``config.py`` puts the prefix before each."""
    if not config.enabled:
        return [
            f"featureStore.{key}: given while featureStore.enabled is false, so it would have no effect; write enabled: true"
            for key, given in (("entities", config.entities), ("featureSets", config.feature_sets))
            if given
        ]
    found: list[str] = []
    sets = [f"{one.name}:{one.version}" for one in config.feature_sets]
    for key, references in (("entities", config.references), ("featureSets", sets)):
        found += [
            f"featureStore.{key}: {one} is listed twice, and {_FIXED}; number one anew"
            for one in dict.fromkeys(one for one in references if references.count(one) > 1)
        ]
    found += [
        f"featureStore.featureSets: {one.name} is about {entity}, which this store doesn't have; write one of "
        f"{', '.join(config.references) or 'featureStore.entities'}"
        for one in config.feature_sets
        for entity in one.entities
        if entity not in config.references
    ]
    online = config.online_store
    if not online.enabled:
        found += [
            f"featureStore.featureSets: {one.name} is kept in an online store, and this store has none; write "
            "onlineStore.enabled: true, or store: offline"
            for one in config.feature_sets
            if one.materialization.store in ("online", "both")
        ]
    if private and online.enabled and online.id is None:
        found.append(
            "featureStore.onlineStore.enabled: true while network.mode is private: no private endpoint of the platform leads to "
            "a cache; write the id of one that the network reaches, or false"
        )
    return found
