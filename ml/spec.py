"""``model.yaml``: what a data scientist says about a model, as frozen models. The only reader of that file.

Every refusal is one line: the file, the key, what would break, what to write instead.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel

from ml import lineage, pipeline_file, rollout, smoke

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails


class SpecError(ValueError):
    """A ``model.yaml`` that can't be used; its text is one line per mistake."""


def _resolved(value: Path, info: ValidationInfo) -> Path:
    root: Path = (info.context or {}).get("root", Path())
    return value if value.is_absolute() else (root / value).resolve()


def _file(value: Path, info: ValidationInfo) -> Path:
    path = _resolved(value, info)
    if not path.is_file():
        raise ValueError(f"there is no file {value}; write a path relative to model.yaml")
    return path


def _folder(value: Path, info: ValidationInfo) -> Path:
    path = _resolved(value, info)
    if not path.is_dir():
        raise ValueError(f"there is no folder {value}; write a path relative to model.yaml")
    return path


def _data_folder(value: Path, info: ValidationInfo) -> Path:
    path = _resolved(value, info)
    if not path.is_dir() or not any(path.iterdir()):
        raise ValueError(
            f"the data folder {value} is missing or empty; put the version's files there (`make setup` makes the sample's)"
        )
    return path


def _version(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f'YAML reads {value} as a number, which loses zeros; write "{value}" in quotes')  # noqa: TRY004
    return value


File = Annotated[Path, AfterValidator(_file)]
Folder = Annotated[Path, AfterValidator(_folder)]
DataFolder = Annotated[Path, AfterValidator(_data_folder)]
#: Names and versions of assets, as Azure ML takes them.
AssetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]
AssetVersion = Annotated[
    str, BeforeValidator(_version), StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,29}$")
]
Parameter = bool | int | float | str
Collection = Literal["model_inputs", "model_outputs"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class DataSpec(_Section):
    """The data a model is trained on: an immutable version of a data asset."""

    asset: AssetName = Field(description="the data asset that training reads")
    version: AssetVersion = Field(description="the asset's version, which model versions are traced to")
    files: DataFolder = Field(description="the folder with the version's files")

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The version's files, by name, with the SHA-256 of their content."""
        return lineage.files(self.files)


class EnvironmentSpec(_Section):
    """What training and scoring run in: a base image and a conda file."""

    name: AssetName = Field(description="the environment's name in the workspace")
    image: str = Field(description="the base image that jobs and deployments start from", min_length=1)
    conda: File = Field(description="the conda file with the packages")


class TrainingSpec(_Section):
    """How a model comes about: an Azure ML pipeline job and its parameters."""

    pipeline: File = Field(description="the pipeline job (CLI v2 YAML) that trains")
    code: Folder = Field(description="the folder with the pipeline's code, part of the lineage")
    parameters: dict[str, Parameter] = Field(default_factory=dict, description="inputs of the pipeline")


class ScoringSpec(_Section):
    """The code that answers requests."""

    code: Folder = Field(description="the folder with the scoring code")
    script: str = Field(description="the scoring script in that folder", min_length=1)


class EndpointSpec(_Section):
    """The online endpoint."""

    auth: Literal["key", "aml_token", "aad_token"] = Field(default="key", description="how callers sign in")


class DeploymentSpec(_Section):
    """The online deployment of each model version."""

    instance_type: str = Field(default="Standard_DS3_v2", description="the machines that serve")
    instance_count: int = Field(default=1, ge=1, description="how many machines serve")
    collect: tuple[Collection, ...] = Field(
        default=("model_inputs", "model_outputs"), description="what the data collector keeps for monitors"
    )


def _steps(value: tuple[int, ...]) -> tuple[int, ...]:
    if wrong := rollout.invalid_steps(value):
        raise ValueError(wrong)
    return value


class TrafficSpec(_Section):
    """How requests move to a new deployment: in steps (canary) or all at once (blue-green)."""

    strategy: Literal["canary", "blue-green"] = Field(
        default="canary", description="how requests move to a new deployment"
    )
    steps: Annotated[tuple[int, ...], AfterValidator(_steps)] = Field(
        default=(10, 50, 100), description="a canary's shares in percent, one after another"
    )
    requests: int = Field(default=20, ge=1, le=1000, description="smoke requests at each step")
    bake_seconds: float = Field(
        default=0, ge=0, le=86400, description="how long each split stands before it is judged"
    )
    max_error_rate: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="the share of failed requests from 0 to 1 that is still accepted",
    )


