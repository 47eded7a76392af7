"""A model version: a function of its inputs.

``create`` looks for a registered version with our lineage and uses it; else for a job that has trained it or is at it;
else it trains. So the first ``up`` works with an empty registry, a second machine finds what the first one made, and a
run that was interrupted anywhere goes on where it stopped: the job has a name made from the lineage, the reference data
a version made from it, and the model is registered last.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi.dynamic

from ml import training
from ml.client import AzureMLError, load
from ml.provider import Made, Props, Provider, known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door

LINEAGE = "Lineage"
_JOB = "TrainingJob"


class ModelProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | name, lineage | another version: trained (or found) before the old one is archived |
    | description, framework, target_environment, tags | updated: they are tags |
    | data, parameters, environment | ignored: what matters of them is in the lineage |
    | compute, pipeline, git_commit | ignored: where and from which checkout a version was trained doesn't change it |
    | outlook | ignored: what the preview said, filled in by check |

    Deleting archives version and reference data: versions are immutable, and predictions that were made with them must
    stay explainable. An archived version with the wanted lineage is restored, not trained again.
    """

    replaces = frozenset({"name", "lineage"})
    ignored = frozenset({"data", "parameters", "environment", "compute", "pipeline", "git_commit", "outlook"})
    computed = frozenset({"version", "model_id", "job", "metrics", "reference", "reference_id", "origin"})

    def inspect(self, door: Door | None, olds: Props, news: Props) -> list[tuple[str, str]]:
        """Says in ``outlook`` what ``up`` will do."""
        if not known(news.get("lineage")):
            return []
        if all(olds.get(key) == news.get(key) for key in ("name", "lineage", "workspace")):
            news["outlook"] = olds.get("outlook")
        else:
            news["outlook"] = _outlook(door, news)
        return []

    def make(self, door: Door, inputs: Props) -> Made:
        """Uses the registered version of this lineage, else trains and registers one."""
        name, lineage = inputs["name"], inputs["lineage"]
        found = _registered(door, name, lineage)
        if found is None:
            return self._train(door, inputs)
        version = str(found.version)
        job = str((found.tags or {}).get(_JOB) or found.job_name or "")
        door.do(f"model {name}:{version}", lambda: door.client.models.restore(name, version))
        _register_reference(door, name, lineage, job)
        try:
            metrics = training.metrics(door, job)
        except AzureMLError:
            metrics = {}  # what a job wrote may be cleared away; the version stands without it
        computed = _computed(door, inputs, version, job, metrics)
        made = Made(f"{name}:{version}", {**computed, "origin": f"version {version} was registered already"})
        props = {**inputs, **computed}
        seen = self.look(door, made.id, props) or {}
        if any(inputs[key] != value for key, value in seen.items()):
            self.change(door, props, inputs)
        return made

    def _train(self, door: Door, inputs: Props) -> Made:
        name = inputs["name"]
        job = training.run(door, _plan(inputs))
        metrics = training.metrics(door, job)
        _register_reference(door, name, inputs["lineage"], job)
        version = _register(door, inputs, job, metrics)
        door.say(f"{name}: version {version} registered")
        computed = _computed(door, inputs, version, job, metrics)
        return Made(f"{name}:{version}", {**computed, "origin": f"trained by job {job}"})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """Description and tags; the rest of a version can't change."""
        name, version = props["name"], str(props["version"])
        found = door.find(f"model {resource_id}", lambda: door.client.models.get(name, version))
        if found is None:
            return None
        tags = dict(found.tags or {})
        ours = _tags(props, str(props["job"]), props["metrics"])
        return {
            "description": found.description or "",
            "framework": tags.get("Framework", ""),
            "target_environment": tags.get("TargetEnvironment", ""),
            "tags": {key: value for key, value in tags.items() if key in props["tags"] or key not in ours},
        }

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates description and tags."""
        name, version = news["name"], str(olds["version"])
        what = f"model {name}:{version}"
        found = door.do(what, lambda: door.client.models.get(name, version))
        mine = {**olds, **news, "git_commit": (found.tags or {}).get("GitCommit", "")}
        found.description = news["description"]
        found.tags = {**_tags(mine, str(olds["job"]), olds["metrics"]), **news["tags"]}
        door.do(what, lambda: door.client.models.create_or_update(found))
        return {}

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Archives the version and its reference data."""
        name, version = props["name"], str(props["version"])
        data, data_version = _reference(name, props["lineage"])
        door.find(f"model {resource_id}", lambda: door.client.models.archive(name, version))
        door.find(f"data {data}", lambda: door.client.data.archive(data, data_version))


def _outlook(door: Door | None, news: Props) -> str:
    name, lineage = news["name"], news["lineage"]
    will_train = (
        f"{name}: lineage {lineage[:12]} is not registered: `up` will train it "
        f"({Path(str(news['pipeline'])).name} on {news['data'] if known(news['data']) else 'its data'})"
    )
    if door is None:
        return will_train
    try:
        found = _registered(door, name, lineage)
        if found is not None:
            return (
                f"{name}: lineage {lineage[:12]} is registered as version {found.version}: `up` will use it"
            )
        attempt = training.latest(door, name, lineage)
    except AzureMLError as error:
        return f"{name}: whether `up` will train lineage {lineage[:12]} can't be told yet: {error}"
    if attempt.phase is training.Phase.RUNNING:
        return f"{name}: job {attempt.job} is training lineage {lineage[:12]}: `up` will wait for it"
    if attempt.phase is training.Phase.COMPLETED:
        return f"{name}: job {attempt.job} has trained lineage {lineage[:12]}: `up` will register it"
    return will_train


