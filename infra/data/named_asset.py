"""Versioned data assets that a stack names. What a model trains on is named by its ``model.yaml`` instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.scope import Scope

_TYPES = {"folder": "uri_folder", "file": "uri_file", "table": "mltable"}


class AssetConfig(Section):
    """One of ``mlops:data.assets``."""

    name: str = setting(
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$",
        breaks="jobs name it",
        write="letters, digits, hyphens, underscores and dots, a letter or digit first",
    )
    version: str = setting(
        "1",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,29}$",
        breaks="a version never changes what it refers to",
        write="a text such as '2'",
    )
    type: Literal["folder", "file", "table"] = setting(
        "folder",
        breaks="it decides what jobs are given",
        write="folder, file, or table for a folder with an MLTable",
    )
    datastore: str = setting(
        "lake",
        pattern=r"^[a-z0-9_]{1,64}$",
        breaks="it is where the data is",
        write="lake, or the name of one of data.datastores",
    )
    path: str = setting(
        pattern=r"^[^/\s][^\s]*$",
        breaks="it is what the version refers to, below the datastore",
        write="a path without a leading slash such as flights/2026/",
    )
    description: str = setting("", max_length=256, breaks="it is what people see", write="a sentence")


def mistakes(assets: Sequence[AssetConfig], datastores: Sequence[str]) -> list[str]:
    """What is wrong with several assets together, or with where they are."""
    keys = [(asset.name, asset.version) for asset in assets]
    found = [
        f"data.assets: version {version} of {name} is listed twice, and a version refers to one thing; number one anew"
        for name, version in dict.fromkeys(key for key in keys if keys.count(key) > 1)
    ]
    known = ("lake", *datastores)
    found += [
        f"data.assets: {asset.name} is on the datastore {asset.datastore}, which this stack doesn't have; write one of "
        f"{', '.join(known)}"
        for asset in assets
        if asset.datastore not in known
    ]
    kinds = {name: [asset.type for asset in assets if asset.name == name] for name, _ in keys}
    found += [
        f"data.assets: {name} is a {types[0]} in one version and a {other} in another, and Azure ML refuses that; give the "
        f"{other} another name"
        for name, types in kinds.items()
        for other in dict.fromkeys(types[1:])
        if other != types[0]
    ]
    return found


class NamedAssets(pulumi.ComponentResource):
    """The data assets of ``mlops:data.assets``."""

    def __init__(
        self,
        name: str,
        assets: Sequence[AssetConfig],
        *,
        scope: Scope,
        workspace_name: pulumi.Input[str],
        datastores: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``datastores``: the names of the workspace's datastores, known once they exist."""
        super().__init__("mlops:infra:NamedAssets", name, None, opts)
        self._scope, self._workspace_name = scope, workspace_name
        containers: dict[str, pulumi.Output[str]] = {}
        for asset in assets:
            if asset.name not in containers:
                containers[asset.name] = self._container(f"{name}-{asset.name}", asset)
            ml.DataVersion(
                f"{name}-{asset.name}-{asset.version}",
                resource_group_name=scope.resource_group_name,
                workspace_name=workspace_name,
                name=containers[asset.name],
                version=asset.version,
                properties=self._properties(asset, datastores[asset.datastore]),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

    def _container(self, name: str, asset: AssetConfig) -> pulumi.Output[str]:
        return ml.DataContainer(
            name,
            resource_group_name=self._scope.resource_group_name,
            workspace_name=self._workspace_name,
            name=asset.name,
            properties=ml.DataContainerPropertiesArgs(
                data_type=_TYPES[asset.type], description=asset.description or None, tags=self._scope.tags
            ),
            opts=pulumi.ResourceOptions(parent=self),
        ).name

    def _properties(
        self, asset: AssetConfig, datastore: pulumi.Output[str]
    ) -> ml.UriFolderDataVersionArgs | ml.UriFileDataVersionArgs | ml.MLTableDataArgs:
        uri = datastore.apply(lambda store: f"azureml://datastores/{store}/paths/{asset.path}")
        text, tags = asset.description or None, self._scope.tags
        match asset.type:
            case "folder":
                return ml.UriFolderDataVersionArgs(
                    data_type="uri_folder", data_uri=uri, description=text, tags=tags
                )
            case "file":
                return ml.UriFileDataVersionArgs(
                    data_type="uri_file", data_uri=uri, description=text, tags=tags
                )
            case "table":
                return ml.MLTableDataArgs(data_type="mltable", data_uri=uri, description=text, tags=tags)