class BatchSpec(_Section):
    """The batch endpoint's deployment; it runs on the platform's CPU cluster."""

    script: str | None = Field(default=None, description="the batch scoring script in scoring.code")
    instance_count: int = Field(default=1, ge=1, description="how many machines score in parallel")
    mini_batch_size: int = Field(default=1, ge=1, description="how many files one call of the script gets")
    output_file: str = Field(
        default="predictions.csv", description="the file the predictions are appended to"
    )
    error_threshold: int = Field(
        default=0, ge=-1, description="how many files may fail before the job does; -1: any number"
    )


class Schedule(_Section):
    """When the monitor runs (UTC)."""

    frequency: Literal["day"] = Field(default="day", description="how often the monitor runs")
    hour: int = Field(default=6, ge=0, le=23, description="the hour of the day (UTC) at which it runs")


class Features(_Section):
    """What the monitor compares: the features as the endpoint receives them."""

    numeric: tuple[str, ...] = Field(default=(), description="features compared as numbers")
    categorical: tuple[str, ...] = Field(default=(), description="features compared as categories")


class DriftThresholds(_Section):
    """Above these distances a feature has drifted; Azure ML's own defaults."""

    model_config = ConfigDict(alias_generator=None)

    normalized_wasserstein: float = Field(default=0.1, gt=0, description="for numeric features")
    jensen_shannon: float = Field(default=0.1, gt=0, le=1, description="for categorical features")


class MonitorSpec(_Section):
    """The model monitor: drift of what the endpoint receives against what the model was trained on."""

    schedule: Schedule = Field(default_factory=Schedule, description="when the monitor runs")
    features: Features = Field(description="what the monitor compares")
    thresholds: DriftThresholds = Field(
        default_factory=DriftThresholds, description="from where on a feature has drifted"
    )


class RetrainingSchedule(_Section):
    """When the model is retrained by the clock (UTC); off by default."""

    frequency: Literal["day", "week"] = Field(default="week", description="how often the model is retrained")
    day: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = Field(
        default="monday", description="the day of the week on which it is retrained"
    )
    hour: int = Field(
        default=3, ge=0, le=23, description="the hour of the day (UTC) at which it is retrained"
    )
    enabled: bool = Field(default=False, description="whether the clock starts retrainings")


class RetrainingSpec(_Section):
    """How the model is trained again: with other parameters, which make another lineage."""

    parameters: dict[str, Parameter] = Field(
        description="inputs of the pipeline, written over training.parameters"
    )
    schedule: RetrainingSchedule = Field(
        default_factory=RetrainingSchedule, description="when the clock retrains"
    )
    cool_down_hours: float = Field(
        default=24, ge=0, le=8760, description="for how long after a breach others start no retraining"
    )


class ModelSpec(_Section):
    """A model and everything that keeps it serving. Paths are absolute."""

    # The batch endpoint is called NAME-b-SUFFIX: 23 + 3 + 6 characters are Azure's limit of 32.
    name: Annotated[str, StringConstraints(pattern=r"^[a-z](?:[a-z0-9-]{0,21}[a-z0-9])?$")] = Field(
        description="1-23 lowercase letters, digits and hyphens, as endpoints are named after it"
    )
    description: str = Field(default="", description="what the model predicts")
    framework: str = Field(description="what the model is made with, a tag of every version", min_length=1)
    data: DataSpec = Field(description="the data it is trained on")
    environment: EnvironmentSpec = Field(description="what it is trained and served in")
    training: TrainingSpec = Field(description="how it is trained")
    scoring: ScoringSpec = Field(description="how it answers")
    endpoint: EndpointSpec = Field(default_factory=EndpointSpec, description="its online endpoint")
    deployment: DeploymentSpec = Field(default_factory=DeploymentSpec, description="its online deployment")
    traffic: TrafficSpec = Field(default_factory=TrafficSpec, description="how requests are shared out")
    batch: BatchSpec = Field(default_factory=BatchSpec, description="its batch endpoint")
    monitor: MonitorSpec = Field(description="its monitor")
    retraining: RetrainingSpec | None = Field(default=None, description="how it is trained again")
    smoke: File = Field(description="the request that a new deployment must answer before it gets traffic")

    @cached_property
    def lineage(self) -> str:
        """What a version of this model is a function of (64 hex digits); known before anything is deployed."""
        return self._lineage_with(self.training.parameters)

    @cached_property
    def retraining_parameters(self) -> dict[str, Parameter]:
        """The parameters of a retraining; those of training without a section for it."""
        return {**self.training.parameters, **(self.retraining.parameters if self.retraining else {})}

    @cached_property
    def retraining_lineage(self) -> str | None:
        """The lineage of what a retraining makes; None for a model that isn't retrained."""
        return self._lineage_with(self.retraining_parameters) if self.retraining else None

    def _lineage_with(self, parameters: Mapping[str, Parameter]) -> str:
        return lineage.lineage(
            data={
                "asset": self.data.asset,
                "version": self.data.version,
                "files": self.data.hashes,
            },
            code=lineage.files(self.training.code),
            pipeline=lineage.document(self.training.pipeline),
            environment={
                "image": self.environment.image,
                "conda": lineage.document(self.environment.conda),
            },
            parameters=parameters,
        )


