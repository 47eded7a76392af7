"""A model and everything that keeps it serving, composed in order.

data files → environment → model version → endpoint → deployment → traffic → batch endpoint, monitor, retraining

What a change does follows from names: the model version is named after its lineage, the deployment after that and the
scoring code. So another lineage or other code makes new ones first, then traffic moves, then the old ones go.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import pulumi

from ml import lineage, smoke
from ml.batch_endpoint import BatchDeployment, BatchEndpoint
from ml.data_files import DataFiles
from ml.environment import Environment
from ml.model import Model
from ml.monitor import Monitor
from ml.online_deployment import OnlineDeployment
from ml.online_endpoint import OnlineEndpoint
from ml.rollout import Plan, steps_of
from ml.schedule import RetrainingSchedule
from ml.succession import Retraining
from ml.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.spec import ModelSpec

#: The one deployment of a batch endpoint.
_BATCH_DEPLOYMENT = "main"


@dataclass(frozen=True)
class PlatformInputs:
    """What a model needs of the platform; ``infra.platform.Platform`` has attributes of these names."""

    suffix: pulumi.Input[str]
    resource_group_name: pulumi.Input[str]
    workspace_name: pulumi.Input[str]
    cpu_compute_name: pulumi.Input[str]
    lake_account_name: pulumi.Input[str]
    lake_container_name: pulumi.Input[str]
    endpoint_identity_id: pulumi.Input[str]
    public_access: bool = True  #: whether endpoints answer on the internet, and deployments reach it
    endpoint_auth: str | None = None  #: how callers of all endpoints sign in; None: as each model says


class _Place(TypedDict):
    resource_group: pulumi.Input[str]
    workspace: pulumi.Input[str]


def deployment_name(of_lineage: str, code_hash: str, script: str) -> str:
    """The deployment of the model version with this lineage, answering with this code (hash) and its script."""
    return f"m-{lineage.combined([of_lineage, code_hash, script])[:8]}"


class ServedModel(pulumi.ComponentResource):
    """A trained, registered, deployed and monitored model."""

    endpoint_name: pulumi.Output[str]
    scoring_uri: pulumi.Output[str]
    deployment_name: pulumi.Output[str]
    model_name: pulumi.Output[str]
    model_version: pulumi.Output[str]
    lineage: pulumi.Output[str]
    monitor_name: pulumi.Output[str]
    batch_endpoint_name: pulumi.Output[str]
    #: the schedule whose job definition is submitted to retrain; None for a model that isn't retrained
    retraining_schedule_name: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        spec: ModelSpec,
        platform: PlatformInputs,
        *,
        environment: str,
        tags: dict[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``environment`` is what the stack is (dev, prod, …), ``tags`` go on all that can carry them."""
        super().__init__("mlops:ml:ServedModel", name, None, opts)
        own_lineage = spec.lineage
        place: _Place = {
            "resource_group": platform.resource_group_name,
            "workspace": platform.workspace_name,
        }
        child = pulumi.ResourceOptions(parent=self)
        # What the model waits for on creation (roles, the data asset), it must also outlive on destruction: children
        # don't inherit that.
        first = pulumi.ResourceOptions(parent=self, depends_on=opts.depends_on if opts else None)

        files = DataFiles(
            f"{name}-data",
            **place,
            account=platform.lake_account_name,
            container=platform.lake_container_name,
            asset=spec.data.asset,
            version=spec.data.version,
            folder=spec.data.files,
            files=spec.data.hashes,
            opts=first,
        )
        runtime = Environment(
            f"{name}-environment",
            **place,
            name=spec.environment.name,
            image=spec.environment.image,
            conda=spec.environment.conda,
            description=f"What {spec.name} is trained and served in.",
            tags=tags,
            opts=first,
        )
        code_hash = lineage.combined(lineage.files(spec.scoring.code))
        endpoint_name = pulumi.Output.concat(spec.name, "-", platform.suffix)
        commit = git_commit(spec.training.pipeline.parent)
        retrained = spec.retraining_lineage
        model = Model(
            f"{name}-model",
            **place,
            name=spec.name,
            lineage=own_lineage,
            retraining=Retraining(
                lineage=retrained,
                parameters=spec.retraining_parameters,
                deployment=deployment_name(retrained, code_hash, spec.scoring.script),
            )
            if retrained
            else None,
            endpoint=endpoint_name,
            description=spec.description,
            framework=spec.framework,
            data=f"{spec.data.asset}:{spec.data.version}",
            pipeline=spec.training.pipeline,
            parameters=spec.training.parameters,
            environment=runtime.reference,
            compute=platform.cpu_compute_name,
            target_environment=environment,
            git_commit=commit,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[files]),
        )
        if pulumi.runtime.is_dry_run():
            _announce(model)
        endpoint = OnlineEndpoint(
            f"{name}-endpoint",
            **place,
            name=endpoint_name,
            identity_id=platform.endpoint_identity_id,
            auth=platform.endpoint_auth or spec.endpoint.auth,
            public_access=platform.public_access,
            description=spec.description,
            tags=tags,
            opts=first,
        )
        test = smoke.read(spec.smoke)
        smoke_test = json.dumps({"request": test.request, "answer": test.answer}, sort_keys=True)
        deployment = OnlineDeployment(
            f"{name}-deployment",
            **place,
            endpoint=endpoint.name,
            name=model.serving.apply(lambda served: deployment_name(served, code_hash, spec.scoring.script)),
            model_id=model.model_id,
            environment=runtime.reference,
            code=spec.scoring.code,
            code_hash=code_hash,
            script=spec.scoring.script,
            instance_type=spec.deployment.instance_type,
            instance_count=spec.deployment.instance_count,
            collect=spec.deployment.collect,
            smoke=smoke_test,
            public_egress=platform.public_access,
            tags={**tags, "Lineage": model.serving},
            opts=child,
        )
        traffic = Traffic(
            f"{name}-traffic",
            **place,
            endpoint=endpoint.name,
            shares=deployment.name.apply(lambda newest: {newest: 100}),
            smoke=smoke_test,
            plan=Plan(
                steps=steps_of(spec.traffic.strategy, spec.traffic.steps),
                requests=spec.traffic.requests,
                bake_seconds=spec.traffic.bake_seconds,
                max_error_rate=spec.traffic.max_error_rate,
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment]),
        )
        batch = BatchEndpoint(
            f"{name}-batch",
            **place,
            name=pulumi.Output.concat(spec.name, "-b-", platform.suffix),
            description=spec.description,
            tags=tags,
            opts=first,
        )
        BatchDeployment(
            f"{name}-batch-deployment",
            **place,
            endpoint=batch.name,
            name=_BATCH_DEPLOYMENT,
            model_id=model.model_id,
            environment=runtime.reference,
            compute=platform.cpu_compute_name,
            code=spec.scoring.code,
            code_hash=code_hash,
            script=spec.batch.script or spec.scoring.script,
            instance_count=spec.batch.instance_count,
            mini_batch_size=spec.batch.mini_batch_size,
            output_file=spec.batch.output_file,
            error_threshold=spec.batch.error_threshold,
            tags=tags,
            # A version whose rollout fails scores no folders either.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[traffic]),
        )
        monitor = Monitor(
            f"{name}-monitor",
            **place,
            name=pulumi.Output.concat(spec.name, "-monitor"),
            endpoint=endpoint.name,
            deployment=deployment.name,
            reference=model.reference,
            hour=spec.monitor.schedule.hour,
            numeric=spec.monitor.features.numeric,
            categorical=spec.monitor.features.categorical,
            normalized_wasserstein=spec.monitor.thresholds.normalized_wasserstein,
            jensen_shannon=spec.monitor.thresholds.jensen_shannon,
            description=f"Drift of what {spec.name} receives against what it was trained on.",
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[traffic]),
        )

        retraining = None
        if spec.retraining and retrained:
            clock = spec.retraining.schedule
            retraining = RetrainingSchedule(
                f"{name}-retraining",
                **place,
                model=spec.name,
                lineage=retrained,
                data=f"{spec.data.asset}:{spec.data.version}",
                pipeline=spec.training.pipeline,
                parameters=spec.retraining_parameters,
                environment=runtime.reference,
                compute=platform.cpu_compute_name,
                champion=model.model_id,
                frequency=clock.frequency,
                day=clock.day,
                hour=clock.hour,
                enabled=clock.enabled,
                target_environment=environment,
                git_commit=commit,
                tags=tags,
                # Only what gets the traffic is a champion.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[traffic]),
            )

        self.endpoint_name = endpoint.name
        self.scoring_uri = endpoint.scoring_uri
        self.deployment_name = deployment.name
        self.model_name = pulumi.Output.from_input(spec.name)
        self.model_version = model.version
        self.lineage = model.serving
        self.monitor_name = monitor.name
        self.batch_endpoint_name = batch.name
        self.retraining_schedule_name = pulumi.Output.from_input(retraining.name if retraining else None)
        self.register_outputs(
            {
                "endpoint_name": self.endpoint_name,
                "scoring_uri": self.scoring_uri,
                "deployment_name": self.deployment_name,
                "model_name": self.model_name,
                "model_version": self.model_version,
                "lineage": self.lineage,
                "monitor_name": self.monitor_name,
                "batch_endpoint_name": self.batch_endpoint_name,
                "retraining_schedule_name": self.retraining_schedule_name,
            }
        )


def git_commit(folder: Path) -> str:
    """The commit that ``folder`` is at, ``-dirty`` where files in it differ; ``unknown`` outside of git."""

    def git(*arguments: str) -> str:
        command = ("git", "-C", str(folder), *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()  # noqa: S603

    try:
        commit = git("rev-parse", "HEAD")
        return f"{commit}-dirty" if git("status", "--porcelain", "--", ".") else commit
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _announce(model: Model) -> None:
    """Says in a preview what the registry means for a version that isn't in the state yet."""

    async def is_planned() -> bool:
        return not await model.version.is_known()

    def say(seen: Sequence[Any]) -> None:
        planned, outlook = seen
        if planned and outlook:
            pulumi.log.info(outlook, resource=model)

    pulumi.Output.all(is_planned(), model.outlook).apply(say)
