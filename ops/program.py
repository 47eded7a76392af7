"""The program: configuration → platform → models → outputs.

``__main__.py`` runs it for one stack, ``ops/fleet`` for many in one process: it keeps nothing between runs.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from infra import config as stack_config
from infra.alias import without_api_versions
from infra.events.logic_app import LogicAppInputs
from infra.events.retraining import Retraining
from infra.observability.dashboard import Dashboard
from infra.observability.endpoint_alert import EndpointAlerts
from infra.phase.governing import compose_governing
from infra.platform import DataAsset, Platform
from ml import spec as model_spec
from ml.served_model import PlatformInputs, ServedModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: A model without the section is retrained by others, who decide with what.
NO_RETRAINING = model_spec.RetrainingSpec(parameters={})
PROJECT = Path(__file__).resolve().parents[1]


def read_spec(folder: str, model: str) -> model_spec.ModelSpec:
    """The model's ``model.yaml``; what is wrong with it ends the program like any wrong configuration.

    ``folder`` holds the models' folders; a relative one is the project's.
    """
    models = PROJECT / folder
    if not (models / model / "model.yaml").is_file():
        known = ", ".join(sorted(path.parent.name for path in models.glob("*/model.yaml"))) or "none yet"
        raise pulumi.RunError(
            f"{pulumi.get_project()}:models: there is no {folder}/{model}/model.yaml, so there is nothing to train and serve; "
            f"write the folder of a model (known: {known})"
        )
    try:
        return model_spec.load(models / model)
    except model_spec.SpecError as error:
        raise pulumi.RunError(str(error)) from None


def data_assets(specs: Iterable[model_spec.ModelSpec]) -> list[DataAsset]:
    """What the models are trained on, each version once."""
    found = {
        (spec.data.asset, spec.data.version): DataAsset(
            spec.data.asset, spec.data.version, f"What {spec.name} is trained on."
        )
        for spec in specs
    }
    return list(found.values())


def check_loop(config: stack_config.StackConfig, specs: Mapping[str, model_spec.ModelSpec]) -> None:
    """Where a breach starts a job, every model must say which."""
    for model, spec in specs.items():
        if config.retraining.start == "job" and spec.retraining_lineage is None:
            raise pulumi.RunError(
                f"{pulumi.get_project()}:retraining.start: {config.models_folder}/{model}/model.yaml has no retraining, so a "
                "breach would start no job; add the section `retraining`, or write none, github or azureDevOps"
            )


def main() -> None:
    """Everything is read and checked before the first resource."""
    config = stack_config.load()
    specs = {model: read_spec(config.models_folder, model) for model in config.models}

    check_loop(config, specs)

    platform = Platform(
        config.project,
        config,
        data_assets(specs.values()),
        pulumi.ResourceOptions(transformations=[without_api_versions]),
    )
    inputs = PlatformInputs(
        **{field.name: getattr(platform, field.name) for field in dataclasses.fields(PlatformInputs)}
    )
    served = {
        model: ServedModel(
            spec.name,
            spec,
            inputs,
            environment=config.environment,
            tags=config.all_tags,
            opts=pulumi.ResourceOptions(depends_on=[platform.data]),
        )
        for model, spec in specs.items()
    }

    made: list[pulumi.Resource] = list(served.values())

    if config.retraining.start != "none":
        loop = LogicAppInputs(
            **{field.name: getattr(platform, field.name) for field in dataclasses.fields(LogicAppInputs)}
        )
        for model, spec in specs.items():
            made.append(
                Retraining(
                    f"{spec.name}-retraining",
                    config.retraining,
                    config.retraining.start,
                    platform=loop,
                    model=spec.name,
                    monitor=served[model].monitor_name,
                    schedule=served[model].retraining_schedule_name,
                    cool_down_hours=(spec.retraining or NO_RETRAINING).cool_down_hours,
                    opts=platform.observed,
                )
            )

    if platform.watch is not None:
        for model, spec in specs.items():
            made.append(
                EndpointAlerts(
                    f"{spec.name}-alerts",
                    config.alerts.endpoint,
                    watch=platform.watch,
                    model=spec.name,
                    endpoint=served[model].endpoint_name,
                    deployment=served[model].deployment_name,
                )
            )
    if config.observability.dashboard:
        made.append(
            Dashboard(
                f"{config.project}-overview",
                scope=platform.scope,
                workspace_id=platform.workspace_id,
                endpoints={spec.name: served[model].endpoint_name for model, spec in specs.items()},
            )
        )

    platform.diagnose(
        f"{config.project}-model-diagnostics",
        {
            f"{spec.name}-endpoint": pulumi.Output.concat(
                platform.workspace_id, "/onlineEndpoints/", served[model].endpoint_name
            )
            for model, spec in specs.items()
        },
    )
    compose_governing(platform, config, made, [without_api_versions])

    pulumi.export("resourceGroup", platform.resource_group_name)
    pulumi.export("workspace", platform.workspace_name)
    pulumi.export("location", platform.location)
    pulumi.export("suffix", platform.suffix)
    if platform.shared_registry_name is not None:
        pulumi.export("sharedRegistry", platform.shared_registry_name)
    if platform.delivery is not None:
        pulumi.export("delivery", platform.delivery)
    pulumi.export("queues", {"breaches": platform.breach_queue_name, "models": platform.model_queue_name})
    pulumi.export(
        "models",
        {
            model: {
                "endpoint": one.endpoint_name,
                "scoringUri": one.scoring_uri,
                "deployment": one.deployment_name,
                "model": one.model_name,
                "version": one.model_version,
                "lineage": one.lineage,
                "monitor": one.monitor_name,
                "batchEndpoint": one.batch_endpoint_name,
            }
            for model, one in served.items()
        },
    )
