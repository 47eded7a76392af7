"""A model version: a function of its inputs.

``create`` looks for a registered version with our lineage and uses it; else for a job that has trained it or is at it;
else it trains. So the first ``up`` works with an empty registry, a second machine finds what the first one made, and a
run that was interrupted anywhere goes on where it stopped: the job has a name made from the lineage, the reference data
a version made from it, and the model is registered last. Only what the pipeline's gate has passed is registered.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi.dynamic

from ml import incarnation, outcome, registration, succession, training
from ml.client import AzureMLError
from ml.provider import Made, Props, Provider, known
from ml.registration import lineage_of
from ml.succession import Retraining
from ml.traffic import live

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door

#: The environment that takes no version without a model card.
_PRODUCTION = "prod"


class ModelProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | name, serving | another version: trained (or found) before the old one is archived |
    | lineage, retraining, endpoint | ignored: serving follows from them |
    | serving | filled in by check: the lineage that is served, see ``ml.succession`` |
    | description, framework, target_environment, tags | updated: they are tags |
    | data, parameters, environment | ignored: what matters of them is in the lineage |
    | compute, pipeline, git_commit | ignored: where and from which checkout a version was trained doesn't change it |
    | outlook | ignored: what the preview said, filled in by check |

    Deleting archives version and reference data: versions are immutable, and predictions that were made with them must
    stay explainable. An archived version with the wanted lineage is restored, not trained again. A version that was
    taken up again since (another ``Incarnation``) isn't archived: an old entry of the state must not take it away.
    """

    replaces = frozenset({"name", "serving"})
    ignored = frozenset({"lineage", "retraining", "endpoint", "outlook"}) | frozenset(
        {"data", "parameters", "environment", "compute", "pipeline", "git_commit"}
    )
    computed = frozenset(
        {"version", "model_id", "job", "metrics", "reference", "reference_id", "origin", "incarnation"}
    )

    def inspect(self, door: Door | None, olds: Props, news: Props) -> list[tuple[str, str]]:
        """Fills in which lineage is served, and in ``outlook`` what ``up`` will do."""
        if not known(news.get("lineage")):
            return []
        news["serving"], why = _choose(door, olds, news)
        if all(olds.get(key) == news.get(key) for key in ("name", "serving", "workspace")):
            news["outlook"] = olds.get("outlook")
        else:
            # Of a retrained lineage it is said already where it comes from.
            own = news["serving"] == news["lineage"]
            news["outlook"] = "; ".join(filter(None, (why, own and _outlook(door, news))))
        return []

    def make(self, door: Door, inputs: Props) -> Made:
        """Uses the registered version of this lineage, else trains and registers one."""
        name, lineage = inputs["name"], lineage_of(inputs)
        found = registration.find(door, name, lineage)
        if found is None:
            return self._train(door, inputs)
        version = str(found.version)
        _demand_card(inputs, f"{name}: version {version}", has_card=registration.CARD in (found.tags or {}))
        job = str((found.tags or {}).get(registration.JOB) or found.job_name or "")
        door.do(f"model {name}:{version}", lambda: door.client.models.restore(name, version))
        registration.register_reference(door, name, lineage, job)
        try:
            metrics = outcome.read(door, job).metrics
        except AzureMLError:
            metrics = {}  # what a job wrote may be cleared away; the version stands without it
        computed = _computed(door, inputs, version, job, metrics)
        # In any case, as it takes the version over from whoever had it.
        self.change(door, {**inputs, **computed}, inputs)
        return Made(f"{name}:{version}", {**computed, "origin": f"version {version} was registered already"})

    def _train(self, door: Door, inputs: Props) -> Made:
        name, lineage = inputs["name"], lineage_of(inputs)
        champion = _served(door, inputs.get("endpoint"))
        job = training.run(door, _plan(inputs, champion))
        result = outcome.read(door, job)
        _demand_card(inputs, f"{name}: what job {job} made", has_card=result.has_card)
        door.say(f"{name}: the gate says: {result.verdict}, champion {result.champion}")
        registration.register_reference(door, name, lineage, job)
        stamp = incarnation.new()
        version = registration.register(door, inputs, result, stamp)
        door.say(f"{name}: version {version} registered")
        computed = {**_computed(door, inputs, version, job, result.metrics), "incarnation": stamp}
        return Made(f"{name}:{version}", {**computed, "origin": f"trained by job {job}"})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """Description and tags; the rest of a version can't change."""
        name, version = props["name"], str(props["version"])
        found = door.find(f"model {resource_id}", lambda: door.client.models.get(name, version))
        if found is None:
            return None
        tags = dict(found.tags or {})
        ours = registration.tags(props, str(props["job"]), props["metrics"])
        return {
            "description": found.description or "",
            "framework": tags.get("Framework", ""),
            "target_environment": tags.get("TargetEnvironment", ""),
            "tags": {
                key: value
                for key, value in tags.items()
                if key in props["tags"] or (key not in ours and key not in registration.KEPT)
            },
        }

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates description and tags."""
        name, version = news["name"], str(olds["version"])
        what = f"model {name}:{version}"
        found = door.do(what, lambda: door.client.models.get(name, version))
        before: Mapping[str, str] = found.tags or {}
        kept = {key: before[key] for key in registration.KEPT if key in before}
        if stamp := olds.get("incarnation"):
            kept[incarnation.TAG] = stamp
        found.description = news["description"]
        found.tags = {
            **registration.tags({**olds, **news}, str(olds["job"]), olds["metrics"]),
            **news["tags"],
            **kept,
        }
        door.do(what, lambda: door.client.models.create_or_update(found))
        return {}

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Archives the version and its reference data, unless they were taken up again since."""
        name, version = props["name"], str(props["version"])
        found = door.find(f"model {resource_id}", lambda: door.client.models.get(name, version))
        if incarnation.overtaken(door, f"model {resource_id}", found, props):
            return
        data, data_version = registration.reference(name, lineage_of(props))
        door.find(f"model {resource_id}", lambda: door.client.models.archive(name, version))
        door.find(f"data {data}", lambda: door.client.data.archive(data, data_version))


