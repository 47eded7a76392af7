"""Models: folders or files with a type. A model from a job's output is where the job put it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure import event_grid
from local.azure.errors import bad_request
from local.azure.machine_learning import asset, asset_location

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_TYPES = ("custom_model", "mlflow_model", "triton_model")


def _complete(azure: Azure, resource_id: ResourceId, properties: Json) -> Json:
    asset.required(properties, "modelUri")
    kind = str(properties.get("modelType") or "custom_model")
    if kind.lower().replace("_", "") not in {one.replace("_", "") for one in _TYPES}:
        raise bad_request(
            f"modelType is '{kind}'; it must be one of {', '.join(_TYPES)}.", target="modelType"
        )
    uri = str(properties["modelUri"])
    return {
        "flavors": {},
        "stage": None,
        "jobName": asset_location.job_of(uri),
        **properties,
        "modelType": kind,
        "modelUri": asset_location.content_uri(azure, asset.workspace_of(resource_id.text), uri),
    }


def _made(azure: Azure, record: Record) -> None:
    """Publishes ``ModelRegistered`` (Azure docs, "Azure Machine Learning as an Event Grid source")."""
    name, version = azure.parse(record.id).names[-2:]
    properties: Json = record.body["properties"]
    if properties["isAnonymous"]:
        return
    event_grid.publish(
        azure,
        asset.workspace_of(record.id),
        "Microsoft.MachineLearningServices.ModelRegistered",
        f"models/{name}:{version}",
        {
            "ModelName": name,
            "ModelVersion": version,
            "ModelTags": properties["tags"],
            "ModelProperties": properties["properties"],
        },
    )


MODEL = asset.Kind(
    "models",
    fixed=("modelUri", "modelType"),
    complete=_complete,
    refusal=asset.path_refusal,
    made=_made,
)
TYPES = (*MODEL.types(), *MODEL.registry_types())
