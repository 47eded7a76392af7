"""Components: the steps of pipelines, described once. Only command components run here; the others are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.machine_learning import asset

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, ResourceId


def _complete(_azure: Azure, _id: ResourceId, properties: Json) -> Json:
    asset.required(properties, "componentSpec")
    return properties


def _content(properties: Json) -> Json:
    """An anonymous component's version is a hash of what counts in its specification."""
    return {} if properties.get("isAnonymous") else properties


COMPONENT = asset.Kind(
    "components",
    fixed=("componentSpec",),
    complete=_complete,
    refusal=asset.content_refusal("component"),
    content=_content,
)
TYPES = (*COMPONENT.types(), *COMPONENT.registry_types())
