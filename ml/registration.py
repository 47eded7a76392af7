"""Registered model versions and their reference data: what is written on them, how they are found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml import incarnation, outcome
from ml.client import AzureMLError, load
from ml.training import LINEAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door
    from ml.provider import Props

#: The tag with the job that made a version.
JOB = "TrainingJob"
#: The tag of a version that has a model card, and its value: the card's name beside the model.
CARD = "ModelCard"
#: Tags that a version keeps from when it was registered.
KEPT = ("GitCommit", "GateVerdict", "Champion", CARD, incarnation.TAG)


def lineage_of(inputs: Props) -> str:
    """The lineage that is served; the model's own where nobody has chosen."""
    return str(inputs.get("serving") or inputs["lineage"])


def find(door: Door, name: str, lineage: str) -> Any:
    """The newest version with this lineage, archived ones included."""
    load()
    from azure.ai.ml.constants import ListViewType  # noqa: PLC0415

    versions = door.find(
        f"model {name}", lambda: list(door.client.models.list(name, list_view_type=ListViewType.ALL))
    )
    ours: list[Any] = [version for version in versions or () if (version.tags or {}).get(LINEAGE) == lineage]
    return max(
        ours, key=lambda found: int(found.version) if str(found.version).isdigit() else 0, default=None
    )


def tags(inputs: Props, job: str, metrics: Mapping[str, float]) -> dict[str, str]:
    """What a version is tagged with, but for what it keeps."""
    return {
        **{key: f"{value:.6g}" for key, value in metrics.items()},
        "Framework": inputs["framework"],
        "TargetEnvironment": inputs["target_environment"],
        "DataLineageVersion": inputs["data"],
        LINEAGE: lineage_of(inputs),
        JOB: job,
    }


def reference(name: str, lineage: str) -> tuple[str, str]:
    """Name and version of the data asset that the monitor compares with."""
    return f"{name}-reference", lineage[:12]


def register_reference(door: Door, name: str, lineage: str, job: str) -> None:
    """Registers what the monitor compares with; an archived version is restored."""
    from azure.ai.ml.constants import AssetTypes  # noqa: PLC0415
    from azure.ai.ml.entities import Data  # noqa: PLC0415

    asset, version = reference(name, lineage)
    what = f"data {asset}:{version}"
    if door.find(what, lambda: door.client.data.get(asset, version)) is not None:
        door.do(what, lambda: door.client.data.restore(asset, version))
        return
    if not job:
        raise AzureMLError(
            f"{what}: is missing, and the registered {name} has no tag {JOB} that says which job made it; "
            f"remove its tag {LINEAGE} to have it trained again"
        )
    data = Data(
        name=asset,
        version=version,
        type=AssetTypes.URI_FOLDER,
        path=outcome.folder(door, job, "reference"),
        description=f"What {name} was trained on, as its endpoint receives it.",
        tags={LINEAGE: lineage, JOB: job},
    )
    door.do(what, lambda: door.client.data.create_or_update(data))


def register(door: Door, inputs: Props, result: outcome.Outcome, stamp: str) -> str:
    """Registers what a job has made; returns the version."""
    from azure.ai.ml.constants import AssetTypes  # noqa: PLC0415
    from azure.ai.ml.entities import Model as ModelEntity  # noqa: PLC0415

    kept = {
        # A job that a schedule started is of the commit that the schedule was deployed from.
        "GitCommit": result.tags.get("GitCommit") or inputs["git_commit"],
        "GateVerdict": result.verdict,
        "Champion": result.champion,
        incarnation.TAG: stamp,
        **({CARD: outcome.CARD} if result.has_card else {}),
    }
    entity = ModelEntity(
        name=inputs["name"],
        type=AssetTypes.CUSTOM_MODEL,
        path=f"azureml://jobs/{result.job}/outputs/model",
        description=inputs["description"],
        tags={**tags(inputs, result.job, result.metrics), **inputs["tags"], **kept},
    )
    made = door.do(f"model {inputs['name']}", lambda: door.client.models.create_or_update(entity))
    return str(made.version)