def _choose(door: Door | None, olds: Props, news: Props) -> tuple[str, str]:
    own, given, endpoint = news["lineage"], news.get("retraining"), news.get("endpoint")
    if door is None or not given:
        return own, ""  # without a workspace nothing was retrained
    retraining = Retraining(given["lineage"], given["parameters"], given["deployment"])
    try:
        choice = succession.choose(
            door, news["name"], own, retraining, str(endpoint) if known(endpoint) else None
        )
    except AzureMLError as error:
        lineage = retraining.lineage if olds.get("serving") == retraining.lineage else own
        return lineage, f"{news['name']}: whether a retrained version is there can't be told: {error}"
    return choice.lineage, choice.why


def _served(door: Door, endpoint: Any) -> str | None:
    """The model version (ARM id) of the deployment that gets most requests now; None where there is none."""
    if not known(endpoint):
        return None
    client = door.client
    found = door.find(f"endpoint {endpoint}", lambda: client.online_endpoints.get(endpoint))
    shares = live(found.traffic) if found is not None else {}
    if not shares:
        return None
    name = max(sorted(shares), key=lambda one: shares[one])
    what = f"deployment {endpoint}/{name}"
    deployment = door.find(what, lambda: client.online_deployments.get(name, endpoint))
    model = str(deployment.model) if deployment is not None else ""
    if outcome.model_name(model) is None:
        door.say(f"{what}: serves no registered model, so there is no champion to compare with")
        return None
    return model


def _demand_card(inputs: Props, what: str, *, has_card: bool) -> None:
    """Refuses a version without a model card in production, before it is registered or deployed."""
    if inputs["target_environment"] == _PRODUCTION and not has_card:
        raise AzureMLError(
            f"{what} has no model card, which {_PRODUCTION} needs: nobody could tell what it is good for; let the "
            f"pipeline write {outcome.CARD} beside the model, which makes another version"
        )


def _outlook(door: Door | None, news: Props) -> str:
    name, lineage = news["name"], lineage_of(news)
    will_train = (
        f"{name}: lineage {lineage[:12]} is not registered: `up` will train it "
        f"({Path(str(news['pipeline'])).name} on {news['data'] if known(news['data']) else 'its data'})"
    )
    if door is None:
        return will_train
    try:
        found = registration.find(door, name, lineage)
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


def _plan(inputs: Props, champion: str | None = None) -> training.Plan:
    lineage, retraining = lineage_of(inputs), inputs.get("retraining") or {}
    retrained = lineage != inputs["lineage"]
    return training.Plan(
        model=inputs["name"],
        lineage=lineage,
        pipeline=Path(inputs["pipeline"]),
        data=f"azureml:{inputs['data']}",
        environment=inputs["environment"],
        compute=inputs["compute"],
        parameters=retraining["parameters"] if retrained else inputs["parameters"],
        tags=training.tags(inputs, lineage),
        champion=champion,
    )


def _computed(door: Door, inputs: Props, version: str, job: str, metrics: Mapping[str, float]) -> Props:
    name = inputs["name"]
    asset, asset_version = registration.reference(name, lineage_of(inputs))
    return {
        "version": version,
        "model_id": door.arm_id("models", name, "versions", version),
        "job": job,
        "metrics": dict(metrics),
        "reference": f"azureml:{asset}:{asset_version}",
        "reference_id": door.arm_id("data", asset, "versions", asset_version),
        "incarnation": incarnation.new(),
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
    serving: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        name: str,
        lineage: str,
        retraining: Retraining | None = None,
        endpoint: pulumi.Input[str] | None = None,
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
        """``data`` is ``ASSET:VERSION``, ``environment`` is ``azureml:NAME:VERSION``, ``compute`` a cluster's name.

        ``lineage`` is that of ``model.yaml``; ``serving`` becomes it, or that of the ``retraining`` once there is one.
        ``endpoint`` is where the champion is looked for; it needn't exist yet.
        """
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "name": name,
            "lineage": lineage,
            "retraining": asdict(retraining) if retraining else None,
            "endpoint": endpoint,
            "serving": lineage,
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
