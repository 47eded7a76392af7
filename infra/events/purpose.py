"""What the platform subscribes to its workspace's events for. Pure.

A subscription's filters must all match, so every purpose has subscriptions of its own.

Source: Microsoft Learn, "Azure Machine Learning as an Event Grid source"; "Monitor performance of models deployed to
production" (the tag of a breach).
"""

from __future__ import annotations

from dataclasses import dataclass

_PREFIX = "Microsoft.MachineLearningServices"
#: The tag of a monitor's run, and what is in it where thresholds were exceeded.
BREACH_TAG = "azureml_modelmonitor_threshold_breached"
BREACH_TEXT = "has failed due to one or more features violating metric thresholds"


@dataclass(frozen=True)
class Filter:
    """A condition on an event: an operator of Event Grid, what it looks at, and with what it compares."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Purpose:
    """What one kind of subscription is for."""

    key: str  #: in the stack's YAML
    events: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    #: what a repository's workflows listen for (``on: repository_dispatch``)
    dispatch: str = ""
    #: what a start is told of the event: name → keys of the event's data, which vary in case
    told: tuple[tuple[str, tuple[str, str]], ...] = ()

    @property
    def event_types(self) -> list[str]:
        """As Event Grid names them."""
        return [f"{_PREFIX}.{event}" for event in self.events]


MODEL_REGISTERED = Purpose(
    "modelRegistered",
    ("ModelRegistered",),
    dispatch="model-registered",
    told=(("model", ("ModelName", "modelName")), ("version", ("ModelVersion", "modelVersion"))),
)
MODEL_CHANGED = Purpose("modelChanged", ("ModelRegistered", "ModelDeployed"))
MONITOR_BREACHED = Purpose(
    "monitorBreached",
    ("RunStatusChanged",),
    (Filter("StringContains", f"data.RunTags.{BREACH_TAG}", (BREACH_TEXT,)),),
)
RUN_FAILED = Purpose(
    "runFailed",
    ("RunStatusChanged",),
    (Filter("StringIn", "data.RunStatus", ("Failed",)),),
    dispatch="run-failed",
    told=(("run", ("RunId", "runId")), ("experiment", ("ExperimentName", "experimentName"))),
)