def _registered(door: Door, name: str, lineage: str) -> Any:
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


def _plan(inputs: Props) -> training.Plan:
    return training.Plan(
        model=inputs["name"],
        lineage=inputs["lineage"],
        pipeline=Path(inputs["pipeline"]),
        data=f"azureml:{inputs['data']}",
        environment=inputs["environment"],
        compute=inputs["compute"],
        parameters=inputs["parameters"],
        tags={
            LINEAGE: inputs["lineage"],
            "GitCommit": inputs["git_commit"],
            "TargetEnvironment": inputs["target_environment"],
            "DataLineageVersion": inputs["data"],
        },
    )


def _tags(inputs: Props, job: str, metrics: Mapping[str, float]) -> dict[str, str]:
    return {
        **{key: f"{value:.6g}" for key, value in metrics.items()},
        "Framework": inputs["framework"],
        "GitCommit": inputs["git_commit"],
        "TargetEnvironment": inputs["target_environment"],
        "DataLineageVersion": inputs["data"],
        LINEAGE: inputs["lineage"],
        _JOB: job,
    }


def _reference(name: str, lineage: str) -> tuple[str, str]:
    return f"{name}-reference", lineage[:12]


def _register_reference(door: Door, name: str, lineage: str, job: str) -> None:
    """Registers what the monitor compares with; an archived version is restored."""
    from azure.ai.ml.constants import AssetTypes  # noqa: PLC0415
    from azure.ai.ml.entities import Data  # noqa: PLC0415

    asset, version = _reference(name, lineage)
    what = f"data {asset}:{version}"
    if door.find(what, lambda: door.client.data.get(asset, version)) is not None:
        door.do(what, lambda: door.client.data.restore(asset, version))
        return
    if not job:
        raise AzureMLError(
            f"{what}: is missing, and the registered {name} has no tag {_JOB} that says which job made it; "
            f"remove its tag {LINEAGE} to have it trained again"
        )
    data = Data(
        name=asset,
        version=version,
        type=AssetTypes.URI_FOLDER,
        path=training.output_path(job, "reference"),
        description=f"What {name} was trained on, as its endpoint receives it.",
        tags={LINEAGE: lineage, _JOB: job},
    )
    door.do(what, lambda: door.client.data.create_or_update(data))


def _register(door: Door, inputs: Props, job: str, metrics: Mapping[str, float]) -> str:
    from azure.ai.ml.constants import AssetTypes  # noqa: PLC0415
    from azure.ai.ml.entities import Model as ModelEntity  # noqa: PLC0415

    entity = ModelEntity(
        name=inputs["name"],
        type=AssetTypes.CUSTOM_MODEL,
        path=f"azureml://jobs/{job}/outputs/model",
        description=inputs["description"],
        tags={**_tags(inputs, job, metrics), **inputs["tags"]},
    )
    made = door.do(f"model {inputs['name']}", lambda: door.client.models.create_or_update(entity))
    return str(made.version)


def _computed(door: Door, inputs: Props, version: str, job: str, metrics: Mapping[str, float]) -> Props:
    name = inputs["name"]
    asset, asset_version = _reference(name, inputs["lineage"])
    return {
        "version": version,
        "model_id": door.arm_id("models", name, "versions", version),
        "job": job,
        "metrics": dict(metrics),
        "reference": f"azureml:{asset}:{asset_version}",
        "reference_id": door.arm_id("data", asset, "versions", asset_version),
    }


class Model(pulumi.dynamic.Resource, module="ml", name="Model"):
    """A registered model version."""

    version: pulumi.Output[str]
    model_id: pulumi.Output[str]
    job: pulumi.Output[str]
    metrics: pulumi.Output[dict[str, float]]
    reference: pulumi.Output[str]
    reference_id: pulumi.Output[str]
    origin: pulumi.Output[str]
    outlook: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        name: str,
        lineage: str,
        description: str,
        framework: str,
        data: str,
        pipeline: Path,
        parameters: Mapping[str, Any],
        environment: pulumi.Input[str],
        compute: pulumi.Input[str],
        target_environment: str,
        git_commit: str,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``data`` is ``ASSET:VERSION``, ``environment`` is ``azureml:NAME:VERSION``, ``compute`` a cluster's name."""
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "name": name,
            "lineage": lineage,
            "description": description,
            "framework": framework,
            "data": data,
            "pipeline": str(pipeline),
            "parameters": dict(parameters),
            "environment": environment,
            "compute": compute,
            "target_environment": target_environment,
            "git_commit": git_commit,
            "tags": dict(tags),
            "outlook": None,
            **dict.fromkeys(ModelProvider.computed),
        }
        super().__init__(ModelProvider(), resource_name, props, opts)
