"""What a stack says about its data."""

from __future__ import annotations

from infra.data import datastore, lifecycle, named_asset
from infra.data.datastore import DatastoreConfig  # noqa: TC001 (pydantic reads it)
from infra.data.lifecycle import LifecycleRuleConfig  # noqa: TC001 (pydantic reads it)
from infra.data.named_asset import AssetConfig  # noqa: TC001 (pydantic reads it)
from infra.section import Section, setting


class DataConfig(Section):
    """``mlops:data``: datastores, data assets, and how long blobs are kept."""

    datastores: tuple[DatastoreConfig, ...] = setting(
        (), breaks="each is a place that jobs read", write="a list of mappings with name, type and container"
    )
    assets: tuple[AssetConfig, ...] = setting(
        (), breaks="each is a version that jobs name", write="a list of mappings with name, version and path"
    )
    lifecycle: tuple[LifecycleRuleConfig, ...] = setting(
        (),
        max_length=100,
        breaks="each moves or deletes blobs, and an account has at most 100",
        write="a list of mappings with name, account and days",
    )


def mistakes(config: DataConfig, *, redundancy: str) -> list[str]:
    """What doesn't fit together. ``config.py`` puts the prefix before each."""
    return [
        *datastore.twice(config.datastores),
        *named_asset.mistakes(config.assets, [one.name for one in config.datastores]),
        *lifecycle.mistakes(config.lifecycle, redundancy=redundancy),
    ]
