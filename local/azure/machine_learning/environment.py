"""Environments: an image or a build context, and a conda file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import ArmError
from local.azure.machine_learning import asset

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, ResourceId


def _complete(_azure: Azure, _id: ResourceId, properties: Json) -> Json:
    if not properties.get("image") and not properties.get("build"):
        raise ArmError(
            400,
            "UserError",
            "An environment needs an image or a build context.",
            target="properties.image",
        )
    completed = {"osType": "Linux", "environmentType": "UserCreated", **properties}
    if properties.get("build"):
        completed["build"] = {"dockerfilePath": "Dockerfile", **_given(properties["build"])}
    return completed


def _given(properties: Json) -> Json:
    return {key: value for key, value in properties.items() if value is not None}


ENVIRONMENT = asset.Kind(
    "environments",
    fixed=("image", "build", "condaFile", "osType", "inferenceConfig"),
    complete=_complete,
    refusal=asset.content_refusal("environment"),
)
TYPES = (*ENVIRONMENT.types(), *ENVIRONMENT.registry_types())