def load(path: Path) -> ModelSpec:
    """Reads and checks a ``model.yaml`` (or the one in the folder ``path``).

    Raises:
        SpecError: it is missing, isn't YAML, or can't work; one line per mistake.
    """
    file = path / "model.yaml" if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(
            f"{file}: can't be read ({error.strerror}); name a folder with a model.yaml"
        ) from None
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpecError(f"{file}: isn't YAML: {' '.join(str(error).split())}") from None
    try:
        spec = ModelSpec.model_validate(document, context={"root": file.parent.resolve()})
    except ValidationError as error:
        raise SpecError("\n".join(f"{file}: {_explain(item)}" for item in error.errors())) from None
    mistakes = _mistakes(spec)
    if mistakes:
        raise SpecError("\n".join(f"{file}: {mistake}" for mistake in mistakes))
    return spec


def _explain(error: ErrorDetails) -> str:
    """One line for one of pydantic's errors."""
    where = [part for part in error["loc"] if not (isinstance(part, str) and "[" in part)]
    key = ".".join(str(part) for part in where)
    section, field = _field(where)
    purpose = f" ({field.description})" if field and field.description else ""
    match error["type"]:
        case "extra_forbidden":
            known = (
                ", ".join(sorted(f.alias or name for name, f in section.model_fields.items())) or "nothing"
            )
            return f"{key}: unknown key, it would have no effect; known here: {known}"
        case "missing":
            return f"{key}: is missing{purpose}; add it"
        case "value_error":
            return f"{key}: {error['msg'].removeprefix('Value error, ')}"
        case "model_type" | "model_attributes_type":
            return f"{key or 'the file'}: must be a mapping of keys to values{purpose}"
        case _:
            return f"{key}: {error['input']!r} can't be used{purpose}: {error['msg'].lower()}"


def _field(where: Sequence[str | int]) -> tuple[type[BaseModel], Any]:
    """The section that a key is in, and its field if there is one."""
    section: type[BaseModel] = ModelSpec
    field: Any = None
    for part in where:
        field = next((f for name, f in section.model_fields.items() if part in (name, f.alias)), None)
        annotation = field.annotation if field else None
        # An optional section is a union with None.
        for kind in (annotation, *get_args(annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                section = kind
    return section, field


def _mistakes(spec: ModelSpec) -> list[str]:
    """What doesn't fit together although each key is right."""
    found: list[str] = []
    for key, script in (("scoring.script", spec.scoring.script), ("batch.script", spec.batch.script)):
        if script is not None and not (spec.scoring.code / script).is_file():
            found.append(
                f"{key}: there is no {script} in {spec.scoring.code.name}/; name a file of scoring.code"
            )
    twice = set(spec.monitor.features.numeric) & set(spec.monitor.features.categorical)
    if twice:
        found.append(f"monitor.features: {', '.join(sorted(twice))} is numeric and categorical; keep one")
    if not spec.monitor.features.numeric and not spec.monitor.features.categorical:
        found.append("monitor.features: names no feature, so the monitor would watch nothing; name some")
    if lacking := {"model_inputs", "model_outputs"} - set(spec.deployment.collect):
        found.append(f"deployment.collect: lacks {', '.join(sorted(lacking))}, which monitors need; add it")
    retrained = spec.retraining.parameters if spec.retraining else {}
    found += pipeline_file.mistakes(
        spec.training.pipeline, training=spec.training.parameters, retraining=retrained
    )
    if spec.retraining and spec.retraining_parameters == spec.training.parameters:
        found.append(
            "retraining.parameters: are those of training, so a retraining would make the version that is there; "
            "write what differs, or remove `retraining`"
        )
    if spec.traffic.strategy == "blue-green" and "steps" in spec.traffic.model_fields_set:
        found.append("traffic.steps: blue-green moves all requests at once; remove steps, or write canary")
    try:
        smoke.read(spec.smoke)
    except ValueError as error:
        found.append(f"smoke: {error}")
    return found
