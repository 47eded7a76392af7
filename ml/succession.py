"""Which lineage a model serves: that of its ``model.yaml``, or that of its retraining once that has come to something.

A retrained version takes over at the next ``up``, with no edit: when a retraining job has completed (its gate has passed
the model then), or a version of it is registered. It doesn't when its rollout has failed: the endpoint remembers that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml import progress, resource_manager, training
from ml.rollout import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door

_API = "2024-10-01"


@dataclass(frozen=True)
class Retraining:
    """What a retraining makes: its lineage, the parameters of that, and what its deployment would be called."""

    lineage: str
    parameters: Mapping[str, Any]
    deployment: str


@dataclass(frozen=True)
class Choice:
    """The lineage to serve, and why if it isn't the model's own or if it was passed over."""

    lineage: str
    why: str = ""


def choose(door: Door, model: str, own: str, retraining: Retraining, endpoint: str | None) -> Choice:
    """The lineage to serve now. Reads only, and without azure-ai-ml: every preview asks.

    Raises:
        AzureMLError: it can't be told.
    """
    short = retraining.lineage[:12]
    attempt = training.latest(door, model, retraining.lineage)
    if attempt.phase is training.Phase.COMPLETED:
        why = f"{model}: retraining job {attempt.job} has passed its gate: `up` will serve lineage {short}"
    elif version := _registered(door, model, retraining.lineage):
        why = f"{model}: version {version} is a retrained one: `up` will serve lineage {short}"
    else:
        return Choice(own)
    failed = progress.of(door, endpoint) if endpoint else None
    if (
        failed is not None
        and failed.phase in (Phase.ROLLING_BACK, Phase.FAILED)
        and failed.candidate == retraining.deployment
    ):
        return Choice(
            own, f"{model}: the rollout of retrained lineage {short} failed: `up` will serve {own[:12]}"
        )
    return Choice(retraining.lineage, why)


def _registered(door: Door, model: str, lineage: str) -> str | None:
    """The version with this lineage that isn't archived."""
    path = door.arm_id("models", model, "versions")
    query = {"listViewType": "ActiveOnly"}
    found: Any = door.find(
        f"model {model}", lambda: resource_manager.request("GET", path, api_version=_API, query=query)
    )
    for one in (found or {}).get("value") or ():
        if ((one.get("properties") or {}).get("tags") or {}).get(training.LINEAGE) == lineage:
            return str(one["name"])
    return None
