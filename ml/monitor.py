"""A model monitor: every day, the drift of what a deployment received against what its model was trained on.

In Azure ML it is a schedule (``MonitorSchedule``) with a data-drift signal. The reference is the data asset that was
registered with the model version; the production data is what the deployment's collector keeps of ``model_inputs``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi.dynamic

from ml.provider import Made, Props, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml.client import Door

#: What the signal watches, the end of its name.
SIGNAL = "data_drift"
#: Azure ML runs monitors on serverless Spark; the smallest machine it takes.
_SPARK = ("3.4", "standard_e4s_v3")


class MonitorProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | name | another schedule |
    | all others | updated: a new model version's deployment and reference data take the old ones' place |
    """

    replaces = frozenset({"name"})

    def make(self, door: Door, inputs: Props) -> Made:
        """Creates the schedule; one of that name is taken over."""
        _put(door, inputs)
        return Made(inputs["name"], {})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """What can be read back without doubt: hour, features, tags and whether it is switched on."""
        found: Any = door.find(f"monitor {resource_id}", lambda: door.client.schedules.get(resource_id))
        if found is None:
            return None
        signal = found.create_monitor.monitoring_signals.get(signal_name(resource_id))
        features = set(signal.features or ()) if signal is not None else set[str]()
        hours: Any = found.trigger.schedule.hours if found.trigger.schedule else None
        hour: Any = next(iter(hours), None) if isinstance(hours, list) else hours
        return {
            "enabled": bool(found.is_enabled),
            "hour": props["hour"] if hour is None else int(hour),
            "numeric": [name for name in props["numeric"] if name in features],
            "categorical": [name for name in props["categorical"] if name in features],
            "tags": dict(found.tags or {}),
        }

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates the schedule."""
        del olds
        _put(door, news)
        return {}

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Switches the schedule off (Azure deletes none that is on) and deletes it."""
        del props
        what = f"monitor {resource_id}"
        schedules = door.client.schedules
        found: Any = door.find(what, lambda: schedules.get(resource_id))
        if found is None:
            return
        if found.is_enabled:
            door.settle(
                what, lambda: schedules.begin_disable(resource_id), lambda: schedules.get(resource_id)
            )
        door.vanish(what, lambda: schedules.begin_delete(resource_id), lambda: schedules.get(resource_id))


def signal_name(monitor: str) -> str:
    """The signal's name in the schedule, its reports and events.

    It begins with the monitor's, as Azure's documentation asks for: events tell monitors apart by nothing else.
    """
    return f"{monitor}_{SIGNAL}"


def schedule(inputs: Mapping[str, Any]) -> Any:
    """The monitor as azure-ai-ml's entity."""
    from azure.ai.ml import Input  # noqa: PLC0415
    from azure.ai.ml.constants import MonitorDatasetContext, MonitorTargetTasks  # noqa: PLC0415
    from azure.ai.ml.entities import (  # noqa: PLC0415
        CategoricalDriftMetrics,
        DataDriftMetricThreshold,
        DataDriftSignal,
        MonitorDefinition,
        MonitoringTarget,
        MonitorSchedule,
        NumericalDriftMetrics,
        RecurrencePattern,
        RecurrenceTrigger,
        ReferenceData,
        ServerlessSparkCompute,
    )

    numeric, categorical = inputs["numeric"], inputs["categorical"]
    types = dict.fromkeys(numeric, "numerical") | dict.fromkeys(categorical, "categorical")
    signal = DataDriftSignal(
        # Without production data it is what the target's collector keeps of model_inputs, of one period.
        reference_data=ReferenceData(
            input_data=Input(type="uri_folder", path=inputs["reference"]),
            data_context=MonitorDatasetContext.TRAINING,
        ),
        features=[*numeric, *categorical],
        feature_type_override=types,
        metric_thresholds=DataDriftMetricThreshold(
            numerical=NumericalDriftMetrics(normalized_wasserstein_distance=inputs["normalized_wasserstein"]),
            categorical=CategoricalDriftMetrics(jensen_shannon_distance=inputs["jensen_shannon"]),
        ),
        alert_enabled=True,
    )
    runtime, instance = _SPARK
    monitor = MonitorSchedule(
        name=inputs["name"],
        display_name=inputs["name"],
        description=inputs["description"],
        tags=dict(inputs["tags"]),
        trigger=RecurrenceTrigger(
            frequency="day", interval=1, schedule=RecurrencePattern(hours=int(inputs["hour"]), minutes=0)
        ),
        create_monitor=MonitorDefinition(
            compute=ServerlessSparkCompute(runtime_version=runtime, instance_type=instance),
            monitoring_target=MonitoringTarget(
                ml_task=MonitorTargetTasks.CLASSIFICATION,
                endpoint_deployment_id=f"azureml:{inputs['endpoint']}:{inputs['deployment']}",
            ),
            monitoring_signals={signal_name(inputs["name"]): signal},
            alert_notification="azmonitoring",
        ),
    )
    monitor._is_enabled = bool(inputs["enabled"])  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no setter
    return monitor


def _put(door: Door, inputs: Props) -> None:
    name = inputs["name"]
    schedules = door.client.schedules
    # A new entity for each try: sending one resolves its references in place.
    door.settle(
        f"monitor {name}",
        lambda: schedules.begin_create_or_update(schedule(inputs)),
        lambda: schedules.get(name),
    )


class Monitor(pulumi.dynamic.Resource, module="ml", name="Monitor"):
    """A model monitor."""

    name: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        name: pulumi.Input[str],
        endpoint: pulumi.Input[str],
        deployment: pulumi.Input[str],
        reference: pulumi.Input[str],
        hour: int,
        numeric: Sequence[str],
        categorical: Sequence[str],
        normalized_wasserstein: float,
        jensen_shannon: float,
        description: str,
        tags: Mapping[str, str],
        enabled: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``reference`` is ``azureml:ASSET:VERSION``, ``hour`` of the day in UTC."""
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "name": name,
            "endpoint": endpoint,
            "deployment": deployment,
            "reference": reference,
            "hour": hour,
            "numeric": list(numeric),
            "categorical": list(categorical),
            "normalized_wasserstein": normalized_wasserstein,
            "jensen_shannon": jensen_shannon,
            "description": description,
            "tags": dict(tags),
            "enabled": enabled,
        }
        super().__init__(MonitorProvider(), resource_name, props, opts)
