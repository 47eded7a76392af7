"""Serving: callers sign in, a model comes with its history and its checks, goes out in steps and is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Demand, Resource, ResourceRule, StackRule, at, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_COLLECTED = ("model_inputs", "model_outputs")


def _collects(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type != azure.ONLINE_DEPLOYMENT or at(resource.props, "collect") is UNKNOWN:
        return
    collected = at(resource.props, "collect") or []
    if not any(one is UNKNOWN for one in collected):
        missing = [one for one in _COLLECTED if one not in collected]
        if missing:
            yield f"it doesn't collect {' and '.join(missing)}"


def _watched(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Every online endpoint is what some enabled monitor watches."""
    monitors = [
        one for one in resources if one.type == azure.MONITOR and at(one.props, "enabled") is not False
    ]
    for endpoint in (one for one in resources if one.type == azure.ONLINE_ENDPOINT):
        name = at(endpoint.props, "name")
        if not any(
            endpoint.urn in one.uses.get("endpoint", frozenset())
            or at(one.props, "endpoint") is UNKNOWN
            or (name is not UNKNOWN and at(one.props, "endpoint") == name)
            for one in monitors
        ):
            yield endpoint, "no monitor watches it"


def _gradual(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """The first step is a small one, and errors end the rollout."""
    if resource.type != azure.TRAFFIC:
        return
    steps, errors = at(resource.props, "steps"), at(resource.props, "max_error_rate")
    first = steps[0] if isinstance(steps, list) and steps else None
    if steps is not UNKNOWN and first is not UNKNOWN and (first is None or first > settings["firstStep"]):
        yield f"its first step is {first or 100:g} % of the traffic; at most {settings['firstStep']:g} are allowed"
    if isinstance(errors, (int, float)) and errors > settings["errorRate"]:
        yield f"it goes on with {errors:.0%} errors; at most {settings['errorRate']:.0%} are allowed"


def _known(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type == azure.MODEL and not at(resource.props, "git_commit"):
        yield "nothing says which commit its code is of"


def _smoked(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type == azure.ONLINE_DEPLOYMENT and not at(resource.props, "smoke"):
        yield "no request tries it before it has traffic"


RULES = (
    rule_of(
        "endpoint-authentication",
        "Endpoint authentication",
        "serving",
        Demand(azure.ONLINE_ENDPOINT, "auth", ("aad_token", "aml_token")),
        Demand(azure.NATIVE_ONLINE_ENDPOINT, "properties.authMode", ("AADToken", "AMLToken")),
        controls=("IM-1",),
        reason="An endpoint's key is the same for all callers and never expires: whoever has it scores for ever, as nobody.",
        fix="Write `mlops:endpointAuth: aad_token`, or `endpoint: {auth: aad_token}` in model.yaml.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint",
    ),
    rule_of(
        "deployment-egress",
        "Deployments without a way out",
        "serving",
        Demand(azure.ONLINE_DEPLOYMENT, "public_egress", (False,)),
        Demand(azure.NATIVE_ONLINE_DEPLOYMENT, "properties.egressPublicNetworkAccess", ("Disabled",)),
        controls=("NS-2",),
        reason="A model's packages could send what they are asked to anybody.",
        fix="Write `mlops:network: {mode: private}`: deployments then reach the workspace's storage and registry only.",
        link="https://learn.microsoft.com/azure/machine-learning/concept-secure-online-endpoint",
    ),
    ResourceRule(
        name="collected-traffic",
        title="What is asked and answered is kept",
        category="serving",
        controls=("LT-3",),
        severity="medium",
        reason="Without requests and answers no monitor sees drift, and nobody can say why a decision was made.",
        fix="Leave `monitor:` in model.yaml: the deployment then collects model_inputs and model_outputs.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-collect-production-data",
        check=_collects,
    ),
    StackRule(
        name="monitored-endpoints",
        title="Endpoints have a monitor",
        category="serving",
        severity="medium",
        reason="A model gets worse without an error: the world changes, and it doesn't.",
        fix="Write `monitor:` in model.yaml.",
        link="https://learn.microsoft.com/azure/machine-learning/concept-model-monitoring",
        check=_watched,
    ),
    ResourceRule(
        name="gradual-rollouts",
        title="Rollouts in steps",
        category="serving",
        severity="medium",
        reason="A bad model that gets all of the traffic at once is everybody's.",
        fix="Write `rollout: {steps: [10, 50, 100], max_error_rate: 0.02}` in model.yaml.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints",
        settings={
            "firstStep": {"type": "number", "minimum": 1, "maximum": 100, "default": 25},
            "errorRate": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.05},
        },
        check=_gradual,
    ),
    ResourceRule(
        name="smoke-tests",
        title="Deployments are tried first",
        category="serving",
        controls=("DS-6",),
        severity="medium",
        reason="A model that can't answer is found by the first caller otherwise.",
        fix="Put a request and what it has to answer into the model's smoke test.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints",
        check=_smoked,
    ),
    ResourceRule(
        name="model-provenance",
        title="Models know their code",
        category="serving",
        controls=("DS-6",),
        severity="medium",
        reason="A model whose code nobody can find can't be explained, repaired or trained again.",
        fix="Run `pulumi up` in a clone of the repository: the commit is put on the model.",
        link="https://learn.microsoft.com/azure/machine-learning/concept-train-model-git-integration",
        check=_known,
    ),
)
